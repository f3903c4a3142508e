# SPDX-License-Identifier: Apache-2.0
"""The verdict on a try: its outcome, why, and findings, subject by subject."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from harness.core.errors import EvidenceLost, GuestHung, HarnessError, Unsupported, UsageError
from harness.core.ntstatus import NTSTATUS, nt_success
from harness.core.printable import printable
from harness.crash.bugcheck import Bugcheck
from harness.report.record import FindingRecord
from harness.tryout.attempt import TryoutEvidence
from harness.tryout.request import TryoutRequest
from harness.tryout.story import DriverStory, summary
from harness.verdict.outcome import Outcome, classify

_INVALID_IMAGE = 0xC000007B
_NO_SUCH_PROCEDURE = 0xC000007A
_MOST_LINES = 40
_MISSING = re.compile(r"ntlab: the driver imports (\S+?)!(\S+?),? (?:which this guest|by its number)")
_NO_DEVICE = re.compile(r"ntlab: no driver has a device (.*)")
_SAID = re.compile(r"driver: (.*)")
_STRICT = re.compile(r"ntlab: (strict: .*)")
_LEFT = re.compile(r"ntlab: (not freed: .*)")
_IMAGE = re.compile(r"ntlab: image (\S+) at 0x([0-9a-f]+), (\d+) bytes")
_STACK = re.compile(r"ntlab: (stack: .*|thread .*)")
_REFUSAL = re.compile(r"ntlab: (.*)")
_OURS = "wsktest"  # the driver that tells the guest's clock


@dataclass
class TryoutVerdict:
    """The outcome of a try, why, and its findings."""

    outcome: Outcome
    why: str = ""
    findings: list[FindingRecord] = field(default_factory=list)


def judge(
    request: TryoutRequest, seen: TryoutEvidence, story: DriverStory, serial: str, error: BaseException | None
) -> TryoutVerdict:
    """`serial` is all that the guest wrote on its serial port, `error` what ended the try early.

    Raises UsageError when the guest's loader says that the file is no driver at all.
    """
    log = _Log(printable_lines(serial))
    outcome, why = _verdict(request, seen, story, log, error)
    return TryoutVerdict(outcome, why, [one for one in _findings(request, seen, story, log) if one.lines])


def printable_lines(serial: str) -> list[str]:
    return [printable(line) for line in serial.splitlines()]


@dataclass(frozen=True)
class _Log:
    """The guest's serial log, by what it says."""

    lines: Sequence[str]

    def all(self, pattern: re.Pattern[str]) -> list[str]:
        return [found[1].strip() for line in self.lines if (found := pattern.search(line))]

    @property
    def missing(self) -> list[str]:
        found = (_MISSING.search(line) for line in self.lines)
        return [f"{one[1]}!{one[2]}" for one in found if one]

    @property
    def bugcheck(self) -> Bugcheck | None:
        return Bugcheck.find("\n".join(self.lines))

    @property
    def images(self) -> dict[str, tuple[int, int]]:
        found = (_IMAGE.search(line) for line in self.lines)
        return {one[1]: (int(one[2], 16), int(one[3])) for one in found if one}


def _verdict(
    request: TryoutRequest, seen: TryoutEvidence, story: DriverStory, log: _Log, error: BaseException | None
) -> tuple[Outcome, str]:
    if error is not None:
        outcome, why = classify(error)
        return outcome, "; ".join([why, *log.all(_STRICT)])
    if seen.load_status is not None and not nt_success(seen.load_status):
        return _not_loaded(request, seen.load_status, log)
    if seen.hung:
        return classify(GuestHung(_hung(seen, story)))
    if seen.unload_status is not None and not nt_success(seen.unload_status):
        return Outcome.DEVIATION, f"the driver cannot be unloaded: {seen.unload_status}"
    if broken := log.all(_STRICT):
        return Outcome.DEVIATION, f"the driver broke a rule of WSK's for its clients: {broken[0]}"
    if twice := story.completed_twice:
        return Outcome.HARNESS_ERROR, f"the guest completed {twice[0]} twice"
    if story.trace.lost:
        return classify(EvidenceLost(f"{story.trace.lost} events of its trace were lost"))
    if nobody := [one for one in request.ioctls if one.device in log.all(_NO_DEVICE)]:
        why = f"{nobody[0]} reached no driver: none has a device \\DosDevices\\{nobody[0].device}"
        return Outcome.INCONCLUSIVE, why
    return Outcome.PASS, ""


def _not_loaded(request: TryoutRequest, status: NTSTATUS, log: _Log) -> tuple[Outcome, str]:
    if missing := log.missing:
        names = ", ".join(missing)
        return classify(Unsupported(f"the reference guest lacks {len(missing)} of its imports: {names}"))
    if any("DriverEntry of" in line for line in log.lines):
        return Outcome.DEVIATION, f"its DriverEntry returned {status}"
    said = [line for line in log.all(_REFUSAL) if not line.startswith(("image ", "stack"))]
    why = f": {said[-1]}" if said else ""
    if status in (_INVALID_IMAGE, _NO_SUCH_PROCEDURE):
        raise UsageError(f"{request.driver.path} cannot be loaded ({status}){why}")
    return classify(HarnessError(f"the guest did not load it: {status}{why}"))


def _hung(seen: TryoutEvidence, story: DriverStory) -> str:
    inside = [f"in {call}" for call in story.unreturned[:2]]
    left = [f"{one} is open" for one in story.open_sockets[:2]]
    pending = [f"{call} is pending" for call in story.pending[:2]]
    told = "; ".join([*inside, *left, *pending])
    return f"{seen.hung}{f': {told}' if told else ''}"


def _findings(
    request: TryoutRequest, seen: TryoutEvidence, story: DriverStory, log: _Log
) -> Iterator[FindingRecord]:
    if bugcheck := log.bugcheck:
        yield FindingRecord("bugcheck", [str(bugcheck), *_explained(bugcheck, log)])
    yield FindingRecord("stack (words that point behind a call; some may be left over)", _stack(log))
    yield FindingRecord("rules for clients that it broke", log.all(_STRICT))
    yield FindingRecord("left at its unload", _cut([*log.all(_LEFT), *_left(seen)]))
    yield FindingRecord("IRPs that WSK had not completed at the end", _cut(story.pending))
    yield FindingRecord("sockets that it had not closed at the end", _cut(story.open_sockets))
    yield FindingRecord("WSK calls", _cut(_calls(story)))
    yield FindingRecord(
        "controls and program", [_step(step.what, step.status, step.said) for step in seen.steps]
    )
    yield FindingRecord("peer", list(_peer(request, seen)))
    yield FindingRecord("imports", list(_imports(request, log)))
    yield FindingRecord("what it said (DbgPrint)", _cut(log.all(_SAID)))


def _explained(bugcheck: Bugcheck, log: _Log) -> Iterator[str]:
    yield from bugcheck.explain()
    for number, parameter in enumerate(bugcheck.parameters, 1):
        for name, (base, size) in log.images.items():
            if 0 <= parameter - base < size:
                yield f"parameter {number} is {name}+0x{parameter - base:X}"


def _stack(log: _Log) -> list[str]:
    """The stack of the first bugcheck or look at the threads, without those of our own driver."""
    return _cut(
        [line.removeprefix("stack: ") for line in log.all(_STACK) if not line.startswith(f"stack: {_OURS}")]
    )


def _left(seen: TryoutEvidence) -> Iterator[str]:
    """A line for each tag of pool that a hung driver holds: the guest itself counts after an unload only."""
    if not seen.hung:
        return
    for tag, (blocks, size) in seen.pool.items():
        before_blocks, before_size = seen.pool_before.get(tag, (0, 0))
        if blocks > before_blocks:
            more = blocks - before_blocks
            yield f"{size - before_size} bytes of pool in {more} block{'s'[: more > 1]}, tag {tag.strip()}"


def _calls(story: DriverStory) -> list[str]:
    lost = [f"{story.trace.lost} events of the trace were lost"] if story.trace.lost else []
    return [*lost, *summary(story)]


def _step(what: str, status: str, said: str) -> str:
    return printable(f"{what}: {status}{f', {said}' if said else ''}")


def _peer(request: TryoutRequest, seen: TryoutEvidence) -> Iterator[str]:
    if seen.peer is None:
        return
    host, port = seen.peer_address
    yield f"{request.peer} at {host}, port {port}: {len(seen.peer.connections)} connections"
    for number, connection in enumerate(seen.peer.connections, 1):
        got = len(connection.received)
        yield f"connection {number}: {got} bytes received, the driver's direction: {connection.ended}"


def _imports(request: TryoutRequest, log: _Log) -> Iterator[str]:
    missing = set(log.missing)
    resolved = [name for name in request.driver.imports if name not in missing]
    for name in sorted(missing):
        yield f"missing: {name}"
    by_module: dict[str, list[str]] = {}
    for name in resolved:
        module, _, symbol = name.partition("!")
        by_module.setdefault(module, []).append(symbol)
    for module, symbols in by_module.items():
        yield f"{len(symbols)} of {module}: {', '.join(symbols)}"


def _cut(lines: Iterable[str]) -> list[str]:
    found = list(lines)
    rest = len(found) - _MOST_LINES
    return found if rest <= 0 else [*found[:_MOST_LINES], f"and {rest} more"]
