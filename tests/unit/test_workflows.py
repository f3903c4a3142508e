# SPDX-License-Identifier: Apache-2.0
"""GitHub's workflows and the Containerfile are well-formed and about the systems that the doctor names."""

import json
import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
from conformance import BIN
from ruamel.yaml import YAML

from harness.core.paths import REPOSITORY
from harness.core.system import OLDEST, TRIED
from harness.lab.host import PYTHONS

WORKFLOWS = sorted((REPOSITORY / ".github" / "workflows").glob("*.yml"))
TESTS = REPOSITORY / ".github" / "workflows" / "tests.yml"


def jobs() -> dict[str, Any]:
    loaded: dict[str, Any] = YAML(typ="safe").load(TESTS.read_text())["jobs"]
    return loaded


def matrix(job: str, key: str) -> list[str]:
    return list(jobs()[job]["strategy"]["matrix"][key])


def problems(path: Path) -> str:
    """The complaints of GitHub's schema about the workflow."""
    command = [str(BIN / "check-jsonschema"), "--builtin-schema", "vendor.github-workflows", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_workflows_are_what_the_schema_allows(path: Path) -> None:
    assert problems(path) == ""


def test_the_schema_would_find_what_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "wrong.yml").write_text(TESTS.read_text().replace("timeout-minutes", "timeout-hours"))
    assert problems(tmp_path / "wrong.yml")


def test_the_steps_are_shell() -> None:
    scripts = [step["run"] for job in jobs().values() for step in job["steps"] if "run" in step]
    assert scripts
    for script in scripts:
        plain = re.sub(r"\$\{\{.*?\}\}", "x", script)
        done = subprocess.run(
            ["bash", "-n"], input=plain, text=True, capture_output=True, timeout=60, check=False
        )
        assert (done.returncode, done.stderr) == (0, "")


def test_every_debian_that_was_tried_is_tried_again() -> None:
    assert matrix("debian", "release") == list(TRIED["debian"])


def test_ubuntu_is_tried_from_the_oldest_that_may_do() -> None:
    first = tuple(int(part) for part in matrix("ubuntu", "release")[0].split("."))
    assert first == OLDEST["ubuntu"]


def test_every_python_is_tried() -> None:
    oldest, newest = PYTHONS
    tried = [f"3.{minor}" for minor in range(oldest[1], newest[1] + 1)]
    assert matrix("python", "version") == tried
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    assert project["requires-python"] == f">=3.{oldest[1]}"
    named = [line.rpartition(" :: ")[2] for line in project["classifiers"] if ":: Python :: " in line]
    assert named == tried


def test_the_container_has_the_newest_debian_that_was_tried_and_installs_as_the_makefile_does() -> None:
    text = (REPOSITORY / "Containerfile").read_text()
    assert f"/debian:{TRIED['debian'][-1]}\n" in text
    assert "make prepare" in text
    listed = (REPOSITORY / ".containerignore").read_text().split()
    assert {".git", ".venv", "build", "results"} <= set(listed)


def test_the_container_starts_the_command_line_and_leaves_its_results_where_the_readme_looks() -> None:
    text = (REPOSITORY / "Containerfile").read_text()
    lines = {word: rest for word, _, rest in (line.partition(" ") for line in text.splitlines())}
    (started,) = json.loads(lines["ENTRYPOINT"])
    assert started.startswith(".venv/bin/")
    assert (
        Path(started).name in tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["scripts"]
    )
    assert json.loads(lines["CMD"]) == ["run"]
    assert f"-v ./results:{lines['WORKDIR']}/results " in (REPOSITORY / "README.md").read_text()


def test_the_readme_names_the_systems() -> None:
    _, _, start = (REPOSITORY / "README.md").read_text().partition("## Start\n")
    first = start[:1500]
    assert f"Debian {' or '.join(TRIED['debian'])}" in first
    for release in matrix("ubuntu", "release"):
        assert release in first
    assert "podman build" in first
