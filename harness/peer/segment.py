# SPDX-License-Identifier: Apache-2.0
"""TCP segments and their bytes (RFC 9293, section 3.1)."""

import ipaddress
import struct
from dataclasses import dataclass
from typing import NamedTuple

import dpkt

from harness.peer.connection_source import Address
from harness.wire.packets import Flag

_HEADER = struct.Struct("!HHIIBBHHH")
_PSEUDO_HEADER_TAIL = struct.Struct("!II")  # length, protocol; the order does not matter to the sum
_MSS = struct.Struct("!BBH")
_WORD = 4  # bytes: the unit of the data offset
_ALL_FLAGS = 0x3F


@dataclass(frozen=True)
class Segment:
    """A TCP segment; sequence numbers as on the wire, modulo 2^32."""

    flags: Flag
    seq: int
    ack: int = 0
    window: int = 0
    payload: bytes = b""
    mss: int | None = None


class SegmentArrival(NamedTuple):
    """A segment and the ports in its header."""

    source: int
    destination: int
    segment: Segment


def encode(segment: Segment, source: Address, destination: Address) -> bytes:
    """The segment with its header and checksum."""
    options = b"" if segment.mss is None else _MSS.pack(dpkt.tcp.TCP_OPT_MSS, _MSS.size, segment.mss)
    offset = (_HEADER.size + len(options)) // _WORD << 4
    header = _HEADER.pack(
        source[1],
        destination[1],
        segment.seq & 0xFFFFFFFF,
        segment.ack & 0xFFFFFFFF,
        offset,
        segment.flags,
        segment.window,
        0,
        0,
    )
    raw = bytearray(header + options + segment.payload)
    hosts = b"".join(ipaddress.ip_address(host).packed for host, _ in (source, destination))
    pseudo = hosts + _PSEUDO_HEADER_TAIL.pack(len(raw), dpkt.ip.IP_PROTO_TCP)
    struct.pack_into("!H", raw, 16, dpkt.in_cksum(pseudo + raw))
    return bytes(raw)


def decode(raw: bytes) -> SegmentArrival | None:
    """The segment that a guest sent, or None for another packet; the checksum is the kernel's to check."""
    try:
        tcp = dpkt.tcp.TCP(raw)
        options = dict(filter(None, dpkt.tcp.parse_opts(tcp.opts)))
    except Exception:  # dpkt meets hostile bytes here, and promises no particular error
        return None
    mss = options.get(dpkt.tcp.TCP_OPT_MSS, b"")
    segment = Segment(
        Flag(tcp.flags & _ALL_FLAGS),
        tcp.seq,
        tcp.ack,
        tcp.win,
        bytes(tcp.data),
        int.from_bytes(mss) if len(mss) == 2 else None,
    )
    return SegmentArrival(tcp.sport, tcp.dport, segment)
