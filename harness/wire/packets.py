# SPDX-License-Identifier: Apache-2.0
"""Frames of our own captures, decoded as far as TCP headers.

A frame comes from a guest under test: one that cannot be decoded is kept with
its raw bytes and no fields, and never raises.
"""

import ipaddress
from dataclasses import dataclass, field
from enum import IntFlag
from functools import lru_cache
from typing import Any, Literal

from harness.wire.segments import ETHERNET, CapturedSegment, Fragment, segment

Sender = Literal["guest", "peer"]


class Flag(IntFlag):
    """TCP control bits (RFC 9293, section 3.1)."""

    FIN = 0x01
    SYN = 0x02
    RST = 0x04
    PSH = 0x08
    ACK = 0x10
    URG = 0x20
    ECE = 0x40  # and CWR: RFC 3168
    CWR = 0x80

    def __str__(self) -> str:
        return "+".join(flag.name or "" for flag in Flag if flag in self) or "no flags"

    __repr__ = __str__


FIN, SYN, RST, PSH, ACK, URG = Flag.FIN, Flag.SYN, Flag.RST, Flag.PSH, Flag.ACK, Flag.URG

NO_FLAGS = Flag(0)
_FLAGS = tuple(map(Flag, range(256)))  # by their byte: a packet need make none
_IPV4_BYTES = 4


@dataclass(frozen=True)
class Packet:
    """One frame on the wire; `family` is 0 when it holds no TCP segment."""

    time_ns: int  # CLOCK_REALTIME, when the kernel saw it
    sender: Sender
    index: int  # place in the capture
    raw: bytes = field(repr=False)
    family: int = 0
    src: str = ""
    dst: str = ""
    sport: int = 0
    dport: int = 0
    seq: int = 0
    ack: int = 0
    flags: Flag = NO_FLAGS
    window: int = 0  # as in the header, not scaled
    payload: bytes = field(default=b"", repr=False)

    @property
    def peer_port(self) -> int:
        """The port at the peer's end."""
        return self.dport if self.sender == "guest" else self.sport

    @property
    def guest_port(self) -> int:
        """The port at the guest's end."""
        return self.sport if self.sender == "guest" else self.dport

    @property
    def position(self) -> int:
        """Sequence number of what follows the payload: where a FIN of this segment stands."""
        return (self.seq + len(self.payload)) & 0xFFFFFFFF

    def describe(self) -> str:
        """The packet for people: 'FIN+ACK seq 17 ack 42 len 0'."""
        if not self.family:
            return f"frame of {len(self.raw)} bytes"
        return f"{self.flags} seq {self.seq} ack {self.ack} len {len(self.payload)}"

    @property
    def numbered(self) -> str:
        """For a sentence that has named its sender: 'FIN+ACK seq 17 ack 42 len 0 (packet 3)'."""
        return f"{self.describe()} (packet {self.index})"

    def __repr__(self) -> str:
        return f"the {self.sender}'s {self.numbered}"


def parse(raw: bytes, *, time_ns: int = 0, sender: Sender = "guest", index: int = 0) -> Packet:
    """Decodes an Ethernet frame, of a fragmented packet the first fragment; never raises."""
    found = segment(ETHERNET, raw)
    found = found.alone if isinstance(found, Fragment) else found
    fields = _fields(raw, found) if isinstance(found, CapturedSegment) else {}
    return Packet(time_ns, sender, index, raw, **fields)


def _fields(raw: bytes, found: CapturedSegment) -> dict[str, Any]:
    half = len(found.addresses) // 2
    return {
        "family": 4 if half == _IPV4_BYTES else 6,
        "src": _address(found.addresses[:half]),
        "dst": _address(found.addresses[half:]),
        "sport": int.from_bytes(found.ports[:2], "big"),
        "dport": int.from_bytes(found.ports[2:], "big"),
        "seq": found.seq,
        "ack": found.ack,
        "flags": _FLAGS[found.flags & 0xFF],
        "window": found.window,
        "payload": raw[found.payload_at : found.payload_at + found.length],
    }


@lru_cache(64)
def _address(packed: bytes) -> str:
    """The address as text; a run has a handful, and each packet two."""
    return str(ipaddress.ip_address(packed))
