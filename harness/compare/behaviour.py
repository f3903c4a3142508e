# SPDX-License-Identifier: Apache-2.0
"""Finds what the guests of two runs did differently."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from harness.verdict import Outcome

Cases = Mapping[str, Mapping[str, Any]]  # of a run, by id

OUTCOME = "outcome"
NOTHING = "not recorded"


@dataclass(frozen=True)
class BehaviourChange:
    """One thing that a case showed in both runs, and not the same: its outcome or an observation."""

    case: str
    rows: tuple[str, ...]
    what: str
    first: str
    second: str
    why: str = ""  # what the run says of the worse outcome


@dataclass(frozen=True)
class Unjudged:
    """A case of both runs that says nothing about one of the guests, because evidence was lost there."""

    case: str
    first: str
    second: str


def unjudged(first: Cases, second: Cases) -> list[Unjudged]:
    """Cases of both runs that cannot be compared."""
    return [
        Unjudged(case, first[case]["outcome"], second[case]["outcome"])
        for case in first
        if case in second and not _judged(first[case], second[case])
    ]


def changes(first: Cases, second: Cases) -> list[BehaviourChange]:
    """Changes of behaviour in the cases that both runs judged, in the order of the first."""
    return [
        change
        for case in first
        if case in second and _judged(first[case], second[case])
        for change in _changes(case, first[case], second[case])
    ]


def _judged(*records: Mapping[str, Any]) -> bool:
    return not any(Outcome(record["outcome"]).errors for record in records)


def _changes(case: str, first: Mapping[str, Any], second: Mapping[str, Any]) -> Iterator[BehaviourChange]:
    rows = tuple(dict.fromkeys(map(str, (*first["requirements"], *second["requirements"]))))
    if first["outcome"] != second["outcome"]:
        why = second["why"] or first["why"]
        yield BehaviourChange(case, rows, OUTCOME, first["outcome"], second["outcome"], why)
    for what in dict.fromkeys((*first["recorded"], *second["recorded"])):
        before, after = (str(record["recorded"].get(what, NOTHING)) for record in (first, second))
        if before != after:
            yield BehaviourChange(case, rows, what, before, after)
