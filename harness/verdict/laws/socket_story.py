# SPDX-License-Identifier: Apache-2.0
"""One socket: its calls, its callbacks and its connection, in order."""

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
from harness.scenario import Callback, Operation, Socket
from harness.scenario.control import ControlRequest
from harness.scenario.values import IPPROTO_TCP, SIO_WSK_SET_TCP_SILENT_MODE, TCP_MAXRT, Request
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
        return [call for call in self.of(StepKind.DISCONNECT) if call.operation and call.operation.abortive]

    @cached_property
    def graceful(self) -> list[Call]:
        """Disconnects that are not abortive, those with undefined flags too."""
        return [call for call in self.of(StepKind.DISCONNECT) if call not in self.aborts]

    @cached_property
    def endings(self) -> list[Call]:
        """Every disconnect, and the close."""
        return self.of(StepKind.DISCONNECT, StepKind.CLOSE)

    @cached_property
    def misused(self) -> bool:
        """Did the client break its own duties: a call after the close, or one that races it?"""
        if self.close is None:
            return False
        operation = self.close.operation
        return bool(operation and operation.racing) or self.calls[-1] is not self.close

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
        return int.from_bytes(said[-1], "little") * s if said else None

    def made_before(self, event: Event) -> bool:
        """Had the client been told of its connection before that event?"""
        made = self.of(*CONNECTS)
        return self.listener is not None or (bool(made) and made[0].succeeded and made[0].over_before(event))

    def cancelled(self, call: Call) -> Event | None:
        """IoCancelIrp of a call's IRP."""
        return next((event for step, event in self.cancels if step == call.step), None)

    def wire(self) -> TcpConnection | None:
        """Its connection; None when it never had one. EvidenceLost when it is not known which it is."""
        if self.unknown:
            raise EvidenceLost(f"{self.socket}: {self.unknown}")
        return self.connection

    def __str__(self) -> str:
        return repr(self.socket)
