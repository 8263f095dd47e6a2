# SPDX-License-Identifier: Apache-2.0
"""What all converters of benchmark corpora are made of.

Archives give annotated documents; tagging and marking make examples of them;
quality and the report say what came of it. A rule that changes or drops
something counts it.
"""
