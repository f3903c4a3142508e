# SPDX-License-Identifier: Apache-2.0
"""A bundle has what explains a run, and nothing that is private."""

import base64
import io
import json
import socket
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import conformance
import pytest
from windowslike import seal

from harness.core.check import Check
from harness.core.errors import UsageError
from harness.diagnostics import bundle
from harness.diagnostics.bundle import collect
from harness.diagnostics.doctor import checks
from harness.report.record import CaseRecord, RunRecord
from harness.verdict import Outcome

GUEST = "windows-server-2025"
PASSWORD = "Speak-friend-4711"
KEY_LINE = "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtz"
KEY = f"-----BEGIN OPENSSH PRIVATE KEY-----\n{KEY_LINE}\n-----END OPENSSH PRIVATE KEY-----\n"
PLANTED = (PASSWORD, KEY_LINE, "hunter2", "token-99", "gandalf", "frodo", "Frodo Baggins", "/home/frodo")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache and a machine of somebody else's."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", "/home/frodo")
    monkeypatch.setenv("USER", "frodo")
    monkeypatch.setenv("LAB_TOKEN", "token-99")
    monkeypatch.setattr(socket, "gethostname", lambda: "gandalf")
    return tmp_path / "cache" / "wsk-conformance" / "images"


def plant_image(images: Path) -> None:
    folder = images / GUEST
    folder.mkdir(parents=True)
    told = {"build": "10.0.26100.1", "user": "wsk", "password_file": "password", "key_file": "login_key"}
    (folder / "manifest.json").write_text(json.dumps({**told, "ssh_host_key": "ssh-ed25519 AAAApublic"}))
    (folder / "password").write_text(f"{PASSWORD}\n")
    (folder / "login_key").write_text(KEY)
    (folder / "disk.qcow2").write_bytes(b"QFI\xfb disk")
    failed = images / f"failed-{GUEST}"
    failed.mkdir()
    (failed / "com1.log").write_text(f"BdsDxe: starting\nset password {PASSWORD} for wsk\n{KEY}WSKLAB:FAIL\n")
    (failed / "machine.xml").write_text("<graphics type='vnc' passwd='hunter2'/><disk file='/home/frodo/d'/>")
    (failed / "screen.png").write_bytes(b"\x89PNG")


def plant_run(results: Path, name: str, guest: str = GUEST) -> Path:
    why = f"login as frodo@gandalf with {PASSWORD} failed"
    case = CaseRecord(f"suites/{name}.py::test_it", "A sentence.", [], Outcome.CRASHED, 1.0, why)
    with RunRecord(results, guest={"name": guest}, settings={}, requirements=[], run_id=name) as record:
        record.add(case)
    folder = results / name
    (folder / "serial-1.log").write_text(f"Frodo Baggins logged in from gandalf, token-99\n{KEY_LINE}\n")
    (folder / "serial-1.xml").write_text("<kernel>/home/frodo/.cache/vmlinux</kernel>")
    (folder / "dumps").mkdir()
    (folder / "dumps" / "memory-1.dmp").write_bytes(b"PAGEDU64" + PASSWORD.encode())
    (folder / "traces" / "a.trace").write_bytes(b"trace")
    return folder


def written(collected: bundle.Bundle, path: Path) -> dict[str, str]:
    collected.write(path)
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist()}


def test_what_explains_a_run_is_in_it_and_planted_secrets_are_not(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class User:
        pw_name, pw_uid, pw_gecos, pw_dir = "frodo", 1000, "Frodo Baggins,,,", "/home/frodo"

    monkeypatch.setattr("harness.diagnostics.masking.pwd.getpwall", lambda: [User])
    plant_image(cache)
    results = tmp_path / "results"
    for number in range(5):
        plant_run(results, f"2026010{number}-000000-000000")
    plant_run(results, "20260109-000000-000000", guest="reference")
    found = [Check("QEMU", True, "7.2"), Check("image", False, "in /home/frodo", "build it on gandalf")]
    path = tmp_path / "bundle.zip"

    files = written(collect(GUEST, found, results), path)

    runs = {name.split("/")[1] for name in files if name.startswith("runs/")}
    assert runs == {f"2026010{number}-000000-000000" for number in (2, 3, 4)}
    assert {name.split("/")[-1] for name in files} == {
        *("README.txt", "doctor.txt", "versions.txt", "python-packages.txt"),
        *("manifest.json", "com1.log", "machine.xml"),
        *("run.json", "report.md", "serial-1.log", "serial-1.xml"),
    }
    everything = "\n".join([*files, *files.values()])
    assert [secret for secret in PLANTED if secret in everything] == []
    assert not any(secret.encode() in path.read_bytes() for secret in PLANTED)
    manifest = json.loads(files[f"images/{GUEST}/manifest.json"])
    assert (manifest["build"], manifest["ssh_host_key"]) == ("10.0.26100.1", "ssh-ed25519 AAAApublic")
    assert "WSKLAB:FAIL" in files[f"images/failed-{GUEST}/com1.log"]
    run = json.loads(files["runs/20260104-000000-000000/run.json"])
    assert run["cases"][0]["why"] == "login as <user>@<host> with <hidden> failed"
    assert files["doctor.txt"].splitlines()[1:] == [
        "MISSING image: in <home>",
        "        build it on <host>",
    ]
    assert "KVM" in files["versions.txt"]
    assert "LOOK AT IT BEFORE YOU SEND IT" in files["README.txt"]
    assert "images/failed-windows-server-2025/com1.log (" in files["README.txt"]


def test_what_is_not_there_is_said(cache: Path, tmp_path: Path) -> None:
    files = written(collect(GUEST, [], tmp_path / "none"), tmp_path / "bundle.zip")
    assert f"no image of {GUEST}, and no build of one that failed" in files["README.txt"]
    assert f"no run of {GUEST} in " in files["README.txt"]


def test_runs_that_are_damaged_and_links_are_passed_over(cache: Path, tmp_path: Path) -> None:
    results = tmp_path / "results"
    good = plant_run(results, "20260101-000000-000000")
    secret = tmp_path / "shadow"
    secret.write_text("root:hash")
    (good / "serial-2.log").symlink_to(secret)
    (results / "20260102-000000-000000").mkdir()
    (results / "20260102-000000-000000" / "run.json").write_text("{")
    files = written(collect(GUEST, [], results), tmp_path / "bundle.zip")
    assert {name.split("/")[1] for name in files if name.startswith("runs/")} == {good.name}
    assert "root:hash" not in "".join(files.values())


def test_a_long_file_is_cut_after_it_was_masked(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bundle, "_MOST_TEXT", 200)
    results = tmp_path / "results"
    run = plant_run(results, "20260101-000000-000000")
    (run / "serial-1.log").write_text(f"begin\n{'x' * 150}\n{KEY}{'y' * 100}\nend\n")
    files = written(collect(GUEST, [], results), tmp_path / "bundle.zip")
    log = files[f"runs/{run.name}/serial-1.log"]
    assert log.startswith("begin\n")
    assert log.endswith("end\n")
    assert "left out" in log
    assert KEY_LINE[-30:] not in log


def test_a_file_that_is_there_is_not_written_over(cache: Path, tmp_path: Path) -> None:
    path = tmp_path / "bundle.zip"
    path.write_text("mine")
    collected = collect(GUEST, [], tmp_path)
    with pytest.raises(UsageError, match="is there already"):
        collected.write(path)
    with pytest.raises(UsageError, match="cannot write"):
        collected.write(tmp_path / "no such folder" / "bundle.zip")
    assert path.read_text() == "mine"


def doctor(folder: Path, *arguments: str) -> Any:
    command = [str(conformance.BIN / "wsk-conformance"), "doctor", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=120)


def test_the_command_writes_one_for_a_guest_that_this_version_does_not_know(tmp_path: Path) -> None:
    done = doctor(tmp_path, "--guest", "windows-server-2099", "--bundle")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "MISSING guest: there is no guest 'windows-server-2099'" in done.stdout
    assert "look at it before you send it" in done.stdout
    (path,) = tmp_path.iterdir()
    assert path.name.startswith("wsk-conformance-windows-server-2099-")
    with zipfile.ZipFile(io.BytesIO(path.read_bytes())) as archive:
        assert "MISSING guest" in archive.read("doctor.txt").decode()


def test_a_windows_guest_is_looked_at_as_one(cache: Path) -> None:
    names = [check.name for check in checks("windows-11")]
    assert {"KVM", "guest", "OVMF", "Windows tools", "disk space", "image"} <= set(names)
    assert all(check.remedy for check in checks("windows-11") if not check.ok)
    with pytest.raises(UsageError):
        checks("windows-11/../x")


@pytest.mark.parametrize(
    ("expires", "ok", "end"),
    [
        (None, True, "no evaluation"),
        ("2999-01-01T00:00:00+00:00", True, "evaluation until 2999-01-01"),
        ("2020-01-01T00:00:00", False, "evaluation until 2020-01-01, which has passed"),
    ],
)
def test_a_sealed_image_is_told_with_its_end(expires: Any, ok: bool, end: str, cache: Path) -> None:
    folder = cache / "windows-11"
    folder.mkdir(parents=True)
    seal(folder, name="windows-11", evaluation_expires=expires)
    (image,) = [check for check in checks("windows-11") if check.name == "image"]
    assert image.ok == ok
    assert image.detail == f"build 10.0.20348.587, made 2026-01-01T00:00:00+00:00; {end}"


@pytest.mark.parametrize("expires", ["soon", 7])
def test_an_image_whose_end_cannot_be_read_is_damaged(expires: Any, cache: Path) -> None:
    (cache / "windows-11").mkdir(parents=True)
    seal(cache / "windows-11", name="windows-11", evaluation_expires=expires)
    (image,) = [check for check in checks("windows-11") if check.name == "image"]
    assert not image.ok
    assert "is damaged" in image.detail


def encoded(text: str) -> str:
    return base64.b64encode(text.encode("utf-16-le")).decode()


def test_secrets_that_are_encoded_are_hidden_too(cache: Path, tmp_path: Path) -> None:
    plant_image(cache)
    failed = cache / f"failed-{GUEST}"
    key = "VK7JG-NPHTM-C97JM-9MPGT-3V66T"
    (failed / "com1.log").write_bytes(f"\ufeffpassword is {PASSWORD}\n".encode("utf-16-le"))
    (failed / "setup.log").write_bytes(f"the word is {PASSWORD}\n".encode("utf-16-le"))
    (failed / "answer.xml").write_text(
        f"<Value>{encoded(PASSWORD + 'AdministratorPassword')}</Value> {encoded(PASSWORD)} {key}\n"
        f"{base64.b64encode(PASSWORD.encode()).decode()} ghp_0123456789abcdefABCDEF0123456789abcd"
    )
    files = written(bundle.collect(GUEST, [], tmp_path), tmp_path / "b.zip")
    told = "\n".join(text for name, text in files.items() if "failed" in name)
    assert told.count("<hidden>") >= 6
    hidden = (PASSWORD, encoded(PASSWORD), encoded(PASSWORD + "AdministratorPassword"), key, "ghp_")
    assert not [secret for secret in hidden if secret in told]


def test_the_log_of_another_guest_is_not_in_it(cache: Path, tmp_path: Path) -> None:
    crashed = tmp_path / "results" / "selftest-crash" / "20260101"
    crashed.mkdir(parents=True)
    (crashed / "serial-1.log").write_text("another guest's words")
    (crashed / "serial-1.xml").write_text("<domain><name>reference-1</name></domain>")
    files = written(bundle.collect(GUEST, [], tmp_path / "results"), tmp_path / "b.zip")
    assert "another guest's words" not in "".join(files.values())
    (crashed / "serial-1.xml").write_text(f"<domain><name>{GUEST}-1</name></domain>")
    files = written(bundle.collect(GUEST, [], tmp_path / "results"), tmp_path / "c.zip")
    assert "another guest's words" in "".join(files.values())


def test_nobody_else_can_read_it(cache: Path, tmp_path: Path) -> None:
    written(bundle.collect(GUEST, [], tmp_path), tmp_path / "b.zip")
    assert (tmp_path / "b.zip").stat().st_mode & 0o777 == 0o600
