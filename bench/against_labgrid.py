# SPDX-License-Identifier: Apache-2.0
"""How long do 20 cases take, against 20 commands that labgrid runs over SSH in the same kernel and image?

    .venv/bin/python bench/against_labgrid.py [--runs 5] [--environment FOLDER]

Both under emulation, with as much memory and as many processors, one after the other in turns, from the
start of the process to its end: ours makes captures, verdicts and a report, labgrid's nothing. Of ours the
guest goes on from where it was kept, labgrid boots it. labgrid comes from PyPI into an environment of its
own, in FOLDER or for this time only.

Prints each turn, then seconds by the clock, least and median, the same of CPU time with all children, and
how many times ours goes into labgrid's. Takes the host's `ssh`.
"""

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from startup import with_compiled_modules

from harness.guest.reference import ReferenceGuest, command_line
from harness.lab.domain import QBOOT, QEMU
from harness.lab.namespace import Network

LABGRID = "labgrid==26.0.1"
COUNT = 20
SIDES = ("labgrid", "ours")
CASES = "suites/close/test_kinds.py"  # each a call or two, as a command of labgrid is
HARNESS = Path(sys.executable).with_name("wsk-conformance")


def labgrid(folder: Path) -> Path:
    """The Python of an environment with labgrid, made where it is missing."""
    python = folder / "bin" / "python"
    if not python.exists():
        venv.create(folder, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", LABGRID], check=True)
    return python


def environment(folder: Path) -> Path:
    """labgrid's description of the reference guest's machine, but for its network: QEMU's own."""
    guest, network = ReferenceGuest(), Network()
    guest.prepare(print)
    image = guest.image
    key = folder / "login_key"
    key.write_bytes((image / "login_key").read_bytes())
    key.chmod(0o600)
    port = free_port()
    forwarded = f"hostfwd=tcp:127.0.0.1:{port}-{network.mgmt_guest}:22"
    subnet = f"{network.mgmt_host}/{network.prefix4}"
    extra = [
        *("-accel", "tcg", "-smp", "2", "-nodefaults", "-bios", str(QBOOT)),
        *("-initrd", str(image / "initramfs.cpio")),
        *("-netdev", f"user,id=mgmt,net={subnet},host={network.mgmt_host},{forwarded}"),
        *("-device", f"virtio-net-pci,netdev=mgmt,mac={network.mgmt_guest_mac},romfile="),
        *("-netdev", "user,id=test,restrict=on"),
        *("-device", f"virtio-net-pci,netdev=test,mac={network.test_guest_mac},romfile="),
    ]
    machine = {
        "qemu_bin": "qemu",
        "machine": "q35",
        "cpu": "qemu64",
        "memory": f"{ReferenceGuest.memory_mib}M",
        "kernel": "kernel",
        "boot_args": command_line(network, emulated=True),
        "extra_args": " ".join(extra),
    }
    told: dict[str, Any] = {
        "targets": {
            "main": {
                "resources": {"NetworkService": {"address": "127.0.0.1", "port": port, "username": "root"}},
                "drivers": {"QEMUDriver": machine, "SSHDriver": {"keyfile": str(key)}},
            }
        },
        "images": {"kernel": str(image / "vmlinux")},
        "tools": {"qemu": QEMU},
    }
    path = folder / "environment.yaml"
    path.write_text(json.dumps(told))  # which is YAML too
    return path


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def cases() -> list[str]:
    """COUNT of them, each so many behind the one before."""
    listed = subprocess.run([HARNESS, "run", "--list", CASES], capture_output=True, text=True, check=True)
    names = [line.split()[0] for line in listed.stdout.splitlines() if "::" in line]
    return names[:: len(names) // COUNT][:COUNT]


def timed(command: Sequence[str | Path]) -> tuple[float, float]:
    """Seconds by the clock and of CPU time, of it and its children. Exits when it fails."""
    before, began = os.times(), time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=with_compiled_modules())
    seconds, after = time.monotonic() - began, os.times()
    if done.returncode:
        sys.exit(f"{command[0]} ended with status {done.returncode}:\n{done.stdout}{done.stderr}")
    used = after.children_user + after.children_system - before.children_user - before.children_system
    return seconds, used


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--environment", type=Path)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        python = labgrid(asked.environment or folder / "environment")
        theirs: list[str | Path] = [
            python,
            Path(__file__).with_name("labgrid_commands.py"),
            environment(folder),
            str(COUNT),
        ]
        ours: list[str | Path] = [HARNESS, "run", "--results", folder / "results", *cases()]
        timed(ours)  # warms the caches
        seen = []
        for _ in range(asked.runs):
            seen.append((timed(theirs), timed(ours)))
            print(
                *(f"{name} {clock:.2f} s" for name, (clock, _) in zip(SIDES, seen[-1], strict=True)),
                flush=True,
            )
    medians = []
    print(f"{'':10} {'least':>7} {'median':>7} {'CPU':>7}")
    for name, times in zip(SIDES, zip(*seen, strict=True), strict=True):
        clock, used = zip(*times, strict=True)
        medians.append(statistics.median(clock))
        print(f"{name:10} {min(clock):7.2f} {medians[-1]:7.2f} {statistics.median(used):7.2f}")
    print(f"labgrid by ours: {medians[0] / medians[1]:.1f}")


if __name__ == "__main__":
    main()
