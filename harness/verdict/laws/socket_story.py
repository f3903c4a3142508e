# SPDX-License-Identifier: Apache-2.0
"""One socket: its calls, its callbacks and its connection, in order."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

from harness.core.abi import StepKind
from harness.core.errors import EvidenceLost
from harness.core.ntstatus import (
    NOT_COMPLETED,
    NTSTATUS,
    STATUS_INSUFFICIENT_RESOURCES,
    STATUS_NO_MEMORY,
    STATUS_PENDING,
    nt_success,
)
from harness.core.units import s
from harness.evidence.events import Event
from harness.evidence.operation_traces import CallbackCall
from harness.scenario import WSK_FLAG_ABORTIVE, Callback, Operation, Socket
from harness.scenario.control import ControlRequest
from harness.scenario.values import (
    IPPROTO_TCP,
    SIO_WSK_SET_TCP_SILENT_MODE,
    SO_WSK_EVENT_CALLBACK,
    TCP_MAXRT,
    Request,
)
from harness.verdict.laws.connection import TcpConnection

CONNECTS = (StepKind.CONNECT, StepKind.CONNECT_EX, StepKind.SOCKET_CONNECT)


@dataclass(frozen=True, eq=False)
class Call:
    """One WSK call that was made; `operation` is None for one that the driver's recovery made."""

    operation: Operation | None
    step: int
    called: Event
    returned: Event | None
    completions: tuple[Event, ...]
    round: int = 0
    touched: tuple[Event, ...] = ()  # its IRP was written into after its completion

    @property
    def kind(self) -> int:
        return self.operation.kind if self.operation else 0

    @property
    def completion(self) -> Event | None:
        return self.completions[0] if self.completions else None

    @property
    def ended(self) -> Event | None:
        """Its completion, or the return of a call without an IRP."""
        return self.completion if self.has_irp else self.returned

    @property
    def has_irp(self) -> bool:
        return self.operation is None or self.operation.has_irp

    @property
    def status(self) -> NTSTATUS:
        """The status that the call completed with, or returned when it has no IRP."""
        if not self.has_irp:
            return self.returned.status if self.returned else NOT_COMPLETED
        return self.completion.io_status if self.completion else NOT_COMPLETED

    @property
    def succeeded(self) -> bool:
        return self.ended is not None and nt_success(self.status)

    @property
    def lacked_memory(self) -> bool:
        """Nobody promises that there is enough: a Driver Verifier may see to it that there is not."""
        return self.status in (STATUS_INSUFFICIENT_RESOURCES, STATUS_NO_MEMORY)

    @property
    def pended(self) -> bool:
        return self.returned is not None and self.returned.status == STATUS_PENDING

    def before(self, other: Event | None) -> bool:
        """Was it called before that event?"""
        return other is not None and self.called.sequence < other.sequence

    def over_before(self, other: Event) -> bool:
        """Had it come to its end before that event?"""
        return self.ended is not None and self.ended.sequence < other.sequence

    def __str__(self) -> str:
        return self.operation.name if self.operation else f"recovery #{self.step}"


def _is_under_way(call: Call, close: Call) -> bool:
    """Was it in progress on another thread when the socket was closed?"""
    if call is close or call.called.caller == close.called.caller:
        return False
    return not one_behind_the_other(call, close)


def one_behind_the_other(first: Call, second: Call) -> bool:
    """Had the one call returned before the other was made?"""
    return first.returned is not None and first.returned.sequence < second.called.sequence


def _is_patience(control: ControlRequest) -> bool:
    asked = (Request.SET_OPTION, IPPROTO_TCP, TCP_MAXRT)
    return (control.request, control.level, control.code) == asked


@dataclass(eq=False)
class SocketStory:
    """`calls` were made on it, in order; `cancels` are those of its plan: step and event."""

    socket: Socket
    calls: Sequence[Call]
    callbacks: Sequence[tuple[Callback, CallbackCall]]
    cancels: Sequence[tuple[int, Event]] = ()
    listener: "SocketStory | None" = None  # that it was accepted on
    connection: TcpConnection | None = None
    unknown: str = ""  # why it is not known which connection is its own
    called: list[Call] = field(init=False)

    def __post_init__(self) -> None:
        self.called = [call for call in self.calls if call.operation is not None]

    def of(self, *kinds: int) -> list[Call]:
        """Its calls of those kinds."""
        return [call for call in self.calls if call.kind in kinds]

    @cached_property
    def close(self) -> Call | None:
        return next(iter(self.of(StepKind.CLOSE)), None)

    @cached_property
    def closed(self) -> Event | None:
        """The completion of its close."""
        return self.close.completion if self.close else None

    @cached_property
    def aborts(self) -> list[Call]:
        """Disconnects that are abortive, and nothing else that nobody defined."""
        disconnects = self.of(StepKind.DISCONNECT)
        return [call for call in disconnects if call.operation and call.operation.flags == WSK_FLAG_ABORTIVE]

    @cached_property
    def graceful(self) -> list[Call]:
        """All other disconnects, those with undefined flags too."""
        return [call for call in self.of(StepKind.DISCONNECT) if call not in self.aborts]

    @cached_property
    def endings(self) -> list[Call]:
        """Every disconnect, and the close."""
        return self.of(StepKind.DISCONNECT, StepKind.CLOSE)

    @cached_property
    def misused(self) -> bool:
        """Did the client break its own duties: a call after the close, or one that races it?

        That may be one inside of a completion: it is another thread that makes it.
        """
        close = self.close
        if close is None:
            return False
        races = bool(close.operation and close.operation.racing)
        return races or self.calls[-1] is not close or any(_is_under_way(call, close) for call in self.calls)

    @cached_property
    def silenced(self) -> Call | None:
        """The call that put it into silent mode."""
        for call in self.of(StepKind.CONTROL_SOCKET):
            control = call.operation.control if call.operation else None
            if control and control.code == SIO_WSK_SET_TCP_SILENT_MODE:
                return call
        return None

    @cached_property
    def patience(self) -> int | None:
        """How long its TCP sends again what nobody acknowledges, in ns, as the client said; or None."""
        done = [call.operation for call in self.of(StepKind.CONTROL_SOCKET) if call.succeeded]
        said = [each.control.data for each in done if each and each.control and _is_patience(each.control)]
        return min(int.from_bytes(each, "little") for each in said) * s if said else None

    @cached_property
    def masks(self) -> list[tuple[Call, int]]:
        """The calls that enable and disable its events, and what each asks for."""
        controls = [
            (call, call.operation.control) for call in self.of(StepKind.CONTROL_SOCKET) if call.operation
        ]
        return [
            (call, control.value)
            for call, control in controls
            if control and control.code == SO_WSK_EVENT_CALLBACK and control.value
        ]

    def keeps_data(self, event: Event | None = None) -> bool:
        """Had its client retained data of the peer's, and not released all of it by then, or ever?"""
        last = math.inf if event is None else event.sequence
        leaves = [visit.leave for _, visit in self.callbacks if visit.leave]
        kept = [each for each in leaves if each.status == STATUS_PENDING and each.sequence < last]
        given = [each for each in self.of(StepKind.RELEASE) if each.ended and each.ended.sequence < last]
        return len(kept) > len(given)

    def made_before(self, event: Event) -> bool:
        """Had the client been told of its connection before that event?"""
        made = self.of(*CONNECTS)
        return self.listener is not None or (bool(made) and made[0].succeeded and made[0].over_before(event))

    def cancelled(self, call: Call) -> Event | None:
        """IoCancelIrp of a call's IRP, when it was about to be called."""
        return next((event for step, event in self.cancels if step == call.step), None)

    def wire(self) -> TcpConnection | None:
        """Its connection; None when it never had one. EvidenceLost when it is not known which it is."""
        if self.unknown:
            raise EvidenceLost(f"{self.socket}: {self.unknown}")
        return self.connection

    def __str__(self) -> str:
        return repr(self.socket)
