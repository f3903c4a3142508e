# SPDX-License-Identifier: Apache-2.0
"""Frames and capture files made by hand, as other programs write them."""

import ipaddress
import struct
from collections.abc import Iterable

SYN, FIN, RST, PSH, ACK = 2, 1, 4, 8, 16
CLIENT, SERVER = ("192.0.2.1", 40000), ("192.0.2.2", 80)
CLIENT6, SERVER6 = ("2001:db8::1", 40000), ("2001:db8::2", 80)
End = tuple[str, int]

_MACS = b"\2" * 6 + b"\4" * 6


def tcp(source: End, target: End, flags: int, seq: int, ack: int = 0, payload: bytes = b"") -> bytes:
    head = struct.pack("!HHIIBBHHH", source[1], target[1], seq, ack, 0x50, flags, 8192, 0, 0)
    return head + payload


def ipv4(
    source: End, target: End, payload: bytes, *, protocol: int = 6, fragment: int = 0, options: bytes = b""
) -> bytes:
    addresses = (ipaddress.ip_address(end[0]).packed for end in (source, target))
    first = 0x45 + len(options) // 4
    total = 20 + len(options) + len(payload)
    head = struct.pack("!BBHHHBBH4s4s", first, 0, total, 0, fragment, 64, protocol, 0, *addresses)
    return head + options + payload


def ipv6(source: End, target: End, payload: bytes, *, following: int = 6) -> bytes:
    addresses = (ipaddress.ip_address(end[0]).packed for end in (source, target))
    return struct.pack("!IHBB16s16s", 0x60000000, len(payload), following, 64, *addresses) + payload


def segment(source: End, target: End, flags: int, seq: int, ack: int = 0, payload: bytes = b"") -> bytes:
    """An IP packet, of the version that its ends have."""
    wrap = ipv6 if ":" in source[0] else ipv4
    return wrap(source, target, tcp(source, target, flags, seq, ack, payload))


def exchange(client: End = CLIENT, server: End = SERVER, isn: int = 0xFFFFFFFE) -> list[bytes]:
    """A connection of seven IP packets; the client's sequence numbers wrap."""
    first, second, third = ((isn + n) % 2**32 for n in (1, 4, 5))
    return [
        segment(client, server, SYN, isn),
        segment(server, client, SYN | ACK, 7000, first),
        segment(client, server, ACK, first, 7001),
        segment(client, server, PSH | ACK, first, 7001, b"abc"),
        segment(client, server, FIN | ACK, second, 7001),
        segment(server, client, FIN | ACK, 7001, third),
        segment(client, server, ACK, third, 7002),
    ]


def ethernet(packet: bytes, *tags: int) -> bytes:
    """A frame, in VLANs of these EtherTypes."""
    vlans = b"".join(struct.pack("!HH", tag, 7) for tag in tags)
    return _MACS + vlans + struct.pack("!H", 0x86DD if packet[0] >> 4 == 6 else 0x0800) + packet


def pcap(
    frames: Iterable[bytes], link: int = 1, *, order: str = "<", nanoseconds: bool = False, kept: int = 65535
) -> bytes:
    """A packet each millisecond, of which `kept` bytes are in the file."""
    magic = 0xA1B23C4D if nanoseconds else 0xA1B2C3D4
    data = struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, kept, link)
    for number, frame in enumerate(frames):
        fraction = number * (1_000_000 if nanoseconds else 1000)
        data += struct.pack(order + "IIII", 1_700_000_000, fraction, len(frame[:kept]), len(frame))
        data += frame[:kept]
    return data


def block(kind: int, body: bytes, order: str = "<") -> bytes:
    body += bytes(-len(body) % 4)
    size = struct.pack(order + "I", len(body) + 12)
    return struct.pack(order + "I", kind) + size + body + size


def section(order: str = "<") -> bytes:
    return block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1), order)


def interface(
    link: int = 1, order: str = "<", *, resolution: int | None = None, offset: int | None = None
) -> bytes:
    options = b"" if resolution is None else struct.pack(order + "HHB3x", 9, 1, resolution)
    options += b"" if offset is None else struct.pack(order + "HHq", 14, 8, offset)
    return block(1, struct.pack(order + "HHI", link, 0, 0) + options + bytes(4), order)


def packet(frame: bytes, ticks: int, number: int = 0, order: str = "<") -> bytes:
    head = struct.pack(order + "IIIII", number, ticks >> 32, ticks & 0xFFFFFFFF, len(frame), len(frame))
    return block(6, head + frame, order)


def named_interface(name: str) -> bytes:
    """The block of an Ethernet interface with that name; its stamps are in us."""
    value = name.encode()
    option = struct.pack("<HH", 2, len(value)) + value + bytes(-len(value) % 4)
    return block(1, struct.pack("<HHI", 1, 0, 0) + option + bytes(4))


def identified(frame: bytes, ticks: int, number: int, packet_id: int) -> bytes:
    """A packet with the id that it has in every interface; without one for 0."""
    head = struct.pack("<IIIII", number, ticks >> 32, ticks & 0xFFFFFFFF, len(frame), len(frame))
    option = struct.pack("<HHQHH", 5, 8, packet_id, 0, 0) if packet_id else b""
    return block(6, head + frame + bytes(-len(frame) % 4) + option)
