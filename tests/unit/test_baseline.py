# SPDX-License-Identifier: Apache-2.0
"""Behaviour that no document fixes is stored when it is first seen, and compared ever after."""

from pathlib import Path

import pytest

from harness.core.errors import BehaviourChanged, UsageError
from harness.verdict import Baseline, Outcome, classify

SEEN = {"status": "STATUS_CANCELLED", "packets": "RST"}


def stored(path: Path) -> Baseline:
    first = Baseline(path)
    first.learn("a.py::test_a[ipv4]", SEEN)
    assert first.learned == 2
    first.save()
    return Baseline(path)


def test_what_is_stored_can_be_read_by_a_person(tmp_path: Path) -> None:
    path = tmp_path / "guests" / "some.toml"
    stored(path)
    assert path.read_text() == ('["a.py::test_a[ipv4]"]\npackets = "RST"\nstatus = "STATUS_CANCELLED"\n')


def test_the_same_again_is_no_change(tmp_path: Path) -> None:
    baseline = stored(tmp_path / "some.toml")
    baseline.judge("a.py::test_a[ipv4]", SEEN)
    baseline.learn("a.py::test_a[ipv4]", SEEN)
    assert baseline.learned == 0


def test_another_behaviour_is_a_change_that_says_what_it_was(tmp_path: Path) -> None:
    baseline = stored(tmp_path / "some.toml")
    with pytest.raises(BehaviourChanged, match="packets: 'RST' is now 'nothing'") as changed:
        baseline.judge("a.py::test_a[ipv4]", SEEN | {"packets": "nothing"})
    assert classify(changed.value)[0] == Outcome.CHANGED
    baseline.save()
    Baseline(baseline.path).judge("a.py::test_a[ipv4]", SEEN)  # a change is not learned


def test_a_change_can_be_accepted(tmp_path: Path) -> None:
    path = stored(tmp_path / "some.toml").path
    baseline = Baseline(path, accept=True)
    baseline.judge("a.py::test_a[ipv4]", SEEN | {"packets": "nothing"})
    assert baseline.learned == 0
    baseline.learn("a.py::test_a[ipv4]", SEEN | {"packets": "nothing"})
    assert baseline.learned == 1
    baseline.save()
    Baseline(path).judge("a.py::test_a[ipv4]", {"packets": "nothing"})


def test_an_observation_that_is_new_is_added(tmp_path: Path) -> None:
    baseline = stored(tmp_path / "some.toml")
    baseline.learn("a.py::test_a[ipv4]", {"order": "sends first"})
    baseline.learn("a.py::test_b", {"status": "STATUS_SUCCESS"})
    assert baseline.learned == 2


def test_to_judge_changes_nothing(tmp_path: Path) -> None:
    """A case that is tried twice is held against the file both times, not against its first try."""
    baseline = stored(tmp_path / "some.toml")
    baseline.judge("a.py::test_a[ipv4]", {"order": "sends first"})
    baseline.judge("a.py::test_a[ipv4]", {"order": "receives first"})
    assert baseline.learned == 0


@pytest.mark.parametrize("text", ["= 3", "a = 3", "[a]\nb = 3"])
def test_a_file_that_is_no_baseline_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "some.toml"
    path.write_text(text)
    with pytest.raises(UsageError, match="the baseline"):
        Baseline(path)
