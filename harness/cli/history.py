# SPDX-License-Identifier: Apache-2.0
"""`wsk-conformance history`: what many nights add up to."""

import json
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import click

from harness.cli import param_types
from harness.core.errors import UsageError
from harness.core.files import is_file
from harness.core.paths import HISTORY, RESULTS
from harness.core.printable import printable

_EXIT_DIFFERENT = 1
_EXIT_EVIDENCE_LOST = 3

_store = click.option(
    "--store",
    metavar="FILE|URL",
    default=str(RESULTS / HISTORY),
    show_default=True,
    envvar="WSK_CONFORMANCE_STORE",
    show_envvar=True,
    help="A file of SQLite, or postgresql://user@host/name.",
)
_known = click.option(
    "--known",
    metavar="FILE",
    type=param_types.FilePath(),
    help="Known issues; suites/known-issues.toml by default.",
)
_night = click.argument("night", metavar="[NIGHT]", default="latest")


@click.group()
def history() -> None:
    """Keep nights in a store, and say what changed, what is flaky, and how it went over time.

    `wsk-conformance nightly` keeps its nights by itself. NIGHT is the id of a
    night in the store, its folder, or `latest`.

    \b
    wsk-conformance history keep results/nights/*    bring folders of nights into the store
    wsk-conformance history changes                  the latest night against the one before
    wsk-conformance history changes --build 10.0.20348.2227
    wsk-conformance history page                     one page over all nights
    """


@history.command()
@click.argument("folders", metavar="NIGHT...", nargs=-1, required=True, type=param_types.FilePath())
@_store
def keep(folders: tuple[Path, ...], store: str) -> None:
    """Bring nights into the store, or up to date there.

    NIGHT is a folder with a night.json. It may still run, or have been killed:
    what it has done so far is kept, and a later `keep` adds the rest.
    """
    from harness.history.night import load_night
    from harness.history.store import Store

    for folder in folders:
        load_night(folder)  # a refused night leaves no empty store
    with Store.open(store) as opened:
        for folder in folders:
            click.echo(f"{opened.keep(folder)} is in {store_name(store)}")


@history.command()
@_store
def nights(store: str) -> None:
    """Name the nights in the store, the latest first, with the outcomes of their cases."""
    from harness.history.loading import counts_of, heads
    from harness.history.render import counted, verdict_names
    from harness.history.store import Store

    with Store.open(store, new=False) as opened, opened.reading() as connection:
        counts = counts_of(connection)
        for head in heads(connection):
            marks = "".join((" pinned" * head.pinned, " not ended" * (not head.ended)))
            told = counted(verdict_names(counts.get(head.id, {})))
            click.echo(printable(f"{head.name}  {head.matrix}  {head.started}{marks}: {told}"))


@history.command()
@_night
@click.option("--against", metavar="NIGHT", help="Another night than the one before.")
@click.option("--baseline", is_flag=True, help="Against the pinned night of the same matrix.")
@click.option("--build", metavar="BUILD", help="Against the latest cells whose guest was of this build.")
@click.option(
    "--format",
    "wanted",
    type=click.Choice(["text", "markdown", "json"]),
    default="text",
    show_default=True,
)
@click.option("--no-timing", is_flag=True, help="Only what the guests did, not how long it took.")
@_known
@_store
def changes(
    night: str,
    against: str | None,
    baseline: bool,
    build: str | None,
    wanted: str,
    no_timing: bool,
    known: Path | None,
    store: str,
) -> None:
    """Say what a night shows that another did not.

    Cells of the same name are compared, case by case: new failures, what was
    fixed, what was recorded where no document says, cases that are new or
    disappeared. Times are compared as by `wsk-conformance compare`, corrected
    over all cells. A failure is new when its key is: of cell, case, outcome, and
    why without its figures.

    With --build, a cell is compared with the latest one that had the same
    settings and a guest of that build.

    \b
    Exit status: 0 nothing changed, 1 something did, 2 wrong usage, 3 nothing
    did, but something could be compared no longer.
    """
    from harness.history import references, render
    from harness.history.changes import compare
    from harness.history.flaky import flaky_cases
    from harness.history.grouping import Marks
    from harness.history.known import load_known
    from harness.history.loading import find, load
    from harness.history.store import Store

    if sum(map(bool, (against, baseline, build))) > 1:
        raise UsageError("--against, --baseline and --build name three different things: choose one")
    issues = load_known(known)
    with Store.open(store, new=False) as opened, opened.reading() as connection:
        head = find(connection, night_name(night))
        looked_at = load(connection, head)
        if against:
            reference: Any = references.named(connection, night_name(against))
        elif build:
            reference = references.build(connection, looked_at, build)
        elif baseline:
            reference = references.baseline(connection, head.matrix)
        else:
            reference = references.previous(connection, looked_at)
        if reference is None:
            missing = (
                f"no night of {head.matrix} is pinned" if baseline else f"no night is before {head.name}"
            )
            raise UsageError(f"{missing}: there is nothing to compare with")
        found = compare(connection, looked_at, reference, timing=not no_timing)
        marks = Marks.of(looked_at, issues, flaky_cases(connection, head))
    if wanted == "json":
        lines: Iterable[str] = [json.dumps(render.changes_as_json(found), indent=1)]
    elif wanted == "markdown":
        lines = render.changes_as_markdown(marks, found)
    else:
        lines = render.changes_as_text(head, marks, found)
    for line in lines:
        click.echo(line)
    sys.exit(_EXIT_DIFFERENT if found.found else _EXIT_EVIDENCE_LOST if found.lost else 0)


@history.command()
@_night
@click.option(
    "--excuse-known", is_flag=True, help="Known issues that have not expired do not count in the exit status."
)
@_known
@_store
def summary(night: str, excuse_known: bool, known: Path | None, store: str) -> None:
    """Print a night in markdown, for chat or a CI page: what changed, failures, what is flaky.

    Exit status as of `run`: 0 all passed, 1 a guest failed, in whatever attempt,
    2 a cell is configured wrongly, 3 something could not be judged, or the
    night did not come to its end.
    """
    from harness.history.known import load_known
    from harness.history.loading import find
    from harness.history.night_summary import night_summary
    from harness.history.render import summary as lines
    from harness.history.status import exit_status
    from harness.history.store import Store

    issues = load_known(known)
    with Store.open(store, new=False) as opened, opened.reading() as connection:
        seen = night_summary(connection, find(connection, night_name(night)), issues)
    for line in lines(seen):
        click.echo(line)
    sys.exit(exit_status(seen.night, issues) if excuse_known else seen.status)


@history.command()
@click.option(
    "--output",
    type=param_types.FilePath(),
    default=RESULTS / "history",
    show_default=True,
    help="Folder for index.html, summary.md and the badges.",
)
@_known
@_store
def page(output: Path, known: Path | None, store: str) -> None:
    """Make index.html over all nights: one file, works offline.

    What changed in the latest night comes first, then failures, flaky cases,
    known issues, and the trends of cells, promises and times.
    """
    from harness.history.known import load_known
    from harness.history.pages import write_pages
    from harness.history.store import Store

    issues = load_known(known)
    with Store.open(store, new=False) as opened:
        click.echo(f"making the pages of {store_name(store)}", err=True)
        click.echo(write_pages(opened, output, issues))


@history.command()
@_night
@click.option("--remove", is_flag=True, help="It is the baseline no longer.")
@_store
def pin(night: str, remove: bool, store: str) -> None:
    """Make a night the baseline of its matrix.

    Later nights are compared with it too, and it is never pruned.
    """
    from harness.history.store import Store

    with Store.open(store, new=False) as opened:
        head = opened.pin(night_name(night), pinned=not remove)
    click.echo(f"{head.name} is {'no longer ' if remove else ''}the baseline of {head.matrix}")


@history.command()
@click.option("--keep-nights", type=click.IntRange(1), metavar="N", help="The newest N of each matrix.")
@click.option(
    "--keep-days", type=click.IntRange(1, 36500), metavar="D", help="Those that began in the last D days."
)
@click.option("--delete-folders", is_flag=True, help="Delete the results folders of those that go, too.")
@click.option("--dry-run", is_flag=True, help="Only say what would go.")
@_store
def prune(
    keep_nights: int | None, keep_days: int | None, delete_folders: bool, dry_run: bool, store: str
) -> None:
    """Take old nights out of the store.

    A night stays when any rule keeps it. The latest of each matrix and pinned
    nights always stay. Results folders stay too, unless --delete-folders is given.
    """
    from harness.history.retention import delete_folder
    from harness.history.store import Store

    with Store.open(store, new=False) as opened:
        do: Callable[..., Any] = opened.expendable if dry_run else opened.prune
        gone = do(newest=keep_nights, days=keep_days)
    for head in gone:
        deleted = delete_folders and not dry_run and delete_folder(head)
        click.echo(f"{'would take' if dry_run else 'took'} out {head.name}{', with its folder' * deleted}")
    click.echo(f"{len(gone)} night{'s' * (len(gone) != 1)} {'would go' if dry_run else 'went'}")


def night_name(night: str) -> str:
    """The id of a night, which may be given as its folder."""
    from harness.history.night import NIGHT_FILE, load_night

    path = Path(night)
    return load_night(path).night_id if is_file(path / NIGHT_FILE) else night


def store_name(store: str) -> str:
    """The store's name, without the password that a URL may hold."""
    from harness.history.database import shown

    return shown(store)
