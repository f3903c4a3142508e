# SPDX-License-Identifier: Apache-2.0
"""The ground of a plan: steps one behind the other, on strands, in loops, and waits between them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, TypedDict

from harness.core.abi import StepKind, abi
from harness.core.errors import UsageError
from harness.core.units import ms, s, us
from harness.scenario.operation import Operation, Socket
from harness.scenario.values import ANY_CPU, PASSIVE, Callback, Category, Context, Family, Irp

WAIT_LIMIT = 5 * s

_MAX_LIMIT = abi.WSKTEST_MAX_LIMIT_MS * ms


@dataclass(frozen=True)
class Inside:
    """A place in which a call is made as soon as something else happens."""

    context: Context
    within: Operation | Socket
    callback: Callback = Callback.RECEIVE


def inside(within: Operation | Socket, callback: Callback | None = None) -> Inside:
    """In the completion routine of a step, or in an event callback of a socket; the first time it runs."""
    if isinstance(within, Operation):
        return Inside(Context.COMPLETION, within)
    if callback is None:
        raise UsageError(f"name the event of {within} inside which the call is to be made")
    return Inside(Context.CALLBACK, within, callback)


class How(TypedDict, total=False):
    """How a WSK call is made.

    `irp` may be an earlier step, whose IRP is then reused. With `poison_buf` the WSK_BUF structure, but not
    what it describes, is overwritten as soon as the call has returned STATUS_PENDING.
    """

    context: Context | Inside
    cpu: int
    irp: Irp | Operation
    poison_buf: bool


class Steps:
    """Steps that the driver performs in order on each strand; WSK calls do not wait for their IRPs."""

    def __init__(self, *, dangerous: bool, own_client: bool) -> None:
        self.dangerous = dangerous
        self.own_client = own_client
        self.operations: list[Operation] = []
        self.sockets: list[Socket] = []
        self.callback_events = 0  # events to keep room for, where callbacks come in floods
        self.failing: set[Operation] = set()
        self._strand = 0
        self._repeating = False
        self._announced: Socket | None = None

    @contextmanager
    def strand(self, number: int) -> Iterator[None]:
        """Steps of a thread of its own; 0 is the one that performs everything else."""
        if not 0 <= number < abi.WSKTEST_MAX_STRANDS:
            raise UsageError(f"strands are numbered from 0 to {abi.WSKTEST_MAX_STRANDS - 1}")
        before, self._strand = self._strand, number
        yield
        self._strand = before

    @contextmanager
    def repeat(self, count: int) -> Iterator[None]:
        """The steps inside, `count` times; each round waits for its own calls and closes its own sockets."""
        if self._repeating or not 0 < count <= abi.WSKTEST_MAX_REPEATS:
            raise UsageError(f"a loop of {count} rounds inside {'another' if self._repeating else 'a plan'}")
        loop = self._add(StepKind.REPEAT, count=count)
        self._repeating = True
        yield
        self._repeating = False
        steps = len(self.operations) - loop.number - 1
        self.operations[loop.number] = replace(loop, index=steps)

    def barrier(self, number: int, *, limit: int = WAIT_LIMIT) -> None:
        """Waits until every strand that has this barrier is at it."""
        if not 0 <= number < abi.WSKTEST_MAX_BARRIERS:
            raise UsageError(f"barriers are numbered from 0 to {abi.WSKTEST_MAX_BARRIERS - 1}")
        self._add(StepKind.BARRIER, index=number, limit=_limited(limit))

    def wait(self, *operations: Operation, limit: int = WAIT_LIMIT) -> None:
        """Until the IRP of each has completed, at most `limit` ns each; past it the driver recovers."""
        for operation in operations:
            if not operation.ends:
                raise UsageError(f"{operation} has no IRP to wait for")
            self._add(StepKind.WAIT, target=operation, limit=_limited(limit))

    def wait_event(
        self, sock: Socket, callback: Callback, count: int = 1, *, limit: int = WAIT_LIMIT
    ) -> Operation:
        """Until an event callback has returned `count` times in all."""
        return self._add(
            StepKind.WAIT_EVENT, socket=sock, callback=callback, count=count, limit=_limited(limit)
        )

    def may_fail(self, *operations: Operation) -> None:
        """These steps are what the case judges, not the scene that it needs: it is for the case to see
        whether they were called, and how they ended."""
        self.failing.update(operations)

    def cancel(self, operation: Operation) -> Operation:
        """IoCancelIrp."""
        if not operation.has_irp:
            raise UsageError(f"{operation} has no IRP to cancel")
        return self._add(StepKind.CANCEL, target=operation)

    def delay(self, duration: int) -> None:
        """Nothing happens for `duration` ns."""
        self._add(StepKind.DELAY, delay=_limited(duration))

    def nothing(self) -> Operation:
        """An empty call: the driver's stamps of a call, and none made. What they cost is in every time."""
        return self._add(StepKind.NOTHING)

    def bugcheck(self, code: int) -> None:
        """KeBugCheckEx: the guest crashes; needs a dangerous scenario."""
        self._dangerous("a bugcheck takes the guest down")
        self._add(StepKind.BUGCHECK, index=code)

    def freeze(self) -> None:
        """Every processor loops at DISPATCH_LEVEL for ever: the guest hangs; needs a dangerous scenario."""
        self._dangerous("a guest that is frozen does not come back")
        self._add(StepKind.FREEZE)

    def release_npi(self) -> None:
        """WskReleaseProviderNPI of the run's own client."""
        self._own()
        self._add(StepKind.RELEASE_NPI)

    def deregister(self) -> Operation:
        """WskDeregister of the run's own client; it ends when every socket is closed."""
        self._own()
        return self._add(StepKind.DEREGISTER)

    def _own(self) -> None:
        if not self.own_client:
            raise UsageError("only a client of the plan's own can go: say Scenario(own_client=True)")

    def _dangerous(self, why: str) -> None:
        if not self.dangerous:
            raise UsageError(f"{why}; say Scenario(dangerous=True) to mean it")

    def next_socket(self, family: int, *, category: Category = Category.CONNECTION) -> Socket:
        """The socket that the plan makes or accepts next: `on_event` may answer its events from the first on.

        With `static_events` they may come before the step that makes it has ended.
        """
        if self._announced is not None:
            raise UsageError(f"{self._announced} is yet to be made")
        self._announced = self._new_socket(family, category)
        return self._announced

    def _new_socket(self, family: int, category: Category) -> Socket:
        announced, self._announced = self._announced, None
        if announced is not None:
            if (announced.family, announced.category) != (family, category):
                raise UsageError(f"{announced} was announced, not one of category {category}")
            return announced
        if len(self.sockets) == abi.WSKTEST_MAX_SOCKETS:
            raise UsageError(f"a scenario has at most {abi.WSKTEST_MAX_SOCKETS} sockets")
        sock = Socket(len(self.sockets), Family(family), category)
        self.sockets.append(sock)
        return sock

    def _create(
        self, kind: Any, family: int, category: Category, how: How | None = None, **fields: Any
    ) -> Socket:
        sock = self._new_socket(family, category)
        sock.operations.append(self._add(kind, socket=sock, **self._how(how or How()), **fields))
        return sock

    def _use(self, sock: Socket, kind: Any, how: How, **fields: Any) -> Operation:
        if sock.closing and not self.dangerous:
            raise UsageError(f"{sock} cannot be used after {sock.closing}")
        operation = self._add(kind, socket=sock, **self._how(how), **fields)
        sock.operations.append(operation)
        return operation

    def _how(self, how: How) -> dict[str, Any]:
        context, irp = how.get("context", PASSIVE), how.get("irp", Irp.ALLOCATED)
        fields: dict[str, Any] = {
            "cpu": how.get("cpu", ANY_CPU),
            "poison_buf": how.get("poison_buf", False),
        }
        if isinstance(context, Inside):
            fields |= {"context": context.context, "within": context.within, "callback": context.callback}
        else:
            fields["context"] = context
        if isinstance(irp, Operation):
            return {**fields, "irp": Irp.REUSED, "irp_of": irp}
        return {**fields, "irp": irp}

    def _add(self, kind: Any, **fields: Any) -> Operation:
        if len(self.operations) == abi.WSKTEST_MAX_STEPS:
            raise UsageError(f"a scenario has at most {abi.WSKTEST_MAX_STEPS} steps")
        operation = Operation(len(self.operations), kind, strand=self._strand, **fields)
        self.operations.append(operation)
        return operation


def _limited(duration: int) -> int:
    """Waits and delays are whole and bounded: the driver counts ms and us."""
    if not 0 <= duration <= _MAX_LIMIT or duration % us:
        raise UsageError(f"{duration} ns is not a wait of whole microseconds up to {_MAX_LIMIT // s} s")
    return duration
