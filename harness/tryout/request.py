# SPDX-License-Identifier: Apache-2.0
"""The request for a try: driver, peer, controls and program, checked before a guest is started."""

import ipaddress
import math
import re
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from harness.core.errors import UsageError
from harness.tryout.driver_file import DriverFile

PEER_WORD = "{peer}"  # in the input of an ioctl: the peer's SOCKADDR_IN
_AF_INET = 2
_MOST_OUTPUT = 1 << 20
_METHOD, _METHOD_NEITHER = 3, 3  # the low bits of a code
_USAGE = "an ioctl is DEVICE:CODE[:INPUT[:OUTPUT-SIZE]], as Echo:0x222000:00112233:16"


@dataclass(frozen=True)
class Ioctl:
    """A control, buffered or direct. `data`: hexadecimal digits, with `{peer}` where its SOCKADDR_IN goes."""

    device: str
    code: int
    data: str = ""
    output_size: int = 0

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises UsageError."""
        device, *rest = text.split(":")
        data, size = [*rest[1:], "", ""][:2]
        try:
            code, output_size = int(rest[0], 0), int(size or "0", 0)
        except (IndexError, ValueError):
            raise UsageError(f"{text!r}: {_USAGE}") from None
        wrong = (
            len(rest) > 3
            or not re.fullmatch(r"[\w.-]{1,60}", device)
            or not 0 <= code < 1 << 32
            or not 0 <= output_size <= _MOST_OUTPUT
            or not re.fullmatch(r"([0-9A-Fa-f]{2})*", data.replace(PEER_WORD, ""))
        )
        if wrong:
            raise UsageError(f"{text!r}: {_USAGE}")
        if code & _METHOD == _METHOD_NEITHER:
            raise UsageError(
                f"{text!r} is METHOD_NEITHER; a driver cannot reach a program's memory in the reference guest"
            )
        return cls(device, code, data, output_size)

    def command(self, peer: tuple[str, int]) -> str:
        """That sends it, in the guest."""
        data = self.data.replace(PEER_WORD, sockaddr_in(*peer).hex()) or "-"
        return f"ntdriver ioctl {self.device} 0x{self.code:x} {data} {self.output_size}"

    def __str__(self) -> str:
        return f"ioctl 0x{self.code:X} of {self.device}"


def sockaddr_in(host: str, port: int) -> bytes:
    """As Windows has it: 16 bytes."""
    return (
        struct.pack("<H", _AF_INET) + struct.pack(">H", port) + ipaddress.IPv4Address(host).packed + bytes(8)
    )


@dataclass(frozen=True)
class TryoutRequest:
    """One try of a driver."""

    driver: DriverFile
    seconds: float
    ioctls: tuple[Ioctl, ...] = ()
    program: Path | None = None
    peer: str | None = None  # of harness.tryout.peers
    peer_port: int = 0
    connect_to: int | None = None  # the guest's port that the peer connects to, instead of listening
    special_pool: bool = False
    unload_limit: float = 20.0  # s

    def __post_init__(self) -> None:
        if not math.isfinite(self.seconds):
            raise UsageError("--seconds wants a number of seconds")
        if self.peer is None and any(PEER_WORD in one.data for one in self.ioctls):
            raise UsageError(f"{PEER_WORD} in an --ioctl wants a --peer")
