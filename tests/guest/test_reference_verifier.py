# SPDX-License-Identifier: Apache-2.0
"""The reference guest's verifier: one misdeed of a driver, one bugcheck, seen through pvpanic."""

import re
from pathlib import Path

import pytest
from labs import finish, start_lab
from reference_drivers import build, build_loader

# Misdeed (its number in drivers/bad.c) -> the bugcheck's code and, where it is a number, first parameter.
MISDEEDS: dict[str, tuple[int, int, int | None]] = {
    "wait at DISPATCH_LEVEL": (1, 0xB8, None),
    "complete an IRP twice": (2, 0x44, None),
    "use a freed IRP": (3, 0xD5, None),
    "use a closed socket": (4, 0xD5, None),
    "free pool twice": (5, 0xC2, 0x07),
    "free pool with another tag": (6, 0xC2, 0x0A),
    "write behind a block of pool": (7, 0x19, 0x20),
    "lower the level in a DPC": (8, 0x0A, None),
    "return raised from a completion routine": (9, 0xC8, 0x20000),
    "leak pool": (10, 0xC4, 0x62),
    "unload while registered": (11, 0xCE, None),
    "leak a security descriptor": (12, 0xC4, 0xF001),
    "retain data for ever": (13, 0xC4, 0xF001),
    "free an IRP that is pending": (14, 0xC9, 0x02),
    "release a lock that is free": (15, 0x10, None),
    "close a socket while another thread is inside a call of it": (16, 0xC4, 0xF005),
    "call a socket's function while its close is in progress": (17, 0xD5, None),
}
_BODY = """
async def one(hypervisor, number):
    folder = Path(sys.argv[1])
    log = folder / f"{number}.serial"
    guest = await find("reference").start(hypervisor, network, fault=None, serial_log=log, progress=print)
    ssh = guest.connection
    for name in ("ntload", f"bad{number}.sys"):
        await ssh.put(f"/tmp/{name}", (folder / name).read_bytes())
    load = f"chmod +x /tmp/ntload; /tmp/ntload bad /tmp/bad{number}.sys; /tmp/ntload bad -"
    task = asyncio.ensure_future(ssh.exec(load, limit=60))
    await asyncio.wait([task, guest.machine.failure], return_when=asyncio.FIRST_COMPLETED, timeout=60)
    await asyncio.wait([guest.machine.failure], timeout=60)  # SSH may hear of it before the hypervisor
    task.cancel()
    await asyncio.wait([task])
    (folder / f"{number}.crashed").write_text(str(guest.machine.crashed))
    await guest.stop()

async def main():
    with Hypervisor() as hypervisor:
        for number in (Path(sys.argv[1]) / "numbers").read_text().split():
            await one(hypervisor, number)
asyncio.run(main())
"""


@pytest.fixture(scope="module")
def crashes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with each guest's serial log and whether it crashed; one guest a misdeed."""
    folder = tmp_path_factory.mktemp("bad")
    build_loader(folder)
    for number, _, _ in MISDEEDS.values():
        build("bad", folder, f"-DMISDEED={number}").rename(folder / f"bad{number}.sys")
    (folder / "numbers").write_text(" ".join(str(number) for number, _, _ in MISDEEDS.values()))
    finish(start_lab(_BODY, folder), limit=600)
    return folder


@pytest.mark.parametrize("misdeed", MISDEEDS)
def test_a_misdeed_stops_the_guest_with_its_code(crashes: Path, misdeed: str) -> None:
    number, code, parameter = MISDEEDS[misdeed]
    log = (crashes / f"{number}.serial").read_text(errors="replace")
    stop = re.search(r"\*\*\* STOP: 0x(\w{8}) \(0x(\w{16})", log)
    assert stop, log
    assert int(stop[1], 16) == code
    assert parameter is None or int(stop[2], 16) == parameter
    assert (crashes / f"{number}.crashed").read_text() == "True", log
