# SPDX-License-Identifier: Apache-2.0
"""What stands behind a WSK_BUF: bytes, and the MDL chain that holds them."""

import random
from dataclasses import dataclass

from harness.core.abi import abi
from harness.core.content import Content
from harness.core.errors import UsageError

# A prime, so that a segment that is lost, repeated or out of place shows.
_PATTERN_PERIOD = 4093

OWN_LENGTH = -1  # the length of a buffer is that of its data


def pattern(size: int, seed: int = 0) -> bytes:
    """`size` bytes, at most one period, that look random and are the same every time."""
    return random.Random(seed).randbytes(min(size, _PATTERN_PERIOD))


@dataclass(frozen=True)
class Buffer:
    """A WSK_BUF over a chain of equal MDLs.

    The buffer's `length` bytes are `data`, repeated to fill it. They begin
    `offset` bytes into the first MDL (WSK_BUF.Offset), and at least `slack`
    bytes of the chain follow them, so that WSK_BUF.Length is less than the
    chain. A buffer to receive into has a length and no data.
    """

    data: bytes
    length: int = OWN_LENGTH
    mdls: int = 1
    offset: int = 0
    slack: int = 0
    excess: int = 0  # dangerous: WSK_BUF.Length says so many bytes more than there are

    def __post_init__(self) -> None:
        if self.length == OWN_LENGTH:
            object.__setattr__(self, "length", len(self.data))
        if not 1 <= self.mdls <= abi.WSKTEST_MAX_MDLS:
            raise UsageError(f"a WSK_BUF has 1 to {abi.WSKTEST_MAX_MDLS} MDLs here, not {self.mdls}")
        if min(self.length, self.slack, self.offset, self.excess) < 0:
            raise UsageError("a WSK_BUF has no negative length, offset or slack")
        if self.offset >= self.mdl_bytes:
            raise UsageError(
                f"offset {self.offset} is not inside the first MDL of {self.mdl_bytes} bytes; "
                "use fewer MDLs or more slack"
            )
        if self.chain_bytes > abi.WSKTEST_MAX_BUFFER:
            raise UsageError(
                f"a WSK_BUF holds at most {abi.WSKTEST_MAX_BUFFER} bytes here, not {self.chain_bytes}"
            )

    @property
    def mdl_bytes(self) -> int:
        """Size of each MDL of the chain."""
        return max(1, -(-(self.offset + self.length + self.slack) // self.mdls))

    @property
    def chain_bytes(self) -> int:
        """Size of all MDLs together."""
        return self.mdls * self.mdl_bytes

    @property
    def contents(self) -> Content:
        """The bytes that the buffer describes."""
        repeats = self.length // len(self.data) + 1 if self.data else 0
        return Content((self.data * repeats)[: self.length])
