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
    WSK_SOCKET,
    Arrival,
    Scenario,
)
from harness.verdict import for_each, requires
from suites.scenes import joined

WAYS = (WSK_SOCKET, Arrival.STREAM_ACCEPT)
# The guest is silent, so that the peer must end the connection by itself.
PATIENCE = 400 * ms


def silenced(plan, sock):
    """Silent mode, and time enough to tell what came after it from what came before."""
    silent = plan.ioctl(sock, SIO_WSK_SET_TCP_SILENT_MODE)
    plan.wait(silent)
    plan.delay(100 * ms)
    return silent


def said_since(seen, silent):
    """Packets of the guest's after silent mode was on; the clock may be off by less than the delay."""
    limit = seen.at(silent.completion).interval.latest + 50 * ms
    return [packet for packet in seen.packets(sender="guest") if packet.time_ns > limit]


@requires("X-14")
@for_each(way=WAYS, context=CONTEXTS, family=FAMILIES)
async def test_in_silent_mode_a_socket_can_only_be_closed(lab, way, context, family):
    """Send and both kinds of disconnect are refused; the close succeeds; not one packet goes out."""
    plan = Scenario()
    peer, sock = joined(lab, plan, Resets(after=After(delay=PATIENCE)), way, family)
    silent = silenced(plan, sock)
    refused = [
        plan.send(sock, 100, context=context),
        plan.disconnect(sock, context=context),
        plan.disconnect(sock, flags=WSK_FLAG_ABORTIVE, context=context),
    ]
    plan.wait(*refused)
    close = plan.close(sock, context=context)
    plan.wait(close)
    plan.delay(50 * ms)

    seen = await lab.run(plan, peer)

    assert seen.status(silent) == STATUS_SUCCESS
    assert [seen.status(call) for call in refused] == [STATUS_INVALID_DEVICE_STATE] * 3
    assert [seen.completions(call) for call in refused] == [1] * 3
    assert seen.status(close) == STATUS_SUCCESS
    assert said_since(seen, silent) == []


@requires("X-14")
@for_each(way=WAYS, family=FAMILIES)
async def test_in_silent_mode_data_of_the_peer_is_not_answered(lab, way, family):
    """The peer sends on and on, to a guest that acknowledges none of it while the socket is open."""
    plan = Scenario()
    peer, sock = joined(lab, plan, KeepsSending(for_=PATIENCE), way, family)
    silent = silenced(plan, sock)
    plan.delay(PATIENCE + 100 * ms)
    close = plan.close(sock)
    plan.wait(close)

    seen = await lab.run(plan, peer)

    assert seen.status(silent) == STATUS_SUCCESS
    assert seen.status(close) == STATUS_SUCCESS
    until = seen.at(close.call).interval.earliest
    assert [packet for packet in said_since(seen, silent) if packet.time_ns < until] == []
