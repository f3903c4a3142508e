# SPDX-License-Identifier: Apache-2.0
"""The behaviour of a guest where no document says what it should do.

One file for each guest and build, for people to read and review: a table a
case, a line an observation. A first observation is added; one that
differs later is a change.
"""

from collections.abc import Mapping
from pathlib import Path

import tomli_w

from harness.core.errors import BehaviourChanged, UsageError
from harness.core.files import FileMissing, read_toml

Observations = dict[str, str]


class Baseline:
    """The file need not exist. Raises UsageError when it does and is no baseline."""

    def __init__(self, path: Path, *, accept: bool = False) -> None:
        """Opens the baseline in `path`; with `accept`, differing observations replace the stored ones."""
        self.path = path
        self.learned = 0
        self._accept = accept
        self._cases = _load(path)

    def judge(self, case: str, seen: Mapping[str, str]) -> None:
        """Compares with the stored observations, and changes nothing. Raises BehaviourChanged."""
        stored = self._cases.get(case, {})
        changed = [
            f"{what}: {_shown(stored[what])} is now {_shown(value)}"
            for what, value in seen.items()
            if what in stored and stored[what] != value
        ]
        if changed and not self._accept:
            raise BehaviourChanged(f"not as in {self.path.name}: {'; '.join(changed)}")

    def learn(self, case: str, seen: Mapping[str, str]) -> None:
        """Stores what a case recorded: new observations, and accepted changes."""
        stored = self._cases.setdefault(case, {})
        self.learned += sum(stored.get(what) != value for what, value in seen.items())
        stored.update(seen)

    def save(self) -> None:
        """Writes what was learned; UsageError when that is not possible."""
        cases = {case: dict(sorted(seen.items())) for case, seen in sorted(self._cases.items())}
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.write_text(tomli_w.dumps(cases), encoding="utf-8")
        except OSError as error:
            raise UsageError(f"cannot write the baseline {self.path}: {error.strerror}") from None


def _shown(observed: str) -> str:
    """'FIN'; of a list, as some are stored, what is in it."""
    listed = observed.startswith("[") and observed.endswith("]")
    return f"'{observed[1:-1].replace(chr(39), '') if listed else observed}'"


def _load(path: Path) -> dict[str, Observations]:
    try:
        cases = read_toml(path, "the baseline")
    except FileMissing:
        return {}
    for case, seen in cases.items():
        if not isinstance(seen, dict) or not all(isinstance(value, str) for value in seen.values()):
            raise UsageError(f"the baseline {path}: {case} is not a table of texts")
    return cases
