# SPDX-License-Identifier: Apache-2.0
"""Every import is declared, and an installation without an extra says which one it lacks."""

import ast
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from harness.core.extras import EXTRAS
from harness.core.paths import REPOSITORY

PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
# Modules of distributions of another name that several distributions share, or of the system.
ALWAYS_THERE = {"harness", "suites", *sys.stdlib_module_names}


def name(requirement: str) -> str:
    """The name of a distribution, the same for all of its spellings."""
    return re.split(r"[\[<>=;# ]", requirement)[0].lower().replace("_", "-").replace(".", "-")


def declared(extra: str | None = None) -> set[str]:
    lines = PROJECT["optional-dependencies"][extra] if extra else PROJECT["dependencies"]
    return {name(line) for line in lines if not line.startswith("wsk-conformance")}


def imported(*folders: str) -> dict[str, list[Path]]:
    """Top-level modules, with the files that import them."""
    found: dict[str, list[Path]] = {}
    for folder in folders:
        for path in sorted((REPOSITORY / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text())):
                names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                names += [node.module] if isinstance(node, ast.ImportFrom) and node.module else []
                for module in {each.partition(".")[0] for each in names} - ALWAYS_THERE:
                    found.setdefault(module, []).append(path)
    return found


def test_every_library_that_is_imported_is_declared() -> None:
    known = packages_distributions()
    everywhere = declared().union(*(declared(extra) for extra in EXTRAS))
    undeclared = {
        module: str(paths[0])
        for module, paths in imported("harness", "suites").items()
        if not any(name(distribution) in everywhere for distribution in known.get(module, ()))
        if not any(
            (path.parent / f"{module}.py").exists() for path in paths
        )  # beside it, as suites/scenes.py
        if not (REPOSITORY / "suites" / f"{module}.py").exists()
    }
    assert undeclared == {}


def test_every_library_that_is_declared_is_imported() -> None:
    known = packages_distributions()
    used = {name(each) for module in imported("harness") for each in known.get(module, ())}
    idle = declared().union(*(declared(extra) for extra in EXTRAS)) - used
    assert idle == {"alembic", "psycopg", "pytest-xdist"} - used, "used by name, or by another library"


def test_extras_have_the_modules_that_an_error_names_them_for() -> None:
    known = packages_distributions()
    for extra, modules in EXTRAS.items():
        assert {name(each) for module in modules for each in known[module]} & declared(extra) == declared(
            extra
        )


def test_the_lock_is_made_of_what_is_declared_and_each_line_says_why() -> None:
    lines = (REPOSITORY / "requirements.in").read_text().splitlines()
    wanted = [line for line in lines if line.strip() and not line.lstrip().startswith("#")]
    assert [line for line in wanted if "#" not in line] == []
    everything = declared().union(*(declared(extra) for extra in PROJECT["optional-dependencies"]))
    assert {name(line) for line in wanted} == everything
    locked = {
        name(line) for line in (REPOSITORY / "requirements.lock").read_text().splitlines() if "==" in line
    }
    assert everything <= locked


@pytest.mark.parametrize(
    ("without", "command", "extra"),
    [
        ("sqlalchemy", ["history", "nights"], "history"),
        ("pydantic", ["nightly", "suites/nightly.toml", "--check"], "history"),
        ("distributed", ["nightly", "suites/nightly.toml", "--farm", "tcp://nobody:1"], "farm"),
        ("pycdlib", ["image", "build", "windows-11", "--iso", "none.iso"], "windows"),
        ("hypothesis", ["explore", "--scenarios", "1"], "explore"),
        ("winrm", ["run", "--guest", "windows-11"], "windows"),
    ],
)
def test_an_installation_without_an_extra_names_it_in_a_line(
    without: str, command: list[str], extra: str
) -> None:
    code = f"import sys; sys.modules[{without!r}] = None; sys.argv[1:] = {command}; "
    code += "from harness.cli.console import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=REPOSITORY, check=False
    )
    assert done.returncode == 2, done.stdout + done.stderr
    line = f"this needs {without}, which is not installed: pip install 'wsk-conformance[{extra}]'"
    assert line in done.stdout + done.stderr


def test_no_other_command_needs_an_extra() -> None:
    """A run with the reference guest, and all that is made of it."""
    everything = [module for modules in EXTRAS.values() for module in modules]
    code = f"import sys; sys.modules.update(dict.fromkeys({everything}))\n"
    code += (
        "import harness.cli.main, harness.pytest_plugin.entry, harness.report.html, harness.report.junit\n"
    )
    code += "import harness.guest.reference, harness.guest.ssh, harness.replay.perform\n"
    code += "import harness.diagnostics.bundle, harness.diagnostics.selfcheck, harness.diagnostics.selftest\n"
    code += "import harness.compare"
    subprocess.run([sys.executable, "-c", code], check=True)
