# SPDX-License-Identifier: Apache-2.0
"""Builds the drivers of tests/support/drivers and runs them in reference guests."""

import json
import re
import shlex
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from labs import finish, start_lab

from harness.core.paths import REFERENCE_IMAGE, REPOSITORY

_HERE = Path(__file__).resolve().parent
_DRIVERS = _HERE / "drivers"
_MODULE = REFERENCE_IMAGE / "module"
_WSKTEST = REPOSITORY / "guest_driver"
_LIMIT_S = 120
_STOP_LIMIT_S = 120  # for a driver that is to stop its guest

_COMPILER = "x86_64-w64-mingw32-gcc"
_RELAXED = ["-Wno-unused-function"]  # lab.h is for all of them
_LIBRARIES = ["-lntoskrnl", "-lhal", "-lnetio"]


def _run(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=_LIMIT_S, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def build(name: str, folder: Path, *flags: str) -> Path:
    """The .sys file of drivers/NAME.c, made with the flags of wsktest.sys."""
    of_wsktest = shlex.split(_run(["make", "-s", "--no-print-directory", "-C", str(_WSKTEST), "flags"]))
    driver = folder / f"{name}{''.join(flag for flag in flags)}.sys"
    source = str(_DRIVERS / f"{name}.c")
    _run([_COMPILER, *of_wsktest, *_RELAXED, *flags, source, "-o", str(driver), *_LIBRARIES])
    return driver


def build_loader(folder: Path) -> Path:
    """`ntload`, which loads drivers under any name."""
    return build_program("ntload", folder)


def build_program(name: str, folder: Path) -> Path:
    """The program of drivers/NAME.c, for the guest."""
    program = folder / name
    source = str(_DRIVERS / f"{name}.c")
    _run(["gcc", "-O2", "-static", f"-I{_MODULE}", source, "-o", str(program)])
    return program


# Each driver in a guest of its own, which it is expected to stop.
_ONE_GUEST_A_DRIVER = """
from harness.guest.options import GuestOptions

async def one(hypervisor, folder, source, name, strict, special, paged, control):
    log = folder / f"{name}.serial"
    kind = find("reference", GuestOptions(strict_client=strict))
    guest = await kind.start(hypervisor, network, fault=None, serial_log=log, progress=print)
    ssh = guest.connection
    for file in ("ntload", f"{name}.sys"):
        await ssh.put(f"/tmp/{file}", (folder / file).read_bytes())
    parameters = "/sys/module/ntlab/parameters"
    prepared = (
        f"echo {int(special)} > {parameters}/special_pool; echo {int(paged)} > {parameters}/irql_checking; "
        "chmod +x /tmp/ntload"
    )
    load = f"{prepared}; /tmp/ntload {source} /tmp/{name}.sys; /tmp/ntload {source} {control}"
    task = asyncio.ensure_future(ssh.exec(load, limit=LIMIT))
    await asyncio.wait([task, guest.machine.failure], return_when=asyncio.FIRST_COMPLETED, timeout=LIMIT)
    await asyncio.wait([guest.machine.failure], timeout=LIMIT)  # SSH may hear of it before the hypervisor
    task.cancel()
    await asyncio.wait([task])
    (folder / f"{name}.crashed").write_text(str(guest.machine.crashed))
    await guest.stop()

async def main():
    folder = Path(sys.argv[1])
    with Hypervisor() as hypervisor:
        for each in json.loads((folder / "drivers.json").read_text()):
            await one(hypervisor, folder, **each)
asyncio.run(main())
"""


@dataclass(frozen=True)
class Doomed:
    """A driver that is expected to stop its guest: drivers/SOURCE.c, made with the number of its misdeed.

    `control` is the word for `ntload` after it was loaded: unload it, or send it a control.
    """

    source: str
    define: str
    number: int
    strict: bool = False
    special: bool = False
    paged: bool = False
    control: str = "-"

    @property
    def name(self) -> str:
        return f"{self.source}{self.number}"


def stop_guests(folder: Path, drivers: Sequence[Doomed], limit: float) -> None:
    """Loads each into a guest of its own; leaves NAME.serial and NAME.crashed in the folder."""
    build_loader(folder)
    for one in drivers:
        build(one.source, folder, f"-D{one.define}={one.number}").rename(folder / f"{one.name}.sys")
    told = [
        {
            "source": one.source,
            "name": one.name,
            "strict": one.strict,
            "special": one.special,
            "paged": one.paged,
            "control": one.control,
        }
        for one in drivers
    ]
    (folder / "drivers.json").write_text(json.dumps(told))
    finish(start_lab(f"import json\nLIMIT = {_STOP_LIMIT_S}\n{_ONE_GUEST_A_DRIVER}", folder), limit=limit)


def stop_code(log: str) -> list[int]:
    """The code and the parameters of the bugcheck that a serial log tells of."""
    stop = re.search(r"\*\*\* STOP: 0x(\w{8}) \(0x(\w{16}),0x(\w{16}),0x(\w{16}),", log)
    assert stop, log
    return [int(part, 16) for part in stop.groups()]


def verdicts(log: str, suite: str) -> dict[str, bool]:
    """Check -> whether it passed, of one run of a driver; the driver must have come to its end."""
    lines = re.findall(rf"driver: {suite}: (.*)", log)
    assert lines[-1:] == ["end"], f"{suite} did not end:\n{log}"
    found = (re.fullmatch(r"(not )?ok (\S+)", line) for line in lines)
    return {line[2]: not line[1] for line in found if line}


def assert_all_checks_pass(log: str, suite: str, count: int) -> dict[str, bool]:
    """Its verdicts; a check that was not made is as bad as one that failed."""
    found = verdicts(log, suite)
    assert len(found) == count, found
    assert all(found.values()), found
    return found


def assert_stopped_with(log: str, code: int, parameters: dict[int, int]) -> None:
    """The guest ended with that STOP code, and with these of its parameters (from 1)."""
    found = stop_code(log)
    assert found[0] == code, log
    assert {at: found[at] for at in parameters} == parameters, log
