# SPDX-License-Identifier: Apache-2.0
"""`wsk-conformance explore`. What other commands do without is imported in its function."""

import contextlib
import json
import random
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli import param_types
from harness.cli.guest_folder import say
from harness.cli.run_options import run_option, run_options
from harness.core.errors import UsageError
from harness.core.paths import RESULTS
from harness.run.option import Topic
from harness.run.options import OPTIONS, Settings

if TYPE_CHECKING:
    from harness.explore.exploration import Exploration
    from harness.guest.base import Guest

_SECONDS = 60.0
_BOTH = ("first", "second")
_EXIT_FOUND = 1
_EXIT_NOTHING = 3
_OPTIONS = [one for one in OPTIONS if one.topic is Topic.GUEST or one.name == "at_once"]


@click.command()
@click.option(
    "--seconds", type=param_types.Number(1), help="Stop after so long; 60 unless --scenarios is given."
)
@click.option("--scenarios", type=click.IntRange(1), help="Stop after so many.")
@click.option(
    "--seed", type=click.IntRange(0), help="The same seed makes the same scenarios; by default any."
)
@click.option("--first", is_flag=True, help="Stop with the first find.")
@click.option(
    "--shrinking",
    type=param_types.Number(0),
    default=50.0,
    show_default=True,
    help="Seconds to make each find smaller in.",
)
@click.option(
    "--write-test",
    type=param_types.FilePath(file_okay=False),
    metavar="FOLDER",
    help="Write each find there as a test of the suites, to be taken over.",
)
@click.option(
    "--against", metavar="GUEST", help="Perform the same in another guest too, and tell what differs."
)
@click.option(
    "--against-fault",
    metavar="NAME",
    help="A fault of that other guest; it is of the same kind by default.",
)
@click.option("--against-freedom", metavar="NAME[,NAME]", help="Freedoms of it.")
@run_options(_OPTIONS)
@run_option("results", default=RESULTS / "explore", help="Folder for what is found.")
def explore(
    seconds: float | None,
    scenarios: int | None,
    seed: int | None,
    first: bool,
    shrinking: float,
    write_test: Path | None,
    against: str | None,
    against_fault: str | None,
    against_freedom: str | None,
    results: Path,
    **chosen: Any,
) -> None:
    """Perform scenarios that nobody wrote, and judge each by the laws.

    Scenarios are made by chance within what the documents allow: sockets of all
    origins, every call in every context, cancels, events, two threads, and all
    peers. What breaks a law is performed once more, made as small as possible,
    printed in words, and kept with its scenario, trace and capture.

    With --against, --against-fault or --against-freedom two guests perform
    the same scenarios, and what they do differently is found instead.

    \b
    wsk-conformance explore --seconds 60
    wsk-conformance explore --guest windows-11 --against windows-server-2025
    wsk-conformance explore --fault fin-before-data --first

    Exit status: 0 nothing was found, 1 something was, 2 wrong usage, 3 nothing
    could be judged.
    """
    from harness.pytest_plugin.plugin import chosen_guest

    settings = Settings(results=results, **chosen)
    guest = chosen_guest(settings)
    if scenarios is None and seconds is None:
        seconds = _SECONDS
    if write_test and not write_test.is_dir():
        raise UsageError(f"there is no folder {write_test}")
    from harness.explore.exploration import Budget

    number = random.SystemRandom().randrange(10**6) * 1000 if seed is None else seed
    say(f"seed {number}")
    budget = Budget(seconds, scenarios, first, shrinking)
    if against is not None or against_fault or against_freedom:
        name = settings.guest if against is None else against
        other = replace(settings, guest=name, fault=against_fault, freedom=against_freedom)
        sys.exit(_compare((settings, other), number, budget))
    done = _perform(settings, guest, number, budget, write_test)
    sys.exit(_EXIT_FOUND if done.finds or done.leaks else 0 if done.judged else _EXIT_NOTHING)


def _perform(
    settings: Settings, guest: "Guest", seed: int, budget: Any, write_test: Path | None
) -> "Exploration":
    from harness.explore import render, writer
    from harness.explore.exploration import Exploration
    from harness.explore.performer import Performer
    from harness.report.record import new_run_id
    from harness.run import preflight
    from harness.run.executor import Executor

    folder = settings.results / new_run_id()
    preflight.check(settings)
    guest.prepare(say)  # while this process still has the host's network
    with writer.exploration_writer(folder, settings) as written:
        executor = Executor(settings, guest, folder, say)
        executor.open()
        try:
            done = Exploration(Performer(executor), seed, budget, say)
            try:
                done.run()
            finally:
                written.exploration(done)
        finally:
            executor.close()
    for line in render.summary(done):
        click.echo(line)
    for find in done.finds if write_test else ():
        path = write_test / f"test_explored_{find.id}.py" if write_test else folder
        path.write_text(render.as_test(find))
        click.echo(f"written: {path}")
    click.echo(f"kept in {folder}")
    return done


def _compare(settings: tuple[Settings, Settings], seed: int, budget: Any) -> int:
    """The exit status of an exploration of two guests."""
    from harness.explore import against
    from harness.explore.guest_process import GuestProcess
    from harness.pytest_plugin.plugin import chosen_guest
    from harness.report.record import make_folders, new_run_id
    from harness.run import preflight

    folder = settings[0].results / new_run_id()
    chosen = [chosen_guest(one) for one in settings]  # a wrong name is told before anything is built
    for name, one, guest in zip(_BOTH, settings, chosen, strict=True):
        preflight.check(one)
        guest.prepare(say)
        make_folders(folder / name)
    with contextlib.ExitStack() as guests:
        both = [
            guests.enter_context(GuestProcess(one, folder / name))
            for name, one in zip(_BOTH, settings, strict=True)
        ]
        done = against.PairedExploration((both[0], both[1]), seed, budget, say)
        done.run()
    for line in against.told(done):
        click.echo(line)
    (folder / "differences.json").write_text(json.dumps(against.as_json(done), indent=1))
    click.echo(f"kept in {folder}")
    return _EXIT_FOUND if done.differences else 0 if done.performed > done.unjudged else _EXIT_NOTHING
