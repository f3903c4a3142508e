# SPDX-License-Identifier: Apache-2.0
"""A Windows guest's machine when its guest stops, with a boot program that stops as Windows does.

libvirt, QEMU and its pvpanic are the real ones; KVM's Hyper-V registers, with
which Windows tells code and parameters, need KVM and are not among them.
"""

import json
import re
from pathlib import Path

import pytest
from installer_iso import make
from labs import finish, start_lab

from harness.lab.machine import panic_of

pytestmark = pytest.mark.vm

LIMIT = 300  # s; UEFI takes its time on a busy machine

_LAB = """
import ctypes, shutil, subprocess
from harness.crash import own_dump
from harness.lab import examine, firmware, windows_domain
from harness.lab.windows_domain import WindowsMachine

folder = Path(sys.argv[1])

def build(disk):
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", str(disk), "1G"], check=True)
    shutil.copyfile(firmware.VARS, folder / "vars.fd")
    wanted = WindowsMachine(
        name="windows", disk=disk, vars=folder / "vars.fd", memory_mib=256, cpus=1, kvm=False,
        cdroms=(folder / "windows.iso",))
    return windows_domain.build(wanted, network, folder / "com1.log")

async def until(condition):
    async with asyncio.timeout(200):
        while not condition():
            await asyncio.sleep(0.1)
"""


def test_a_guest_that_stops_writes_its_dump_and_its_disk_tells_the_end(tmp_path: Path) -> None:
    make(tmp_path, ("c", "p", "s2", "d24", "wwritten", "h"))
    said = finish(
        start_lab(
            _LAB
            + """
own_dump.QUIET_S = 6.0
own_dump._TOLD_EVERY_S = 0.2

async def main():
    with Hypervisor() as hypervisor:
        machine = await hypervisor.start(build(folder / "disk.qcow2"), folder / "com1.log")
        await until(lambda: machine.crashed)
        began = time.monotonic()
        print(await own_dump.written(machine, lambda _: None))
        print("soon", time.monotonic() - began < own_dump.WRITE_LIMIT_S / 2)
        print("said", "written" in machine.serial_tail())
        print("events", [str(event) for event in machine.events if event.kind == "crashed"])
        print("running", not machine.over, "panic", machine.panic)
        await asyncio.to_thread(machine.end)
        print("ended", machine.over)
        done = subprocess.run(["qemu-img", "check", "-q", str(folder / "disk.qcow2")])
        print("disk", done.returncode)

asyncio.run(main())
""",
            tmp_path,
        ),
        limit=LIMIT,
    )
    # How much had been written when we looked is chance.
    assert re.fullmatch(
        r"was written(: at least \d+ MiB| before anybody looked.*) went to its disk, and nothing more .* 6 s",
        said[0],
    )
    assert said[1:3] == ["soon True", "said True"]
    assert said[3] == "events ['crashed (crashloaded)', 'crashed (panicked)']"
    assert said[4:] == ["running True panic ()", "ended True", "disk 0"]


def test_what_its_screen_shows_is_a_picture(tmp_path: Path) -> None:
    make(tmp_path, ("wwritten", "h"))
    said = finish(
        start_lab(
            _LAB
            + """
from harness.lab import screen

async def main():
    with Hypervisor() as hypervisor:
        machine = await hypervisor.start(build(folder / "disk.qcow2"), folder / "com1.log")
        await until(lambda: "written" in machine.serial_tail())
        path = await asyncio.to_thread(screen.screenshot, machine, folder / "screen")
        print(path.name, path.read_bytes()[1:4], list(libvirt_embed.root().glob("screen-*")))

asyncio.run(main())
""",
            tmp_path,
        ),
        limit=LIMIT,
    )
    assert said == ["screen.png b'PNG' []"]


def test_a_disk_that_the_host_cannot_write_any_more_is_told_as_that(tmp_path: Path) -> None:
    make(tmp_path, ("d64", "wwritten", "h"))
    said = finish(
        start_lab(
            _LAB
            + """
CLONE_NEWNS, MS_PRIVATE_ALL = 0x20000, 0x44000
libc = ctypes.CDLL(None)
assert libc.unshare(CLONE_NEWNS) == 0
assert libc.mount(b"none", b"/", None, MS_PRIVATE_ALL, None) == 0
small = folder / "small"
small.mkdir()
assert libc.mount(b"tmpfs", str(small).encode(), b"tmpfs", 0, b"size=16m") == 0

async def main():
    with Hypervisor() as hypervisor:
        machine = await hypervisor.start(build(small / "disk.qcow2"), folder / "com1.log")
        event = await asyncio.wait_for(machine.failure, 200)
        print(event, machine.starved, machine.crashed, machine.over)
        print("said", "written" in machine.serial_tail())

asyncio.run(main())
""",
            tmp_path,
        ),
        limit=LIMIT,
    )
    assert said == ["suspended (ioerror) True False True", "said False"]


def test_libvirt_makes_of_it_what_is_meant_with_kvm_too(tmp_path: Path) -> None:
    """Its words for QEMU; no processor is needed for those."""
    (said,) = finish(
        start_lab(
            _LAB
            + """
from dataclasses import replace
from xml.etree.ElementTree import tostring
from harness.lab import enlightenments

with Hypervisor() as hypervisor:
    names = tuple(name for group in enlightenments.GROUPS for name in group)
    wanted = WindowsMachine(
        name="windows", disk=folder / "disk.qcow2", vars=folder / "vars.fd", memory_mib=256, cpus=1, kvm=True,
        enlightenments=names)
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", str(wanted.disk), "1G"], check=True)
    shutil.copyfile(firmware.VARS, wanted.vars)
    described = tostring(windows_domain.build(wanted, network, folder / "com1.log"), encoding="unicode")
    print(hypervisor._connection.domainXMLToNative("qemu-argv", described))
""",
            tmp_path,
        ),
        limit=LIMIT,
    )
    cpu = said.partition("-cpu ")[2].split()[0].split(",")
    assert {"hv-crash", "hv-time=on", "vmx=off", "svm=off"} <= set(cpu)
    assert "-action panic=none" in said
    assert '"driver":"pvpanic"' in said
    assert '"werror":"stop","rerror":"stop"' in said


def test_a_restart_that_is_wanted_is_no_sign_of_a_crash_and_the_next_one_is(tmp_path: Path) -> None:
    make(tmp_path, ("wfirst", "r"), ("wagain", "s2", "r"))
    said = finish(
        start_lab(
            _LAB
            + """
def restarts(machine):
    return [str(event) for event in machine.events if event.kind not in ("started", "suspended", "resumed")]

async def main():
    with Hypervisor() as hypervisor:
        machine = await hypervisor.start(build(folder / "disk.qcow2"), folder / "com1.log")
        await asyncio.wait_for(machine.expect_restart(), 200)
        print(restarts(machine), machine.over)
        await until(lambda: machine.over)
        print(restarts(machine))

asyncio.run(main())
""",
            tmp_path,
        ),
        limit=LIMIT,
    )
    assert said == ["['restarted (as wanted)'] False", "['restarted (as wanted)', 'reboot']"]


@pytest.mark.parametrize(
    ("details", "panic"),
    [
        (
            {"action": "run", "info": {"type": "hyper-v", **{f"arg{n}": n + 0xD0 for n in range(1, 6)}}},
            (0xD1, 0xD2, 0xD3, 0xD4, 0xD5),
        ),
        ({"action": "run"}, ()),
        ({"action": "run", "info": {"type": "s390", "core": 0}}, ()),
        ({"action": "run", "info": {"type": "hyper-v", "arg1": 1}}, ()),
        ({"info": None}, ()),
        ([], ()),
    ],
)
def test_what_a_windows_tells_the_hypervisor_of_its_crash_is_its_bugcheck(
    details: object, panic: tuple[int, ...]
) -> None:
    assert panic_of(json.dumps(details)) == panic


def test_what_is_no_json_is_no_bugcheck() -> None:
    assert panic_of("{") == ()
