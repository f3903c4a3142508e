# SPDX-License-Identifier: Apache-2.0
"""Capture files of every kind that other programs write, made anew from a seed and never stored.

Each is some connections, with what goes wrong on a network or in a capture, in
frames of one link type, in one file format, and some are damaged afterwards.
"""

import gzip
import random
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from frames import ACK, FIN, PSH, RST, SYN, End, block, ethernet, ipv4, ipv6, section, tcp

START_US = 1_700_000_000_000_000
_SNAP = b"\xaa\xaa\x03\0\0\0"
_MACS = b"\2" * 6 + b"\4" * 6


@dataclass(frozen=True)
class Stamped:
    """A frame of a capture that is being made."""

    time_us: int
    data: bytes
    kept: int = 0  # bytes; all where 0

    @property
    def in_file(self) -> bytes:
        return self.data[: self.kept] if self.kept else self.data


@dataclass(frozen=True)
class Sample:
    """A capture file."""

    name: str
    data: bytes
    is_damaged: bool = False


def _ethertype(packet: bytes) -> bytes:
    return b"\x86\xdd" if packet[0] >> 4 == 6 else b"\x08\0"


def _labels(*labels: int) -> bytes:
    return b"".join(
        struct.pack("!I", label << 12 | (number == len(labels) - 1) << 8 | 64)
        for number, label in enumerate(labels)
    )


def _ppp(packet: bytes) -> bytes:
    return (b"\0\x57" if packet[0] >> 4 == 6 else b"\0\x21") + packet


def _session(packet: bytes) -> bytes:
    return struct.pack("!BBHH", 0x11, 0, 1, len(packet) + 2) + _ppp(packet)


LINKS: dict[str, tuple[int, Callable[[bytes], bytes]]] = {
    "ethernet": (1, ethernet),
    "padded": (1, lambda packet: ethernet(packet) + bytes(max(0, 46 - len(packet)))),
    "vlan": (1, lambda packet: ethernet(packet, 0x8100)),
    "qinq": (1, lambda packet: ethernet(packet, 0x88A8, 0x8100)),
    "old-qinq": (1, lambda packet: ethernet(packet, 0x9100, 0x8100)),
    "raw": (101, lambda packet: packet),
    "raw-by-family": (0, lambda packet: packet),  # 228 or 229, below
    "null": (0, lambda packet: (b"\2" if packet[0] >> 4 == 4 else b"\x18") + b"\0\0\0" + packet),
    "null-big": (0, lambda packet: b"\0\0\0" + (b"\2" if packet[0] >> 4 == 4 else b"\x1e") + packet),
    "loop": (108, lambda packet: b"\0\0\0" + (b"\2" if packet[0] >> 4 == 4 else b"\x18") + packet),
    "sll": (113, lambda packet: b"\0\0\0\1\0\6" + bytes(8) + _ethertype(packet) + packet),
    "sll-vlan": (
        113,
        lambda packet: b"\0\0\0\1\0\6" + bytes(8) + b"\x81\0\0\7" + _ethertype(packet) + packet,
    ),
    "sll2": (276, lambda packet: _ethertype(packet) + b"\0\0\0\0\0\1\0\1\0\6" + bytes(8) + packet),
    "mpls": (1, lambda packet: _MACS + b"\x88\x47" + _labels(16) + packet),
    "mpls-3": (1, lambda packet: _MACS + b"\x88\x47" + _labels(16, 17, 18) + packet),
    "pppoe": (1, lambda packet: _MACS + b"\x88\x64" + _session(packet)),
    "pppoe-vlan": (1, lambda packet: _MACS + b"\x81\0\0\7\x88\x64" + _session(packet)),
    "pppoe-alone": (51, _session),
    "ppp": (9, lambda packet: b"\xff\x03" + _ppp(packet)),
    "ppp-bare": (9, _ppp),
    "ppp-short": (9, lambda packet: b"\xff\x03" + _ppp(packet)[1:]),
    "ppp-hdlc": (50, lambda packet: b"\xff\x03" + _ppp(packet)),
    "ppp-mpls": (9, lambda packet: b"\xff\x03\x02\x81" + _labels(16) + packet),
    "cisco-hdlc": (104, lambda packet: b"\x0f\0" + _ethertype(packet) + packet),
    "snap": (
        1,
        lambda packet: _MACS + struct.pack("!H", len(packet) + 8) + _SNAP + _ethertype(packet) + packet,
    ),
}

Packets = list[tuple[int, bytes]]  # us, IP packet


class _Talk:
    """Writes the packets of one connection."""

    def __init__(self, chance: random.Random, client: End, server: End) -> None:
        self.chance = chance
        self.ends = (client, server)
        self.seq = [chance.getrandbits(32), chance.getrandbits(32)]
        self.packets: list[bytes] = []
        self.extra = b""  # in front of TCP: options of IPv4, or extension headers of IPv6

    def say(self, sender: int, flags: int, payload: bytes = b"", back: int = 0) -> None:
        source, target = self.ends[sender], self.ends[1 - sender]
        seq, acked = (self.seq[sender] - back) % 2**32, self.seq[1 - sender] if flags & ACK else 0
        inner = tcp(source, target, flags, seq, acked, payload)
        if not back:
            self.seq[sender] = (seq + len(payload) + bool(flags & (SYN | FIN))) % 2**32
        if ":" not in source[0]:
            self.packets.append(ipv4(source, target, inner, options=self.extra))
        elif self.extra:
            self.packets.append(ipv6(source, target, self.extra + inner, following=60))
        else:
            self.packets.append(ipv6(source, target, inner))

    def open(self, flags: int = 0) -> None:
        self.say(0, SYN | flags)
        self.say(1, SYN | ACK | (flags and 0x40))
        self.say(0, ACK)

    def close(self) -> None:
        first = self.chance.randrange(2)
        self.say(first, FIN | ACK)
        self.say(1 - first, FIN | ACK)
        self.say(first, ACK)

    def data(self, rounds: int, most: int = 1400) -> None:
        for _ in range(rounds):
            sender = self.chance.randrange(2)
            size = self.chance.randrange(1, most)
            self.say(sender, PSH | ACK, bytes(size))
            if self.chance.random() < 0.2:
                self.say(sender, PSH | ACK, bytes(size), back=size)
            self.say(1 - sender, ACK)


def _plain(talk: _Talk) -> None:
    talk.open()
    talk.data(3)
    talk.close()


def _ecn(talk: _Talk) -> None:
    talk.open(0xC0)
    talk.say(0, ACK | 0x80, b"cwr")
    talk.say(1, ACK | 0x40)
    talk.close()


def _reset(talk: _Talk) -> None:
    talk.open()
    talk.data(2)
    talk.say(talk.chance.randrange(2), RST | ACK)


def _refused(talk: _Talk) -> None:
    talk.say(0, SYN)
    talk.seq[1] = 0
    talk.say(1, RST | ACK)


def _middle(talk: _Talk) -> None:
    _plain(talk)
    del talk.packets[: talk.chance.randrange(2, 6)]


def _again(talk: _Talk) -> None:
    _plain(talk)
    talk.seq = [talk.chance.getrandbits(32), talk.chance.getrandbits(32)]
    _plain(talk)


def _headers(talk: _Talk) -> None:
    v6 = ":" in talk.ends[0][0]
    talk.extra = b"\x06\0\1\4\0\0\0\0" if v6 else b"\x01" * (4 * talk.chance.randrange(1, 10))
    _plain(talk)


def _late_syn_ack(talk: _Talk) -> None:
    _plain(talk)
    talk.packets.insert(talk.chance.randrange(3, 6), talk.packets.pop(1))


def _late_syn(talk: _Talk) -> None:
    _plain(talk)
    talk.packets.insert(talk.chance.randrange(2, 6), talk.packets.pop(0))


def _long(talk: _Talk) -> None:
    """Segments that a network card splits, with no length in their IP header, or with one too long."""
    talk.open()
    talk.data(3, most=20_000)
    talk.close()
    place, told = (4, 65000) if ":" in talk.ends[0][0] else (2, talk.chance.choice([0, 65000]))
    for number, packet in enumerate(talk.packets):
        if len(packet) > 1000:
            talk.packets[number] = packet[:place] + struct.pack("!H", told) + packet[place + 2 :]


def _fragments(talk: _Talk) -> None:
    talk.open()
    talk.data(3, most=4000)
    talk.close()
    size = 8 * talk.chance.randrange(8, 100)
    first = talk.ends[0][1] % 256 * 256  # no two packets on their way have one number (RFC 6864)
    talk.packets = [
        part
        for number, packet in enumerate(talk.packets, first)
        for part in _in_fragments(packet, size, number, talk.chance)
    ]


def _in_fragments(packet: bytes, size: int, number: int, chance: random.Random) -> list[bytes]:
    v6 = packet[0] >> 4 == 6
    head = 40 if v6 else 20
    body = packet[head:]
    if len(body) <= size:
        return [packet]
    parts = []
    for offset in range(0, len(body), size):
        part, more = body[offset : offset + size], offset + size < len(body)
        if v6:
            fragment = struct.pack("!BBHI", 6, 0, offset | more, number) + part
            parts.append(packet[:4] + struct.pack("!HB", len(fragment), 44) + packet[7:40] + fragment)
        else:
            total, bits = struct.pack("!H", 20 + len(part)), struct.pack("!H", more << 13 | offset // 8)
            identification = struct.pack("!H", number)
            parts.append(packet[:2] + total + identification + bits + packet[8:20] + part)
    if chance.random() < 0.3:
        chance.shuffle(parts)
    return parts


TALKS: dict[str, Callable[[_Talk], None]] = {
    "plain": _plain,
    "ecn": _ecn,
    "reset": _reset,
    "refused": _refused,
    "middle": _middle,
    "again": _again,
    "headers": _headers,
    "late-syn-ack": _late_syn_ack,
    "late-syn": _late_syn,
    "long": _long,
    "fragments": _fragments,
}


def _others(chance: random.Random) -> bytes:
    """A packet that is not TCP, or carries it in a tunnel."""
    ends = ("198.51.100.1", 5), ("198.51.100.2", 6)
    inside = ipv4(*ends, tcp(*ends, SYN, 1))
    frame = _MACS + b"\x08\0" + inside
    vxlan = b"\x80\1\x12\xb5" + struct.pack("!HH", len(frame) + 16, 0) + b"\x08\0\0\0\0\0\7\0" + frame
    return chance.choice(
        [
            ipv4(*ends, b"\0\0\x08\0" + inside, protocol=47),
            ipv4(*ends, inside, protocol=4),
            ipv4(*ends, vxlan, protocol=17),
            ipv4(*ends, b"\0\5\0\6\0\x0c\0\0abcd", protocol=17),
            ipv4(*ends, b"\x08\0\0\0" + bytes(20), protocol=1),
            ipv6(("2001:db8::5", 5), ("2001:db8::6", 6), b"\x80\0\0\0" + bytes(20), following=58),
        ]
    )


def _traffic(chance: random.Random, kind: str) -> list[bytes]:
    """One to three connections, mixed, with others' packets between them."""
    talks = []
    for number in range(chance.randrange(1, 4)):
        version = chance.choice(["192.0.2.", "2001:db8::"])
        talk = _Talk(chance, (f"{version}1", 40_000 + number), (f"{version}2", 80))
        TALKS[kind](talk)
        talks.append(talk.packets)
    mixed = []
    while any(talks):
        talk_packets = chance.choice([packets for packets in talks if packets])
        mixed.append(talk_packets.pop(0))
        if chance.random() < 0.15:
            mixed.append(_others(chance))
    return mixed


def _stamped(chance: random.Random, packets: list[bytes], wrap: Callable[[bytes], bytes]) -> list[Stamped]:
    """The frames with times that run on, or jump back, and cut or not."""
    backwards, cut = chance.random() < 0.2, chance.choice([0, 0, 120])
    time_us, stamped = START_US, []
    for packet in packets:
        time_us += chance.randrange(-3000 if backwards else 0, 5000)
        stamped.append(Stamped(time_us, wrap(packet), cut))
    return stamped


def _pcap(frames: list[Stamped], link: int, order: str, nanoseconds: bool) -> bytes:
    data = struct.pack(order + "IHHiIII", 0xA1B23C4D if nanoseconds else 0xA1B2C3D4, 2, 4, 0, 0, 65535, link)
    for frame in frames:
        second, micro = divmod(frame.time_us, 1_000_000)
        kept = frame.in_file
        fraction = micro * 1000 if nanoseconds else micro
        data += struct.pack(order + "IIII", second, fraction, len(kept), len(frame.data)) + kept
    return data


_RESOLUTIONS: dict[str, tuple[bytes, int]] = {
    "us": (b"", 10**6),
    "ns": (b"\x09", 10**9),
    "ms": (b"\x03", 10**3),
    "2^-20": (b"\x94", 2**20),
}


def _pcapng(chance: random.Random, frames: list[Stamped], link: int, order: str) -> bytes:
    """One section or two, one interface or more in each, with resolutions and offsets of their own."""
    parts = [frames]
    if chance.random() < 0.4:
        half = len(frames) // 2
        parts = [frames[:half], frames[half:]]
    data = b""
    for part in parts:
        data += section(order)
        interfaces = [_interface(chance) for _ in range(chance.randrange(1, 4))]
        for options, _, _ in interfaces:
            data += block(1, struct.pack(order + "HHI", link, 0, 0) + options(order), order)
        if chance.random() < 0.3:
            data += block(0x80000001, bytes(chance.randrange(100)), order)
        for frame in part:
            data += _packet(chance, frame, interfaces, order)
        order = chance.choice("<>")
    return data


def _interface(chance: random.Random) -> tuple[Callable[[str], bytes], int, int]:
    """Its options, units in a second, and offset in s."""
    code, units = chance.choice(list(_RESOLUTIONS.values()))
    offset = chance.choice([0, 0, 1_000_000, 1_600_000_000])

    def options(order: str) -> bytes:
        data = struct.pack(order + "HH4s", 2, 4, b"eth0")
        data += struct.pack(order + "HHB3x", 9, 1, code[0]) if code else b""
        data += struct.pack(order + "HHq", 14, 8, offset) if offset else b""
        return data + bytes(4)

    return options, units, offset


def _packet(
    chance: random.Random,
    frame: Stamped,
    interfaces: list[tuple[Callable[[str], bytes], int, int]],
    order: str,
) -> bytes:
    number = chance.randrange(len(interfaces))
    _, units, offset = interfaces[number]
    ticks = (frame.time_us - offset * 1_000_000) * units // 1_000_000
    kept = frame.in_file
    stamp = ticks >> 32, ticks & 0xFFFFFFFF
    padding = bytes(-len(kept) % 4)
    if chance.random() < 0.05 and number == 0 and not frame.kept:
        return block(3, struct.pack(order + "I", len(frame.data)) + kept, order)
    if chance.random() < 0.1:
        return block(
            2, struct.pack(order + "HHIIII", number, 0, *stamp, len(kept), len(frame.data)) + kept, order
        )
    options = struct.pack(order + "HH4sHH", 1, 4, b"note", 0, 0) if chance.random() < 0.2 else b""
    head = struct.pack(order + "IIIII", number, *stamp, len(kept), len(frame.data))
    return block(6, head + kept + padding + options, order)


def _damaged(chance: random.Random, data: bytes, first: int) -> bytes:
    """Cut, or with bytes of the packets changed, behind the first bytes."""
    if chance.random() < 0.5:
        return data[: chance.randrange(first, len(data))]
    changed = bytearray(data)
    for _ in range(chance.randrange(1, 6)):
        changed[chance.randrange(first, len(data))] = chance.randrange(256)
    return bytes(changed)


def corpus(seed: int = 18) -> Iterator[Sample]:
    """Each talk in each link type, in a format that the seed chooses; every fifth is damaged too."""
    chance = random.Random(seed)
    for kind in TALKS:
        for link_name in LINKS:
            yield from _samples(chance, kind, link_name)


def _samples(chance: random.Random, kind: str, link_name: str) -> Iterator[Sample]:
    name = f"{kind}-{link_name}"
    link, wrap = LINKS[link_name]
    packets = _traffic(chance, kind)
    if link_name == "raw-by-family":
        version = chance.choice([4, 6])
        packets = [packet for packet in packets if packet[0] >> 4 == version]
        link = 228 if version == 4 else 229
    if link_name == "snap":  # whose frames have a length, of at most 1,500
        packets = [packet for packet in packets if len(packet) < 1490]
    frames = _stamped(chance, packets, wrap)
    order = chance.choice("<>")
    if chance.random() < 0.4:
        nanoseconds = chance.random() < 0.5
        data, form, first = _pcap(frames, link, order, nanoseconds), "pcap", 24
    else:
        data, form, first = _pcapng(chance, frames, link, order), "pcapng", 120
    if chance.random() < 0.1:
        yield Sample(f"{name}.{form}.gz", gzip.compress(data, mtime=0))
    else:
        yield Sample(f"{name}.{form}", data)
    if chance.random() < 0.2 and len(data) > first:
        yield Sample(f"{name}-damaged.{form}", _damaged(chance, data, first), is_damaged=True)
