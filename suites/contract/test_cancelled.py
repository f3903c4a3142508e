# SPDX-License-Identifier: Apache-2.0
"""The bytes of sends and receives that are cancelled, and where sends complete: recorded."""

from harness.core.ntstatus import STATUS_SUCCESS, nt_success
from harness.core.units import KiB, ms, s
from harness.peer import EndsWhenAsked, KeepsSending, ReadsToEof, ZeroWindow
from harness.scenario import ALL_CONTEXTS, FAMILIES, IPV4, WSK_FLAG_WAITALL, WSK_SOCKET, Scenario
from harness.verdict import for_each, requires
from suites.scenes import (
    ACKNOWLEDGED,
    CONNECTED_AND_ACCEPTED,
    SOON,
    joined,
    require_data_acknowledged,
    require_pending,
    require_precondition,
    require_time_left,
)
from suites.states.pending import cancel_one, each_once

PART, WHOLE = bytes(range(200)), 1000
FLOWING = bytes(range(100))  # of the peer's, again and again
PORTIONS, ROUNDS = 60, 100
OPENS = 2 * s
CLOSED = 300 * ms  # still, after the cancel
TAKEN = 1 * s  # in which TCP takes of the sends what it does take


def require_taken(seen, send, cancel):
    """The scene: the guest had the time to do with the send what it does while the window is closed."""
    require_time_left(seen, send.call, cancel.call, TAKEN // 20)


def require_closed(seen, cancel, peer):
    """The scene: the window was closed when that cancel was called, and for a while after."""
    require_precondition(peer.opened)
    require_time_left(seen, cancel.call, peer.opened, CLOSED)


@requires("X-49")
@for_each(way=CONNECTED_AND_ACCEPTED, family=FAMILIES)
async def test_a_waitall_receive_that_holds_a_part_is_cancelled(lab, way, family):
    """200 of 1,000 bytes have come: how it completes, and whether the 200 are lost, is recorded."""
    plan = Scenario()
    peer, sock = joined(lab, plan, EndsWhenAsked("fin", data=PART), way, family)
    receive = plan.receive(sock, WHOLE, flags=WSK_FLAG_WAITALL)
    plan.send(sock, b"?")
    plan.delay(ACKNOWLEDGED)
    cancel = plan.cancel(receive)
    plan.wait(receive)
    plan.send(sock, b"!")
    rest = plan.finish.receive(sock, WHOLE)
    plan.finish.close(sock)

    seen = await lab.run(plan, peer)

    require_pending(seen, receive, cancel)
    require_precondition(seen.stream("peer") == PART)
    require_data_acknowledged(seen, cancel)
    assert seen.completions(receive) == 1
    lab.record("status", seen.status(receive))
    lab.record("bytes with it, and with the next", (len(seen.data(receive)), len(seen.data(rest))))


@requires("X-49")
@for_each(taken={"none": 0, "some": 4 * KiB}, way=CONNECTED_AND_ACCEPTED, family=FAMILIES)
async def test_a_send_is_cancelled_while_the_window_is_closed(lab, taken, way, family):
    """How it completes, and whether its bytes arrive all the same when the window opens, is recorded."""
    plan = Scenario()
    peer, sock = joined(lab, plan, ZeroWindow(takes=taken, opens_after=OPENS), way, family)
    send = plan.send(sock, 16 * KiB)
    plan.delay(TAKEN)
    cancel = plan.cancel(send)
    plan.wait(send)
    graceful = plan.disconnect(sock)
    plan.wait(graceful)
    plan.close_after_eof(sock)

    seen = await lab.run(plan, peer)

    assert seen.completions(send) == 1
    require_pending(seen, send, cancel)
    require_taken(seen, send, cancel)
    if seen.rst("guest") is None:
        require_closed(seen, cancel, peer)
        require_precondition(nt_success(seen.status(graceful)))
    lab.record("status", seen.status(send))
    if not nt_success(seen.status(send)):
        lab.note("Information", seen.information(send))
    lab.record("all its bytes arrive", peer.received == send.data)


@requires("S-16")
@for_each(
    which={"first": 0, "middle": 1, "last": 2},
    size={"fits": 3 * KiB, "waits": 256 * KiB},  # in what a TCP takes while it may not send
    way=CONNECTED_AND_ACCEPTED,
    family=FAMILIES,
    singly=("size", "way", "family"),
)
async def test_one_of_several_sends_is_cancelled(lab, which, size, way, family):
    """It completes once. If the connection goes on, the others succeed, and the peer gets all of their bytes.

    Whether it does, and how much of the one that was cancelled the peer gets, is recorded.
    """
    plan = Scenario()
    peer, sock = joined(lab, plan, ZeroWindow(takes=2 * KiB, opens_after=OPENS), way, family)
    sends = [plan.send(sock, size) for _ in range(3)]
    plan.delay(TAKEN)
    one, cancel, others = cancel_one(plan, sends, which)
    plan.wait(*others)
    graceful = plan.disconnect(sock)
    plan.wait(graceful)
    plan.close_after_eof(sock)

    seen = await lab.run(plan, peer)

    assert each_once(seen, sends)
    goes_on = seen.rst("guest") is None
    if goes_on:
        assert [(seen.status(each), seen.information(each)) for each in others] == [
            (STATUS_SUCCESS, size) for _ in others
        ]
        lab.record("its bytes arrive", part_of(one, others, which, bytes(peer.received)))
        require_closed(seen, cancel, peer)  # what is recorded depends on it, and on the rest
    require_pending(seen, one, cancel)
    require_taken(seen, sends[-1], cancel)
    lab.record("the connection goes on", goes_on)
    lab.record("status", seen.status(one))


def part_of(one, others, which, received):
    """How much of the one stands in its place between the bytes of the others, which are all there."""
    before = b"".join(bytes(each.data) for each in others[:which])
    behind = b"".join(bytes(each.data) for each in others[which:])
    size = len(received) - len(before) - len(behind)
    assert received == before + bytes(one.data[: max(size, 0)]) + behind
    return "all" if size == len(one.data) else "some" if size else "none"


@requires("S-16")
@for_each(way=CONNECTED_AND_ACCEPTED, family=FAMILIES)
async def test_receives_are_cancelled_while_data_comes(lab, way, family):
    """Round after round one is called and cancelled at once: it ends once, and no byte is lost."""
    plan = Scenario()
    sending = KeepsSending(portion=FLOWING, after=SOON, every=10 * ms, for_=PORTIONS * 10 * ms)
    peer, sock = joined(lab, plan, sending, way, family)
    plan.send(sock, b"!")
    with plan.repeat(ROUNDS):
        receive = plan.receive(sock, len(FLOWING))
        plan.cancel(receive)
        plan.wait(receive)
        plan.delay(1 * ms)
    with plan.repeat(PORTIONS + 1):
        rest = plan.receive(sock, 64 * KiB)
        plan.wait(rest)
    plan.may_fail(rest)  # what it does behind the end of the stream is open
    plan.finish.close(sock)

    seen = await lab.run(plan, peer)

    lives = [*seen.rounds(receive), *seen.rounds(rest)]
    assert all(len(life.completions) == 1 for life in lives)
    got = sum(life.completion.information for life in lives if nt_success(life.completion.io_status))
    assert got == len(seen.stream("peer"))


@requires("X-49")
@for_each(context=ALL_CONTEXTS)
async def test_where_a_send_completes(lab, context):
    """Whether in its call, which may be made under a spin lock, is recorded.

    Below DISPATCH_LEVEL a DPC may come in between, on whatever thread: hardly in each of three.
    """
    plan = Scenario()
    peer, sock = joined(lab, plan, ReadsToEof(), WSK_SOCKET, IPV4)
    sends = [plan.finish.send(sock, 100, context=context) for _ in range(3)]
    plan.finish.disconnect(sock)
    plan.close_after_eof(sock)

    seen = await lab.run(plan, peer)

    assert all(seen.answered(send) for send in sends)
    lab.record(
        "completes inside its call", all(seen.inline(send) and same_thread(seen, send) for send in sends)
    )


def same_thread(seen, send):
    """Did the completion routine run on the thread of the call?"""
    return seen.completion(send).event.thread == seen.call(send).event.thread
