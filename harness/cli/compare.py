# SPDX-License-Identifier: Apache-2.0
"""`wsk-conformance compare`."""

import json
import sys
from pathlib import Path

import click

from harness.cli import param_types
from harness.core.files import check_output, write_output

_EXIT_DIFFERENT = 1
_EXIT_EVIDENCE_LOST = 3


@click.command()
@click.argument("first", metavar="A", type=param_types.FilePath())
@click.argument("second", metavar="B", type=param_types.FilePath())
@click.option(
    "--format",
    "wanted",
    type=click.Choice(["text", "markdown"]),
    default="text",
    show_default=True,
    help="What is printed.",
)
@click.option("--json", "json_file", type=param_types.FilePath(), help="Write the difference there too.")
@click.option("--no-timing", is_flag=True, help="Only what the guests did, not how long it took.")
def compare(first: Path, second: Path, wanted: str, json_file: Path | None, no_timing: bool) -> None:
    """Say in what two runs differ: two builds of Windows, or a guest with and without a fault.

    A and B are results folders. Behaviour is compared requirement by
    requirement: the outcome of each case, and what it recorded where no document
    says. Cases that are in one run only are named and not counted.

    Times are compared per operation and context by a Mann-Whitney U test on the
    medians of batches of rounds, corrected for being many (Holm), with Cliff's
    delta as the size of the effect: -1 all faster in B, 0 neither, +1 all slower
    in B. A pair of runs shows how two boots differ; the load of the machine is a
    part of that.

    \b
    Exit status: 0 no difference was found, 1 the runs differ, 2 wrong usage or
    a damaged folder, 3 no difference was found but evidence was lost in a run,
    or a run did not come to its end.

    \b
    wsk-conformance run && wsk-conformance run --fault rst-on-graceful
    wsk-conformance compare results/20260101-100000-000000 results/latest
    """
    from harness.compare import compare as compare_runs
    from harness.compare import render

    if json_file:
        check_output(json_file)
    difference = compare_runs(first, second, timing=not no_timing)
    for line in (render.as_text if wanted == "text" else render.as_markdown)(difference):
        click.echo(line)
    if json_file:
        write_output(json_file, json.dumps(render.as_json(difference), indent=1))
    if difference.found:
        sys.exit(_EXIT_DIFFERENT)
    sys.exit(0 if difference.complete else _EXIT_EVIDENCE_LOST)
