# SPDX-License-Identifier: Apache-2.0
"""Handles of a plan: its steps, its sockets, and moments in a step's life."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from harness.core.abi import StepKind
from harness.core.errors import UsageError
from harness.core.units import format_ns
from harness.scenario import words
from harness.scenario.address import Address
from harness.scenario.buffer import Buffer
from harness.scenario.control import ControlRequest
from harness.scenario.values import (
    ANY_CPU,
    PASSIVE,
    WSK_FLAG_ABORTIVE,
    Action,
    Callback,
    Category,
    Context,
    Family,
    Irp,
)

_ULONG_MAX = 0xFFFFFFFF
_LEVELS = {Context.PASSIVE: "PASSIVE_LEVEL", Context.APC: "APC_LEVEL", Context.DISPATCH: "DISPATCH_LEVEL"}


@dataclass(frozen=True)
class Marker:
    """A call, its return or the completion of its IRP; only a timeline knows when it was."""

    operation: "Operation"
    kind: Literal["call", "return", "completion"]

    def __repr__(self) -> str:
        return f"{self.kind} of {self.operation.describe()}"


@dataclass(frozen=True)
class CallbackMarker:
    """The beginning or the end of one call of an event callback."""

    socket: "Socket"
    callback: Callback
    kind: Literal["enter", "leave"]
    number: int = 0

    def __repr__(self) -> str:
        return f"{self.kind} of {self.callback} event {self.number} of {self.socket!r}"


@dataclass(eq=False)
class Socket:
    """A socket slot of the driver, and the steps that use it."""

    slot: int
    family: Family
    category: Category = Category.CONNECTION
    operations: list["Operation"] = field(default_factory=list, repr=False)

    @property
    def creation(self) -> "Operation":
        """The step that creates or accepts the socket."""
        return self.operations[0]

    @property
    def closing(self) -> "Operation | None":
        """The step that closes the socket, if the plan has one."""
        closes = (operation for operation in self.operations if operation.kind == StepKind.CLOSE)
        return next(closes, None)

    @property
    def close_call(self) -> Marker:
        return self._close().call

    @property
    def close_completion(self) -> Marker:
        return self._close().completion

    def enters(self, callback: Callback, number: int = 0) -> CallbackMarker:
        """The moment an event callback begins, for the `number`-th time from 0."""
        return CallbackMarker(self, callback, "enter", number)

    def leaves(self, callback: Callback, number: int = 0) -> CallbackMarker:
        """The moment it ends."""
        return CallbackMarker(self, callback, "leave", number)

    def _close(self) -> "Operation":
        if self.closing is None:
            raise UsageError(f"the plan does not close {self}")
        return self.closing

    def __repr__(self) -> str:
        return f"socket {self.slot} ({self.family})"


@dataclass(eq=False, frozen=True, repr=False)
class Operation:
    """One step of a plan; times in ns. Fields that its kind does not use keep their defaults."""

    number: int  # index of the step, as the trace has it
    kind: Any  # StepKind
    context: Context = PASSIVE
    socket: Socket | None = None
    flags: int = 0
    target: "Operation | None" = None  # WAIT, CANCEL
    limit: int = 0  # WAIT, WAIT_EVENT, BARRIER
    delay: int = 0  # DELAY; ON_EVENT: hold
    index: int = 0  # BUGCHECK: code; BARRIER: number; REPEAT: steps; ACCEPT, ON_EVENT: slot to accept into
    local: Address | None = None
    remote: Address | None = None
    buffer: Buffer | None = None
    strand: int = 0
    cpu: int = ANY_CPU
    irp: Irp = Irp.ALLOCATED
    irp_of: "Operation | None" = None
    within: "Operation | Socket | None" = None  # contexts COMPLETION and CALLBACK
    callback: Callback = Callback.RECEIVE
    action: Action = Action.TAKE
    count: int = 0
    control: ControlRequest | None = None
    result: int = 0  # bytes of results other than received ones
    racing: bool = False  # CLOSE
    poison_buf: bool = False  # the WSK_BUF structure is gone when the call has returned

    def __post_init__(self) -> None:
        if not all(0 <= number <= _ULONG_MAX for number in (self.flags, self.index, self.count)):
            raise UsageError("flags, counts and bugcheck codes are 32-bit numbers")
        if self.poison_buf and not self.buffer:
            raise UsageError(f"{self.name} has no WSK_BUF to poison")

    @property
    def is_call(self) -> bool:
        """Is the step a WSK call?"""
        return bool(StepKind.SOCKET <= self.kind <= StepKind.CLOSE)

    @property
    def ends(self) -> bool:
        """Can the step be waited for? A WSK call, which ends when its IRP completes."""
        return self.is_call or self.kind == StepKind.DEREGISTER

    @property
    def has_irp(self) -> bool:
        """Is it a WSK call with an IRP that completes?"""
        return self.is_call and self.kind != StepKind.RELEASE and self.irp != Irp.NONE

    @property
    def hooked(self) -> bool:
        """Is it performed by a completion or a callback, not in its turn?"""
        return self.context in (Context.COMPLETION, Context.CALLBACK)

    @property
    def data(self) -> bytes:
        """The bytes that the step hands to WSK."""
        return self.buffer.contents if self.buffer else b""

    @property
    def abortive(self) -> bool:
        return self.kind == StepKind.DISCONNECT and bool(self.flags & WSK_FLAG_ABORTIVE)

    @property
    def call(self) -> Marker:
        return Marker(self, "call")

    @property
    def return_(self) -> Marker:
        return Marker(self, "return")

    @property
    def completion(self) -> Marker:
        return Marker(self, "completion")

    @property
    def name(self) -> str:
        """The short form: 'disconnect #4'."""
        return f"{self.kind.name.lower().replace('_', '-')} #{self.number}"

    def describe(self) -> str:
        """The step for people: 'disconnect #4 (graceful, DISPATCH_LEVEL)'."""
        return self._description

    __repr__ = __str__ = describe

    @cached_property
    def detail(self) -> str:
        """The details of the step: 'graceful, DISPATCH_LEVEL'."""
        return ", ".join(self._details())

    @cached_property
    def _description(self) -> str:
        return f"{self.name} ({self.detail})"

    def _details(self) -> list[str]:
        told = _OTHERS.get(self.kind)
        if told:
            return told(self)
        details = []
        if self.kind == StepKind.DISCONNECT:
            details.append("abortive" if self.abortive else "graceful")
        elif self.flags:
            details.append(words.step_flags(self.kind, self.flags))
        if self.control:
            details.append(words.control(self.kind, self.control))
        if self.remote:
            details.append(f"to {self.remote}")
        if self.buffer:
            details.append(f"{self.buffer.length} bytes")
        return [*details, self._where()]

    def _where(self) -> str:
        if self.context == Context.COMPLETION and isinstance(self.within, Operation):
            return f"in the completion of {self.within.name}"
        if self.context == Context.CALLBACK:
            return f"in the {self.callback} event of {self.within!r}"
        return _LEVELS.get(self.context, f"in a {self.context.name}")


def _awaited(operation: Operation) -> list[str]:
    target = operation.target.name if operation.target else "nothing"
    return [f"for {target}", f"at most {format_ns(operation.limit)}"]


_OTHERS: dict[Any, Callable[[Any], list[str]]] = {
    StepKind.WAIT: _awaited,
    StepKind.CANCEL: lambda step: [f"of {step.target.name}"],
    StepKind.WAIT_EVENT: lambda step: [
        f"for {step.count} {step.callback} events of {step.socket!r}",
        f"at most {format_ns(step.limit)}",
    ],
    StepKind.ON_EVENT: lambda step: [f"{step.callback} of {step.socket!r}", str(step.action)],
    StepKind.DELAY: lambda step: [format_ns(step.delay)],
    StepKind.BARRIER: lambda step: [f"number {step.index}", f"at most {format_ns(step.limit)}"],
    StepKind.REPEAT: lambda step: [f"{step.index} steps, {step.count} times"],
    StepKind.RELEASE_NPI: lambda _: ["of the run's own client"],
    StepKind.DEREGISTER: lambda _: ["of the run's own client"],
    StepKind.NOTHING: lambda _: ["an empty call"],
    StepKind.BUGCHECK: lambda step: [f"code 0x{step.index:X}"],
    StepKind.FREEZE: lambda _: ["all processors"],
}
