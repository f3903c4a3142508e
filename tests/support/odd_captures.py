# SPDX-License-Identifier: Apache-2.0
"""Captures with one oddity each: what other programs, networks and attackers put into frames and files.

All hold a connection or two made by `frames.exchange`, so that what is read of them can be compared.
"""

import struct
from collections.abc import Callable, Iterable, Iterator

from capture_corpus import Sample
from frames import (
    ACK,
    CLIENT,
    CLIENT6,
    FIN,
    PSH,
    RST,
    SERVER,
    SERVER6,
    SYN,
    End,
    block,
    ethernet,
    exchange,
    identified,
    interface,
    named_interface,
    packet,
    pcap,
    section,
    segment,
)

_MACS = b"\2" * 6 + b"\4" * 6
_BOTH = [*exchange(), *exchange(CLIENT6, SERVER6)]
_START = 1_700_000_000_000_000  # us

Frames = Iterable[bytes]


def _is_v6(inner: bytes) -> bool:
    return inner[0] >> 4 == 6


def _typed(inner: bytes) -> bytes:
    return (b"\x86\xdd" if _is_v6(inner) else b"\x08\0") + inner


def _snap(inner: bytes, organisation: bytes = b"\0\0\0") -> bytes:
    return b"\xaa\xaa\x03" + organisation + _typed(inner)


def _llc(payload: bytes, *tags: int) -> bytes:
    """In a frame of IEEE 802.3, behind VLAN tags."""
    vlans = b"".join(struct.pack("!HH", tag, 7) for tag in tags)
    return _MACS + vlans + struct.pack("!H", len(payload)) + payload


def _mpls(inner: bytes, *labels: int) -> bytes:
    last = len(labels) - 1
    stack = (struct.pack("!I", label << 12 | (at == last) << 8 | 64) for at, label in enumerate(labels))
    return _MACS + b"\x88\x47" + b"".join(stack) + inner


def _null(family: int, order: str) -> Callable[[bytes], bytes]:
    return lambda inner: struct.pack(order + "I", family if _is_v6(inner) else 2) + inner


def _session(inner: bytes) -> bytes:
    protocol = b"\x57" if _is_v6(inner) else b"\x21"
    return _MACS + b"\x88\x64" + struct.pack("!BBHH", 0x11, 0, 1, len(inner) + 1) + protocol + inner


def _cooked(kind: int, protocol: int) -> Callable[[bytes], bytes]:
    return lambda inner: struct.pack("!HHH8xH", kind, 772, 6, protocol) + inner


# Link type, and the frame that an IP packet is in.
LINKS: dict[str, tuple[int, Callable[[bytes], bytes]]] = {
    "three-tags": (1, lambda inner: ethernet(inner, 0x88A8, 0x8100, 0x8100)),
    "nine-tags": (1, lambda inner: ethernet(inner, *[0x8100] * 9)),
    "tags-of-others": (1, lambda inner: ethernet(inner, 0x9200, 0x8100)),
    "tag-and-snap": (1, lambda inner: _llc(_snap(inner), 0x8100)),
    "snap-of-bridges": (1, lambda inner: _llc(_snap(inner, b"\0\0\xf8"))),
    "snap-of-cisco": (1, lambda inner: _llc(_snap(inner, b"\0\0\x0c"))),
    "llc-of-ip": (1, lambda inner: _llc(b"\x06\x06\x03" + inner)),
    "llc-of-bridges": (1, lambda inner: _llc(b"\x42\x42\x03" + inner)),
    "null-label": (1, lambda inner: _mpls(inner, 2 if _is_v6(inner) else 0)),
    "label-alert": (1, lambda inner: _mpls(inner, 1, 17)),
    "seven-labels": (1, lambda inner: _mpls(inner, *range(16, 23))),
    "check-sequence": (1, lambda inner: ethernet(inner) + b"\1\2\3\4"),
    "long-trailer": (1, lambda inner: ethernet(inner) + bytes(range(200))),
    "told-check-sequence": (0x2400_0001, lambda inner: ethernet(inner) + b"\1\2\3\4"),
    "raw-12": (12, lambda inner: inner),
    "raw-14": (14, lambda inner: inner),
    "null-24": (0, _null(24, "<")),
    "null-28": (0, _null(28, ">")),
    "null-30": (0, _null(30, "<")),
    "null-10": (0, _null(10, "<")),
    "loop-30": (108, _null(30, ">")),
    "ppp-direction": (204, lambda inner: b"\1\xff\x03" + (b"\0\x57" if _is_v6(inner) else b"\0\x21") + inner),
    "ppp-direction-hdlc": (204, lambda inner: b"\0\x0f\0" + _typed(inner)),
    "session-short": (1, _session),
    "cooked-llc": (113, lambda inner: _cooked(1, 4)(_snap(inner))),
    "cooked-loopback": (113, lambda inner: _cooked(772, 0x86DD if _is_v6(inner) else 0x0800)(inner)),
    "cooked-raw": (113, lambda inner: _cooked(1, 1)(inner)),
    "wireless": (105, lambda inner: b"\x08\0\0\0" + b"\2" * 18 + bytes(2) + _snap(inner)),
    "radio": (127, lambda inner: b"\0\0\x08\0\0\0\0\0\x08\0\0\0" + b"\2" * 18 + bytes(2) + _snap(inner)),
    "atm": (100, _snap),
    "packet-filter": (
        117,
        lambda inner: b"\x3d" + (b"\x18" if _is_v6(inner) else b"\2") + bytes(62) + inner,
    ),
    "of-users": (147, lambda inner: inner),
}


def _chain(*headers: int) -> Callable[[bytes], bytes]:
    """Extension headers of 8 bytes each in front of TCP."""

    def wrapped(inner: bytes) -> bytes:
        following = [*headers[1:], 6]
        chain = b"".join(struct.pack("!BB6s", after, 0, b"\1\4\0\0\0\0") for after in following)
        return _again6(inner, chain + inner[40:], headers[0])

    return wrapped


def _again6(inner: bytes, body: bytes, following: int, size: int | None = None) -> bytes:
    told = len(body) if size is None else size
    return inner[:4] + struct.pack("!HB", told, following) + inner[7:40] + body


def _again4(inner: bytes, *, first: int = 0x45, total: int | None = None, fragment: bytes = b"\0\0") -> bytes:
    told = len(inner) if total is None else total
    return bytes([first, inner[1]]) + struct.pack("!H", told) + inner[4:6] + fragment + inner[8:]


def _authenticated(inner: bytes) -> bytes:
    head = bytes([6, 4]) + bytes(22)
    if _is_v6(inner):
        return _again6(inner, head + inner[40:], 51)
    return (
        inner[:2]
        + struct.pack("!H", len(inner) + len(head))
        + inner[4:9]
        + b"\x33"
        + inner[10:20]
        + head
        + inner[20:]
    )


# What is done to each IP packet of version 4, or of version 6.
PACKETS4: dict[str, Callable[[bytes], bytes]] = {
    "reserved-bit": lambda inner: _again4(inner, fragment=b"\x80\0"),
    "do-not-fragment": lambda inner: _again4(inner, fragment=b"\x40\0"),
    "of-no-length": lambda inner: _again4(inner, total=0),
    "shorter-than-its-header": lambda inner: _again4(inner, total=10),
    "ends-in-its-tcp-header": lambda inner: _again4(inner, total=30),
    "ends-behind-its-tcp-header": lambda inner: _again4(inner, total=40),
    "header-of-16": lambda inner: _again4(inner, first=0x44),
    "header-beyond-the-frame": lambda inner: _again4(inner, first=0x4F),
    "version-5": lambda inner: _again4(inner, first=0x55),
    "authenticated": _authenticated,
    "routed": lambda inner: _again4(
        inner[:20] + b"\x83\x07\x04\1\2\3\4\0" + inner[20:], first=0x47, total=len(inner) + 8
    ),
}
PACKETS6: dict[str, Callable[[bytes], bytes]] = {
    "hop-by-hop": _chain(0),
    "three-headers": _chain(0, 43, 60),
    "mobility": _chain(135),
    "identity": _chain(139),
    "shim": _chain(140),
    "twelve-headers": _chain(*[60] * 12),
    "twenty-headers": _chain(*[60] * 20),
    "authenticated-6": _authenticated,
    "atomic-fragment": lambda inner: _again6(inner, struct.pack("!BBHI", 6, 0, 0, 7) + inner[40:], 44),
    "nothing-follows": lambda inner: _again6(inner, inner[40:], 59),
    "of-no-length-6": lambda inner: _again6(inner, inner[40:], 6, 0),
    "jumbo": lambda inner: _again6(
        inner, struct.pack("!BBBBI", 6, 0, 0xC2, 4, len(inner) - 32) + inner[40:], 0, 0
    ),
    "longer-than-told": lambda inner: _again6(inner, inner[40:], 6, len(inner) - 40 + 50),
    "header-beyond-the-frame-6": lambda inner: _again6(inner, bytes([6, 200]) + bytes(6) + inner[40:], 60),
}


def _said(client: End, server: End, *packets: tuple[int, int, int, int, bytes]) -> list[bytes]:
    """Sender (0 or 1), flags, seq, ack and payload of each."""
    ends = ((client, server), (server, client))
    return [segment(*ends[sender], flags, seq, ack, data) for sender, flags, seq, ack, data in packets]


def _optioned(inner: bytes, options: bytes) -> bytes:
    """With TCP options, whose length fits in the header's."""
    at = 40 if _is_v6(inner) else 20
    head = bytearray(inner[at : at + 20])
    head[12] = (5 + len(options) // 4) << 4
    body = bytes(head) + options + inner[at + 20 :]
    return _again6(inner, body, 6) if _is_v6(inner) else _of_body(inner, body)


def _of_body(inner: bytes, body: bytes) -> bytes:
    return inner[:2] + struct.pack("!H", 20 + len(body)) + inner[4:20] + body


def _offset(inner: bytes, words: int) -> bytes:
    at = (40 if _is_v6(inner) else 20) + 12
    return inner[:at] + bytes([words << 4 | inner[at] & 15]) + inner[at + 1 :]


SELF = ("192.0.2.9", 7)
CONNECTIONS: dict[str, list[bytes]] = {
    "forty-bytes-of-options": [_optioned(each, b"\1" * 40) for each in _BOTH],
    "broken-options": [_optioned(each, b"\2\0\0\0") for each in _BOTH],
    "offset-of-4": [_offset(each, 4) for each in _BOTH],
    "data-in-the-syn": _said(
        CLIENT,
        SERVER,
        (0, SYN, 100, 0, b"early"),
        (1, SYN | ACK, 500, 106, b""),
        (0, ACK, 106, 501, b"late"),
        (1, FIN | ACK, 501, 110, b""),
        (0, FIN | ACK, 110, 502, b""),
    ),
    "both-open": _said(
        CLIENT,
        SERVER,
        (0, SYN, 100, 0, b""),
        (1, SYN, 500, 0, b""),
        (0, SYN | ACK, 100, 501, b""),
        (1, SYN | ACK, 500, 101, b""),
        (0, PSH | ACK, 101, 501, b"data"),
    ),
    "all-flags": _said(CLIENT, SERVER, (0, 0xFF, 100, 5, b""), (1, 0, 500, 0, b""), (0, 0x29, 7, 7, b"x")),
    "syn-and-fin": _said(CLIENT, SERVER, (0, SYN | FIN, 100, 0, b""), (1, RST | ACK, 0, 102, b"")),
    "reset-with-words": _said(
        CLIENT, SERVER, (0, SYN, 100, 0, b""), (1, RST | ACK, 0, 101, b"go away"), (0, SYN, 9000, 0, b"")
    ),
    "port-0": _said(("192.0.2.1", 0), ("192.0.2.2", 0), (0, SYN, 1, 0, b""), (1, SYN | ACK, 5, 2, b"")),
    "with-itself": _said(
        SELF, SELF, (0, SYN, 100, 0, b""), (0, SYN | ACK, 100, 101, b""), (0, PSH | ACK, 101, 101, b"me")
    ),
    "keep-alives": [
        *exchange()[:4],
        *_said(CLIENT, SERVER, (0, ACK, 1, 7001, b"c"), (1, ACK, 7001, 2, b""), (0, ACK, 1, 7001, b"")),
    ],
    "another-syn-of-the-same-ports": [*exchange()[:3], *exchange(isn=50_000_000)],
    "a-syn-of-another-number": [exchange()[0], *exchange(isn=77)],
    "same-ports-after-a-reset": [
        *exchange()[:4],
        *_said(CLIENT, SERVER, (1, RST | ACK, 7001, 4, b"")),
        *exchange(isn=4_000_000),
    ],
    "answer-first": [exchange()[1], exchange()[0], *exchange()[2:]],
    "only-acknowledgements": _said(CLIENT, SERVER, *[(n % 2, ACK, 50 + n, 90, b"") for n in range(6)]),
}


def _fragment4(inner: bytes, start: int, size: int, number: int = 9) -> bytes:
    body = inner[20:]
    part = body[start : start + size]
    more = start + len(part) < len(body)
    head = inner[:2] + struct.pack("!HHH", 20 + len(part), number, more << 13 | start // 8) + inner[8:20]
    return head + part


def _parts(inner: bytes, size: int, number: int = 9) -> list[bytes]:
    return [_fragment4(inner, start, size, number) for start in range(0, len(inner) - 20, size)]


_LONG = segment(CLIENT, SERVER, PSH | ACK, 4, 7001, bytes(range(200)) * 4)
_OPENING = exchange()[:4]
_SOME = _parts(_LONG, 200)
FRAGMENTS: dict[str, list[bytes]] = {
    "backwards": [*_OPENING, *_SOME[::-1]],
    "twice": [*_OPENING, *_SOME[:2], *_SOME[:2], *_SOME[2:]],
    "overlapping": [*_OPENING, _SOME[0], _fragment4(_LONG, 160, 400), *_SOME[2:]],
    "without-the-middle": [*_OPENING, *_SOME[:1], *_SOME[2:]],
    "without-the-first": [*_OPENING, *_SOME[1:]],
    "without-the-last": [*_OPENING, *_SOME[:-1]],
    "header-in-pieces": [*_OPENING, *_parts(_LONG, 8)],
    "in-turn-with-another": [
        *_OPENING,
        *(one for pair in zip(_SOME, _parts(_LONG[:-8] + bytes(8), 200, 10), strict=True) for one in pair),
    ],
    "the-first-twice-as-long": [*_OPENING, _fragment4(_LONG, 0, 400), *_SOME[1:]],
}


def _files(times: Iterable[tuple[int, int]], order: str = "<", **header: int) -> bytes:
    """A pcap file whose packets have these stamps: seconds and the smaller unit."""
    told = {"magic": 0xA1B2C3D4, "major": 2, "minor": 4, "zone": 0, "accuracy": 0, "snaplen": 65535} | header
    data = struct.pack(order + "IHHiIII", *told.values(), 1)
    for (second, fraction), inner in zip(times, _BOTH, strict=False):
        frame = ethernet(inner)
        data += struct.pack(order + "IIII", second, fraction, len(frame), len(frame)) + frame
    return data


_TIMES = [(1_700_000_000 + n, n) for n in range(14)]


def _lengths(change: Callable[[int, bytes], tuple[int, int, bytes]], **header: int) -> bytes:
    """A pcap file: the lengths kept and sent, and the bytes, that `change` makes of each frame."""
    data = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, header.get("minor", 4), 0, 0, 65535, 1)
    for number, inner in enumerate(_BOTH):
        kept, sent, frame = change(number, ethernet(inner))
        data += struct.pack("<IIII", 1_700_000_000, number, kept, sent) + frame
    return data


PCAPS: dict[str, bytes] = {
    "time-0": _files([(0, n) for n in range(14)]),
    "after-2038": _files([(2**31 + n, 5) for n in range(14)]),
    "the-last-second": _files([(2**32 - 1, n) for n in range(14)]),
    "all-at-once": _files([(1_700_000_000, 7)] * 14),
    "backwards": _files(_TIMES[::-1]),
    "a-zone": _files(_TIMES, zone=-3600),
    "no-snaplen": _files(_TIMES, snaplen=0),
    "small-snaplen": _files(_TIMES, snaplen=20),
    "great-snaplen": _files(_TIMES, snaplen=2**32 - 1),
    "minor-5": _files(_TIMES, minor=5),
    "minor-2": _lengths(lambda _, frame: (len(frame) + 9, len(frame), frame), minor=2),
    "kept-more-than-sent": _lengths(lambda _, frame: (len(frame), len(frame) - 4, frame)),
    "nothing-kept": _lengths(lambda n, frame: (0, 60, b"") if n % 3 else (len(frame), len(frame), frame)),
    "less-and-less-kept": _lengths(lambda n, frame: (54 - 3 * n, len(frame), frame[: 54 - 3 * n])),
    "no-packets": _files([]),
}


def _pcapng(*blocks: bytes, order: str = "<") -> bytes:
    return section(order) + b"".join(blocks)


def _packets(number: int = 0, order: str = "<", unit: int = 1, frames: Frames = _BOTH) -> bytes:
    return b"".join(
        packet(ethernet(inner), (_START + at) * unit, number, order) for at, inner in enumerate(frames)
    )


def _optional(options: bytes) -> bytes:
    """Packets with these options."""
    return b"".join(
        block(
            6,
            struct.pack("<IIIII", 0, _START >> 32, _START + n & 0xFFFFFFFF, *[len(f)] * 2)
            + f
            + bytes(-len(f) % 4)
            + options,
        )
        for n, f in enumerate(map(ethernet, _BOTH))
    )


def _option(code: int, value: bytes, order: str = "<") -> bytes:
    return struct.pack(order + "HH", code, len(value)) + value + bytes(-len(value) % 4)


def _interface(*options: bytes, link: int = 1, snaplen: int = 0) -> bytes:
    return block(1, struct.pack("<HHI", link, 0, snaplen) + b"".join(options))


_STATISTICS = block(5, struct.pack("<III", 0, 0, 0) + _option(4, bytes(8)) + bytes(4))
_NAMES = block(4, struct.pack("<HH", 1, 8) + b"\xc0\0\2\1me\0\0" + bytes(4))
_CUSTOM = block(0x0BAD, struct.pack("<I", 32473) + b"anything")
PCAPNGS: dict[str, bytes] = {
    "blocks-of-others": _pcapng(interface(), _NAMES, _STATISTICS, _packets()),
    "custom": _pcapng(interface(), _packets(), _CUSTOM),
    "custom-not-to-be-copied": _pcapng(interface(), _packets(), block(0x40000BAD, struct.pack("<I", 32473))),
    "journal": _pcapng(interface(), _packets(), block(9, b"__REALTIME_TIMESTAMP=1\n\0")),
    "secrets": _pcapng(block(10, struct.pack("<II", 0x544C534B, 4) + b"none"), interface(), _packets()),
    "blocks-of-nobody": _pcapng(interface(), *(block(n, bytes(n % 40)) for n in range(100, 130)), _packets()),
    "statistics-last": _pcapng(interface(), _packets(), _STATISTICS),
    "an-interface-later": _pcapng(interface(), _packets(), interface(resolution=9), _packets(1, unit=1000)),
    "unused-interfaces": _pcapng(*[interface(link) for link in (105, 147, 1, 113)], _packets(2)),
    "three-orders": b"".join(
        _pcapng(interface(order=order), _packets(order=order, frames=part), order=order)
        for order, part in zip("<><", (_BOTH[:5], _BOTH[5:9], _BOTH[9:]), strict=True)
    ),
    "sections-without-packets": _pcapng() + _pcapng(interface()) + _pcapng(interface(), _packets()),
    "section-with-its-length": section()[:16]
    + struct.pack("<q", len(interface() + _packets()))
    + section()[24:]
    + interface()
    + _packets(),
    "section-with-words": block(
        0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1) + _option(4, b"by hand") + bytes(4)
    )
    + interface()
    + _packets(),
    "seconds": _pcapng(interface(resolution=0), *(packet(ethernet(f), 1_700_000_000) for f in _BOTH)),
    "picoseconds": _pcapng(
        interface(resolution=12), *(packet(ethernet(f), n * 10**15) for n, f in enumerate(_BOTH))
    ),
    "halves": _pcapng(interface(resolution=0x81), *(packet(ethernet(f), 2 * n) for n, f in enumerate(_BOTH))),
    "fine-halves": _pcapng(
        interface(resolution=0xA0), *(packet(ethernet(f), n << 31) for n, f in enumerate(_BOTH))
    ),
    "before-1970": _pcapng(interface(offset=-1000), *(packet(ethernet(f), n) for n, f in enumerate(_BOTH))),
    "far-offset": _pcapng(interface(offset=4_000_000_000), _packets()),
    "resolution-twice": _pcapng(
        _interface(_option(9, b"\6"), _option(9, b"\x09"), bytes(4)), _packets(unit=1000)
    ),
    "long-name": _pcapng(_interface(_option(2, b"n" * 5000), bytes(4)), _packets()),
    "no-end-of-options": _pcapng(_interface(_option(2, b"eth0")), _packets()),
    "options-behind-the-end": _pcapng(_interface(bytes(4), _option(9, b"\x09")), _packets()),
    "flags-hash-and-drops": _pcapng(
        interface(),
        _optional(_option(2, b"\1\0\0\0") + _option(3, b"\2abcd") + _option(4, bytes(8)) + bytes(4)),
    ),
    "verdict-and-queue": _pcapng(
        interface(), _optional(_option(6, bytes(4)) + _option(7, b"\1" + bytes(8)) + bytes(4))
    ),
    "two-comments": _pcapng(interface(), _optional(_option(1, b"one") + _option(1, b"two") + bytes(4))),
    "option-of-nobody": _pcapng(interface(), _optional(_option(30_000, b"?" * 77) + bytes(4))),
    "simple": _pcapng(
        _interface(snaplen=0), *(block(3, struct.pack("<I", len(f)) + f) for f in map(ethernet, _BOTH))
    ),
    "simple-and-short": _pcapng(
        _interface(snaplen=64), *(block(3, struct.pack("<I", len(f)) + f[:64]) for f in map(ethernet, _BOTH))
    ),
    "two-links": _pcapng(
        interface(1),
        interface(101),
        *(packet(ethernet(f), _START + n) for n, f in enumerate(_BOTH[:7])),
        *(packet(f, _START + 7 + n, 1) for n, f in enumerate(_BOTH[7:])),
    ),
    "nothing-but-a-section": _pcapng(),
}


def _components(*, ids: bool, apart: int) -> bytes:
    """Each packet in three components, `apart` us after one another, as Windows' Packet Monitor has it."""
    names = ("1: NDIS filter", "7: TCPIP", "12: Hyper-V switch")
    copies = [
        identified(ethernet(inner), _START + 1000 * at + apart * number, number, at + 1 if ids else 0)
        for at, inner in enumerate(_BOTH)
        for number in range(len(names))
    ]
    return _pcapng(*map(named_interface, names), *copies)


# What contradicts itself.
DAMAGED = {
    "no-such-interface.pcapng": _pcapng(interface(), _packets(5)),
    "offset-beyond-the-packet.pcap": pcap(ethernet(_offset(each, 15)) for each in _BOTH),
}
MONITORED = {
    "components-with-ids": _components(ids=True, apart=30),
    "components-without-ids": _components(ids=False, apart=30),
    "slow-components-with-ids": _components(ids=True, apart=300),
}


def odd_captures() -> Iterator[Sample]:
    """Each oddity once."""
    for name, (link, wrap) in LINKS.items():
        yield Sample(f"link-{name}.pcap", pcap(map(wrap, _BOTH), link))
    for name, change in PACKETS4.items():
        yield Sample(f"ipv4-{name}.pcap", pcap(ethernet(change(inner)) for inner in exchange()))
    for name, change in PACKETS6.items():
        inners = exchange(CLIENT6, SERVER6)
        yield Sample(f"ipv6-{name}.pcap", pcap(ethernet(change(inner)) for inner in inners))
    for name, inners in CONNECTIONS.items():
        yield Sample(f"tcp-{name}.pcap", pcap(map(ethernet, inners)))
    for name, inners in FRAGMENTS.items():
        yield Sample(f"fragments-{name}.pcap", pcap(map(ethernet, inners)))
    for name, data in PCAPS.items():
        yield Sample(f"file-{name}.pcap", data)
    for name, data in {**PCAPNGS, **MONITORED}.items():
        yield Sample(f"file-{name}.pcapng", data)
    for name, data in DAMAGED.items():
        yield Sample(f"damaged-{name}", data, is_damaged=True)
