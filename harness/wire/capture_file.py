# SPDX-License-Identifier: Apache-2.0
"""Frames out of pcap and pcapng files of any program, one after the other.

The whole file is never held: what is needed is one frame at a time. Formats:
draft-ietf-opsawg-pcap, draft-ietf-opsawg-pcapng. The libraries that we know
keep the first interface only, round the stamps, or take ten times as long.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from harness.core.errors import EvidenceLost, UsageError
from harness.core.units import s

# Link type, ns since 1970 or None where the file has no stamp, and the bytes that were kept.
Frame = tuple[int, int | None, bytes]

MOST_FRAME = 256 * 1024  # bytes, as in Wireshark
_MOST_BLOCK = MOST_FRAME + 256 * 1024  # with its options

_PCAP = {
    b"\xa1\xb2\xc3\xd4": (">", 1000),
    b"\xd4\xc3\xb2\xa1": ("<", 1000),
    b"\xa1\xb2\x3c\x4d": (">", 1),
    b"\x4d\x3c\xb2\xa1": ("<", 1),
}
_GZIP = b"\x1f\x8b"
_LINK_TYPE = 0x03FFFFFF  # the bits above say how long a frame check sequence is

_SECTION = 0x0A0D0D0A
_INTERFACE, _OLD_PACKET, _SIMPLE_PACKET, _PACKET = 1, 2, 3, 6
_ORDERS = {b"\x1a\x2b\x3c\x4d": ">", b"\x4d\x3c\x2b\x1a": "<"}
_END_OF_OPTIONS, _TIME_RESOLUTION, _TIME_OFFSET = 0, 9, 14
_POWER_OF_TWO = 0x80
_MICROSECONDS = 10**6


def frames(file: BinaryIO) -> Iterator[Frame]:
    """UsageError when the file is no capture; EvidenceLost where it ends too early or is damaged."""
    magic = file.read(4)
    if magic in _PCAP:
        yield from _pcap(file, *_PCAP[magic])
    elif magic == _SECTION.to_bytes(4, "big"):
        yield from _Pcapng(file).frames()
    elif magic.startswith(_GZIP):
        raise UsageError("the capture is compressed; decompress it first: gunzip FILE")
    else:
        raise UsageError("this is neither pcap nor pcapng; `editcap FILE new.pcapng` converts many formats")


def _pcap(file: BinaryIO, order: str, unit: int) -> Iterator[Frame]:
    header = file.read(20)
    if len(header) < 20:
        raise EvidenceLost("the capture ends within its header")
    major, *_, network = struct.unpack(order + "HHiIII", header)
    if major != 2:
        raise UsageError(f"the capture has version {major} of the pcap format; only version 2 is known")
    link = network & _LINK_TYPE
    read, unpack = file.read, struct.Struct(order + "IIII").unpack
    number = 0
    while head := read(16):
        number += 1
        if len(head) < 16:
            raise _ends_within(number)
        second, fraction, size, _ = unpack(head)
        if size > MOST_FRAME:
            raise EvidenceLost(f"the capture is damaged: its packet {number} has {size} bytes")
        data = read(size)
        if len(data) < size:
            raise _ends_within(number)
        yield link, second * s + fraction * unit, data


def _ends_within(number: int) -> EvidenceLost:
    return EvidenceLost(f"the capture ends within its packet {number}")


@dataclass(frozen=True)
class _Interface:
    link: int
    snaplen: int
    units: int = _MICROSECONDS  # in a second
    offset: int = 0  # s

    def time_ns(self, high: int, low: int) -> int:
        return (high << 32 | low) * s // self.units + self.offset * s


class _Pcapng:
    """A file of blocks, from just behind the first four bytes."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._order = "<"
        self._interfaces: list[_Interface] = []
        self._block = 0

    def frames(self) -> Iterator[Frame]:
        self._section()
        while head := self._file.read(4):
            self._block += 1
            if len(head) < 4:
                raise self._ends()
            if head == _SECTION.to_bytes(4, "big"):
                self._section()
                continue
            kind, size = self._unpack("II", head + self._read(4))
            if kind not in (_INTERFACE, _OLD_PACKET, _SIMPLE_PACKET, _PACKET):
                self._skip(size)
                continue
            body = self._body(size)
            if kind == _PACKET:
                yield self._frame(body, *self._unpack("IIIII", body))
            elif kind == _OLD_PACKET:
                interface, _, *rest = self._unpack("HHIIII", body)
                yield self._frame(body, interface, *rest)
            elif kind == _SIMPLE_PACKET:
                yield self._simple(body)
            else:
                self._interfaces.append(self._interface(body))

    def _section(self) -> None:
        size, magic = self._read(4), self._read(4)
        if magic not in _ORDERS:
            raise self._damaged("it has no byte order")
        self._order = _ORDERS[magic]
        self._interfaces = []
        version = self._read(4)
        if self._unpack("HH", version)[0] != 1:
            raise UsageError("the capture has a version of the pcapng format that is not known")
        self._skip(self._unpack("I", size)[0], seen=16)

    def _frame(self, body: bytes, number: int, high: int, low: int, size: int, _: int) -> Frame:
        interface = self._known(number)
        if size > len(body) - 20:
            raise self._damaged("it has fewer bytes than it says")
        return interface.link, interface.time_ns(high, low), body[20 : 20 + size]

    def _simple(self, body: bytes) -> Frame:
        interface = self._known(0)
        size = min(self._unpack("I", body)[0], interface.snaplen or MOST_FRAME, len(body) - 4)
        return interface.link, None, body[4 : 4 + size]

    def _known(self, number: int) -> _Interface:
        if number >= len(self._interfaces):
            raise self._damaged(f"there is no interface {number}")
        return self._interfaces[number]

    def _interface(self, body: bytes) -> _Interface:
        link, _, snaplen = self._unpack("HHI", body)
        units, offset = _MICROSECONDS, 0
        for code, value in self._options(body[8:]):
            if code == _TIME_RESOLUTION and value:
                exponent = value[0] & ~_POWER_OF_TWO
                units = 2**exponent if value[0] & _POWER_OF_TWO else 10**exponent
            elif code == _TIME_OFFSET and len(value) == 8:
                (offset,) = self._unpack("q", value)
        return _Interface(link, snaplen, units, offset)

    def _options(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        place = 0
        while place + 4 <= len(data):
            code, size = self._unpack("HH", data[place:])
            if code == _END_OF_OPTIONS:
                return
            yield code, data[place + 4 : place + 4 + size]
            place += 4 + (size + 3) // 4 * 4

    def _body(self, size: int) -> bytes:
        if size < 12 or size % 4 or size > _MOST_BLOCK:
            raise self._damaged(f"it has {size} bytes")
        block = self._read(size - 8)
        if self._unpack("I", block[-4:])[0] != size:
            raise self._damaged("its two lengths differ")
        return block[:-4]

    def _skip(self, size: int, seen: int = 8) -> None:
        """The rest of a block that is not needed, whatever its size."""
        if size < seen + 4 or size % 4:
            raise self._damaged(f"it has {size} bytes")
        left = size - seen
        while left:
            left -= len(self._read(min(left, MOST_FRAME)))

    def _read(self, size: int) -> bytes:
        data = self._file.read(size)
        if len(data) < size:
            raise self._ends()
        return data

    def _unpack(self, layout: str, data: bytes) -> tuple[int, ...]:
        try:
            return struct.unpack_from(self._order + layout, data)
        except struct.error:
            raise self._damaged("it is too short") from None

    def _ends(self) -> EvidenceLost:
        return EvidenceLost(f"the capture ends within its block {self._block + 1}")

    def _damaged(self, why: str) -> EvidenceLost:
        return EvidenceLost(f"the capture is damaged at its block {self._block + 1}: {why}")
