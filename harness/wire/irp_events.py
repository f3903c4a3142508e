# SPDX-License-Identifier: Apache-2.0
"""Events of IRPs as frames of a capture, in Wireshark's format for frames that are no packets.

They are "exported PDUs": tags that say what the bytes behind them are, and
those bytes, which are a line of text. Wireshark lists them under the protocol
IRP with the guest's address as source and destination. Versions from 4.2 on
show the line in the list too; older ones show it among the details, and all in
the packet's comment.
"""

import ipaddress
import struct
from functools import cache, lru_cache

LINK_TYPE = 252  # LINKTYPE_WIRESHARK_UPPER_PDU

# Of epan/exported_pdu.h.
_END, _DISSECTOR, _SOURCE, _TARGET, _PROTOCOL, _LINE = 0, 12, 20, 21, 33, 36
_TEXT_LINES = b"data-text-lines"
_NAME = b"IRP"
_OLD_DISSECTOR = b"syslog"  # as captures had it before
_head = struct.Struct(">HH")


def encoded(line: str, guest: str) -> bytes:
    """The frame of an event in the guest with this IPv4 address."""
    text = line.encode()
    return _kind() + _tag(_LINE, text) + _sides(guest) + text


def decoded(data: bytes) -> str | None:
    """The line of an event in a frame of LINK_TYPE; None for what another program exported."""
    place = 0
    names: set[bytes] = set()
    while place + _head.size <= len(data):
        kind, size = _head.unpack_from(data, place)
        place += _head.size
        if kind == _END:
            ours = _OLD_DISSECTOR in names or {_TEXT_LINES, _NAME} <= names
            return data[place:].decode(errors="replace") if ours else None
        if kind in (_DISSECTOR, _PROTOCOL):
            names.add(data[place : place + size].rstrip(b"\0"))
        place += size
    return None


@cache
def _kind() -> bytes:
    """The tags before the line, which are the same in each event and made once."""
    return _tag(_DISSECTOR, _TEXT_LINES) + _tag(_PROTOCOL, _NAME)


@lru_cache(8)
def _sides(guest: str) -> bytes:
    """The tags behind it."""
    address = ipaddress.IPv4Address(guest).packed
    return _tag(_SOURCE, address) + _tag(_TARGET, address) + _head.pack(_END, 0)


def _tag(kind: int, value: bytes) -> bytes:
    value += bytes(-len(value) % 4)
    return _head.pack(kind, len(value)) + value
