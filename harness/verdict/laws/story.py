# SPDX-License-Identifier: Apache-2.0
"""One view of a timeline, made once and shared by all laws: each socket with its calls, its
callbacks and its connection on the wire.
"""

from functools import cached_property

from harness.core.abi import EventKind, StepKind
from harness.evidence import Event, Interval, Timeline
from harness.evidence.operation_traces import CallbackCall, OperationTrace
from harness.scenario import Callback, Operation
from harness.scenario.encoding import rounds as looped_steps
from harness.verdict.laws.connection import TcpConnection, connections
from harness.verdict.laws.matching import match
from harness.verdict.laws.socket_story import CONNECTS, Call, SocketStory
from harness.wire import Packet


class Story:
    """The timeline, as laws ask for it."""

    def __init__(self, timeline: Timeline) -> None:
        self.timeline = timeline
        self.plan = timeline.plan
        self.trace = timeline.trace
        self._rounds = timeline.every_round
        self._looped = looped_steps(self.plan)

    @cached_property
    def calls(self) -> list[Call]:
        """Every WSK call that was made, those of loops and of the driver's recovery too, in order."""
        found = [
            Call(
                self.operation(step),
                step,
                trace.call,
                trace.returned,
                tuple(trace.completions),
                round_,
                tuple(trace.touched),
            )
            for step, traces in self._rounds.items()
            for round_, trace in traces.items()
            if trace.call is not None and self._is_call(step, trace)
        ]
        return sorted(found, key=lambda call: call.called.sequence)

    @cached_property
    def sockets(self) -> list[SocketStory]:
        """The sockets of the plan that were made, without those that loops make again and again."""
        found = [
            SocketStory(
                socket,
                self._calls_by_slot.get(socket.slot, []),
                self._callbacks_by_slot.get(socket.slot, []),
                tuple(self._cancels),
            )
            for socket in self.plan.sockets
            if not any(operation.number in self._looped for operation in socket.operations)
        ]
        match(self.timeline, found, self.connections)
        for sock in found:
            if sock.connection and sock.patience is not None:
                sock.connection.patience = min(sock.connection.patience, sock.patience)
        return found

    @cached_property
    def connections(self) -> list[TcpConnection]:
        """The connections on the wire, by pairs of SYNs, in the order in which they began."""
        return connections(self.timeline.packets())

    @cached_property
    def recovery(self) -> Event | None:
        """The first event of the driver's own clean-up: from then on it ends what the plan left."""
        return next((event for event in self.trace.events if event.recovery), None)

    @cached_property
    def limit(self) -> Event | None:
        """The wait that reached its limit: from then on the driver recovers."""
        return next((event for event in self.trace.events if event.kind == EventKind.LIMIT), None)

    def at(self, event: Event) -> Interval:
        """When it happened, on the host's clock."""
        return self.timeline.clock.at(event.qpc)

    def a_cancel_aborted(self, sock: SocketStory, connection: TcpConnection) -> bool:
        """Was a send of it cancelled, and a RST sent, and no FIN after that?

        What a cancel makes of a connection nobody says; its RST may leave when the client has closed already.
        """
        if not connection.guest.resets:
            return False
        cancels = [cancel for call in sock.of(StepKind.SEND) if (cancel := sock.cancelled(call))]
        return any(
            not any(self.surely_before(cancel, fin) for fin in connection.guest.fins) for cancel in cancels
        )

    def surely_before(self, event: Event, packet: Packet) -> bool:
        """Did the event come before the packet, whatever the clock's bound leaves open?"""
        return self.at(event).latest < packet.time_ns

    def surely_after(self, event: Event, packet: Packet) -> bool:
        """Did the event come after the packet, whatever the clock's bound leaves open?"""
        return self.at(event).earliest > packet.time_ns

    @cached_property
    def _cancels(self) -> list[tuple[int, Event]]:
        """Steps whose IRPs IoCancelIrp was called for, by the plan or by recovery."""
        found = []
        for event in self.trace.events:
            if event.kind == EventKind.CANCEL:
                operation = self.operation(event.step)
                is_step = operation is not None and operation.kind == StepKind.CANCEL
                target = operation.target if operation is not None and is_step else operation
                if target is not None:
                    found.append((target.number, event))
        return found

    @cached_property
    def _calls_by_slot(self) -> dict[int, list[Call]]:
        found: dict[int, list[Call]] = {}
        for call in self.calls:
            if call.operation is not None and call.operation.socket is not None:
                found.setdefault(call.operation.socket.slot, []).append(call)
        return found

    @cached_property
    def _callbacks_by_slot(self) -> dict[int, list[tuple[Callback, CallbackCall]]]:
        found: dict[int, list[tuple[Callback, CallbackCall]]] = {}
        for (slot, callback), visits in self.timeline.every_callback.items():
            found.setdefault(slot, []).extend((callback, visit) for visit in visits)
        for visits_of in found.values():
            visits_of.sort(key=lambda visit: visit[1].enter.sequence)
        return found

    def operation(self, step: int) -> Operation | None:
        """The step of the plan; None for a call that the driver's recovery made."""
        return self.plan.operations[step] if step < len(self.plan.operations) else None

    def socket_of(self, call: Call) -> SocketStory | None:
        """The socket that a call was made on."""
        socket = call.operation.socket if call.operation else None
        return self._by_slot.get(socket.slot) if socket else None

    def is_misuse(self, call: Call) -> bool:
        """Is it against the contract, so that nobody says what becomes of its IRP?"""
        operation, sock = call.operation, self.socket_of(call)
        if operation is None or (sock is not None and sock.misused):
            return sock is not None and sock.misused
        with_excess = operation.buffer is not None and operation.buffer.excess > 0
        enables = operation.control is not None and operation.control.brings_events
        return with_excess or (enables and self.plan.dangerous)

    def dials_itself(self, port: int) -> bool:
        """Does a step connect to that port of the guest's? What it makes may be on no wire."""
        return any(
            operation.kind in CONNECTS and operation.remote is not None and operation.remote.port == port
            for operation in self.plan.operations
        )

    def others_bind(self, port: int) -> bool:
        """Does a socket of a loop, which is none of `sockets`, bind that port?"""
        return any(
            operation.kind == StepKind.BIND
            and operation.local is not None
            and operation.local.port == port
            and operation.socket is not None
            and operation.socket.slot not in self._by_slot
            for operation in self.plan.operations
        )

    def ill_used(self, sock: SocketStory) -> bool:
        """Was it given what no document allows, so that nobody says what goes out?"""
        return any(
            call.operation is not None
            and call.operation.buffer is not None
            and (call.operation.abortive or call.operation.buffer.excess > 0)
            for call in sock.of(StepKind.DISCONNECT, StepKind.SEND)
        )

    def starved_since(self, event: Event) -> int:
        """The time from then to the end of the run, in ns, for which the host kept the guest from running."""
        last = self.trace.events[-1]
        return self.timeline.starved_between(self.at(event).earliest, self.at(last).latest)

    @cached_property
    def cleanup(self) -> Event | None:
        """From here on the driver may end any socket by itself, or ends what the plan left open."""
        known = [event for event in (self.recovery, self.limit) if event]
        return min(known, key=lambda event: event.sequence) if known else None

    @cached_property
    def addresses_may_go(self) -> bool:
        """Is a socket bound to an address of its own, which a case may take away from the guest?"""
        return any(
            operation.local is not None and not operation.local.is_wildcard
            for operation in self.plan.operations
        )

    @cached_property
    def _by_slot(self) -> dict[int, SocketStory]:
        return {sock.socket.slot: sock for sock in self.sockets}

    def _is_call(self, step: int, trace: OperationTrace) -> bool:
        operation = self.operation(step)
        if operation is None:
            return trace.call is not None and trace.call.kind == EventKind.CALL
        return operation.is_call
