# SPDX-License-Identifier: Apache-2.0
"""Windows guests without a Windows: which images are refused, the way in, what a VM has for itself."""

import asyncio
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import conformance
import pytest
from namespace import GUEST, in_own_namespace, wire
from windowslike import PASSWORD, seal

from harness.core.errors import HarnessError, UsageError
from harness.guest import find, image_manifest, windows
from harness.guest.agent import AgentChannel
from harness.guest.options import GuestOptions
from harness.guest.overlay import private_copy
from harness.guest.ssh import Login, SshChannel
from harness.guest.winrm import Account, WinRmChannel
from harness.lab import kvm, libvirt_embed, neighbours
from harness.lab.namespace import Network

NAME = "windows-server-2022"
CASE = "suites/close/test_connection.py"
LIMIT = 30.0


@pytest.fixture
def image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder where the image is looked for; it is empty."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = image_manifest.folder_of(NAME)
    folder.mkdir()
    return folder


# ---- which images are refused


def test_without_an_image_it_is_told_how_to_build_one(image: Path) -> None:
    with pytest.raises(UsageError, match=f"wsk-conformance image build {NAME} --iso FILE"):
        find(NAME).prepare(print)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"evaluation_expires": "2020-01-01T00:00:00+00:00"}, "ended on 2020-01-01"),
        ({"name": "windows-10"}, "holds an image of windows-10"),
        ({"channels": ("telepathy",)}, "no way in"),
    ],
)
def test_an_image_that_cannot_be_used_is_refused(image: Path, changes: dict[str, Any], said: str) -> None:
    seal(image, **changes)
    with pytest.raises(UsageError, match=said):
        windows.find_image(NAME, print)


def test_an_image_that_was_never_activated_is_used_with_a_word_until_its_licence_ends(image: Path) -> None:
    said: list[str] = []
    seal(image, evaluation_expires="2020-01-01T00:00:00+00:00", licence_ends="2999-01-01T00:00:00+00:00")
    windows.find_image(NAME, said.append)
    assert "its grace ended on 2020-01-01" in said[0]
    assert "shuts itself down about every hour" in said[0]
    seal(image, evaluation_expires="2020-01-01T00:00:00+00:00", licence_ends="2020-06-01T00:00:00+00:00")
    with pytest.raises(UsageError, match="ended on 2020-06-01"):
        windows.find_image(NAME, said.append)


def test_an_image_whose_files_were_changed_is_refused(image: Path) -> None:
    told = seal(image)
    (image / told.disk).write_text("longer than it was")
    with pytest.raises(UsageError, match="not what was sealed"):
        windows.find_image(NAME, print)


@pytest.mark.parametrize("text", ["{", "[]", '{"machine": 1}', "{}"])
def test_a_damaged_record_of_the_build_is_refused(image: Path, text: str) -> None:
    seal(image)
    (image / "build.json").write_text(text)
    with pytest.raises(UsageError, match=r"build\.json is damaged"):
        windows.find_image(NAME, print)


def test_without_kvm_it_starts_only_when_emulation_is_asked_for(
    image: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seal(image)
    monkeypatch.setattr(kvm, "usable", lambda: (False, "it hangs"))
    with pytest.raises(UsageError, match=r"wants KVM \(it hangs\); --emulate"):
        find(NAME).prepare(print)
    find(NAME, GuestOptions(emulate=True)).prepare(print)


@pytest.mark.parametrize(
    ("told", "nests"), [("Y", True), ("1", True), ("N", False), ("0", False), ("", False)]
)
def test_memory_integrity_is_refused_where_kvm_gives_guests_no_virtualisation(
    told: str, nests: bool, image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seal(image)
    parameters = tmp_path / "module" / "kvm_intel" / "parameters"
    parameters.mkdir(parents=True)
    (parameters / "nested").write_text(f"{told}\n")
    monkeypatch.setattr(kvm, "_NESTED", tmp_path / "module")
    monkeypatch.setattr(kvm, "usable", lambda: (True, "it runs"))
    guest = find(NAME, GuestOptions(vbs=True))
    if nests:
        guest.prepare(print)
    else:
        with pytest.raises(UsageError, match="--vbs wants virtualisation within the guest"):
            guest.prepare(print)


def test_the_reference_guest_has_no_driver_verifier_and_one_kind_of_nic() -> None:
    with pytest.raises(UsageError, match="leave out --vbs"):
        find("reference", GuestOptions(vbs=True))
    with pytest.raises(UsageError, match="leave out --verifier"):
        find("reference", GuestOptions(verifier=True))
    with pytest.raises(UsageError, match="leave out --nic"):
        find("reference", GuestOptions(nic="e1000e"))


def test_on_the_command_line_a_refusal_is_a_line_and_wrong_usage(tmp_path: Path) -> None:
    done = subprocess.run(
        [conformance.BIN / "wsk-conformance", "run", CASE, "--guest", NAME, "--results", tmp_path],
        env={**os.environ, "XDG_CACHE_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 2
    assert f"there is no image of {NAME}" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


# ---- the way in


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"channels": ("agent", "winrm", "ssh"), "key_file": "key"}, "SshChannel wsk key"),
        ({"channels": ("ssh",)}, f"SshChannel wsk {PASSWORD}"),
        ({"channels": ("agent", "winrm"), "winrm_cert_sha256": "ab"}, f"WinRmChannel wsk {PASSWORD} ab"),
        ({"channels": ("agent",)}, r"AgentChannel control \\.\Global\org.wsk-conformance.control.0"),
    ],
)
def test_the_best_way_in_that_the_image_offers_is_taken(
    image: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], expected: str
) -> None:
    taken: list[str] = []

    async def ssh(host: str, login: Login, limit: float, *, tell: object) -> None:
        taken.append(f"SshChannel {login.user} {login.key.name if login.key else login.password}")

    async def winrm(account: Account, limit: float, tell: object) -> None:
        taken.append(f"WinRmChannel {account.user} {account.password} {account.certificate}")

    async def agent(ask: object, port: Path, port_name: str, limit: float) -> None:
        taken.append(f"AgentChannel {port} {port_name}")

    monkeypatch.setattr(SshChannel, "connect", ssh)
    monkeypatch.setattr(WinRmChannel, "connect", winrm)
    monkeypatch.setattr(AgentChannel, "connect", agent)
    seal(image, **changes)
    found = windows.find_image(NAME, print)
    machine: Any = None
    asyncio.run(windows.connect(found, Network(), machine, Path("control"), LIMIT))
    assert taken == [expected]


def test_a_secret_that_is_missing_is_a_line(image: Path) -> None:
    seal(image, channels=("winrm",))
    found = windows.find_image(NAME, print)
    (image / "password").unlink()
    machine: Any = None
    with pytest.raises(HarnessError, match="lacks a secret"):
        asyncio.run(windows.connect(found, Network(), machine, Path("control"), LIMIT))


# ---- what a VM has for itself


def test_a_vm_writes_to_its_own_copy_of_an_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(libvirt_embed, "root", lambda: tmp_path)
    base = tmp_path / "image"
    (base / "tpm").mkdir(parents=True)
    (base / "tpm" / "state").write_text("state")
    (base / "tpm" / "state").chmod(0o400)
    (base / "tpm" / ".lock").touch()
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", base / "disk.qcow2", "1M"], check=True)
    told = seal(base, tpm="tpm")
    with private_copy(base, told) as copy:
        qemu_io = subprocess.run(
            ["qemu-io", "-c", "write -P 7 0 4k", copy.disk], capture_output=True, text=True
        )
        assert qemu_io.returncode == 0, qemu_io.stderr
        copy.vars.write_text("changed")
        assert copy.tpm
        assert [file.name for file in copy.tpm.iterdir()] == ["state"]
        (copy.tpm / "state").write_text("changed")
    assert not copy.folder.exists()
    image_manifest.check(base, told, print, everything=True)


def test_a_disk_that_is_no_qcow2_is_refused_and_nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(libvirt_embed, "root", lambda: tmp_path)
    base = tmp_path / "image"
    base.mkdir()
    told = seal(base)
    with pytest.raises(HarnessError, match="no overlay of"), private_copy(base, told):
        pass
    assert list(tmp_path.iterdir()) == [base]


@pytest.mark.network
@in_own_namespace
def test_an_address_is_there_when_its_owner_answers_for_it() -> None:
    with wire() as guest:
        mac = json.loads(guest.read("ip", "-j", "link", "show", "eth0"))[0]["address"]
        for address in GUEST.values():
            asyncio.run(neighbours.wait_for(address, mac, LIMIT))
            with pytest.raises(HarnessError, match=f"does not answer for {address}"):
                asyncio.run(neighbours.wait_for(address, "52:54:00:00:00:01", 0.2))
        with pytest.raises(HarnessError, match=r"192\.0\.2\.77"):
            asyncio.run(neighbours.wait_for("192.0.2.77", mac, 0.2))
