# SPDX-License-Identifier: Apache-2.0
"""wsk-conformance: its commands, and how each of them ends."""

import io
import json
import sys
from pathlib import Path

import click

from harness import __version__
from harness.cli import param_types
from harness.cli.compare import compare
from harness.cli.doctor import doctor
from harness.cli.ending import EXIT_INTERRUPTED, brief
from harness.cli.explore import explore
from harness.cli.history import history
from harness.cli.image import image
from harness.cli.nightly import nightly
from harness.cli.replay import replay
from harness.cli.run import run
from harness.cli.selfcheck import selfcheck
from harness.cli.selftest_crash import selftest_crash
from harness.cli.shell import shell
from harness.cli.try_driver import try_driver
from harness.core.errors import Terminated, UsageError
from harness.core.files import read_bytes
from harness.core.paths import RESULTS
from harness.core.printable import printable


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__)
def cli() -> None:
    """Does a Windows build disconnect and close kernel sockets the way the documents promise?

    \b
    wsk-conformance run           judge a guest: boots it, runs the suites, writes results/latest
    wsk-conformance explore       judge a guest by scenarios that nobody wrote
    wsk-conformance report        make a report of a stored run again, or a ladder of any capture
    wsk-conformance compare       two runs: what the guests did differently, and how long it took them
    wsk-conformance history       many nights: what changed, what is flaky, one page over all of them
    wsk-conformance replay        run a stored case again, and show both timelines side by side
    wsk-conformance nightly       judge many guests with many settings, here or on a farm
    wsk-conformance show          print a stored scenario or trace in words
    wsk-conformance requirements  print every promise that is judged, with its cases
    wsk-conformance image         build an image of Windows from your own ISO; list, verify, delete images
    wsk-conformance selfcheck     show that the suites notice what the reference guest does wrong, and no more
    wsk-conformance doctor        say what this machine lacks, and what to do about it
    wsk-conformance selftest-crash  crash a guest, or hang it, and check that the evidence arrives
    wsk-conformance shell         start a guest and work in its lab by hand
    wsk-conformance try-driver    try a driver of your own, without Windows

    Exit status: 0 all passed, 1 the guest failed something, 2 wrong usage or
    configuration, 3 the harness failed or evidence was lost.
    """


@cli.command()
@click.argument("run_folder", metavar="[RUN]", type=param_types.FilePath(), required=False)
@click.option(
    "--format",
    "wanted",
    type=click.Choice(["html", "markdown", "junit", "json"]),
    default="html",
    show_default=True,
)
@click.option(
    "--against",
    metavar="RUN",
    type=param_types.FilePath(),
    help="Show the times of this other run behind those of RUN (html only).",
)
@click.option("--capture", type=param_types.FilePath(), help="A pcap or pcapng file instead of a run.")
@click.option("--list", "list_only", is_flag=True, help="Of a capture: name its TCP connections.")
@click.option("--connection", type=click.IntRange(1), metavar="N", help="Of a capture: this connection.")
@click.option(
    "--interface",
    default="",
    metavar="NAME",
    help="Of a capture: only what this interface saw, or this component of Windows' stack; or its number.",
)
@click.pass_context
def report(
    context: click.Context,
    run_folder: Path | None,
    wanted: str,
    against: Path | None,
    capture: Path | None,
    list_only: bool,
    connection: int | None,
    interface: str,
) -> None:
    """Make a report of a stored run again, or a ladder of any capture.

    RUN is a results folder; the latest run by default. html and junit are
    written into it, markdown and json are printed.

    With --capture, one TCP connection of any program's pcap or pcapng file is
    printed as a ladder, packet by packet: cut captures, VLANs, raw IP, Linux
    cooked and loopback ones too. Sequence numbers count from each end's SYN.
    Files that gzip compressed are read, and a packet that several interfaces
    saw is shown once.

    \b
    wsk-conformance report --capture trace.pcap --list [--format json]
    wsk-conformance report --capture trace.pcap --connection 3
    """
    if capture:
        if run_folder or against:
            raise UsageError("--capture reads a file of its own: leave out RUN and --against")
        is_default = context.get_parameter_source("wanted") == click.core.ParameterSource.DEFAULT
        if not is_default and wanted != "json":
            raise UsageError(
                f"a capture is printed as text, or listed as json: --format {wanted} is for runs"
            )
        from harness.cli.capture import CaptureView, show_capture

        is_json = wanted == "json"
        show_capture(capture, CaptureView(list_only, is_json, connection, interface))
        return
    if list_only or connection or interface:
        raise UsageError("--list, --connection and --interface belong to --capture FILE")
    if against and wanted != "html":
        raise UsageError("--against belongs to --format html; `compare` tells the differences of two runs")
    run_folder = run_folder or RESULTS / "latest"
    from harness.report.html import write_report
    from harness.report.junit import write_junit
    from harness.report.markdown import markdown
    from harness.report.record import load_run

    if wanted == "html":
        click.echo(write_report(run_folder, against))
    elif wanted == "junit":
        click.echo(write_junit(run_folder))
    elif wanted == "markdown":
        click.echo(markdown(run_folder), nl=False)
    else:
        click.echo(json.dumps(load_run(run_folder), indent=1))


@cli.command()
@click.argument("file", type=param_types.FilePath())
def show(file: Path) -> None:
    """Print a scenario or a trace of a results folder in words."""
    from harness.report.text import lines

    for line in lines(read_bytes(file)):
        click.echo(line)


@cli.command()
@click.option("--json", "as_json", is_flag=True, help="For programs: one list of rows.")
def requirements(as_json: bool) -> None:
    """Print every promise that is judged, where it is made, and the cases that judge it.

    \b
    Classes:  REQUIRE  a Microsoft document states it   EXPECT  shipped code relies on it
              TCP      RFC 9293 or RFC 1122 states it   RECORD  nobody states it: compared with a baseline
    """
    from harness.pytest_plugin import collection

    rows, judges = collection.rows_and_cases()
    if as_json:
        click.echo(json.dumps(collection.as_json(rows, judges), indent=1))
        return
    for line in collection.as_text(rows, judges):
        click.echo(line)


cli.add_command(run)
cli.add_command(compare)
cli.add_command(image)
cli.add_command(history)
cli.add_command(doctor)
cli.add_command(explore)
cli.add_command(nightly)
cli.add_command(replay)
cli.add_command(selfcheck)
cli.add_command(selftest_crash)
cli.add_command(shell)
cli.add_command(try_driver)


def main() -> None:
    """The command line; how it ends otherwise than by an exit status is for harness.cli.ending to tell."""
    try:
        cli.main(standalone_mode=False)
    except click.exceptions.Exit as wanted:
        sys.exit(wanted.exit_code)
    except click.ClickException as error:
        told = io.StringIO()
        error.show(told)
        click.echo(brief(printable(told.getvalue())), err=True, nl=False)
        sys.exit(error.exit_code)
    except click.Abort as error:  # what click makes of Ctrl-C
        if isinstance(error.__cause__, Terminated):
            raise error.__cause__ from None
        click.echo("wsk-conformance: interrupted", err=True)
        sys.exit(EXIT_INTERRUPTED)
