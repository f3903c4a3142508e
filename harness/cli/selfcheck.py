# SPDX-License-Identifier: Apache-2.0
"""`wsk-conformance selfcheck`."""

import itertools
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli import param_types
from harness.cli.run_options import run_option
from harness.core.files import check_output, write_output
from harness.core.paths import RESULTS
from harness.run.options import Settings

if TYPE_CHECKING:
    from harness.diagnostics.selfcheck import FaultVerdict


@click.command()
@click.option(
    "--list", "list_only", is_flag=True, help="Name the faults and freedoms, a line each with its rows."
)
@click.option("--fault", "faults", multiple=True, metavar="NAME", help="Only this fault; may be repeated.")
@click.option(
    "--freedom", "freedoms", multiple=True, metavar="NAME", help="Only this freedom; may be repeated."
)
@click.option("--only", type=click.Choice(["faults", "freedoms"]), help="All faults, or all freedoms.")
@click.option("--explore", "explores", is_flag=True, help="Explore under each fault, and run no suites.")
@click.option(
    "--seconds",
    type=param_types.Number(1),
    default=60.0,
    show_default=True,
    help="With --explore: how long under each.",
)
@click.option(
    "--seed", type=click.IntRange(0), default=1, show_default=True, help="With --explore: its seed."
)
@click.option("--all-cases", is_flag=True, help="Every case under every one of them: takes hours.")
@click.option(
    "--sample",
    type=click.IntRange(0),
    default=8,
    show_default=True,
    help="Cases of other rows to run under each: they must stay green.",
)
@click.option("--labs", type=click.IntRange(1, 16), default=2, show_default=True, help="Runs side by side.")
@click.option(
    "--again", is_flag=True, help="What is not as it should be is run again by itself; that counts."
)
@click.option("--json", "json_file", type=param_types.FilePath(), help="Write the matrix there too.")
@run_option(
    "results", default=RESULTS / "selfcheck", help="Folder for the runs that were not as they should be."
)
def selfcheck(
    list_only: bool,
    faults: tuple[str, ...],
    freedoms: tuple[str, ...],
    only: str | None,
    explores: bool,
    seconds: float,
    seed: int,
    all_cases: bool,
    sample: int,
    labs: int,
    again: bool,
    json_file: Path | None,
    results: Path,
) -> None:
    """Show that the suites notice every fault of the reference guest, and blame no freedom.

    Runs the suites against the guest without a fault and then with each of its
    faults and freedoms, and prints the kill matrix. A fault must be killed, and
    only by rows that its table (images/reference/module/faults.h) names. A
    freedom (freedoms.h, beside it) keeps every promise: no case may fail.

    With --explore it tells what would be noticed without the suites: scenarios
    are made by chance under each fault until the laws find something. Without
    a fault they must find nothing.
    """
    if json_file:
        check_output(json_file)
    from harness.diagnostics import selfcheck
    from harness.guest import find
    from harness.pytest_plugin import collection
    from harness.pytest_plugin.plugin import chosen_guest

    for name in faults:
        chosen_guest(Settings(fault=name))
    for name in freedoms:
        chosen_guest(Settings(freedom=name))
    everything = not (faults or freedoms or only)
    guest = find("reference")
    wrong = {
        name: fault
        for name, fault in guest.faults().items()
        if name in faults or everything or only == "faults"
    }
    free = {
        name: freedom
        for name, freedom in guest.freedoms().items()
        if name in freedoms or everything or only == "freedoms"
    }
    if list_only:
        for name, fault in wrong.items():
            click.echo(f"{name}: {' '.join(fault.rows)}: {fault.text}")
        for name, freedom in free.items():
            click.echo(f"{name}: {' '.join(freedom.rows)}: {freedom.text}")
        return
    if explores:
        sys.exit(_explore(wrong, labs, seconds, seed, json_file))
    _, judges = collection.rows_and_cases(opt_in=False)
    others = 10**9 if all_cases else sample
    tasks = selfcheck.plan(wrong, judges, others) + selfcheck.plan_freedoms(free, judges, others)
    tasks.insert(0, selfcheck.without_fault(tasks if faults or freedoms else None, judges))
    number = itertools.count(1)

    def tell(verdict: "FaultVerdict") -> None:
        told = next(number)
        place = f"{told}/{len(tasks)}" if told <= len(tasks) else "again"
        click.echo(f"{place} {verdict.line()} ({verdict.seconds:.0f} s)")

    verdicts = selfcheck.check(tasks, at_once=labs, again=again, kept=results, done=tell)
    click.echo("")
    for line in (*selfcheck.matrix(verdicts), *selfcheck.law_table(verdicts)):
        click.echo(line)
    if json_file:
        write_output(json_file, json.dumps(selfcheck.as_json(verdicts), indent=1))
    bad = [verdict for verdict in verdicts if not verdict.well]
    click.echo(f"\n{len(verdicts) - len(bad)} of {len(verdicts)} are as they should be")
    if bad:
        click.echo(f"the runs that are not are in {results}")
    sys.exit(1 if bad else 0)


def _explore(faults: Iterable[str], labs: int, seconds: float, seed: int, json_file: Path | None) -> int:
    """The exit status."""
    from harness.diagnostics import explore_check, selfcheck

    found = explore_check.explore_all(
        faults, at_once=labs, seconds=seconds, seed=seed, done=lambda one: click.echo(one.line())
    )
    click.echo("")
    for line in explore_check.summary(found):
        click.echo(line)
    if json_file:
        write_output(json_file, json.dumps(explore_check.as_json(found), indent=1))
    return 1 if any(one.noticed for one in found if one.fault == selfcheck.NO_FAULT) else 0
