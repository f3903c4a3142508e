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
PPP, PPP_HDLC, PPP_ETHER, C_HDLC, PPP_WITH_DIR = 9, 50, 51, 104, 204
_OLD_RAW = (12, 14)  # of OpenBSD and BSD/OS

_IP = (0x0800, 0x86DD)
_VLAN = (0x8100, 0x88A8, 0x9100)
_MPLS = (0x8847, 0x8848)
_PPPOE_DISCOVERY, _PPPOE_SESSION = 0x8863, 0x8864
_PPP_IP, _PPP_MPLS = (0x0021, 0x0057), (0x0281, 0x0283)
_PPP_ADDRESS, _C_HDLC_ADDRESSES = 0xFF, (0x0F, 0x8F)  # RFC 1662, 3.1, and RFC 1547, 4.3.1
_LONGEST_LENGTH = 1500  # up to it a number is no EtherType but the length of an LLC frame (IEEE 802.3, 3.2.6)
_SNAP = (b"\xaa\xaa\x03\0\0\0", b"\xaa\xaa\x03\0\0\xf8")  # RFC 1042, and IEEE 802.1H for bridges
_LLC_IP = b"\x06\x06\x03"  # RFC 948
_ANY_INET = {2, 10, 23, 24, 28, 30}  # AF_INET and AF_INET6 of the systems that write NULL and LOOP

_TCP, _UDP, _FRAGMENT, _AUTHENTICATION = 6, 17, 44, 51
_VXLAN_PORT, _GENEVE_PORT = 4789, 6081
_EXTENSIONS = {0, 43, 60, 135, 139, 140}  # whose length is in units of 8 bytes (RFC 8200, section 4)
_MOST_EXTENSIONS = 16
_MORE_FRAGMENTS = 0x2000  # of IPv4
_MORE_OR_OFFSET = 0xFFF9  # of IPv6
_LONGEST_HEADERS = 256  # bytes of a fragmented packet that are kept to find its TCP header in

_v4 = struct.Struct("!BxHHHxBxx8s").unpack_from
_v6 = struct.Struct("!4xHBx32s").unpack_from
_v6_fragment = struct.Struct("!BxHI").unpack_from
_tcp = struct.Struct("!4sIIBBH").unpack_from
_short = struct.Struct("!H").unpack_from


class Aside(StrEnum):
    """Why a frame has no segment for us."""

    LINK = "of a link type that is not read"
    IRP_EVENT = "events of IRPs in the guest, which a ladder shows"
    OTHER = "not TCP"
    GRE = "of a GRE tunnel, which is not looked into"
    VXLAN = "of a VXLAN tunnel, which is not looked into"
    GENEVE = "of a Geneve tunnel, which is not looked into"
    ESP = "of ESP, whose contents are encrypted"
    IP_IN_IP = "of a tunnel of IP in IP, which is not looked into"
    MAC_IN_MAC = "of an IEEE 802.1ah tunnel, which is not looked into"
    MACSEC = "of MACsec, which may be encrypted"
    MPLS = "of MPLS that carries something else than IP"
    PPP = "of PPP or PPPoE that carries something else than IP"
    LLC = "of LLC that carries something else than IP, such as spanning tree"
    FRAGMENT = "a fragment of a packet that is not whole here"
    FIRST_FRAGMENT = "first fragments, counted by what they hold: the rest of their packets is not here"
    JOINED = "fragments, put together with the one that completes their packet"
    CUT = "cut before the end of its TCP header"
    MALFORMED = "malformed"

    @property
    def is_left_out(self) -> bool:
        return self not in (Aside.IRP_EVENT, Aside.JOINED, Aside.FIRST_FRAGMENT)


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


class Fragment(NamedTuple):
    """A part of an IP packet that holds TCP, or extension headers of IPv6."""

    addresses: bytes
    identification: int
    protocol: int
    offset: int  # of its first byte in the whole
    size: int  # bytes, as they were sent
    is_last: bool
    start: bytes  # what of the whole's first bytes is in it
    alone: CapturedSegment | Aside  # what it shows without the others


def segment(link: int, data: bytes, sent: int = 0) -> CapturedSegment | Fragment | Aside:
    """The segment in a frame of `sent` bytes, of which `data` was kept; never raises."""
    find = _LINKS.get(link)
    if find is None:
        is_event = link == irp_events.LINK_TYPE and irp_events.decoded(data) is not None
        return Aside.IRP_EVENT if is_event else Aside.LINK
    try:
        start = find(data)
        if isinstance(start, Aside):
            return start
        version = data[start] >> 4
        sent = max(sent, len(data))
        if version == 4:
            return _in_ipv4(data, start, sent)
        return _in_ipv6(data, start, sent) if version == 6 else Aside.MALFORMED
    except (struct.error, IndexError):
        return Aside.CUT


def _in_ipv4(data: bytes, start: int, sent: int) -> CapturedSegment | Fragment | Aside:
    first, total, identification, fragment, protocol, addresses = _v4(data, start)
    header = (first & 15) * 4
    offset = (fragment & 0x1FFF) * 8
    if protocol == _AUTHENTICATION and header >= 20 and not fragment & 0x3FFF:
        return _behind_ipv6(data, start + header, _end(start, total, sent), protocol, addresses)
    if protocol != _TCP:
        return Aside.OTHER if offset else _no_tcp(data, start + header, protocol)
    if header < 20:
        return Aside.MALFORMED
    place, end = start + header, _end(start, total, sent)
    if not fragment & 0x3FFF:
        return _segment(data, place, end, addresses)
    is_last = not fragment & _MORE_FRAGMENTS
    return _fragment(data, place, end, (addresses, identification, protocol, offset, is_last))


def _end(start: int, total: int, sent: int) -> int:
    """Where an IP packet ends in its frame: nothing is longer than what was sent.

    A length of 0 is a segment that the network card was to split.
    """
    return min(start + total, sent) if total else sent


def _in_ipv6(data: bytes, start: int, sent: int) -> CapturedSegment | Fragment | Aside:
    size, kind, addresses = _v6(data, start)
    return _behind_ipv6(data, start + 40, _end(start, size and size + 40, sent), kind, addresses)


def _behind_ipv6(
    data: bytes, place: int, end: int, kind: int, addresses: bytes
) -> CapturedSegment | Fragment | Aside:
    """The contents behind a header that names the next one as `kind`, as those of IPv6 do and AH in IPv4."""
    for _ in range(_MOST_EXTENSIONS):
        if kind == _TCP:
            return _segment(data, place, end, addresses)
        if kind == _FRAGMENT:
            kind, bits, identification = _v6_fragment(data, place)
            if bits & _MORE_OR_OFFSET and (kind == _TCP or kind in _EXTENSIONS):
                part = addresses, identification, kind, bits & 0xFFF8, not bits & 1
                return _fragment(data, place + 8, end, part)
            if bits & 0xFFF8:
                return Aside.OTHER
            place += 8
        elif kind == _AUTHENTICATION or kind in _EXTENSIONS:
            words = (data[place + 1] + 2) * 4 if kind == _AUTHENTICATION else (data[place + 1] + 1) * 8
            kind, place = data[place], place + words
        else:
            return _no_tcp(data, place, kind)
    return Aside.MALFORMED


def _fragment(data: bytes, place: int, end: int, part: tuple[bytes, int, int, int, bool]) -> Fragment | Aside:
    """`part` is what the headers say: addresses, identification, protocol, offset, is it the last."""
    addresses, identification, protocol, offset, is_last = part
    if end <= place:
        return Aside.MALFORMED
    start = data[place : min(end, place + _LONGEST_HEADERS - offset)] if offset < _LONGEST_HEADERS else b""
    alone = Aside.FRAGMENT if offset else reassembled(start, end - place, protocol, addresses)
    if isinstance(alone, CapturedSegment):
        alone = alone._replace(payload_at=place + alone.payload_at)
    return Fragment(addresses, identification, protocol, offset, end - place, is_last, start, alone)


def reassembled(start: bytes, size: int, protocol: int, addresses: bytes) -> CapturedSegment | Aside:
    """The segment in an IP packet with `size` bytes of which `start` is known; never raises."""
    try:
        found = _behind_ipv6(start, 0, size, protocol, addresses)
    except (struct.error, IndexError):
        return Aside.CUT
    return Aside.MALFORMED if isinstance(found, Fragment) else found


def _no_tcp(data: bytes, place: int, protocol: int) -> Aside:
    """The kind of an IP packet that holds no TCP segment."""
    if protocol == _UDP:
        return _UDP_TUNNELS.get(data[place + 2 : place + 4], Aside.OTHER)
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
    return _behind(_short(data, place)[0], data, place + 2)


def _behind(kind: int, data: bytes, place: int) -> int | Aside:
    """The same, with the EtherType known and what it is of at `place`."""
    while kind in _VLAN:
        kind = _short(data, place + 2)[0]
        place += 4
    if kind in _IP:
        return place
    if kind in _MPLS:
        return _behind_labels(data, place)
    if kind == _PPPOE_SESSION:
        return _behind_ppp(data, place + 6)
    if kind <= _LONGEST_LENGTH:
        if data[place : place + 3] == _LLC_IP:
            return place + 3
        is_snap = data[place : place + 6] in _SNAP and _short(data, place + 6)[0] in _IP
        return place + 8 if is_snap else Aside.LLC
    return _NOT_LOOKED_INTO.get(kind, Aside.OTHER)


def _behind_labels(data: bytes, place: int) -> int | Aside:
    """Place behind a stack of MPLS labels (RFC 3032, 2.1); what follows says nowhere what it is."""
    while not data[place + 2] & 1:
        place += 4
    place += 4
    return place if data[place] >> 4 in (4, 6) else Aside.MPLS


def _behind_ppp(data: bytes, place: int) -> int | Aside:
    """Where IP begins behind PPP's protocol, of which a first byte of 0 may be left out (RFC 1661, 6.5)."""
    is_short = data[place] & 1
    kind = data[place] if is_short else _short(data, place)[0]
    place += 1 if is_short else 2
    if kind in _PPP_MPLS:
        return _behind_labels(data, place)
    return place if kind in _PPP_IP else Aside.PPP


def _ppp(data: bytes, place: int = 0) -> int | Aside:
    """PPP as a serial line carries it, with address and control or without, or what Cisco's has instead."""
    if data[place] in _C_HDLC_ADDRESSES:
        return _behind_type(data, place + 2)
    return _behind_ppp(data, place + 2 if data[place] == _PPP_ADDRESS else place)


def _loopback(data: bytes) -> int | Aside:
    head = data[:4]
    known = {int.from_bytes(head, "big"), int.from_bytes(head, "little")} & _ANY_INET
    return 4 if known else Aside.OTHER


def _sll2(data: bytes) -> int | Aside:
    return _behind(_short(data, 0)[0], data, 20)


_TUNNELS = {4: Aside.IP_IN_IP, 41: Aside.IP_IN_IP, 47: Aside.GRE, 50: Aside.ESP}
_NOT_LOOKED_INTO = {
    _PPPOE_DISCOVERY: Aside.PPP,
    0x88E5: Aside.MACSEC,
    0x88E7: Aside.MAC_IN_MAC,
}
_UDP_TUNNELS = {_VXLAN_PORT.to_bytes(2, "big"): Aside.VXLAN, _GENEVE_PORT.to_bytes(2, "big"): Aside.GENEVE}
_LINKS: dict[int, Callable[[bytes], int | Aside]] = {
    ETHERNET: _ethernet,
    NULL: _loopback,
    LOOP: _loopback,
    LINUX_SLL: lambda data: _behind_type(data, 14),
    LINUX_SLL2: _sll2,
    **dict.fromkeys((PPP, PPP_HDLC, C_HDLC), _ppp),
    PPP_ETHER: lambda data: _behind_ppp(data, 6),
    PPP_WITH_DIR: lambda data: _ppp(data, 1),
    **dict.fromkeys((RAW, IPV4, IPV6, *_OLD_RAW), lambda _: 0),
}
