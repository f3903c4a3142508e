# SPDX-License-Identifier: Apache-2.0
"""The laws of event callbacks: made-up timelines that break them, or nearly do."""

from enum import IntEnum

import pytest
from made_up import MadeUp, closed, enabled

from harness.core.abi import abi
from harness.core.ntstatus import (
    STATUS_CANCELLED,
    STATUS_DATA_NOT_ACCEPTED,
    STATUS_SUCCESS,
)
from harness.scenario import (
    WSK_FLAG_DRAIN,
    Callback,
)

EVENT_DISABLE = 0x80000000
NOTHING = abi.WSKTEST_EVENT_NOTHING


class Mask(IntEnum):
    """Masks of a call that fails, so that the receive event is as it was: off."""

    DISABLED_WITH_ANOTHER = EVENT_DISABLE | 0xC0
    ENABLED_IN_VAIN = 0x40


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


@pytest.mark.parametrize(("flags", "rows"), [(0, set()), (8, set()), (0x10, {"X-04"}), (0x18, {"X-04"})])
def test_a_disconnect_event_has_the_flags_of_its_page_and_no_others(flags: int, rows: set[str]) -> None:
    seen = enabled(MadeUp(), Callback.DISCONNECT).peer_fin(30)
    seen.event(Callback.DISCONNECT, 31, 32, callback_flags=flags, irql=2)
    assert closed(seen).broken().get("disconnect-event-is-true", set()) == rows


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


@pytest.mark.parametrize(("shown", "taken", "rows"), [(3, 3, set()), (2, 2, {"X-34"}), (3, 2, set())])
def test_a_disconnect_event_comes_behind_all_that_its_client_was_shown(
    shown: int, taken: int, rows: set[str]
) -> None:
    """What the client did not take may wait for its next receive."""
    seen = enabled(enabled(MadeUp(), Callback.RECEIVE), Callback.DISCONNECT)
    seen.peer_sends(b"abc", 20).peer_fin(21).answers_fin(22)
    seen.event(Callback.RECEIVE, 23, 24, information=shown, taken=taken)
    seen.event(Callback.DISCONNECT, 25, 26)
    assert closed(seen).broken().get("disconnect-event-is-true", set()) == rows


@pytest.mark.parametrize("mask", [Mask.DISABLED_WITH_ANOTHER, Mask.ENABLED_IN_VAIN])
def test_a_disconnect_event_tells_nothing_of_data_whose_event_was_never_on(mask: Mask) -> None:
    seen = enabled(MadeUp(), Callback.DISCONNECT)
    failed = seen.plan.event_mask(seen.sock, mask)
    seen.called(failed, 15).completed(failed, 16, STATUS_CANCELLED)
    seen.peer_sends(b"abc", 20).peer_fin(21).answers_fin(22).event(Callback.DISCONNECT, 25, 26)
    assert closed(seen).broken() == {}


def test_a_disconnect_event_tells_nothing_of_data_that_receives_ask_for() -> None:
    seen = enabled(enabled(MadeUp(), Callback.RECEIVE), Callback.DISCONNECT)
    receive = seen.plan.receive(seen.sock, 8, flags=WSK_FLAG_DRAIN)
    seen.called(receive, 15).peer_sends(b"abc", 20).peer_fin(21).answers_fin(22).completed(receive, 23)
    assert closed(seen.event(Callback.DISCONNECT, 25, 26)).broken() == {}


@pytest.mark.parametrize(
    ("status", "asks", "rows"),
    [
        (STATUS_DATA_NOT_ACCEPTED, False, {"X-41"}),
        (STATUS_DATA_NOT_ACCEPTED, True, set()),
        (STATUS_SUCCESS, False, set()),
    ],
)
def test_data_that_was_refused_comes_again_when_it_is_asked_for(
    status: int, asks: bool, rows: set[str]
) -> None:
    seen = enabled(MadeUp(), Callback.RECEIVE)
    receive = seen.plan.receive(seen.sock, 1)
    seen.peer_sends(b"abc", 20)
    seen.event(Callback.RECEIVE, 21, 22, information=3, status=status, taken=0 if rows or asks else 3)
    if asks:
        seen.called(receive, 30).completed(receive, 31, data=b"a")
    elif status == STATUS_SUCCESS:
        seen.peer_sends(b"abc", 30)
    seen.event(Callback.RECEIVE, 32, 33, information=2 if asks else 3)
    assert closed(seen).broken().get("refused-data-waits", set()) == rows


@pytest.mark.parametrize(("enabled_at", "rows"), [(None, {"X-08"}), (25, set()), (15, {"X-08"})])
def test_that_a_socket_is_dead_is_told_once_unless_it_is_asked_again(
    enabled_at: float | None, rows: set[str]
) -> None:
    seen = enabled(MadeUp(), Callback.RECEIVE).peer_rst(20)
    if enabled_at:
        seen.called(seen.plan.enable(seen.sock, Callback.RECEIVE), enabled_at, STATUS_SUCCESS)
    for at in (21, 31):
        seen.event(Callback.RECEIVE, at, at + 1, flags=NOTHING)
    close = seen.plan.close(seen.sock)
    seen.called(close, 50).completed(close, 51)
    assert seen.broken().get("receive-events-come-one-by-one", set()) == rows
