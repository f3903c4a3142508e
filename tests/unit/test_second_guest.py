# SPDX-License-Identifier: Apache-2.0
"""When a run starts a second guest beside its first."""

from pathlib import Path

import pytest

from harness.guest import find
from harness.run import second_guest
from harness.run.options import Settings
from harness.run.second_guest import WORTH_IT, is_wanted

GUEST = find("reference")


@pytest.fixture(autouse=True)
def roomy_host(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    has_memory(monkeypatch, tmp_path, 8 << 20)
    monkeypatch.setattr("os.sched_getaffinity", lambda _process: {0, 1})


def has_memory(monkeypatch: pytest.MonkeyPatch, folder: Path, kib: int) -> None:
    path = folder / "meminfo"
    path.write_text(f"MemTotal:       16000000 kB\nMemAvailable:   {kib:8} kB\nHugePages_Total:       0\n")
    monkeypatch.setattr(second_guest, "_MEMORY", path)


def test_many_cases_by_themselves_are_worth_a_second_guest_and_few_are_not() -> None:
    assert is_wanted(Settings(), GUEST, WORTH_IT)
    assert not is_wanted(Settings(), GUEST, WORTH_IT - 1)


def test_where_times_are_measured_the_first_guest_has_the_host_to_itself() -> None:
    assert not is_wanted(Settings(timing=True), GUEST, WORTH_IT)


def test_labs_side_by_side_have_one_guest_each() -> None:
    assert not is_wanted(Settings(lab="gw0-"), GUEST, WORTH_IT)


def test_windows_has_no_second_guest_beside_it() -> None:
    class Heavy:
        is_light = False
        memory_mib = 4096

    assert not is_wanted(Settings(), Heavy(), WORTH_IT)  # type: ignore[arg-type]


def test_a_small_host_has_room_for_one_guest(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    has_memory(monkeypatch, tmp_path, 1 << 20)
    assert not is_wanted(Settings(), GUEST, WORTH_IT)
    has_memory(monkeypatch, tmp_path, 2 << 20)
    assert is_wanted(Settings(), GUEST, WORTH_IT)
    monkeypatch.setattr("os.sched_getaffinity", lambda _process: {0})
    assert not is_wanted(Settings(), GUEST, WORTH_IT)
