# SPDX-License-Identifier: Apache-2.0
"""Measured times are plotted for each operation, all its cases on one axis."""

import json
from pathlib import Path
from typing import Any

import pytest

from harness.core.units import ms, us
from harness.report.plots import BINS, Plot, plots

CALLS = [10 * us] * 90 + [1 * ms] * 10


def measured(folder: Path, stored: Any, name: str = "graceful-dispatch") -> list[Plot]:
    (folder / "samples.json").write_text(json.dumps(stored))
    return plots(folder, [{"id": f"suites/x.py::test_x[{name}]", "samples": "samples.json"}])


def samples(call: Any) -> Any:
    return {"WskDisconnect": {"call": call, "completion": [], "at_dispatch": []}}


def test_a_plot_shows_where_the_samples_and_their_percentiles_are(tmp_path: Path) -> None:
    (plot,) = measured(tmp_path, samples(CALLS))
    assert (plot.operation, plot.part) == ("WskDisconnect", "call")
    (histogram,) = plot.histograms
    assert (histogram.name, histogram.count) == ("graceful-dispatch", 100)
    assert {place: level for place, level in enumerate(histogram.levels) if level} == {
        0: 1.0,
        BINS - 1: round(10 / 90, 3),
    }
    assert (histogram.figures["p50"], histogram.figures["p99"]) == (10 * us, 1 * ms)
    assert (histogram.places["p50"], histogram.places["p99"]) == (0, 100)


def test_the_axis_is_logarithmic_and_names_its_decades(tmp_path: Path) -> None:
    (plot,) = measured(tmp_path, samples(CALLS))
    assert plot.ticks == ((0, "10 us"), (50, "100 us"), (100, "1 ms"))


def test_cases_of_one_operation_share_an_axis(tmp_path: Path) -> None:
    for name, value in (("a", 10 * us), ("b", 1 * ms)):
        (tmp_path / name).write_text(json.dumps(samples([value, value])))
    cases = [{"id": f"suites/x.py::test_x[{name}]", "samples": name} for name in ("b", "a")]
    (plot,) = plots(tmp_path, cases)
    assert [(histogram.name, histogram.places["p50"]) for histogram in plot.histograms] == [
        ("a", 0),
        ("b", 100),
    ]


def test_what_another_run_measured_is_behind_it_on_the_same_axis(tmp_path: Path) -> None:
    for name, value in (("now", 10 * us), ("then", 1 * ms)):
        (tmp_path / name).write_text(json.dumps(samples([value, value])))
    now, then = ([{"id": "suites/x.py::test_x[a]", "samples": name}] for name in ("now", "then"))
    (plot,) = plots(tmp_path, now, (tmp_path, then))
    (histogram,) = plot.histograms
    assert histogram.before
    assert (histogram.places["p50"], histogram.before.places["p50"]) == (0, 100)
    (alone,) = plots(tmp_path, now, (tmp_path, []))
    assert alone.histograms[0].before is None


@pytest.mark.parametrize("values", [[5, 5, 5], [0, 0], [1, 10**18]])
def test_samples_that_are_all_alike_or_far_apart_are_plotted(tmp_path: Path, values: list[int]) -> None:
    (plot,) = measured(tmp_path, samples(values))
    assert max(plot.histograms[0].levels) == 1
    assert all(0 <= place <= 100 for place in plot.histograms[0].places.values())


@pytest.mark.parametrize(
    "stored",
    [
        [],
        3,
        {"x": 3},
        {"x": {}},
        samples(["fast"]),
        samples(None),
        samples([]),
        samples([7]),
        samples([float("inf")] * 2),
    ],
)
def test_samples_that_cannot_be_used_are_left_out(tmp_path: Path, stored: Any) -> None:
    assert measured(tmp_path, stored) == []


def test_samples_outside_the_folder_are_not_read(tmp_path: Path) -> None:
    (tmp_path / "samples.json").write_text(json.dumps(samples(CALLS)))
    (tmp_path / "run").mkdir()
    assert plots(tmp_path / "run", [{"id": "x", "samples": "../samples.json"}]) == []
