# SPDX-License-Identifier: Apache-2.0
"""Faults that the processor finds in a driver stop the reference guest with Windows' code for each."""

import re
from pathlib import Path

import pytest
from labs import finish, start_lab
from reference_drivers import build, build_loader

# Fault (its number in drivers/faulty.c) -> the stop code, and those of its parameters that are fixed.
FAULTS: dict[str, tuple[int, int, dict[int, int]]] = {
    "__fastfail": (1, 0x139, {1: 3}),
    "a breakpoint": (2, 0x7E, {1: 0xFFFFFFFF80000003}),
    "a write to NULL in DriverEntry": (3, 0x7E, {1: 0xFFFFFFFFC0000005}),
    "a write to NULL in a control": (4, 0x3B, {1: 0xC0000005}),
    "a write to NULL at DISPATCH_LEVEL": (5, 0xD1, {1: 8, 2: 2, 3: 1}),
    "a NULL pointer given to the kernel at DISPATCH_LEVEL": (6, 0x0A, {1: 0, 2: 2, 3: 0}),
    "a read where nothing is": (7, 0x50, {1: 0xFFFFA00000000000, 2: 0}),
    "a write to a constant": (8, 0xBE, {}),
    "a call of data": (9, 0xFC, {}),
    "a division by zero": (10, 0x7E, {1: 0xFFFFFFFFC0000094}),
    "a division by zero in a DPC": (11, 0x1E, {1: 0xFFFFFFFFC0000094}),
    "an instruction that is none, in a control": (12, 0x3B, {1: 0xC000001D}),
    "a read of no canonical address": (13, 0x7E, {1: 0xFFFFFFFFC0000005}),
    "a recursion without end": (14, 0x7F, {1: 8}),
    "a loop in a DPC": (15, 0x133, {1: 0}),
    "a loop at DISPATCH_LEVEL": (16, 0x133, {1: 1}),
    "SSE on a misaligned address": (17, 0x7E, {1: 0xFFFFFFFFC0000005}),
}
_BODY = """
async def one(hypervisor, number):
    folder = Path(sys.argv[1])
    log = folder / f"{number}.serial"
    guest = await find("reference").start(hypervisor, network, fault=None, serial_log=log, progress=print)
    ssh = guest.connection
    for name in ("ntload", f"faulty{number}.sys"):
        await ssh.put(f"/tmp/{name}", (folder / name).read_bytes())
    load = f"chmod +x /tmp/ntload; /tmp/ntload faulty /tmp/faulty{number}.sys; /tmp/ntload faulty =0x222000"
    task = asyncio.ensure_future(ssh.exec(load, limit=120))
    await asyncio.wait([guest.machine.failure], timeout=120)
    task.cancel()
    await asyncio.wait([task])
    await guest.stop()

async def main():
    with Hypervisor() as hypervisor:
        for number in (Path(sys.argv[1]) / "numbers").read_text().split():
            await one(hypervisor, number)
asyncio.run(main())
"""


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with each guest's serial log; one guest a fault."""
    folder = tmp_path_factory.mktemp("faulty")
    build_loader(folder)
    numbers = [number for number, *_ in FAULTS.values()]
    for number in numbers:
        build("faulty", folder, f"-DFAULT={number}").rename(folder / f"faulty{number}.sys")
    (folder / "numbers").write_text(" ".join(map(str, numbers)))
    finish(start_lab(_BODY, folder), limit=900)
    return folder


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_stops_the_guest_with_windows_code(logs: Path, fault: str) -> None:
    number, code, parameters = FAULTS[fault]
    log = (logs / f"{number}.serial").read_text(errors="replace")
    stop = re.search(r"\*\*\* STOP: 0x(\w{8}) \(0x(\w{16}),0x(\w{16}),0x(\w{16}),", log)
    assert stop, log
    found = [int(part, 16) for part in stop.groups()]
    assert found[0] == code, log
    assert {at: found[at] for at in parameters} == parameters, log
