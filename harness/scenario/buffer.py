# SPDX-License-Identifier: Apache-2.0
"""The memory behind a WSK_BUF: bytes, and the MDL chain that holds them."""

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
    """A WSK_BUF over a chain of MDLs: `mdls` equal ones, or one of each of `sizes`, which may be empty.

    The buffer's `length` bytes are `data`, repeated to fill it. They begin
    `offset` bytes into the first MDL (WSK_BUF.Offset), and at least `slack`
    bytes of the chain follow them, so that WSK_BUF.Length is less than the
    chain; of MDLs with sizes the slack is what they leave. A buffer to receive into has a length and no data.
    """

    data: bytes
    length: int = OWN_LENGTH
    mdls: int = 1
    offset: int = 0
    slack: int = 0
    excess: int = 0  # dangerous: WSK_BUF.Length says so many bytes more than there are
    sizes: tuple[int, ...] = ()  # bytes of each MDL, instead of `mdls` and `slack`

    def __post_init__(self) -> None:
        if self.length == OWN_LENGTH:
            object.__setattr__(self, "length", len(self.data))
        if self.sizes:
            object.__setattr__(self, "mdls", len(self.sizes))
            object.__setattr__(self, "slack", sum(self.sizes) - self.offset - self.length)
        if not 1 <= self.mdls <= abi.WSKTEST_MAX_MDLS:
            raise UsageError(f"a WSK_BUF has 1 to {abi.WSKTEST_MAX_MDLS} MDLs here, not {self.mdls}")
        if self.sizes and self.slack < 0:
            raise UsageError(f"MDLs of {sum(self.sizes)} bytes do not hold {self.offset + self.length}")
        if min(self.length, self.slack, self.offset, self.excess, *self.sizes) < 0:
            raise UsageError("a WSK_BUF has no negative length, offset, slack or MDL")
        if self.offset and self.offset >= self.mdl_sizes[0]:
            raise UsageError(
                f"offset {self.offset} is not inside the first MDL of {self.mdl_sizes[0]} bytes; "
                "use fewer MDLs or more slack"
            )
        if self.chain_bytes > abi.WSKTEST_MAX_BUFFER:
            raise UsageError(
                f"a WSK_BUF holds at most {abi.WSKTEST_MAX_BUFFER} bytes here, not {self.chain_bytes}"
            )

    @property
    def mdl_bytes(self) -> int:
        """Size of each MDL of a chain of equal ones; 0 when each has a size of its own."""
        return 0 if self.sizes else max(1, -(-(self.offset + self.length + self.slack) // self.mdls))

    @property
    def mdl_sizes(self) -> tuple[int, ...]:
        """Size of each MDL."""
        return self.sizes or (self.mdl_bytes,) * self.mdls

    @property
    def chain_bytes(self) -> int:
        """Size of all MDLs together."""
        return sum(self.mdl_sizes)

    @property
    def contents(self) -> Content:
        """The bytes that the buffer describes."""
        repeats = self.length // len(self.data) + 1 if self.data else 0
        return Content((self.data * repeats)[: self.length])
