# SPDX-License-Identifier: Apache-2.0
"""The doctor's findings."""

import os
import shutil
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from harness.core import cache
from harness.core.errors import UsageError
from harness.core.paths import REPOSITORY
from harness.core.system import System
from harness.diagnostics.doctor import checks
from harness.guest import guests
from harness.guest.reference import way_of_running
from harness.image_builder.checks import needs
from harness.image_builder.versions import versions
from harness.lab import host


def test_a_failed_check_always_has_a_remedy() -> None:
    found = checks("reference")
    assert {"system", "Python", "libvirt", "QEMU", "KVM", "image"} <= {check.name for check in found}
    for check in found:
        assert check.detail
        assert check.ok or check.remedy


@pytest.mark.parametrize(
    ("name", "ids", "version", "ok", "said"),
    [
        ("Debian GNU/Linux 12 (bookworm)", ("debian",), "12", True, "this suite was tried on"),
        ("Debian GNU/Linux 13 (trixie)", ("debian",), "13", True, "this suite was tried on"),
        ("Debian GNU/Linux 14 (forky)", ("debian",), "14", True, "newer than any"),
        ("Debian GNU/Linux forky/sid", ("debian",), "", True, "was not tried"),
        ("Debian GNU/Linux 11 (bullseye)", ("debian",), "11", False, "is too old"),
        ("Ubuntu 24.04.3 LTS", ("ubuntu", "debian"), "24.04", True, "this suite was tried on"),
        ("Ubuntu 26.04 LTS", ("ubuntu", "debian"), "26.04", True, "this suite was tried on"),
        ("Ubuntu 28.04 LTS", ("ubuntu", "debian"), "28.04", True, "newer than any"),
        ("Ubuntu 22.04.5 LTS", ("ubuntu", "debian"), "22.04", False, "is too old"),
        ("Linux Mint 22", ("linuxmint", "ubuntu", "debian"), "22", True, "was not tried"),
        ("Fedora Linux 44", ("fedora",), "44", True, "see Containerfile"),
        ("Alpine Linux v3.23", ("alpine",), "3.23.0", True, "see Containerfile"),
        ("an unknown system", ("",), "", True, "see Containerfile"),
    ],
)
def test_the_system_is_named_with_what_was_tried(
    name: str, ids: tuple[str, ...], version: str, ok: bool, said: str
) -> None:
    found = host.system(System(name, ids, version))
    assert (found.ok, said in found.detail) == (ok, True)
    assert found.detail.startswith(name)
    assert "Debian 12 and 13" in (found.detail if ok else found.remedy)


def test_the_python_is_named_too_old_or_newer_than_any_that_was_tried() -> None:
    assert (host.python((3, 10)).ok, "too old" in host.python((3, 10)).detail) == (False, True)
    assert all(host.python((3, minor)).ok for minor in (11, 12, 13, 14, 15))
    assert "newer than any" in host.python((3, 15)).detail
    assert "newer" not in host.python((3, 14)).detail


def test_a_missing_device_of_taps_is_told_apart_from_one_of_another_user(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(host, "_TUN", tmp_path / "tun")
    assert (host.tun().ok, host.tun().detail) == (False, f"{tmp_path}/tun is missing")
    (tmp_path / "tun").touch()
    assert host.tun().ok
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert (host.tun().ok, host.tun().detail) == (False, f"{tmp_path}/tun is not writable")


def test_user_namespaces_that_are_not_allowed_are_found_by_trying(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "unshare").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "unshare").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    found = host.user_namespaces()
    assert not found.ok
    assert "run as root" in found.remedy


def test_what_kvm_decides_is_said_in_one_line() -> None:
    lines = {way_of_running(accelerated, "why") for accelerated in (True, False)}
    assert len(lines) == 2
    assert all("why" in line and "clock" in line and "\n" not in line for line in lines)


def test_an_unknown_guest_is_refused() -> None:
    with pytest.raises(UsageError):
        checks("no-such")


@pytest.mark.parametrize("guest", ["windows-server-2022", "windows-11", "windows-2099"])
def test_all_that_building_an_image_asks_for_is_in_the_list(guest: str) -> None:
    asked = {check.name for check in needs(versions().get(guest), cache.folder("images"))}
    assert asked < {check.name for check in checks(guest)}


def test_only_the_windows_that_wants_a_tpm_needs_its_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name, path=None: None if name == "swtpm" else f"/{name}")
    (missing,) = [check for check in checks("windows-11") if check.name == "Windows tools"]
    assert (missing.ok, missing.detail) == (False, "swtpm is missing")
    assert all(check.ok for check in checks("windows-10") if check.name == "Windows tools")


def test_the_workflow_offers_every_version_of_windows() -> None:
    workflow = YAML(typ="safe").load((REPOSITORY / ".github" / "workflows" / "windows.yml").read_text())
    offered = workflow["on"]["workflow_dispatch"]["inputs"]["version"]["options"]
    assert sorted(offered) == sorted(versions())


def test_the_guide_names_every_version_of_windows_that_is_a_guest() -> None:
    guide = (REPOSITORY / "docs" / "windows.md").read_text()
    assert [name for name in versions() if f"`{name}`" not in guide] == []
    assert set(guests()) == {"reference", *versions()}
