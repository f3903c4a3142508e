# SPDX-License-Identifier: Apache-2.0
"""Machines that end as they should not leave nothing behind."""

import os
import signal
import time
from pathlib import Path

import pytest
from labs import finish, processes_under, start_lab

from harness.core.abi import abi
from harness.guest.reference import ReferenceGuest


def assert_gone(root: str, within: float = 5.0) -> None:
    """Folder and processes of the embed root disappear in time (s)."""
    give_up = time.monotonic() + within
    while time.monotonic() < give_up and (Path(root).exists() or processes_under(root)):
        time.sleep(0.05)
    assert not Path(root).exists()
    assert processes_under(root) == []


def test_a_killed_qemu_is_noticed_and_another_guest_can_follow(tmp_path: Path) -> None:
    said = finish(
        start_lab(
            """
            async def main():
                with Hypervisor() as hypervisor:
                    guest = await started(hypervisor)
                    os.kill(guest.machine.pid, signal.SIGKILL)
                    began = time.monotonic()
                    event = await asyncio.wait_for(guest.machine.failure, 5)
                    print("noticed", event.kind, time.monotonic() - began < 1, guest.machine.crashed)
                    await guest.stop()
                    await guest.stop()
                    print("gone", not Path(f"/proc/{guest.machine.pid}").exists())
                    second = await started(hypervisor)
                    print("second", second.info["abi"])
                print("root", libvirt_embed.root())
            asyncio.run(main())
            """,
            tmp_path,
        )
    )
    assert "noticed exited True False" in said
    assert "gone True" in said
    assert f"second {abi.WSKTEST_ABI_VERSION}" in said
    assert_gone(said[-1].split()[1], within=0)


def test_a_panic_is_a_crash_with_its_last_words(tmp_path: Path) -> None:
    said = finish(
        start_lab(
            """
            async def main():
                with Hypervisor() as hypervisor:
                    guest = await started(hypervisor)
                    stream = await guest.connection.stream("echo c > /proc/sysrq-trigger")
                    event = await asyncio.wait_for(guest.machine.failure, 10)
                    print("event", event, guest.machine.crashed)
                    print("panic", "sysrq triggered crash" in guest.machine.serial_tail(200))
                    await guest.stop()
            asyncio.run(main())
            """,
            tmp_path,
        )
    )
    assert "event crashed (panicked) True" in said
    assert "panic True" in said


@pytest.mark.skipif(os.getuid() != 0, reason="an ordinary user's QEMU is an ordinary user's anyway")
def test_the_qemu_of_root_is_nobody_of_consequence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither where the guest boots nor where it goes on; only root may enter the folders of its files."""
    tmp_path.chmod(0o700)
    reference = ReferenceGuest()
    reference.prepare(print)
    monkeypatch.setenv("WSK_REFERENCE_IMAGE", str(reference.image))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    said = finish(
        start_lab(
            """
            def rights(pid):
                lines = (line.split() for line in Path(f"/proc/{pid}/status").read_text().splitlines())
                told = {words[0]: words[1:] for words in lines if words}
                wanted = ("Uid:", "Gid:", "CapPrm:", "CapEff:", "NoNewPrivs:", "Seccomp:")
                ids = {int(number) for name in ("Uid:", "Gid:", "Groups:") for number in told[name]}
                return 0 in ids, [int(told[name][0], 16) for name in wanted[2:]]

            async def main():
                with Hypervisor() as hypervisor:
                    boot = asyncio.create_task(started(hypervisor))
                    while not (Path(sys.argv[1]) / "serial.xml").exists():  # until then it is not to run
                        await asyncio.sleep(0.02)
                    (pid,) = libvirt_embed.root().glob("run/qemu/reference-1-boot.pid")
                    print("boots", *rights(pid.read_text().strip()))
                    guest = await boot
                    print("goes on", *rights(guest.machine.pid), guest.kept is not None)
            asyncio.run(main())
            """,
            tmp_path,
        )
    )
    rights = "False [0, 0, 1, 2]"
    assert f"boots {rights}" in said
    assert f"goes on {rights} True" in said


def test_a_killed_lab_leaves_nothing(tmp_path: Path) -> None:
    lab = start_lab(
        """
        async def main():
            with Hypervisor() as hypervisor:
                guest = await started(hypervisor)
                print("root", libvirt_embed.root(), guest.machine.pid, flush=True)
                await asyncio.sleep(60)
        asyncio.run(main())
        """,
        tmp_path,
    )
    assert lab.stdout is not None
    words = next(line.split() for line in lab.stdout if line.startswith("root"))
    assert int(words[2]) in processes_under(words[1])
    os.kill(lab.pid, signal.SIGKILL)
    lab.communicate(timeout=5)  # ends only when nobody holds the lab's output open any more
    assert_gone(words[1])


def test_two_labs_run_side_by_side(tmp_path: Path) -> None:
    body = """
        async def main():
            with Hypervisor() as hypervisor:
                guest = await started(hypervisor)
                print(network.test_guest4, guest.info["processors"])
        asyncio.run(main())
    """
    folders = [tmp_path / name for name in ("one", "two")]
    for folder in folders:
        folder.mkdir()
    labs = [start_lab(body, folder) for folder in folders]
    for lab in labs:
        assert finish(lab)[-1] == "10.8.0.2 2"


def test_a_machine_that_cannot_start_is_a_line(tmp_path: Path) -> None:
    said = finish(
        start_lab(
            """
            async def main():
                with Hypervisor() as hypervisor:
                    wrong = fromstring("<domain type='qemu'><name>x</name></domain>")
                    try:
                        await hypervisor.start(wrong, Path("x"))
                    except HarnessError as error:
                        print(error)
            asyncio.run(main())
            """,
            tmp_path,
        )
    )
    assert len(said) == 1
    assert "the VM cannot be started" in said[0]


def test_a_boot_that_is_cut_off_fails_before_its_limit_and_is_not_the_guests_crash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    guest = ReferenceGuest()
    guest.prepare(print)
    monkeypatch.setenv("WSK_REFERENCE_IMAGE", str(guest.image))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))  # one that keeps no booted guest
    said = finish(
        start_lab(
            """
            async def main():
                with Hypervisor() as hypervisor:
                    boot = asyncio.create_task(started(hypervisor))
                    while not (pids := list((libvirt_embed.root() / "run/qemu").glob("reference*.pid"))):
                        await asyncio.sleep(0.02)
                    await asyncio.sleep(0.5)
                    began = time.monotonic()
                    os.kill(int(pids[0].read_text()), signal.SIGKILL)
                    try:
                        await boot
                    except HarnessError as error:
                        print("harness", time.monotonic() - began < 30)  # a boot may take 60 s
            asyncio.run(main())
            """,
            tmp_path,
        )
    )
    assert said[-1] == "harness True"
