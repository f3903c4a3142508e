# SPDX-License-Identifier: Apache-2.0
"""One TCP connection as the peer sees it, and what it saw."""

import time
from abc import ABC, abstractmethod
from typing import Literal

Ended = Literal["open", "eof", "reset"]


class Connection(ABC):
    """The guest's bytes, and the state of its direction: 'open', or ended by 'eof' (FIN) or 'reset' (RST).

    Times are CLOCK_REALTIME in ns, the clock of the capture. A time of
    something the peer does is taken before it does it, a time of something it
    notices after, so that neither is ever on the wrong side of the packets.
    """

    def __init__(self, guest: tuple[str, int]) -> None:
        self.guest = guest
        self.accepted_ns = time.time_ns()
        self.ended_ns: int | None = None
        self.shut_ns: int | None = None  # the peer ended its own direction
        self.ended: Ended = "open"
        self.error: str | None = None  # name of the errno that ended it

    @property
    @abstractmethod
    def received(self) -> bytes:
        """The bytes of the guest's that were read so far."""

    @abstractmethod
    async def read(self, size: int) -> None:
        """Reads until `size` bytes more are received, or the guest's direction ended."""

    @abstractmethod
    async def read_to_end(self) -> None:
        """Reads until the guest's direction ended."""

    @abstractmethod
    async def send(self, data: bytes) -> None:
        """Data to the guest; a reset while it is sent is recorded, not raised."""

    @abstractmethod
    async def hold(self, duration: int) -> None:
        """Does nothing for `duration` ns, but notices a reset at once."""

    @abstractmethod
    def finish_sending(self) -> None:
        """Our FIN."""

    @abstractmethod
    def reset(self) -> None:
        """Our RST, and the end of the connection."""

    @abstractmethod
    def close(self) -> None:
        """The end of the connection, with a FIN when nothing else has ended it; again is harmless."""

    def _end(self, how: Ended, error: str | None = None) -> None:
        self.ended = how
        self.ended_ns = time.time_ns()
        self.error = error or self.error

    def __repr__(self) -> str:
        reason = f", {self.error}" if self.error else ""
        state = f"{self.ended}{reason}, {len(self.received)} bytes"
        return f"connection from {self.guest[0]}:{self.guest[1]} ({state})"
