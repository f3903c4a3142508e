# SPDX-License-Identifier: Apache-2.0
"""What does the evidence of a case cost the harness, part by part?

    .venv/bin/wsk-conformance run
    .venv/bin/python bench/case_cost.py results/latest [--cases 150]

Goes through cases of a stored run without a guest: each part's CPU time in ms, at the mean and the median.
Last comes a digest of all that was made of the evidence: scenarios, judgements, timelines and captures. Two
versions of the harness that say the same of a run print the same.
"""

import argparse
import hashlib
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from statistics import mean, median
from typing import Any, TypeVar

import laws

from harness.core.errors import EvidenceLost
from harness.core.units import s, us
from harness.evidence import Clock, EventRow, Exchange, Timeline, Trace
from harness.report.record import load_run
from harness.report.timelines import encode_rows, load
from harness.run.evidence_writer import _line
from harness.scenario import encode
from harness.scenario.decoding import decode
from harness.verdict.laws import judge
from harness.wire import Note, write_pcapng

_T = TypeVar("_T")
_ASKED = 400 * us  # what an exchange for the guest's clock leaves open, either way


class Costs:
    """CPU time by part."""

    def __init__(self) -> None:
        self.spent: dict[str, list[float]] = defaultdict(list)

    def of(self, part: str, work: Callable[[], _T]) -> _T:
        began = time.process_time()
        done = work()
        self.spent[part].append((time.process_time() - began) * 1e3)
        return done


def go_through(folder: Path, case: dict[str, Any], costs: Costs, scratch: Path) -> bytes:
    """All that a run does with the evidence of a case; what came of it."""
    stored = load(folder, case["timeline"], case["capture"])
    packets = list(laws.packets(folder, case, stored))
    data = (folder / case["trace"]).read_bytes()
    plan = decode((folder / case["scenario"]).read_bytes())
    trace = costs.of("decode the trace", lambda: Trace.decode(data))
    clock = _clock(trace, next(row.time_ns for row in stored if isinstance(row, EventRow)))
    timeline = costs.of("timeline", lambda: Timeline(plan, trace, packets, None, clock))
    found = costs.of("laws", lambda: judge(timeline))
    costs.of("clock's bound", lambda: timeline.clock_bound_ns)
    rows = costs.of("rows", timeline.to_rows)
    encoded = costs.of("rows as JSON", lambda: encode_rows(rows))
    notes = costs.of(
        "lines", lambda: [Note(row.time_ns, _line(row)) for row in rows if isinstance(row, EventRow)]
    )
    costs.of(
        "capture",
        lambda: write_pcapng(scratch, packets, interface="test", comment="", guest="192.0.2.1", notes=notes),
    )
    scenario = costs.of("encode the scenario", lambda: encode(plan))
    judged = repr([(one.law.name, one.violations, one.open) for one in found]).encode()
    return scenario + judged + encoded + scratch.read_bytes()


def _clock(trace: Trace, first_ns: int) -> Clock:
    """As of a case whose counter was asked for at its first and at its last event."""
    first, last = trace.events[0].qpc, trace.events[-1].qpc
    exchanges = [
        Exchange(at - _ASKED, qpc, at + _ASKED)
        for qpc in (first, last)
        for at in [first_ns + (qpc - first) * s // trace.qpc_frequency]
    ]
    return Clock(trace.qpc_frequency, exchanges)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--cases", type=int, default=150)
    asked = parser.parse_args()
    cases = [
        case
        for case in load_run(asked.run)["cases"]
        if all(case[name] for name in ("timeline", "trace", "scenario", "capture"))
    ]
    costs, digest = Costs(), hashlib.sha256()
    with tempfile.TemporaryDirectory() as folder:
        for number, case in enumerate(cases[:: max(1, len(cases) // asked.cases)]):
            try:
                digest.update(go_through(asked.run, case, costs, Path(folder, f"{number}.pcapng")))
            except EvidenceLost as error:  # the clock made here is not the case's own
                digest.update(str(error).encode())
    for part, spent in costs.spent.items():
        print(f"{part:20} {mean(spent):6.2f} {median(spent):6.2f}")
    print(f"{'in all':20} {sum(map(mean, costs.spent.values())):6.2f}")
    print(digest.hexdigest())


if __name__ == "__main__":
    main()
