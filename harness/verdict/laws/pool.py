# SPDX-License-Identifier: Apache-2.0
"""The law of leaks, which is judged for batches: nothing grows with the number of scenarios."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

from harness.verdict.laws.law import Violation

ROUNDS = 4  # of growth, one a batch: caches fill once, and the end of a connection may take its time


def leaks(readings: Sequence[Mapping[str, str]]) -> list[Violation]:
    """Tags of the guest's pool that grew from each of the last batches to the next.

    `readings` are what `lab.pool()` gave behind each batch, by tag: blocks, bytes.
    """
    last = readings[-(ROUNDS + 1) :]
    if len(last) <= ROUNDS:
        return []
    found = []
    for tag in sorted(set().union(*last)):
        blocks = [_blocks(reading.get(tag, "")) for reading in last]
        if all(second > first for first, second in pairwise(blocks)):
            told = ", ".join(map(str, blocks))
            found.append(Violation("C-16", f"{tag} grows with every batch of scenarios: {told} blocks"))
    return found


def _blocks(reading: str) -> int:
    first = reading.split()[:1]
    return int(first[0]) if first and first[0].isdigit() else 0
