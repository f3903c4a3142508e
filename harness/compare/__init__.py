# SPDX-License-Identifier: Apache-2.0
"""Two runs against each other: what the guests did, and how long it took them."""

from harness.compare.difference import Difference, compare

__all__ = ["Difference", "compare"]
