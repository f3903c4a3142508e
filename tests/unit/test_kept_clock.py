# SPDX-License-Identifier: Apache-2.0
"""A guest that was kept with a wrong clock is dropped and booted again, and the user is told."""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harness.core import cache
from harness.core.errors import HarnessError
from harness.core.units import ms, s
from harness.guest import clock_check, reference
from harness.guest.base import RunningGuest
from harness.guest.clock_check import contradiction_of
from harness.guest.control import ClockReading
from harness.guest.reference import ReferenceGuest
from harness.lab import kvm, vm_snapshot
from harness.run.guest_pool import GuestPool

FREQUENCY = 10_000_000


def reading(host_ns: int, guest_ns: int, rtt_ns: int = 1 * ms) -> ClockReading:
    return ClockReading(guest_ns * FREQUENCY // s, FREQUENCY, host_ns, host_ns + rtt_ns)


@pytest.mark.parametrize(
    ("guest_ns", "wrong"),
    [(500 * ms, False), (501 * ms, False), (499 * ms, False), (510 * ms, True), (450 * ms, True)],
)
def test_a_counter_is_wrong_when_no_reading_could_explain_it(guest_ns: int, wrong: bool) -> None:
    assert bool(contradiction_of(reading(0, 0), reading(500 * ms, guest_ns))) == wrong


def test_a_slow_answer_is_no_contradiction() -> None:
    assert contradiction_of(reading(0, 0), reading(500 * ms, 900 * ms, rtt_ns=500 * ms)) == ""


class Lab:
    """A reference guest of which nothing is real but how it is started."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path, told: Iterator[str]) -> None:
        self.kept = folder / "kept"
        self.said: list[str] = []
        self.boots = 0
        monkeypatch.setattr(kvm, "usable", lambda: (False, "a test"))
        monkeypatch.setattr(reference._Start, "place", lambda start: self.kept)
        monkeypatch.setattr(reference._Start, "freeze", self._freeze)
        monkeypatch.setattr(reference._Start, "run", self._run)
        monkeypatch.setattr(vm_snapshot, "is_intact", lambda path: path.exists())

        async def contradiction(control: Any) -> str:
            return next(told)

        monkeypatch.setattr(clock_check, "contradiction", contradiction)

    async def _freeze(self, *_: Any) -> None:
        self.boots += 1
        self.kept.touch()

    async def _run(self, *_: Any) -> RunningGuest:
        nothing: Any = SimpleNamespace(close=lambda: None, destroy=lambda: None)
        return RunningGuest(
            "reference", "reference", "6.1", "reference", "tcg", nothing, nothing, nothing, {}, ""
        )

    def start(self) -> RunningGuest:
        guest = ReferenceGuest()
        guest._image = self.kept.parent
        hypervisor: Any = SimpleNamespace(is_here=True)
        network: Any = None
        started = guest.start(
            hypervisor, network, fault=None, serial_log=self.kept.parent / "log", progress=self.said.append
        )
        return asyncio.run(started)


def test_a_kept_guest_with_a_wrong_clock_is_dropped_and_boots_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    lab = Lab(monkeypatch, tmp_path, iter(["40 ms within 500 ms", ""]))
    lab.kept.touch()  # by an earlier run, on a busy host
    assert lab.start().kept == lab.kept
    assert lab.boots == 1
    assert any("clock runs wrong (40 ms within 500 ms): it is dropped" in line for line in lab.said)


def test_a_host_on_which_no_boot_measures_rightly_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    lab = Lab(monkeypatch, tmp_path, iter(["40 ms"] * 3))
    with pytest.raises(HarnessError, match="the host is too busy"):
        lab.start()
    assert not lab.kept.exists()


def test_a_full_cache_costs_time_and_no_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    lab = Lab(monkeypatch, tmp_path, iter(()))

    async def freeze(*_: Any) -> None:
        raise vm_snapshot.NotKept("the booted guest cannot be kept: No space left on device")

    monkeypatch.setattr(reference._Start, "freeze", freeze)
    assert lab.start().kept is None
    assert any("No space left on device; the guest boots anew at each start" in line for line in lab.said)


def test_a_cache_that_belongs_to_somebody_else_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache.folder("frozen").is_dir()
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    with pytest.raises(HarnessError, match="belongs to somebody else"):
        cache.folder("frozen")


def test_a_guest_that_is_replaced_is_destroyed_once_nobody_is_in_it() -> None:
    stopped: list[int] = []

    def guest(number: int) -> Any:
        async def stop() -> None:
            stopped.append(number)

        return SimpleNamespace(stop=stop)

    guests = iter(map(guest, range(2)))

    async def start() -> Any:
        return next(guests)

    async def scene() -> None:
        pool = GuestPool(start)
        async with pool.lease() as lease:
            await pool.replace(lease.guest)
            assert stopped == []
        assert stopped == [0]
        async with pool.lease() as lease:
            other = lease.guest
        await pool.replace(other)
        assert stopped == [0, 1]

    asyncio.run(scene())
