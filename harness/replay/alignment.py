# SPDX-License-Identifier: Apache-2.0
"""Two timelines of one case side by side: what corresponds, and what differs.

Rows are matched lane by lane: calls with their returns, completions, callbacks,
the packets of each direction. What comes in another order within its lane is
shown, and a completion or callback that changes sides with a packet of the
peer's, by more than the clock's bound in both runs.
"""

from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import StrEnum

from harness.replay.compared import Compared

_ASYNCHRONOUS = ("completions", "callbacks")
_FROM_PEER = "peer → guest"


class AlignmentMark(StrEnum):
    """Marks as in `diff --side-by-side`, and one more."""

    SAME = " "
    DETAIL = "|"  # the same event or packet with another status, IRQL or number
    FIRST_ONLY = "<"
    SECOND_ONLY = ">"
    CHANCE = "."  # in one run only, as is every run's right: a segment of data, an acknowledgement
    MOVED = "~"  # in another order; whether that is promised is the case's to judge


@dataclass(frozen=True)
class Pair:
    """Lines that correspond; None where a run has none."""

    mark: AlignmentMark
    first: Compared | None
    second: Compared | None


def align(first: Sequence[Compared], second: Sequence[Compared]) -> list[Pair]:
    """All lines of both, in the order of the first run; what only the second has comes where it was there."""
    lanes = sorted({line.lane for line in (*first, *second)})
    matches = {lane: _matches(first, second, lane) for lane in lanes}
    partner = {a: b for pairs in matches.values() for a, b in pairs}
    moved = _moved(first, second, matches)
    for a, b in _out_of_order(first, second, partner):
        partner[a] = b
        moved.add(a)
    extra = _extra(second, {b: a for a, b in partner.items()})
    result = [_unmatched(None, second[b]) for b in extra[-1]]
    for a, line in enumerate(first):
        if a in partner:
            result.append(_matched(line, second[partner[a]], moved=a in moved))
        else:
            result.append(_unmatched(line, None))
        result += [_unmatched(None, second[b]) for b in extra[a]]
    return result


def _unmatched(first: Compared | None, second: Compared | None) -> Pair:
    line = first or second
    if line is None or not line.counts:
        return Pair(AlignmentMark.CHANCE, first, second)
    return Pair(AlignmentMark.FIRST_ONLY if first else AlignmentMark.SECOND_ONLY, first, second)


def _matched(first: Compared, second: Compared, *, moved: bool) -> Pair:
    if first.detail != second.detail:
        return Pair(AlignmentMark.DETAIL, first, second)
    return Pair(AlignmentMark.MOVED if moved else AlignmentMark.SAME, first, second)


def _matches(first: Sequence[Compared], second: Sequence[Compared], lane: str) -> list[tuple[int, int]]:
    """Places of the lines of one lane that correspond, in order."""
    places = [[place for place, line in enumerate(lines) if line.lane == lane] for lines in (first, second)]
    names = [first[a].what for a in places[0]], [second[b].what for b in places[1]]
    blocks = SequenceMatcher(None, names[0], names[1], autojunk=False).get_matching_blocks()
    return [(places[0][block.a + n], places[1][block.b + n]) for block in blocks for n in range(block.size)]


def _out_of_order(
    first: Sequence[Compared], second: Sequence[Compared], partner: Mapping[int, int]
) -> list[tuple[int, int]]:
    """Lines without a partner that the other run has elsewhere in the same lane."""
    taken = set(partner.values())
    left: dict[tuple[str, str], deque[int]] = defaultdict(deque)
    for b, line in enumerate(second):
        if b not in taken and line.counts:
            left[line.lane, line.what].append(b)
    return [
        (a, left[line.lane, line.what].popleft())
        for a, line in enumerate(first)
        if a not in partner and line.counts and left[line.lane, line.what]
    ]


def _moved(
    first: Sequence[Compared], second: Sequence[Compared], matches: Mapping[str, Sequence[tuple[int, int]]]
) -> set[int]:
    """Completions and callbacks that came before a packet in one run and after it in the other."""
    packets = [pair for lane, pairs in matches.items() if lane.startswith(_FROM_PEER) for pair in pairs]
    return {
        a
        for lane in _ASYNCHRONOUS
        for a, b in matches.get(lane, ())
        if any(_order(first[a], first[p]) * _order(second[b], second[q]) < 0 for p, q in packets)
    }


def _order(event: Compared, packet: Compared) -> int:
    """-1 when the event came first for sure, 1 when the packet did, 0 when they are too close to tell."""
    apart = event.time_ns - packet.time_ns
    return 0 if abs(apart) <= event.uncertain_ns else 1 if apart > 0 else -1


def _extra(second: Sequence[Compared], partner: dict[int, int]) -> dict[int, list[int]]:
    """Lines without a partner, by the place in the first run of the last line before them that has one."""
    extra: dict[int, list[int]] = defaultdict(list)
    last = -1
    for b in range(len(second)):
        if b in partner:
            last = partner[b]
        else:
            extra[last].append(b)
    return extra
