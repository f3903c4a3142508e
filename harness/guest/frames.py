# SPDX-License-Identifier: Apache-2.0
"""The frames of `wskctl serve` as bytes: guest_driver/include/wsktest_abi.h, with their checksums.

Arriving bytes are not trusted, and a serial port may lose some without a word:
each kind of damaged frame has its own error.
"""

import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from harness.core.abi import abi, enumeration, packed
from harness.core.errors import ChannelLost
from harness.core.printable import printable

FrameKind = enumeration("wsktest_frame_kind")

HEADER_BYTES: int = len(abi.wsktest_frame)
_CHUNK_BYTES = 65536
_CHECKSUM_BYTES = 4  # the header's last field


@dataclass(frozen=True)
class ControlFrame:
    """A whole frame; its checksum was right."""

    kind: int
    request: int
    status: int
    payload: bytes


def encode(kind: int, request: int, payload: bytes, status: int = 0) -> bytes:
    """A frame with its checksum."""
    header = abi.wsktest_frame(
        magic=abi.WSKTEST_FRAME_MAGIC,
        version=abi.WSKTEST_FRAME_VERSION,
        kind=kind,
        request=request,
        status=status,
        length=len(payload),
    )
    header.checksum = _checksum(packed(header), payload)
    return packed(header) + payload


class FrameReader:
    """Takes frames from `read`, which returns at most so many bytes, and none at the end of the stream."""

    def __init__(self, read: Callable[[int], bytes]) -> None:
        self._read = read
        self._buffer = bytearray()
        self._wanted = HEADER_BYTES
        self.heard = time.monotonic()  # when bytes came last

    @property
    def missing(self) -> str:
        """Describes a frame that has begun and is not whole yet; empty between frames."""
        got = len(self._buffer)
        return f"only {got} of a frame's {self._wanted} bytes came" if 0 < got < self._wanted else ""

    def header(self) -> Any:
        """The next frame's header, as soon as it is there. Raises ChannelLost for anything else."""
        self._wanted = HEADER_BYTES
        self._fill()
        header = abi.wsktest_frame(bytes(self._buffer[:HEADER_BYTES]))
        if header.magic != abi.WSKTEST_FRAME_MAGIC:
            raise ChannelLost(f"what wskctl sends is no frame (it begins with {int(header.magic):#010x})")
        if header.version != abi.WSKTEST_FRAME_VERSION:
            raise ChannelLost(
                f"wskctl sends frames of version {header.version}, not {abi.WSKTEST_FRAME_VERSION}; "
                "install the driver again"
            )
        if header.length > abi.WSKTEST_MAX_FRAME:
            raise ChannelLost(f"wskctl announces a frame of {header.length} bytes, more than there may be")
        return header

    def body(self, header: Any) -> ControlFrame:
        """The frame of that header, when it is whole. Raises ChannelLost when bytes were lost or damaged."""
        self._wanted = HEADER_BYTES + header.length
        self._fill()
        whole, payload = bytes(self._buffer[:HEADER_BYTES]), bytes(self._buffer[HEADER_BYTES : self._wanted])
        del self._buffer[: self._wanted]
        if _checksum(whole, payload) != header.checksum:
            raise ChannelLost(
                f"bytes were lost or damaged on the way from wskctl: the checksum of a frame of "
                f"{header.length} bytes is wrong"
            )
        if header.kind == FrameKind.BROKEN:
            raise ChannelLost(f"wskctl gave up: {printable(payload.decode(errors='replace'))}")
        return ControlFrame(int(header.kind), int(header.request), int(header.status), payload)

    def _fill(self) -> None:
        while len(self._buffer) < self._wanted:
            chunk = self._read(_CHUNK_BYTES)
            if not chunk:
                lost = f": {self.missing}" if self.missing else ""
                raise ChannelLost(f"wskctl serve ended{lost}; see the guest's serial log")
            self._buffer += chunk
            self.heard = time.monotonic()


def _checksum(header: bytes, payload: bytes) -> int:
    """CRC-32 of the header, with a checksum of zero, and the payload."""
    return zlib.crc32(payload, zlib.crc32(header[:-_CHECKSUM_BYTES] + bytes(_CHECKSUM_BYTES)))
