# SPDX-License-Identifier: Apache-2.0
"""Imports that a start does without: each takes a part of the time that bench/startup.py allows."""

import subprocess
import sys

import pytest
import startup

HELP = "import sys; sys.argv = ['wsk-conformance', '--help']; from harness.cli.console import main; main()"
SLOW = {
    "alembic",
    "distributed",
    "jinja2",
    "junitparser",
    "lxml",
    "numpy",
    "paramiko",
    "pydantic",
    "pyroute2",
}
SLOW |= {"scipy", "sqlalchemy", "winrm"}


@pytest.mark.parametrize(
    ("code", "without"),
    [(HELP, SLOW | {"_pytest", "dissect", "dpkt", "libvirt"}), ("import harness.pytest_plugin.entry", SLOW)],
    ids=["help", "plugin"],
)
def test_a_start_imports_nothing_that_it_can_do_without(code: str, without: set[str]) -> None:
    told = f"import atexit, sys; atexit.register(lambda: print('imported', *sys.modules)); {code}"
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    imported = {name.partition(".")[0] for name in done.stdout.splitlines()[-1].split()[1:]}
    assert "harness" in imported
    assert imported & without == set()


@pytest.mark.parametrize("name", startup.STARTS)
def test_a_start_takes_no_more_cpu_time_than_twice_what_is_allowed(name: str) -> None:
    """Twice: other tests share the caches; `bench/startup.py` measures."""
    command, limit = startup.STARTS[name]
    assert min(startup.measure(command)[1] for _ in range(3)) < 2 * limit
