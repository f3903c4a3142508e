# SPDX-License-Identifier: Apache-2.0
"""A guest that was kept with a wrong clock is dropped and booted again, and the user is told."""

import asyncio
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.core import cache
from harness.core.clock_rate import ClockRate
from harness.core.errors import HarnessError
from harness.core.units import ms, s
from harness.guest import clock_check, reference
from harness.guest.base import RunningGuest
from harness.guest.clock_check import rate_of
from harness.guest.control import ClockReading
from harness.guest.reference import ReferenceGuest
from harness.lab import kvm, vm_snapshot
from harness.run.guest_pool import GuestPool

FREQUENCY = 10_000_000


def reading(host_ns: int, guest_ns: int, rtt_ns: int = 1 * ms) -> ClockReading:
    return ClockReading(guest_ns * FREQUENCY // s, FREQUENCY, host_ns, host_ns + rtt_ns)


def readings(host_ns: int, rate: float, rtts: Sequence[int]) -> list[ClockReading]:
    """Readings, as many as `rtts`; the guest's counter says `rate` seconds less for each of the host's."""
    found = []
    for rtt in rtts:
        found.append(reading(host_ns, round((host_ns + rtt / 3) / rate), rtt))
        host_ns += rtt
    return found


@given(
    st.floats(0.99, 1.01),
    st.lists(st.integers(100_000, 20 * ms), min_size=3, max_size=16),
    st.lists(st.integers(100_000, 20 * ms), min_size=3, max_size=16),
)
def test_the_quickest_answers_say_how_fast_a_counter_runs(
    rate: float, first: list[int], last: list[int]
) -> None:
    seen = rate_of(readings(0, rate, first), readings(1500 * ms, rate, last))
    assert abs(seen.rate - rate) <= seen.error_ppm * 1e-6 * seen.rate + 1e-9
    assert seen.error_ppm * 1e-6 < (min(first) + min(last)) / (1400 * ms)


def test_on_a_busy_host_that_boots_a_guest_the_counter_is_as_good_as_ever() -> None:
    """A thousandth and a half, as seen; some of the answers are quick, whatever else the host does."""
    slow = [300_000, 9 * ms, 12 * ms, 400_000, 30 * ms]
    seen = rate_of(readings(0, 1.0015, slow), readings(1500 * ms, 1.0015, slow))
    assert abs(seen.rate - 1.0015) < 200e-6


def test_what_was_measured_is_kept_with_the_guest_and_goes_with_it(tmp_path: Path) -> None:
    kept = tmp_path / "0123"
    kept.write_bytes(bytes(40))
    assert vm_snapshot.clock_rate(kept) is None
    vm_snapshot.keep_clock_rate(kept, ClockRate(1.0015, 300))
    assert vm_snapshot.clock_rate(kept) == ClockRate(1.0015, 300)
    kept.write_bytes(b"x" * 40)  # another guest, kept in its place
    assert vm_snapshot.clock_rate(kept) is None
    vm_snapshot.drop(kept)
    assert list(tmp_path.iterdir()) == []


class Lab:
    """A reference guest of which nothing is real but how it is started."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path, told: Iterator[float]) -> None:
        self.kept = folder / "kept"
        self.said: list[str] = []
        self.boots = 0
        monkeypatch.setattr(kvm, "usable", lambda: (False, "a test"))
        monkeypatch.setattr(reference._ReferenceStart, "place", lambda start: self.kept)
        monkeypatch.setattr(reference._ReferenceStart, "freeze", self._freeze)
        monkeypatch.setattr(reference._ReferenceStart, "run", self._run)
        monkeypatch.setattr(vm_snapshot, "is_intact", lambda path: path.exists())

        async def rate(control: Any) -> ClockRate:
            return ClockRate(next(told), 300)

        monkeypatch.setattr(clock_check, "rate", rate)

    async def _freeze(self, *_: Any) -> None:
        self.boots += 1
        self.kept.write_bytes(bytes(40))

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
    lab = Lab(monkeypatch, tmp_path, iter([1.3, 1.0015]))
    lab.kept.touch()  # by an earlier run, on a busy host
    started = lab.start()
    assert (started.kept, started.clock_rate) == (lab.kept, ClockRate(1.0015, 300))
    assert lab.boots == 1
    assert lab.start().clock_rate == ClockRate(1.0015, 300)  # measured once
    assert any("clock runs wrong (1.300): it is dropped" in line for line in lab.said)


def test_a_host_on_which_no_boot_measures_rightly_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    lab = Lab(monkeypatch, tmp_path, iter([1.3] * 3))
    with pytest.raises(HarnessError, match=r"clock runs wrong \(1.300\): the host may be too busy"):
        lab.start()
    assert not lab.kept.exists()


def test_a_boot_that_lets_nobody_in_is_tried_again_and_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    lab = Lab(monkeypatch, tmp_path, iter([1.0015]))
    run, hangs = reference._ReferenceStart.run, iter([True])

    async def let_in(*arguments: Any) -> RunningGuest:
        if next(hangs, False):
            raise reference._BootAgain("the guest lets nobody in after its boot (no SSH login within 60 s)")
        return await run(*arguments)

    monkeypatch.setattr(reference._ReferenceStart, "run", let_in)
    assert lab.start().kept == lab.kept
    assert lab.boots == 2
    assert any("no SSH login within 60 s" in line and "boots again" in line for line in lab.said)


def test_what_the_driver_does_at_its_start_is_not_tried_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    lab = Lab(monkeypatch, tmp_path, iter([]))

    async def refuse(*_: Any) -> RunningGuest:
        raise HarnessError("`wskctl start` failed in the guest")

    monkeypatch.setattr(reference._ReferenceStart, "run", refuse)
    with pytest.raises(HarnessError, match="wskctl start"):
        lab.start()
    assert lab.boots == 1


def test_a_full_cache_costs_time_and_no_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    lab = Lab(monkeypatch, tmp_path, iter([1.0015]))

    async def freeze(*_: Any) -> None:
        raise vm_snapshot.NotKept("the booted guest cannot be kept: No space left on device")

    monkeypatch.setattr(reference._ReferenceStart, "freeze", freeze)
    started = lab.start()
    assert (started.kept, started.clock_rate) == (None, ClockRate(1.0015, 300))
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
