# SPDX-License-Identifier: Apache-2.0
"""Which cases a run has of all there are, and by what its user chose them."""

import contextlib
import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

from harness.core import cache
from harness.core.errors import WskConformanceError
from harness.core.paths import REPOSITORY, SUITES
from harness.report.record import Selection
from harness.run.option import Topic, command_line
from harness.run.options import DEFAULTS, OPTIONS, Settings

_LIMIT_S = 60.0
_WIDTH = ("variants", "destructive", "timing")  # what decides how many cases the suites have


def selection(config: pytest.Config, settings: Settings, selected: int) -> Selection:
    """The selection of a run with this number of cases.

    How many there are is counted when the suites have changed since it was: that takes a second or two.
    """
    arguments = _arguments(config, settings)
    if not arguments:
        with contextlib.suppress(OSError, WskConformanceError):
            _note(settings).write_text(str(selected))
        return Selection(selected, selected, [])
    ours = all(Path(place.partition("::")[0]).resolve().is_relative_to(SUITES) for place in config.args)
    return Selection(selected, _count(settings) if ours else None, arguments)


def _arguments(config: pytest.Config, settings: Settings) -> list[str]:
    chosen = {
        one.name: getattr(settings, one.name)
        for one in OPTIONS
        if one.topic is Topic.CASES and getattr(settings, one.name) != DEFAULTS[one.name]
    }
    narrowing = {name: value for name, value in chosen.items() if name not in _WIDTH}
    places = [_shown(place) for place in config.args if Path(place).resolve() != SUITES]
    if not narrowing and not places:
        return []
    return [*command_line(OPTIONS, chosen), *places]


def _shown(place: str) -> str:
    return place.removeprefix(f"{REPOSITORY}/")


def _count(settings: Settings) -> int | None:
    try:
        note = _note(settings)
        if note.is_file():
            return int(note.read_text())
        chosen = {name: getattr(settings, name) for name in _WIDTH}
        options = command_line(OPTIONS, {k: v for k, v in chosen.items() if v != DEFAULTS[k]})
        command = [sys.executable, "-m", "harness", "run", "--list", *options]
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_LIMIT_S, check=False, stdin=subprocess.DEVNULL
        )
        count = sum("::" in line for line in done.stdout.splitlines())
        if done.returncode or not count:
            return None
        note.write_text(str(count))
    except (OSError, ValueError, WskConformanceError, subprocess.TimeoutExpired):
        return None
    return count


def _note(settings: Settings) -> Path:
    """Where the count is kept, by the files of the suites as they are now."""
    made_of = hashlib.sha256(repr([getattr(settings, name) for name in _WIDTH]).encode())
    for path in sorted(SUITES.rglob("*.py")):
        stat = path.stat()
        made_of.update(f"{path} {stat.st_size} {stat.st_mtime_ns}\n".encode())
    return cache.folder("counts") / made_of.hexdigest()[:16]
