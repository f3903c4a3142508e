# SPDX-License-Identifier: Apache-2.0
"""A stored scenario back into a plan.

The bytes may come from anywhere: every count, offset and index is checked, and
an error in them is a UsageError of one line.
"""

from typing import Any

from harness.core.abi import StepKind, abi
from harness.core.errors import UsageError
from harness.core.units import ms, us
from harness.scenario.address import Address
from harness.scenario.buffer import Buffer
from harness.scenario.calls import accepted_category
from harness.scenario.control import ControlRequest, Descriptor, Input
from harness.scenario.encoding import encode
from harness.scenario.operation import Operation, Socket
from harness.scenario.plan import Scenario
from harness.scenario.values import Action, Callback, Category, Context, Family, Irp, Request

_CREATES = (StepKind.SOCKET, StepKind.SOCKET_CONNECT)
_RECEIVES = (StepKind.RECEIVE, StepKind.RECEIVE_FROM)
_ULONG = 4
_TARGETS = (StepKind.WAIT, StepKind.CANCEL)


def decode(data: bytes) -> Scenario:
    """The plan in `data`; encoding it again gives the same bytes when we wrote them."""
    header = _header(data)
    plan = Scenario(
        dangerous=bool(header.flags & abi.WSKTEST_SCENARIO_DANGEROUS),
        own_client=bool(header.flags & abi.WSKTEST_SCENARIO_OWN_CLIENT),
        scenario_id=header.id,
    )
    plan.recovery = header.recovery_ms * ms
    builder = _Builder(plan, data[header.data_offset :])
    for number, step in enumerate(
        abi.wsktest_step[header.step_count](data[header.steps_offset : header.data_offset])
    ):
        try:
            builder.add(number, step)
        except (UsageError, ValueError) as error:
            raise UsageError(f"step {number} of the scenario is not valid: {error}") from None
    plan.sockets = builder.in_order()
    return plan


def first(plan: Scenario, count: int) -> Scenario:
    """The same plan with its first `count` steps only. UsageError when one of them needs a later one."""
    if not 0 < count <= len(plan.operations):
        raise UsageError(f"the scenario has {len(plan.operations)} steps: give a number of them")
    cut = decode(encode(plan))
    del cut.operations[count:]
    for operation in cut.operations:
        if operation.kind == StepKind.REPEAT and operation.number + operation.index >= count:
            raise UsageError(f"step {operation.number} repeats steps that are cut off")
    return cut


def _header(data: bytes) -> Any:
    if len(data) < abi.wsktest_scenario.size:
        raise UsageError(
            f"the scenario is truncated: {len(data)} of {abi.wsktest_scenario.size} bytes of its header"
        )
    header = abi.wsktest_scenario(data[: abi.wsktest_scenario.size])
    if header.magic != abi.WSKTEST_SCENARIO_MAGIC:
        raise UsageError(f"this is not a scenario: it starts with 0x{header.magic:08x}")
    if header.version != abi.WSKTEST_ABI_VERSION:
        raise UsageError(
            f"the scenario has version {header.version}; this harness reads {abi.WSKTEST_ABI_VERSION}"
        )
    if header.total_size > len(data):
        raise UsageError(f"the scenario is truncated: {len(data)} of {header.total_size} bytes")
    _check_layout(header, len(data))
    return header


def _check_layout(header: Any, size: int) -> None:
    steps_end = abi.wsktest_scenario.size + header.step_count * abi.wsktest_step.size
    fits = (
        header.header_size == header.steps_offset == abi.wsktest_scenario.size
        and header.step_size == abi.wsktest_step.size
        and header.data_offset == steps_end
        and steps_end + header.data_size == header.total_size == size
    )
    if not fits:
        raise UsageError("the scenario's sizes and offsets do not fit together")


class _Builder:
    """Makes operations of steps."""

    def __init__(self, plan: Scenario, data: bytes) -> None:
        self._plan = plan
        self._data = data
        self._sockets: dict[int, Socket] = {}
        self._announced: set[int] = set()  # slots whose events are answered before the socket is made

    def in_order(self) -> list[Socket]:
        """The sockets by slot; a plan has no gaps between them."""
        if self._announced:
            raise UsageError(f"socket slot {min(self._announced)} has events and is never created")
        if sorted(self._sockets) != list(range(len(self._sockets))):
            raise UsageError("the scenario's socket slots have gaps")
        return [self._sockets[slot] for slot in range(len(self._sockets))]

    def add(self, number: int, step: Any) -> None:
        kind = StepKind(step.kind)
        sock = self._socket(kind, step)
        targeted = kind in _TARGETS
        operation = Operation(
            number,
            kind,
            context=Context(step.context),
            socket=sock,
            flags=step.flags,
            target=self._earlier(step.target) if targeted else None,
            limit=step.limit_ms * ms,
            delay=step.delay_us * us,
            index=0 if targeted else step.target,
            local=Address.decoded(step.local),
            remote=Address.decoded(step.remote),
            buffer=self._buffer(kind, step.buffer),
            strand=step.strand,
            cpu=step.cpu,
            irp=Irp(step.irp),
            irp_of=self._earlier(step.irp_of) if step.irp == Irp.REUSED else None,
            within=self._within(step),
            callback=Callback(step.callback),
            action=Action(step.action),
            count=step.count,
            control=self._control(kind, step.control),
            result=step.result_length,
            racing=bool(step.options & abi.WSKTEST_OPTION_RACING),
            poison_buf=bool(step.options & abi.WSKTEST_OPTION_POISON),
        )
        if step.category and kind not in _CREATES:
            raise UsageError("it has a category but creates no socket")
        self._plan.operations.append(operation)
        self._remember(operation)

    def _socket(self, kind: Any, step: Any) -> Socket | None:
        if kind in _CREATES:
            return self._new(step.socket, Family(step.family), Category(step.category))
        with_socket = StepKind.SOCKET < kind <= StepKind.CLOSE and kind != StepKind.CONTROL_CLIENT
        if not with_socket and kind not in (StepKind.ON_EVENT, StepKind.WAIT_EVENT):
            return None
        if kind == StepKind.ON_EVENT and step.socket not in self._sockets:
            self._announce(step.socket)
        return self._known(step.socket)

    def _announce(self, slot: int) -> None:
        if slot >= abi.WSKTEST_MAX_SOCKETS:
            raise UsageError(f"there is no socket slot {slot}")
        self._announced.add(slot)
        self._sockets[slot] = Socket(slot, Family.IPV4)  # the step that makes it will say what it is

    def _known(self, slot: int) -> Socket:
        if slot not in self._sockets:
            raise UsageError(f"socket slot {slot} was not created before")
        sock = self._sockets[slot]
        if sock.closing and not self._plan.dangerous:
            raise UsageError(f"{sock} cannot be used after {sock.closing}")
        return sock

    def _new(self, slot: int, family: Family, category: Category) -> Socket:
        if slot in self._announced:
            self._announced.remove(slot)
            self._sockets[slot].family, self._sockets[slot].category = family, category
            return self._sockets[slot]
        if slot in self._sockets:
            raise UsageError(f"socket slot {slot} is used twice")
        self._sockets[slot] = Socket(slot, family, category)
        return self._sockets[slot]

    def _remember(self, operation: Operation) -> None:
        """Under the sockets that it uses, and those that it accepts."""
        sock = operation.socket
        if sock is None:
            return
        if operation.is_call:
            sock.operations.append(operation)
        accepts_by_event = operation.kind == StepKind.ON_EVENT and operation.callback == Callback.ACCEPT
        count = operation.count if accepts_by_event else int(operation.kind == StepKind.ACCEPT)
        if count > abi.WSKTEST_MAX_SOCKETS:
            raise UsageError(f"it accepts {count} connections")
        for slot in range(operation.index, operation.index + count):
            accepted = self._new(slot, sock.family, accepted_category(sock))
            accepted.operations.append(operation)

    def _earlier(self, number: int) -> Operation:
        if number >= len(self._plan.operations):
            raise UsageError(f"it is about step {number}, which does not come before it")
        return self._plan.operations[number]

    def _within(self, step: Any) -> Operation | Socket | None:
        if step.context == Context.COMPLETION:
            return self._earlier(step.within)
        return self._known(step.within) if step.context == Context.CALLBACK else None

    def _buffer(self, kind: Any, shape: Any) -> Buffer | None:
        if not shape.mdl_count:
            return None
        sizes = () if shape.mdl_bytes else self._sizes(shape)
        room = (sum(sizes) or shape.mdl_count * shape.mdl_bytes) - shape.offset
        excess = max(0, shape.length - room)
        length = shape.length - excess
        data = b"" if kind in _RECEIVES else self._slice(shape.data_offset, shape.data_length)
        return Buffer(data, length, shape.mdl_count, shape.offset, room - length, excess, sizes)

    def _sizes(self, shape: Any) -> tuple[int, ...]:
        if shape.mdl_count > abi.WSKTEST_MAX_MDLS:
            raise UsageError(f"it has a chain of {shape.mdl_count} MDLs")
        listed = self._slice(shape.sizes_offset, shape.mdl_count * _ULONG)
        return tuple(
            int.from_bytes(listed[place : place + _ULONG], "little")
            for place in range(0, len(listed), _ULONG)
        )

    def _control(self, kind: Any, control: Any) -> ControlRequest | None:
        controls = kind in (StepKind.CONTROL_SOCKET, StepKind.CONTROL_CLIENT)
        if not controls and not control.input:
            return None
        return ControlRequest(
            Request(control.request),
            control.code,
            control.level,
            Input(control.input),
            control.value,
            self._slice(control.data_offset, control.data_length),
            Descriptor(control.keep - 1) if control.keep else None,
        )

    def _slice(self, start: int, length: int) -> bytes:
        if start + length > len(self._data):
            raise UsageError("its data lies outside the data area")
        return self._data[start : start + length]
