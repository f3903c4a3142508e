# SPDX-License-Identifier: Apache-2.0
"""A case's packets as a file that Wireshark opens, with the events of its IRPs between them."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.wire.packets import Packet
from harness.wire.pcapng import INBOUND, OUTBOUND, Writer

_LINKTYPE_ETHERNET = 1
_LINKTYPE_WIRESHARK_UPPER_PDU = 252
_DIRECTIONS = {"guest": INBOUND, "peer": OUTBOUND}

# Wireshark's "exported PDU" tags: which dissector shows the bytes that follow. Syslog's shows
# any line of text in the packet list, and every Wireshark has it.
_TAG_DISSECTOR, _TAG_END = 12, 0
_TEXT_DISSECTOR = b"syslog\0\0"
_TEXT_TAGS = (
    struct.pack(">HH", _TAG_DISSECTOR, len(_TEXT_DISSECTOR))
    + _TEXT_DISSECTOR
    + struct.pack(">HH", _TAG_END, 0)
)


@dataclass(frozen=True)
class Note:
    """A line of text that Wireshark shows between the packets, at `time_ns`."""

    time_ns: int
    text: str


def write_pcapng(
    path: Path,
    packets: Sequence[Packet],
    *,
    interface: str,
    comment: str,
    drops: int = 0,
    notes: Sequence[Note] = (),
) -> None:
    """The packets on one interface, the notes on another; `comment` says what it is of."""
    entries: list[Packet | Note] = sorted([*packets, *notes], key=lambda entry: entry.time_ns)
    with path.open("wb") as file:
        writer = Writer(file, comment=comment, program="wsk-conformance")
        wire = writer.interface(interface, _LINKTYPE_ETHERNET)
        text = writer.interface("IRP events", _LINKTYPE_WIRESHARK_UPPER_PDU)
        for entry in entries:
            if isinstance(entry, Note):
                writer.packet(text, entry.time_ns, _TEXT_TAGS + entry.text.encode())
            else:
                writer.packet(wire, entry.time_ns, entry.raw, _DIRECTIONS[entry.sender])
        last = packets[-1].time_ns if packets else 0
        writer.statistics(wire, last, received=len(packets) + drops, dropped=drops)
