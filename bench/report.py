# SPDX-License-Identifier: Apache-2.0
"""How large the report of many cases is, and how long it takes to make, open, filter and look into.

    .venv/bin/python bench/report.py [RUN] [--cases 3000] [--runs 5]

The cases are those of RUN (results/latest), over and over, with names of their own.
Opening is from asking for the page to the frame after it was loaded; medians.
"""

import argparse
import json
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).resolve().parents[1] / "tests" / "support"))

from browser import browser

from harness.core.units import MiB
from harness.report import load_run
from harness.report.html import write_report

DRAWN = "requestAnimationFrame(() => setTimeout(done))"
FILTER = """
    const [done] = arguments;
    const text = document.getElementById("text");
    text.value = text.value ? "" : "ipv6";
    text.dispatchEvent(new Event("input", {bubbles: true}));
"""
OPEN_LAST = """
    const [done] = arguments;
    const last = [...document.querySelectorAll(".case")].at(-1);
    last.open = true;
    last.scrollIntoView();
    const look = () => last.querySelector("svg") ? done() : requestAnimationFrame(look);
    look();
"""


def enlarge(source: Path, target: Path, count: int) -> Path:
    shutil.copytree(source.resolve(), target, ignore=shutil.ignore_patterns("captures"))
    run = load_run(target)
    cases = run["cases"]
    run["cases"] = [
        {**cases[number % len(cases)], "id": f"{cases[number % len(cases)]['id']}-{number}"}
        for number in range(count)
    ]
    (target / "run.json").write_text(json.dumps(run))
    return target


def seconds(function: Any, *arguments: Any) -> float:
    start = time.monotonic()
    function(*arguments)
    return time.monotonic() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("run", nargs="?", type=Path, default=Path("results/latest"))
    parser.add_argument("--cases", type=int, default=3000)
    parser.add_argument("--runs", type=int, default=5)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        run = enlarge(asked.run, Path(folder) / "run", asked.cases)
        print(f"to make it    {seconds(write_report, run):6.2f} s")
        page = run / "report.html"
        print(f"size          {page.stat().st_size / MiB:6.2f} MiB")
        times: dict[str, list[float]] = {"to open": [], "to filter": [], "to look in": []}
        for _ in range(asked.runs):
            with browser() as chromium:
                start = time.monotonic()
                chromium.get(page.as_uri())
                chromium.execute_async_script(f"const [done] = arguments; {DRAWN}")
                times["to open"].append(time.monotonic() - start)
                times["to filter"].append(seconds(chromium.execute_async_script, FILTER + DRAWN))
                chromium.execute_async_script(FILTER + DRAWN)
                times["to look in"].append(seconds(chromium.execute_async_script, OPEN_LAST))
        for name, values in times.items():
            print(f"{name:13} {statistics.median(values):6.2f} s (largest {max(values):.2f})")


if __name__ == "__main__":
    main()
