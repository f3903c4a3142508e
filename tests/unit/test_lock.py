# SPDX-License-Identifier: Apache-2.0
"""requirements.lock, made with one Python, has what the packages ask for on each."""

import re
from importlib.metadata import PackageNotFoundError, requires

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from harness.core.paths import REPOSITORY
from harness.lab.host import PYTHONS

LOCKED = {
    canonicalize_name(name): version
    for name, version in re.findall(
        r"^([\w.-]+)==(\S+)", (REPOSITORY / "requirements.lock").read_text(), re.MULTILINE
    )
}
MINORS = range(PYTHONS[0][1], PYTHONS[1][1] + 1)


def asked(package: str) -> list[Requirement]:
    try:
        return [Requirement(line) for line in requires(package) or ()]
    except PackageNotFoundError:  # what another Python than this one needs
        return []


def missing(minor: int) -> set[str]:
    """Packages that locked ones need on that Python and that the lock lacks, or has in a wrong version."""
    where = {"python_version": f"3.{minor}", "python_full_version": f"3.{minor}.0", "extra": ""}
    wanted = [
        one
        for package in LOCKED
        for one in asked(package)
        if one.marker is None or one.marker.evaluate(where)
    ]
    return {
        str(one)
        for one in wanted
        if not one.specifier.contains(LOCKED.get(canonicalize_name(one.name), "0"), prereleases=True)
    }


@pytest.mark.parametrize("minor", MINORS)
def test_nothing_is_missing_in_the_lock(minor: int) -> None:
    assert len(LOCKED) > 50
    assert missing(minor) == set()


def test_a_package_that_is_not_locked_would_be_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(LOCKED, canonicalize_name("bcrypt"))
    assert any(name.startswith("bcrypt") for name in missing(MINORS[0]))
