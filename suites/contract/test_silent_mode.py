# SPDX-License-Identifier: Apache-2.0
"""SIO_WSK_SET_TCP_SILENT_MODE: the connection says nothing more, and can only be closed."""

from harness.core.ntstatus import STATUS_INVALID_DEVICE_STATE, STATUS_SUCCESS
from harness.core.units import ms
from harness.peer import After, KeepsSending, Resets
from harness.scenario import (
    CONTEXTS,
    FAMILIES,
    SIO_WSK_SET_TCP_SILENT_MODE,
    WSK_FLAG_ABORTIVE,
    Scenario,
)
from harness.verdict import for_each, requires
from harness.wire import ACK
from suites.scenes import (
    CONNECTED_AND_ACCEPTED,
    SETTLES,
    acknowledges,
    answer,
    failed,
    joined,
    require_precondition,
    spoken,
    surely_after,
)

# The guest is silent, so that the peer must end the connection by itself.
PATIENCE = 400 * ms


def silenced(plan, sock):
    """Silent mode."""
    silent = plan.ioctl(sock, SIO_WSK_SET_TCP_SILENT_MODE)
    plan.wait(silent)
    return silent


@requires("X-14")
@for_each(way=CONNECTED_AND_ACCEPTED, context=CONTEXTS, family=FAMILIES)
async def test_in_silent_mode_a_socket_can_only_be_closed(lab, way, context, family):
    """Send and both kinds of disconnect are refused; the close succeeds; no data, FIN or RST goes out.

    Not even when a receive is pending.
    """
    plan = Scenario()
    peer, sock = joined(lab, plan, Resets(after=After(delay=PATIENCE)), way, family)
    pending = plan.receive(sock, 1)
    silent = silenced(plan, sock)
    refused = [
        plan.send(sock, 100, context=context),
        plan.disconnect(sock, context=context),
        plan.disconnect(sock, flags=WSK_FLAG_ABORTIVE, context=context),
    ]
    plan.wait(*refused)
    close = plan.close(sock, context=context)
    plan.wait(pending, close)
    plan.delay(SETTLES)

    seen = await lab.run(plan, peer)

    reset = seen.rst("peer")
    require_precondition(reset is None or seen.order(refused[-1].return_, reset))
    assert seen.status(silent) == STATUS_SUCCESS
    assert [answer(seen, call) for call in refused] == [STATUS_INVALID_DEVICE_STATE] * 3
    assert failed(seen, *refused)
    assert seen.status(close) == STATUS_SUCCESS
    assert spoken(seen) == []


@requires("X-14")
@for_each(way=CONNECTED_AND_ACCEPTED, family=FAMILIES)
async def test_in_silent_mode_data_of_the_peer_is_not_answered(lab, way, family):
    """The peer sends on and on, to a guest that acknowledges none of it while the socket is open."""
    plan = Scenario()
    peer, sock = joined(lab, plan, KeepsSending(for_=PATIENCE), way, family)
    plan.delay(SETTLES)
    silent = silenced(plan, sock)
    plan.delay(PATIENCE)
    close = plan.close(sock)
    plan.wait(close)

    seen = await lab.run(plan, peer)

    assert seen.status(silent) == STATUS_SUCCESS
    assert seen.status(close) == STATUS_SUCCESS
    late = [each for each in surely_after(seen, silent.completion, "peer") if each.payload]
    require_precondition(late and seen.order(late[0], close.call))
    assert not [each for each in seen.packets(ACK, sender="guest") if acknowledges(each, late[0])]
