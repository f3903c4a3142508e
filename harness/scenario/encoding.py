# SPDX-License-Identifier: Apache-2.0
"""A scenario as bytes: header, steps and data area without gaps, as the driver demands."""

from typing import Any

from harness.core.abi import StepKind, abi, packed
from harness.core.errors import UsageError
from harness.core.units import ms, us
from harness.scenario.buffer import Buffer
from harness.scenario.control import ControlRequest
from harness.scenario.operation import Operation, Socket
from harness.scenario.plan import Scenario

# Far more than a step can cause: call, return, completion, wait, cancel, hung,
# and the same again for what recovery does to its socket.
_EVENTS_PER_STEP = 16
_EVENTS_PER_ROUND = 4  # of a step in a loop: call, return, completion, or the end of a wait
_MIN_EVENTS = 256
_ULONG = 4
_RECEIVES = (StepKind.RECEIVE, StepKind.RECEIVE_FROM)


def encode(plan: Scenario) -> bytes:
    """Raises UsageError when the whole is larger than the driver takes."""
    data, encoder = bytearray(), _Encoder(plan)
    steps = b"".join(packed(encoder.step(operation, data)) for operation in plan.operations)
    header = abi.wsktest_scenario(
        magic=abi.WSKTEST_SCENARIO_MAGIC,
        version=abi.WSKTEST_ABI_VERSION,
        header_size=abi.wsktest_scenario.size,
        total_size=abi.wsktest_scenario.size + len(steps) + len(data),
        flags=_flags(plan),
        id=plan.id,
        step_count=len(plan.operations),
        step_size=abi.wsktest_step.size,
        steps_offset=abi.wsktest_scenario.size,
        data_offset=abi.wsktest_scenario.size + len(steps),
        data_size=len(data),
        receive_size=receive_size(plan),
        event_capacity=_events(plan),
        recovery_ms=plan.recovery // ms,
    )
    _check_size("scenario", header.total_size, abi.WSKTEST_MAX_SCENARIO)
    _check_size("receive area", header.receive_size, abi.WSKTEST_MAX_RECEIVE)
    _check_size("number of events", header.event_capacity, abi.WSKTEST_MAX_EVENTS)
    chains = sum(operation.buffer.chain_bytes for operation in plan.operations if operation.buffer)
    _check_size("buffer total", chains, abi.WSKTEST_MAX_BUFFERS)
    return packed(header) + steps + data


def receive_places(plan: Scenario) -> dict[Operation, int]:
    """Where in the receive area of the trace each receive's bytes begin: one behind the other."""
    places, size = {}, 0
    for operation in plan.operations:
        if operation.kind in _RECEIVES and operation.buffer:
            places[operation] = size
            size += operation.buffer.length
    return places


def result_places(plan: Scenario) -> dict[Operation, int]:
    """Where the results of other steps begin: behind all that is received."""
    places = {}
    size = sum(operation.buffer.length for operation in receive_places(plan) if operation.buffer)
    for operation in plan.operations:
        if operation.result:
            places[operation] = size
            size += operation.result
    return places


def receive_size(plan: Scenario) -> int:
    """Size of the receive area."""
    received = sum(operation.buffer.length for operation in receive_places(plan) if operation.buffer)
    return received + sum(operation.result for operation in plan.operations)


def rounds(plan: Scenario) -> dict[int, int]:
    """How often each step in a loop is performed, by its number."""
    return {
        number: loop.count
        for loop in plan.operations
        if loop.kind == StepKind.REPEAT
        for number in range(loop.number + 1, loop.number + 1 + loop.index)
    }


def _events(plan: Scenario) -> int:
    looped = sum(rounds(plan).values()) * _EVENTS_PER_ROUND
    events = _EVENTS_PER_STEP * len(plan.operations) + looped + plan.callback_events
    return plan.event_capacity or max(_MIN_EVENTS, events)


def _flags(plan: Scenario) -> int:
    dangerous = abi.WSKTEST_SCENARIO_DANGEROUS if plan.dangerous else 0
    return int(dangerous | (abi.WSKTEST_SCENARIO_OWN_CLIENT if plan.own_client else 0))


def _options(operation: Operation) -> int:
    racing = abi.WSKTEST_OPTION_RACING if operation.racing else 0
    return int(racing | (abi.WSKTEST_OPTION_POISON if operation.poison_buf else 0))


class _Encoder:
    def __init__(self, plan: Scenario) -> None:
        self._received, self._results = receive_places(plan), result_places(plan)

    def step(self, operation: Operation, data: bytearray) -> Any:
        """The step; what it takes from the data area is added there."""
        step = abi.wsktest_step(
            kind=operation.kind,
            context=operation.context,
            strand=operation.strand,
            cpu=operation.cpu,
            socket=operation.socket.slot if operation.socket else 0,
            target=operation.target.number if operation.target else operation.index,
            flags=operation.flags,
            limit_ms=-(-operation.limit // ms),
            delay_us=operation.delay // us,
            irp=operation.irp,
            callback=operation.callback,
            action=operation.action,
            options=_options(operation),
            within=_number(operation.within),
            irp_of=_number(operation.irp_of),
            count=operation.count,
            result_offset=self._results.get(operation, 0),
            result_length=operation.result,
        )
        if operation.socket and operation.kind in (StepKind.SOCKET, StepKind.SOCKET_CONNECT):
            step.category, step.family = operation.socket.category, operation.socket.family
        if operation.local:
            step.local = operation.local.encoded()
        if operation.remote:
            step.remote = operation.remote.encoded()
        if operation.buffer:
            step.buffer = self._buffer(operation, operation.buffer, data)
        if operation.control:
            step.control = _control(operation.control, data)
        return step

    def _buffer(self, operation: Operation, buffer: Buffer, data: bytearray) -> Any:
        shape = abi.wsktest_buffer(
            mdl_count=buffer.mdls,
            mdl_bytes=buffer.mdl_bytes,
            offset=buffer.offset,
            length=buffer.length + buffer.excess,
            sizes_offset=len(data) if buffer.sizes else 0,
        )
        data += b"".join(size.to_bytes(_ULONG, "little") for size in buffer.sizes)
        if operation in self._received:
            shape.data_offset = self._received[operation]
        else:
            shape.data_offset, shape.data_length = len(data), len(buffer.data)
            data += buffer.data
        return shape


def _control(control: ControlRequest, data: bytearray) -> Any:
    # What is pointed to may be a structure: it begins where one may.
    data += bytes(-len(data) % 8)
    encoded = abi.wsktest_control(
        request=control.request,
        code=control.code,
        level=control.level,
        input=control.input,
        value=control.value,
        data_offset=len(data),
        data_length=len(control.data),
        keep=control.kept,
    )
    data += control.data
    return encoded


def _number(within: Operation | Socket | None) -> int:
    if within is None:
        return 0
    return within.slot if isinstance(within, Socket) else within.number


def _check_size(what: str, size: int, limit: int) -> None:
    if size > limit:
        raise UsageError(f"the {what} is {size}; the driver takes at most {limit}")
