# SPDX-License-Identifier: Apache-2.0
"""The laws of calls and their IRPs, and of a close: made-up timelines that break them, or nearly do."""

import pytest
from made_up import MadeUp, aborted, closed, enabled

from harness.core.abi import StepKind
from harness.core.ntstatus import (
    STATUS_CANCELLED,
    STATUS_FILE_FORCED_CLOSED,
    STATUS_INVALID_DEVICE_STATE,
    STATUS_SUCCESS,
)
from harness.core.units import s
from harness.scenario import (
    IPV4,
    WSK_FLAG_ABORTIVE,
    Callback,
    Scenario,
)
from harness.scenario.values import (
    WSK_FLAG_AT_DISPATCH_LEVEL,
)


def test_an_irp_that_completes_twice_breaks_the_contract() -> None:
    seen = MadeUp()
    disconnect = seen.plan.disconnect(seen.sock)
    seen.called(disconnect, 50).fin(51).acknowledges(52, up_to=1).completed(disconnect, 53)
    seen.completed(disconnect, 54, times=2)
    assert closed(seen).broken() == {"irp-contract": {"D-09"}}


def test_an_irp_that_is_written_into_after_its_completion_breaks_the_contract() -> None:
    seen = MadeUp()
    disconnect = seen.plan.disconnect(seen.sock)
    seen.called(disconnect, 50).fin(51).acknowledges(52, up_to=1).completed(disconnect, 53)
    seen.touched(disconnect, 300, STATUS_CANCELLED)
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


@pytest.mark.parametrize("irql", [0, 1, 2])
@pytest.mark.parametrize(
    ("what", "row"),
    [
        ("receive", "X-02"),
        ("send", "X-02"),
        ("bind", "X-02"),
        ("enable", "X-02"),  # a call without an IRP
        ("recovery", "X-02"),
        ("disconnect", "D-33"),
    ],
)
def test_every_call_leaves_the_irql_as_it_was(what: str, row: str, irql: int) -> None:
    for after, rows in ((irql, set()), ((irql + 1) % 3, {row})):
        seen = MadeUp()
        calls = {
            "receive": lambda plan, sock: plan.receive(sock, 8),
            "send": lambda plan, sock: plan.send(sock, b""),
            "bind": lambda plan, sock: plan.bind(sock),
            "enable": lambda plan, sock: plan.enable(sock, Callback.RECEIVE),
            "disconnect": lambda plan, sock: plan.disconnect(sock),
        }
        if what == "recovery":
            seen.recovery(300, irqls=(irql, after))
        else:
            seen.called(calls[what](seen.plan, seen.sock), 50, irqls=(irql, after))
        judged = [one for one in seen.judgements() if one.law.name == "irqls"]
        assert {violation.row for one in judged for violation in one.violations} == rows


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


@pytest.mark.parametrize(("loops", "rows"), [(True, set()), (False, {"C-05"})])
def test_of_a_close_in_a_loop_nobody_knows_what_holds_it_up(loops: bool, rows: set[str]) -> None:
    """The callbacks of a socket that is made again and again are not known by its rounds."""
    plan = Scenario()
    seen = MadeUp(plan)
    if loops:
        with plan.repeat(1):
            sock = plan.socket(IPV4)
            close = plan.close(sock)
            plan.wait(close)
    else:
        sock = plan.socket(IPV4)
        close = plan.close(sock)
        plan.wait(close)
    (wait,) = [operation for operation in plan.operations if operation.kind == StepKind.WAIT]
    seen.called(sock.creation, 20).completed(sock.creation, 21).called(close, 50)
    seen.limit(wait, 5100).completed(close, 5110)
    assert seen.broken().get("abort-and-close-are-prompt", set()) == rows
