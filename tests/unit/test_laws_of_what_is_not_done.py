# SPDX-License-Identifier: Apache-2.0
"""No law takes a call for done that failed, was under way or belongs to another, nor a cause for its report.

Each of these timelines could be held against a provider that keeps every promise. Beside it stands what
breaks the law.
"""

import pytest
from made_up import MadeUp, closed, enabled
from synthetic import PEER

from harness.core.ntstatus import (
    STATUS_CANCELLED,
    STATUS_CONNECTION_RESET,
    STATUS_INVALID_DEVICE_STATE,
    STATUS_INVALID_PARAMETER,
    STATUS_NOT_SUPPORTED,
    STATUS_PENDING,
    STATUS_SUCCESS,
)
from harness.scenario import (
    IPV4,
    IPV6,
    WSK_FLAG_ABORTIVE,
    WSK_FLAG_WAITALL,
    Address,
    Callback,
    Category,
    Scenario,
    Socket,
)
from harness.scenario.values import SIO_WSK_SET_TCP_SILENT_MODE

PORT = 7000
ODD = 2  # a flag of WskDisconnect's that nobody defined


# Calls on another thread


@pytest.mark.parametrize(
    ("thread", "returns", "rows"),
    [
        (1, 60, set()),  # the client closes what another thread is using
        (1, 49, {"C-11"}),
        (0, 60, {"C-11"}),  # it closes inside of that call: in its completion
    ],
)
def test_of_a_close_beside_a_call_in_progress_nothing_is_judged(
    thread: int, returns: float, rows: set[str]
) -> None:
    seen = MadeUp()
    receive, close = seen.plan.receive(seen.sock, 8), seen.plan.close(seen.sock)
    seen.called(receive, 40, took=returns - 40, thread=thread).called(close, 50).rst(51).completed(close, 52)
    assert seen.completed(receive, 61, STATUS_CANCELLED).broken().get("close-comes-last", set()) == rows


@pytest.mark.parametrize(("second", "rows"), [(50.05, set()), (50.5, {"D-03"})])
def test_of_two_disconnects_at_once_either_sends_the_fin(second: float, rows: set[str]) -> None:
    """The one that comes second may join the other, and has nothing more to send."""
    seen = MadeUp()
    with_data, plain = seen.plan.disconnect(seen.sock, buffer=b"end"), seen.plan.disconnect(seen.sock)
    seen.called(with_data, 50).called(plain, second).fin(51).acknowledges(52, up_to=1)
    seen.completed(plain, 53).completed(with_data, 54)
    assert closed(seen).broken().get("sent-bytes", set()) == rows


@pytest.mark.parametrize(("silent_at", "rows"), [(49.95, set()), (51.5, set()), (None, {"D-01"})])
def test_a_disconnect_may_fail_when_silent_mode_comes_beside_it(
    silent_at: float | None, rows: set[str]
) -> None:
    seen = MadeUp()
    silent = seen.plan.ioctl(seen.sock, SIO_WSK_SET_TCP_SILENT_MODE)
    disconnect = seen.plan.disconnect(seen.sock)
    if silent_at:
        seen.called(silent, silent_at).completed(silent, silent_at + 1)
    seen.called(disconnect, 50).completed(disconnect, 53, STATUS_INVALID_DEVICE_STATE)
    close = seen.plan.close(seen.sock)
    seen.called(close, 100).completed(close, 101)
    assert seen.broken().get("graceful-ends-as-it-says", set()) == rows


@pytest.mark.parametrize(("second", "rows"), [(31.5, set()), (33, {"X-03"})])
def test_of_two_disconnect_events_in_progress_together_either_may_be_first(
    second: float, rows: set[str]
) -> None:
    seen = enabled(MadeUp(), Callback.DISCONNECT).peer_fin(29).peer_rst(30)
    seen.event(Callback.DISCONNECT, 31, 32, callback_flags=1)
    seen.event(Callback.DISCONNECT, second, 34)
    close = seen.plan.close(seen.sock)
    seen.called(close, 50).completed(close, 52)
    assert seen.broken().get("disconnect-event-is-true", set()) == rows


# A cancel is told of before it does anything


@pytest.mark.parametrize(("cancel_at", "rows"), [(22.5, set()), (26, {"X-16"}), (None, {"X-16"})])
def test_a_cancel_may_have_ended_receives(cancel_at: float | None, rows: set[str]) -> None:
    seen = MadeUp()
    disconnect, receive = seen.plan.disconnect(seen.sock), seen.plan.receive(seen.sock, 1)
    cancel = seen.plan.cancel(disconnect)
    seen.called(disconnect, 20).fin(21).called(receive, 22).rst(23).completed(receive, 24)
    seen.completed(disconnect, 25, STATUS_CANCELLED)
    if cancel_at is not None:
        seen.cancelled(cancel, cancel_at)
    assert closed(seen).broken().get("received-bytes", set()) == rows


@pytest.mark.parametrize(("cancel_at", "rows"), [(52, set()), (90, {"D-08"}), (None, {"D-08"})])
def test_a_rst_may_come_of_a_cancel(cancel_at: float | None, rows: set[str]) -> None:
    seen = MadeUp()
    disconnect = seen.plan.disconnect(seen.sock)
    cancel = seen.plan.cancel(disconnect)
    seen.called(disconnect, 50).fin(51).rst(53).completed(disconnect, 54, STATUS_CANCELLED)
    if cancel_at is not None:
        seen.cancelled(cancel, cancel_at)
    close = seen.plan.close(seen.sock)
    assert seen.called(close, 100).completed(close, 101).broken().get("rst-has-a-cause", set()) == rows


@pytest.mark.parametrize(("cancels", "rows"), [(True, set()), (False, {"X-16"})])
def test_a_send_that_is_cancelled_may_end_receives_with_its_connection(cancels: bool, rows: set[str]) -> None:
    seen = MadeUp()
    send, receive = seen.plan.send(seen.sock, b"x"), seen.plan.receive(seen.sock, 1)
    cancel = seen.plan.cancel(send)
    seen.called(receive, 19).called(send, 20)
    if cancels:
        seen.cancelled(cancel, 23)
    seen.rst(24).completed(send, 25, STATUS_CANCELLED).completed(receive, 26)
    assert closed(seen).broken().get("received-bytes", set()) == rows


@pytest.mark.parametrize(("cancels", "rows"), [(True, set()), (False, {"X-03"})])
def test_a_cancel_may_be_told_as_an_abort(cancels: bool, rows: set[str]) -> None:
    seen = enabled(MadeUp(), Callback.DISCONNECT)
    send = seen.plan.send(seen.sock, b"x")
    cancel = seen.plan.cancel(send)
    seen.called(send, 20)
    if cancels:
        seen.cancelled(cancel, 30)
    seen.event(Callback.DISCONNECT, 31, 32, callback_flags=1).completed(send, 33, STATUS_CANCELLED)
    assert closed(seen).broken().get("disconnect-event-is-true", set()) == rows


@pytest.mark.parametrize(
    ("cancel_at", "ends", "rows"),
    [(30, 5040, {"X-18"}), (5000, 5040, set()), (30, 1000, set()), (5041.5, 5040, set())],
)
def test_what_is_cancelled_has_time_from_the_cancel_on(cancel_at: float, ends: float, rows: set[str]) -> None:
    """The last of these is the driver's own cancel, by which it cleans up behind the limit."""
    seen = MadeUp()
    disconnect = seen.plan.disconnect(seen.sock)
    seen.called(disconnect, 20).cancelled(seen.plan.cancel(disconnect), cancel_at)
    seen.plan.wait(disconnect)
    seen.limit(seen.plan.operations[-1], ends).recovery(ends + 1)
    seen.completed(disconnect, ends + 2, STATUS_CANCELLED)
    assert seen.broken().get("abort-and-close-are-prompt", set()) == rows


@pytest.mark.parametrize(("aborts_at", "rows"), [(50, {"D-30"}), (5000, set()), (9, set())])
def test_what_an_abort_ends_has_time_from_the_abort_on(aborts_at: float, rows: set[str]) -> None:
    """One of a socket that was not connected yet ends nothing."""
    seen = MadeUp()
    receive = seen.plan.receive(seen.sock, 8)
    abort = seen.plan.disconnect(seen.sock, flags=WSK_FLAG_ABORTIVE)
    seen.called(receive, 20).called(abort, aborts_at).completed(abort, aborts_at + 0.5)
    seen.plan.wait(receive)
    seen.limit(seen.plan.operations[-1], 5100).recovery(5101).completed(receive, 5102, STATUS_CANCELLED)
    assert seen.broken().get("abort-and-close-are-prompt", set()) == rows


@pytest.mark.parametrize(("released", "rows"), [(100, {"C-05"}), (5000, set())])
def test_a_close_has_time_from_when_retained_data_is_released(released: float, rows: set[str]) -> None:
    seen = enabled(MadeUp(), Callback.RECEIVE)
    release = seen.plan.release(seen.sock)
    close = seen.plan.close(seen.sock)
    seen.peer_sends(b"x", 20).event(Callback.RECEIVE, 21, 22, information=1, status=STATUS_PENDING)
    seen.plan.wait(close)
    # Made by a completion: the plan closes last.
    seen.called(release, 40, STATUS_SUCCESS, took=released - 40).called(close, 50).rst(51)
    seen.limit(seen.plan.operations[-1], 5060).completed(close, 5070)
    assert seen.broken().get("abort-and-close-are-prompt", set()) == rows


# What failed, and what nobody defined


@pytest.mark.parametrize(
    ("status", "kind", "rows"),
    [
        (STATUS_NOT_SUPPORTED, "receive", set()),
        (STATUS_NOT_SUPPORTED, "disconnect", {"C-11"}),
        (STATUS_PENDING, "receive", {"C-11"}),
    ],
)
def test_a_close_does_not_wait_for_an_irp_of_which_nobody_says_that_it_completes(
    status: int, kind: str, rows: set[str]
) -> None:
    seen = MadeUp()
    call = seen.plan.receive(seen.sock, 8) if kind == "receive" else seen.plan.disconnect(seen.sock)
    seen.called(call, 40, status)
    assert closed(seen, 50).broken().get("close-comes-last", set()) == rows


@pytest.mark.parametrize(("retains", "rows"), [(True, set()), (False, {"C-05"})])
def test_a_close_never_completes_while_its_client_retains_data(retains: bool, rows: set[str]) -> None:
    seen = enabled(MadeUp(), Callback.RECEIVE)
    status = STATUS_PENDING if retains else STATUS_SUCCESS
    seen.peer_sends(b"x", 20).event(Callback.RECEIVE, 21, 22, information=1, status=status)
    close = seen.plan.close(seen.sock)
    assert seen.called(close, 50).rst(51).broken().get("irp-contract", set()) == rows


@pytest.mark.parametrize(("flags", "rows"), [(ODD | WSK_FLAG_ABORTIVE, set()), (WSK_FLAG_ABORTIVE, {"D-07"})])
def test_what_a_disconnect_with_flags_that_nobody_defined_sends_is_open(flags: int, rows: set[str]) -> None:
    seen = MadeUp()
    odd = seen.plan.disconnect(seen.sock, flags=flags)
    seen.called(odd, 50).fin(51).acknowledges(52, up_to=1).completed(odd, 53)
    assert closed(seen).broken().get("fin-has-a-cause", set()) == rows


@pytest.mark.parametrize(("flags", "rows"), [(ODD, set()), (0, {"D-24"})])
def test_an_abort_may_fail_behind_a_disconnect_with_flags_that_nobody_defined(
    flags: int, rows: set[str]
) -> None:
    seen = MadeUp()
    first, abort = (
        seen.plan.disconnect(seen.sock, flags=flags),
        seen.plan.disconnect(seen.sock, flags=WSK_FLAG_ABORTIVE),
    )
    seen.called(first, 30).completed(first, 31).called(abort, 40).completed(abort, 41, STATUS_CANCELLED)
    assert closed(seen).broken().get("aborts-succeed", set()) == rows


@pytest.mark.parametrize(("flags", "rows"), [(ODD, set()), (0, {"D-17"})])
def test_a_send_with_a_flag_that_nobody_defined_may_be_refused_before_the_fin(
    flags: int, rows: set[str]
) -> None:
    seen = MadeUp()
    send = seen.plan.send(seen.sock, b"abc", flags=flags << 8)
    disconnect = seen.plan.disconnect(seen.sock)
    seen.called(send, 20).called(disconnect, 50).fin(51).completed(send, 51.5, STATUS_NOT_SUPPORTED)
    seen.acknowledges(52, up_to=1).completed(disconnect, 53)
    assert closed(seen).broken().get("sent-bytes", set()) == rows


@pytest.mark.parametrize(("size", "rows"), [(0, set()), (1, {"D-30"})])
def test_an_empty_receive_asks_for_nothing_behind_an_abort(size: int, rows: set[str]) -> None:
    seen = MadeUp()
    abort = seen.plan.disconnect(seen.sock, flags=WSK_FLAG_ABORTIVE)
    receive = seen.plan.receive(seen.sock, size)
    seen.called(abort, 50).rst(51).completed(abort, 52)
    seen.called(receive, 60, STATUS_SUCCESS).completed(receive, 60.05, marked=False)
    assert closed(seen).broken().get("late-calls-fail", set()) == rows


@pytest.mark.parametrize(("fin", "rows"), [(30, set()), (10.99, {"X-16"})])
def test_a_receive_refused_at_once_is_not_blamed_on_a_fin_that_comes_later(
    fin: float, rows: set[str]
) -> None:
    seen = MadeUp()
    receive = seen.plan.receive(seen.sock, 8)
    seen.called(receive, 20, STATUS_INVALID_PARAMETER)
    seen.completed(receive, 20.05, STATUS_INVALID_PARAMETER, marked=False).peer_fin(max(fin, 15))
    assert closed(seen).broken().get("failures-have-causes", set()) == rows


@pytest.mark.parametrize(("resets", "rows"), [(True, set()), (False, {"X-34"})])
def test_a_rst_behind_the_fin_may_take_along_what_a_waiting_receive_did_not_get(
    resets: bool, rows: set[str]
) -> None:
    seen = MadeUp()
    receive = seen.plan.receive(seen.sock, 8, flags=WSK_FLAG_WAITALL)
    seen.called(receive, 20).peer_sends(b"abc", 30).peer_fin(31)
    if resets:
        seen.peer_rst(32)
    seen.completed(receive, 33)
    close = seen.plan.close(seen.sock)
    seen.called(close, 50).completed(close, 52)
    assert seen.broken().get("received-bytes", set()) == rows


@pytest.mark.parametrize(("patience", "rows"), [((1, 100), set()), ((100, 100), {"C-02"})])
def test_a_client_that_changes_its_patience_may_have_had_the_least(
    patience: tuple[int, int], rows: set[str]
) -> None:
    seen = MadeUp()
    send = seen.plan.send(seen.sock, b"?")
    seen.called(send, 20).sends(b"?", 21).acknowledges(22).completed(send, 1500, STATUS_CONNECTION_RESET)
    for at, seconds in zip((15, 1600), patience, strict=True):
        limit = seen.plan.give_up_after(seen.sock, seconds)
        seen.called(limit, at).completed(limit, at + 1)
    assert closed(seen, 1700).broken().get("failures-have-causes", set()) == rows


# Silent mode


@pytest.mark.parametrize(("at", "rows"), [(9, set()), (20, {"X-14"})])
def test_silent_mode_is_that_of_a_connection(at: float, rows: set[str]) -> None:
    seen = MadeUp()
    silent, send = seen.plan.ioctl(seen.sock, SIO_WSK_SET_TCP_SILENT_MODE), seen.plan.send(seen.sock, b"x")
    seen.called(silent, at).completed(silent, at + 0.5).called(send, 40).sends(b"x", 41).acknowledges(42)
    assert closed(seen.completed(send, 43, information=1)).broken().get("silence-is-kept", set()) == rows


@pytest.mark.parametrize(("at", "rows"), [(60, set()), (40, {"X-14"})])
def test_of_a_silent_socket_that_is_used_after_its_close_nothing_is_judged(at: float, rows: set[str]) -> None:
    seen = MadeUp(Scenario(dangerous=True))
    silent = seen.plan.ioctl(seen.sock, SIO_WSK_SET_TCP_SILENT_MODE)
    send, close = seen.plan.send(seen.sock, b"x"), seen.plan.close(seen.sock)
    seen.called(silent, 20).completed(silent, 21).called(close, 50).completed(close, 51)
    seen.called(send, at).completed(send, at + 1)
    broken = [one for one in seen.judgements() if one.law.name == "silence-is-kept"]
    assert {violation.row for one in broken for violation in one.violations} == rows


# Events of a listener, and events that are disabled


@pytest.mark.parametrize(("whose", "rows"), [("listener", set()), ("own", {"X-12"})])
def test_what_a_listener_disables_later_is_on_for_a_socket_that_it_accepted(
    whose: str, rows: set[str]
) -> None:
    seen, listener, accepted = _accepted()
    disable = seen.plan.disable(listener if whose == "listener" else accepted, Callback.DISCONNECT)
    seen.called(disable, 30).completed(disable, 31)
    seen.event(Callback.DISCONNECT, 40, 41, accepted)
    found = [one for one in seen.judgements() if one.law.name == "events-come-while-enabled"]
    assert {violation.row for one in found for violation in one.violations} == rows


@pytest.mark.parametrize(("first", "rows"), [(True, set()), (False, {"X-12"})])
def test_what_a_second_disabling_waits_for_nobody_says(first: bool, rows: set[str]) -> None:
    seen = enabled(MadeUp(), Callback.RECEIVE)
    before, again = (seen.plan.disable(seen.sock, Callback.RECEIVE) for _ in range(2))
    seen.peer_sends(b"x", 20).event(Callback.RECEIVE, 21, 28, information=1)
    if first:
        seen.called(before, 22).completed(before, 29)
    seen.called(again, 25).completed(again, 26)
    assert closed(seen).broken().get("disabling-waits", set()) == rows


@pytest.mark.parametrize(("fin", "rows"), [(18, set()), (30, {"X-07"})])
def test_data_whose_event_is_enabled_late_may_come_behind_an_end_that_was_on_its_way(
    fin: float, rows: set[str]
) -> None:
    """The provider may have begun to tell of the end when nobody wanted to see the data."""
    seen = enabled(MadeUp(), Callback.DISCONNECT).peer_sends(b"abc", 17 if fin < 20 else 29).peer_fin(fin)
    seen.called(seen.plan.enable(seen.sock, Callback.RECEIVE), 20, STATUS_SUCCESS)
    seen.event(Callback.DISCONNECT, 31, 32).event(Callback.RECEIVE, 33, 34, information=3)
    assert closed(seen).broken().get("disconnect-event-is-true", set()) == rows


@pytest.mark.parametrize(("late", "rows"), [(False, {"X-07"}), (True, set())])
def test_an_end_that_is_asked_for_behind_the_data_comes_behind_it(late: bool, rows: set[str]) -> None:
    seen = MadeUp().peer_sends(b"x", 15).peer_fin(16)
    enables = [seen.plan.enable(seen.sock, each) for each in (Callback.RECEIVE, Callback.DISCONNECT)]
    for at, enable in zip((20, 22) if not late else (22, 20), enables, strict=True):
        seen.called(enable, at, STATUS_SUCCESS)
    seen.event(Callback.DISCONNECT, 31, 32).event(Callback.RECEIVE, 33, 34, information=1)
    assert closed(seen).broken().get("disconnect-event-is-true", set()) == rows


# Ports and addresses


@pytest.mark.parametrize(
    ("what", "rows"),
    [
        ("the same", {"C-01"}),
        ("another family", set()),
        ("another category", set()),
        ("a connect within the guest", set()),
    ],
)
def test_a_bind_is_asked_to_succeed_where_the_same_did_and_nobody_was_connected(
    what: str, rows: set[str]
) -> None:
    seen = MadeUp()
    category = Category.DATAGRAM if what == "another category" else Category.LISTEN
    family = IPV6 if what == "another family" else IPV4
    first = seen.plan.socket(IPV4, category=Category.LISTEN)
    second = seen.plan.socket(family, category=category)
    binds = [
        seen.plan.bind(first, local=Address.wildcard(IPV4, PORT)),
        seen.plan.bind(second, local=Address.wildcard(family, PORT)),
    ]
    close = seen.plan.close(first)
    for at, call in ((20, first.creation), (22, second.creation), (24, binds[0])):
        seen.called(call, at).completed(call, at + 1)
    if what == "a connect within the guest":
        seen.plan.connect(seen.plan.socket(IPV4), to=Address.loopback(IPV4, PORT))
    seen.called(close, 30).completed(close, 31)
    seen.called(binds[1], 32).completed(binds[1], 33, STATUS_INVALID_PARAMETER)
    assert closed(seen).broken().get("ports-are-given-back", set()) == rows


@pytest.mark.parametrize(("aborts", "rows"), [(True, set()), (False, {"X-46"})])
def test_what_a_socket_tells_that_is_connected_no_more_is_open(aborts: bool, rows: set[str]) -> None:
    seen = MadeUp()
    query = seen.plan.remote_address(seen.sock)
    if aborts:
        abort = seen.plan.disconnect(seen.sock, flags=WSK_FLAG_ABORTIVE)
        seen.called(abort, 15).rst(16).completed(abort, 17)
    seen.called(query, 20).completed(query, 21).keeps(Address(4, "0.0.0.0", 0).encoded().dumps())
    assert closed(seen).broken().get("addresses-are-true", set()) == rows


@pytest.mark.parametrize(("what", "rows"), [("event", set()), ("connect", set()), ("nothing", {"C-02"})])
def test_an_accept_may_fail_for_what_is_on_no_wire(what: str, rows: set[str]) -> None:
    seen = MadeUp()
    listener, accept = _listening(seen)
    if what == "event":
        seen.called(seen.plan.enable(listener, Callback.ACCEPT), 25, STATUS_SUCCESS)
    if what == "connect":
        seen.plan.connect(seen.plan.socket(IPV4), to=Address.loopback(IPV4, PORT))
    seen.completed(accept.creation, 35, STATUS_CANCELLED)
    assert closed(seen).broken().get("failures-have-causes", set()) == rows


def _listening(seen: MadeUp) -> tuple[Socket, Socket]:
    """A listener at 20 ms, and an accept of it that is pending."""
    listener = seen.plan.socket(IPV4, category=Category.LISTEN)
    bind = seen.plan.bind(listener, local=Address.wildcard(IPV4, PORT))
    accept = seen.plan.accept(listener)
    seen.called(listener.creation, 20).completed(listener.creation, 21).called(bind, 22).completed(bind, 23)
    seen.called(accept.creation, 24)
    return listener, accept


def _accepted() -> tuple[MadeUp, Socket, Socket]:
    """A listener that enables the disconnect event for what it accepts, and a socket that it accepted."""
    seen = MadeUp()
    listener = seen.plan.socket(IPV4, category=Category.LISTEN)
    enable = seen.plan.enable(listener, Callback.DISCONNECT)
    bind = seen.plan.bind(listener, local=Address.wildcard(IPV4, PORT))
    accepted = seen.plan.accept(listener)
    seen.called(listener.creation, 14).completed(listener.creation, 15).called(enable, 16, STATUS_SUCCESS)
    seen.called(bind, 17).completed(bind, 18).called(accepted.creation, 19)
    local, remote = Address(4, "192.0.2.2", PORT), Address(PEER.family, PEER.host, 5000)
    seen.completed(accepted.creation, 21).keeps(local.encoded().dumps() + remote.encoded().dumps())
    return seen, listener, accepted
