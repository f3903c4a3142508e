# SPDX-License-Identifier: Apache-2.0
"""TCP headers in frames of several link types, of which only a beginning may have been kept.

Libraries such as dpkt take the bytes that are there for the bytes that were
sent, and are too slow for millions of frames.
"""

import struct
from collections.abc import Callable
from enum import StrEnum
from typing import NamedTuple

from harness.wire import irp_events

NULL, ETHERNET, RAW, LOOP, LINUX_SLL, IPV4, IPV6, LINUX_SLL2 = 0, 1, 101, 108, 113, 228, 229, 276
_OLD_RAW = (12, 14)  # of OpenBSD and BSD/OS

_IP = (0x0800, 0x86DD)
_VLAN = (0x8100, 0x88A8, 0x9100)
_MPLS = (0x8847, 0x8848)
_PPPOE_DISCOVERY, _PPPOE_SESSION = 0x8863, 0x8864
_PPP_IP = (0x0021, 0x0057)
_LONGEST_LENGTH = 1500  # what is no EtherType is the length of an LLC frame (IEEE 802.3, 3.2.6)
_SNAP = b"\xaa\xaa\x03\0\0\0"
_ANY_INET = {2, 10, 23, 24, 28, 30}  # AF_INET and AF_INET6 of the systems that write NULL and LOOP

_TCP, _UDP, _FRAGMENT, _AUTHENTICATION = 6, 17, 44, 51
_VXLAN_PORT = 4789
_EXTENSIONS = {0, 43, 60, 135, 139, 140}  # whose length is in units of 8 bytes (RFC 8200, section 4)
_MOST_EXTENSIONS = 16

_v4 = struct.Struct("!BxHxxHxBxx8s").unpack_from
_v6 = struct.Struct("!4xHBx32s").unpack_from
_tcp = struct.Struct("!4sIIBBH").unpack_from
_short = struct.Struct("!H").unpack_from


class Aside(StrEnum):
    """Why a frame has no segment for us."""

    LINK = "of a link type that is not read"
    IRP_EVENT = "events of IRPs in the guest, which a ladder shows"
    OTHER = "not TCP"
    GRE = "of a GRE tunnel, which is not looked into"
    VXLAN = "of a VXLAN tunnel, which is not looked into"
    IP_IN_IP = "of a tunnel of IP in IP, which is not looked into"
    MPLS = "of MPLS that carries something else than IP"
    PPPOE = "of PPPoE that carries something else than IP"
    LLC = "of LLC without IP, such as spanning tree"
    FRAGMENT = "a fragment behind the first"
    CUT = "cut before the end of its TCP header"
    MALFORMED = "malformed"


class CapturedSegment(NamedTuple):
    """The header of a TCP segment and what was sent with it."""

    addresses: bytes  # source, destination
    ports: bytes
    seq: int
    ack: int
    flags: int
    window: int  # as in the header, not scaled
    length: int  # of the payload as it was sent, kept or not
    payload_at: int  # its place in the frame


def segment(link: int, data: bytes) -> CapturedSegment | Aside:
    """The segment in a frame; never raises."""
    find = _LINKS.get(link)
    if find is None:
        is_event = link == irp_events.LINK_TYPE and irp_events.decoded(data) is not None
        return Aside.IRP_EVENT if is_event else Aside.LINK
    try:
        start = find(data)
        if isinstance(start, Aside):
            return start
        version = data[start] >> 4
        if version == 4:
            return _in_ipv4(data, start)
        return _in_ipv6(data, start) if version == 6 else Aside.MALFORMED
    except (struct.error, IndexError):
        return Aside.CUT


def _in_ipv4(data: bytes, start: int) -> CapturedSegment | Aside:
    first, total, fragment, protocol, addresses = _v4(data, start)
    header = (first & 15) * 4
    if protocol != _TCP:
        return Aside.OTHER if fragment & 0x1FFF else _no_tcp(data, start + header, protocol)
    if fragment & 0x1FFF:
        return Aside.FRAGMENT
    if header < 20:
        return Aside.MALFORMED
    # A length of 0 is a segment that the network card was to split.
    return _segment(data, start + header, start + total if total else len(data), addresses)


def _in_ipv6(data: bytes, start: int) -> CapturedSegment | Aside:
    size, kind, addresses = _v6(data, start)
    end = start + 40 + size if size else len(data)
    place = start + 40
    for _ in range(_MOST_EXTENSIONS):
        if kind == _TCP:
            return _segment(data, place, end, addresses)
        if kind == _FRAGMENT:
            if _short(data, place + 2)[0] & 0xFFF8:
                return Aside.FRAGMENT
            following = place + 8
        elif kind == _AUTHENTICATION:
            following = place + (data[place + 1] + 2) * 4
        elif kind in _EXTENSIONS:
            following = place + (data[place + 1] + 1) * 8
        else:
            return _no_tcp(data, place, kind)
        kind, place = data[place], following
    return Aside.MALFORMED


def _no_tcp(data: bytes, place: int, protocol: int) -> Aside:
    """The kind of an IP packet that holds no TCP segment."""
    if protocol == _UDP and data[place + 2 : place + 4] == _VXLAN_PORT.to_bytes(2, "big"):
        return Aside.VXLAN
    return _TUNNELS.get(protocol, Aside.OTHER)


def _segment(data: bytes, place: int, end: int, addresses: bytes) -> CapturedSegment | Aside:
    ports, seq, ack, offset, flags, window = _tcp(data, place)
    payload_at = place + (offset >> 4) * 4
    if offset < 0x50 or end < payload_at:
        return Aside.MALFORMED
    return CapturedSegment(addresses, ports, seq, ack, flags, window, end - payload_at, payload_at)


def _ethernet(data: bytes) -> int | Aside:
    return _behind_type(data, 12)


def _behind_type(data: bytes, place: int) -> int | Aside:
    """Where IP begins behind an EtherType, and behind what may stand between the two."""
    kind = _short(data, place)[0]
    while kind in _VLAN:
        place += 4
        kind = _short(data, place)[0]
    place += 2
    if kind in _IP:
        return place
    if kind in _MPLS:
        return _behind_labels(data, place)
    if kind == _PPPOE_SESSION:
        return place + 8 if _short(data, place + 6)[0] in _PPP_IP else Aside.PPPOE
    if kind <= _LONGEST_LENGTH:
        is_snap = data[place : place + len(_SNAP)] == _SNAP and _short(data, place + 6)[0] in _IP
        return place + 8 if is_snap else Aside.LLC
    return Aside.PPPOE if kind == _PPPOE_DISCOVERY else Aside.OTHER


def _behind_labels(data: bytes, place: int) -> int | Aside:
    """Behind a stack of MPLS labels (RFC 3032, 2.1); what follows says nowhere what it is."""
    while not data[place + 2] & 1:
        place += 4
    place += 4
    return place if data[place] >> 4 in (4, 6) else Aside.MPLS


def _loopback(data: bytes) -> int | Aside:
    head = data[:4]
    known = {int.from_bytes(head, "big"), int.from_bytes(head, "little")} & _ANY_INET
    return 4 if known else Aside.OTHER


def _sll2(data: bytes) -> int | Aside:
    kind = _short(data, 0)[0]
    if kind in _VLAN:
        return _behind_type(data, 22)
    return 20 if kind in _IP else Aside.OTHER


_TUNNELS = {4: Aside.IP_IN_IP, 41: Aside.IP_IN_IP, 47: Aside.GRE}
_LINKS: dict[int, Callable[[bytes], int | Aside]] = {
    ETHERNET: _ethernet,
    NULL: _loopback,
    LOOP: _loopback,
    LINUX_SLL: lambda data: _behind_type(data, 14),
    LINUX_SLL2: _sll2,
    **dict.fromkeys((RAW, IPV4, IPV6, *_OLD_RAW), lambda _: 0),
}
