# SPDX-License-Identifier: Apache-2.0
"""The way of an installation: its stages, what Windows says about them on COM1, and how long each may take.

Windows writes lines of its own to COM1, images/windows/provision.ps1 those
that begin with the mark, the firmware those that begin with BdsDxe:

    WSKLAB:STAGE 4/8 drivers     a stage begins
    WSKLAB:FACT key=value        something that the image's user will want to know
    WSKLAB:FAIL text             it went wrong
    WSKLAB:READY                 all is done; the machine powers off
"""

import re
from dataclasses import dataclass

MARK = "WSKLAB:"


@dataclass(frozen=True)
class Stage:
    """A stage and, in seconds, how long it may take with a slow disk until the next begins."""

    name: str
    text: str
    limit_s: float


STAGES = (
    Stage("setup", "Windows Setup copies files", 5400),
    Stage("specialize", "Windows Setup makes the system this machine's", 3600),
    Stage("logon", "first logon", 900),
    Stage("drivers", "installing drivers and the test certificate", 1800),
    Stage("channels", "setting up SSH, WinRM and the guest agent", 1800),
    Stage("settings", "test signing, Verifier, crash dumps, quiet", 3600),
    Stage("restarted", "started again with test signing", 1800),
    Stage("verify", "looking whether everything is as it should be", 1200),
)
# Before the first stage, and after the last.
FIRMWARE_LIMIT_S = 300.0  # whatever the disk
KEY_LIMIT_S = 3600.0  # from the key to the first stage: Windows PE loads, and may not find COM1
POWER_OFF_LIMIT_S = 600.0
# Setup in Windows PE may have no driver for COM1, and its next phase no right to it.
MAY_BE_SILENT = ("setup", "specialize")
# Installing takes four starts, with updates of the firmware's boot entries a few more.
MOST_STARTS = 10

_NUMBERS = {stage.name: number for number, stage in enumerate(STAGES, 1)}


def line(name: str) -> str:
    """The line that the guest writes to COM1 when the stage begins."""
    return f"{MARK}STAGE {_NUMBERS[name]}/{len(STAGES)} {name}"


@dataclass(frozen=True)
class SerialEvent:
    """Something that a line on COM1 says; `text` is the rest of it."""

    kind: str
    text: str = ""


_DISC = r'Boot[0-9A-F]{4} "UEFI QEMU (?:DVD|CD)-ROM[^"]*"'
_SIGNS = (
    ("disc", re.compile(rf"BdsDxe: starting {_DISC}")),
    ("disc failed", re.compile(rf"BdsDxe: failed to (?:load|start) {_DISC}.*: ([^:]*)$")),
    ("shell", re.compile(r'BdsDxe: starting Boot[0-9A-F]{4} "EFI Internal Shell"')),
    ("nothing", re.compile(r"BdsDxe: No bootable option or device was found")),
    ("stage", re.compile(rf"{MARK}STAGE (\d{{1,2}}/\d{{1,2}} [a-z]{{1,20}})$")),
    ("fact", re.compile(rf"{MARK}FACT ([a-z0-9-]{{1,40}}=.{{0,1000}})$")),
    ("fail", re.compile(rf"{MARK}FAIL (.*)$")),
    ("ready", re.compile(rf"{MARK}READY$")),
)
# ECMA-48, section 5.4: control sequences, with which the firmware draws its console.
_CONTROL = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")
_MOST_LINE_BYTES = 4096


class SerialListener:
    """Takes what comes out of COM1, piece by piece, and gives the signs in it."""

    def __init__(self) -> None:
        self._rest = b""

    def hear(self, data: bytes) -> list[SerialEvent]:
        """The signs of all lines that are complete now; a line beyond 4 KiB is cut."""
        *lines, rest = (self._rest + data).replace(b"\r", b"\n").split(b"\n")
        self._rest = rest[:_MOST_LINE_BYTES]
        return [sign for line in lines if (sign := _sign(line[:_MOST_LINE_BYTES]))]


def _sign(line: bytes) -> SerialEvent | None:
    text = _CONTROL.sub("", line.decode(errors="replace")).strip()
    for kind, pattern in _SIGNS:
        if found := pattern.search(text):
            return SerialEvent(kind, found[1].strip() if pattern.groups else "")
    return None
