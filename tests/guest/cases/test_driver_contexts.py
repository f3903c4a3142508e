# SPDX-License-Identifier: Apache-2.0
"""The driver makes its calls where and with what the scenario says: IRQL, CPU, DPC, IRP, strand."""

import pytest

from harness.core.abi import EventKind
from harness.core.errors import GuestHung, UsageError
from harness.core.ntstatus import STATUS_CANCELLED, STATUS_PENDING, STATUS_SUCCESS
from harness.core.units import KiB, ms, s
from harness.evidence import APC_LEVEL, DISPATCH_LEVEL, PASSIVE_LEVEL
from harness.peer import HoldsOpen, ReadsSlowly, ReadsToEof
from harness.run.case import Case
from harness.scenario import (
    ALL_CONTEXTS,
    APC,
    DISPATCH,
    DPC,
    IPV4,
    PASSIVE,
    SPINLOCK,
    WSK_SOCKET,
    Buffer,
    Context,
    Irp,
    Scenario,
    inside,
)

LEVELS = {
    PASSIVE: PASSIVE_LEVEL,
    APC: APC_LEVEL,
    DISPATCH: DISPATCH_LEVEL,
    DPC: DISPATCH_LEVEL,
    SPINLOCK: DISPATCH_LEVEL,
}


@pytest.mark.parametrize("context", ALL_CONTEXTS, ids=str)
async def test_every_call_of_a_connection_is_made_in_each_context(lab: Case, context: Context) -> None:
    peer = lab.peer(ReadsToEof(exchange=1 * KiB), IPV4)
    plan = Scenario()
    sock = plan.connected(WSK_SOCKET, to=peer, context=context)
    send = plan.send(sock, 1 * KiB, context=context)
    receive = plan.receive(sock, 1 * KiB, flags=2, context=context)
    plan.wait(send, receive)
    disconnect = plan.disconnect(sock, context=context)
    plan.wait(disconnect)
    close = plan.close_after_eof(sock, context=context)

    seen = await lab.run(plan, peer)

    assert peer.received == send.data == seen.data(receive)
    for operation in (sock.creation, send, receive, disconnect, close):
        assert seen.irql_at(operation) == (LEVELS[context], LEVELS[context])
        assert seen.status(operation) == STATUS_SUCCESS


@pytest.mark.parametrize("context", [PASSIVE, DISPATCH, DPC], ids=str)
async def test_a_call_is_made_on_the_cpu_that_is_asked_for(lab: Case, context: Context) -> None:
    plan = Scenario()
    sockets = [plan.socket(IPV4, cpu=cpu, context=context) for cpu in (1, 0, 1)]
    plan.wait(*(sock.creation for sock in sockets))

    seen = await lab.run(plan)

    assert [seen.at(sock.creation.call).event.cpu for sock in sockets] == [1, 0, 1]  # type: ignore[union-attr]


async def test_a_dpc_does_not_run_on_the_thread_that_queued_it(lab: Case) -> None:
    plan = Scenario()
    sock = plan.socket(IPV4)
    plan.wait(sock.creation)
    close = plan.close(sock, context=DPC)
    plan.wait(close)

    seen = await lab.run(plan)

    assert seen.irql_at(close) == (DISPATCH_LEVEL, DISPATCH_LEVEL)


async def test_a_close_is_made_inside_the_completion_of_a_disconnect(lab: Case) -> None:
    peer = lab.peer(ReadsToEof(), IPV4)
    plan = Scenario()
    sock = plan.connected(WSK_SOCKET, to=peer)
    disconnect = plan.disconnect(sock)
    close = plan.close(sock, context=inside(disconnect))
    plan.wait(disconnect, close)

    seen = await lab.run(plan, peer)

    assert seen.order(disconnect.completion, close.call, close.completion)
    assert seen.irql_at(close).call == seen.completion_irql(disconnect)
    completion, call = seen.at(disconnect.completion).event, seen.at(close.call).event
    assert completion is not None
    assert call is not None
    assert completion.thread == call.thread


async def test_what_nothing_performs_is_a_limit_and_not_a_hang(lab: Case) -> None:
    plan = Scenario()
    sock = plan.socket(IPV4)
    plan.wait(sock.creation)
    bind = plan.bind(sock)
    close = plan.close(sock, context=inside(bind))
    plan.wait(close)

    seen = await lab.run(plan)

    assert seen.order(bind.completion, close.completion)


@pytest.mark.parametrize("irp", [Irp.ALLOCATED, Irp.INITIALIZED, Irp.PASSED_DOWN], ids=str)
async def test_an_irp_of_every_origin_completes_every_kind_of_call(lab: Case, irp: Irp) -> None:
    peer = lab.peer(ReadsToEof(), IPV4)
    plan = Scenario()
    sock = plan.connected(WSK_SOCKET, to=peer, irp=irp)
    disconnect = plan.disconnect(sock, irp=irp)
    plan.wait(disconnect)
    close = plan.close_after_eof(sock, irp=irp)

    seen = await lab.run(plan, peer)

    for operation in (sock.creation, disconnect, close):
        assert (seen.completions(operation), seen.status(operation)) == (1, STATUS_SUCCESS)


async def test_an_irp_that_is_passed_down_comes_back_through_the_driver(lab: Case) -> None:
    peer = lab.peer(ReadsToEof(), IPV4)
    plan = Scenario()
    sock = plan.connected(WSK_SOCKET, to=peer)
    disconnect = plan.disconnect(sock, irp=Irp.PASSED_DOWN)
    plan.wait(disconnect)
    again = plan.disconnect(sock, irp=Irp.PASSED_DOWN)
    plan.wait(again)
    plan.finish.close(sock, irp=again)

    seen = await lab.run(plan, peer)

    for step, pending in ((disconnect, True), (again, False)):
        (up,) = (
            event
            for event in seen.trace.events
            if event.kind == EventKind.PASSED_UP and event.step == step.number
        )
        completion = seen.at(step.completion).event
        assert completion is not None
        assert up.sequence > completion.sequence
        assert seen.completions(step) == 1
        assert (seen.returned(step) == STATUS_PENDING) == pending
        assert completion.pending_returned == up.pending_returned == pending


async def test_one_irp_serves_one_call_after_the_other(lab: Case) -> None:
    peer = lab.peer(ReadsToEof(), IPV4)
    plan = Scenario()
    sock = plan.connected(WSK_SOCKET, to=peer)
    send = plan.send(sock, 100, irp=sock.creation)
    plan.wait(send)
    disconnect = plan.disconnect(sock, irp=send)
    plan.wait(disconnect)
    close = plan.close(sock, irp=disconnect)
    plan.wait(close)

    seen = await lab.run(plan, peer)

    assert [seen.completions(step) for step in (sock.creation, send, disconnect, close)] == [1, 1, 1, 1]
    assert seen.information(send) == 100
    assert peer.received == send.data


async def test_what_a_wsk_buf_describes_outlasts_the_structure(lab: Case) -> None:
    peer = lab.peer(ReadsSlowly(rate=4096 * KiB, exchange=1 * KiB), IPV4)
    plan = Scenario()
    sock = plan.connected(WSK_SOCKET, to=peer)
    receive = plan.receive(sock, Buffer(b"", length=1 * KiB, mdls=3), flags=2, poison_buf=True)
    sends = [plan.send(sock, size, poison_buf=True) for size in (1 * KiB, 300 * KiB)]
    plan.wait(receive)
    disconnect = plan.disconnect(sock, buffer=Buffer(b"at last", mdls=3), poison_buf=True)
    plan.wait(*sends, disconnect)
    plan.close_after_eof(sock)

    seen = await lab.run(plan, peer)

    assert {seen.returned(step) for step in (receive, *sends, disconnect)} == {STATUS_PENDING}
    assert peer.received == b"".join(step.data for step in (*sends, disconnect))
    assert seen.data(receive) == sends[0].data


def test_a_call_without_a_wsk_buf_has_none_to_poison() -> None:
    plan = Scenario()
    sock = plan.socket(IPV4)
    with pytest.raises(UsageError, match="no WSK_BUF"):
        plan.disconnect(sock, poison_buf=True)


async def test_io_cancel_irp_ends_a_pending_receive(lab: Case) -> None:
    peer = lab.peer(HoldsOpen(for_=300 * ms), IPV4)
    plan = Scenario()
    sock = plan.connected(WSK_SOCKET, to=peer)
    receive = plan.receive(sock, 100)
    plan.delay(20 * ms)
    cancel = plan.cancel(receive)
    plan.wait(receive)
    plan.finish.close(sock)

    seen = await lab.run(plan, peer)

    assert seen.returned(receive) == STATUS_PENDING
    assert seen.status(receive) == STATUS_CANCELLED
    assert seen.order(cancel.call, receive.completion)
    assert seen.elapsed(receive.call, receive.completion) >= 20 * ms


async def test_strands_run_side_by_side_and_meet_at_barriers(lab: Case) -> None:
    plan = Scenario()
    first = plan.socket(IPV4)
    plan.wait(first.creation)
    plan.delay(100 * ms)
    plan.barrier(0)
    late = plan.bind(first)
    plan.wait(late)
    with plan.strand(1):
        early = plan.socket(IPV4)
        plan.wait(early.creation)
        plan.barrier(0)
        after = plan.bind(early)
        plan.wait(after)

    seen = await lab.run(plan)

    assert seen.elapsed(early.creation.completion, after.call) > 50 * ms
    assert seen.elapsed(first.creation.completion, late.call) >= 100 * ms
    assert abs(seen.elapsed(after.call, late.call)) < 50 * ms
    threads = {seen.at(step.call).event.thread for step in (late, after)}  # type: ignore[union-attr]
    assert len(threads) == 2


async def test_a_close_waits_for_the_calls_of_other_strands_and_ends_the_socket_for_them(lab: Case) -> None:
    peer = lab.peer(ReadsToEof(), IPV4)
    plan = Scenario()
    sock = plan.connected(WSK_SOCKET, to=peer)
    plan.barrier(0)
    sends = []
    for strand in (1, 2, 3):
        with plan.strand(strand):
            plan.barrier(0)
            with plan.repeat(100):
                sends.append(plan.send(sock, 10))
                plan.wait(sends[-1])
    plan.may_fail(*sends)  # those whose turn comes after the close are not called
    plan.delay(5 * ms)
    close = plan.close(sock)
    plan.wait(close)

    seen = await lab.run(plan, peer)

    rounds = [life for send in sends for life in seen.rounds(send)]
    assert len(rounds) == 300
    assert all(len(life.completions) == (1 if life.call else 0) for life in rounds)
    call = seen.at(close.call).event
    assert call is not None
    assert all(life.returned.sequence < call.sequence for life in rounds if life.returned)


async def test_a_loop_records_every_round(lab: Case) -> None:
    plan = Scenario()
    with plan.repeat(10_000):
        sock = plan.socket(IPV4)
        plan.wait(sock.creation)
        close = plan.close(sock)
        plan.wait(close)

    seen = await lab.run(plan)

    for operation in (sock.creation, close):
        rounds = seen.rounds(operation)
        assert len(rounds) == 10_000
        assert all(len(life.completions) == 1 and life.call and life.returned for life in rounds)
    assert seen.trace.lost_events == 0


async def test_an_empty_call_shows_what_the_stamps_of_a_call_cost(lab: Case) -> None:
    plan = Scenario()
    with plan.repeat(100):
        nothing = plan.nothing()

    seen = await lab.run(plan)

    timing = seen.timing(nothing)
    assert len(timing.call) == 100
    assert not timing.completion
    assert sorted(timing.call)[50] < 1 * ms


async def test_a_limit_in_one_strand_stops_the_others_and_recovery_completes_all(lab: Case) -> None:
    peer = lab.peer(HoldsOpen(for_=10 * s), IPV4)
    plan = Scenario()
    sock = plan.connected(WSK_SOCKET, to=peer)
    receive = plan.receive(sock, 10)
    with plan.strand(1), plan.repeat(1000):
        plan.delay(50 * ms)
    plan.wait(receive, limit=2 * s)

    with pytest.raises(GuestHung, match="receive"):
        await lab.run(plan, peer)

    seen = lab.evidence.timeline
    assert seen is not None
    assert seen.status(receive) == STATUS_CANCELLED
    assert seen.trace.pending == 0
    assert sum(event.kind == EventKind.DELAY_END for event in seen.trace.events) < 100
