# SPDX-License-Identifier: Apache-2.0
"""wsk-conformance: the same work as `pytest suites/`, for people who do not live in pytest."""

import itertools
import json
import sys
from pathlib import Path

import click
import pytest

from harness import __version__
from harness.commands.compare import compare
from harness.commands.doctor import doctor
from harness.commands.history import history
from harness.commands.image import image
from harness.commands.nightly import nightly
from harness.commands.replay import replay
from harness.commands.selftest_crash import selftest_crash
from harness.errors import UsageError, WskConformanceError
from harness.guest.base import Options
from harness.lab.windows_domain import NIC_MODELS
from harness.plugin import REPOSITORY, SUITES, UNUSED, chosen_guest
from harness.settings import AT_ONCE, BASELINES, CPUS, RESULTS, Settings

EXIT_USAGE = 2
EXIT_HARNESS = 3
EXIT_INTERRUPTED = 130


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__)
def cli() -> None:
    """Does a Windows build disconnect and close kernel sockets the way the documents promise?

    \b
    wsk-conformance run           judge a guest: boots it, runs the suites, writes results/latest
    wsk-conformance report        make a report of a stored run again, or a ladder of any capture
    wsk-conformance compare       two runs: what the guests did differently, and how long it took them
    wsk-conformance history       many nights: what changed, what is flaky, one page over all of them
    wsk-conformance replay        run a stored case again, and show both timelines side by side
    wsk-conformance nightly       judge many guests with many settings, here or on a farm
    wsk-conformance show          print a stored scenario or trace in words
    wsk-conformance requirements  print every promise that is judged, with its cases
    wsk-conformance image         build an image of Windows from your own ISO; list, verify, delete images
    wsk-conformance selfcheck     show that the suites notice every fault of the reference guest
    wsk-conformance doctor        say what this machine lacks, and what to do about it
    wsk-conformance selftest-crash  crash a guest, or hang it, and check that the evidence arrives

    Exit status: 0 all passed, 1 the guest failed something, 2 wrong usage or
    configuration, 3 the harness failed or evidence was lost.
    """


@cli.command()
@click.argument("cases", nargs=-1, metavar="[CASE]...")
@click.option("--guest", default="reference", show_default=True, help="The guest to judge.")
@click.option("--fault", metavar="NAME", help="A wrong behaviour that the reference guest is to show.")
@click.option(
    "--cpus", type=click.IntRange(1, 64), default=CPUS, show_default=True, help="Virtual CPUs of each guest."
)
@click.option(
    "--results",
    type=click.Path(path_type=Path),
    default=RESULTS,
    show_default=True,
    help="Folder for results.",
)
@click.option(
    "--at-once",
    type=click.IntRange(1, 64),
    default=AT_ONCE,
    show_default=True,
    help="Scenarios side by side in the guest.",
)
@click.option(
    "-n",
    "labs",
    type=click.IntRange(1, 64),
    default=1,
    show_default=True,
    help="Labs side by side, a guest in each.",
)
@click.option("-k", "expression", metavar="EXPR", help="Only cases whose name matches, as pytest's -k.")
@click.option("-m", "marks", metavar="EXPR", help="Only cases with these marks, as pytest's -m.")
@click.option(
    "--variants",
    type=click.Choice(["pairs", "all"]),
    default="pairs",
    show_default=True,
    help="Every pair of values of a case's axes, or all combinations.",
)
@click.option("--destructive", is_flag=True, help="Also the cases that a guest may not survive, last.")
@click.option("--timing", is_flag=True, help="Also the cases that measure times, a thousand rounds each.")
@click.option(
    "--dump/--no-dump",
    default=None,
    help="Keep the memory of guests that crash or hang; by default as the guest's kind needs it.",
)
@click.option("--verifier", is_flag=True, help="Refuse a Windows guest whose Driver Verifier is not on.")
@click.option(
    "--nic",
    type=click.Choice(NIC_MODELS),
    help="The NIC under test in a Windows guest; its image's own by default.",
)
@click.option("--emulate", is_flag=True, help="Let a Windows guest run without KVM, which takes very long.")
@click.option(
    "--baselines",
    type=click.Path(path_type=Path),
    default=BASELINES,
    help="Folder of what each guest was seen to do where no document says; suites/baselines by default.",
)
@click.option("--accept-changes", is_flag=True, help="Put what differs from the guest's baseline into it.")
@click.option("--list", "list_only", is_flag=True, help="Name the cases and run none.")
@click.option("-q", "--quiet", is_flag=True, help="Only the summary.")
@click.option("-v", "--verbose", is_flag=True, help="A line for each case.")
@click.option(
    "--json", "as_json", is_flag=True, help="For programs: an object a line, a case each, the run last."
)
def run(
    cases: tuple[str, ...],
    guest: str,
    fault: str | None,
    cpus: int,
    results: Path,
    at_once: int,
    labs: int,
    expression: str | None,
    marks: str | None,
    variants: str,
    destructive: bool,
    timing: bool,
    dump: bool | None,
    verifier: bool,
    nic: str | None,
    emulate: bool,
    baselines: Path,
    accept_changes: bool,
    list_only: bool,
    quiet: bool,
    verbose: bool,
    as_json: bool,
) -> None:
    """Judge a guest by all cases, or by those named.

    CASE is a folder, file or test of the suites, as --list prints them:
    suites/close, suites/close/test_pending.py::test_close_leaves_the_irql_as_it_was.
    """
    # A wrong name is told before anything is collected.
    chosen_guest(Settings(guest=guest, fault=fault, options=Options(verifier, emulate, nic or "")))
    arguments = ["--rootdir", str(REPOSITORY), "-c", str(REPOSITORY / "pyproject.toml")]
    arguments += ["--guest", guest, "--results", str(results), "--at-once", str(at_once)]
    arguments += ["--cpus", str(cpus), "--baselines", str(baselines), *UNUSED]
    arguments += ["--fault", fault] if fault else []
    arguments += ["--variants", variants]
    arguments += ["--destructive"] * destructive + ["--timing"] * timing
    arguments += [] if dump is None else ["--dump" if dump else "--no-dump"]
    arguments += ["--verifier"] * verifier + ["--emulate"] * emulate
    arguments += ["--nic", nic] if nic else []
    arguments += ["--accept-changes"] * accept_changes
    arguments += ["-n", str(labs)] if labs > 1 else []
    arguments += ["-k", expression] if expression else []
    arguments += ["-m", marks] if marks else []
    arguments += ["--collect-only", "-q"] if list_only else []
    if as_json:
        arguments += ["--json-lines", "-s", "-p", "no:terminal"]
    else:
        arguments += ["--no-header", "--tb=no" if quiet else "--tb=short"] + ["-q"] * quiet + ["-v"] * verbose
    arguments += [_place(case) for case in cases] or [str(SUITES)]
    code = pytest.main(arguments)
    if code == pytest.ExitCode.NO_TESTS_COLLECTED:
        raise UsageError(
            "no case has such a name, or it needs --destructive or --timing; "
            "`wsk-conformance run --list` names them all"
        )
    sys.exit(_exit_status(code))


@cli.command()
@click.argument("run_folder", metavar="[RUN]", type=click.Path(path_type=Path), required=False)
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
    type=click.Path(path_type=Path),
    help="Show the times of this other run behind those of RUN (html only).",
)
@click.option("--capture", type=click.Path(path_type=Path), help="A pcap or pcapng file instead of a run.")
@click.option("--list", "list_only", is_flag=True, help="Of a capture: name its TCP connections.")
@click.option("--connection", type=click.IntRange(1), metavar="N", help="Of a capture: this connection.")
def report(
    run_folder: Path | None,
    wanted: str,
    against: Path | None,
    capture: Path | None,
    list_only: bool,
    connection: int | None,
) -> None:
    """Make a report of a stored run again, or a ladder of any capture.

    RUN is a results folder; the latest run by default. html and junit are
    written into it, markdown and json are printed.

    With --capture, one TCP connection of any program's pcap or pcapng file is
    printed as a ladder, packet by packet: cut captures, VLANs, raw IP, Linux
    cooked and loopback ones too. Sequence numbers count from each end's SYN.

    \b
    wsk-conformance report --capture trace.pcap --list
    wsk-conformance report --capture trace.pcap --connection 3
    """
    if capture:
        if run_folder or against:
            raise UsageError("--capture reads a file of its own: leave out RUN and --against")
        from harness.commands.capture import show_capture

        show_capture(capture, list_only=list_only, number=connection)
        return
    if list_only or connection:
        raise UsageError("--list and --connection belong to --capture FILE")
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
@click.argument("file", type=click.Path(path_type=Path))
def show(file: Path) -> None:
    """Print a scenario or a trace of a results folder in words."""
    from harness.report.text import lines

    try:
        data = file.read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read {file}: {error.strerror}") from None
    for line in lines(data):
        click.echo(line)


@cli.command()
@click.option("--json", "as_json", is_flag=True, help="For programs: one list of rows.")
def requirements(as_json: bool) -> None:
    """Print every promise that is judged, where it is made, and the cases that judge it.

    \b
    Classes:  REQUIRE  a Microsoft document states it   EXPECT  shipped code relies on it
              TCP      RFC 9293 or RFC 1122 states it   RECORD  nobody states it: compared with a baseline
    """
    from harness import catalogue

    rows, judges = catalogue.rows_and_cases()
    if as_json:
        click.echo(json.dumps(catalogue.as_json(rows, judges), indent=1))
        return
    for line in catalogue.as_text(rows, judges):
        click.echo(line)


@cli.command()
@click.option("--list", "list_only", is_flag=True, help="Name the faults, a line each with its rows.")
@click.option("--fault", "chosen", multiple=True, metavar="NAME", help="Only this fault; may be repeated.")
@click.option("--all-cases", is_flag=True, help="Every case under every fault: takes hours.")
@click.option(
    "--sample",
    type=click.IntRange(0),
    default=8,
    show_default=True,
    help="Cases of other rows to run under each fault: they must stay green.",
)
@click.option("--labs", type=click.IntRange(1, 16), default=2, show_default=True, help="Runs side by side.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write the matrix there too.")
@click.option(
    "--results",
    type=click.Path(path_type=Path),
    default=RESULTS / "selfcheck",
    show_default=True,
    help="Folder for the runs that were not as they should be.",
)
def selfcheck(
    list_only: bool,
    chosen: tuple[str, ...],
    all_cases: bool,
    sample: int,
    labs: int,
    json_file: Path | None,
    results: Path,
) -> None:
    """Show that the suites notice every fault of the reference guest.

    Runs the suites against the guest without a fault and then with each of its
    faults, and prints the kill matrix. A fault must be killed, and only by rows
    that its table (images/reference/module/faults.h) names.
    """
    from harness import catalogue, selfcheck
    from harness.guest import find

    faults = find("reference").faults()
    for name in chosen:
        chosen_guest(Settings(fault=name))
    wanted = {name: fault for name, fault in faults.items() if name in chosen or not chosen}
    if list_only:
        for name, fault in wanted.items():
            click.echo(f"{name}: {' '.join(fault.rows)}: {fault.text}")
        return
    _, judges = catalogue.rows_and_cases(opt_in=False)
    tasks = selfcheck.plan(wanted, judges, 10**9 if all_cases else sample)
    tasks.insert(0, selfcheck.without_fault(tasks if chosen else None, judges))
    number = itertools.count(1)

    def tell(verdict: "selfcheck.Verdict") -> None:
        click.echo(f"{next(number)}/{len(tasks)} {verdict.line()} ({verdict.seconds:.0f} s)")

    verdicts = selfcheck.check(tasks, at_once=labs, kept=results, done=tell)
    click.echo("")
    for line in selfcheck.matrix(verdicts):
        click.echo(line)
    if json_file:
        json_file.write_text(json.dumps(selfcheck.as_json(verdicts), indent=1))
    bad = [verdict for verdict in verdicts if not verdict.well]
    click.echo(f"\n{len(verdicts) - len(bad)} of {len(verdicts)} are as they should be")
    if bad:
        click.echo(f"the runs that are not are in {results}")
    sys.exit(1 if bad else 0)


cli.add_command(compare)
cli.add_command(image)
cli.add_command(history)
cli.add_command(doctor)
cli.add_command(nightly)
cli.add_command(replay)
cli.add_command(selftest_crash)


def _place(case: str) -> str:
    """A case as pytest wants it, whatever folder we are in. Raises UsageError when there is no such file."""
    path, mark, test = case.partition("::")
    for base in (Path.cwd(), REPOSITORY, SUITES):
        if (base / path).exists() and (base / path).resolve().is_relative_to(SUITES):
            return f"{(base / path).resolve()}{mark}{test}"
    raise UsageError(f"there is no case {case!r}; `wsk-conformance run --list` names them all")


def _exit_status(code: int) -> int:
    if code == pytest.ExitCode.INTERRUPTED:
        return EXIT_INTERRUPTED
    if code in (pytest.ExitCode.USAGE_ERROR, pytest.ExitCode.NO_TESTS_COLLECTED):
        return EXIT_USAGE
    return int(code)


def main() -> None:
    """The command line; always ends the process with one of the documented exit statuses."""
    try:
        cli.main(standalone_mode=False)
    except click.exceptions.Exit as wanted:
        sys.exit(wanted.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except click.Abort:  # what click makes of Ctrl-C
        click.echo("wsk-conformance: interrupted", err=True)
        sys.exit(EXIT_INTERRUPTED)
    except UsageError as error:
        click.echo(f"wsk-conformance: {error}", err=True)
        sys.exit(EXIT_USAGE)
    except WskConformanceError as error:
        click.echo(f"wsk-conformance: {error}", err=True)
        sys.exit(EXIT_HARNESS)
