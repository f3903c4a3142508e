# SPDX-License-Identifier: Apache-2.0
"""The plan of a cell: the command line of the run that performs it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.history.night import Setting
from harness.run.option import Topic, command_line
from harness.run.options import ANY_CASE, OPTIONS

_OTHER_FAMILY = {"ipv4": "ipv6", "ipv6": "ipv4"}


@dataclass(frozen=True)
class RunOrder:
    """One run to perform. `options` are for `wsk-conformance run`, and so are the `cases`.

    The limit is for the whole run, in s; the memory is for all its guests, in MiB.
    """

    cell: str
    guest: str
    options: tuple[str, ...]
    cases: tuple[str, ...]
    limit_s: float
    memory_mib: int
    kvm: bool = False  # only where guests can use it
    explores_s: float | None = None  # it explores for so long, and has no cases

    @property
    def arguments(self) -> list[str]:
        """The arguments for `wsk-conformance` that say what is to be done."""
        told = [*command_line(OPTIONS, {"guest": self.guest}), *self.options]
        if self.explores_s is not None:
            return ["explore", *told, "--seconds", str(self.explores_s)]
        return ["run", *told, *self.cases]

    def kept_in(self, results: Path, baselines: Path) -> list[str]:
        """Those that say where its results go, and that it tells of each case."""
        if self.explores_s is not None:
            return command_line(OPTIONS, {"results": results})
        return ["--json", *command_line(OPTIONS, {"results": results, "baselines": baselines})]


@dataclass(frozen=True)
class Plan:
    """A cell of a matrix that was found to be in order; `settings` are those that were chosen."""

    name: str
    guest: str
    settings: Mapping[str, Setting]
    suites: tuple[str, ...] = ()  # all of them when empty
    attempts: int = 1
    limit_s: float = 7200.0
    memory_mib: int = 0
    kvm: bool = False
    cases: tuple[str, ...] = ()  # that these settings select, in the order in which they run
    explores_s: float | None = None

    @property
    def amount(self) -> str:
        """How much there is to do, in words."""
        if self.explores_s is not None:
            return f"explores for {self.explores_s / 60:.0f} minutes"
        return f"{len(self.cases)} cases"

    @property
    def filters(self) -> list[str]:
        """Options of a run that, with `suites`, decide which cases it has."""
        chosen = {**self.settings, "select": _expression(self.settings)}
        return _words(chosen, Topic.CASES)

    def whole(self) -> RunOrder:
        """All cases of the cell."""
        if self.explores_s is not None:
            return self._order(_words({**self.settings, "labs": None}, Topic.GUEST, Topic.LOAD), ())
        how = _words(self.settings, Topic.GUEST, Topic.LOAD)
        return self._order([*how, *self.filters], self.suites)

    def only(self, cases: Sequence[str], *, alone: bool) -> RunOrder:
        """These cases of it, one at a time in the guest if they are to be `alone`."""
        chosen: dict[str, Any] = {**self.settings, **ANY_CASE, "labs": None, "select": None, "marks": None}
        if alone:
            chosen["at_once"] = 1
        return self._order(_words(chosen, Topic.GUEST, Topic.LOAD, Topic.CASES), cases)

    def _order(self, options: Sequence[str], cases: Sequence[str]) -> RunOrder:
        return RunOrder(
            cell=self.name,
            guest=self.guest,
            options=tuple(options),
            cases=tuple(cases),
            limit_s=self.limit_s,
            memory_mib=self.memory_mib,
            kvm=self.kvm,
            explores_s=self.explores_s,
        )


def _words(chosen: Mapping[str, Any], *topics: Topic) -> list[str]:
    """The options of a run on these topics; an empty text chooses nothing."""
    told = {name: None if value == "" else value for name, value in chosen.items()}
    return command_line(tuple(one for one in OPTIONS if one.topic in topics), told)


def _expression(settings: Mapping[str, Setting]) -> str:
    """The expression for -k. A family leaves out the cases of the other, not those that have none."""
    parts = []
    if settings.get("select"):
        parts.append(f"({settings['select']})")
    if "family" in settings:
        parts.append(f"not {_OTHER_FAMILY[str(settings['family'])]}")
    return " and ".join(parts)
