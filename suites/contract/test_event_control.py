# SPDX-License-Identifier: Apache-2.0
"""Switching events off, giving data back, and a close that follows."""

from harness.core.ntstatus import (
    STATUS_EVENT_PENDING,
    STATUS_PENDING,
    STATUS_SUCCESS,
    is_error,
    nt_success,
)
from harness.core.units import s
from harness.peer import HoldsOpen, Sends
from harness.scenario import CONTEXTS, FAMILIES, IPV4, WSK_SOCKET, Action, Callback, Irp, Origin, Scenario
from harness.scenario.values import EVENT_BITS, WSK_EVENT_DISABLE
from harness.verdict import alone, for_each, requires
from suites.scenes import (
    HELD,
    SOON,
    before_it_returns,
    bystander,
    has_begun,
    holds_no_more,
    require_precondition,
)

CONNECTS = (WSK_SOCKET, Origin.STREAM_CONNECT)
IRPS = {"irp": Irp.ALLOCATED, "no-irp": Irp.NONE}


@requires("X-12")
@for_each(irp=IRPS, origin=CONNECTS, event=(Callback.RECEIVE, Callback.DISCONNECT), context=CONTEXTS)
async def test_an_idle_event_is_disabled_at_once(lab, irp, origin, event, context):
    """No callback is in progress: the call succeeds, with or without an IRP."""
    peer = lab.peer(HoldsOpen(for_=5 * s), IPV4)
    plan = Scenario()
    sock = plan.connected(origin, to=peer)
    plan.finish.enable(sock, Callback.RECEIVE, Callback.DISCONNECT)
    disable = plan.disable(sock, event, irp=irp, context=context)
    plan.wait(disable)
    plan.finish.close(sock)

    seen = await lab.run(plan, peer)

    if irp == Irp.NONE:
        assert seen.returned(disable) == STATUS_SUCCESS
    else:
        assert (seen.completions(disable), seen.status(disable)) == (1, STATUS_SUCCESS)


@requires("X-12", "C-11", "C-12")
@alone
@for_each(origin=CONNECTS, family=FAMILIES, context=CONTEXTS)
async def test_disabling_an_event_in_progress_waits_for_its_callback(lab, origin, family, context):
    """The IRP of the disable completes when the callback has returned, and then the close does."""
    lab.needs_cpus(2)
    peer = lab.peer(Sends(b"data", after=SOON), family)
    plan = Scenario()
    other = bystander(plan)
    sock = plan.connected(origin, to=peer)
    plan.on_event(sock, Callback.RECEIVE, hold=HELD)
    plan.finish.enable(sock, Callback.RECEIVE)
    plan.send(sock, b"!")
    has_begun(plan, other, sock, Callback.RECEIVE)
    disable = plan.disable(sock, Callback.RECEIVE, context=context)
    close = plan.close(sock, context=context)
    plan.wait(disable, close)

    seen = await lab.run(plan, peer)

    require_precondition(
        seen.order(sock.enters(Callback.RECEIVE), disable.call, sock.leaves(Callback.RECEIVE))
    )
    assert before_it_returns(seen, disable.return_, sock, Callback.RECEIVE)
    assert seen.returned(disable) == STATUS_PENDING
    assert seen.completions(disable) == 1
    assert seen.order(sock.leaves(Callback.RECEIVE), disable.completion, close.completion)
    lab.record("status of the disable", seen.status(disable))


@requires("X-12")
@alone
@for_each(origin=CONNECTS, family=FAMILIES)
async def test_disabling_an_event_in_progress_without_an_irp_says_so(lab, origin, family):
    """STATUS_EVENT_PENDING: the call is over, the callback is not; the close waits for it all the same."""
    lab.needs_cpus(2)
    peer = lab.peer(Sends(b"data", after=SOON), family)
    plan = Scenario()
    other = bystander(plan)
    sock = plan.connected(origin, to=peer)
    plan.on_event(sock, Callback.RECEIVE, hold=HELD)
    plan.finish.enable(sock, Callback.RECEIVE)
    plan.send(sock, b"!")
    has_begun(plan, other, sock, Callback.RECEIVE)
    disable = plan.disable(sock, Callback.RECEIVE, irp=Irp.NONE)
    close = plan.close(sock)
    plan.wait(close)

    seen = await lab.run(plan, peer)

    require_precondition(
        seen.order(sock.enters(Callback.RECEIVE), disable.call, sock.leaves(Callback.RECEIVE))
    )
    assert before_it_returns(seen, disable.return_, sock, Callback.RECEIVE)
    assert seen.returned(disable) == STATUS_EVENT_PENDING
    assert seen.order(sock.leaves(Callback.RECEIVE), close.completion)


@requires("X-13")
@for_each(irp=IRPS, origin=CONNECTS, context=CONTEXTS)
async def test_two_events_are_not_disabled_in_one_call(lab, irp, origin, context):
    """RECEIVE and DISCONNECT together with the DISABLE bit: an error, whose status is recorded."""
    peer = lab.peer(HoldsOpen(for_=5 * s), IPV4)
    both = EVENT_BITS[Callback.RECEIVE] | EVENT_BITS[Callback.DISCONNECT]
    plan = Scenario()
    sock = plan.connected(origin, to=peer)
    plan.finish.enable(sock, Callback.RECEIVE, Callback.DISCONNECT)
    disable = plan.event_mask(sock, both | WSK_EVENT_DISABLE, irp=irp, context=context)
    plan.wait(disable)
    plan.finish.close(sock)

    seen = await lab.run(plan, peer)

    if irp == Irp.NONE:
        assert is_error(seen.returned(disable))
    else:
        assert (seen.completions(disable), nt_success(seen.status(disable))) == (1, False)
    lab.record_return("return value", seen.returned(disable))


def retained_and_released(lab, origin, family):
    """Data that a callback keeps until the client gives it back, just before the close."""
    peer = lab.peer(Sends(b"x", after=SOON), family)  # one byte, which no provider can indicate in parts
    plan = Scenario()
    sock = plan.connected(origin, to=peer)
    plan.on_event(sock, Callback.RECEIVE, Action.RETAIN)
    plan.finish.enable(sock, Callback.RECEIVE)
    plan.send(sock, b"!")
    plan.wait_event(sock, Callback.RECEIVE)
    plan.finish.disable(sock, Callback.RECEIVE)  # which is over when the callback has returned
    release = plan.release(sock)
    plan.wait(release)
    close = plan.close(sock)
    plan.wait(close)
    return plan, peer, release, close


@requires("X-09")
@alone
@for_each(origin=CONNECTS, family=FAMILIES)
async def test_retained_data_that_was_released_takes_no_memory(lab, origin, family):
    """A callback keeps its data, WskRelease gives it back, the socket is closed: the pool holds no more."""
    plan, peer, _, _ = retained_and_released(lab, origin, family)
    await lab.run(plan, peer)
    before = await lab.pool()
    plan, peer, release, close = retained_and_released(lab, origin, family)

    seen = await lab.run(plan, peer)

    assert seen.returned(release) == STATUS_SUCCESS
    assert seen.status(close) == STATUS_SUCCESS
    assert holds_no_more(before, await lab.pool(before))
