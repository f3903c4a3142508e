# SPDX-License-Identifier: Apache-2.0
"""The traffic on the wire: capture, decoding, pcapng."""

from harness.wire.capture import Capture, Window
from harness.wire.case_capture import Note, write_pcapng
from harness.wire.packets import ACK, FIN, PSH, RST, SYN, URG, Flag, Packet, Sender, parse

__all__ = [
    "ACK",
    "FIN",
    "PSH",
    "RST",
    "SYN",
    "URG",
    "Capture",
    "Flag",
    "Note",
    "Packet",
    "Sender",
    "Window",
    "parse",
    "write_pcapng",
]
