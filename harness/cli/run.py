# SPDX-License-Identifier: Apache-2.0
"""`wsk-conformance run`: pytest over the suites, for people who do not live in pytest."""

import sys
from pathlib import Path

import click

from harness.core.errors import UsageError
from harness.core.paths import BASELINES, REPOSITORY, SUITES
from harness.guest.base import Options
from harness.lab.nic_models import NIC_MODELS
from harness.run.settings import AT_ONCE, CPUS, RESULTS, Settings

_EXIT_USAGE = 2
_EXIT_INTERRUPTED = 130


@click.command()
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
    # What other commands do without is imported here.
    import pytest

    from harness.pytest_plugin.plugin import UNUSED, chosen_guest

    settings = Settings(
        guest=guest,
        fault=fault,
        options=Options(verifier, emulate, nic or ""),
        cpus=cpus,
        results=results,
        at_once=at_once,
        baselines=baselines,
        accept_changes=accept_changes,
        dump=dump,
        labs=labs,
    )
    chosen_guest(settings)  # a wrong name is told before anything is collected
    arguments = ["--rootdir", str(REPOSITORY), "-c", str(REPOSITORY / "pyproject.toml"), *UNUSED]
    arguments += [*settings.as_arguments(), "--variants", variants]
    arguments += ["--destructive"] * destructive + ["--timing"] * timing
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


def _place(case: str) -> str:
    """A case as pytest wants it, whatever folder we are in. Raises UsageError when there is no such file."""

    path, mark, test = case.partition("::")
    for base in (Path.cwd(), REPOSITORY, SUITES):
        if (base / path).exists() and (base / path).resolve().is_relative_to(SUITES):
            return f"{(base / path).resolve()}{mark}{test}"
    raise UsageError(f"there is no case {case!r}; `wsk-conformance run --list` names them all")


def _exit_status(code: int) -> int:
    import pytest

    if code == pytest.ExitCode.INTERRUPTED:
        return _EXIT_INTERRUPTED
    if code in (pytest.ExitCode.USAGE_ERROR, pytest.ExitCode.NO_TESTS_COLLECTED):
        return _EXIT_USAGE
    return int(code)
