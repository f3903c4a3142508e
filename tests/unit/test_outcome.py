# SPDX-License-Identifier: Apache-2.0
"""Nothing that is our fault is ever counted against the guest."""

import pytest

from harness.core.errors import (
    ChannelLost,
    EvidenceLost,
    GuestCrashed,
    GuestHung,
    HarnessError,
    Unsupported,
    UsageError,
)
from harness.verdict import Outcome, classify, exit_status


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (None, Outcome.PASS),
        (AssertionError("a FIN too many"), Outcome.DEVIATION),
        (GuestHung("no completion"), Outcome.HUNG),
        (GuestCrashed("bugcheck 0xD1"), Outcome.CRASHED),
        (Unsupported("WskSocketConnect"), Outcome.UNSUPPORTED),
        (EvidenceLost("3 packets"), Outcome.INCONCLUSIVE),
        (HarnessError("no address"), Outcome.HARNESS_ERROR),
        (ChannelLost("EOF"), Outcome.HARNESS_ERROR),
        (UsageError("no such guest"), Outcome.HARNESS_ERROR),
        (ZeroDivisionError("division by zero"), Outcome.HARNESS_ERROR),
        (TimeoutError(), Outcome.HARNESS_ERROR),
    ],
)
def test_the_kind_of_an_error_decides_the_outcome(error: Exception | None, outcome: Outcome) -> None:
    assert classify(error)[0] == outcome


def test_an_outcome_says_why() -> None:
    assert classify(GuestHung("send #3 never completed its IRP"))[1] == "send #3 never completed its IRP"
    assert classify(TimeoutError())[1] == "TimeoutError"


@pytest.mark.parametrize(
    ("outcomes", "status"),
    [
        ([], 0),
        ([Outcome.PASS, Outcome.RECORDED, Outcome.UNSUPPORTED], 0),
        ([Outcome.PASS, Outcome.DEVIATION], 1),
        ([Outcome.CHANGED], 1),
        ([Outcome.HUNG], 1),
        ([Outcome.CRASHED, Outcome.HARNESS_ERROR], 1),
        ([Outcome.PASS, Outcome.INCONCLUSIVE], 3),
        ([Outcome.HARNESS_ERROR], 3),
    ],
)
def test_the_exit_status_tells_the_guest_s_faults_from_ours(outcomes: list[Outcome], status: int) -> None:
    assert exit_status(outcomes) == status


def test_every_outcome_is_at_most_one_of_failure_error_and_skip() -> None:
    for outcome in Outcome:
        assert outcome.fails + outcome.errors + outcome.skips <= 1
