# SPDX-License-Identifier: Apache-2.0
"""pcapng files, read and written block by block (draft-ietf-opsawg-pcapng).

Our own, for both: the libraries that we know keep the first interface only,
round the stamps, or take ten times as long.
"""

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO, NamedTuple

from harness.core.errors import EvidenceLost, UsageError
from harness.core.units import MiB, s

MOST_FRAME = 256 * 1024  # bytes, as in Wireshark
_MOST_READ_BLOCK = MOST_FRAME + 256 * 1024  # with its options
_MOST_INTERFACES = 65_536  # of a section
_LONGEST_NAME = 200  # bytes of it that are kept
_MOST_BLOCK = 16 * MiB  # as in Wireshark: a longer one is damage

SECTION = b"\x0a\x0d\x0d\x0a"  # how every file begins, in both byte orders
_SECTION = int.from_bytes(SECTION, "big")
_INTERFACE, _OLD_PACKET, _SIMPLE_PACKET, _STATISTICS, _PACKET = 1, 2, 3, 5, 6
_MAGIC = 0x1A2B3C4D
_ORDERS = {b"\x1a\x2b\x3c\x4d": ">", b"\x4d\x3c\x2b\x1a": "<"}
# Options by the block that has them.
_END_OF_OPTIONS = 0
_COMMENT, _PROGRAM = 1, 4
_NAME, _TIME_RESOLUTION, _TIME_OFFSET = 2, 9, 14
_FLAGS, _PACKET_ID = 2, 5
_RECEIVED, _DROPPED, _ACCEPTED = 4, 5, 6
_POWER_OF_TWO = 0x80
_MICROSECONDS = 10**6
_NANOSECONDS = b"\x09"  # 10^-9 s

INBOUND, OUTBOUND = 1, 2  # flags of a packet, as seen from the host


class Interface(NamedTuple):
    """Where frames were captured: a network interface, or a component of Windows' network stack."""

    number: int = 0  # from 0 over all sections, as in Wireshark
    name: str = ""
    section: int = 0


SOLE_INTERFACE = Interface()  # of a file that cannot have more


class Frame(NamedTuple):
    """A frame of a capture file."""

    link: int
    time_ns: int | None  # since 1970; None where the file has no stamp
    data: bytes  # that were kept
    sent: int  # bytes, kept or not
    interface: Interface = SOLE_INTERFACE
    packet_id: int = 0  # the same for a packet that several interfaces saw; 0 where the file does not say


class Writer:
    """One section in little-endian order, with stamps in ns."""

    def __init__(self, file: BinaryIO, *, comment: str, program: str) -> None:
        """`comment` says what the file is of."""
        self._file = file
        self._interfaces = 0
        head = struct.pack("<IHHq", _MAGIC, 1, 0, -1)  # version 1.0; nobody has counted its bytes
        self._block(_SECTION, head, {_COMMENT: comment.encode(), _PROGRAM: program.encode()})

    def interface(self, name: str, link_type: int) -> int:
        """Its number, for the packets that were on it."""
        head = struct.pack("<HHI", link_type, 0, 0)  # without a limit to the size of packets
        self._block(_INTERFACE, head, {_NAME: name.encode(), _TIME_RESOLUTION: _NANOSECONDS})
        self._interfaces += 1
        return self._interfaces - 1

    def packet(self, interface: int, time_ns: int, data: bytes, flags: int = 0, comment: str = "") -> None:
        """A frame, whole; `flags` say which way it went."""
        head = struct.pack("<IIIII", interface, *_stamp(time_ns), len(data), len(data))
        options = {_COMMENT: comment.encode()} if comment else {}
        options |= {_FLAGS: struct.pack("<I", flags)} if flags else {}
        self._block(_PACKET, head + _padded(data), options)

    def statistics(self, interface: int, time_ns: int, *, received: int, dropped: int, accepted: int) -> None:
        """How many frames an interface had, how many were lost, and how many are the file's or lost."""
        told = {_RECEIVED: received, _DROPPED: dropped, _ACCEPTED: accepted}
        counts = {code: struct.pack("<Q", count) for code, count in told.items()}
        self._block(_STATISTICS, struct.pack("<III", interface, *_stamp(time_ns)), counts)

    def _block(self, kind: int, body: bytes, options: Mapping[int, bytes]) -> None:
        for code, value in options.items():
            body += struct.pack("<HH", code, len(value)) + _padded(value)
        if options:
            body += struct.pack("<HH", _END_OF_OPTIONS, 0)
        size = struct.pack("<I", len(body) + 12)
        self._file.write(struct.pack("<I", kind) + size + body + size)


def _stamp(time_ns: int) -> tuple[int, int]:
    return time_ns >> 32, time_ns & 0xFFFFFFFF


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)


@dataclass(frozen=True)
class _Source:
    """The part of an interface description that reading its packets needs."""

    link: int
    snaplen: int
    interface: Interface
    units: int = _MICROSECONDS  # in a second
    offset: int = 0  # s

    def time_ns(self, high: int, low: int) -> int:
        return (high << 32 | low) * s // self.units + self.offset * s


class Reader:
    """Reads a file from just behind its first four bytes, which are those of a section."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._order = "<"
        self._interfaces: list[_Source] = []
        self._block = 0
        self._described = 0  # interfaces, in this section and those before it
        self._sections = 0

    def frames(self) -> Iterator[Frame]:
        self._section()
        while head := self._file.read(4):
            self._block += 1
            if len(head) < 4:
                raise self._ends()
            if head == SECTION:
                self._section()
                continue
            kind, size = self._unpack("II", head + self._read(4))
            if kind not in (_INTERFACE, _OLD_PACKET, _SIMPLE_PACKET, _PACKET):
                self._skip(size)
                continue
            body = self._body(size)
            if kind == _PACKET:
                yield self._frame(body, *self._unpack("IIIII", body), options=True)
            elif kind == _OLD_PACKET:
                interface, _, *rest = self._unpack("HHIIII", body)
                yield self._frame(body, interface, *rest)
            elif kind == _SIMPLE_PACKET:
                yield self._simple(body)
            elif len(self._interfaces) < _MOST_INTERFACES:
                self._interfaces.append(self._interface(body))
            else:
                raise self._damaged(f"its section has more than {_MOST_INTERFACES} interfaces")

    def _section(self) -> None:
        size, magic = self._read(4), self._read(4)
        if magic not in _ORDERS:
            raise self._damaged("it has no byte order")
        self._order = _ORDERS[magic]
        self._interfaces = []
        self._sections += 1
        version = self._read(4)
        if self._unpack("HH", version)[0] != 1:
            raise UsageError("the capture has a version of the pcapng format that is not known")
        self._skip(self._unpack("I", size)[0], seen=16)

    def _frame(
        self, body: bytes, number: int, high: int, low: int, size: int, sent: int, *, options: bool = False
    ) -> Frame:
        source = self._known(number)
        end = 20 + size
        if end > len(body):
            raise self._damaged("it has fewer bytes than it says")
        packet_id = self._packet_id(body[end + -size % 4 :]) if options and len(body) > end + 4 else 0
        time_ns = source.time_ns(high, low)
        return Frame(source.link, time_ns, body[20:end], max(size, sent), source.interface, packet_id)

    def _packet_id(self, options: bytes) -> int:
        for code, value in self._options(options):
            if code == _PACKET_ID and len(value) == 8:
                return self._unpack("Q", value)[0]
        return 0

    def _simple(self, body: bytes) -> Frame:
        source = self._known(0)
        sent = self._unpack("I", body)[0]
        size = min(sent, source.snaplen or MOST_FRAME, len(body) - 4)
        return Frame(source.link, None, body[4 : 4 + size], sent, source.interface)

    def _known(self, number: int) -> _Source:
        if number >= len(self._interfaces):
            raise self._damaged(f"there is no interface {number}")
        return self._interfaces[number]

    def _interface(self, body: bytes) -> _Source:
        link, _, snaplen = self._unpack("HHI", body)
        told: dict[int, bytes] = {}
        for code, value in self._options(body[8:], strict=True):  # with one of them lost, times are wrong
            told.setdefault(code, value)  # those that are read here may be there once
        units, offset = _MICROSECONDS, 0
        resolution, seconds = told.get(_TIME_RESOLUTION, b""), told.get(_TIME_OFFSET, b"")
        if len(resolution) == 1:
            exponent = resolution[0] & ~_POWER_OF_TWO
            units = 2**exponent if resolution[0] & _POWER_OF_TWO else 10**exponent
        if len(seconds) == 8:
            (offset,) = self._unpack("q", seconds)
        name = told.get(_NAME, b"")[:_LONGEST_NAME].rstrip(b"\0").decode(errors="replace")
        self._described += 1
        interface = Interface(self._described - 1, name, self._sections)
        return _Source(link, snaplen, interface, units, offset)

    def _options(self, data: bytes, *, strict: bool = False) -> Iterator[tuple[int, bytes]]:
        place = 0
        while place + 4 <= len(data):
            code, size = self._unpack("HH", data[place:])
            if code == _END_OF_OPTIONS:
                return
            if strict and place + 4 + size > len(data):
                raise self._damaged("it has an option that is longer than itself")
            yield code, data[place + 4 : place + 4 + size]
            place += 4 + (size + 3) // 4 * 4

    def _body(self, size: int) -> bytes:
        if size < 12 or size % 4 or size > _MOST_READ_BLOCK:
            raise self._damaged(f"it has {size} bytes")
        block = self._read(size - 8)
        if self._unpack("I", block[-4:])[0] != size:
            raise self._damaged("its two lengths differ")
        return block[:-4]

    def _skip(self, size: int, seen: int = 8) -> None:
        """The rest of a block that is not needed, whatever its size."""
        if size < seen + 4 or size % 4 or size > _MOST_BLOCK:
            raise self._damaged(f"it has {size} bytes")
        left = size - seen - 4
        while left:
            left -= len(self._read(min(left, MOST_FRAME)))
        if self._unpack("I", self._read(4))[0] != size:
            raise self._damaged("its two lengths differ")

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
