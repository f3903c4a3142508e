# SPDX-License-Identifier: Apache-2.0
"""The laws of what was sent and received: made-up timelines that break them, or nearly do."""

import pytest
from made_up import MadeUp, aborted, closed, enabled

from harness.core.ntstatus import (
    STATUS_CANCELLED,
    STATUS_SUCCESS,
)
from harness.scenario import (
    WSK_FLAG_DRAIN,
    WSK_FLAG_WAITALL,
    Callback,
)


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


@pytest.mark.parametrize(
    ("first", "second", "broken"),
    [(b"ab", b"cdef", False), (b"cdef", b"ab", False), (b"ab", b"def", True), (b"ab", b"abcd", True)],
)
def test_receives_and_indications_together_get_what_the_peer_sent(
    first: bytes, second: bytes, broken: bool
) -> None:
    """Which of them was first may be open; nothing is left out between them, and nothing comes twice."""
    seen = enabled(MadeUp(), Callback.RECEIVE, size=16)
    receive = seen.plan.receive(seen.sock, 8)
    seen.peer_sends(b"abcdef", 30).event(Callback.RECEIVE, 31, 32, information=len(first)).keeps(first)
    seen.called(receive, 33).completed(receive, 34, data=second)
    assert ("received-bytes" in closed(seen).broken()) is broken


@pytest.mark.parametrize(("got", "rows"), [(b"abc", set()), (b"ab", {"X-34"})])
def test_the_end_of_the_stream_is_told_behind_all_of_it(got: bytes, rows: set[str]) -> None:
    seen = MadeUp()
    receive, end = seen.plan.receive(seen.sock, 8), seen.plan.receive(seen.sock, 8)
    seen.peer_sends(b"abc", 20).peer_fin(21).called(receive, 22).completed(receive, 23, data=got)
    seen.called(end, 24).completed(end, 25)
    assert closed(seen).broken().get("received-bytes", set()) == rows


@pytest.mark.parametrize(
    ("flags", "status", "rows"),
    [
        (0, STATUS_CANCELLED, set()),
        (0, STATUS_SUCCESS, {"X-16"}),  # which says that the peer has ended its direction
        (WSK_FLAG_WAITALL, STATUS_SUCCESS, set()),  # a cancel is one of the ends that it waits for
    ],
)
def test_a_plain_receive_that_was_cancelled_is_no_end_of_the_stream(
    flags: int, status: int, rows: set[str]
) -> None:
    seen = MadeUp()
    receive = seen.plan.receive(seen.sock, 8, flags=flags)
    cancel = seen.plan.cancel(receive)
    seen.called(receive, 19).cancelled(cancel, 21).completed(receive, 22, status)
    assert closed(seen).broken().get("received-bytes", set()) == rows


def test_a_receive_that_was_cancelled_may_have_got_what_the_end_comes_behind() -> None:
    seen = MadeUp()
    receive, end = seen.plan.receive(seen.sock, 8, flags=WSK_FLAG_WAITALL), seen.plan.receive(seen.sock, 8)
    cancel = seen.plan.cancel(receive)
    seen.called(receive, 19).peer_sends(b"abc", 20).cancelled(cancel, 21)
    seen.completed(receive, 22, STATUS_CANCELLED).peer_fin(23).called(end, 24).completed(end, 25)
    assert closed(seen).broken() == {}


@pytest.mark.parametrize(("got", "rows"), [(b"abc", set()), (b"ab", {"X-34"})])
def test_a_waiting_receive_that_the_end_cuts_short_got_all_before_it(got: bytes, rows: set[str]) -> None:
    seen = MadeUp()
    receive = seen.plan.receive(seen.sock, 8, flags=WSK_FLAG_WAITALL)
    seen.called(receive, 19).peer_sends(b"abc", 20).peer_fin(21).completed(receive, 23, data=got)
    assert closed(seen).broken().get("received-bytes", set()) == rows


@pytest.mark.parametrize(
    ("done", "information", "rows"),
    [((24, 25), 3, set()), ((22.5, 25), 3, set()), ((22.5, 22.6), 3, {"X-15"}), ((24, 25), 2, {"X-15"})],
)
def test_sends_that_overlap_succeed_when_so_much_was_acknowledged(
    done: tuple[float, float], information: int, rows: set[str]
) -> None:
    """Whose bytes the first three were nobody says; but three are enough for one of them only."""
    seen = MadeUp()
    sends = [seen.plan.send(seen.sock, data) for data in (b"abc", b"xyz")]
    seen.called(sends[0], 20, took=2).called(sends[1], 21, took=2)
    seen.sends(b"xyzabc", 21.5).acknowledges(22, up_to=3).acknowledges(23)
    for send, at in zip(sends, done, strict=True):
        seen.completed(send, at, information=information)
    assert closed(seen).broken().get("sent-bytes", set()) == rows
