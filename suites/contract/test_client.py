# SPDX-License-Identifier: Apache-2.0
"""WskDeregister and WskReleaseProviderNPI while sockets of the client are open."""

from harness.core.ntstatus import STATUS_SUCCESS
from harness.core.units import ms
from harness.peer import ReadsToEof
from harness.scenario import ALL_ORIGINS, FAMILIES, IPV4, WSK_SOCKET, Category, Scenario
from harness.verdict import for_each, requires
from suites.scenes import SETTLES, require_precondition


@requires("X-20")
@for_each(category=Category)
async def test_deregistration_waits_for_a_socket_of_every_category(lab, category):
    """It is asked for while a socket is open, and returns when that is closed and not before."""
    plan = Scenario(own_client=True)
    sock = plan.socket(IPV4, category=category)
    plan.wait(sock.creation)
    deregister = plan.deregister()
    plan.delay(SETTLES)
    close = plan.close(sock)
    plan.wait(close, deregister)

    seen = await lab.run(plan)

    assert seen.status(close) == STATUS_SUCCESS
    require_precondition(seen.order(deregister.call, close.call))
    assert seen.order(close.call, close.completion, deregister.return_)


@requires("X-20")
@for_each(family=FAMILIES)
async def test_deregistration_waits_for_the_last_of_many_sockets(lab, family):
    """Eight sockets are closed one after the other: only the last lets it return."""
    plan = Scenario(own_client=True)
    sockets = [plan.socket(family) for _ in range(8)]
    plan.wait(*(sock.creation for sock in sockets))
    deregister = plan.deregister()
    for sock in sockets:
        plan.delay(20 * ms)
        plan.finish.close(sock)
    plan.wait(deregister)

    seen = await lab.run(plan)

    require_precondition(seen.order(deregister.call, sockets[-1].close_call))
    assert seen.order(sockets[-1].close_completion, deregister.return_)


@requires("X-21")
@for_each(origin=ALL_ORIGINS)
async def test_a_socket_outlives_the_release_of_the_provider_npi(lab, origin):
    """After WskReleaseProviderNPI the socket sends, disconnects and closes as before."""
    peer = lab.peer(ReadsToEof(), IPV4)
    plan = Scenario(own_client=True)
    sock = plan.connected(origin, to=peer)
    plan.release_npi()
    send = plan.send(sock, 100)
    plan.wait(send)
    disconnect = plan.disconnect(sock)
    plan.wait(disconnect)
    close = plan.close_after_eof(sock)

    seen = await lab.run(plan, peer)

    assert [seen.status(step) for step in (send, disconnect, close)] == [STATUS_SUCCESS] * 3
    assert peer.received == send.data
    assert peer.ended == "eof"


@requires("X-21", "C-17")
@for_each(family=FAMILIES)
async def test_a_socket_is_reset_by_a_close_after_the_release_of_the_provider_npi(lab, family):
    """The close means the same without the NPI."""
    peer = lab.peer(ReadsToEof(), family)
    plan = Scenario(own_client=True)
    sock = plan.connected(WSK_SOCKET, to=peer)
    plan.release_npi()
    close = plan.close(sock)
    plan.wait(close)

    seen = await lab.run(plan, peer)

    assert seen.status(close) == STATUS_SUCCESS
    assert peer.ended == "reset"
