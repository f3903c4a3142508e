# SPDX-License-Identifier: Apache-2.0
"""A run on a host that was too busy says so, and so does each case that was disturbed."""

from pathlib import Path
from typing import Any

import pytest
from runs import case, record

from harness.core.units import ms, s
from harness.report.busy import busy, busy_run
from harness.report.html import write_report
from harness.report.markdown import markdown
from harness.report.record import load_run
from harness.verdict import Outcome

QUIET = {"loop_lag_ns": 2 * ms, "guest_starved_ns": 3 * ms, "cpu_pressure_ns": 0}


def seen(**changes: Any) -> dict[str, Any]:
    return {"seconds": 2.0, "clock_bound_ns": 1 * ms, "host": QUIET, **changes}


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (seen(), ""),
        (seen(host={}), ""),
        (seen(host={**QUIET, "loop_lag_ns": 300 * ms}), "event loop was late by up to 300 ms"),
        (seen(host={**QUIET, "guest_starved_ns": 1 * s}), "was kept from running for 1 s"),
        (seen(host={**QUIET, "guest_starved_ns": 900 * ms}), ""),
        (seen(host={**QUIET, "guest_starved_ns": 60 * ms}, seconds=0.1), ""),
        (seen(clock_bound_ns=80 * ms), "the two clocks are certain to 80 ms only"),
    ],
)
def test_what_disturbed_a_case_is_said(told: dict[str, Any], words: str) -> None:
    sentences = busy(told)
    assert len(sentences) == bool(words)
    assert words in " ".join(sentences)


def test_the_run_and_the_case_say_it(tmp_path: Path) -> None:
    with record(tmp_path) as run:
        run.add(case("quiet", host=QUIET))
        late = {**QUIET, "loop_lag_ns": 700 * ms}
        run.add(case("late", host=late, outcome=Outcome.INCONCLUSIVE, why="it was late"))
    line = busy_run(load_run(run.folder))
    assert line.startswith("THE HOST WAS BUSY in 1 of 2 cases")
    assert line in markdown(run.folder)
    page = write_report(run.folder).read_text()
    assert line in page
    assert "was late by up to 700 ms" in page


def test_a_run_on_a_quiet_host_says_nothing(tmp_path: Path) -> None:
    with record(tmp_path) as run:
        run.add(case("quiet", host=QUIET))
    assert busy_run(load_run(run.folder)) == ""
