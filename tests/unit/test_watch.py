# SPDX-License-Identifier: Apache-2.0
"""A run knows how busy its host was."""

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.core.units import ms, s
from harness.run import watch
from harness.run.watch import HostLoad, HostWatch


def watched(what: Callable[[], None], guest: int | None = None) -> HostLoad:
    """The load while `what` held up the loop."""

    async def scene() -> HostLoad:
        async with HostWatch(lambda: guest) as seen:
            await asyncio.sleep(0.3)
            begun = time.time_ns()
            what()
            await asyncio.sleep(0.5)
            return seen.load(begun, time.time_ns())

    return asyncio.run(scene())


def test_a_loop_that_is_held_up_is_late() -> None:
    assert watched(lambda: time.sleep(0.6)).loop_lag_ns >= 300 * ms


def test_it_is_late_already_when_nobody_could_measure_it_yet() -> None:
    async def scene() -> HostLoad:
        async with HostWatch() as seen:
            await asyncio.sleep(0)
            begun = time.time_ns()
            time.sleep(1)
            return seen.load(begun, time.time_ns())

    assert asyncio.run(scene()).loop_lag_ns >= 700 * ms


def test_what_was_before_does_not_count() -> None:
    async def scene() -> HostLoad:
        async with HostWatch() as seen:
            time.sleep(0.6)
            await asyncio.sleep(0.5)
            begun = time.time_ns()
            await asyncio.sleep(0.3)
            return seen.load(begun, begun)

    assert asyncio.run(scene()).loop_lag_ns < 500 * ms


def test_a_guest_that_waits_for_a_processor_is_starved(monkeypatch: pytest.MonkeyPatch) -> None:
    waited = iter(range(0, 100 * s, 50 * ms))
    monkeypatch.setattr(watch, "_waits", lambda guest: {"vcpu": next(waited), "other": 0} if guest else {})
    starved = watched(lambda: None, guest=1).guest_starved_ns
    assert starved >= 50 * ms
    assert starved % (50 * ms) == 0
    assert watched(lambda: None).guest_starved_ns == 0


def test_so_is_one_that_somebody_stopped() -> None:
    with subprocess.Popen(["sleep", "60"]) as guest:
        assert watched(lambda: None, guest.pid).guest_starved_ns < 100 * ms
        assert watched(lambda: guest.send_signal(signal.SIGSTOP), guest.pid).guest_starved_ns >= 400 * ms
        guest.kill()


def test_a_host_that_stood_still_kept_the_guest_from_running_whatever_else_was_seen() -> None:
    assert HostLoad(600 * ms, 0, None).guest_kept_ns == 600 * ms
    assert HostLoad(300 * ms, 20 * ms, None).guest_kept_ns == 20 * ms  # our own work


def test_only_threads_count_that_the_guest_cannot_do_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "_TASKS", f"{tmp_path}/{{}}")
    for thread, stat in {
        "7": "7 (qemu-system-x86) S 1",
        "8": "8 (CPU 0/KVM) S 1",
        "9": "9 (worker) D 1",
    }.items():
        (tmp_path / "7" / thread).mkdir(parents=True)
        (tmp_path / "7" / thread / "stat").write_text(stat)
    assert not watch._is_held(7)
    (tmp_path / "7" / "8" / "stat").write_text("8 (CPU 0/KVM) D 1")
    assert watch._is_held(7)


def test_threads_of_a_process_are_asked() -> None:
    assert watch._waits(os.getpid())
    assert watch._waits(2**22 + 1) == {}  # no such process


def test_a_kernel_that_tells_no_pressure_is_no_trouble(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "_PRESSURE", tmp_path / "cpu")
    assert watched(lambda: None).cpu_pressure_ns is None
    (tmp_path / "cpu").write_text("some avg10=1.00 avg60=1.00 avg300=1.00 total=587774219\nfull ...\n")
    assert watch._pressure() == 587774219 * 1000
    assert watched(lambda: None).cpu_pressure_ns == 0
