# SPDX-License-Identifier: Apache-2.0
"""The cost of judging a case by the laws: all of a stored run's timelines are judged again, without a guest.

    .venv/bin/wsk-conformance run
    .venv/bin/python bench/laws.py results/latest [--busy SEED]

Prints the median and the largest time in ms, and every law that does not hold or cannot be judged. The
budget is 3 ms a case at the median. With --busy each is judged as a busy host could have made it of the same
guest (busy_host.py): a law that no longer holds then blames the guest for its host. The times of a stored
timeline are the middle of what its clock left open, so what the run could order may be open here.
"""

import argparse
import random
import statistics
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from busy_host import busier

from harness.evidence import Clock, EventRow, Interval, PacketRow, Timeline, Trace
from harness.report.record import load_run
from harness.report.timelines import load
from harness.scenario.decoding import decode
from harness.verdict.laws import judge
from harness.wire import Packet, parse
from harness.wire.capture_file import frames
from harness.wire.segments import ETHERNET

BUDGET_MS = 3.0


class StoredClock(Clock):
    """The times that a stored timeline gives its events."""

    def __init__(self, times: dict[int, Interval]) -> None:
        super().__init__(1, ())
        self._times = times

    def at(self, qpc: int) -> Interval:
        return self._times[qpc]


def timelines(folder: Path) -> Iterator[tuple[str, Timeline]]:
    for case in load_run(folder)["cases"]:
        if all(case[name] for name in ("timeline", "trace", "scenario")):
            yield case["id"], stored(folder, case)


def stored(folder: Path, case: dict[str, Any]) -> Timeline:
    trace = Trace.decode((folder / case["trace"]).read_bytes())
    rows = load(folder, case["timeline"], case["capture"])
    events = [row for row in rows if isinstance(row, EventRow)]
    times = {
        event.qpc: Interval(row.time_ns - row.uncertain_ns, row.time_ns + row.uncertain_ns)
        for event, row in zip(trace.events, events, strict=True)
    }
    plan = decode((folder / case["scenario"]).read_bytes())
    return Timeline(plan, trace, list(packets(folder, case, rows)), None, StoredClock(times))


def packets(folder: Path, case: dict[str, Any], rows: list[Any]) -> Iterator[Packet]:
    """The frames of the capture that the timeline has, with who sent each."""
    senders: dict[tuple[int, int], list[Any]] = {}
    for row in rows:
        if isinstance(row, PacketRow):
            senders.setdefault((row.time_ns, row.size), []).append(row.sender)
    with (folder / case["capture"]).open("rb") as file:
        for place, frame in enumerate(frames(file)):
            known = senders.get((frame.time_ns or 0, frame.sent)) if frame.link == ETHERNET else None
            if known:
                yield parse(frame.data, time_ns=frame.time_ns or 0, sender=known.pop(0), index=place)


def main(folder: Path, busy: int | None) -> int:
    spent = []
    chance = random.Random(busy)
    for case, made in timelines(folder):
        timeline = made if busy is None else busier(made, chance)
        began = time.perf_counter()
        found = judge(timeline)
        spent.append((time.perf_counter() - began) * 1e3)
        for judgement in found:
            told = [violation.words for violation in judgement.violations] or [f"open: {judgement.open}"]
            print(f"{case}: {judgement.law.name}: {'; '.join(told)}")
    if not spent:
        print(f"{folder} has no timeline")
        return 2
    median = statistics.median(spent)
    print(
        f"{len(spent)} cases: {median:.2f} ms at the median, {max(spent):.1f} ms at most, {BUDGET_MS} allowed"
    )
    return int(median > BUDGET_MS)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--busy", type=int, metavar="SEED")
    chosen = parser.parse_args()
    sys.exit(main(chosen.folder, chosen.busy))
