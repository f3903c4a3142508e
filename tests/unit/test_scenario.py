# SPDX-License-Identifier: Apache-2.0
"""A plan becomes the bytes that the driver takes, and stored bytes become a plan again."""

import struct
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from synthetic import PEER

from harness.core.abi import StepKind, abi
from harness.core.errors import UsageError
from harness.core.units import KiB, MiB, ms, s
from harness.scenario import (
    APC,
    DISPATCH,
    DPC,
    IPV4,
    IPV6,
    ORIGINS,
    SIO_ADDRESS_LIST_QUERY,
    SIO_WSK_QUERY_IDEAL_SEND_BACKLOG,
    SPINLOCK,
    WSK_FLAG_ABORTIVE,
    WSK_FLAG_WAITALL,
    Action,
    Address,
    Buffer,
    Callback,
    Category,
    ControlRequest,
    InspectAction,
    Irp,
    Origin,
    Scenario,
    Socket,
    decode,
    encode,
    inside,
)


def example() -> Scenario:
    """A plan with every kind of step."""
    plan = Scenario(dangerous=True)
    for origin in ORIGINS:
        sock = plan.connected(origin, to=PEER)
        send = plan.send(sock, 64 * KiB)
        receive = plan.receive(
            sock, Buffer(b"", length=100, mdls=3, offset=7, slack=9), flags=WSK_FLAG_WAITALL
        )
        disconnect = plan.disconnect(sock, buffer=Buffer(b"bye", mdls=2, offset=1), poison_buf=True)
        plan.wait(send, receive, disconnect, limit=2 * s)
        plan.delay(1500 * ms)
        plan.disconnect(sock, flags=WSK_FLAG_ABORTIVE)
        plan.close(sock, context=DISPATCH)
    plan.bugcheck(0xE2)
    return plan


def wide_example() -> Scenario:
    """A plan with what the first one lacks: categories, events, controls, strands, loops, places."""
    plan = Scenario(own_client=True)
    descriptor, _ = plan.cache_descriptor(b"0123456789")
    listener = plan.socket(IPV4, category=Category.LISTEN, control=ControlRequest.using(descriptor))
    plan.conditional_accept(listener, irp=Irp.PASSED_DOWN)
    plan.on_event(listener, Callback.INSPECT, Action.RETAIN, hold=1 * ms)
    first, second = plan.on_accept(listener, 2)
    plan.bind(listener)
    enable = plan.enable(listener, Callback.ACCEPT, irp=Irp.NONE, cpu=1)
    plan.wait_event(listener, Callback.ACCEPT, 2, limit=1 * s)
    plan.inspect_complete(listener, InspectAction.REJECT, context=inside(listener, Callback.INSPECT))
    third = plan.accept(listener, context=SPINLOCK)
    plan.cancel(third.creation)
    plan.disconnect(first, context=inside(enable))
    with plan.strand(1):
        plan.barrier(3)
        with plan.repeat(1000):
            udp = plan.socket(IPV6, category=Category.DATAGRAM)
            plan.wait(udp.creation)
            plan.wait(plan.close(udp))
    plan.barrier(3)
    stream = plan.socket(IPV6, category=Category.STREAM, context=DPC)
    plan.wait(stream.creation)
    plan.dual_mode(stream, irp=stream.creation)
    plan.connect_ex(stream, to=Address(IPV4, "192.0.2.1", 80).mapped(), data=b"hello", context=APC)
    plan.local_address(stream)
    plan.remote_address(stream)
    plan.ioctl(stream, SIO_WSK_QUERY_IDEAL_SEND_BACKLOG, size=8)
    plan.release(second)
    plan.release_descriptor(descriptor)
    plan.release_npi()
    plan.wait(plan.deregister())
    return plan


def steps_of(plan: Scenario) -> list[Any]:
    data = encode(plan)
    header = abi.wsktest_scenario(data)
    return list(abi.wsktest_step[header.step_count](data[header.steps_offset : header.data_offset]))


@pytest.mark.parametrize("make", [example, wide_example])
def test_a_stored_scenario_loads_into_the_same_plan(make: Callable[[], Scenario]) -> None:
    plan = make()
    loaded = decode(encode(plan))
    assert encode(loaded) == encode(plan)
    assert list(map(repr, loaded.operations)) == list(map(repr, plan.operations))


def test_each_preparatory_step_of_a_connected_socket_is_waited_for() -> None:
    plan = Scenario()
    plan.connected(Origin.WSK_SOCKET, to=PEER)
    assert [operation.kind for operation in plan.operations] == [
        StepKind.SOCKET,
        StepKind.WAIT,
        StepKind.BIND,
        StepKind.WAIT,
        StepKind.CONNECT,
        StepKind.WAIT,
    ]


def test_a_plan_closes_nothing_by_itself() -> None:
    plan = Scenario()
    sock = plan.connected(Origin.WSK_SOCKET_CONNECT, to=PEER)
    with pytest.raises(UsageError, match="does not close socket 0"):
        _ = sock.close_call


def test_an_ipv6_address_is_encoded_whole() -> None:
    plan = Scenario()
    plan.socket_connect(to=Address(IPV6, "2001:db8::1", 4000))
    (step,) = steps_of(plan)
    assert (step.remote.family, step.remote.port) == (6, 4000)
    assert bytes(step.remote.bytes).hex() == "20010db8000000000000000000000001"
    assert bytes(step.local.bytes) == bytes(16)


def test_a_buffer_is_a_chain_that_holds_offset_data_and_slack() -> None:
    plan = Scenario()
    sock = plan.socket(IPV4)
    plan.send(sock, Buffer(b"0123456789", mdls=4, offset=3, slack=2))
    shape = steps_of(plan)[1].buffer
    assert (shape.mdl_count, shape.mdl_bytes, shape.offset, shape.length) == (4, 4, 3, 10)


def test_a_buffer_may_be_a_chain_of_mdls_of_any_sizes_with_empty_ones_among_them() -> None:
    sizes = (0, 1, 0, 70 * KiB, 3)
    plan = Scenario()
    sock = plan.socket(IPV4)
    plan.send(sock, Buffer(bytes(range(256)), length=66 * KiB, sizes=sizes))
    plan.receive(sock, Buffer(b"", length=20, sizes=(20, 0)))
    encoded = encode(plan)
    header = abi.wsktest_scenario(encoded)
    shape, data = steps_of(plan)[1].buffer, encoded[header.data_offset :]
    listed = struct.unpack_from("<5I", data, shape.sizes_offset)
    assert (shape.mdl_count, shape.mdl_bytes, shape.length, listed) == (5, 0, 66 * KiB, sizes)
    again = decode(encoded)
    assert [step.buffer for step in again.operations] == [step.buffer for step in plan.operations]
    assert encode(again) == encoded


def test_an_event_is_enabled_without_an_irp_and_disabled_with_one() -> None:
    plan = Scenario()
    sock = plan.socket(IPV4)
    enable, disable = plan.enable(sock, Callback.RECEIVE), plan.disable(sock, Callback.RECEIVE)
    assert (enable.irp, disable.irp) == (Irp.NONE, Irp.ALLOCATED)
    meant = Scenario(dangerous=True)
    assert meant.enable(meant.socket(IPV4), Callback.RECEIVE, irp=Irp.ALLOCATED).irp == Irp.ALLOCATED


def test_the_events_of_a_socket_may_be_answered_before_it_is_made() -> None:
    plan = Scenario(own_client=True)
    plan.static_events(Callback.RECEIVE)
    coming = plan.next_socket(IPV6, category=Category.STREAM)
    plan.on_event(coming, Callback.RECEIVE, Action.REFUSE)
    assert plan.socket(IPV6, category=Category.STREAM) is coming
    assert plan.socket(IPV4) is not coming
    encoded = encode(plan)
    again = decode(encoded)
    assert encode(again) == encoded
    assert [(sock.family, sock.category) for sock in again.sockets] == [
        (IPV6, Category.STREAM),
        (IPV4, Category.CONNECTION),
    ]


def test_no_buffer_means_null_instead_of_a_wsk_buf() -> None:
    plan = Scenario()
    plan.disconnect(plan.socket(IPV4))
    assert steps_of(plan)[1].buffer.mdl_count == 0


def test_two_sends_of_a_size_carry_different_bytes() -> None:
    plan = Scenario()
    sock = plan.socket(IPV4)
    one, two = plan.send(sock, 10 * KiB), plan.send(sock, 10 * KiB)
    assert len(one.data) == len(two.data) == 10 * KiB
    assert one.data != two.data


def test_a_large_send_takes_little_room_in_the_data_area() -> None:
    plan = Scenario()
    plan.send(plan.socket(IPV4), 4 * MiB)
    assert len(encode(plan)) < 8 * KiB


def test_an_operation_describes_itself_in_the_words_of_the_field() -> None:
    plan = Scenario()
    sock = plan.socket(IPV4)
    disconnect = plan.disconnect(sock, context=DISPATCH)
    assert repr(disconnect) == "disconnect #1 (graceful, DISPATCH_LEVEL)"
    assert repr(disconnect.completion) == "completion of disconnect #1 (graceful, DISPATCH_LEVEL)"


def over_ipv6(plan: Scenario, sock: Socket) -> None:
    plan.connect(sock, to=Address(IPV6, "::1", 1))


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (lambda plan, sock: (plan.close(sock), plan.send(sock, 1)), "cannot be used after close #1"),
        (over_ipv6, "not an address for a socket of IPv4"),
        (lambda plan, sock: plan.connect(sock, to=Address(IPV4, "peer", 1)), "'peer' is not an IP address"),
        (lambda plan, sock: plan.connect(sock, to=Address(IPV4, "192.0.2.1", 70000)), "not a port"),
        (lambda plan, sock: plan.send(sock, 5 * MiB), "holds at most 4194304 bytes"),
        (lambda plan, sock: plan.send(sock, Buffer(b"x", mdls=65)), "1 to 64 MDLs"),
        (lambda plan, sock: plan.send(sock, Buffer(b"x" * 8, mdls=9, offset=2)), "not inside the first MDL"),
        (lambda plan, sock: plan.send(sock, Buffer(b"x" * 8, sizes=(4, 3))), "7 bytes do not hold 8"),
        (
            lambda plan, sock: plan.send(sock, Buffer(b"x", sizes=(0, 8), offset=1)),
            "not inside the first MDL",
        ),
        (lambda plan, sock: plan.enable(sock, Callback.RECEIVE, irp=Irp.ALLOCATED), "dangerous=True"),
        (lambda plan, sock: plan.ioctl(sock, SIO_ADDRESS_LIST_QUERY, context=DISPATCH), "PASSIVE_LEVEL"),
        (lambda plan, sock: (plan.next_socket(IPV4), plan.socket(IPV6)), "was announced"),
        (lambda plan, sock: plan.receive(sock, -2), "no negative length"),
        (lambda plan, sock: plan.wait(sock.creation, limit=3600 * s), "not a wait"),
        (lambda plan, sock: plan.bugcheck(1), "dangerous=True"),
        (lambda plan, sock: plan.freeze(), "dangerous=True"),
        (lambda plan, sock: plan.disconnect(sock, flags=1 << 32), "32-bit"),
    ],
)
def test_what_the_driver_would_refuse_is_refused_when_the_plan_is_made(
    wrong: Callable[[Scenario, Socket], object], why: str
) -> None:
    plan = Scenario()
    with pytest.raises(UsageError, match=why):
        wrong(plan, plan.socket(IPV4))


def test_buffers_that_are_too_much_together_are_refused() -> None:
    plan = Scenario()
    sock = plan.socket(IPV4)
    for _ in range(5):
        plan.send(sock, 4 * MiB)
    with pytest.raises(UsageError, match="buffer total"):
        encode(plan)


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (lambda data: data[:20], "truncated"),
        (lambda data: data[:-1], "truncated"),
        (lambda data: data + b"x", "do not fit together"),
        (lambda data: b"ELF!" + data[4:], "not a scenario"),
        (lambda data: data[:4] + b"\x09\0" + data[6:], "version 9"),
    ],
)
def test_a_damaged_scenario_is_refused_with_one_line(damage: Callable[[bytes], bytes], why: str) -> None:
    with pytest.raises(UsageError, match=why) as refused:
        decode(damage(encode(example())))
    assert "\n" not in str(refused.value)


@given(st.data())
def test_no_change_of_a_stored_scenario_is_a_surprise(data: st.DataObject) -> None:
    stored = bytearray(encode(data.draw(st.sampled_from((example, wide_example)))()))
    end = abi.wsktest_scenario.size + 10 * abi.wsktest_step.size
    for _ in range(data.draw(st.integers(1, 4))):
        stored[data.draw(st.integers(0, end))] = data.draw(st.integers(0, 255))
    with suppress(UsageError):
        encode(decode(bytes(stored)))


def test_a_call_that_is_finished_is_called_and_waited_for() -> None:
    def plan(finish: bool) -> Scenario:
        made = Scenario(scenario_id=1)
        sock = made.finish.socket(IPV4) if finish else made.socket(IPV4)
        if not finish:
            made.wait(sock.creation)
        if finish:
            made.finish.bind(sock)
            made.finish.close(sock, context=DISPATCH)
        else:
            made.wait(made.bind(sock))
            made.wait(made.close(sock, context=DISPATCH))
        return made

    assert encode(plan(finish=True)) == encode(plan(finish=False))


def test_what_has_no_irp_cannot_be_finished() -> None:
    plan = Scenario()
    with pytest.raises(UsageError, match="delay is no call that could be waited for"):
        plan.finish.delay(1 * ms)
    with pytest.raises(UsageError, match="has no IRP to wait for"):
        plan.finish.cancel(plan.finish.socket(IPV4).creation)
