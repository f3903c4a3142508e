# SPDX-License-Identifier: Apache-2.0
"""Builds the drivers of tests/support/drivers and runs them in a reference guest."""

import re
import subprocess
from pathlib import Path

from harness.core.paths import REFERENCE_IMAGE

_HERE = Path(__file__).resolve().parent
_DRIVERS = _HERE / "drivers"
_MODULE = REFERENCE_IMAGE / "module"
_LIMIT_S = 120

# The flags of guest_driver/Makefile that decide what the loader is given.
_COMPILE = [
    "x86_64-w64-mingw32-gcc",
    "-std=gnu11",
    "-O2",
    "-ffreestanding",
    "-fno-builtin",
    "-fno-stack-protector",
    "-mno-stack-arg-probe",
    "-mno-red-zone",
    "-mgeneral-regs-only",
    "-Wall",
    "-Wextra",
    "-Werror",
    "-Wno-unused-function",
    "-Wno-multichar",
    "-D_WIN32_WINNT=0x0A00",
    "-isystem",
    "/usr/x86_64-w64-mingw32/include/ddk",
    "-shared",
    "-nostdlib",
    "-nostartfiles",
    "-Wl,--subsystem,native",
    "-Wl,--entry,DriverEntry",
    "-Wl,--image-base,0x140000000",
    "-Wl,--dynamicbase",
    "-Wl,--section-alignment,0x1000",
    "-Wl,--exclude-all-symbols",
]
_LIBRARIES = ["-lntoskrnl", "-lhal", "-lnetio"]


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=_LIMIT_S, check=False)
    assert done.returncode == 0, done.stderr


def build(name: str, folder: Path, *flags: str) -> Path:
    """The .sys file of drivers/NAME.c."""
    driver = folder / f"{name}{''.join(flag for flag in flags)}.sys"
    _run([*_COMPILE, *flags, str(_DRIVERS / f"{name}.c"), "-o", str(driver), *_LIBRARIES])
    return driver


def build_loader(folder: Path) -> Path:
    """`ntload`, which loads drivers under any name."""
    program = folder / "ntload"
    _run(["gcc", "-O2", "-static", f"-I{_MODULE}", str(_DRIVERS / "ntload.c"), "-o", str(program)])
    return program


def verdicts(log: str, suite: str) -> dict[str, bool]:
    """Check -> whether it passed, of one run of a driver; the driver must have come to its end."""
    lines = re.findall(rf"driver: {suite}: (.*)", log)
    assert lines[-1:] == ["end"], f"{suite} did not end:\n{log}"
    found = (re.fullmatch(r"(not )?ok (\S+)", line) for line in lines)
    return {line[2]: not line[1] for line in found if line}
