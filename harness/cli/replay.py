# SPDX-License-Identifier: Apache-2.0
"""`wsk-conformance replay`."""

import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from harness.cli import param_types
from harness.cli.run_options import replay_options, run_option, without
from harness.core.errors import EvidenceLost, UsageError
from harness.core.files import is_folder
from harness.core.paths import RESULTS
from harness.run.options import STARTS_GUEST, Settings

_EXIT_DIFFERENT = 1


@click.command()
@click.argument("case", metavar="CASE")
@click.option(
    "--run",
    "folder",
    type=param_types.FilePath(),
    default=RESULTS / "latest",
    show_default=True,
    help="The results folder that holds the case.",
)
@replay_options(STARTS_GUEST)
@run_option("results", default=RESULTS / "replay", help="Folder for the new run.")
def replay(case: str, folder: Path, results: Path, **chosen: Any) -> None:
    """Run a stored case again and show both timelines side by side.

    CASE is the id of a case of the run, or a part of it that no other has. Its
    test is performed again, with the same peer, and what differs is marked:

    \b
    |  another status, IRQL or place in the stream
    <  only in the stored run        >  only now
    .  in one run only by chance: a segment of data, an acknowledgement
    ~  in another order; or a completion or callback that was on the other side
       of a packet of the peer's, by more than the clock's bound

    The last two are not counted: what happens side by side has no order, and an
    order that is promised is judged by the case, whose outcome counts. Ports,
    pointers and times are another in every run and never marked. When the test
    has changed since, so that its scenario is another, that is said first.

    \b
    Exit status: 0 all is the same, 1 something differs, 2 wrong usage or a
    damaged folder, 3 the harness failed or evidence was lost.
    """
    from harness.pytest_plugin.plugin import chosen_guest
    from harness.replay.compared import stored_case
    from harness.replay.perform import find, perform
    from harness.replay.render import Comparison
    from harness.report.record import load_run
    from harness.verdict import Outcome

    run = load_run(folder)
    stored = find(run, case)
    then = stored_case(folder if is_folder(folder) else folder.parent, run, stored)
    settings = _settings(run, results, chosen)
    chosen_guest(settings)
    click.echo(f"running {stored['id']} again on {settings.guest}", err=True)
    new_folder = perform(stored["id"], settings)
    new_run = load_run(new_folder)
    comparison = Comparison(then, stored_case(new_folder, new_run, find(new_run, stored["id"])))
    for line in comparison.lines(shutil.get_terminal_size().columns):
        click.echo(line)
    outcome = Outcome(comparison.now.case["outcome"])
    if outcome.errors:
        raise EvidenceLost(f"the new run says nothing about the guest: {comparison.now.case['why']}")
    sys.exit(_EXIT_DIFFERENT if comparison.differs else 0)


def _settings(run: Mapping[str, Any], results: Path, chosen: Mapping[str, Any]) -> Settings:
    """The settings of the stored run with the options given here; another guest takes none of them.

    Raises UsageError for an option that is asked for and refused at once.
    """
    stored_guest = str(run["guest"].get("name"))
    stored = run["settings"] if chosen["guest"] in (None, stored_guest) else {}
    settings: dict[str, Any] = {"guest": chosen["guest"] or stored_guest, "results": results}
    for one in STARTS_GUEST:
        asked, refused = chosen[one.name], chosen.get(without(one))
        if asked and refused:
            raise UsageError(f"{one.flag} and --no-{one.flag.removeprefix('--')} contradict each other")
        if asked is not None:
            settings[one.name] = asked
        elif one.in_record and not refused and one.name in stored and one.accepts(stored[one.name]):
            settings[one.name] = stored[one.name]
    return Settings(**settings)
