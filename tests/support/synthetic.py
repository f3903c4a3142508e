# SPDX-License-Identifier: Apache-2.0
"""Evidence made by hand, for tests of the conclusions from it.

The guest's counter runs at 10 MHz, as Windows' does, and reads BOOT when the
host's clock reads 0; all times given here are host times in ns.
"""

import dpkt

from harness.core.abi import EventKind, TraceOutcome, abi
from harness.core.units import ms
from harness.evidence import Clock, Exchange
from harness.scenario import Address, Operation, Scenario
from harness.scenario.encoding import receive_places, receive_size, result_places
from harness.wire import Flag, Packet, Sender, parse

FREQUENCY = 10_000_000
TICK = 100  # ns that one value of the counter stands for
BOOT = 123_456_789
PEER = Address(4, "192.0.2.1", 4000)
GUEST_PORT = 50000


def qpc(time_ns: int) -> int:
    return BOOT + time_ns * FREQUENCY // 1_000_000_000


def exact_clock(*times_ns: int, error: int = 0) -> Clock:
    """A clock whose bound is `error` around each of these times."""
    return Clock(
        FREQUENCY,
        [Exchange(time - error // 2, qpc(time), time - error // 2 + error) for time in times_ns or (0,)],
        drift_ppm=0,
    )


class GuestRun:
    """Writes the trace that a driver would."""

    def __init__(self, plan: Scenario) -> None:
        self.plan = plan
        self.lost_events = 0
        self.outcome = TraceOutcome.COMPLETED
        self.stop_step = abi.WSKTEST_NO_STEP
        self._events: list[bytes] = []
        self._area = bytearray(b"\xa5" * receive_size(plan))

    def event(self, step: int, kind: int, time_ns: int, **fields: int) -> "GuestRun":
        event = abi.wsktest_event(
            sequence=len(self._events), qpc=qpc(time_ns), step=step, kind=kind, **fields
        )
        self._events.append(event.dumps())
        return self

    def call(self, operation: Operation, time_ns: int, returned: int = 0x103, irql: int = 0) -> "GuestRun":
        self.event(operation.number, EventKind.CALL, time_ns, irql=irql)
        return self.event(operation.number, EventKind.RETURN, time_ns + 1000, status=returned, irql=irql)

    def complete(
        self,
        operation: Operation,
        time_ns: int,
        status: int = 0,
        data: bytes = b"",
        times: int = 1,
        marked: bool = True,
        information: int | None = None,
        irql: int = 2,
    ) -> "GuestRun":
        place = receive_places(self.plan).get(operation, 0)
        self._area[place : place + len(data)] = data
        return self.event(
            operation.number,
            EventKind.COMPLETION,
            time_ns,
            io_status=status,
            information=len(data) if information is None else information,
            completions=times,
            flags=abi.WSKTEST_EVENT_PENDING_RETURNED if marked else 0,
            irql=irql,
        )

    def keep(self, data: bytes) -> None:
        """Adds the data that callbacks kept, in the last step that keeps any."""
        for place in list(result_places(self.plan).values())[-1:] if data else ():
            self._area[place : place + len(data)] = data

    def trace(self) -> bytes:
        size = abi.wsktest_trace.size
        events = b"".join(self._events)
        header = abi.wsktest_trace(
            magic=abi.WSKTEST_TRACE_MAGIC,
            version=abi.WSKTEST_ABI_VERSION,
            header_size=size,
            total_size=size + len(events) + len(self._area),
            outcome=self.outcome,
            id=self.plan.id,
            event_count=len(self._events),
            event_size=abi.wsktest_event.size,
            events_offset=size,
            receive_offset=size + len(events),
            receive_size=len(self._area),
            lost_events=self.lost_events,
            stop_step=self.stop_step,
            qpc_frequency=FREQUENCY,
        )
        return bytes(header.dumps() + events + self._area)


class Wire:
    """Writes the packets of one connection; sequence numbers are offsets from each side's SYN."""

    GUEST_ISN = 0xFFFFFFF0  # wraps early
    PEER_ISN = 7000

    def __init__(self, peer_port: int = PEER.port, guest_port: int = GUEST_PORT) -> None:
        self.packets: list[Packet] = []
        self._guest_port = guest_port
        self._peer_port = peer_port

    def packet(
        self,
        sender: Sender,
        flags: Flag,
        time_ns: int,
        *,
        offset: int = 0,
        payload: bytes = b"",
        acknowledged: int = 1,
    ) -> "Wire":
        own, other = (self.GUEST_ISN, self.PEER_ISN) if sender == "guest" else (self.PEER_ISN, self.GUEST_ISN)
        tcp = dpkt.tcp.TCP(
            sport=self._guest_port if sender == "guest" else self._peer_port,
            dport=self._peer_port if sender == "guest" else self._guest_port,
            seq=(own + offset) % 2**32,
            ack=(other + acknowledged) % 2**32,
            flags=int(flags),
            data=payload,
        )
        hosts = b"\xc0\0\2\2", b"\xc0\0\2\1"  # the guest's, the peer's
        src, dst = hosts if sender == "guest" else reversed(hosts)
        ip = dpkt.ip.IP(src=src, dst=dst, p=dpkt.ip.IP_PROTO_TCP, data=tcp)
        ip.len = len(ip)
        frame = bytes(dpkt.ethernet.Ethernet(src=b"\2" * 6, dst=b"\4" * 6, data=ip))
        self.packets.append(parse(frame, time_ns=time_ns, sender=sender, index=len(self.packets)))
        return self

    def handshake(self, time_ns: int) -> "Wire":
        self.packet("guest", Flag.SYN, time_ns)
        self.packet("peer", Flag.SYN | Flag.ACK, time_ns + ms)
        return self.packet("guest", Flag.ACK, time_ns + 2 * ms, offset=1)
