# SPDX-License-Identifier: Apache-2.0
"""A case's packets as a pcapng file that Wireshark opens (draft-ietf-opsawg-pcapng)."""

import io
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pcapng import FileWriter
from pcapng.blocks import EnhancedPacket, InterfaceDescription, InterfaceStatistics, SectionHeader
from pcapng.structs import EPBFlags

from harness.wire.packets import Packet

_LINKTYPE_ETHERNET = 1
_LINKTYPE_WIRESHARK_UPPER_PDU = 252
_NANOSECONDS = b"\x09"  # if_tsresol: 10^-9
# As seen from the host.
_DIRECTIONS = {"guest": EPBFlags(1), "peer": EPBFlags(2)}

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


def pcapng(
    packets: Sequence[Packet],
    *,
    interface: str,
    comment: str,
    drops: int = 0,
    notes: Sequence[Note] = (),
) -> bytes:
    """One section: the packets on one interface, the notes on another; `comment` says what it is of."""
    section = SectionHeader(
        endianness="<", options={"opt_comment": comment, "shb_userappl": "wsk-conformance"}
    )
    wire = _interface(section, interface, _LINKTYPE_ETHERNET)
    text = _interface(section, "IRP events", _LINKTYPE_WIRESHARK_UPPER_PDU)
    # A block is filled anew for each packet: the library takes as long to make one as to write it.
    block_of = {sender: _block(section, wire, {"epb_flags": flags}) for sender, flags in _DIRECTIONS.items()}
    note_block = _block(section, text, {})
    file = io.BytesIO()
    writer = FileWriter(file, section)
    entries: list[Packet | Note] = [*packets, *notes]
    for entry in sorted(entries, key=lambda entry: entry.time_ns):
        if isinstance(entry, Note):
            block, data = note_block, _TEXT_TAGS + entry.text.encode()
        else:
            block, data = block_of[entry.sender], entry.raw
        block.packet_data, block.packet_len = data, len(data)
        _set_time(block, entry.time_ns)
        writer.write_block(block)
    statistics = section.new_member(
        InterfaceStatistics,
        interface_id=wire.interface_id,
        options={"isb_ifrecv": len(packets) + drops, "isb_ifdrop": drops},
    )
    _set_time(statistics, packets[-1].time_ns if packets else 0)
    writer.write_block(statistics)
    return file.getvalue()


def write_pcapng(
    path: Path,
    packets: Sequence[Packet],
    *,
    interface: str,
    comment: str,
    drops: int = 0,
    notes: Sequence[Note] = (),
) -> None:
    """Writes `pcapng` to a file."""
    path.write_bytes(pcapng(packets, interface=interface, comment=comment, drops=drops, notes=notes))


def _interface(section: SectionHeader, name: str, link_type: int) -> InterfaceDescription:
    return section.new_member(
        InterfaceDescription,
        link_type=link_type,
        snaplen=0,
        options={"if_name": name, "if_tsresol": _NANOSECONDS},
    )


def _block(
    section: SectionHeader, interface: InterfaceDescription, options: dict[str, Any]
) -> EnhancedPacket:
    return section.new_member(EnhancedPacket, interface_id=interface.interface_id, options=options)


def _set_time(block: EnhancedPacket | InterfaceStatistics, time_ns: int) -> None:
    block.timestamp_high, block.timestamp_low = time_ns >> 32, time_ns & 0xFFFFFFFF
