# SPDX-License-Identifier: Apache-2.0
"""`wsk-conformance run`: pytest over the suites, for people who do not live in pytest."""

import sys
from pathlib import Path
from typing import Any

import click

from harness.cli.run_options import run_options
from harness.core.errors import UsageError
from harness.core.files import exists, is_below, short
from harness.core.paths import REPOSITORY, SUITES
from harness.core.signals import raise_if_terminated
from harness.run.options import OPTIONS, Settings

_EXIT_USAGE = 2
_EXIT_INTERRUPTED = 130


@click.command()
@click.argument("cases", nargs=-1, metavar="[CASE]...")
@run_options(OPTIONS)
@click.option("--list", "list_only", is_flag=True, help="Name the cases and run none.")
@click.option("-q", "--quiet", is_flag=True, help="Only the summary.")
@click.option("-v", "--verbose", is_flag=True, help="A line for each case.")
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="For programs: an object a line: the start, each case, the run last.",
)
def run(
    cases: tuple[str, ...], list_only: bool, quiet: bool, verbose: bool, as_json: bool, **chosen: Any
) -> None:
    """Judge a guest by all cases, or by those named.

    CASE is a folder, file or test of the suites, as --list prints them:
    suites/close, suites/close/test_pending.py::test_close_leaves_the_irql_as_it_was.
    """
    # What other commands do without is imported here.
    import pytest

    from harness.pytest_plugin.plugin import UNUSED, chosen_guest

    if list_only and as_json:
        raise UsageError("--list names the cases, and --json tells how they end: leave out one of them")
    settings = Settings(**chosen)
    chosen_guest(settings)  # a wrong name is told before anything is collected
    arguments = ["--rootdir", str(REPOSITORY), "-c", str(REPOSITORY / "pyproject.toml"), *UNUSED]
    arguments += settings.as_arguments()
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
        if path.strip() and exists(base / path) and is_below(base / path, SUITES):
            return f"{(base / path).resolve()}{mark}{test}"
    raise UsageError(f"there is no case {short(repr(case))}; `wsk-conformance run --list` names them all")


def _exit_status(code: int) -> int:
    import pytest

    if code == pytest.ExitCode.INTERRUPTED:
        raise_if_terminated()
        return _EXIT_INTERRUPTED
    if code in (pytest.ExitCode.USAGE_ERROR, pytest.ExitCode.NO_TESTS_COLLECTED):
        return _EXIT_USAGE
    return int(code)
