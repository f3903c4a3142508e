# SPDX-License-Identifier: Apache-2.0
"""What it means for a case that the driver could not perform its scenario to the end."""

from types import SimpleNamespace
from typing import Any

import pytest

from harness.abi import TraceOutcome
from harness.case import _check_performed
from harness.errors import EvidenceLost, Unsupported
from harness.scenario import IPV4, Scenario
from harness.status import STATUS_INVALID_HANDLE, STATUS_NOT_IMPLEMENTED


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
