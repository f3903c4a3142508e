# SPDX-License-Identifier: Apache-2.0
"""Builds the drivers of tests/support/drivers and runs them in a reference guest."""

import re
import shlex
import subprocess
from pathlib import Path

from harness.core.paths import REFERENCE_IMAGE, REPOSITORY

_HERE = Path(__file__).resolve().parent
_DRIVERS = _HERE / "drivers"
_MODULE = REFERENCE_IMAGE / "module"
_WSKTEST = REPOSITORY / "guest_driver"
_LIMIT_S = 120

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


def verdicts(log: str, suite: str) -> dict[str, bool]:
    """Check -> whether it passed, of one run of a driver; the driver must have come to its end."""
    lines = re.findall(rf"driver: {suite}: (.*)", log)
    assert lines[-1:] == ["end"], f"{suite} did not end:\n{log}"
    found = (re.fullmatch(r"(not )?ok (\S+)", line) for line in lines)
    return {line[2]: not line[1] for line in found if line}
