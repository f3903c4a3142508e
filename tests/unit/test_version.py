# SPDX-License-Identifier: Apache-2.0
"""The version is in one place, and the changelog describes it."""

import re
import tomllib
from importlib.metadata import version

from harness import __version__
from harness.core.paths import REPOSITORY


def test_the_newest_entry_of_the_changelog_is_this_version() -> None:
    entries = re.findall(r"^## (\S+)$", (REPOSITORY / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert entries[0] == __version__
    numbers = [tuple(map(int, entry.split("."))) for entry in entries]
    assert numbers == sorted(numbers, reverse=True)


def test_the_package_takes_its_version_from_the_harness() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
    assert project["project"]["dynamic"] == ["version"]
    assert project["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "harness.__version__"}
    assert re.fullmatch(r"\d+\.\d+\.\d+", version("wsk-conformance"))
