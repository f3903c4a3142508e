# SPDX-License-Identifier: Apache-2.0
"""Timelines made by hand, a moment a line, and what the laws say of them.

A made-up connection is there from the start: WskSocketConnect at 10 ms, its SYNs behind it. Times are ms;
places in a stream count from its first byte.
"""

from collections.abc import Callable
from dataclasses import replace

from synthetic import PEER, GuestRun, Wire, exact_clock

from harness.core.abi import EventKind
from harness.core.ntstatus import STATUS_PENDING, STATUS_SUCCESS
from harness.core.units import ms
from harness.evidence import Timeline, Trace
from harness.scenario import WSK_FLAG_ABORTIVE, Callback, Operation, Scenario, Socket
from harness.verdict.laws import Judgement, judge
from harness.wire import ACK, FIN, PSH, RST, SYN, Flag, Sender


class MadeUp:
    """`plan` and `sock` are for the test to use; each method says what then happened."""

    def __init__(self, plan: Scenario | None = None) -> None:
        self.plan = plan or Scenario()
        self.sock = self.plan.socket_connect(to=PEER)
        self.wire = Wire().handshake(11 * ms)
        self._happened: list[tuple[float, Callable[[GuestRun], object]]] = []
        self._sent = 0  # of the guest's stream
        self._ended = False  # by a FIN of the guest's
        self._answered = 0  # of the peer's
        self._kept = b""
        self.starved = 0  # ns for which the host kept the guest from running
        self.bound = 0  # ns of the clock
        self.called(self.sock.creation, 10).completed(self.sock.creation, 13)

    def called(
        self,
        operation: Operation,
        at: float,
        returned: int = STATUS_PENDING,
        irqls: tuple[int, int] = (0, 0),
        took: float = 0.1,
        thread: int = 0,
    ) -> "MadeUp":
        """The call, and its return when it took so long."""
        self._event(at, operation, EventKind.CALL, irql=irqls[0], thread=thread)
        return self._event(
            at + took, operation, EventKind.RETURN, status=returned, irql=irqls[1], thread=thread
        )

    def completed(
        self,
        operation: Operation,
        at: float,
        status: int = STATUS_SUCCESS,
        information: int = 0,
        *,
        data: bytes = b"",
        times: int = 1,
        marked: bool = True,
        irql: int = 2,
    ) -> "MadeUp":
        def complete(run: GuestRun) -> None:
            run.complete(operation, int(at * ms), status, data, times, marked, information or len(data), irql)

        self._happened.append((at, complete))
        return self

    def event(
        self, callback: Callback, at: float, until: float | None, sock: Socket | None = None, **fields: int
    ) -> "MadeUp":
        """An event callback from then until then; None: it never returned."""
        about = {"socket": (sock or self.sock).slot, "callback": callback}
        left = {name: fields.pop(name) for name in ("status", "taken") if name in fields}
        self._at(at, lambda run: run.event(0, EventKind.CALLBACK_ENTER, int(at * ms), **about, **fields))
        if until is not None:
            status, taken = left.get("status", 0), left.get("taken", fields.get("information", 0))
            end = int(until * ms)
            leave = {**about, "status": status, "information": taken}
            self._at(until, lambda run: run.event(0, EventKind.CALLBACK_LEAVE, end, **leave))
        return self

    def cancelled(self, cancel: Operation, at: float) -> "MadeUp":
        return self._event(at, cancel, EventKind.CANCEL, status=1)

    def touched(self, operation: Operation, at: float, status: int) -> "MadeUp":
        """Somebody wrote into the IRP after its completion."""
        return self._event(at, operation, EventKind.TOUCHED, io_status=status)

    def limit(self, wait: Operation, at: float) -> "MadeUp":
        """A wait comes to its limit."""
        return self._event(at, wait, EventKind.LIMIT)

    def recovery(self, at: float, irqls: tuple[int, int] = (0, 0)) -> "MadeUp":
        """The driver cleans up: a call of its own that ends at once."""
        flags, step = 2, len(self.plan.operations)

        def happen(run: GuestRun) -> None:
            for kind, irql in (
                (EventKind.CALL, irqls[0]),
                (EventKind.COMPLETION, irqls[0]),
                (EventKind.RETURN, irqls[1]),
            ):
                run.event(step, kind, int(at * ms), flags=flags, completions=1, irql=irql)

        return self._at(at, happen)

    def sends(self, data: bytes, at: float, *, place: int | None = None) -> "MadeUp":
        """The guest's data on the wire, behind what it sent before; the peer acknowledges nothing yet."""
        start = self._sent if place is None else place
        self._packet("guest", PSH | ACK, at, start, data)
        self._sent = max(self._sent, start + len(data))
        return self

    def fin(self, at: float, *, place: int | None = None) -> "MadeUp":
        self._ended = True
        return self._packet("guest", FIN | ACK, at, self._sent if place is None else place)

    def rst(self, at: float) -> "MadeUp":
        """Its number is the next one, which a FIN has moved."""
        return self._packet("guest", RST | ACK, at, self._sent + self._ended)

    def acknowledges(self, at: float, up_to: int | None = None) -> "MadeUp":
        """The peer acknowledges all data, or up to that place: one more is the FIN."""
        return self._packet("peer", ACK, at, self._answered, up_to=up_to)

    def peer_sends(self, data: bytes, at: float) -> "MadeUp":
        self._packet("peer", PSH | ACK, at, self._answered, data)
        self._answered += len(data)
        return self

    def peer_fin(self, at: float, up_to: int | None = None) -> "MadeUp":
        return self._packet("peer", FIN | ACK, at, self._answered, up_to=up_to)

    def peer_rst(self, at: float, up_to: int = 0) -> "MadeUp":
        return self._packet("peer", RST | ACK, at, self._answered, up_to=up_to)

    def answers(self, at: float) -> "MadeUp":
        """The guest acknowledges the peer's data."""
        return self._packet("guest", ACK, at, self._sent)

    def answers_fin(self, at: float) -> "MadeUp":
        """The guest acknowledges the peer's FIN."""
        return self._packet("guest", ACK, at, self._sent, up_to=self._answered + 1)

    def keeps(self, data: bytes) -> "MadeUp":
        """Sets the data that the handler of the socket's indications kept."""
        self._kept = data
        return self

    def is_called_by_the_peer(self, at: float) -> "MadeUp":
        """Another connection to the same port of the guest's, which answers."""
        other = Wire(peer_port=PEER.port + 1)
        other.packet("peer", SYN, int(at * ms)).packet("guest", SYN | ACK, int((at + 1) * ms))
        self.wire.packets += other.packets
        return self

    def timeline(self) -> Timeline:
        run = GuestRun(self.plan)
        for _, happen in sorted(self._happened, key=lambda moment: moment[0]):
            happen(run)
        run.keep(self._kept)
        trace = Trace.decode(run.trace())
        clock = exact_clock(*(at * ms for at in range(0, 200, 10)), error=self.bound)
        packets = sorted(self.wire.packets, key=lambda packet: packet.time_ns)
        packets = [replace(packet, index=place) for place, packet in enumerate(packets)]
        return Timeline(
            self.plan,
            trace,
            packets,
            None,
            clock,
            starved=lambda _since, _until: self.starved,
        )

    def judgements(self) -> list[Judgement]:
        return judge(self.timeline())

    def broken(self) -> dict[str, set[str]]:
        """The laws that do not hold, each with the rows that it breaks; none may be open."""
        found = self.judgements()
        assert [one.open for one in found if one.open] == []
        return {one.law.name: {violation.row for violation in one.violations} for one in found}

    def _event(self, at: float, operation: Operation, kind: int, **fields: int) -> "MadeUp":
        return self._at(at, lambda run: run.event(operation.number, kind, int(at * ms), **fields))

    def _at(self, at: float, happen: Callable[[GuestRun], object]) -> "MadeUp":
        self._happened.append((at, happen))
        return self

    def _packet(
        self,
        sender: Sender,
        flags: Flag,
        at: float,
        place: int,
        payload: bytes = b"",
        *,
        up_to: int | None = None,
    ) -> "MadeUp":
        known = self._answered if sender == "guest" else self._sent
        acknowledged = 1 + (known if up_to is None else up_to)
        self.wire.packet(
            sender, flags, int(at * ms), offset=1 + place, payload=payload, acknowledged=acknowledged
        )
        return self


def farewell(seen: MadeUp) -> MadeUp:
    """Both sides end in order at 100 ms, the client knows of both, and closes at 120 ms."""
    disconnect = seen.plan.disconnect(seen.sock)
    receive = seen.plan.receive(seen.sock, 8)
    close = seen.plan.close(seen.sock)
    seen.called(disconnect, 100).fin(101).peer_fin(102, up_to=seen._sent + 1).answers_fin(103)
    seen.completed(disconnect, 104).called(receive, 105).completed(receive, 106)
    return seen.called(close, 120).completed(close, 121)


def aborted(seen: MadeUp, at: float = 50) -> MadeUp:
    abort = seen.plan.disconnect(seen.sock, flags=WSK_FLAG_ABORTIVE)
    return seen.called(abort, at).rst(at + 1).completed(abort, at + 2)


def closed(seen: MadeUp, at: float = 200) -> MadeUp:
    close = seen.plan.close(seen.sock)
    return seen.called(close, at).rst(at + 1).completed(close, at + 2)


def enabled(seen: MadeUp, callback: Callback, *, size: int = 0) -> MadeUp:
    if size:
        seen.plan.on_event(seen.sock, callback, size=size)
    return seen.called(seen.plan.enable(seen.sock, callback), 14, STATUS_SUCCESS)
