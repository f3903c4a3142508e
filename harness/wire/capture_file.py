# SPDX-License-Identifier: Apache-2.0
"""Frames out of pcap and pcapng files of any program, one after the other.

The whole file is never held: one frame at a time is enough. Formats:
draft-ietf-opsawg-pcap, and that of pcapng.py.
"""

import gzip
import struct
import zlib
from collections.abc import Iterator
from typing import BinaryIO, cast

from harness.core.errors import EvidenceLost, UsageError
from harness.core.units import MiB, s
from harness.wire.pcapng import MOST_FRAME, SECTION, Frame, Reader

# Byte order, ns in the smaller unit of a time, and bytes more before each packet: the "modified" pcap of old
# Linux distributions has its interface, protocol and direction there.
_PCAP = {
    b"\xa1\xb2\xc3\xd4": (">", 1000, 0),
    b"\xd4\xc3\xb2\xa1": ("<", 1000, 0),
    b"\xa1\xb2\x3c\x4d": (">", 1, 0),
    b"\x4d\x3c\xb2\xa1": ("<", 1, 0),
    b"\xa1\xb2\xcd\x34": (">", 1000, 8),
    b"\x34\xcd\xb2\xa1": ("<", 1000, 8),
}
_MAGIC_BYTES = 4
_GZIP = b"\x1f\x8b"
_UNSUSPICIOUS = 16 * MiB  # that a file may unpack to, however small it is
_MOST_GROWTH = 200
_COMPRESSED = {
    b"\x28\xb5\x2f\xfd": "zstd -d",
    b"\x04\x22\x4d\x18": "lz4 -d",
    b"\xfd7zX": "xz -d",
    b"BZh9": "bzip2 -d",
}
_LINK_TYPE = 0x03FFFFFF  # the bits above say how long a frame check sequence is


def frames(file: BinaryIO) -> Iterator[Frame]:
    """The frames of a file that gzip may have compressed.

    UsageError when it is no capture; EvidenceLost where it ends too early or is damaged.
    """
    magic = file.read(_MAGIC_BYTES)
    if magic.startswith(_GZIP):
        yield from _decompressed(_Unpacked(_Rejoined(magic, file)))
    else:
        yield from _uncompressed(magic, file)


def _uncompressed(magic: bytes, file: BinaryIO) -> Iterator[Frame]:
    if not magic:
        raise UsageError("the file is empty")
    if magic in _PCAP:
        yield from _pcap(file, *_PCAP[magic])
    elif magic == SECTION:
        yield from Reader(file).frames()
    elif magic in _COMPRESSED:
        raise UsageError(f"the capture is compressed; decompress it first: {_COMPRESSED[magic]} FILE")
    else:
        raise UsageError("this is neither pcap nor pcapng; `editcap FILE new.pcapng` converts many formats")


def _decompressed(file: "_Unpacked") -> Iterator[Frame]:
    unpacked = cast("BinaryIO", file)
    try:
        yield from _uncompressed(unpacked.read(_MAGIC_BYTES), unpacked)
    except EOFError:
        raise EvidenceLost("the gzip file ends too early") from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise EvidenceLost(f"the gzip file is damaged: {error}") from None


class _Rejoined:
    """A file whose first bytes were read already, as far as gzip asks for it."""

    def __init__(self, start: bytes, file: BinaryIO) -> None:
        self._start = start
        self._file = file
        self.size = 0  # bytes that were read

    def read(self, size: int) -> bytes:
        if self._start:
            data, self._start = self._start[:size], self._start[size:]
        else:
            data = self._file.read(size)
        self.size += len(data)
        return data


class _Unpacked:
    """Decompresses gzip, as long as the result does not grow beyond what captures do."""

    def __init__(self, packed: _Rejoined) -> None:
        self._packed = packed
        self._file = gzip.GzipFile(fileobj=cast("BinaryIO", packed))
        self._size = 0

    def read(self, size: int) -> bytes:
        data = self._file.read(size)
        self._size += len(data)
        if self._size > _UNSUSPICIOUS and self._size > _MOST_GROWTH * self._packed.size:
            raise EvidenceLost(f"the gzip file grows more than {_MOST_GROWTH} times: unpack it first")
        return data


def _pcap(file: BinaryIO, order: str, unit: int, more: int) -> Iterator[Frame]:
    header = file.read(20)
    if len(header) < 20:
        raise EvidenceLost("the capture ends within its header")
    major, minor, *_, network = struct.unpack(order + "HHiIII", header)
    if major != 2:
        raise UsageError(f"the capture has version {major} of the pcap format; only version 2 is known")
    link = network & _LINK_TYPE
    read, unpack = file.read, struct.Struct(f"{order}IIII{more}x").unpack
    number = 0
    while head := read(16 + more):
        number += 1
        if len(head) < 16 + more:
            raise _ends_within(number)
        second, fraction, size, sent = unpack(head)
        if minor < 3 or (minor == 3 and size > sent):  # the two were the other way round until 2.3
            size, sent = sent, size
        if size > MOST_FRAME:
            raise EvidenceLost(f"the capture is damaged: its packet {number} has {size} bytes")
        data = read(size)
        if len(data) < size:
            raise _ends_within(number)
        yield Frame(link, second * s + fraction * unit, data, max(size, sent))


def _ends_within(number: int) -> EvidenceLost:
    return EvidenceLost(f"the capture ends within its packet {number}")
