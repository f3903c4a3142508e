# SPDX-License-Identifier: Apache-2.0
"""`wsk-conformance nightly`."""

import contextlib
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli import param_types
from harness.cli.run_options import run_option
from harness.core.errors import UsageError
from harness.core.files import check_output, write_output
from harness.core.paths import BASELINES, HISTORY
from harness.core.printable import printable

if TYPE_CHECKING:
    from harness.history.night import Cell, Night
    from harness.nightly.history_writer import HistoryWriter
    from harness.nightly.matrix import Matrix
    from harness.nightly.plan import Plan
    from harness.nightly.progress import NightProgress
    from harness.nightly.runner import Place


@click.command()
@click.argument("matrix_file", metavar="MATRIX", type=param_types.FilePath())
@click.option("--check", is_flag=True, help="Only say what is wrong with the matrix, or which cells it has.")
@click.option("--only", multiple=True, metavar="CELL", help="Only this cell; may be repeated.")
@click.option(
    "--jobs",
    type=click.IntRange(1, 256),
    help="Cells side by side; as many as CPUs and free memory allow by default.",
)
@click.option(
    "--resume",
    metavar="[NIGHT]",
    is_flag=False,
    flag_value="latest",
    help="Go on with a night that did not come to its end: the latest, or its id or folder. Give it last.",
)
@click.option("--farm", metavar="ADDRESS", help="Send the cells to the Dask scheduler at this address.")
@click.option(
    "--bisect-order",
    "spoilt",
    metavar="CASE",
    help="Of one cell (--only): find the case that spoils this one when they share a guest.",
)
@click.option(
    "--markdown",
    "markdown_file",
    metavar="FILE",
    type=param_types.FilePath(),
    help="Write the summary there too, for chat or the page of a CI system.",
)
@run_option("results", help="Folder for results; nights are in `nights` below it.")
@click.option(
    "--store",
    metavar="FILE|URL",
    envvar="WSK_CONFORMANCE_STORE",
    show_envvar=True,
    help="The history to keep the night in: `history.sqlite` in the results folder by default.",
)
def nightly(
    matrix_file: Path,
    check: bool,
    only: tuple[str, ...],
    jobs: int | None,
    resume: str | None,
    farm: str | None,
    spoilt: str | None,
    markdown_file: Path | None,
    results: Path,
    store: str | None,
) -> None:
    """Judge many guests with many settings: a matrix of cells, each an ordinary run.

    MATRIX is a TOML file; suites/nightly.toml is an example, and docs/nightly.md
    says what may be in one. It is checked completely before anything boots.

    \b
    wsk-conformance nightly suites/nightly.toml --check
    wsk-conformance nightly suites/nightly.toml
    wsk-conformance nightly suites/nightly.toml --resume
    wsk-conformance nightly suites/nightly.toml --farm tcp://scheduler:8786

    A night leaves results/nights/NIGHT with night.json, which is written as
    cells begin and end, and an ordinary run folder for each attempt. It is kept in
    the history as its cells end, and the page over all nights is made anew
    (results/history/index.html; see `wsk-conformance history`). What did not
    pass is run again, alone, when a cell asks for `attempts`; that shows what is
    flaky and never makes a verdict better.

    Exit status: the worst of the cells, as of `run`.
    """
    from harness.nightly.history_writer import HistoryWriter
    from harness.nightly.markdown import summary
    from harness.nightly.matrix import load_matrix
    from harness.nightly.progress import NightProgress
    from harness.nightly.verdict import night_status

    if markdown_file:
        check_output(markdown_file)
    matrix = load_matrix(matrix_file)
    plans = _chosen(matrix.plans, only)
    if check:
        for plan in plans:
            settings = ", ".join(f"{name} {value}" for name, value in plan.settings.items())
            line = f"{plan.name}: {plan.guest}, {plan.amount}" + (f", {settings}" * bool(settings))
            click.echo(printable(line))
        return
    if spoilt:
        if farm is not None or resume:
            raise UsageError(
                "--bisect-order searches on this host, and on its own: leave out --farm and --resume"
            )
        sys.exit(_bisect(plans, spoilt, results))
    with NightProgress() as told, _place(farm, plans, told.says) as place:
        results = results.resolve()
        resumed = (
            _night(results, matrix, plans, resume) if resume else None
        )  # a refused matrix leaves no store
        history_writer = HistoryWriter(store or str(results / HISTORY), results, told.says)
        folder, night = resumed or _night(results, matrix, plans, None)
        try:
            _perform(folder, night, matrix, place, told, jobs, history_writer)
        finally:
            history_writer.finish(folder)
            lines = list(summary(folder, night))
            if markdown_file:
                write_output(markdown_file, "\n".join(lines) + "\n")
    click.echo("\n" + "\n".join(lines))
    sys.exit(night_status(folder, night))


def _chosen(plans: Sequence["Plan"], only: Sequence[str]) -> list["Plan"]:
    known = {plan.name: plan for plan in plans}
    unknown = [name for name in only if name not in known]
    if unknown:
        raise UsageError(f"the matrix has no cell {', '.join(unknown)}; it has: {', '.join(known)}")
    return [plan for plan in plans if plan.name in only or not only]


def _night(
    results: Path, matrix: "Matrix", plans: Sequence["Plan"], resume: str | None
) -> tuple[Path, "Night"]:
    from harness.nightly.runner import find_night, new_night

    return find_night(results, resume, matrix) if resume else new_night(results, matrix, plans)


def _perform(
    folder: Path,
    night: "Night",
    matrix: "Matrix",
    place: "Place",
    told: "NightProgress",
    jobs: int | None,
    history_writer: "HistoryWriter",
) -> None:
    from harness.nightly.runner import Runner, sole_writer

    def ended(cell: "Cell") -> None:
        told.cell_ended(cell)
        history_writer.keep(folder)

    plans = [plan for plan in matrix.plans if any(cell.name == plan.name for cell in night.cells)]
    told.follow(night)
    told.says(f"night {night.night_id}: {len(night.cells)} cells, in {folder}")
    with sole_writer(folder):
        try:
            runner = Runner(folder, night, place, told, cell_ended=ended)
            runner.perform(plans, jobs or place.room(plans))
        except KeyboardInterrupt:
            told.says(f"interrupted; `--resume {night.night_id}` goes on with it")
            raise


@contextlib.contextmanager
def _place(farm: str | None, plans: Sequence["Plan"], say: "Callable[[str], None]") -> "Iterator[Place]":
    """Raises UsageError when a cell cannot be performed there, HarnessError when there is nobody there."""
    from harness.lab import kvm
    from harness.nightly.attempt import read_all
    from harness.nightly.local import LocalPlace

    baselines = read_all(BASELINES)
    if farm is not None:
        from harness.nightly.farm import Farm

        with Farm(farm, plans, baselines, say) as place:
            yield place
        return
    wanting = [plan.name for plan in plans if plan.kvm]
    usable, reason = kvm.usable() if wanting else (True, "")
    if not usable:
        raise UsageError(
            f"{', '.join(wanting)}: this host has no KVM ({reason}); send them to a farm that has it"
        )
    yield LocalPlace(baselines)


def _bisect(plans: Sequence["Plan"], case: str, results: Path) -> int:
    """0 when a neighbour was found, 1 when the case fails alone, 3 when nothing was found."""
    from harness.nightly.bisect import FindingKind, Tries, neighbours_of, search
    from harness.report.record import new_run_id

    if len(plans) != 1:
        raise UsageError("--bisect-order searches in one cell: name it with --only")
    (plan,) = plans
    folder = results.resolve() / "bisect" / new_run_id()
    neighbours = neighbours_of(plan, case)
    with _place(None, plans, click.echo) as place:
        try:
            finding = search(neighbours, Tries(plan, case, place, folder, click.echo).passes)
        finally:
            place.stop()
    click.echo(f"\n{case}: {finding.kind.value}")
    for neighbour in finding.cases:
        click.echo(f"  {neighbour}")
    click.echo(f"the runs are in {folder}")
    return {FindingKind.FOUND: 0, FindingKind.TOGETHER: 0, FindingKind.FAILS_ALONE: 1}.get(finding.kind, 3)
