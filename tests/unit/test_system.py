# SPDX-License-Identifier: Apache-2.0
"""Systems, and what they call their packages: packages.txt, and its two readers."""

import re
import subprocess
from pathlib import Path

import pytest

from harness.core.paths import REPOSITORY
from harness.core.system import System, this_system

PURPOSES = ("run", "kernel", "test")
DEBIAN = System("Debian GNU/Linux 13 (trixie)", ("debian",), "13")
UBUNTU = System("Ubuntu 24.04 LTS", ("ubuntu", "debian"), "24.04")


@pytest.mark.parametrize("system", [DEBIAN, UBUNTU])
def test_every_system_has_packages_for_everything(system: System) -> None:
    assert all(system.packages(purpose) for purpose in PURPOSES)
    assert len(system.packages("kernel")) == 1


def test_systems_differ_in_names() -> None:
    assert DEBIAN.packages("kernel") == ["linux-headers-cloud-amd64"]
    assert UBUNTU.packages("kernel") == ["linux-headers-virtual"]
    assert DEBIAN.packages("run") == UBUNTU.packages("run")


def test_a_derivative_takes_the_names_of_what_it_is_most_like() -> None:
    mint = System("Linux Mint", ("linuxmint", "ubuntu", "debian"), "22")
    assert mint.packages("kernel") == UBUNTU.packages("kernel")


def test_an_unknown_system_has_no_packages() -> None:
    assert System("Fedora", ("fedora",), "40").packages("run") == []


def test_this_system_is_known() -> None:
    assert this_system().packages("run")
    assert this_system().name


def release_file(monkeypatch: pytest.MonkeyPatch, path: Path) -> None:
    """Has os-release read from there."""
    monkeypatch.setattr("platform._os_release_candidates", (str(path),))
    monkeypatch.setattr("platform._os_release_cache", None)


@pytest.mark.parametrize(
    ("content", "name", "ids", "version"),
    [
        (
            'PRETTY_NAME="Ubuntu 24.04.3 LTS"\nID=ubuntu\nID_LIKE=debian\nVERSION_ID="24.04"\n',
            "Ubuntu 24.04.3 LTS",
            ("ubuntu", "debian"),
            "24.04",
        ),
        (
            "PRETTY_NAME='Debian GNU/Linux forky/sid'\nID=debian\n",
            "Debian GNU/Linux forky/sid",
            ("debian",),
            "",
        ),
        ("NAME=Fedora\nID=fedora\nVERSION_ID=44\n", "Linux", ("fedora",), "44"),
        ("", "Linux", ("linux",), ""),
        ('{"ID": "debian"}\n= =\nID\n', "Linux", ("linux",), ""),
    ],
)
def test_a_system_is_what_os_release_tells(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    content: str,
    name: str,
    ids: tuple[str, ...],
    version: str,
) -> None:
    (tmp_path / "os-release").write_text(content)
    release_file(monkeypatch, tmp_path / "os-release")
    assert this_system() == System(name, ids, version)


def test_a_system_that_does_not_tell_is_unknown_and_no_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "no-text").write_bytes(b"ID=debian\xff\xfe\n")
    for path in (tmp_path / "missing", tmp_path, tmp_path / "no-text"):
        release_file(monkeypatch, path)
        assert this_system() == System("an unknown system", ("",), "")


def make(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["make", "-C", str(REPOSITORY), *arguments], capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize(("system", "name"), [(DEBIAN, "debian"), (UBUNTU, "ubuntu")])
def test_the_makefile_reads_the_table_as_the_harness_does(system: System, name: str) -> None:
    for target, purposes in (("run", PURPOSES[:2]), ("test", PURPOSES)):
        query = make("-n", f"SYSTEM={name}", target).stdout
        (asked, *_) = re.findall(r"dpkg-query -W -f '[^']*' +(.*?) +2>", query)
        assert sorted(asked.split()) == sorted(name for what in purposes for name in system.packages(what))


def test_make_says_so_where_packages_have_no_known_names() -> None:
    done = make("SYSTEM=", "packages")
    assert done.returncode != 0
    assert "Containerfile" in done.stderr
