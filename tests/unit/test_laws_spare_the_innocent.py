# SPDX-License-Identifier: Apache-2.0
"""No law blames a provider that keeps every promise, however it does that and however busy the host is.

Each of these timelines was once, or could have been, held against one. Beside it stands what breaks the law.
"""

import pytest
from made_up import MadeUp, closed, enabled
from synthetic import PEER, Wire

from harness.core.ntstatus import (
    STATUS_CANCELLED,
    STATUS_CONNECTION_RESET,
    STATUS_INSUFFICIENT_RESOURCES,
    STATUS_INVALID_DEVICE_STATE,
    STATUS_IO_TIMEOUT,
    STATUS_NOT_SUPPORTED,
    STATUS_PENDING,
    STATUS_SUCCESS,
)
from harness.core.units import ms
from harness.scenario import (
    IPV4,
    WSK_FLAG_ABORTIVE,
    WSK_FLAG_WAITALL,
    Address,
    Callback,
    Category,
    Irp,
    Scenario,
)
from harness.scenario.values import SIO_WSK_SET_TCP_SILENT_MODE, WSK_EVENT_DISABLE
from harness.wire import ACK, PSH, RST, SYN

STATUS_EVENT_PENDING = 0x68
LONG = 6000  # ms: a TCP may have given its peer up


# The two streams


@pytest.mark.parametrize(("place", "broken"), [(0, False), (1, True)])
def test_the_octet_of_a_keep_alive_behind_the_fin_is_no_data(place: int, broken: bool) -> None:
    """RFC 1122, 4.2.3.6: it has the number of what was acknowledged last, be that the FIN."""
    seen = MadeUp()
    disconnect = seen.plan.disconnect(seen.sock)
    seen.called(disconnect, 50).fin(51).acknowledges(52, up_to=1).completed(disconnect, 53)
    seen.sends(b"\0", 60, place=place)
    assert ("sent-bytes" in closed(seen).broken()) is broken


def test_bytes_that_the_wire_did_not_show_are_not_missed() -> None:
    """The place of the FIN says that they are the guest's: a segment was lost on its way to the wire."""
    seen = MadeUp()
    send, disconnect = seen.plan.send(seen.sock, b"abc"), seen.plan.disconnect(seen.sock)
    seen.called(send, 20).called(disconnect, 30).fin(31, place=3).peer_rst(32)
    seen.completed(send, 33, STATUS_CONNECTION_RESET).completed(disconnect, 34, STATUS_CONNECTION_RESET)
    (judgement,) = [one for one in closed(seen).judgements() if one.law.name == "sent-bytes"]
    assert (judgement.violated, "not in the capture" in judgement.open) == (False, True)


@pytest.mark.parametrize(("wire", "broken"), [(b"xaybzc", False), (b"abcxy", True), (b"abcxyzz", True)])
def test_calls_that_overlap_may_share_the_stream_as_they_like(wire: bytes, broken: bool) -> None:
    seen = MadeUp()
    first = seen.plan.send(seen.sock, b"abc")
    with seen.plan.strand(1):
        second = seen.plan.send(seen.sock, b"xyz")
    seen.called(first, 20).called(second, 20.05).sends(wire, 22).acknowledges(23)
    seen.completed(first, 24, information=3).completed(second, 25, information=3)
    assert ("sent-bytes" in closed(seen).broken()) is broken


def test_of_a_refused_disconnect_no_byte_is_missed_behind_anothers_fin() -> None:
    seen = MadeUp()
    refused, second = seen.plan.disconnect(seen.sock, buffer=b"end"), seen.plan.disconnect(seen.sock)
    seen.called(refused, 40).completed(refused, 41, STATUS_INSUFFICIENT_RESOURCES)
    seen.called(second, 50).fin(51).acknowledges(52, up_to=1).completed(second, 53)
    assert closed(seen).broken() == {}


@pytest.mark.parametrize(
    ("status", "rows"), [(STATUS_INSUFFICIENT_RESOURCES, set()), (STATUS_CANCELLED, {"D-17"})]
)
def test_a_send_that_lacked_memory_leaves_no_gap_before_the_fin(status: int, rows: set[str]) -> None:
    seen = MadeUp()
    send, disconnect = seen.plan.send(seen.sock, b"abc"), seen.plan.disconnect(seen.sock)
    seen.called(send, 20).called(disconnect, 50).fin(51).completed(send, 51.5, status)
    seen.acknowledges(52, up_to=1).completed(disconnect, 53)
    assert closed(seen).broken().get("sent-bytes", set()) == rows


def test_how_much_of_a_long_send_that_failed_went_out_is_not_guessed() -> None:
    """Its bytes repeat, so that what follows it may begin at many places."""
    seen = MadeUp()
    long, short = seen.plan.send(seen.sock, b"ab" * 5000), seen.plan.send(seen.sock, b"ab" * 4000 + b"!")
    seen.called(long, 20).called(short, 21).sends(b"ab" * 4001 + b"!", 22).acknowledges(23)
    seen.completed(long, 24, STATUS_CANCELLED).completed(short, 25, information=8001)
    assert not any(one.violated for one in closed(seen).judgements() if one.law.name == "sent-bytes")


@pytest.mark.parametrize(("called", "broken"), [(40, False), (25, True)])
def test_what_a_handler_kept_is_asked_for_only_when_it_was_surely_set(called: float, broken: bool) -> None:
    """Found by exploring under the freedom races: another strand had enabled the event before."""
    seen = MadeUp()
    with seen.plan.strand(1):
        enable = seen.plan.enable(seen.sock, Callback.RECEIVE)
    seen.plan.on_event(seen.sock, Callback.RECEIVE, size=16)
    seen.called(enable, 14, STATUS_SUCCESS).called(seen.plan.send(seen.sock, b""), called)
    seen.peer_sends(b"x", 30).event(Callback.RECEIVE, 31, 32, information=1).keeps(b"y")
    assert any(one.law.name == "received-bytes" and one.violated for one in seen.judgements()) is broken


def test_a_disconnect_of_what_was_not_connected_yet_forbids_no_send() -> None:
    plan = Scenario()
    seen = MadeUp(plan)
    early, send = plan.disconnect(seen.sock), plan.send(seen.sock, b"abc")
    seen.called(early, 9, STATUS_SUCCESS).completed(early, 9.05, marked=False)
    seen.called(send, 20).sends(b"abc", 21).acknowledges(22).completed(send, 23, information=3)
    assert closed(seen).broken() == {}


@pytest.mark.parametrize(("at", "rows"), [(LONG, set()), (100, {"X-17"})])
def test_a_receive_may_end_short_when_the_guest_has_given_its_peer_up(at: float, rows: set[str]) -> None:
    seen = MadeUp()
    receive = seen.plan.receive(seen.sock, 8, flags=WSK_FLAG_WAITALL)
    seen.called(receive, 20).peer_sends(b"ab", 30).completed(receive, at, data=b"ab")
    assert closed(seen, at + 10).broken().get("received-bytes", set()) == rows


# The ends of a connection


@pytest.mark.parametrize(("at", "rows"), [(LONG, set()), (100, {"C-02"})])
def test_a_guest_that_gives_its_peer_up_may_send_a_rst(at: float, rows: set[str]) -> None:
    seen = MadeUp()
    send = seen.plan.send(seen.sock, b"?")
    seen.called(send, 20).sends(b"?", 21).rst(at).completed(send, at + 1, STATUS_IO_TIMEOUT)
    assert closed(seen, at + 10).broken().get("rst-has-a-cause", set()) == rows


@pytest.mark.parametrize(("seconds", "rows"), [(1, set()), (3, {"C-02"})])
def test_a_guest_gives_its_peer_up_after_the_time_that_its_client_set(seconds: int, rows: set[str]) -> None:
    seen = MadeUp()
    limit = seen.plan.give_up_after(seen.sock, seconds)
    send = seen.plan.send(seen.sock, b"?")
    seen.called(limit, 15).completed(limit, 16)
    seen.called(send, 20).sends(b"?", 21).acknowledges(22).completed(send, 1500, STATUS_IO_TIMEOUT)
    assert closed(seen, 1600).broken().get("failures-have-causes", set()) == rows


@pytest.mark.parametrize(
    ("resets", "closes", "rows"), [(True, True, set()), (False, True, set()), (False, False, {"C-02"})]
)
def test_a_send_that_is_cancelled_may_take_its_connection_along(
    resets: bool, closes: bool, rows: set[str]
) -> None:
    """Its RST may be as late as that of a close; without any the connection stands."""
    seen = MadeUp()
    first, second = seen.plan.send(seen.sock, b"a"), seen.plan.send(seen.sock, b"b")
    cancel = seen.plan.cancel(first)
    seen.called(first, 20).called(second, 21).cancelled(cancel, 30)
    if resets:
        seen.rst(31)
    seen.completed(first, 32, STATUS_CANCELLED).completed(second, 33, STATUS_CANCELLED)
    if closes:
        closed(seen)
    assert seen.broken().get("failures-have-causes", set()) == rows


@pytest.mark.parametrize(("times", "rows"), [(2, set()), (1, {"C-02"})])
def test_a_peer_that_does_not_answer_repetitions_may_be_given_up_early(times: int, rows: set[str]) -> None:
    seen = MadeUp()
    send = seen.plan.send(seen.sock, b"?")
    seen.called(send, 20).sends(b"?", 21)
    for number in range(times):
        seen.sends(b"?", 40 + 20 * number, place=0)
    seen.rst(100).completed(send, 101, STATUS_IO_TIMEOUT)
    assert closed(seen, 110).broken().get("rst-has-a-cause", set()) == rows


@pytest.mark.parametrize(("place", "rows"), [(-1, set()), (0, {"C-02"})])
def test_a_send_may_fail_when_probes_of_a_closed_window_are_not_answered(place: int, rows: set[str]) -> None:
    seen = MadeUp()
    send = seen.plan.send(seen.sock, b"?")
    seen.called(send, 20)
    for at in (40, 60):
        seen.sends(b"", at, place=place)
    seen.completed(send, 101, STATUS_IO_TIMEOUT)
    assert closed(seen, 110).broken().get("failures-have-causes", set()) == rows


@pytest.mark.parametrize(("at", "rows"), [(LONG, set()), (100, {"C-17"})])
def test_a_close_of_what_was_given_up_sends_nothing(at: float, rows: set[str]) -> None:
    seen = MadeUp()
    close = seen.plan.close(seen.sock)
    assert seen.called(close, at).completed(close, at + 1).broken().get("end-is-told", set()) == rows


def test_the_information_of_a_close_means_nothing() -> None:
    seen = MadeUp()
    close = seen.plan.close(seen.sock)
    assert seen.called(close, 50).rst(51).completed(close, 52, information=1).broken() == {}


@pytest.mark.parametrize(("flags", "rows"), [(WSK_FLAG_ABORTIVE | 2, set()), (WSK_FLAG_ABORTIVE, {"D-28"})])
def test_an_abort_with_flags_that_nobody_defined_may_be_refused(flags: int, rows: set[str]) -> None:
    seen = MadeUp()
    abort = seen.plan.disconnect(seen.sock, flags=flags)
    seen.called(abort, 50, STATUS_INVALID_DEVICE_STATE)
    seen.completed(abort, 50.05, STATUS_INVALID_DEVICE_STATE, marked=False)
    assert closed(seen).broken().get("aborts-succeed", set()) == rows


def test_what_a_peer_says_behind_its_own_rst_may_be_answered_by_one() -> None:
    seen = MadeUp().peer_rst(30).acknowledges(31).rst(32)
    assert "rst-has-a-cause" not in closed(seen).broken()


def test_a_rst_in_the_handshake_ends_nothing() -> None:
    """RFC 9293, 3.10.7.3: it answers a wrong acknowledgement, and the handshake goes on."""
    seen = MadeUp()
    seen.wire = Wire().packet("guest", SYN, 11 * ms).packet("peer", ACK, 11 * ms + 10, acknowledged=99)
    seen.wire.packet("guest", RST, 11 * ms + 20, offset=99)
    seen.wire.packet("peer", SYN | ACK, 12 * ms).packet("guest", ACK, 12 * ms + 10, offset=1)
    send = seen.plan.send(seen.sock, b"abc")
    seen.called(send, 20).sends(b"abc", 21).acknowledges(22).completed(send, 23, information=3)
    assert closed(seen).broken() == {}


@pytest.mark.parametrize(("data", "broken"), [(b"abc", False), (b"abcdef", True)])
def test_what_was_sent_before_a_rst_may_be_captured_behind_it(data: bytes, broken: bool) -> None:
    """Its number tells: the RST is sent with the next one (RFC 9293, 3.10.5)."""
    seen = MadeUp()
    send = seen.plan.send(seen.sock, b"abcdef")
    abort = seen.plan.disconnect(seen.sock, flags=WSK_FLAG_ABORTIVE)
    seen._sent = 3
    seen.called(send, 20).called(abort, 50).rst(51).sends(data, 51.5, place=0)
    seen.completed(send, 52, STATUS_CANCELLED).completed(abort, 53)
    assert ("nothing-follows-a-reset" in closed(seen).broken()) is broken


def test_a_disconnect_that_comes_to_a_reset_socket_may_do_as_it_likes_although_it_was_called_before() -> None:
    """Its thread may have waited for a processor between the call and the provider's look at the socket."""
    seen = MadeUp()
    disconnect, close = seen.plan.disconnect(seen.sock), seen.plan.close(seen.sock)
    seen.called(disconnect, 50).peer_rst(60).completed(disconnect, 61)
    assert seen.called(close, 70).completed(close, 71).broken() == {}


def test_a_disconnect_with_an_empty_buffer_may_be_refused() -> None:
    seen = MadeUp()
    disconnect = seen.plan.disconnect(seen.sock, buffer=b"")
    seen.called(disconnect, 50, STATUS_INVALID_DEVICE_STATE)
    seen.completed(disconnect, 50.05, STATUS_INVALID_DEVICE_STATE, marked=False)
    assert closed(seen).broken() == {}


@pytest.mark.parametrize(("data", "broken"), [(b"abc", False), (b"abcd", True)])
def test_what_is_sent_again_may_still_be_on_its_way_in_silent_mode(data: bytes, broken: bool) -> None:
    seen = MadeUp()
    send = seen.plan.send(seen.sock, b"abc")
    silent = seen.plan.ioctl(seen.sock, SIO_WSK_SET_TCP_SILENT_MODE)
    close = seen.plan.close(seen.sock)
    seen.called(send, 20).sends(b"abc", 21).acknowledges(22).completed(send, 23, information=3)
    seen.called(silent, 30).completed(silent, 31).sends(data, 32, place=0)
    seen.called(close, 50).completed(close, 51)
    assert ("silence-is-kept" in seen.broken()) is broken


# IRPs and closes


@pytest.mark.parametrize(
    ("status", "rows"), [(STATUS_INSUFFICIENT_RESOURCES, set()), (STATUS_CANCELLED, {"C-06"})]
)
def test_a_close_fails_for_lack_of_memory_only(status: int, rows: set[str]) -> None:
    seen = MadeUp()
    close = seen.plan.close(seen.sock)
    seen.called(close, 50).completed(close, 52, status)
    assert seen.broken().get("close-comes-last", set()) == rows


@pytest.mark.parametrize(("what", "rows"), [("receive", set()), ("disconnect", {"D-14"})])
def test_what_becomes_of_an_irp_that_is_not_supported_is_promised_for_a_disconnect_only(
    what: str, rows: set[str]
) -> None:
    seen = MadeUp()
    call = seen.plan.receive(seen.sock, 8) if what == "receive" else seen.plan.disconnect(seen.sock)
    assert seen.called(call, 50, STATUS_NOT_SUPPORTED).broken().get("irp-contract", set()) == rows


@pytest.mark.parametrize(
    ("ends", "status", "rows"),
    [(4900, STATUS_SUCCESS, set()), (100, STATUS_SUCCESS, {"C-05"}), (100, STATUS_PENDING, set())],
)
def test_a_close_waits_for_its_callbacks_and_for_data_that_was_retained(
    ends: float, status: int, rows: set[str]
) -> None:
    """A callback that returned a moment before the limit held it up nearly all the time."""
    seen = enabled(MadeUp(), Callback.RECEIVE)
    seen.peer_sends(b"x", 20).event(Callback.RECEIVE, 21, ends, information=1, status=status)
    close = seen.plan.close(seen.sock)
    seen.plan.wait(close)
    seen.called(close, 50).rst(51).limit(seen.plan.operations[-1], 5050).completed(close, 5060)
    assert seen.broken().get("abort-and-close-are-prompt", set()) == rows


# Events


@pytest.mark.parametrize(("status", "rows"), [(STATUS_EVENT_PENDING, set()), (STATUS_SUCCESS, {"X-12"})])
def test_an_event_whose_disabling_is_pending_may_have_been_on_its_way(status: int, rows: set[str]) -> None:
    """The provider counts it as in progress; its thread has not come to the client yet."""
    seen = enabled(MadeUp(), Callback.RECEIVE)
    disable = seen.plan.event_mask(seen.sock, WSK_EVENT_DISABLE | 0x40, irp=Irp.NONE)
    seen.peer_sends(b"x", 20).called(disable, 25, status)
    seen.event(Callback.RECEIVE, 26, 27, information=1)
    assert closed(seen).broken().get("events-come-while-enabled", set()) == rows


@pytest.mark.parametrize(("enabled_by", "rows"), [(20.5, {"X-12"}), (30, set())])
def test_an_event_that_is_enabled_and_disabled_at_once_may_be_either(
    enabled_by: float, rows: set[str]
) -> None:
    """Found by exploring under the freedom slow-calls: the enabling returned behind the disabling."""
    seen = MadeUp()
    enable, disable = (
        seen.plan.enable(seen.sock, Callback.RECEIVE),
        seen.plan.disable(seen.sock, Callback.RECEIVE),
    )
    seen.called(enable, 20, STATUS_SUCCESS, took=enabled_by - 20)
    seen.called(disable, 25).completed(disable, 26)
    seen.peer_sends(b"x", 31).event(Callback.RECEIVE, 32, 33, information=1)
    assert closed(seen).broken().get("events-come-while-enabled", set()) == rows


def test_data_that_waited_for_its_event_to_be_enabled_again_comes_behind_the_fin() -> None:
    seen = enabled(enabled(MadeUp(), Callback.RECEIVE), Callback.DISCONNECT)
    disable = seen.plan.disable(seen.sock, Callback.RECEIVE)
    seen.called(disable, 25).completed(disable, 26).peer_sends(b"x", 30).peer_fin(31)
    seen.event(Callback.DISCONNECT, 34, 35)
    seen.called(seen.plan.enable(seen.sock, Callback.RECEIVE), 40, STATUS_SUCCESS)
    assert closed(seen.event(Callback.RECEIVE, 41, 42, information=1)).broken() == {}


@pytest.mark.parametrize(("begins", "rows"), [(34.5, set()), (36, {"X-07"})])
def test_of_two_events_that_are_in_progress_together_either_may_have_been_first(
    begins: float, rows: set[str]
) -> None:
    seen = enabled(enabled(MadeUp(), Callback.RECEIVE), Callback.DISCONNECT)
    seen.peer_sends(b"x", 30).peer_fin(31).event(Callback.DISCONNECT, 34, 35)
    seen.event(Callback.RECEIVE, begins, begins + 1, information=1)
    assert closed(seen).broken().get("disconnect-event-is-true", set()) == rows


def test_a_guest_that_gave_its_peer_up_behind_a_fin_may_say_that_it_was_aborted() -> None:
    seen = enabled(MadeUp(), Callback.DISCONNECT)
    send = seen.plan.send(seen.sock, b"?")
    seen.peer_fin(19).called(send, 20).sends(b"?", 21).completed(send, 90, STATUS_IO_TIMEOUT)
    seen.event(Callback.DISCONNECT, 91, 92, callback_flags=1)
    assert closed(seen).broken() == {}


# Causes


@pytest.mark.parametrize(("flags", "rows"), [(0x100, set()), (0, {"C-02"})])
def test_a_receive_with_flags_that_nobody_defined_may_be_refused_later(flags: int, rows: set[str]) -> None:
    seen = MadeUp()
    receive = seen.plan.receive(seen.sock, 8, flags=flags)
    seen.called(receive, 20).completed(receive, 21, STATUS_NOT_SUPPORTED)
    assert closed(seen).broken().get("failures-have-causes", set()) == rows


@pytest.mark.parametrize(("told", "rows"), [(True, set()), (False, {"X-16"})])
def test_a_receive_may_fail_once_the_event_has_told_of_the_end(told: bool, rows: set[str]) -> None:
    seen = enabled(MadeUp(), Callback.DISCONNECT).peer_fin(30)
    if told:
        seen.event(Callback.DISCONNECT, 31, 32)
    receive = seen.plan.receive(seen.sock, 8)
    seen.called(receive, 40).completed(receive, 41, STATUS_CONNECTION_RESET)
    assert closed(seen).broken().get("failures-have-causes", set()) == rows


@pytest.mark.parametrize(("resets", "rows"), [(True, set()), (False, {"C-02"})])
def test_an_accept_may_fail_when_the_connection_that_came_was_reset(resets: bool, rows: set[str]) -> None:
    seen = MadeUp()
    listener = seen.plan.socket(IPV4, category=Category.LISTEN)
    bind = seen.plan.bind(listener, local=Address.wildcard(IPV4, 50000))
    accept, close = seen.plan.accept(listener).creation, seen.plan.close(listener)
    seen.called(listener.creation, 20).completed(listener.creation, 21)
    seen.called(bind, 22).completed(bind, 23).called(accept, 24)
    other = Wire(peer_port=PEER.port + 1).packet("peer", SYN, 25 * ms).packet("guest", SYN | ACK, 26 * ms)
    other.packet("peer", RST if resets else PSH | ACK, 27 * ms, offset=1)
    seen.wire.packets += other.packets
    seen.completed(accept, 35, STATUS_CONNECTION_RESET).called(close, 40).completed(close, 41)
    assert closed(seen).broken().get("failures-have-causes", set()) == rows
