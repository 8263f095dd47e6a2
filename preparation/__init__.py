# SPDX-License-Identifier: Apache-2.0
"""What all converters of benchmark corpora are made of; no TensorFlow.

Readers of files and formats (archives, pubtator, bioc, brat) give annotated
documents; tagging and marking make examples of them; quality and tallies say
what came of it. Nothing is lost in silence: a rule that changes or drops
something counts it.
"""
