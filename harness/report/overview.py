# SPDX-License-Identifier: Apache-2.0
"""Overview of a run: which promises are broken and why, which are kept, what changed since the last run.

The report's first screen, the summary in markdown and the end of a run on a
terminal are all made from this, and say the same in the same order.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from harness.report.ended import is_whole
from harness.scenario import Context, Family
from harness.verdict.outcome import Outcome

Run = Mapping[str, Any]  # as run.json has it
Case = Mapping[str, Any]

FAMILIES = (*map(str, Family), "dual-mode")
CONTEXTS = tuple(map(str, Context))
_AXES = (FAMILIES, CONTEXTS)

_NUMBER = re.compile(r"#\d+")
_SINCE = re.compile(r"(?: within)? -?[\d.e+]+ (?:ns|us|ms|s) (?=after|before)")
_TIME = re.compile(r"-?\b[\d.e+]+ (?:ns|us|ms|s)\b")
_ADDRESS = re.compile(r"(\d+\.\d+\.\d+\.\d+|\[[0-9a-fA-F:.]+\]):\d+|\b0x[0-9a-f]{9,}\b")
_LONG_NUMBER = re.compile(r"\b\d{5,}\b")  # of ports and the like
_SOCKET = re.compile(r"\bsocket \d+(?: \([\w-]+\))?")  # as laws name it; its family is in the case's name
_PACKET = re.compile(r"(?:\bthe (?:guest|peer)'s )?(\S+) seq \d+ ack \d+ len \d+ \(packet \d+\)")
_SERIAL = re.compile(r" \(serial-[\w-]+\.log\)")
_SPACES = re.compile(r"\s+")


class State(StrEnum):
    """State of a promise in one run, the worst first."""

    BROKEN = "broken"
    HUNG = "hung"
    CRASHED = "crashed"
    CHANGED = "changed"
    KEPT = "kept"
    RECORDED = "recorded"  # nothing is promised; the guest did what it did before
    NOT_JUDGED = "not judged"


_FAILED = (State.BROKEN, State.HUNG, State.CRASHED, State.CHANGED)
_OF_OUTCOME = {
    Outcome.DEVIATION: State.BROKEN,
    Outcome.HUNG: State.HUNG,
    Outcome.CRASHED: State.CRASHED,
    Outcome.CHANGED: State.CHANGED,
    Outcome.PASS: State.KEPT,
    Outcome.RECORDED: State.RECORDED,
}
_JUDGED = tuple(_OF_OUTCOME)

LOST = "Cases that say nothing of the guest"


@dataclass(frozen=True)
class Cause:
    """Why cases of one promise failed, in words; `under` is the promise that told so first."""

    words: str
    cases: Sequence[Case]
    pattern: str = ""  # "only ipv6"
    under: str = ""

    @property
    def example(self) -> Case:
        return self.cases[0]


@dataclass(frozen=True)
class MatrixCell:
    """A promise's judged cases with one family or context."""

    bad: int
    all: int

    @property
    def kind(self) -> str:
        if not self.all:
            return "none"
        return "bad" if self.bad == self.all else "some" if self.bad else "good"

    @property
    def share(self) -> int:
        """Share of cases that failed, in percent."""
        return 100 * self.bad // self.all if self.all else 0


@dataclass(frozen=True)
class Promise:
    """A row of the catalogue with the outcomes of its cases."""

    row: Mapping[str, Any]
    state: State
    cases: Sequence[Case] = ()
    causes: Sequence[Cause] = ()
    reason: str = ""  # why it was not judged
    is_new: bool = False  # not so in the run before

    @property
    def id(self) -> str:
        return str(self.row["id"])

    @property
    def judged(self) -> list[Case]:
        return [case for case in self.cases if case["outcome"] in _JUDGED]

    @property
    def failed(self) -> list[Case]:
        return [case for case in self.cases if Outcome(case["outcome"]).fails]

    @property
    def counts(self) -> "Counter[str]":
        """Its cases by outcome."""
        return Counter(str(case["outcome"]) for case in self.cases)

    def cell(self, value: str) -> MatrixCell:
        """Counts of its cases with this family or context; of all cases without one."""
        bad = sum(not value or value in values_of(case) for case in self.failed)
        return MatrixCell(bad, sum(not value or value in values_of(case) for case in self.judged))


@dataclass(frozen=True)
class Overview:
    """Overview of a run; `new` and `gone` are cases that fail now and did not, and the other way about."""

    sentence: str
    promises: Sequence[Promise]
    unnamed: Sequence[Cause] = ()  # failures of cases that judge no row of the catalogue
    lost: Sequence[Cause] = ()  # of cases that say nothing, for evidence was lost or the harness failed
    is_whole: bool = True  # was every case performed that was selected?
    before: str = ""  # the run that it is held against
    new: Sequence[Case] = ()
    gone: Sequence[Case] = ()
    columns: Sequence[str] = field(default=())  # of the picture: families and contexts that occur

    def of(self, *states: State) -> list[Promise]:
        """The promises in one of these states, the worst state first."""
        return [promise for state in states for promise in self.promises if promise.state is state]

    @property
    def troubles(self) -> list[Promise]:
        return self.of(*_FAILED)

    @property
    def verdict(self) -> str:
        """'ill', 'well', or 'open' where nothing failed and not all was judged that was to be."""
        if self.troubles or self.unnamed:
            return "ill"
        judged = self.of(State.KEPT, State.RECORDED)
        return "well" if judged and self.is_whole and not self.lost else "open"

    @property
    def causes(self) -> list[tuple[str, list[Case], list[str]]]:
        """Causes of all failures, with words, cases and promises; those that break a promise come first."""
        cases: dict[str, dict[str, Case]] = defaultdict(dict)
        rows: dict[str, list[str]] = defaultdict(list)
        for promise in self.troubles:
            for cause in promise.causes:
                cases[cause.words] |= {case["id"]: case for case in cause.cases}
                rows[cause.words].append(promise.id)
        for cause in self.unnamed:
            cases[cause.words] |= {case["id"]: case for case in cause.cases}
        found = [(words, list(those.values()), rows[words]) for words, those in cases.items()]
        return sorted(found, key=lambda cause: (_rank(cause[1][0]), -len(cause[1])))

    @property
    def news(self) -> str:
        """The changes since the run before in a sentence; empty without a run to compare with."""
        if not self.before:
            return ""
        if not self.new and not self.gone:
            return f"Nothing is new since run {self.before}."
        told = []
        if self.new:
            told.append(f"{counted(len(self.new), 'case')} {_fail(len(self.new))} now and did not")
        if self.gone:
            told.append(f"{counted(len(self.gone), 'case')} failed and {_fail(len(self.gone))} no more")
        return f"Since run {self.before}: {'; '.join(told)}."


def overview(run: Run, before: Run | None = None) -> Overview:
    """`before` is the run that came before this one."""
    then = {case["id"]: case for case in before["cases"]} if before else {}
    promises = list(_promises(run, then))
    catalogue = set(run["requirements"])
    unnamed = [case for case in run["cases"] if not catalogue & set(rows_of(case))]
    both = [case for case in run["cases"] if case["id"] in then and _tells(case, then[case["id"]])]
    values = {value for promise in promises if promise.state in _FAILED for value in _values(promise.judged)}
    return Overview(
        sentence=_sentence(run, promises),
        promises=promises,
        unnamed=list(_causes([case for case in unnamed if _failed(case)], unnamed)),
        lost=list(_causes([case for case in run["cases"] if Outcome(case["outcome"]).errors], ())),
        is_whole=is_whole(run),
        before=str(before["run_id"]) if before else "",
        new=[case for case in both if _failed(case) and not _failed(then[case["id"]])],
        gone=[case for case in both if not _failed(case) and _failed(then[case["id"]])],
        columns=[value for axis in _AXES for value in axis if value in values],
    )


def cause_of(case: Case) -> str:
    """Why a case ended as it did, in one sentence."""
    words = case.get("cause") or next(iter(str(case["why"]).strip().splitlines()), "")
    return str(words) or f"it ended as {case['outcome']}"


def rows_of(case: Case) -> list[str]:
    """The rows that a case judges, and those of laws that it broke."""
    return list(dict.fromkeys((*case["requirements"], *case.get("blamed", ()))))


def broken_rows(case: Case) -> list[str]:
    """The rows that a case which failed breaks: all that it judges, unless laws alone say so."""
    return list(case.get("blamed") or case["requirements"])


def broken_laws(case: Case) -> set[str]:
    """The laws that do not hold of it, whatever its own sentences say."""
    return {law["law"] for law in case.get("laws", ()) if law["words"]}


def _as_seen_by(row: str, case: Case) -> Case:
    """The case as its row sees it: kept when laws of other rows alone were broken."""
    if not _failed(case) or row in broken_rows(case):
        return case
    return {**case, "outcome": Outcome.RECORDED if case["recorded"] or case.get("noted") else Outcome.PASS}


def values_of(case: Case) -> set[str]:
    """The families and contexts in a case's name."""
    variant = f"-{str(case['id']).rpartition('::')[2].partition('[')[2].removesuffix(']')}-"
    return {value for axis in _AXES for value in axis if f"-{value}-" in variant}


def _promises(run: Run, then: Mapping[str, Case]) -> Iterator[Promise]:
    cases: dict[str, list[Case]] = defaultdict(list)
    for case in run["cases"]:
        for name in rows_of(case):
            cases[name].append(_as_seen_by(name, case))
    states = {name: _state(cases[name]) for name in run["requirements"]}
    told: dict[str, str] = {}
    order = list(State)
    failures = {name: [case for case in cases[name] if _failed(case)] for name in states}
    for name in sorted(states, key=lambda name: (order.index(states[name]), -len(failures[name]))):
        failed = failures[name]
        causes = list(_causes(failed, cases[name], told, name))
        yield Promise(
            row=run["requirements"][name],
            state=states[name],
            cases=cases[name],
            causes=causes,
            reason=_reason(run, cases[name]) if states[name] is State.NOT_JUDGED else "",
            is_new=any(case["id"] in then and not _failed(then[case["id"]]) for case in failed),
        )


def _rank(case: Case) -> int:
    """The worst first."""
    return list(State).index(_OF_OUTCOME.get(Outcome(case["outcome"]), State.NOT_JUDGED))


def _state(cases: Iterable[Case]) -> State:
    seen = {_OF_OUTCOME.get(Outcome(case["outcome"]), State.NOT_JUDGED) for case in cases}
    return min(seen, key=list(State).index, default=State.NOT_JUDGED)


def _causes(
    failed: Sequence[Case], all_cases: Sequence[Case], told: dict[str, str] | None = None, name: str = ""
) -> Iterator[Cause]:
    """The most frequent first; `told` has under which promise each cause was told first."""
    alike: dict[tuple[int, str], list[Case]] = defaultdict(list)
    for case in failed:
        alike[_rank(case), general(cause_of(case))].append(case)
    told = {} if told is None else told
    for (_, words), cases in sorted(alike.items(), key=lambda entry: (entry[0][0], -len(entry[1]))):
        under = told.setdefault(words, name)
        yield Cause(words, cases, _pattern(cases, all_cases), under if under != name else "")


def general(words: str) -> str:
    """The words that all cases with the same cause share: without times, addresses, numbers and places."""
    words = _PACKET.sub(r"\1", _SOCKET.sub("a socket", words))
    words = _SERIAL.sub("", _ADDRESS.sub("…", _NUMBER.sub("", words)))
    words = _LONG_NUMBER.sub("…", _TIME.sub("some time", _SINCE.sub(" ", words)))
    return _SPACES.sub(" ", words).replace(" ,", ",").replace(" ;", ";").strip()


def _pattern(failed: Sequence[Case], all_cases: Sequence[Case]) -> str:
    """Families and contexts that all failures have, and not all judged cases of the same tests."""
    tests = {_test(case) for case in failed}
    judged = [case for case in all_cases if case["outcome"] in _JUDGED and _test(case) in tests]
    told = []
    for axis in _AXES:
        bad, known = _values(failed) & set(axis), _values(judged) & set(axis)
        everywhere = all(values_of(case) & set(axis) for case in failed)
        if bad and everywhere and bad < known and len(bad) <= len(known) // 2:
            told.append(" and ".join(value for value in axis if value in bad))
    return f"only {', '.join(told)}" if told else ""


def _test(case: Case) -> str:
    return str(case["id"]).partition("[")[0]


def _values(cases: Iterable[Case]) -> set[str]:
    return {value for case in cases for value in values_of(case)}


def _reason(run: Run, cases: Sequence[Case]) -> str:
    """Why a promise was not judged."""
    if not cases:
        selection = run.get("selection")
        left_out = selection and selection.get("of") not in (None, selection.get("selected"))
        return "none of its cases was selected" if left_out else "none of its cases was performed"
    causes = Counter((str(case["outcome"]), general(cause_of(case))) for case in cases)
    return "; ".join(f"{counted(count, 'case')} {outcome}: {why}" for (outcome, why), count in causes.items())


def _sentence(run: Run, promises: Sequence[Promise]) -> str:
    """'10 promises broken, 15 kept, 77 not judged; 322 of 1,051 cases selected, ended by itself'"""
    counts = Counter(promise.state for promise in promises)
    shown = [
        state for state in State if counts[state] or state in (State.BROKEN, State.KEPT, State.NOT_JUDGED)
    ]
    first, *others = (f"{counts[state]:,} {state}" for state in shown)
    number, _, state = first.partition(" ")
    told = [f"{number} promise{'' if number == '1' else 's'} {state}", *others]
    return f"{', '.join(told)}; {', '.join(filter(None, (_selected(run), _ended(run))))}"


def _selected(run: Run) -> str:
    selection, performed = run.get("selection"), len(run["cases"])
    if not isinstance(selection, Mapping):
        return counted(performed, "case")
    selected, of = selection.get("selected"), selection.get("of")
    if isinstance(selected, int) and isinstance(of, int) and selected < of:
        told = f"{selected:,} of {counted(of, 'case')} selected"
    else:
        told = counted(performed if not isinstance(selected, int) else selected, "case")
    return told if selected in (None, performed) else f"{told}, {performed:,} performed"


def _ended(run: Run) -> str:
    if "ended" not in run:
        return ""
    return (
        f"ended {run['ended']}" if run["ended"] == "by itself" else f"not whole: {run['ended'] or 'no end'}"
    )


def _failed(case: Case) -> bool:
    return Outcome(case["outcome"]).fails


def _tells(*cases: Case) -> bool:
    """Was something judged in each?"""
    return all(case["outcome"] in _JUDGED for case in cases)


def counted(number: int, what: str) -> str:
    """'1 case', '1,051 cases'"""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _fail(number: int) -> str:
    return "fails" if number == 1 else "fail"
