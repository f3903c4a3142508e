# SPDX-License-Identifier: Apache-2.0
"""Bytes that were sent or received, as tests compare them."""

_SHOWN = 24  # bytes


class Content(bytes):
    """Bytes whose difference from others is told in a line.

    pytest explains how two iterables differ by comparing them line by line, which
    takes minutes for some KiB of bytes; of these it names the first difference only.
    """

    __iter__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        if len(self) <= _SHOWN:
            return super().__repr__()
        return f"<{len(self)} bytes: {self[:_SHOWN].hex()}...>"
