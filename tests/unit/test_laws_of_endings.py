# SPDX-License-Identifier: Apache-2.0
"""The laws of a connection's ends: made-up timelines that break them, or nearly do."""

import re

import pytest
from made_up import MadeUp, aborted, closed, farewell

from harness.core.ntstatus import (
    STATUS_CANCELLED,
    STATUS_CONNECTION_RESET,
    STATUS_SUCCESS,
)
from harness.scenario import (
    IPV4,
    WSK_FLAG_ABORTIVE,
    Category,
)
from harness.scenario.values import (
    SIO_WSK_SET_TCP_SILENT_MODE,
)


def test_a_fin_comes_of_a_graceful_disconnect_only() -> None:
    seen = MadeUp()
    close = seen.plan.close(seen.sock)
    seen.called(close, 50).fin(51).completed(close, 52)
    assert seen.broken() == {"fin-has-a-cause": {"C-17"}, "end-is-told": {"C-17"}}


def test_the_words_for_a_packet_name_its_sender_once() -> None:
    seen = MadeUp()
    close = seen.plan.close(seen.sock)
    seen.called(close, 50).fin(51).completed(close, 52)
    words = {one.law.name: one.violations[0].words for one in seen.judgements()}["fin-has-a-cause"]
    assert re.fullmatch(r"\S+ \d+ \(ipv4\) was .*, and the guest sent FIN\+ACK seq .* \(packet \d+\)", words)


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
    assert "rst-has-a-cause" not in farewell(seen).rst(121).broken()


def test_what_the_peer_says_late_may_be_answered_by_a_rst() -> None:
    assert farewell(MadeUp()).acknowledges(130, up_to=1).rst(131).broken() == {}


def test_so_may_its_fin_that_came_again_before_a_slow_guest_had_answered_the_first() -> None:
    seen = MadeUp().peer_fin(102.5, up_to=1)  # between the first, and what the guest says to it
    assert farewell(seen).rst(121).broken() == {}


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


def test_what_comes_when_both_directions_have_ended_may_be_answered_before_the_close() -> None:
    """Found under the freedom fin-twice: the peer acknowledges the second FIN of what is gone."""
    seen = MadeUp()
    farewell(seen).fin(107, place=0).acknowledges(108, up_to=1).rst(109)
    assert seen.broken() == {}


@pytest.mark.parametrize(("acknowledged", "rows"), [(True, set()), (False, {"X-18"})])
def test_a_graceful_disconnect_that_was_cancelled_succeeds_only_if_it_is_done(
    acknowledged: bool, rows: set[str]
) -> None:
    seen = MadeUp()
    disconnect = seen.plan.disconnect(seen.sock)
    cancel = seen.plan.cancel(disconnect)
    seen.called(disconnect, 50).fin(51)
    if acknowledged:
        seen.acknowledges(52, up_to=1)
    seen.cancelled(cancel, 53).completed(disconnect, 54)
    assert closed(seen).broken().get("graceful-ends-as-it-says", set()) == rows


@pytest.mark.parametrize(("what", "rows"), [("receive", {"C-02"}), ("send", set())])
def test_a_receive_that_is_cancelled_ends_no_connection(what: str, rows: set[str]) -> None:
    """What becomes of one whose send is cancelled nobody says."""
    seen = MadeUp()
    call = seen.plan.receive(seen.sock, 8) if what == "receive" else seen.plan.send(seen.sock, b"x")
    cancel = seen.plan.cancel(call)
    seen.called(call, 20).cancelled(cancel, 30).rst(31).completed(call, 32, STATUS_CANCELLED)
    close = seen.plan.close(seen.sock)
    assert seen.called(close, 40).completed(close, 41).broken().get("rst-has-a-cause", set()) == rows


@pytest.mark.parametrize(
    ("before", "status", "rows"),
    [
        ("nothing", STATUS_CANCELLED, {"D-28"}),
        ("graceful", STATUS_CANCELLED, {"D-24"}),
        ("graceful", STATUS_SUCCESS, set()),
        ("reset", STATUS_CANCELLED, set()),
        ("both ends", STATUS_CANCELLED, set()),
    ],
)
def test_an_abort_of_a_connection_that_stands_succeeds(before: str, status: int, rows: set[str]) -> None:
    seen = MadeUp()
    disconnect = seen.plan.disconnect(seen.sock)
    abort = seen.plan.disconnect(seen.sock, flags=WSK_FLAG_ABORTIVE)
    if before in ("graceful", "both ends"):
        seen.called(disconnect, 30).fin(31)
    if before == "both ends":
        seen.peer_fin(32, up_to=1).answers_fin(33)
    if before == "reset":
        seen.peer_rst(32)
    seen.called(abort, 40).completed(abort, 41, status)
    if before in ("graceful", "both ends"):
        seen.completed(disconnect, 42, STATUS_CANCELLED)
    assert closed(seen).broken().get("aborts-succeed", set()) == rows


@pytest.mark.parametrize(
    ("called", "status", "rows"),
    [
        (40.05, STATUS_SUCCESS, set()),
        (40.05, STATUS_CANCELLED, {"D-28"}),  # none of both
        (45, STATUS_SUCCESS, {"D-28"}),  # the first had failed before
    ],
)
def test_of_two_aborts_at_once_either_may_be_the_first(called: float, status: int, rows: set[str]) -> None:
    seen = MadeUp()
    first, second = (seen.plan.disconnect(seen.sock, flags=WSK_FLAG_ABORTIVE) for _ in range(2))
    seen.called(first, 40).called(second, called).rst(45.5).completed(second, 46, status)
    seen.completed(first, 41 if called > 41 else 47, STATUS_CANCELLED)
    assert closed(seen).broken().get("aborts-succeed", set()) == rows


@pytest.mark.parametrize(
    ("what", "rows"),
    [
        ("nothing", set()),
        ("data is acknowledged", {"X-14"}),
        ("data from before is acknowledged", set()),
        ("a disconnect succeeds", {"X-14"}),
        ("a disconnect fails", set()),
        ("the close resets", {"X-14"}),
        ("what comes behind the close is answered", set()),
        ("what came twice is answered behind the close", set()),
    ],
)
def test_silence_is_kept_until_the_end(what: str, rows: set[str]) -> None:
    seen = MadeUp()
    silent = seen.plan.ioctl(seen.sock, SIO_WSK_SET_TCP_SILENT_MODE)
    abort = seen.plan.disconnect(seen.sock, flags=WSK_FLAG_ABORTIVE)
    close = seen.plan.close(seen.sock)
    seen.called(silent, 20).completed(silent, 21)
    if what.startswith("data"):
        seen.peer_sends(b"abc", 15 if "before" in what else 25)
        seen.answers(30)
    if what.startswith("a disconnect"):
        status = STATUS_SUCCESS if "succeeds" in what else STATUS_CANCELLED
        seen.called(abort, 30, status).completed(abort, 30.05, status, marked=False)
    seen.called(close, 50).completed(close, 51)
    if what == "the close resets":
        seen.rst(52)
    if what == "what came twice is answered behind the close":
        seen.acknowledges(15).acknowledges(16).rst(53)
    if what == "what comes behind the close is answered":
        seen.peer_sends(b"abc", 52).rst(53)
    assert seen.broken().get("silence-is-kept", set()) == rows


@pytest.mark.parametrize(
    ("reset_at", "peer_says", "rows"),
    [(20.2, True, set()), (20.2, False, {"X-14"}), (None, True, {"X-14"})],
)
def test_silence_does_not_bind_who_has_no_connection_any_more(
    reset_at: float | None, peer_says: bool, rows: set[str]
) -> None:
    """An abort was under way when it began: what the peer still sends may be answered, by whoever it is."""
    seen = MadeUp()
    silent = seen.plan.ioctl(seen.sock, SIO_WSK_SET_TCP_SILENT_MODE)
    abort = seen.plan.disconnect(seen.sock, flags=WSK_FLAG_ABORTIVE)
    seen.called(silent, 20).called(abort, 20.1)
    if reset_at:
        seen.rst(reset_at)
    seen.completed(abort, 20.4).completed(silent, 21)
    if peer_says:
        seen.peer_sends(b"abc", 30)
    assert closed(seen.rst(31)).broken().get("silence-is-kept", set()) == rows
