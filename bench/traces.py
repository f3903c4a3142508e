# SPDX-License-Identifier: Apache-2.0
"""How fast is a trace decoded, and a timing run of 262,144 events decoded, measured and stored?

    .venv/bin/python bench/traces.py [--runs 5]

The trace is made here, as the driver writes it for a loop of calls. Prints, in seconds of CPU time
and the least of so many runs, which says the same on a machine that is not quiet:

    columns    decoded and checked; its events are columns of numbers
    objects    the same, and an object for each of its events
    short      traces of 50 events, one after the other, with an object for each event
    stored     decoded, its three calls measured and summed up, the samples and the trace written

and for the first three events per second. The import of NumPy, 0.1 s once in a process, is in none.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np

from harness.core.abi import EventKind, abi
from harness.evidence import Trace, summary
from harness.evidence.events import Columns, Events
from harness.evidence.timing import samples

EVENTS, SHORT = 262_144, 50
STEPS = 3
FREQUENCY = 10_000_000
_ROUND = (EventKind.CALL, EventKind.RETURN, EventKind.COMPLETION)


def made(events: int) -> bytes:
    """The trace of a loop around STEPS calls."""
    body: Columns = np.zeros(events, Events(b"").columns.dtype)
    number, in_round = np.arange(events), STEPS * len(_ROUND)
    body["sequence"], body["qpc"] = number, number * 7
    body["step"], body["iteration"] = number % in_round // len(_ROUND), number // in_round
    body["kind"], body["completions"] = np.resize(_ROUND, events), np.ones(events)
    size = abi.wsktest_trace.size
    head = abi.wsktest_trace(
        magic=abi.WSKTEST_TRACE_MAGIC,
        version=abi.WSKTEST_ABI_VERSION,
        header_size=size,
        total_size=size + body.nbytes,
        event_count=events,
        event_size=abi.wsktest_event.size,
        events_offset=size,
        receive_offset=size + body.nbytes,
        qpc_frequency=FREQUENCY,
    )
    return bytes(head.dumps()) + body.tobytes()


def stored(data: bytes, folder: Path) -> None:
    """Stores a trace as a timing case does, beside the checks of the case's own sentences."""
    trace = Trace.decode(data)
    measured = {str(step): samples(trace.events, step, trace.qpc_frequency) for step in range(STEPS)}
    (folder / "samples.json").write_text(
        json.dumps({what: [asdict(values), summary(values)] for what, values in measured.items()})
    )
    (folder / "trace").write_bytes(data)


def least(runs: int, task: Callable[[], object]) -> float:
    """Seconds of CPU time."""
    times = []
    for _ in range(runs):
        began = time.process_time()
        task()
        times.append(time.process_time() - began)
    return min(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args().runs
    long, short = made(EVENTS), made(SHORT)
    Trace.decode(long)  # imports NumPy
    tasks: dict[str, Callable[[], object]] = {
        "columns": lambda: Trace.decode(long),
        "objects": lambda: list(Trace.decode(long).events),
        "short": lambda: [Trace.decode(short) for _ in range(EVENTS // SHORT)],
    }
    for name, task in tasks.items():
        seconds = least(runs, task)
        print(f"{name:10} {seconds:8.3f} s {EVENTS / seconds:14,.0f} events/s")
    with tempfile.TemporaryDirectory() as folder:
        print(f"{'stored':10} {least(runs, lambda: stored(long, Path(folder))):8.3f} s")


if __name__ == "__main__":
    main()
