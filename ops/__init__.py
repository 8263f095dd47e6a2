# SPDX-License-Identifier: Apache-2.0
"""Operations that modeling and optimization are built from."""
