# SPDX-License-Identifier: Apache-2.0
"""Windows guests from start to stop, with real parts: libvirt, QEMU, the firmware.

Where a Windows would be there is nothing, or the reference guest's kernel.
"""

from pathlib import Path

import pytest
from labs import finish, processes_under, start_lab

from harness.core import cache
from harness.core.paths import REPOSITORY
from harness.guest import find

pytestmark = pytest.mark.vm

_LAB = """
import os
from dataclasses import replace
from xml.etree.ElementTree import SubElement
from harness.guest import image_manifest, windows
from harness.guest.options import GuestOptions
from harness.guest.ssh import Login, SshChannel
from harness.lab import domain, kvm, tpm, windows_domain
from windowslike import PASSWORD, seal

NAME = "windows-server-2022"
kvm.usable = lambda: (False, "not here")

def empty_image(**changes):
    folder = image_manifest.folder_of(NAME)
    folder.mkdir()
    os.system(f"qemu-img create -q -f qcow2 {folder}/disk.qcow2 64M")
    # The firmware is done sooner with less.
    (folder / "build.json").write_text('{"machine": {"memory_mib": 128, "cpus": 1}}')
    (folder / "vars.fd").write_bytes(Path("/usr/share/OVMF/OVMF_VARS_4M.fd").read_bytes())
    if "tpm" in changes:
        (folder / "tpm").mkdir()
        tpm.create(folder / "tpm")
    return seal(folder, **changes)

def left():
    root = libvirt_embed.root()
    return sorted(path.name for path in root.glob("vm-*")) + sorted(root.glob("tpm-*"))

async def start(hypervisor):
    log = Path(sys.argv[1]) / "serial-1.log"
    guest = find(NAME, GuestOptions(emulate=True))
    return await guest.start(hypervisor, network, fault=None, serial_log=log, progress=print)
"""


def in_lab(body: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Runs in a lab whose images are in `tmp_path`; what libvirt knows of QEMU stays where it was."""
    known = cache.folder("libvirt")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    cache.folder("libvirt").rmdir()
    (tmp_path / "wsk-conformance" / "libvirt").symlink_to(known)
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY / "tests" / "support"))
    return finish(start_lab(_LAB + body, tmp_path), limit=300)  # UEFI takes its time on a busy machine


def test_a_guest_that_never_answers_leaves_its_screen_and_its_words_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = in_lab(
        """
windows._TELL_S = 1
log_in = windows.connect

async def connect(image, network, machine, control_socket, limit, tell):
    while "BdsDxe" not in machine.serial_tail():  # the firmware looks for something to start
        await asyncio.sleep(0.1)
    return await log_in(image, network, machine, control_socket, 1.5, tell)

windows.connect = connect

async def main():
    image = empty_image(tpm="tpm")
    sums = image.hashes
    with Hypervisor() as hypervisor:
        try:
            await start(hypervisor)
        except GuestHung as error:
            print("HUNG", error)
        print("left", left())
    print("untouched", image_manifest.hash_files(image_manifest.folder_of(NAME), list(sums), print) == sums)

asyncio.run(main())
""",
        tmp_path,
        monkeypatch,
    )
    text = "\n".join(said)
    assert "HUNG no SSH login at 10.7.0.2 within 1.5 s" in text
    assert f"what its screen shows is in {tmp_path}/serial-1.png" in text
    assert "its last words on COM1:" in text
    assert "BdsDxe" in text
    assert "windows-server-2022 is starting: 1 s" in text
    assert said[-2:] == ["left []", "untouched True"]
    assert (tmp_path / "serial-1.png").read_bytes().startswith(b"\x89PNG")
    assert processes_under(str(tmp_path)) == []


def test_a_guest_is_started_from_a_copy_used_and_given_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A Linux plays Windows: its shell is spoken to by a channel that translates, its driver is ours."""
    find("reference").prepare(print)
    reference = cache.folder("reference")
    monkeypatch.setenv(
        "REFERENCE", str(max(reference.glob("image-*"), key=lambda path: path.stat().st_mtime))
    )
    said = in_lab(
        """
import base64
from harness.guest.channel import ExecResult
from harness.guest.reference import command_line

REFERENCE = Path(os.environ["REFERENCE"])
FACTS = b"test-signing=True\\nverifier-flags=1\\nverified=True\\n"

class Desk:
    def __init__(self, ssh):
        self.ssh = ssh

    async def exec(self, command, *, limit):
        if command.startswith("powershell.exe "):
            script = base64.b64decode(command.split()[-1]).decode("utf-16-le")
            return ExecResult(0, b"set" if "nics.txt" in script else FACTS, b"")
        return await self.ssh.exec(translated(command), limit=limit)

    async def upload(self, path, data, *, limit=60.0):
        await self.ssh.put(path.replace("C:/wsk/", "/tmp/"), data)

    async def stream(self, command):
        return await self.ssh.stream(translated(command))

    def close(self):
        self.ssh.close()

def translated(command):
    words = command.replace(chr(92), "/")
    return words.replace("C:/wsk/wskctl.exe", "wskctl").replace("C:/wsk/", "/tmp/")

def build(wanted, network, serial_log):
    words = command_line(network, emulated=not wanted.kvm)
    boot = domain.DirectBoot(REFERENCE / "vmlinux", REFERENCE / "initramfs.cpio", words)
    tree = domain.build(domain.Wanted(wanted.name, boot, 256, kvm=wanted.kvm), network, serial_log)
    disk = SubElement(tree.find("devices"), "disk", type="file", device="disk")
    SubElement(disk, "driver", name="qemu", type="qcow2")
    SubElement(disk, "source", file=str(wanted.disk))
    SubElement(disk, "target", dev="vda", bus="virtio")
    return tree

async def connect(image, network, machine, control_socket, limit, tell):
    login = Login("root", (REFERENCE / "host_key.pub").read_text(), REFERENCE / "login_key")
    return Desk(await SshChannel.connect(network.mgmt_guest, login, limit))

windows_domain.build, windows.connect = build, connect

async def main():
    empty_image(build="10.0.0.1")  # what the reference guest says it is
    with Hypervisor() as hypervisor:
        guest = await start(hypervisor)
        print(guest.kind, guest.build, guest.baseline, guest.accelerator, guest.info["verified"])
        print("private", left())
        print("clock", (await guest.control.clock()).qpc_frequency > 0)
        await guest.stop()
        print("left", left())
        await guest.stop()

asyncio.run(main())
""",
        tmp_path,
        monkeypatch,
    )
    assert "windows Windows 10.0.0.1 windows-server-2022-0 tcg True" in said
    assert said[-3:] == ["private ['vm-1']", "clock True", "left []"]
