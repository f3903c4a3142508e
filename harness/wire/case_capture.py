# SPDX-License-Identifier: Apache-2.0
"""A case's packets as a file that Wireshark opens, with the events of its IRPs between them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.wire import irp_events
from harness.wire.packets import Packet
from harness.wire.pcapng import INBOUND, OUTBOUND, Writer

_LINKTYPE_ETHERNET = 1
_NO_ADDRESS = "0.0.0.0"
_DIRECTIONS = {"guest": INBOUND, "peer": OUTBOUND}


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
    strays: int = 0,
    notes: Sequence[Note] = (),
    guest: str = _NO_ADDRESS,
) -> None:
    """The packets on one interface, the notes on another, as of the guest with this IPv4 address.

    `comment` says what it is of. `drops` are lost packets; `strays` are frames of the guest's that are
    nobody's, which the file counts and does not have.
    """
    entries: list[Packet | Note] = sorted([*packets, *notes], key=lambda entry: entry.time_ns)
    with path.open("wb") as file:
        writer = Writer(file, comment=comment, program="wsk-conformance")
        wire = writer.interface(interface, _LINKTYPE_ETHERNET)
        events = writer.interface("IRP events", irp_events.LINK_TYPE)
        for entry in entries:
            if isinstance(entry, Note):
                frame = irp_events.encoded(entry.text, guest)
                writer.packet(events, entry.time_ns, frame, comment=entry.text)
            else:
                writer.packet(wire, entry.time_ns, entry.raw, _DIRECTIONS[entry.sender])
        last = packets[-1].time_ns if packets else 0
        seen = len(packets) + drops + strays
        writer.statistics(wire, last, received=seen, dropped=drops, accepted=len(packets) + drops)
