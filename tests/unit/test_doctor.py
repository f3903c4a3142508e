# SPDX-License-Identifier: Apache-2.0
"""The doctor's findings."""

import shutil

import pytest

from harness.core import cache
from harness.core.errors import UsageError
from harness.core.paths import REPOSITORY
from harness.diagnostics.doctor import checks
from harness.guest import guests
from harness.image_builder.checks import needs
from harness.image_builder.versions import versions


def test_a_failed_check_always_has_a_remedy() -> None:
    found = checks("reference")
    assert {"Python", "libvirt", "QEMU", "KVM", "image"} <= {check.name for check in found}
    for check in found:
        assert check.detail
        assert check.ok or check.remedy


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


def test_the_guide_names_every_version_of_windows_that_is_a_guest() -> None:
    guide = (REPOSITORY / "docs" / "windows.md").read_text()
    assert [name for name in versions() if f"`{name}`" not in guide] == []
    assert set(guests()) == {"reference", *versions()}
