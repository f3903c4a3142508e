# SPDX-License-Identifier: Apache-2.0
"""Readings of a guest's pool: by tag, how many blocks there are and of how many bytes, as `"4 4448"`."""

from collections.abc import Mapping


def grown(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    """The tags of which there are more blocks or bytes than before."""
    return [
        tag
        for tag, reading in after.items()
        if any(new > old for old, new in zip(_numbers(before.get(tag, "")), _numbers(reading), strict=True))
    ]


def _numbers(reading: str) -> tuple[int, int]:
    """Blocks and bytes; 0 where the guest says nothing that can be read."""
    blocks, size, *_ = (*(int(word) for word in reading.split() if word.isdigit()), 0, 0)
    return blocks, size
