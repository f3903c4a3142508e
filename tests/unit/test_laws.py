# SPDX-License-Identifier: Apache-2.0
"""Each law against a made-up timeline that breaks it, and against one that nearly does."""

import pytest
from made_up import MadeUp
from synthetic import PEER

from harness.core.ntstatus import (
    STATUS_CANCELLED,
    STATUS_CONNECTION_RESET,
    STATUS_FILE_FORCED_CLOSED,
    STATUS_INSUFFICIENT_RESOURCES,
    STATUS_INVALID_DEVICE_STATE,
    STATUS_NOT_SUPPORTED,
    STATUS_SUCCESS,
)
from harness.core.units import ms, s
from harness.scenario import (
    IPV4,
    WSK_FLAG_ABORTIVE,
    WSK_FLAG_DRAIN,
    WSK_FLAG_WAITALL,
    Address,
    Callback,
    Category,
    Scenario,
)
from harness.scenario.values import (
    SIO_WSK_SET_TCP_SILENT_MODE,
    WSK_FLAG_AT_DISPATCH_LEVEL,
)
from harness.verdict import load_requirements
from harness.verdict.laws import LAWS, pool

EVENT_DISABLE = 0x80000000


def farewell(seen: MadeUp) -> MadeUp:
    """Both sides end in order at 100 ms, the client knows of both, and closes at 120 ms."""
    disconnect = seen.plan.disconnect(seen.sock)
    receive = seen.plan.receive(seen.sock, 8)
    close = seen.plan.close(seen.sock)
    seen.called(disconnect, 100).fin(101).peer_fin(102, up_to=seen._sent + 1).answers_fin(103)
    seen.completed(disconnect, 104).called(receive, 105).completed(receive, 106)
    return seen.called(close, 120).completed(close, 121)


def aborted(seen: MadeUp, at: float = 50) -> MadeUp:
    abort = seen.plan.disconnect(seen.sock, flags=WSK_FLAG_ABORTIVE)
    return seen.called(abort, at).rst(at + 1).completed(abort, at + 2)


def closed(seen: MadeUp, at: float = 200) -> MadeUp:
    close = seen.plan.close(seen.sock)
    return seen.called(close, at).rst(at + 1).completed(close, at + 2)


def test_a_conversation_that_ends_in_order_breaks_no_law() -> None:
    seen = MadeUp()
    send, receive = seen.plan.send(seen.sock, b"hello"), seen.plan.receive(seen.sock, 16)
    seen.called(send, 20).sends(b"hello", 21).acknowledges(22).completed(send, 23, information=5)
    seen.called(receive, 30).peer_sends(b"welcome", 31).completed(receive, 32, data=b"welcome")
    assert farewell(seen).broken() == {}


def test_every_law_says_what_it_wants_and_names_rows_that_there_are() -> None:
    assert all(law.sentence.endswith(".") for law in LAWS)
    assert len({law.name for law in LAWS}) == len(LAWS)
    assert "X-34" in load_requirements()


# IRPs


def test_an_irp_that_completes_twice_breaks_the_contract() -> None:
    seen = MadeUp()
    disconnect = seen.plan.disconnect(seen.sock)
    seen.called(disconnect, 50).fin(51).acknowledges(52, up_to=1).completed(disconnect, 53)
    seen.completed(disconnect, 54, times=2)
    assert closed(seen).broken() == {"irp-contract": {"D-09"}}


@pytest.mark.parametrize(
    ("returned", "done", "status", "marked", "rows"),
    [
        (0x103, 53, STATUS_SUCCESS, True, set()),
        (0x103, 50.05, STATUS_SUCCESS, True, set()),  # before the return: that is allowed
        (0x103, 53, STATUS_SUCCESS, False, {"X-01"}),
        (STATUS_SUCCESS, 50.05, STATUS_SUCCESS, False, set()),
        (STATUS_SUCCESS, 53, STATUS_SUCCESS, False, {"X-01"}),
        (STATUS_SUCCESS, 50.05, STATUS_SUCCESS, True, {"X-01"}),
        (STATUS_SUCCESS, 50.05, STATUS_CANCELLED, False, {"D-10"}),
        (STATUS_CANCELLED, 50.05, STATUS_SUCCESS, False, {"D-14"}),
        (STATUS_CANCELLED, 50.05, STATUS_FILE_FORCED_CLOSED, False, set()),  # which failure is open
    ],
)
def test_a_call_and_its_irp_agree(
    returned: int, done: float, status: int, marked: bool, rows: set[str]
) -> None:
    seen = MadeUp()
    abort = seen.plan.disconnect(seen.sock, flags=WSK_FLAG_ABORTIVE)
    seen.called(abort, 50, returned).rst(51).completed(abort, done, status, marked=marked)
    assert closed(seen).broken().get("irp-contract", set()) == rows


def test_an_irp_that_never_completes_breaks_the_contract_unless_the_guest_could_not_run() -> None:
    seen = MadeUp()
    receive = seen.plan.receive(seen.sock, 8)
    seen.called(receive, 50)
    assert seen.broken() == {"irp-contract": {"X-01"}}
    seen.starved = 2 * s
    (judgement,) = seen.judgements()
    assert (judgement.law.name, judgement.violated) == ("irp-contract", False)
    assert "kept the guest from running for 2 s" in judgement.open


def test_an_error_that_leaves_its_irp_breaks_the_contract_however_busy_the_host() -> None:
    seen = MadeUp()
    disconnect = seen.plan.disconnect(seen.sock)
    seen.called(disconnect, 50, STATUS_INVALID_DEVICE_STATE)
    seen.starved = 10 * s
    assert seen.broken() == {"irp-contract": {"D-14"}}


@pytest.mark.parametrize(("irqls", "rows"), [((0, 2), {"C-21"}), ((2, 2), set())])
def test_a_close_leaves_the_irql_as_it_was(irqls: tuple[int, int], rows: set[str]) -> None:
    seen = MadeUp()
    close = seen.plan.close(seen.sock)
    seen.called(close, 50, irqls=irqls).rst(51).completed(close, 52)
    assert seen.broken().get("irqls", set()) == rows


def test_a_completion_runs_at_dispatch_level_or_below() -> None:
    for irql, broken in ((2, {}), (3, {"irqls": {"X-02"}})):
        seen = MadeUp()
        close = seen.plan.close(seen.sock)
        seen.called(close, 50).rst(51).completed(close, 52, irql=irql)
        assert seen.broken() == broken


@pytest.mark.parametrize(("flags", "irql", "rows"), [(8, 0, {"X-04"}), (8, 2, set()), (0, 0, set())])
def test_a_callback_runs_at_the_level_that_it_is_told(flags: int, irql: int, rows: set[str]) -> None:
    assert WSK_FLAG_AT_DISPATCH_LEVEL == 8
    seen = enabled(MadeUp(), Callback.RECEIVE)
    seen.peer_sends(b"x", 30).event(Callback.RECEIVE, 31, 32, callback_flags=flags, irql=irql, information=1)
    assert closed(seen).broken().get("irqls", set()) == rows


# The close


@pytest.mark.parametrize(("done", "rows"), [(51.5, set()), (53, {"C-11"})])
def test_a_close_completes_behind_the_irps_of_its_socket(done: float, rows: set[str]) -> None:
    seen = MadeUp()
    receive, close = seen.plan.receive(seen.sock, 8), seen.plan.close(seen.sock)
    seen.called(receive, 40).called(close, 50).rst(51)
    seen.completed(receive, done, STATUS_CANCELLED).completed(close, 52)
    assert seen.broken().get("close-comes-last", set()) == rows


@pytest.mark.parametrize(
    ("begins", "ends", "rows"),
    [(49, 51, set()), (49, 53, {"C-12"}), (49, None, {"C-12"}), (51, 51.5, set()), (53, 54, {"C-12b"})],
)
def test_a_close_completes_behind_its_callbacks(begins: float, ends: float | None, rows: set[str]) -> None:
    seen = enabled(MadeUp(), Callback.RECEIVE)
    close = seen.plan.close(seen.sock)
    seen.peer_sends(b"x", 48).called(close, 50).rst(51).completed(close, 52)
    seen.event(Callback.RECEIVE, begins, ends, information=1)
    assert seen.broken().get("close-comes-last", set()) == rows


def test_a_close_tells_no_information() -> None:
    seen = MadeUp()
    close = seen.plan.close(seen.sock)
    assert seen.called(close, 50).rst(51).completed(close, 52, information=1).broken() == {
        "close-comes-last": {"C-01"}
    }


def test_a_close_never_fails() -> None:
    seen = MadeUp()
    close = seen.plan.close(seen.sock)
    seen.called(close, 50).completed(close, 52, STATUS_CANCELLED)
    assert seen.broken()["close-comes-last"] == {"C-06"}


def test_of_a_socket_that_is_used_after_its_close_nothing_is_judged() -> None:
    seen = MadeUp(Scenario(dangerous=True))
    close = seen.plan.close(seen.sock)
    late = seen.plan.send(seen.sock, b"late")
    seen.called(close, 50).rst(51).completed(close, 52).called(late, 60).completed(late, 61, information=4)
    assert seen.broken() == {}


def test_a_wait_for_an_abort_comes_to_no_limit() -> None:
    seen = MadeUp()
    abort = seen.plan.disconnect(seen.sock, flags=WSK_FLAG_ABORTIVE)
    seen.plan.wait(abort)
    wait = seen.plan.operations[-1]
    seen.called(abort, 50).rst(51).limit(wait, 5050).completed(abort, 5060)
    assert seen.broken() == {"abort-and-close-are-prompt": {"D-28"}}
    seen.starved = 4 * s
    assert [one.violated for one in seen.judgements()] == [False]  # open


def test_a_wait_for_a_graceful_disconnect_may_come_to_its_limit() -> None:
    seen = MadeUp()
    disconnect = seen.plan.disconnect(seen.sock)
    seen.plan.wait(disconnect)
    seen.called(disconnect, 50).fin(51).limit(seen.plan.operations[-1], 5050)
    seen.recovery(5051).completed(disconnect, 5060, STATUS_CANCELLED)
    assert seen.broken() == {}


# What was sent


def sending(wire: bytes, *, status: int = STATUS_SUCCESS, information: int = 6) -> MadeUp:
    """Two sends of three bytes each, of which `wire` is on the wire and acknowledged; then a close."""
    seen = MadeUp()
    first, second = seen.plan.send(seen.sock, b"abc"), seen.plan.send(seen.sock, b"xyz")
    seen.called(first, 20).called(second, 21)
    if wire:
        seen.sends(wire, 22).acknowledges(23)
    seen.completed(first, 24, information=3)
    seen.completed(second, 25, status, information=3 if information == 6 else information)
    return closed(seen)


@pytest.mark.parametrize(
    ("wire", "broken"),
    [
        (b"abcxyz", False),
        (b"xyzabc", True),
        (b"abcabc", True),
        (b"abcxy", True),
        (b"abcxyzz", True),
        (b"abcxyZ", True),
    ],
)
def test_the_stream_is_the_data_of_its_sends_in_order(wire: bytes, broken: bool) -> None:
    assert ("sent-bytes" in sending(wire).broken()) is broken


@pytest.mark.parametrize("wire", [b"abc", b"abcx", b"abcxyz"])
def test_of_a_send_that_failed_there_may_be_a_beginning(wire: bytes) -> None:
    assert "sent-bytes" not in sending(wire, status=STATUS_CANCELLED).broken()


def test_of_a_send_that_failed_nothing_else_is_there() -> None:
    assert sending(b"abcxz", status=STATUS_CANCELLED).broken()["sent-bytes"] == {"D-17"}


def test_a_send_that_succeeded_tells_its_length() -> None:
    assert sending(b"abcxyz", information=2).broken()["sent-bytes"] == {"X-15"}


@pytest.mark.parametrize(("done", "rows"), [(24, set()), (22.5, {"X-15"})])
def test_a_send_succeeds_when_it_was_acknowledged(done: float, rows: set[str]) -> None:
    seen = MadeUp()
    send = seen.plan.send(seen.sock, b"abc")
    seen.called(send, 20).sends(b"abc", 21).acknowledges(23).completed(send, done, information=3)
    assert closed(seen).broken().get("sent-bytes", set()) == rows


def test_a_send_that_an_abort_ends_does_not_succeed() -> None:
    seen = MadeUp()
    send = seen.plan.send(seen.sock, b"abc")
    aborted(seen.called(send, 20).sends(b"abc", 21)).completed(send, 51.5, information=3)
    assert seen.broken()["sent-bytes"] == {"D-27"}


@pytest.mark.parametrize(("wire", "rows"), [(b"end", set()), (b"en", {"D-03"})])
def test_the_bytes_of_a_disconnect_precede_its_fin(wire: bytes, rows: set[str]) -> None:
    seen = MadeUp()
    disconnect = seen.plan.disconnect(seen.sock, buffer=b"end")
    seen.called(disconnect, 50).sends(wire, 51).fin(51.5)
    seen.acknowledges(52, up_to=len(wire) + 1).completed(disconnect, 53)
    assert closed(seen).broken().get("sent-bytes", set()) == rows


def test_a_fin_waits_for_sends_that_are_queued() -> None:
    seen = MadeUp()
    send, disconnect = seen.plan.send(seen.sock, b"abc"), seen.plan.disconnect(seen.sock)
    seen.called(send, 20).called(disconnect, 50).fin(51)
    seen.recovery(90).completed(send, 91, STATUS_CANCELLED).completed(disconnect, 92, STATUS_CANCELLED)
    assert seen.broken() == {"sent-bytes": {"D-17"}}


def test_nothing_follows_a_fin() -> None:
    seen = MadeUp()
    disconnect = seen.plan.disconnect(seen.sock)
    seen.called(disconnect, 50).fin(51).sends(b"more", 52).acknowledges(53, up_to=1).completed(disconnect, 54)
    assert "D-19" in closed(seen).broken()["sent-bytes"]


def test_calls_that_overlap_may_have_come_in_any_order() -> None:
    for wire, broken in ((b"xyzabc", False), (b"xaybzc", True)):
        seen = MadeUp()
        first = seen.plan.send(seen.sock, b"abc")
        with seen.plan.strand(1):
            second = seen.plan.send(seen.sock, b"xyz")
        seen.called(first, 20).called(second, 20.05).sends(wire, 22).acknowledges(23)
        seen.completed(first, 24, information=3).completed(second, 25, information=3)
        assert ("sent-bytes" in closed(seen).broken()) is broken


@pytest.mark.parametrize(("status", "rows"), [(STATUS_SUCCESS, {"D-29"}), (STATUS_CANCELLED, set())])
def test_a_send_after_an_abort_fails(status: int, rows: set[str]) -> None:
    seen = aborted(MadeUp())
    send = seen.plan.send(seen.sock, b"late")
    seen.called(send, 60).completed(send, 61, status, information=4)
    assert closed(seen, 70).broken().get("late-calls-fail", set()) == rows


def test_a_receive_after_an_abort_gets_only_what_had_come() -> None:
    for came, rows in ((40, set()), (60, {"D-30"})):
        seen = MadeUp()
        if came == 40:
            seen.peer_sends(b"early", 40)
        aborted(seen)
        receive = seen.plan.receive(seen.sock, 8)
        if came == 60:
            seen.peer_sends(b"early", 60)
        seen.called(receive, 61).completed(receive, 62, data=b"early")
        assert closed(seen, 70).broken().get("late-calls-fail", set()) == rows


# What was received


def receiving(*got: bytes, sent: bytes = b"abcdef") -> MadeUp:
    seen = MadeUp()
    receives = [seen.plan.receive(seen.sock, 4) for _ in got]
    seen.peer_sends(sent, 20)
    for number, (receive, data) in enumerate(zip(receives, got, strict=True)):
        seen.called(receive, 21 + 2 * number).completed(receive, 22 + 2 * number, data=data)
    return closed(seen)


@pytest.mark.parametrize(
    ("got", "broken"),
    [
        ((b"abc", b"def"), False),
        ((b"abcd",), False),
        ((b"abc", b"ef"), True),
        ((b"abc", b"cde"), True),
        ((b"abd",), True),
    ],
)
def test_receives_get_in_order_what_the_peer_sent(got: tuple[bytes, ...], broken: bool) -> None:
    assert ("received-bytes" in receiving(*got).broken()) is broken


def test_nobody_gets_more_than_was_sent() -> None:
    assert receiving(b"ab", b"a", sent=b"ab").broken()["received-bytes"] == {"X-34"}


def test_a_receive_that_was_cancelled_may_have_taken_some() -> None:
    seen = MadeUp()
    first, cancel = seen.plan.receive(seen.sock, 4, flags=WSK_FLAG_WAITALL), None
    cancel = seen.plan.cancel(first)
    second = seen.plan.receive(seen.sock, 4)
    seen.called(first, 15).peer_sends(b"ab", 16).cancelled(cancel, 18).completed(first, 19, STATUS_CANCELLED)
    seen.peer_sends(b"cd", 20).called(second, 21).completed(second, 22, data=b"cd")
    assert closed(seen).broken() == {}


@pytest.mark.parametrize("kept", [b"abcdef", b"abdef"])
def test_indications_show_in_order_what_the_peer_sent(kept: bytes) -> None:
    seen = enabled(MadeUp(), Callback.RECEIVE, size=16)
    seen.peer_sends(b"abcdef", 30)
    seen.event(Callback.RECEIVE, 31, 32, information=3)
    seen.event(Callback.RECEIVE, 33, 34, information=len(kept) - 3)
    seen.keeps(kept)
    assert ("received-bytes" in closed(seen).broken()) is (kept != b"abcdef")


@pytest.mark.parametrize(
    ("flags", "came", "end", "rows"),
    [
        (0, b"", "fin", set()),
        (0, b"", "", {"X-16"}),
        (0, b"", "rst", {"X-06"}),
        (WSK_FLAG_WAITALL, b"ab", "", {"X-17"}),
        (WSK_FLAG_WAITALL, b"ab", "fin", set()),
        (WSK_FLAG_WAITALL, b"abcd", "", set()),
    ],
)
def test_a_receive_ends_short_for_an_end_only(flags: int, came: bytes, end: str, rows: set[str]) -> None:
    seen = MadeUp()
    receive = seen.plan.receive(seen.sock, 4, flags=flags)
    seen.called(receive, 20)
    if came:
        seen.peer_sends(came, 21)
    if end == "fin":
        seen.peer_fin(22)
    elif end == "rst":
        seen.peer_rst(22)
    seen.completed(receive, 24, data=came)
    close = seen.plan.close(seen.sock)
    seen.called(close, 50).completed(close, 52)
    if end != "rst":
        seen.rst(51)
    assert seen.broken().get("received-bytes", set()) == rows


@pytest.mark.parametrize(("end", "rows"), [("", {"X-17"}), ("fin", set())])
def test_a_draining_receive_ends_with_the_stream(end: str, rows: set[str]) -> None:
    seen = MadeUp()
    receive = seen.plan.receive(seen.sock, 0, flags=WSK_FLAG_DRAIN)
    seen.called(receive, 20).peer_sends(b"ab", 21)
    if end:
        seen.peer_fin(22)
    seen.completed(receive, 24)
    assert closed(seen).broken().get("received-bytes", set()) == rows


def test_a_receive_gets_no_more_than_it_has_room_for() -> None:
    seen = MadeUp()
    receive = seen.plan.receive(seen.sock, 4)
    seen.peer_sends(b"abcdef", 20).called(receive, 21).completed(receive, 22, data=b"abcd", information=6)
    assert closed(seen).broken()["received-bytes"] == {"X-34"}


# The ends of a connection


def test_a_fin_comes_of_a_graceful_disconnect_only() -> None:
    seen = MadeUp()
    close = seen.plan.close(seen.sock)
    seen.called(close, 50).fin(51).completed(close, 52)
    assert seen.broken() == {"fin-has-a-cause": {"C-17"}, "end-is-told": {"C-17"}}


def test_a_fin_before_any_call_is_no_doing_of_its_sockets_client() -> None:
    seen = MadeUp().fin(40)
    assert "C-02" in closed(seen).broken()["fin-has-a-cause"]


def test_a_fin_has_one_place() -> None:
    for place, rows in ((0, set()), (1, {"D-17"})):
        seen = MadeUp()
        disconnect = seen.plan.disconnect(seen.sock)
        seen.called(disconnect, 50).fin(51).fin(55, place=place)
        seen.acknowledges(56, up_to=1).completed(disconnect, 57)
        assert closed(seen).broken().get("fin-has-a-cause", set()) == rows


def test_a_rst_comes_of_an_abort_or_a_close_only() -> None:
    assert closed(MadeUp()).broken() == {}
    assert closed(MadeUp().rst(40)).broken()["rst-has-a-cause"] == {"C-02"}


def test_a_graceful_disconnect_causes_no_rst_unless_it_is_cancelled() -> None:
    for cancels, rows in ((False, {"D-08"}), (True, set())):
        seen = MadeUp()
        disconnect = seen.plan.disconnect(seen.sock)
        cancel = seen.plan.cancel(disconnect)
        seen.called(disconnect, 50).fin(51)
        if cancels:
            seen.cancelled(cancel, 52)
        seen.rst(53).completed(disconnect, 54, STATUS_CANCELLED)
        close = seen.plan.close(seen.sock)
        assert seen.called(close, 60).completed(close, 61).broken().get("rst-has-a-cause", set()) == rows


def test_a_close_sends_no_rst_when_both_directions_have_ended() -> None:
    assert farewell(MadeUp()).rst(121).broken() == {"rst-has-a-cause": {"C-18"}}


def test_a_close_may_send_a_rst_for_data_that_nobody_read() -> None:
    seen = MadeUp().peer_sends(b"unread", 20)
    assert farewell(seen).rst(121).broken() == {}


def test_what_the_peer_says_late_may_be_answered_by_a_rst() -> None:
    assert farewell(MadeUp()).acknowledges(130, up_to=1).rst(131).broken() == {}


@pytest.mark.parametrize(("what", "row"), [("abort", "D-07"), ("close", "C-17")])
def test_an_abort_and_a_close_send_a_rst(what: str, row: str) -> None:
    seen = MadeUp()
    call = (
        seen.plan.disconnect(seen.sock, flags=WSK_FLAG_ABORTIVE)
        if what == "abort"
        else seen.plan.close(seen.sock)
    )
    assert seen.called(call, 50).completed(call, 52).broken() == {"end-is-told": {row}}


@pytest.mark.parametrize("end", ["rst", "both"])
def test_a_close_owes_no_rst_when_it_is_over_already(end: str) -> None:
    seen = MadeUp()
    if end == "both":
        assert farewell(seen).broken() == {}
        return
    close = seen.plan.close(seen.sock)
    assert seen.peer_rst(49).called(close, 50).completed(close, 52).broken() == {}


@pytest.mark.parametrize(
    ("acknowledged", "done", "rows"),
    [(52, 53, set()), (52, 51.5, {"D-22"}), (None, 53, {"D-22"})],
)
def test_a_graceful_disconnect_succeeds_when_its_fin_was_acknowledged(
    acknowledged: float | None, done: float, rows: set[str]
) -> None:
    seen = MadeUp()
    disconnect = seen.plan.disconnect(seen.sock)
    seen.called(disconnect, 50).fin(51).completed(disconnect, done)
    if acknowledged:
        seen.acknowledges(acknowledged, up_to=1)
    assert closed(seen).broken().get("graceful-ends-as-it-says", set()) == rows


@pytest.mark.parametrize("sent", [53, 55])
def test_whether_sends_complete_before_the_graceful_disconnect_behind_them_is_open(sent: float) -> None:
    seen = MadeUp()
    send, disconnect = seen.plan.send(seen.sock, b"abc"), seen.plan.disconnect(seen.sock)
    seen.called(send, 20).sends(b"abc", 21).called(disconnect, 50).fin(51).acknowledges(52, up_to=4)
    seen.completed(send, sent, information=3).completed(disconnect, 54)
    assert closed(seen).broken() == {}


def test_a_graceful_disconnect_that_sends_nothing_does_not_succeed() -> None:
    seen = MadeUp()
    disconnect = seen.plan.disconnect(seen.sock)
    seen.called(disconnect, 50).completed(disconnect, 53)
    assert closed(seen).broken() == {"graceful-ends-as-it-says": {"D-16"}}


@pytest.mark.parametrize(("reset", "rows"), [(60, {"X-32"}), (40, set())])
def test_a_graceful_disconnect_that_a_reset_ends_does_not_succeed(reset: float, rows: set[str]) -> None:
    """One that is called when the connection is dead may do as it likes."""
    seen = MadeUp()
    disconnect, close = seen.plan.disconnect(seen.sock), seen.plan.close(seen.sock)
    if reset == 40:
        seen.peer_rst(40)
    seen.called(disconnect, 50)
    if reset == 60:
        seen.fin(51).peer_rst(60)
    seen.completed(disconnect, 61).called(close, 70).completed(close, 71)
    assert seen.broken().get("graceful-ends-as-it-says", set()) == rows


@pytest.mark.parametrize(("reset", "rows"), [(False, {"D-01"}), (True, set())])
def test_a_graceful_disconnect_fails_for_a_cause(reset: bool, rows: set[str]) -> None:
    seen = MadeUp()
    disconnect, close = seen.plan.disconnect(seen.sock), seen.plan.close(seen.sock)
    seen.called(disconnect, 50).fin(51).acknowledges(52, up_to=1)
    if reset:
        seen.peer_rst(53, up_to=1)
    seen.completed(disconnect, 54, STATUS_CONNECTION_RESET).called(close, 60)
    if not reset:
        seen.rst(61)
    assert seen.completed(close, 62).broken().get("graceful-ends-as-it-says", set()) == rows


def test_nothing_new_follows_a_rst() -> None:
    seen = MadeUp()
    send = seen.plan.send(seen.sock, b"abcdef")
    seen.called(send, 20).sends(b"abc", 21)
    aborted(seen).completed(send, 51.5, STATUS_CANCELLED).sends(b"abc", 53, place=0)
    assert closed(seen, 60).broken() == {}
    seen.sends(b"def", 70)
    assert seen.broken() == {"nothing-follows-a-reset": {"D-29"}}


def test_in_silent_mode_nothing_is_sent() -> None:
    for said in (False, True):
        seen = MadeUp()
        silent = seen.plan.ioctl(seen.sock, SIO_WSK_SET_TCP_SILENT_MODE, b"\1")
        close = seen.plan.close(seen.sock)
        seen.called(silent, 20).completed(silent, 21)
        if said:
            seen.rst(40)
        seen.called(close, 50).completed(close, 51)
        assert seen.broken().get("silence-is-kept", set()) == ({"X-14"} if said else set())


# Events


def enabled(seen: MadeUp, callback: Callback, *, size: int = 0) -> MadeUp:
    if size:
        seen.plan.on_event(seen.sock, callback, size=size)
    return seen.called(seen.plan.enable(seen.sock, callback), 14, STATUS_SUCCESS)


def test_an_event_that_was_never_enabled_does_not_come() -> None:
    seen = MadeUp().peer_fin(30).event(Callback.DISCONNECT, 31, 32)
    assert closed(seen).broken() == {"events-come-while-enabled": {"X-03"}}


@pytest.mark.parametrize(("at", "rows"), [(25.02, set()), (30, {"X-12"})])
def test_an_event_that_was_disabled_does_not_come(at: float, rows: set[str]) -> None:
    seen = enabled(MadeUp(), Callback.RECEIVE)
    disable = seen.plan.disable(seen.sock, Callback.RECEIVE)
    seen.peer_sends(b"x", 20).called(disable, 25).completed(disable, 26)
    seen.event(Callback.RECEIVE, at, at + 0.5, information=1)
    assert closed(seen).broken().get("events-come-while-enabled", set()) == rows


@pytest.mark.parametrize(("ends", "rows"), [(25.5, set()), (28, {"X-12"})])
def test_disabling_an_event_waits_for_its_callback(ends: float, rows: set[str]) -> None:
    seen = enabled(MadeUp(), Callback.RECEIVE)
    disable = seen.plan.disable(seen.sock, Callback.RECEIVE)
    seen.peer_sends(b"x", 20).event(Callback.RECEIVE, 21, ends, information=1)
    seen.called(disable, 25).completed(disable, 26)
    assert closed(seen).broken().get("disabling-waits", set()) == rows


@pytest.mark.parametrize(("status", "rows"), [(STATUS_SUCCESS, {"X-13"}), (STATUS_CANCELLED, set())])
def test_several_events_are_not_disabled_at_once(status: int, rows: set[str]) -> None:
    seen = MadeUp()
    both = seen.plan.event_mask(seen.sock, EVENT_DISABLE | 0xC0)
    seen.called(both, 20).completed(both, 21, status)
    assert closed(seen).broken().get("events-are-disabled-one-by-one", set()) == rows


@pytest.mark.parametrize(("second", "rows"), [(33, set()), (31.5, {"X-40"})])
def test_receive_events_come_one_by_one(second: float, rows: set[str]) -> None:
    seen = enabled(MadeUp(), Callback.RECEIVE).peer_sends(b"xy", 30)
    seen.event(Callback.RECEIVE, 31, 32, information=1).event(Callback.RECEIVE, second, 34, information=1)
    assert closed(seen).broken().get("receive-events-come-one-by-one", set()) == rows


@pytest.mark.parametrize(
    ("came", "flags", "rows"),
    [
        ("fin", 0, set()),
        ("rst", 1, set()),
        ("fin", 1, {"X-03"}),
        ("rst", 0, {"X-03"}),
        ("nothing", 0, {"X-03"}),
        ("nothing", 1, {"X-03"}),
        ("later", 0, {"X-03"}),
    ],
)
def test_a_disconnect_event_tells_what_the_peer_did(came: str, flags: int, rows: set[str]) -> None:
    seen = enabled(MadeUp(), Callback.DISCONNECT)
    if came == "fin":
        seen.peer_fin(30)
    elif came == "rst":
        seen.peer_rst(30)
    seen.event(Callback.DISCONNECT, 31, 32, callback_flags=flags)
    if came == "later":
        seen.peer_fin(33)
    close = seen.plan.close(seen.sock)
    seen.called(close, 50).completed(close, 52)
    if came != "rst":
        seen.rst(51)
    assert seen.broken().get("disconnect-event-is-true", set()) == rows


def test_a_disconnect_event_of_a_silent_peer_may_say_that_it_was_aborted() -> None:
    seen = enabled(MadeUp(), Callback.DISCONNECT)
    send = seen.plan.send(seen.sock, b"unheard")
    seen.called(send, 20).sends(b"unheard", 21).event(Callback.DISCONNECT, 90, 91, callback_flags=1)
    seen.completed(send, 92, STATUS_CANCELLED)
    assert closed(seen).broken() == {}


def test_a_disconnect_event_comes_once_and_behind_the_data() -> None:
    seen = enabled(enabled(MadeUp(), Callback.RECEIVE), Callback.DISCONNECT)
    seen.peer_sends(b"x", 30).peer_fin(31)
    seen.event(Callback.RECEIVE, 32, 33, information=1).event(Callback.DISCONNECT, 34, 35)
    assert closed(seen).broken() == {}
    seen.event(Callback.DISCONNECT, 36, 37)
    assert seen.broken() == {"disconnect-event-is-true": {"X-03"}}


@pytest.mark.parametrize("refused_before", [False, True])
def test_a_disconnect_event_may_precede_data_only_that_was_refused(refused_before: bool) -> None:
    seen = enabled(enabled(MadeUp(), Callback.RECEIVE), Callback.DISCONNECT)
    seen.peer_sends(b"x", 30).peer_fin(31)
    if refused_before:
        seen.event(Callback.RECEIVE, 32, 33, information=1, taken=0, status=0xC000021B)
    seen.event(Callback.DISCONNECT, 34, 35).event(Callback.RECEIVE, 36, 37, information=1)
    rows = set() if refused_before else {"X-07"}
    assert closed(seen).broken().get("disconnect-event-is-true", set()) == rows


# Others


@pytest.mark.parametrize(
    ("why", "rows"),
    [
        ("nothing", {"C-02"}),
        ("cancel", set()),
        ("close", set()),
        ("reset", set()),
        ("fin", {"X-16"}),
        ("unheard", set()),
    ],
)
def test_a_receive_fails_for_a_cause(why: str, rows: set[str]) -> None:
    seen = MadeUp()
    receive = seen.plan.receive(seen.sock, 8)
    cancel = seen.plan.cancel(receive)
    send = seen.plan.send(seen.sock, b"?")
    close = seen.plan.close(seen.sock)
    seen.called(receive, 20)
    if why == "cancel":
        seen.cancelled(cancel, 30)
    elif why == "reset":
        seen.peer_rst(30)
    elif why == "fin":
        seen.peer_fin(30)
    elif why == "unheard":
        seen.called(send, 21).sends(b"?", 22).completed(send, 34, STATUS_CANCELLED)
    seen.called(close, 34 if why == "close" else 50).completed(receive, 35, STATUS_CANCELLED)
    if why != "reset":
        seen.rst(51)
    assert seen.completed(close, 52).broken().get("failures-have-causes", set()) == rows


@pytest.mark.parametrize(("closes", "rows"), [(False, {"C-02"}), (True, set())])
def test_an_accept_fails_when_its_listener_is_closed_only(closes: bool, rows: set[str]) -> None:
    seen = MadeUp()
    listener = seen.plan.socket(IPV4, category=Category.LISTEN)
    bind = seen.plan.bind(listener, local=Address.wildcard(IPV4, 7000))
    accept = seen.plan.accept(listener).creation
    close = seen.plan.close(listener)
    seen.called(listener.creation, 20).completed(listener.creation, 21).called(bind, 22).completed(bind, 23)
    seen.called(accept, 24).called(close, 30 if closes else 40).completed(accept, 35, STATUS_CANCELLED)
    seen.completed(close, 45)
    assert closed(seen).broken().get("failures-have-causes", set()) == rows


def test_a_listener_that_is_closed_lets_nobody_in() -> None:
    for at, rows in ((20, set()), (60, {"X-23"})):
        plan = Scenario()
        listener = plan.socket(IPV4, category=Category.LISTEN)
        bind = plan.bind(listener, local=Address.wildcard(IPV4, 50000))
        close = plan.close(listener)
        seen = MadeUp(plan)
        seen.called(listener.creation, 1).completed(listener.creation, 2).called(bind, 3).completed(bind, 4)
        seen.called(close, 30).completed(close, 31).is_called_by_the_peer(at)
        assert closed(seen).broken().get("closed-listeners-accept-nothing", set()) == rows


# What cannot be judged


def test_a_law_says_what_it_lacks() -> None:
    plan = Scenario()
    twin = plan.socket_connect(to=PEER)
    seen = MadeUp(plan)
    seen.called(twin.creation, 10.05).completed(twin.creation, 14)
    found = seen.judgements()
    assert not any(one.violated for one in found)
    assert {one.open for one in found} == {f"{twin}: which of several connections is its own is not known"}


def test_a_bound_that_orders_nothing_blames_nobody() -> None:
    seen = MadeUp()
    disconnect = seen.plan.disconnect(seen.sock)
    seen.called(disconnect, 50).fin(51).completed(disconnect, 51.5).acknowledges(52, up_to=1)
    closed(seen)
    assert "graceful-ends-as-it-says" in seen.broken()
    seen.bound = 10 * ms
    assert "graceful-ends-as-it-says" not in seen.broken()


# Batches


@pytest.mark.parametrize(
    ("blocks", "leaks"),
    [
        ((10, 12, 14, 15, 17), ["C-16"]),
        ((10, 12, 14, 14, 17), []),  # it came to rest once
        ((10, 12, 14, 15), []),  # too few to tell
        ((99, 2, 12, 14, 15, 17), ["C-16"]),  # another guest began anew
        ((5, 5, 5, 5, 5), []),
    ],
)
def test_nothing_grows_with_the_number_of_scenarios(blocks: tuple[int, ...], leaks: list[str]) -> None:
    readings = [{"pool.Wskt": f"{count} {count * 64}", "pool.Else": "7 700"} for count in blocks]
    assert [violation.row for violation in pool.leaks(readings)] == leaks


@pytest.mark.parametrize(("status", "rows"), [(STATUS_SUCCESS, {"X-29"}), (STATUS_CANCELLED, set())])
def test_a_socket_that_listens_is_not_disconnected(status: int, rows: set[str]) -> None:
    seen = MadeUp()
    listener = seen.plan.socket(IPV4, category=Category.STREAM)
    bind, listen = seen.plan.bind(listener), seen.plan.listen(listener)
    disconnect, close = seen.plan.disconnect(listener), seen.plan.close(listener)
    for number, call in enumerate((listener.creation, bind, listen)):
        seen.called(call, 20 + 2 * number).completed(call, 21 + 2 * number)
    seen.called(disconnect, 30).completed(disconnect, 31, status).called(close, 32).completed(close, 33)
    assert closed(seen).broken().get("listeners-are-not-disconnected", set()) == rows


@pytest.mark.parametrize(
    ("what", "ends", "rows"),
    [
        ("send", "abort", {"D-27"}),
        ("receive", "abort", {"D-30"}),
        ("disconnect", "abort", {"D-26"}),
        ("disconnect", "cancel", {"X-18"}),
        ("send", "nothing", set()),
        ("receive", "nothing", set()),
    ],
)
def test_what_an_abort_or_a_cancel_ends_is_not_waited_for_in_vain(
    what: str, ends: str, rows: set[str]
) -> None:
    seen = MadeUp()
    calls = {
        "send": lambda: seen.plan.send(seen.sock, b"x"),
        "receive": lambda: seen.plan.receive(seen.sock, 8),
        "disconnect": lambda: seen.plan.disconnect(seen.sock),
    }
    call = calls[what]()
    seen.called(call, 20)
    if ends == "abort":
        aborted(seen)
    elif ends == "cancel":
        seen.cancelled(seen.plan.cancel(call), 30)
    seen.plan.wait(call)
    seen.limit(seen.plan.operations[-1], 5100).recovery(5101).completed(call, 5102, STATUS_CANCELLED)
    assert seen.broken().get("abort-and-close-are-prompt", set()) == rows


def test_of_a_socket_whose_address_may_go_no_cause_is_asked_for() -> None:
    """A socket with an address of its own may die with it, which nobody sees on the wire."""
    for local, rows in ((Address(4, "192.0.2.9", 7000), set()), (Address.wildcard(4, 7000), {"C-02"})):
        seen = MadeUp()
        listener = seen.plan.socket(IPV4, category=Category.LISTEN)
        bind = seen.plan.bind(listener, local=local)
        accept, close = seen.plan.accept(listener).creation, seen.plan.close(listener)
        seen.called(listener.creation, 20).completed(listener.creation, 21)
        seen.called(bind, 22).completed(bind, 23).called(accept, 24)
        seen.completed(accept, 35, STATUS_FILE_FORCED_CLOSED).called(close, 40).completed(close, 41)
        assert closed(seen).broken().get("failures-have-causes", set()) == rows


@pytest.mark.parametrize(("cancels", "rows"), [(True, set()), (False, {"X-16"})])
def test_a_graceful_disconnect_that_is_cancelled_may_end_receives(cancels: bool, rows: set[str]) -> None:
    """Found by exploring under the freedoms cancel-aborts and abort-completes-receives."""
    seen = MadeUp()
    disconnect, receive = seen.plan.disconnect(seen.sock), seen.plan.receive(seen.sock, 1)
    cancel = seen.plan.cancel(disconnect)
    seen.called(disconnect, 20).fin(21).called(receive, 22)
    if cancels:
        seen.cancelled(cancel, 23).rst(24).completed(disconnect, 25, STATUS_CANCELLED)
    seen.completed(receive, 26)
    assert closed(seen).broken().get("received-bytes", set()) == rows


@pytest.mark.parametrize(
    ("returned", "status", "rows"),
    [
        (0x103, STATUS_CANCELLED, {"C-02"}),
        (0x103, STATUS_INSUFFICIENT_RESOURCES, set()),  # nobody promises memory
        (STATUS_NOT_SUPPORTED, STATUS_NOT_SUPPORTED, set()),  # refused at once, for whatever reason
    ],
)
def test_what_is_refused_at_once_or_for_lack_of_memory_has_a_cause(
    returned: int, status: int, rows: set[str]
) -> None:
    seen = MadeUp()
    receive = seen.plan.receive(seen.sock, 8)
    pends = returned == 0x103
    seen.called(receive, 20, returned).completed(receive, 30 if pends else 20.05, status, marked=pends)
    assert closed(seen).broken().get("failures-have-causes", set()) == rows


@pytest.mark.parametrize(("cancels", "rows"), [(False, {"D-20b"}), (True, set())])
def test_a_receive_outlives_a_graceful_disconnect(cancels: bool, rows: set[str]) -> None:
    seen = MadeUp()
    receive, disconnect = seen.plan.receive(seen.sock, 8), seen.plan.disconnect(seen.sock)
    cancel = seen.plan.cancel(disconnect)
    seen.called(receive, 20).called(disconnect, 30).fin(31).acknowledges(32, up_to=1)
    if cancels:
        seen.cancelled(cancel, 31.5)
    seen.completed(receive, 33, STATUS_CANCELLED).completed(disconnect, 34)
    assert closed(seen).broken().get("failures-have-causes", set()) == rows


def test_what_comes_when_both_directions_have_ended_may_be_answered_before_the_close() -> None:
    """Found under the freedom fin-twice: the peer acknowledges the second FIN of what is gone."""
    seen = MadeUp()
    farewell(seen).fin(107, place=0).acknowledges(108, up_to=1).rst(109)
    assert seen.broken() == {}
