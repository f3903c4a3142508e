# SPDX-License-Identifier: Apache-2.0
"""pytest, for tests that share a busy machine: what fails beside others is run again by itself.

    python tests/support/patient_pytest.py ARGUMENT... [-- ARGUMENT...]...

Each group of arguments is a run of pytest of its own. A test that fails and
then passes is called flaky and counted over all groups: up to three are told,
more are a failure. What fails twice is a failure at once. The exit status is
that of the worst run.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

MOST_FLAKY = 3
_TESTS_FAILED, _NOT_JUDGED = (
    1,
    3,
)  # exit statuses of a run that came to its end; 3: a case could not be judged
# How a run shares the machine: the second time it does not.
_SIDE_BY_SIDE = {"-n": 1, "--numprocesses": 1, "--dist": 1}  # with how many words behind each


@dataclass(frozen=True)
class Tried:
    """The result of a group: the exit status that counts, and the tests that failed and then passed."""

    status: int
    flaky: Sequence[str] = ()


def main(arguments: Sequence[str]) -> int:
    tried = [attempt(group) for group in groups(arguments)]
    flaky = [test for each in tried for test in each.flaky]
    if flaky:
        print(f"\nflaky: {len(flaky)} failed beside others and passed alone", flush=True)
        for test in flaky:
            print(f"  {test}", flush=True)
    status = max(abs(each.status) for each in tried)  # one that a signal ended has a negative one
    if not status and len(flaky) > MOST_FLAKY:
        print(f"more than {MOST_FLAKY} are a failure: look into them", flush=True)
        return _TESTS_FAILED
    return status


def groups(arguments: Sequence[str]) -> Iterator[list[str]]:
    """The arguments between the `--`."""
    group: list[str] = []
    for argument in arguments:
        if argument == "--":
            yield group
            group = []
        else:
            group.append(argument)
    yield group


def attempt(arguments: Sequence[str]) -> Tried:
    """Runs pytest, and once more with what failed."""
    with tempfile.TemporaryDirectory(prefix="pytest-cache-") as cache:
        status = _pytest(arguments, cache)
        failed = _last_failed(cache)
        if status not in (_TESTS_FAILED, _NOT_JUDGED) or not failed:
            return Tried(status)
        print(f"\n{len(failed)} failed: they are run again, by themselves", flush=True)
        again = ["--last-failed", "--last-failed-no-failures", "none", *by_itself(arguments)]
        status = _pytest(again, cache)
        return Tried(status, sorted(failed - _last_failed(cache)) if status in (0, _TESTS_FAILED) else ())


def by_itself(arguments: Sequence[str]) -> list[str]:
    """The arguments without those that have several tests run at a time."""
    left, kept = list(arguments), []
    while left:
        word = left.pop(0)
        if word in _SIDE_BY_SIDE:
            del left[: _SIDE_BY_SIDE[word]]
        elif not word.startswith(tuple(f"{option}=" for option in _SIDE_BY_SIDE)):
            kept.append(word)
    return kept


def _pytest(arguments: Sequence[str], cache: str) -> int:
    command = [sys.executable, "-m", "pytest", "-o", f"cache_dir={cache}", *arguments]
    return subprocess.run(command, check=False).returncode


def _last_failed(cache: str) -> set[str]:
    path = Path(cache) / "v" / "cache" / "lastfailed"
    return set(json.loads(path.read_text())) if path.exists() else set()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
