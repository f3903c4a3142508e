# SPDX-License-Identifier: Apache-2.0
"""Frames out of pcap and pcapng files of any program, one after the other.

The whole file is never held: what is needed is one frame at a time. Formats:
draft-ietf-opsawg-pcap, and that of pcapng.py.
"""

import struct
from collections.abc import Iterator
from typing import BinaryIO

from harness.core.errors import EvidenceLost, UsageError
from harness.core.units import s
from harness.wire.pcapng import MOST_FRAME, SECTION, Frame, Reader

_PCAP = {
    b"\xa1\xb2\xc3\xd4": (">", 1000),
    b"\xd4\xc3\xb2\xa1": ("<", 1000),
    b"\xa1\xb2\x3c\x4d": (">", 1),
    b"\x4d\x3c\xb2\xa1": ("<", 1),
}
_GZIP = b"\x1f\x8b"
_LINK_TYPE = 0x03FFFFFF  # the bits above say how long a frame check sequence is


def frames(file: BinaryIO) -> Iterator[Frame]:
    """UsageError when the file is no capture; EvidenceLost where it ends too early or is damaged."""
    magic = file.read(4)
    if magic in _PCAP:
        yield from _pcap(file, *_PCAP[magic])
    elif magic == SECTION:
        yield from Reader(file).frames()
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
