# SPDX-License-Identifier: Apache-2.0
"""A file that a user may not read or write is a line and exit status 2 or 3, whatever command needs it."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import conformance
import pytest
from inputs import World

from harness.core.paths import REPOSITORY

NOBODY = 65534
BY_ROOT = os.geteuid() == 0
PYTHON = Path(sys.executable).resolve()
REACHABLE = all(
    folder.stat().st_mode & 0o005 == 0o005 for folder in (REPOSITORY, *REPOSITORY.parents, *PYTHON.parents)
)

pytestmark = pytest.mark.skipif(
    BY_ROOT and not REACHABLE, reason="other users cannot enter the folder of this checkout, or of its Python"
)


@dataclass(frozen=True)
class Places:
    """Folders and files of somebody else, and of everybody."""

    world: World
    closed: Path  # a folder with a run, a store, a matrix and a home in it: not to be entered
    run: Path  # may be looked at, and not written to
    unreadable: Path  # a run whose run.json may not be read
    hollow: Path  # a run whose evidence may not be read
    store: Path  # may not be read
    home: Path
    free: Path


def copied(run: Path, target: Path) -> Path:
    return Path(shutil.copytree(run, target))


@pytest.fixture(scope="module")
def places() -> Iterator[Places]:
    """Not in pytest's own temporary folder: each pytest that starts closes that one to other users again."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o711)
        yield _places(Path(folder))


def _places(folder: Path) -> Places:
    world = World(folder / "world")
    closed, free = folder / "closed", folder / "free"
    for made in (closed, free, closed / "home"):
        made.mkdir()
    copied(world.run, closed / "run")
    shutil.copy(world.store, closed / "history.sqlite")
    shutil.copy(world.matrix, closed / "matrix.toml")
    unreadable, hollow = copied(world.run, folder / "unreadable"), copied(world.run, folder / "hollow")
    store = folder / "unreadable.sqlite"
    shutil.copy(world.store, store)
    shutil.copy(world.matrix, free / "matrix.toml")
    for path in folder.rglob("*"):
        path.chmod(0o555 if path.is_dir() else 0o444)
    for path in (
        closed,
        unreadable / "run.json",
        store,
        *(hollow / name for name in ("captures", "scenarios")),
    ):
        path.chmod(0)
    free.chmod(0o777)
    return Places(world, closed, world.run, unreadable, hollow, store, free / "home", free)


Words = tuple[object, ...]
COMMANDS: dict[str, Callable[[Places], Words]] = {
    "report": lambda at: ("report", at.closed / "run"),
    "report of what may not be read": lambda at: ("report", at.unreadable),
    "report into another's folder": lambda at: ("report", at.run),
    "report, junit": lambda at: ("report", "--format", "junit", at.run),
    "report, markdown": lambda at: ("report", "--format", "markdown", at.closed / "run"),
    "report against": lambda at: ("report", at.run, "--against", at.unreadable),
    "report, capture": lambda at: ("report", "--capture", at.closed / "x.pcapng"),
    "compare A": lambda at: ("compare", at.unreadable, at.world.other),
    "compare B": lambda at: ("compare", at.world.other, at.closed / "run"),
    "compare, json": lambda at: ("compare", at.run, at.world.other, "--json", at.closed / "x.json"),
    "replay": lambda at: ("replay", "test_one", "--run", at.closed / "run"),
    "replay of what may not be read": lambda at: ("replay", "test_one", "--run", at.hollow),
    "show": lambda at: ("show", at.closed / "x.trace"),
    "run, results": lambda at: ("run", "--results", at.closed / "x"),
    "run, results of another": lambda at: ("run", "--results", at.run),
    "run, baselines": lambda at: ("run", "--baselines", at.closed / "x"),
    "nightly": lambda at: ("nightly", at.closed / "matrix.toml", "--check"),
    "nightly, results": lambda at: ("nightly", at.world.matrix, "--results", at.closed / "x"),
    "nightly, store": lambda at: ("nightly", at.world.matrix, "--store", at.store),
    "nightly, markdown": lambda at: ("nightly", at.world.matrix, "--markdown", at.closed / "x.md"),
    "history nights": lambda at: ("history", "nights", "--store", at.closed / "history.sqlite"),
    "history changes": lambda at: ("history", "changes", "--store", at.store),
    "history keep": lambda at: ("history", "keep", at.world.night, "--store", at.world.store),
    "history keep, new": lambda at: ("history", "keep", at.world.night, "--store", at.closed / "new.sqlite"),
    "history prune": lambda at: ("history", "prune", "--keep-nights", 1, "--store", at.world.store),
    "history page": lambda at: ("history", "page", "--store", at.world.store, "--output", at.closed / "x"),
    "history page of another": lambda at: ("history", "page", "--store", at.closed / "history.sqlite"),
    "doctor, bundle": lambda at: ("doctor", "--bundle", at.closed / "x.zip"),
    "image": lambda at: ("image", "build", "windows-11", "--iso", at.closed / "x.iso"),
    "selfcheck, json": lambda at: ("selfcheck", "--json", at.closed / "x.json"),
    "selftest-crash": lambda at: ("selftest-crash", "--results", at.closed / "x"),
    "shell": lambda at: ("shell", "--results", at.closed / "x"),
}
REFUSED = (
    "ermission denied",
    "not yours",
    "not readable",
    "readonly database",
    "unable to open database",
    "KVM is not usable",  # asked before the ISO is looked at
)
AT_HOME: dict[str, Words] = {
    "run": ("run", "suites/close/test_connection.py"),
    "image list": ("image", "list"),
    "image verify": ("image", "verify", "windows-11"),
    "nightly": ("nightly", "matrix.toml"),
    "selfcheck": ("selfcheck", "--fault", "graceful-close"),
    "selftest-crash": ("selftest-crash",),
    "shell": ("shell", "-c", "true"),
    "doctor": ("doctor",),
    "doctor, bundle": ("doctor", "--bundle", "x.zip"),
}


def performed(places: Places, words: Words, home: Path) -> "subprocess.CompletedProcess[str]":
    """Runs it as somebody who is neither root nor owner, or else as the owner, who closed it to himself."""
    another: dict[str, Any] = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if BY_ROOT else {}
    done: subprocess.CompletedProcess[str] = subprocess.run(
        [str(conformance.BIN / "wsk-conformance"), *map(str, words)],
        cwd=places.free,
        env={"HOME": str(home), "PATH": os.environ["PATH"]},
        capture_output=True,
        stdin=subprocess.DEVNULL,
        text=True,
        timeout=120,
        check=False,
        **another,
    )
    return done


def is_a_line(done: "subprocess.CompletedProcess[str]") -> None:
    told = done.stdout + done.stderr
    assert done.returncode in (2, 3), told
    assert "Traceback" not in told
    assert "an error of the harness itself" not in told
    assert done.stderr.count("wsk-conformance: ") <= 1


@pytest.mark.parametrize("name", COMMANDS)
def test_what_is_somebody_elses_is_a_line(places: Places, name: str) -> None:
    done = performed(places, COMMANDS[name](places), places.home)
    is_a_line(done)
    assert any(word in done.stderr for word in REFUSED)


@pytest.mark.parametrize("name", AT_HOME)
def test_a_home_that_is_closed_is_told_with_what_to_do(places: Places, name: str) -> None:
    done = performed(places, AT_HOME[name], places.closed / "home")
    is_a_line(done)
    assert "set XDG_CACHE_HOME" in done.stdout + done.stderr


def test_evidence_that_may_not_be_read_costs_a_summary_nothing(places: Places) -> None:
    assert performed(places, ("report", "--format", "markdown", places.hollow), places.home).returncode == 0
