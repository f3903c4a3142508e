# SPDX-License-Identifier: Apache-2.0
"""The return value of a WSK call, IoStatus.Status and Irp->PendingReturned fit one another."""

from harness.core.ntstatus import STATUS_PENDING, STATUS_SUCCESS
from harness.evidence import DISPATCH_LEVEL
from harness.evidence.events import irql_name
from harness.peer import ReadsToEof
from harness.scenario import (
    ALL_CONTEXTS,
    CONTEXTS,
    FAMILIES,
    WSK_FLAG_ABORTIVE,
    WSK_SOCKET,
    Address,
    Callback,
    Category,
    Scenario,
)
from harness.verdict import for_each, requires
from suites.scenes import CONNECTED_STREAM_AND_ACCEPTED, FORMS, NETWORKS, connected, impossible

MISUSES = {
    "fresh-graceful": (False, 0),
    "fresh-abortive": (False, WSK_FLAG_ABORTIVE),
    "bound-graceful": (True, 0),
    "bound-abortive": (True, WSK_FLAG_ABORTIVE),
    "bound-undefined-flag": (True, 0x80000000),
}


def keep_the_contract(seen, plan):
    """Every call with an IRP: completed once, pending exactly if it said so, the IRQL as it was."""
    calls = [operation for operation in plan.operations if operation.has_irp]
    assert calls
    for call in calls:
        assert seen.completions(call) == 1
        assert seen.pending_returned(call) == (seen.returned(call) == STATUS_PENDING)
        assert seen.inline(call) or seen.returned(call) == STATUS_PENDING
        assert seen.completion_irql(call) <= DISPATCH_LEVEL
        assert seen.irql_at(call).returned == seen.irql_at(call).call


@requires("D-10", "D-11")
@for_each(family=FAMILIES, context=CONTEXTS, flags=FORMS)
async def test_a_disconnect_has_succeeded_when_its_status_says_so(lab, family, context, flags):
    """STATUS_SUCCESS: completed with success before the return. STATUS_PENDING: completed with it later."""
    peer = lab.peer(ReadsToEof(), family)
    plan = Scenario()
    sock = plan.connected(WSK_SOCKET, to=peer)
    disconnect = plan.disconnect(sock, flags=flags, context=context)
    plan.wait(disconnect)
    plan.finish.close(sock)

    seen = await lab.run(plan, peer)

    assert seen.returned(disconnect) in (STATUS_SUCCESS, STATUS_PENDING)
    assert seen.status(disconnect) == STATUS_SUCCESS
    assert seen.completions(disconnect) == 1
    assert seen.pending_returned(disconnect) == (seen.returned(disconnect) == STATUS_PENDING)
    if seen.returned(disconnect) == STATUS_SUCCESS:
        assert seen.inline(disconnect)


@requires("D-14")
@for_each(family=FAMILIES, context=CONTEXTS, misuse=MISUSES)
async def test_a_refused_disconnect_has_completed_its_irp_with_failure(lab, family, context, misuse):
    """Where an error is returned the IRP has failed before the return; else it says the same."""
    bound, flags = misuse
    plan = Scenario()
    sock = plan.socket(family)
    plan.wait(sock.creation)
    if bound:
        plan.finish.bind(sock)
    disconnect = plan.disconnect(sock, flags=flags, context=context)
    plan.wait(disconnect)
    plan.finish.close(sock)

    seen = await lab.run(plan)

    assert seen.answered(disconnect)


@requires("X-01", "X-02")
@for_each(
    way=CONNECTED_STREAM_AND_ACCEPTED,
    context=ALL_CONTEXTS,
    network=NETWORKS,
    unless=impossible,
    singly=("context",),
)
async def test_an_irp_is_pending_exactly_when_the_call_returned_pending(lab, way, context, network):
    """PendingReturned is TRUE after STATUS_PENDING; after anything else the IRP completed within the call."""
    plan = Scenario()
    peer, sock = connected(lab, plan, ReadsToEof(exchange=10), network, way)
    plan.wait(plan.local_address(sock, context=context), plan.remote_address(sock, context=context))
    plan.finish.enable(sock, Callback.DISCONNECT, context=context)
    plan.wait(plan.send(sock, 10, context=context), plan.receive(sock, 10, context=context))
    plan.finish.disconnect(sock, context=context)
    plan.finish.disconnect(sock, flags=WSK_FLAG_ABORTIVE, context=context)
    plan.finish.send(sock, 10, context=context)
    plan.finish.close(sock, context=context)

    seen = await lab.run(plan, peer)

    keep_the_contract(seen, plan)


@requires("X-01", "X-02")
@for_each(
    category=(Category.LISTEN, Category.STREAM), context=ALL_CONTEXTS, family=FAMILIES, singly=("context",)
)
async def test_the_irps_of_a_listener_are_pending_exactly_when_the_call_returned_pending(
    lab, category, context, family
):
    """The same of a listener's calls: bind, listen, accept and close, with the accept pending."""
    plan = Scenario()
    listener = plan.listening(family, lab.port(), category=category, context=context)
    accept = plan.accept(listener, context=context).creation
    plan.may_fail(accept)
    close = plan.close(listener, context=context)
    plan.wait(accept, close)

    seen = await lab.run(plan)

    keep_the_contract(seen, plan)


@requires("X-01", "X-02")
@for_each(context=ALL_CONTEXTS, family=FAMILIES)
async def test_the_irps_of_datagrams_are_pending_exactly_when_the_call_returned_pending(lab, context, family):
    """The same of a datagram socket's calls, of which one receives and one is cut short by the close."""
    here = Address.loopback(family, lab.port())
    plan = Scenario()
    sock = plan.socket(family, category=Category.DATAGRAM, context=context)
    plan.wait(sock.creation)
    plan.finish.bind(sock, local=here, context=context)
    plan.wait(plan.send_to(sock, 10, to=here, context=context), plan.receive_from(sock, 10, context=context))
    last = plan.receive_from(sock, 10, context=context)
    plan.wait(plan.close(sock, context=context), last)

    seen = await lab.run(plan)

    keep_the_contract(seen, plan)


@requires("X-02")
@for_each(family=FAMILIES)
async def test_the_level_of_completions_that_were_pending(lab, family):
    """At most DISPATCH_LEVEL; of disconnect and close, called at PASSIVE_LEVEL, it is noted."""
    peer = lab.peer(ReadsToEof(), family)
    plan = Scenario()
    sock = plan.connected(WSK_SOCKET, to=peer)
    disconnect = plan.disconnect(sock)
    plan.wait(disconnect)
    close = plan.close_after_eof(sock)

    seen = await lab.run(plan, peer)

    for operation in (disconnect, close):
        level = seen.completion_irql(operation)
        assert level <= DISPATCH_LEVEL
        lab.note(f"level of the {operation.kind.name.lower()}", irql_name(level))
