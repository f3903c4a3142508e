# SPDX-License-Identifier: Apache-2.0
"""The verdict on a case whose scenario the driver could not perform to the end, or whose scene is missing."""

from types import SimpleNamespace
from typing import Any

import pytest
from synthetic import GuestRun, exact_clock

from harness.core.abi import EventKind, TraceOutcome
from harness.core.errors import EvidenceLost, Unsupported
from harness.core.ntstatus import (
    STATUS_CANCELLED,
    STATUS_DEVICE_BUSY,
    STATUS_INVALID_HANDLE,
    STATUS_INVALID_PARAMETER,
    STATUS_NOT_IMPLEMENTED,
    STATUS_PENDING,
    STATUS_SUCCESS,
)
from harness.core.units import ms
from harness.evidence import Timeline, Trace
from harness.peer import ReadsToEof
from harness.run.case import Case, _check_called, _check_performed, _check_scene, _heard_the_end, _joins
from harness.scenario import IPV4, Address, Callback, Irp, Operation, Scenario


def stopped(status: object, step: int) -> Any:
    return SimpleNamespace(outcome=TraceOutcome.STOPPED, status=status, stop_step=step)


def plan_of_a_close() -> tuple[Scenario, int]:
    """A scenario, and the place of the close in it."""
    plan = Scenario()
    sock = plan.socket(IPV4)
    plan.wait(sock.creation)
    close = plan.close(sock)
    return plan, plan.operations.index(close)


def test_a_step_without_its_socket_is_a_scene_that_could_not_be_set() -> None:
    plan, close = plan_of_a_close()
    with pytest.raises(EvidenceLost, match=r"close #2.* has no socket to act on"):
        _check_performed(plan, stopped(STATUS_INVALID_HANDLE, close))


def test_it_is_judged_where_the_case_says_that_the_socket_may_not_come() -> None:
    plan, close = plan_of_a_close()
    plan.may_fail(plan.operations[0])
    _check_performed(plan, stopped(STATUS_INVALID_HANDLE, close))


def test_a_function_that_the_provider_lacks_is_unsupported() -> None:
    plan, close = plan_of_a_close()
    with pytest.raises(Unsupported, match="close #2"):
        _check_performed(plan, stopped(STATUS_NOT_IMPLEMENTED, close))


def test_a_stop_at_a_step_that_is_not_there_is_no_traceback() -> None:
    plan, _ = plan_of_a_close()
    with pytest.raises(EvidenceLost, match="the scene could not be set"):
        _check_performed(plan, stopped(STATUS_INVALID_HANDLE, 0xFFFFFFFF))


def run_with_the_close_skipped(plan: Scenario, close: int) -> GuestRun:
    run = GuestRun(plan).call(plan.operations[0], 1 * ms).complete(plan.operations[0], 2 * ms)
    return run.event(close, EventKind.SKIPPED, 3 * ms, status=STATUS_DEVICE_BUSY)


def test_a_call_that_the_driver_did_not_make_decides_nothing() -> None:
    plan, close = plan_of_a_close()
    trace = Trace.decode(run_with_the_close_skipped(plan, close).trace())
    with pytest.raises(EvidenceLost, match=r"close #2.* was not called.*STATUS_DEVICE_BUSY"):
        _check_called(plan, trace)


def test_it_does_where_the_case_is_to_see_whether_it_was_made() -> None:
    plan, close = plan_of_a_close()
    plan.may_fail(plan.operations[close])
    _check_called(plan, Trace.decode(run_with_the_close_skipped(plan, close).trace()))


def test_what_was_not_called_after_a_limit_was_recoverys_doing() -> None:
    plan, close = plan_of_a_close()
    run = GuestRun(plan).event(plan.operations[1].number, EventKind.LIMIT, 1 * ms)
    run.event(close, EventKind.SKIPPED, 2 * ms, status=STATUS_DEVICE_BUSY)
    _check_called(plan, Trace.decode(run.trace()))


def story_of_an_event(irp: Irp = Irp.NONE) -> tuple[Scenario, GuestRun, Operation, Operation]:
    """A socket with its event to be enabled and waited for: the plan, the run and the two steps."""
    plan = Scenario(dangerous=irp != Irp.NONE)
    sock = plan.socket(IPV4)
    enable = plan.enable(sock, Callback.DISCONNECT, irp=irp)
    wait = plan.wait_event(sock, Callback.DISCONNECT)
    run = GuestRun(plan).call(sock.creation, 1 * ms).complete(sock.creation, 2 * ms)
    return plan, run, enable, wait


def check_scene(plan: Scenario, run: GuestRun) -> None:
    _check_scene(Timeline(plan, Trace.decode(run.trace()), [], None, exact_clock()), None)


def test_an_event_that_could_not_be_enabled_is_a_scene_that_could_not_be_set() -> None:
    plan, run, enable, wait = story_of_an_event()
    run.call(enable, 3 * ms, returned=STATUS_INVALID_PARAMETER)
    run.event(wait.number, EventKind.LIMIT, 5 * ms)
    with pytest.raises(EvidenceLost, match=r"not be set: control-socket #1.* STATUS_INVALID_PARAMETER"):
        check_scene(plan, run)


def test_so_it_is_with_an_irp() -> None:
    plan, run, enable, _ = story_of_an_event(Irp.ALLOCATED)
    run.call(enable, 3 * ms).complete(enable, 4 * ms, STATUS_INVALID_PARAMETER)
    with pytest.raises(EvidenceLost, match=r"not be set: control-socket #1.* STATUS_INVALID_PARAMETER"):
        check_scene(plan, run)


def test_what_recovery_made_of_a_step_spoils_no_scene() -> None:
    plan, run, enable, wait = story_of_an_event(Irp.ALLOCATED)
    run.call(enable, 3 * ms).event(wait.number, EventKind.LIMIT, 5 * ms)
    check_scene(plan, run.complete(enable, 6 * ms, STATUS_CANCELLED))


def test_a_refused_disable_is_the_cases_to_judge() -> None:
    plan, run, enable, _ = story_of_an_event()
    disable = plan.disable(plan.sockets[0], Callback.DISCONNECT)
    run.call(enable, 3 * ms, returned=STATUS_SUCCESS)
    check_scene(plan, run.call(disable, 5 * ms).complete(disable, 6 * ms, STATUS_INVALID_PARAMETER))


def joined(plan: Scenario, run: GuestRun) -> bool:
    return _joins(plan, Trace.decode(run.trace()))


def test_the_guest_has_a_connection_when_a_connect_or_an_accept_of_its_succeeded() -> None:
    plan = Scenario()
    sock = plan.socket(IPV4)
    connect = plan.connect(sock, to=Address.loopback(IPV4, 7))
    accept = plan.accept(plan.listening(IPV4, 7)).creation
    assert not joined(plan, GuestRun(plan).call(connect, 1 * ms).complete(sock.creation, 2 * ms))
    assert not joined(plan, GuestRun(plan).complete(connect, 1 * ms, status=STATUS_CANCELLED))
    for operation in (connect, accept):
        assert joined(plan, GuestRun(plan).complete(operation, 1 * ms))


def test_it_has_one_too_when_an_accept_event_brought_it() -> None:
    plan = Scenario()
    for callback in (Callback.ACCEPT, Callback.RECEIVE_FROM):
        run = GuestRun(plan).event(0, EventKind.CALLBACK_ENTER, 1 * ms, callback=callback)
        assert joined(plan, run) == (callback == Callback.ACCEPT)


def test_a_peer_has_heard_the_end_when_all_its_connections_have() -> None:
    peer = ReadsToEof(connections=2)
    assert not _heard_the_end(peer)
    peer.connections = [SimpleNamespace(ended=ended) for ended in ("eof", "open")]  # type: ignore[misc]
    assert not _heard_the_end(peer)
    peer.connections = [SimpleNamespace(ended=ended) for ended in ("eof", "reset")]  # type: ignore[misc]
    assert _heard_the_end(peer)


def test_what_may_be_another_each_time_is_noted_and_compared_with_nothing() -> None:
    session: Any = SimpleNamespace()
    case = Case(session, "case")
    case.record("status", STATUS_CANCELLED)
    case.note("level", "DISPATCH_LEVEL")
    case.record_return("the close", STATUS_PENDING)
    case.record_return("the refused", STATUS_INVALID_PARAMETER)
    assert case.recorded == {"status": "STATUS_CANCELLED", "the refused": "STATUS_INVALID_PARAMETER"}
    assert case.noted == {"level": "DISPATCH_LEVEL", "the close": "STATUS_PENDING"}
