# SPDX-License-Identifier: Apache-2.0
"""Statuses that WskDisconnect returns and its IRP completes with; and that a close is the end of it."""

from harness.core.ntstatus import STATUS_PENDING, STATUS_SUCCESS
from harness.peer import HoldsOpen, ReadsToEof
from harness.scenario import ALL_CONTEXTS, FAMILIES, IPV4, WSK_SOCKET, Address, Category, Origin, Scenario
from harness.verdict import for_each, requires
from suites.scenes import FORMS, OPEN, SOME_WAYS, TOLD, bound, connected, in_fin_wait_2, require_peer_open

ROUNDS = 20
MISUSES = {**FORMS, "undefined-flag": 0x80000000}
BEFORE = {"nothing": None, **FORMS}


@requires("D-10", "D-11")
@for_each(way=SOME_WAYS, flags=FORMS)
async def test_a_disconnect_that_succeeds_says_so_in_both_its_answers(lab, way, flags):
    """STATUS_SUCCESS: completed with success before the return. STATUS_PENDING: completed with it later."""
    plan = Scenario()
    peer, sock = connected(lab, plan, ReadsToEof(), way=way)
    disconnect = plan.disconnect(sock, flags=flags)
    plan.wait(disconnect)
    plan.finish.close(sock)

    seen = await lab.run(plan, peer)

    assert seen.returned(disconnect) in (STATUS_SUCCESS, STATUS_PENDING)
    assert seen.answered(disconnect)
    assert seen.status(disconnect) == STATUS_SUCCESS


@requires("D-10")
@for_each(family=FAMILIES, way=(WSK_SOCKET, Origin.STREAM_CONNECT))
async def test_disconnects_in_a_row_all_keep_what_they_promise(lab, family, way):
    """Forty connections end one after the other, every second by an abort: each answer fits its IRP."""
    peer = lab.peer(ReadsToEof(connections=2 * ROUNDS), family)
    plan = Scenario()
    disconnects = []
    with plan.repeat(ROUNDS):
        for flags in FORMS.values():
            sock = plan.connected(way, to=peer)
            disconnects.append(plan.disconnect(sock, flags=flags))
            plan.wait(disconnects[-1])
            plan.finish.close(sock)

    seen = await lab.run(plan, peer)

    rounds = [life for disconnect in disconnects for life in seen.rounds(disconnect)]
    assert len(rounds) == 2 * ROUNDS
    for life in rounds:
        assert len(life.completions) == 1
        completion = life.completion
        assert completion.io_status == STATUS_SUCCESS
        assert life.returned.status in (STATUS_SUCCESS, STATUS_PENDING)
        assert completion.pending_returned == (life.returned.status == STATUS_PENDING)
        assert completion.pending_returned or completion.sequence < life.returned.sequence


@requires("D-14")
@for_each(
    misuse=MISUSES, category=(Category.CONNECTION, Category.STREAM), context=ALL_CONTEXTS, singly=("context",)
)
async def test_a_refused_disconnect_has_completed_its_irp_with_failure(lab, misuse, category, context):
    """Without a connection: if an error is returned the IRP has failed before that, else it says the same."""
    plan = Scenario()
    sock = plan.socket(IPV4, category=category)
    plan.wait(sock.creation)
    disconnect = plan.disconnect(sock, flags=misuse, context=context)
    plan.wait(disconnect)
    plan.finish.close(sock)

    seen = await lab.run(plan)

    assert seen.answered(disconnect)


@requires("D-31")
@for_each(before=BEFORE, category=(Category.CONNECTION, Category.STREAM))
async def test_a_close_is_the_complete_end_of_a_connection(lab, before, category):
    """Whatever disconnect came before, after the close the peer is reset and the local port is free again."""
    peer = lab.peer(HoldsOpen(for_=OPEN, tells=TOLD), IPV4)
    local = Address.wildcard(IPV4, peer.port)
    plan = Scenario()
    sock, _ = bound(plan, category, local)
    plan.finish.connect(sock, to=peer)
    if before == FORMS["graceful"]:
        in_fin_wait_2(plan, sock)
    elif before is not None:
        plan.finish.disconnect(sock, flags=before)
    close = plan.close(sock)
    plan.wait(close)
    again, bind = bound(plan, category, local)
    plan.finish.close(again)

    seen = await lab.run(plan, peer)

    require_peer_open(seen, close)
    assert seen.status(close) == STATUS_SUCCESS
    assert seen.status(bind) == STATUS_SUCCESS
    assert peer.ended == "reset"
