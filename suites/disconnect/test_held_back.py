# SPDX-License-Identifier: Apache-2.0
"""A graceful disconnect that the peer holds back: how long it waits, and how to get out of it."""

from harness.core.ntstatus import STATUS_PENDING, STATUS_SUCCESS
from harness.core.units import KiB, ms
from harness.peer import BlackHole, WithholdsDataAcks, WithholdsFinAck, ZeroWindow
from harness.scenario import ALL_CONTEXTS, CONTEXTS, WSK_FLAG_ABORTIVE, Scenario
from harness.verdict import for_each, requires
from suites.scenes import NETWORKS, PROMPT, SETTLES, SOME_WAYS, connected, failed, impossible, require_pending

STALLS = {
    "fin-unacknowledged": (lambda: WithholdsFinAck(), 0),
    "window-closed": (lambda: ZeroWindow(), 4),
    "unreachable-with-data": (lambda: BlackHole(), 1),
    "unreachable": (lambda: BlackHole(), 0),
}


@requires("D-11", "D-22")
@for_each(network=NETWORKS, way=SOME_WAYS, context=CONTEXTS, unless=impossible)
async def test_graceful_disconnect_completes_only_when_its_fin_is_acknowledged(lab, network, way, context):
    """The peer withholds the acknowledgement of our FIN: the IRP stays pending as long."""
    plan = Scenario()
    peer, sock = connected(lab, plan, WithholdsFinAck(releases_after=300 * ms), network, way)
    disconnect = plan.disconnect(sock, context=context)
    plan.wait(disconnect)
    plan.close_after_eof(sock)

    seen = await lab.run(plan, peer)

    assert seen.returned(disconnect) == STATUS_PENDING
    assert seen.lasted(disconnect.call, disconnect.completion, 300 * ms)
    assert seen.status(disconnect) == STATUS_SUCCESS


@requires("D-22")
@for_each(network=NETWORKS, context=CONTEXTS)
async def test_graceful_disconnect_completes_only_when_its_buffer_is_acknowledged(lab, network, context):
    """The peer takes the buffer and withholds every acknowledgement: the IRP stays pending as long."""
    plan = Scenario()
    peer, sock = connected(lab, plan, WithholdsDataAcks(releases_after=300 * ms), network)
    disconnect = plan.disconnect(sock, buffer=4 * KiB, context=context)
    plan.wait(disconnect)
    plan.close_after_eof(sock)

    seen = await lab.run(plan, peer)

    assert seen.lasted(disconnect.call, disconnect.completion, 300 * ms)
    assert seen.status(disconnect) == STATUS_SUCCESS
    assert seen.stream("guest") == disconnect.data


@requires("D-24", "D-26")
@for_each(stall=STALLS, network=NETWORKS, context=ALL_CONTEXTS, singly=("context",))
async def test_an_abortive_disconnect_ends_a_graceful_one_that_is_pending(lab, stall, network, context):
    """An abort is accepted, resets the connection, and completes the first IRP at once."""
    behaviour, sends = stall
    plan = Scenario()
    peer, sock = connected(lab, plan, behaviour(), network)
    for _ in range(sends):
        plan.send(sock, 1 * KiB)
    graceful = plan.disconnect(sock)
    plan.delay(SETTLES)
    abort = plan.disconnect(sock, flags=WSK_FLAG_ABORTIVE, context=context)
    plan.wait(graceful, abort)
    plan.finish.close(sock)

    seen = await lab.run(plan, peer)

    require_pending(seen, graceful, abort)
    assert seen.status(abort) == STATUS_SUCCESS
    assert seen.rst("guest") is not None
    assert seen.completions(graceful) == 1
    assert seen.within(abort.call, graceful.completion, PROMPT)
    lab.record("status of the graceful disconnect", seen.status(graceful))


@requires("D-25", "D-26")
@for_each(stall=STALLS, network=NETWORKS, context=ALL_CONTEXTS, singly=("context",))
async def test_closing_ends_a_graceful_disconnect_that_is_pending(lab, stall, network, context):
    """Close resets the connection and completes the first IRP before itself."""
    behaviour, sends = stall
    plan = Scenario()
    peer, sock = connected(lab, plan, behaviour(), network)
    for _ in range(sends):
        plan.send(sock, 1 * KiB)
    graceful = plan.disconnect(sock)
    plan.delay(SETTLES)
    close = plan.close(sock, context=context)
    plan.wait(graceful, close)

    seen = await lab.run(plan, peer)

    require_pending(seen, graceful, close)
    assert seen.status(close) == STATUS_SUCCESS
    assert seen.rst("guest") is not None
    assert seen.completions(graceful) == 1
    assert seen.order(graceful.completion, close.completion)
    lab.record("status of the graceful disconnect", seen.status(graceful))


@requires("D-23")
@for_each(sends={"with-data": 1, "with-a-fin-alone": 0}, network=NETWORKS)
async def test_what_a_disconnect_does_while_the_peer_is_unreachable_is_recorded(lab, sends, network):
    """For half a second nothing comes back: the disconnect pends, or has completed and not with success."""
    plan = Scenario()
    peer, sock = connected(lab, plan, BlackHole(), network)
    for _ in range(sends):
        plan.send(sock, 1 * KiB)
    graceful = plan.disconnect(sock)
    plan.delay(500 * ms)
    abort = plan.disconnect(sock, flags=WSK_FLAG_ABORTIVE)
    plan.wait(graceful, abort)
    plan.finish.close(sock)

    seen = await lab.run(plan, peer)

    pended = seen.order(abort.call, graceful.completion)
    assert pended or failed(seen, graceful)
    lab.record("after half a second", "pending" if pended else seen.status(graceful))
