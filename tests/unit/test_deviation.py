# SPDX-License-Identifier: Apache-2.0
"""A deviation says in words what was expected and what was seen."""

import ast
import contextlib
import re
from collections.abc import Callable
from functools import partial
from itertools import pairwise

import pytest
from synthetic import PEER, GuestRun, Wire, exact_clock

from harness.core.abi import EventKind
from harness.core.ntstatus import STATUS_CANCELLED, STATUS_PENDING, STATUS_SUCCESS
from harness.core.paths import SUITES
from harness.core.units import ms, us
from harness.evidence import DISPATCH_LEVEL, Fact, Timeline, Trace
from harness.evidence.deviation import in_words
from harness.evidence.spoken import NoWords, spoken, value
from harness.scenario import Operation, Origin, Scenario
from harness.wire import ACK, FIN, RST

NO_FIN = "expected one FIN of the guest, saw none; RST+ACK 2 ms after the call of disconnect #3"


class AbortedDisconnect:
    """A graceful disconnect at 30 ms whose RST comes 2 ms later; its IRP was cancelled, inline."""

    def __init__(self, reset: int = 32 * ms, error: int = 0) -> None:
        plan = Scenario()
        self.sock = plan.connected(Origin.WSK_SOCKET_CONNECT, to=PEER)
        self.send = plan.send(self.sock, b"hello")
        self.disconnect = plan.disconnect(self.sock)
        self.close = plan.close(self.sock)
        wire = Wire().handshake(11 * ms).packet("guest", RST | ACK, reset, offset=6)
        run = GuestRun(plan).call(self.sock.creation, 10 * ms).complete(self.sock.creation, 13 * ms)
        run.call(self.send, 20 * ms).complete(self.send, 24 * ms)
        run.call(self.disconnect, 30 * ms).complete(self.disconnect, 33 * ms, STATUS_CANCELLED, times=2)
        run.call(self.close, 200 * ms).complete(self.close, 201 * ms)
        self.timeline = Timeline(
            plan, Trace.decode(run.trace()), wire.packets, None, exact_clock(error=error)
        )


@pytest.fixture(scope="module")
def case() -> AbortedDisconnect:
    return AbortedDisconnect()


def words(judge: Callable[[], None]) -> str:
    """The words for an assertion that fails."""
    with pytest.raises(AssertionError) as caught:
        judge()
    return in_words(caught.value)


def test_a_fin_that_is_missing(case: AbortedDisconnect) -> None:
    def judge() -> None:
        seen = case.timeline
        assert seen.count(FIN, sender="guest") == 1

    assert words(judge) == NO_FIN


def test_what_the_clock_cannot_tell_apart_is_no_exact_time() -> None:
    seen = AbortedDisconnect(reset=30 * ms + 500 * us, error=8 * ms).timeline

    def judge() -> None:
        assert seen.count(FIN, sender="guest") == 1

    assert words(judge) == (
        "expected one FIN of the guest, saw none; RST+ACK within 1.5 ms after the call of disconnect #3"
    )


def test_a_reset_that_must_not_be(case: AbortedDisconnect) -> None:
    def judge() -> None:
        assert case.timeline.no(RST, sender="guest", before=case.close.call)

    assert words(judge) == (
        "expected no RST of the guest before the call of close #4, "
        "saw RST+ACK 2 ms after the call of disconnect #3"
    )


def test_a_status_and_a_return(case: AbortedDisconnect) -> None:
    def status(operation: Operation) -> None:
        seen = case.timeline
        assert seen.status(operation) == STATUS_SUCCESS

    def returned(operation: Operation) -> None:
        assert case.timeline.returned(operation) in (STATUS_SUCCESS, STATUS_CANCELLED)

    assert words(partial(status, case.disconnect)) == (
        "expected the IRP of disconnect #3 to complete with STATUS_SUCCESS, saw STATUS_CANCELLED"
    )
    assert words(partial(returned, case.disconnect)) == (
        "expected disconnect #3 to return one of STATUS_SUCCESS or STATUS_CANCELLED, saw STATUS_PENDING"
    )


def test_two_at_once_name_the_one_that_differs(case: AbortedDisconnect) -> None:
    def judge() -> None:
        seen, first, last = case.timeline, case.send, case.disconnect
        assert (seen.status(first), seen.status(last)) == (STATUS_SUCCESS, STATUS_SUCCESS)

    assert words(judge) == (
        "expected the IRP of disconnect #3 to complete with STATUS_SUCCESS, saw STATUS_CANCELLED"
    )


def test_a_chain_names_the_pair_that_differs(case: AbortedDisconnect) -> None:
    def judge() -> None:
        seen = case.timeline
        assert seen.count(FIN, sender="peer") == 0 == seen.count(RST, sender="guest")

    assert words(judge) == "expected 0 to be 1, saw 0"


def test_an_irp_that_completed_twice(case: AbortedDisconnect) -> None:
    def judge() -> None:
        assert case.timeline.completions(case.close) == 2

    assert words(judge) == "expected the IRP of close #4 to complete twice, and it completed once"


def test_an_event_that_should_not_be(case: AbortedDisconnect) -> None:
    def judge() -> None:
        seen = case.timeline
        assert seen.ended(case.close) is None

    assert "event 11 (completion of step 4, DISPATCH_LEVEL)" in words(judge)


def test_an_order(case: AbortedDisconnect) -> None:
    def judge() -> None:
        seen = case.timeline
        assert seen.order(case.disconnect.completion, seen.rst("guest"))

    assert words(judge).startswith("expected completion of disconnect #3, then the guest's RST+ACK, saw: ")


def test_a_moment_within_a_whole(case: AbortedDisconnect) -> None:
    def judge() -> None:
        seen = case.timeline
        assert seen.elapsed(case.disconnect.call, case.disconnect.completion) < ms

    assert words(judge) == (
        "expected call of disconnect #3 to completion of disconnect #3 to take less than 1 ms, saw 3 ms"
    )


def test_an_irql(case: AbortedDisconnect) -> None:
    def judge() -> None:
        assert case.timeline.completion_irql(case.disconnect) < DISPATCH_LEVEL

    assert words(judge) == (
        "expected the IRP of disconnect #3 to complete at less than DISPATCH_LEVEL, saw DISPATCH_LEVEL"
    )


def test_of_several_conditions_the_one_that_does_not_hold(case: AbortedDisconnect) -> None:
    def judge() -> None:
        seen, close = case.timeline, case.close
        assert seen.returned(close) == STATUS_PENDING and seen.inline(close)  # noqa: PT018

    assert words(judge) == "expected close #4 to complete before it returned, and it completed later"


def test_what_is_no_question_to_a_timeline_is_told_by_its_name() -> None:
    class ResetPeer:
        ended = "reset"
        received = b"1234"

    peer = ResetPeer()

    def ended() -> None:
        assert peer.ended == "eof"

    def received() -> None:
        assert len(peer.received) >= 10

    def other() -> None:
        assert peer.received == b"12345"

    def differs() -> None:
        assert peer.received == b"12x4"

    def not_empty() -> None:
        assert not peer.received

    assert words(ended) == "expected the connection to end, at the peer, with eof, saw reset"
    assert words(other) == "expected the peer to receive 5 bytes, saw 4 bytes"
    assert words(differs) == "expected the peer to receive 4 bytes, saw as many, which differ from byte 2 on"
    assert words(received) == "expected the number of received of peer to be at least 10, saw 4"
    assert words(not_empty) == "expected received of peer to be nothing, saw 4 bytes"


def test_an_assertion_in_a_helper_is_read_where_it_stands(case: AbortedDisconnect) -> None:
    def helper(seen: Timeline) -> None:
        assert seen.fin("guest") is not None

    def judge() -> None:
        helper(case.timeline)

    assert (
        words(judge)
        == "expected one FIN of the guest, saw none; RST+ACK 2 ms after the call of disconnect #3"
    )


def test_what_cannot_be_asked_again_has_no_words() -> None:
    asked = []

    def judge() -> None:
        assert (found := asked.append(1) or 0) > 0, found  # type: ignore[func-returns-value]

    assert words(judge) == ""
    assert asked == [1]


def was_reset(seen: Timeline, sock: object) -> Fact:
    """Did the guest reset `sock` of its own accord? Nothing else counts."""
    return Fact(False, "no RST of guest")


def test_a_helper_that_explains_itself_is_told_by_its_question(case: AbortedDisconnect) -> None:
    def judge() -> None:
        seen = case.timeline
        assert was_reset(seen, case.sock)

    assert words(judge) == "Did the guest reset sock of case of its own accord? No: no RST of guest"


def test_what_has_no_words_is_told_by_the_sentence_of_its_case(case: AbortedDisconnect) -> None:
    def test_of_a_suite() -> None:
        """A graceful disconnect
        ends in order.

        More of it.
        """
        seen = case.timeline
        assert all(first.qpc > last.qpc for first, last in pairwise(seen.trace.events))

    assert words(test_of_a_suite) == "it is not so: A graceful disconnect ends in order."


CODE = re.compile(r"[\[\](){}=<>]|\w\.\w|\b(?:True|False|None)\b|\w_\w")


def test_no_assertion_of_a_suite_is_told_as_code() -> None:
    told = 0
    for path in SUITES.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            for part in ast.walk(node.test) if isinstance(node, ast.Assert) else ():
                if isinstance(part, ast.expr):
                    with contextlib.suppress(NoWords):
                        assert not CODE.search(spoken(part, {})), ast.unparse(part)
                        told += 1
    assert told > 500


def test_no_value_is_told_as_code() -> None:
    seen: tuple[object, ...] = (
        True,
        None,
        [],
        set(),
        [True, b"ab"],
        {EventKind.RETURN},
        Fact(False, "no RST"),
        STATUS_SUCCESS,
    )
    assert [value(each) for each in seen] == [
        *("yes", "nothing", "nothing", "nothing", "yes, 2 bytes", "return", "no RST", "STATUS_SUCCESS"),
    ]


def test_an_error_that_is_no_assertion_has_no_words() -> None:
    assert in_words(AssertionError("from nowhere")) == ""


def test_a_name_is_told_by_the_question_whose_answer_it_holds(case: AbortedDisconnect) -> None:
    def judge() -> None:
        seen = case.timeline
        fins = seen.packets(FIN, sender="guest")
        assert fins

    assert (
        words(judge)
        == "expected one FIN of the guest, saw none; RST+ACK 2 ms after the call of disconnect #3"
    )


def test_of_two_lists_the_first_entry_that_differs() -> None:
    ended, too_short = ["eof", "eof"], ["eof"]

    def differs() -> None:
        assert sorted(ended) == ["eof", "reset"]

    def lacks() -> None:
        assert too_short == ["eof", "reset"]

    assert words(differs) == "expected entry 2 of ended to be reset, saw eof"
    assert words(lacks) == "expected 2 entries in too short, saw 1"


def each_succeeded(seen: Timeline, operations: list[Operation]) -> bool:
    """A helper as suites have it."""
    return all(seen.status(each) == STATUS_SUCCESS for each in operations)


def some_and_each_succeeded(seen: Timeline, operations: list[Operation]) -> bool:
    return bool(operations) and each_succeeded(seen, operations)


def test_of_a_helper_and_of_all_the_one_that_does_not_hold(case: AbortedDisconnect) -> None:
    def judge() -> None:
        assert some_and_each_succeeded(case.timeline, [case.send, case.disconnect])

    assert words(judge) == (
        "expected the IRP of disconnect #3 to complete with STATUS_SUCCESS, saw STATUS_CANCELLED"
    )


def test_of_a_list_that_is_made_of_questions_the_one_that_differs(case: AbortedDisconnect) -> None:
    def judge() -> None:
        seen, both = case.timeline, [case.send, case.disconnect]
        assert [seen.status(each) for each in both] == [STATUS_SUCCESS] * 2

    assert words(judge) == (
        "expected the IRP of disconnect #3 to complete with STATUS_SUCCESS, saw STATUS_CANCELLED"
    )
