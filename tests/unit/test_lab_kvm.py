# SPDX-License-Identifier: Apache-2.0
"""The probe of KVM: what it answers of each state that /dev/kvm can be in."""

import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.core import cache
from harness.lab import host, kvm


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """The place of /dev/kvm, with nothing there; nothing is remembered."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(kvm, "_DEVICE", tmp_path / "kvm")
    kvm.usable.cache_clear()
    yield tmp_path / "kvm"
    kvm.usable.cache_clear()


def probe(monkeypatch: pytest.MonkeyPatch, path: Path, words: str) -> None:
    """Has this program of the shell probe, which counts how often it was asked."""
    path.write_text(f"#!/bin/sh\necho asked >> {path}.asked\n{words}\n")
    path.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(path))


def asked(path: Path) -> int:
    return len(Path(f"{path}.asked").read_text().splitlines())


def test_this_machine_s_kvm_works_or_not_for_a_reason_in_one_line() -> None:
    usable, reason = kvm.usable()
    assert isinstance(usable, bool)
    assert reason
    assert "\n" not in reason


def test_a_missing_device_is_told_by_its_name(device: Path) -> None:
    assert kvm.usable() == (False, f"{device} does not exist")


def test_a_device_of_another_user_names_the_group_to_join(
    device: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    device.touch(mode=stat.S_IRUSR)
    monkeypatch.setattr(os, "access", lambda path, mode: path != device)
    usable, reason = kvm.usable()
    assert (usable, "join the group kvm" in reason) == (False, True)


@pytest.mark.parametrize("kind", ["a file", "a pipe", "a folder"])
def test_what_only_looks_like_the_device_does_not_work(device: Path, kind: str) -> None:
    {"a file": device.touch, "a pipe": lambda: os.mkfifo(device), "a folder": device.mkdir}[kind]()
    usable, reason = kvm.usable()
    assert not usable
    assert f"{device} is there, but the probe failed: OSError" in reason.replace("IsADirectory", "OS")
    assert "\n" not in reason


def test_a_kvm_that_ran_guest_code_is_used(
    device: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    device.touch()
    probe(monkeypatch, tmp_path / "probe", "exit 0")
    assert kvm.usable() == (True, "a vCPU ran")
    assert host.available_kvm().detail == "a vCPU ran"
    assert host.wanted_kvm().ok


@pytest.mark.parametrize(
    "words", ["echo warned >&2; echo 'vCPU went away' >&2; exit 1", "exit 1", "kill -9 $$"]
)
def test_a_probe_that_fails_tells_its_last_words(
    device: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, words: str
) -> None:
    device.touch()
    probe(monkeypatch, tmp_path / "probe", words)
    usable, reason = kvm.usable()
    assert not usable
    assert reason.endswith("vCPU went away" if "away" in words else "no reason given")
    assert host.available_kvm().ok
    assert not host.wanted_kvm().ok


@pytest.mark.parametrize(
    ("does", "told"),
    [
        ("exec sleep 60", "no progress within 2 s"),
        ("echo a vCPU took 1.7 s; exit 4", "there, but a vCPU took 1.7 s"),
    ],
)
def test_a_kvm_that_hangs_or_is_emulated_is_asked_once_until_the_host_boots_again(
    device: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, does: str, told: str
) -> None:
    device.touch()
    probe(monkeypatch, tmp_path / "probe", does)
    with monkeypatch.context() as impatient:
        impatient.setattr(kvm, "_LIMIT_S", 2.0)
        for _ in range(2):
            kvm.usable.cache_clear()
            usable, reason = kvm.usable()
            assert (usable, told in reason) == (False, True)
    assert asked(tmp_path / "probe") == 1

    (cache.folder("kvm") / "unusable-in-boot").write_text("another boot\nof old")
    probe(monkeypatch, tmp_path / "probe", "exit 0")
    kvm.usable.cache_clear()
    assert kvm.usable() == (True, "a vCPU ran")
