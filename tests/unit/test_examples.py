# SPDX-License-Identifier: Apache-2.0
"""The examples in docs/examples are what systemd, GitHub, GitLab, Kubernetes and Python can read."""

import ast
import subprocess
from pathlib import Path

import conformance
import pytest
from ruamel.yaml import YAML

from harness.core.paths import REPOSITORY

EXAMPLES = REPOSITORY / "docs" / "examples"
PLACE = "/opt/wsk-conformance"  # where the examples have the repository


def verify(folder: Path, units: dict[str, str]) -> str:
    """The complaints of systemd about these units."""
    for name, text in units.items():
        (folder / name).write_text(text.replace(PLACE, str(REPOSITORY)))
    command = ["systemd-analyze", "verify", *(str(folder / name) for name in units)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return "\n".join(
        line for line in done.stderr.splitlines() if str(folder) in line or "wsk-nightly" in line
    )


def test_systemd_finds_nothing_wrong_with_the_units(tmp_path: Path) -> None:
    units = {path.name: path.read_text() for path in EXAMPLES.glob("wsk-nightly.*")}
    assert sorted(units) == ["wsk-nightly.service", "wsk-nightly.timer"]
    assert verify(tmp_path, units) == ""


def test_systemd_would_find_what_is_wrong(tmp_path: Path) -> None:
    units = {path.name: path.read_text() for path in EXAMPLES.glob("wsk-nightly.*")}
    units["wsk-nightly.timer"] = units["wsk-nightly.timer"].replace("01:00:00", "25:00:00")
    assert "Failed to parse calendar" in verify(tmp_path, units)


@pytest.mark.parametrize(
    ("schema", "name"), [("vendor.github-workflows", "github.yml"), ("vendor.gitlab-ci", "gitlab.yml")]
)
def test_the_ci_examples_are_what_their_schemas_allow(tmp_path: Path, schema: str, name: str) -> None:
    command = [str(conformance.BIN / "check-jsonschema"), "--builtin-schema", schema]
    good = subprocess.run(
        [*command, str(EXAMPLES / name)], capture_output=True, text=True, timeout=60, check=False
    )
    assert good.returncode == 0, good.stdout + good.stderr
    (tmp_path / name).write_text((EXAMPLES / name).read_text().replace("timeout", "timeouts"))
    bad = subprocess.run([*command, str(tmp_path / name)], capture_output=True, timeout=60, check=False)
    assert bad.returncode == 1


def test_the_kubernetes_example_names_one_image_and_the_port_of_its_service() -> None:
    service, scheduler, worker = YAML(typ="safe").load_all((EXAMPLES / "kubernetes.yml").read_text())
    containers = [made["spec"]["template"]["spec"]["containers"][0] for made in (scheduler, worker)]
    assert containers[0]["image"] == containers[1]["image"]
    port = service["spec"]["ports"][0]["port"]
    assert str(port) in containers[0]["command"]
    assert f"tcp://{service['metadata']['name']}:{port}" in containers[1]["command"]
    assert service["spec"]["selector"] == scheduler["spec"]["template"]["metadata"]["labels"]


def test_the_slurm_example_is_python() -> None:
    ast.parse((EXAMPLES / "slurm.py").read_text())


def test_every_example_is_named_in_the_document() -> None:
    document = (REPOSITORY / "docs" / "nightly.md").read_text()
    for path in EXAMPLES.iterdir():
        assert f"examples/{path.name}" in document
