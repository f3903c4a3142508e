# SPDX-License-Identifier: Apache-2.0
"""Booted machines that are kept in files."""

import hashlib
import os
from pathlib import Path
from xml.etree.ElementTree import Element

import pytest
from labs import finish, start_lab

from harness.guest.reference import ReferenceGuest
from harness.lab import vm_snapshot

BOOTS = "booting the guest, and keeping it booted for the starts that follow"


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache with nothing in it; the guest's image stays where it is."""
    guest = ReferenceGuest()
    guest.prepare(print)
    monkeypatch.setenv("WSK_REFERENCE_IMAGE", str(guest.image))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def kept_at(path: Path, content: bytes) -> Path:
    path.write_bytes(hashlib.sha256(content).digest() + content)
    return path


def test_a_machine_that_is_kept_whole_is_intact(tmp_path: Path) -> None:
    assert vm_snapshot.is_intact(kept_at(tmp_path / "kept", b"a machine"))


@pytest.mark.parametrize("wrong", [b"", b"short", b"x" * 32 + b"a machine"])
def test_a_machine_that_is_kept_otherwise_is_not(tmp_path: Path, wrong: bytes) -> None:
    (tmp_path / "kept").write_bytes(wrong)
    assert not vm_snapshot.is_intact(tmp_path / "kept")


def test_a_machine_that_is_not_kept_is_not_intact(tmp_path: Path) -> None:
    assert not vm_snapshot.is_intact(tmp_path / "kept")


@pytest.mark.usefixtures("own_cache")
def test_another_description_or_another_file_is_another_machine(tmp_path: Path) -> None:
    kernel = tmp_path / "kernel"
    kernel.write_bytes(b"one")
    places = {
        vm_snapshot.place(Element("domain"), []),
        vm_snapshot.place(Element("domain", type="kvm"), []),
        vm_snapshot.place(Element("domain"), [kernel]),
    }
    kernel.write_bytes(b"another")
    places.add(vm_snapshot.place(Element("domain"), [kernel]))
    assert len(places) == 4
    assert vm_snapshot.place(Element("domain"), [kernel]) in places


@pytest.mark.usefixtures("own_cache")
def test_a_host_that_was_started_again_is_another_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = vm_snapshot.place(Element("domain"), [])
    (tmp_path / "boot_id").write_text("another")
    monkeypatch.setattr(vm_snapshot, "_BOOT_ID", tmp_path / "boot_id")
    assert vm_snapshot.place(Element("domain"), []) != before


def test_the_four_that_were_used_last_are_kept_and_nothing_half_written(tmp_path: Path) -> None:
    for age in range(6):
        path = kept_at(tmp_path / f"{age}abc", b"a machine")
        os.utime(path, (1e9 - age, 1e9 - age))
    for name in (".freezing-left", ".freezing-now"):
        (tmp_path / name).touch()
    os.utime(tmp_path / ".freezing-left", (1e9, 1e9))
    vm_snapshot.prune(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        ".freezing-now",
        "0abc",
        "1abc",
        "2abc",
        "3abc",
    ]


def test_what_was_kept_just_now_is_not_taken_from_who_is_about_to_start_from_it(tmp_path: Path) -> None:
    for name in range(6):
        kept_at(tmp_path / f"{name}abc", b"a machine")
    vm_snapshot.prune(tmp_path)
    assert len(list(tmp_path.iterdir())) == 6


@pytest.mark.usefixtures("own_cache")
def test_a_guest_boots_once_and_again_when_what_was_kept_is_damaged(tmp_path: Path) -> None:
    said = finish(
        start_lab(
            """
            from harness.core import cache

            async def main():
                with Hypervisor() as hypervisor:
                    for turn in ("first", "second", "damaged", "mended"):
                        if turn == "damaged":
                            (kept,) = cache.folder("frozen").glob("[0-9a-f]*")
                            with kept.open("r+b") as file:
                                file.seek(1 << 20)
                                file.write(b"other")
                        guest = await started(hypervisor, "lost-irp")
                        print(turn, guest.info["fault"], flush=True)
                        await guest.stop()
            asyncio.run(main())
            """,
            tmp_path,
        )
    )
    assert [line for line in said if line == BOOTS or "lost-irp" in line] == [
        BOOTS,
        "first lost-irp",
        "second lost-irp",
        BOOTS,
        "damaged lost-irp",
        "mended lost-irp",
    ]
