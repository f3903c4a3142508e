# SPDX-License-Identifier: Apache-2.0
"""What is to be done for a cell, as the command line of the run that does it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.history.night import Setting

_OTHER_FAMILY = {"ipv4": "ipv6", "ipv6": "ipv4"}
_VALUES = {
    "fault": "--fault",
    "cpus": "--cpus",
    "nic": "--nic",
    "at_once": "--at-once",
    "labs": "-n",
    "variants": "--variants",
}
_FLAGS = {"verifier": "--verifier", "destructive": "--destructive", "timing": "--timing"}
_ANY_CASE = ("--variants", "all", "--destructive", "--timing")  # what a case needs that is named


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

    @property
    def arguments(self) -> list[str]:
        """For `wsk-conformance`."""
        return ["run", "--guest", self.guest, *self.options, *self.cases]


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

    @property
    def filters(self) -> list[str]:
        """Options of a run that, with `suites`, decide which cases it has."""
        expression = _expression(self.settings)
        marks = str(self.settings.get("marks", ""))
        return [
            *_options(self.settings, ("variants", "destructive", "timing")),
            *(["-k", expression] if expression else []),
            *(["-m", marks] if marks else []),
        ]

    def whole(self) -> RunOrder:
        """All cases of the cell."""
        how = _options(self.settings, ("fault", "cpus", "nic", "verifier", "at_once", "labs"))
        return self._order([*how, *self.filters], self.suites)

    def only(self, cases: Sequence[str], *, alone: bool) -> RunOrder:
        """These cases of it, one at a time in the guest if they are to be `alone`."""
        how = _options(self.settings, ("fault", "cpus", "nic", "verifier"))
        how += ["--at-once", "1"] if alone else _options(self.settings, ("at_once",))
        return self._order([*how, *_ANY_CASE], cases)

    def _order(self, options: Sequence[str], cases: Sequence[str]) -> RunOrder:
        return RunOrder(
            cell=self.name,
            guest=self.guest,
            options=tuple(options),
            cases=tuple(cases),
            limit_s=self.limit_s,
            memory_mib=self.memory_mib,
            kvm=self.kvm,
        )


def _options(settings: Mapping[str, Setting], names: Sequence[str]) -> list[str]:
    chosen = [name for name in names if settings.get(name)]
    values = [word for name in chosen if name in _VALUES for word in (_VALUES[name], str(settings[name]))]
    return values + [_FLAGS[name] for name in chosen if name in _FLAGS]


def _expression(settings: Mapping[str, Setting]) -> str:
    """For -k. A family leaves out the cases of the other, not those that have none."""
    parts = []
    if settings.get("select"):
        parts.append(f"({settings['select']})")
    if "family" in settings:
        parts.append(f"not {_OTHER_FAMILY[str(settings['family'])]}")
    return " and ".join(parts)
