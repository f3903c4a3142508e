# SPDX-License-Identifier: Apache-2.0
"""The workflow for a first contact with Windows on a hosted runner, step by step as far as it goes here.

Its shell is performed as GitHub does it, with a boot program in the place of
Windows Setup, and under emulation.
"""

import hashlib
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import Any

import pytest
from image_facts import facts_of
from image_media import openssh_zip, virtio_win
from installer_iso import make
from ruamel.yaml import YAML

from harness.core import cache
from harness.core.paths import REPOSITORY
from harness.image_builder.provision import settings_file
from harness.image_builder.stages import STAGES, line
from harness.image_builder.versions import find, versions

WORKFLOW = REPOSITORY / ".github" / "workflows" / "windows.yml"
VERSION = "windows-server-2022"
LIMIT = 600  # s

# The command line, on a machine with less disk than Windows wants, and without KVM.
_PROGRAM = f"""#!{sys.executable}
from harness.image_builder import checks
from harness.lab import kvm
checks.NEEDED_BYTES = 1 << 26
kvm.usable = lambda: (False, "not in this test")
from harness.cli.console import main
main()
"""


def workflow() -> dict[str, Any]:
    told: dict[str, Any] = YAML(typ="safe").load(WORKFLOW.read_text())
    return told


def job() -> dict[str, Any]:
    (found,) = workflow()["jobs"].values()
    told: dict[str, Any] = found
    return told


def step(name: str) -> str:
    """The shell of a step."""
    (found,) = [step for step in job()["steps"] if step.get("name") == name]
    return str(found["run"])


def inputs() -> dict[str, Any]:
    told: dict[str, Any] = workflow()["on"]["workflow_dispatch"]["inputs"]
    return told


def test_github_can_read_it() -> None:
    command = [str(Path(sys.executable).with_name("check-jsonschema")), "--builtin-schema"]
    command += ["vendor.github-workflows", str(WORKFLOW)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_it_is_started_by_hand_and_asks_for_media_and_their_hashes() -> None:
    assert set(workflow()["on"]) == {"workflow_dispatch"}
    assert set(inputs()["version"]["options"]) == set(versions())
    for medium in ("iso", "virtio_win", "openssh"):
        assert inputs()[medium]["required"]
        assert inputs()[f"{medium}_sha256"]["required"]
    for medium in ("virtio_win", "openssh"):
        assert re.fullmatch("[0-9a-f]{64}", inputs()[f"{medium}_sha256"]["default"])
    assert "default" not in inputs()["iso"]  # everybody fetches his own


def test_what_somebody_types_reaches_the_shell_as_a_variable_only() -> None:
    """Anything else could be a command."""
    for told in job()["steps"]:
        assert "${{" not in told.get("run", "")
    asked = {f"${{{{ inputs.{name} }}}}" for name in inputs()}
    assert asked <= set(job()["env"].values())


def test_kvm_is_opened_by_a_rule_before_anything_needs_it() -> None:
    assert job()["runs-on"] == "ubuntu-24.04"
    names = [told.get("name") for told in job()["steps"]]
    assert names.index("Open KVM to this user") < names.index("Install and build")
    assert 'KERNEL=="kvm"' in step("Open KVM to this user")


def test_every_step_is_shell() -> None:
    for told in job()["steps"]:
        done = subprocess.run(["bash", "-n"], input=told.get("run", ""), text=True, timeout=60, check=False)
        assert done.returncode == 0, told


def test_no_disk_and_no_memory_is_uploaded() -> None:
    (upload,) = [told for told in job()["steps"] if "upload-artifact" in told.get("uses", "")]
    assert upload["with"]["path"].split() == ["results", "!results/**/dumps/*.dmp", "!results/**/dumps/*.elf"]


def test_an_image_is_kept_where_nobody_else_can_read_it() -> None:
    (kept,) = [told for told in job()["steps"] if "cache/save" in told.get("uses", "")]
    assert "github.event.repository.private" in kept["if"]
    (found,) = [told for told in job()["steps"] if "cache/restore" in told.get("uses", "")]
    assert {f"inputs.{name}_sha256" in found["with"]["key"] for name in ("iso", "virtio_win", "openssh")} == {
        True
    }


def test_the_key_of_an_image_is_the_same_in_the_next_run() -> None:
    """A folder that matches counts with all that is in it, and bytecode names the time of its checkout."""
    (found,) = [told for told in job()["steps"] if "cache/restore" in told.get("uses", "")]
    (hashed,) = re.findall(r"hashFiles\((.*?)\)", found["with"]["key"])
    patterns = re.findall("'(.*?)'", hashed)
    assert all(list(REPOSITORY.glob(pattern)) for pattern in patterns)
    bytecode = PurePath("harness/image_builder/__pycache__")
    assert [pattern for pattern in patterns if bytecode.match(pattern)] == []


class HostedRunner:
    """A hosted runner: a home, a checkout with what `make prepare` leaves, and the inputs as variables."""

    def __init__(self, folder: Path, first: tuple[str, ...], after: tuple[str, ...] = ()) -> None:
        self.home, self.checkout = folder / "home", folder / "checkout"
        place = self.home / ".cache" / "wsk-conformance"
        place.mkdir(parents=True)
        for name in ("libvirt", "kvm"):  # what is known of them is the machine's, and costs seconds
            (place / name).symlink_to(cache.folder(name))
        program = self.checkout / ".venv" / "bin" / "wsk-conformance"
        program.parent.mkdir(parents=True)
        program.write_text(_PROGRAM)
        program.chmod(0o755)
        media = {
            "ISO": make(folder, first, after),
            "VIRTIO_WIN": virtio_win(folder / "virtio-win.iso", *find(VERSION).drivers),
            "OPENSSH": openssh_zip(folder / "OpenSSH-Win64.zip"),
        }
        self.images = place / "images"
        self.variables = {
            "VERSION": VERSION,
            **{name: path.as_uri() for name, path in media.items()},
            **{
                f"{name}_SHA256": hashlib.sha256(path.read_bytes()).hexdigest()
                for name, path in media.items()
            },
            "BUILD_OPTIONS": "--emulate --memory 512 --cpus 1",
            "RUN_OPTIONS": "",
            "WSK_PRODUCT_KEY": "",
        }

    def perform(self, name: str, **changes: str) -> "subprocess.CompletedProcess[str]":
        """A step as GitHub performs it."""
        environment: Mapping[str, str] = {
            **{name: value for name, value in os.environ.items() if name != "XDG_CACHE_HOME"},
            "HOME": str(self.home),
            "PYTHONPATH": str(REPOSITORY),
            **self.variables,
            **changes,
        }
        return subprocess.run(
            ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", step(name)],
            cwd=self.checkout,
            env=environment,
            capture_output=True,
            text=True,
            timeout=LIMIT,
            check=False,
        )


FACTS = facts_of(
    "10.0.20348.587", **{"channels": "ssh winrm agent", "ssh-host-key": "ssh-ed25519 " + "A" * 68}
)
GOOD = (
    *(f"w{line(stage.name)}" for stage in STAGES[1:]),
    *(f"wWSKLAB:FACT {key}={value}" for key, value in FACTS.items()),
    *("wWSKLAB:READY", "o"),
)


def test_the_media_become_an_image_and_the_rest_is_asked_of_windows(tmp_path: Path) -> None:
    runner = HostedRunner(tmp_path, ("k", f"w{line('setup')}", "r"), GOOD)
    fetched = runner.perform("Fetch the media")
    assert fetched.returncode == 0, fetched.stderr
    assert fetched.stdout.count(": OK") == 3
    built = runner.perform("Build the image")
    assert built.returncode == 0, built.stderr
    assert not (runner.checkout / "media").exists()
    whole = runner.perform("Is it there, and whole")
    assert whole.returncode == 0, whole.stderr
    for name in ("Does a crash leave its evidence", "Does a hang leave its evidence", "Judge Windows"):
        asked = runner.perform(name)
        assert asked.returncode == 2, asked.stdout + asked.stderr
        assert f"{VERSION} wants KVM (not in this test)" in asked.stdout + asked.stderr
    told = runner.perform("Put together what helps to understand a failure")
    assert told.returncode == 0, told.stderr
    names = zipfile.ZipFile(runner.checkout / "results" / "report-a-problem.zip").namelist()
    assert any("manifest.json" in name for name in names)


def test_a_medium_that_is_another_stops_it(tmp_path: Path) -> None:
    runner = HostedRunner(tmp_path, ())
    for medium in ("ISO", "VIRTIO_WIN", "OPENSSH"):
        fetched = runner.perform("Fetch the media", **{f"{medium}_SHA256": "0" * 64})
        assert fetched.returncode != 0
        assert "FAILED" in fetched.stdout
    upper = {name: value.upper() for name, value in runner.variables.items() if name.endswith("SHA256")}
    assert runner.perform("Fetch the media", **upper).returncode == 0


def test_a_build_that_fails_leaves_its_words_and_its_screen_among_the_results(tmp_path: Path) -> None:
    """And neither disk nor secrets, whatever was kept: they would be uploaded."""
    runner = HostedRunner(tmp_path, ("k", f"w{line('logon')}", "wWSKLAB:FAIL no disk", "h"))
    assert runner.perform("Fetch the media").returncode == 0
    everything = f"{runner.variables['BUILD_OPTIONS']} --keep"
    assert runner.perform("Build the image", BUILD_OPTIONS=everything).returncode == 3
    assert {"disk.qcow2", "password"} <= {path.name for path in runner.images.rglob("failed-*/*")}
    assert runner.perform("Is it there, and whole").returncode == 2
    assert runner.perform("Put together what helps to understand a failure").returncode == 0
    kept = runner.checkout / "results" / f"failed-{VERSION}"
    names = {path.name for path in kept.iterdir()}
    assert {"com1.log", "screen.png", "why.txt"} <= names
    assert {name.rpartition(".")[2] for name in names} <= {"log", "png", "txt", "xml"}
    assert "no disk" in (kept / "why.txt").read_text()


@pytest.mark.parametrize("version", versions())
def test_every_version_that_can_be_chosen_has_settings(version: str) -> None:
    assert settings_file(find(version))["account"]
