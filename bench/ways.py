# SPDX-License-Identifier: Apache-2.0
"""What does a request to `wskctl serve` cost by the guest's virtio port, and by its SSH login?

    .venv/bin/python bench/ways.py [--turns 3] [--requests 400]

Reads the clock of one reference guest by both, in turns. Prints of each turn, per request: CPU time of QEMU
and of this process, and the round trip, least and median. A case makes three requests, and what a round trip
leaves open widens the bound of the guest's clock.
"""

import argparse
import asyncio
import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, cast

import psutil

from harness.guest.control import ControlClient
from harness.guest.reference import ReferenceGuest
from harness.lab import namespace
from harness.lab.hypervisor import Hypervisor
from harness.lab.namespace import Network

if TYPE_CHECKING:
    from harness.guest.ssh import SshChannel

APART_S = 0.002  # the guest comes to rest between two requests, as between those of a case


async def measure(name: str, control: ControlClient, qemu: psutil.Process, requests: int) -> None:
    before, began = qemu.cpu_times(), time.process_time()
    trips = []
    for _ in range(requests):
        read = await control.clock()
        trips.append((read.received_ns - read.sent_ns) / 1e6)
        await asyncio.sleep(APART_S)
    after, ours = qemu.cpu_times(), time.process_time() - began
    guests = after.user + after.system - before.user - before.system
    print(
        f"{name:5} QEMU {guests / requests * 1e3:5.2f} ms  harness {ours / requests * 1e3:5.2f} ms"
        f"  round trip {min(trips):5.2f} {statistics.median(trips):5.2f} ms",
        flush=True,
    )


async def both(reference: ReferenceGuest, network: Network, turns: int, requests: int) -> None:
    with tempfile.TemporaryDirectory() as folder, Hypervisor() as hypervisor:
        log = Path(folder) / "serial.log"
        guest = await reference.start(hypervisor, network, fault=None, serial_log=log, progress=print)
        login = cast("SshChannel", guest.connection)
        over_login = await ControlClient.open(await login.stream("wskctl serve"))
        qemu = psutil.Process(guest.machine.pid)
        for _ in range(turns):
            await measure("port", guest.control, qemu, requests)
            await measure("login", over_login, qemu, requests)
        over_login.close()
        await guest.stop()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--requests", type=int, default=400)
    asked = parser.parse_args()
    reference = ReferenceGuest()
    reference.prepare(print)
    asyncio.run(both(reference, namespace.enter(), asked.turns, asked.requests))


if __name__ == "__main__":
    main()
