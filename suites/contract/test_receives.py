# SPDX-License-Identifier: Apache-2.0
"""When sends and receives complete, and with what: what disconnects and closes build on."""

from harness.core.ntstatus import STATUS_SUCCESS, nt_success
from harness.core.units import KiB, ms
from harness.peer import After, FinFirst, HoldsOpen, KeepsSending, Resets, SendsThenFin, WithholdsDataAcks
from harness.scenario import (
    CONTEXTS,
    FAMILIES,
    IPV4,
    WSK_FLAG_ABORTIVE,
    WSK_FLAG_DRAIN,
    WSK_FLAG_NODELAY,
    WSK_FLAG_WAITALL,
    Scenario,
)
from harness.verdict import for_each, requires
from suites.scenes import CONNECTED_AND_ACCEPTED, OPEN, SETTLES, joined, require_pending, require_precondition

PATIENT = {"waitall": (1 * KiB, WSK_FLAG_WAITALL), "drain": (0, WSK_FLAG_DRAIN)}
PART = 300


@requires("X-15")
@for_each(way=CONNECTED_AND_ACCEPTED, flags={"plain": 0, "nodelay": WSK_FLAG_NODELAY}, family=FAMILIES)
async def test_a_send_completes_when_its_data_is_acknowledged(lab, way, flags, family):
    """The peer withholds its acknowledgement: the send stays pending, then succeeds with all bytes."""
    plan = Scenario()
    peer, sock = joined(lab, plan, WithholdsDataAcks(releases_after=400 * ms), way, family)
    send = plan.send(sock, 1000, flags=flags)
    plan.wait(send)
    plan.finish.close(sock)

    seen = await lab.run(plan, peer)

    assert seen.lasted(send.call, send.completion, 400 * ms)
    assert (seen.status(send), seen.information(send)) == (STATUS_SUCCESS, 1000)


@requires("X-16")
@for_each(way=CONNECTED_AND_ACCEPTED, context=CONTEXTS, family=FAMILIES)
async def test_a_receive_at_the_end_of_the_stream_succeeds_with_nothing(lab, way, context, family):
    """The peer's FIN completes the receive with no bytes; what the next one does is recorded."""
    plan = Scenario()
    peer, sock = joined(lab, plan, FinFirst(), way, family)
    receives = []
    for _ in range(2):
        receives.append(plan.receive(sock, 100, context=context))
        plan.wait(receives[-1])
    plan.finish.close(sock)

    seen = await lab.run(plan, peer)

    first, second = receives
    assert (seen.status(first), seen.information(first)) == (STATUS_SUCCESS, 0)
    lab.record("the next receive", f"{seen.status(second)}, {len(seen.data(second))} bytes")


@requires("X-17")
@for_each(form=PATIENT, way=CONNECTED_AND_ACCEPTED, family=FAMILIES)
async def test_the_peers_fin_ends_a_receive_that_wants_more(lab, form, way, family):
    """WAITALL gets what came before the FIN; with which status they complete is recorded."""
    size, flags = form
    plan = Scenario()
    peer, sock = joined(lab, plan, SendsThenFin(b"x" * PART), way, family)
    receive = plan.receive(sock, size, flags=flags)
    plan.wait(receive)
    plan.finish.close(sock)

    seen = await lab.run(plan, peer)

    assert seen.completions(receive) == 1
    lab.record("status", seen.status(receive))
    if flags == WSK_FLAG_WAITALL:
        assert seen.data(receive) == b"x" * PART or not nt_success(seen.status(receive))
    elif nt_success(seen.status(receive)):
        lab.record("Information", seen.information(receive))


@requires("X-17")
@for_each(form=PATIENT, way=CONNECTED_AND_ACCEPTED, family=FAMILIES)
async def test_the_peers_reset_ends_a_receive_that_wants_more(lab, form, way, family):
    """It completes, once; its status is recorded."""
    size, flags = form
    plan = Scenario()
    peer, sock = joined(lab, plan, Resets(after=After(received=1)), way, family)
    receive = plan.receive(sock, size, flags=flags)
    plan.send(sock, b"!")
    plan.wait(receive)
    plan.finish.close(sock)

    seen = await lab.run(plan, peer)

    require_precondition(seen.rst("peer"))
    assert seen.completions(receive) == 1
    lab.record("status", seen.status(receive))


@requires("X-17")
@for_each(form=PATIENT, way=CONNECTED_AND_ACCEPTED, context=CONTEXTS)
async def test_our_own_abort_ends_a_receive_that_wants_more(lab, form, way, context):
    """The abortive disconnect completes it, once; its status is recorded."""
    size, flags = form
    plan = Scenario()
    peer, sock = joined(lab, plan, HoldsOpen(for_=OPEN), way, IPV4)
    receive = plan.receive(sock, size, flags=flags)
    plan.delay(SETTLES)
    abort = plan.disconnect(sock, flags=WSK_FLAG_ABORTIVE, context=context)
    plan.wait(receive, abort)
    plan.finish.close(sock)

    seen = await lab.run(plan, peer)

    require_pending(seen, receive, abort)
    assert seen.completions(receive) == 1
    lab.record("status", seen.status(receive))


@requires("X-17")
@for_each(form=PATIENT, way=CONNECTED_AND_ACCEPTED, family=FAMILIES)
async def test_cancelling_ends_a_receive_that_wants_more(lab, form, way, family):
    """IoCancelIrp completes it once; its status is recorded."""
    size, flags = form
    plan = Scenario()
    peer, sock = joined(lab, plan, HoldsOpen(for_=OPEN), way, family)
    receive = plan.receive(sock, size, flags=flags)
    plan.delay(SETTLES)
    cancel = plan.cancel(receive)
    plan.wait(receive)
    plan.finish.close(sock)

    seen = await lab.run(plan, peer)

    require_pending(seen, receive, cancel)
    assert seen.completions(receive) == 1
    lab.record("status", seen.status(receive))


@requires("X-17")
@for_each(form=PATIENT, way=CONNECTED_AND_ACCEPTED, family=FAMILIES)
async def test_a_receive_that_wants_more_is_not_content_with_a_part(lab, form, way, family):
    """Data comes in portions of 100 bytes: WAITALL waits for its last byte, DRAIN for the FIN."""
    size, flags = form
    plan = Scenario()
    sending = KeepsSending(after=After(received=1), every=20 * ms, for_=500 * ms)
    peer, sock = joined(lab, plan, sending, way, family)
    receive = plan.receive(sock, size, flags=flags)
    plan.send(sock, b"!")
    plan.wait(receive)
    plan.finish.close(sock)

    seen = await lab.run(plan, peer)

    if flags == WSK_FLAG_WAITALL:
        assert seen.status(receive) == STATUS_SUCCESS
        assert len(seen.data(receive)) == size
    else:
        assert seen.completions(receive) == 1
        assert seen.lasted(receive.call, receive.completion, 500 * ms)
