# SPDX-License-Identifier: Apache-2.0
"""The toolbox of the converters.

`archives` finds the files of a corpus; `tagging` and `marking` turn annotated
documents into examples; `splits` and `folds` divide them; `writers` formats
them; `corpus` has the contract and the report. Every rule that changes or
drops something counts how often.
"""
