# SPDX-License-Identifier: Apache-2.0
"""Tests ask a timeline in the words of the requirements, and it never guesses."""

import pytest
from synthetic import PEER, TICK, GuestRun, Wire, exact_clock

from harness.core.abi import EventKind, TraceOutcome
from harness.core.errors import EvidenceLost, GuestHung, HarnessError
from harness.core.ntstatus import NOT_CALLED, NOT_COMPLETED, STATUS_CANCELLED, STATUS_PENDING, STATUS_SUCCESS
from harness.core.units import ms, us
from harness.evidence import Clock, Timeline, Trace
from harness.peer import ReadsToEof
from harness.scenario import DISPATCH, Callback, Origin, Scenario
from harness.wire import ACK, FIN, PSH, RST, SYN


class GracefulCase:
    """Connect at 10 ms, send at 20 ms, graceful disconnect at 30 ms with its FIN, close at 200 ms."""

    def __init__(self) -> None:
        self.plan = Scenario()
        self.sock = self.plan.connected(Origin.WSK_SOCKET_CONNECT, to=PEER)
        self.send = self.plan.send(self.sock, b"hello")
        self.receive = self.plan.receive(self.sock, 16)
        self.disconnect = self.plan.disconnect(self.sock, context=DISPATCH)
        self.close = self.plan.close(self.sock)
        self.wire = Wire().handshake(11 * ms)
        self.wire.packet("guest", PSH | ACK, 21 * ms, offset=1, payload=b"hello")
        self.wire.packet("peer", PSH | ACK, 25 * ms, offset=1, payload=b"welcome")
        self.wire.packet("guest", FIN | ACK, 31 * ms, offset=6)
        self.wire.packet("peer", ACK, 32 * ms, offset=8)
        self.run = GuestRun(self.plan)
        self.run.call(self.sock.creation, 10 * ms).complete(self.sock.creation, 13 * ms)
        self.run.call(self.send, 20 * ms).complete(self.send, 24 * ms, data=b"")
        self.run.call(self.receive, 25 * ms).complete(self.receive, 26 * ms, data=b"welcome")
        self.run.call(self.disconnect, 30 * ms, irql=2).complete(self.disconnect, 33 * ms)

    def closed(self) -> "GracefulCase":
        self.run.call(self.close, 200 * ms).complete(self.close, 201 * ms)
        return self

    def seen(self, clock: Clock | None = None, lost_packets: int = 0, starved: int = 0) -> Timeline:
        trace = Trace.decode(self.run.trace())
        return Timeline(
            self.plan,
            trace,
            self.wire.packets,
            ReadsToEof(),
            clock or exact_clock(),
            lost_packets=lost_packets,
            starved=lambda _since, _until: starved,
        )


def test_the_results_of_a_call_are_what_the_trace_says() -> None:
    case = GracefulCase().closed()
    seen = case.seen()
    assert seen.returned(case.disconnect) == STATUS_PENDING
    assert seen.status(case.disconnect) == STATUS_SUCCESS
    assert seen.completions(case.disconnect) == 1
    assert seen.pending_returned(case.disconnect)
    assert not seen.inline(case.disconnect)
    assert seen.irql_at(case.disconnect) == (2, 2)
    assert seen.elapsed(case.disconnect.call, case.disconnect.completion) == 3 * ms


def test_a_receive_has_the_bytes_that_information_counts() -> None:
    case = GracefulCase()
    seen = case.seen()
    assert seen.data(case.receive) == b"welcome"
    assert seen.information(case.receive) == 7


def test_a_receive_that_failed_has_none_whatever_information_says() -> None:
    plan = Scenario()
    failed = plan.receive(plan.socket(4), 16)
    run = GuestRun(plan).call(failed, 1 * ms).complete(failed, 2 * ms, STATUS_CANCELLED, data=b"old bytes")
    assert Timeline(plan, Trace.decode(run.trace()), [], None, exact_clock()).data(failed) == b""


def test_what_took_at_least_so_long_may_have_been_timed_by_a_slow_clock() -> None:
    case = GracefulCase()
    call, completion = case.disconnect.call, case.disconnect.completion
    seen = case.seen()
    assert seen.lasted(call, completion, 3 * ms)
    assert not seen.lasted(call, completion, 3 * ms + 600)
    seen.clock.drift_ppm = 200
    assert seen.lasted(call, completion, 3 * ms + 600)  # ns: 200 ppm of it
    assert not seen.lasted(call, completion, 3 * ms + 2 * us)


def test_what_took_too_long_decides_nothing_while_the_host_kept_the_guest_from_running() -> None:
    case = GracefulCase()
    call, completion = case.disconnect.call, case.disconnect.completion
    assert case.seen(starved=1000 * ms).within(call, completion, 4 * ms)
    assert not case.seen(starved=1 * ms).within(call, completion, 2 * ms)
    with pytest.raises(EvidenceLost, match=r"came 3 ms after.* kept the guest from running for 2 ms"):
        case.seen(starved=2 * ms).within(call, completion, 2 * ms)


def test_a_cancel_is_a_moment_of_its_own() -> None:
    case = GracefulCase()
    cancel = case.plan.cancel(case.disconnect)
    case.run.event(cancel.number, EventKind.CANCEL, 40 * ms)
    assert case.seen().order(case.disconnect.completion, cancel.call)


def test_a_call_that_was_never_made_has_no_results() -> None:
    case = GracefulCase()
    seen = case.seen()
    assert seen.returned(case.close) is NOT_CALLED
    assert seen.completions(case.close) == 0
    with pytest.raises(HarnessError, match="no call of close #5"):
        seen.no(RST, before=case.sock.close_call)


def test_a_callback_that_never_ran_leaves_nothing_to_judge() -> None:
    case = GracefulCase().closed()
    with pytest.raises(EvidenceLost, match="the callback ran 0 times"):
        case.seen().order(case.sock.enters(Callback.RECEIVE), case.close.completion)


def test_an_irp_that_never_completed_is_hung_not_in_order() -> None:
    case = GracefulCase()
    case.run.call(case.close, 200 * ms)
    seen = case.seen()
    assert seen.status(case.close) is NOT_COMPLETED
    with pytest.raises(GuestHung, match=r"close #5 .* never completed"):
        seen.order(case.disconnect.completion, case.close.completion)


def test_a_second_completion_is_counted_and_the_first_is_the_result() -> None:
    case = GracefulCase()
    case.run.complete(case.disconnect, 40 * ms, status=STATUS_CANCELLED, times=2)
    seen = case.seen()
    assert seen.completions(case.disconnect) == 2
    assert seen.status(case.disconnect) == STATUS_SUCCESS


@pytest.mark.parametrize(
    ("returned", "early", "status", "marked", "times", "right"),
    [
        (STATUS_PENDING, False, STATUS_SUCCESS, True, 1, True),
        (STATUS_PENDING, True, STATUS_CANCELLED, True, 1, True),
        (STATUS_PENDING, False, STATUS_SUCCESS, False, 1, False),
        (STATUS_PENDING, False, STATUS_SUCCESS, True, 2, False),
        (STATUS_SUCCESS, True, STATUS_SUCCESS, False, 1, True),
        (STATUS_SUCCESS, False, STATUS_SUCCESS, False, 1, False),
        (STATUS_SUCCESS, True, STATUS_CANCELLED, False, 1, False),
        (STATUS_CANCELLED, True, STATUS_CANCELLED, False, 1, True),
        (STATUS_CANCELLED, True, STATUS_CANCELLED, True, 1, False),
        (STATUS_CANCELLED, False, STATUS_CANCELLED, False, 1, False),
        (STATUS_CANCELLED, True, STATUS_SUCCESS, False, 1, False),
        (STATUS_CANCELLED, True, STATUS_CANCELLED, False, 0, False),
    ],
)
def test_a_call_and_its_irp_must_agree(
    returned: int, early: bool, status: int, marked: bool, times: int, right: bool
) -> None:
    plan = Scenario()
    sock = plan.connected(Origin.WSK_SOCKET_CONNECT, to=PEER)
    disconnect = plan.disconnect(sock)
    run = GuestRun(plan).call(sock.creation, 10 * ms).complete(sock.creation, 13 * ms)
    run.event(disconnect.number, EventKind.CALL, 30 * ms)
    before = min(times, early)
    for time in range(before):
        run.complete(disconnect, (31 + time) * ms, status, marked=marked)
    run.event(disconnect.number, EventKind.RETURN, 32 * ms, status=returned)
    for time in range(before, times):
        run.complete(disconnect, (33 + time) * ms, status, marked=marked)
    trace = Trace.decode(run.trace())
    seen = Timeline(plan, trace, [], ReadsToEof(), exact_clock())
    assert bool(seen.answered(disconnect)) == right


def test_events_are_ordered_by_sequence_number_however_poor_the_clock() -> None:
    case = GracefulCase()
    seen = case.seen(exact_clock(20 * ms, error=1000 * ms))
    assert seen.order(case.send.completion, case.disconnect.completion)
    backwards = seen.order(case.disconnect.completion, case.send.completion)
    assert not backwards
    assert repr(backwards) == (
        "<completion of send #2 (5 bytes, PASSIVE_LEVEL) does not come after "
        "completion of disconnect #4 (graceful, DISPATCH_LEVEL)>"
    )


def test_events_and_packets_are_ordered_by_the_clock() -> None:
    case = GracefulCase()
    seen = case.seen()
    assert seen.order(case.disconnect.call, seen.fin("guest"), case.disconnect.completion)
    assert seen.no(FIN, sender="guest", before=case.disconnect.call)
    assert not seen.no(FIN, sender="guest", after=case.disconnect.call)


def test_what_the_clock_cannot_order_is_evidence_lost() -> None:
    case = GracefulCase().closed()
    case.wire.packet("peer", ACK, 200 * ms + 10 * us, offset=8)
    seen = case.seen(exact_clock(20 * ms, error=2 * ms))
    with pytest.raises(EvidenceLost, match="closer together than the clock's bound"):
        seen.order(case.close.call, seen.packets(sender="peer")[-1])


def test_a_rst_that_only_the_close_can_be_near_to_comes_after_it() -> None:
    case = GracefulCase().closed()
    case.wire.packet("guest", RST | ACK, 200 * ms + 50 * us, offset=7)
    seen = case.seen(exact_clock(20 * ms, error=2 * ms))
    assert seen.no(RST, sender="guest", before=case.sock.close_call)


def test_a_rst_long_before_the_close_is_seen_before_it() -> None:
    case = GracefulCase().closed()
    case.wire.packet("guest", RST | ACK, 40 * ms, offset=7)
    seen = case.seen(exact_clock(20 * ms, error=2 * ms))
    assert not seen.no(RST, sender="guest", before=case.sock.close_call)


def test_a_fin_comes_after_the_disconnect_that_follows_the_connect_at_once() -> None:
    plan = Scenario()
    sock = plan.connected(Origin.WSK_SOCKET_CONNECT, to=PEER)
    disconnect = plan.disconnect(sock)
    wire = Wire().packet("guest", SYN, 15 * ms).packet("peer", SYN | ACK, 15 * ms + 10 * us)
    wire.packet("guest", FIN | ACK, 16 * ms + 70 * us, offset=1)
    run = GuestRun(plan).call(sock.creation, 10 * ms).complete(sock.creation, 16 * ms)
    run.call(disconnect, 16 * ms + 50 * us).complete(disconnect, 17 * ms)
    trace = Trace.decode(run.trace())
    seen = Timeline(plan, trace, wire.packets, None, exact_clock(10 * ms, error=20 * ms))
    assert seen.order(disconnect.call, seen.fin("guest"))


def test_a_fin_that_leaves_late_is_not_put_after_the_close_that_is_near() -> None:
    """The disconnect, long before it, still owes one: whether the close came first the clock cannot tell."""
    plan = Scenario()
    sock = plan.connected(Origin.WSK_SOCKET_CONNECT, to=PEER)
    disconnect, close = plan.disconnect(sock), plan.close(sock)
    wire = Wire().packet("guest", SYN, 10 * ms + 10 * us).packet("peer", SYN | ACK, 10 * ms + 20 * us)
    wire.packet("guest", FIN | ACK, 18 * ms, offset=1)
    run = GuestRun(plan).call(sock.creation, 10 * ms).complete(sock.creation, 16 * ms)
    run.call(disconnect, 16 * ms + 50 * us).call(close, 18 * ms + 50 * us)
    run.complete(disconnect, 19 * ms).complete(close, 19 * ms + 10 * us)
    seen = Timeline(plan, Trace.decode(run.trace()), wire.packets, None, exact_clock(10 * ms, error=200 * us))
    with pytest.raises(EvidenceLost):
        seen.order(seen.fin("guest"), close.call)


def test_a_fin_that_is_sent_again_is_not_put_after_the_close_that_is_near() -> None:
    """The timer sends it: whether the close came first the clock cannot tell."""
    plan = Scenario()
    sock = plan.connected(Origin.WSK_SOCKET_CONNECT, to=PEER)
    disconnect, close = plan.disconnect(sock), plan.close(sock)
    wire = Wire().packet("guest", SYN, 10 * ms + 10 * us).packet("peer", SYN | ACK, 10 * ms + 20 * us)
    wire.packet("guest", FIN | ACK, 17 * ms, offset=1).packet("guest", FIN | ACK, 18 * ms, offset=1)
    run = GuestRun(plan).call(sock.creation, 10 * ms).complete(sock.creation, 16 * ms)
    run.call(disconnect, 16 * ms + 50 * us).call(close, 18 * ms + 50 * us)
    run.complete(disconnect, 19 * ms).complete(close, 19 * ms + 10 * us)
    seen = Timeline(plan, Trace.decode(run.trace()), wire.packets, None, exact_clock(10 * ms, error=200 * us))
    _, again = seen.packets(FIN, sender="guest")
    with pytest.raises(EvidenceLost):
        seen.order(again, close.call)


def test_a_rst_near_something_else_that_may_have_caused_it_is_not_ordered() -> None:
    case = GracefulCase()
    case.run.call(case.close, 33 * ms + 100 * us).complete(case.close, 34 * ms)
    case.wire.packet("guest", RST | ACK, 33 * ms + 50 * us, offset=7)
    seen = case.seen(exact_clock(20 * ms, error=20 * ms))
    with pytest.raises(EvidenceLost):
        seen.no(RST, sender="guest", before=case.sock.close_call)


def test_the_handshake_and_the_data_tighten_a_poor_clock() -> None:
    case = GracefulCase()
    seen = case.seen(exact_clock(20 * ms, error=100 * ms))
    assert seen.clock_bound_ns == 2 * ms + 2 * TICK  # between connect's call and SYN, segment and receive


def test_a_retransmitted_fin_counts_once() -> None:
    case = GracefulCase()
    case.wire.packet("guest", FIN | ACK, 90 * ms, offset=6)
    seen = case.seen()
    assert len(seen.packets(FIN, sender="guest")) == 2
    assert seen.count(FIN, sender="guest") == 1


def test_a_stream_is_put_together_from_segments_in_any_order_and_number() -> None:
    case = GracefulCase()
    case.wire.packet("guest", ACK, 100 * ms, offset=25, payload=b"third")
    case.wire.packet("guest", ACK, 101 * ms, offset=1, payload=b"hello")
    case.wire.packet("guest", ACK, 102 * ms, offset=4, payload=b"lo, second one, then ")
    case.wire.packet("guest", ACK, 103 * ms, offset=24, payload=b" third")
    assert case.seen().stream("guest") == b"hello, second one, then third"


def test_a_gap_in_a_stream_is_evidence_lost() -> None:
    case = GracefulCase()
    case.wire.packet("guest", ACK, 100 * ms, offset=8, payload=b"world")
    with pytest.raises(EvidenceLost, match="bytes 5 to 7"):
        case.seen().stream("guest")


def test_what_did_not_happen_is_in_no_order() -> None:
    case = GracefulCase()
    seen = case.seen()
    fact = seen.order(case.disconnect.call, seen.rst("guest"))
    assert not fact
    assert repr(fact).endswith("then nothing>")


def test_lost_packets_lost_events_and_foreign_traces_are_never_judged() -> None:
    case = GracefulCase()
    with pytest.raises(EvidenceLost, match="lost 3 packets"):
        case.seen(lost_packets=3)
    case.run.lost_events = 2
    with pytest.raises(EvidenceLost, match="2 events"):
        case.seen()
    case.run.lost_events = 0
    case.run.plan.id += 1
    case.run.event(99, EventKind.CALL, 300 * ms)
    with pytest.raises(EvidenceLost, match="belongs to no step"):
        case.seen()
    with pytest.raises(HarnessError, match="belongs to scenario"):
        Timeline(Scenario(), Trace.decode(case.run.trace()), [], ReadsToEof(), exact_clock())


def test_a_rejected_run_has_a_timeline_without_events() -> None:
    plan = Scenario()
    run = GuestRun(plan)
    run.outcome = TraceOutcome.REJECTED
    seen = Timeline(plan, Trace.decode(run.trace()), [], ReadsToEof(), exact_clock())
    assert seen.to_rows() == []


def test_rows_tell_the_whole_story_in_order() -> None:
    rows = GracefulCase().seen().to_rows()
    texts = [f"{row.side}: {row.text} {getattr(row, 'facts', '')}".strip() for row in rows]
    story = [
        "guest: disconnect #4 (graceful, DISPATCH_LEVEL): call DISPATCH_LEVEL",
        "guest: disconnect #4 (graceful, DISPATCH_LEVEL): return DISPATCH_LEVEL, STATUS_PENDING",
        "wire: guest → peer: FIN+ACK seq 6 ack 1 len 0",
        "guest: disconnect #4 (graceful, DISPATCH_LEVEL): completion DISPATCH_LEVEL, STATUS_SUCCESS, "
        "Information 0",
    ]
    assert [text for text in texts if text in story] == story


def test_syn_is_a_flag_like_any_other() -> None:
    seen = GracefulCase().seen()
    assert seen.count(SYN) == 2
    assert repr(seen.fin("guest")).startswith("the guest's FIN+ACK seq")
