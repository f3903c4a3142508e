# SPDX-License-Identifier: Apache-2.0
"""ISOs for the tests of `image build`: a boot program that plays Windows Setup, action by action."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

import pycdlib

_SOURCE = Path(__file__).parent / "installer" / "player.c"
_COMPILER = "x86_64-w64-mingw32-gcc"
_FLAGS = (
    *("-std=gnu11", "-Os", "-Wall", "-Wextra", "-Werror", "-ffreestanding", "-fno-builtin"),
    *("-fno-stack-protector", "-mno-stack-arg-probe", "-mno-red-zone", "-mgeneral-regs-only"),
    *("-shared", "-nostdlib", "-Wl,--subsystem,10", "-Wl,--entry,start", "-Wl,--dynamicbase"),
)
_LIMIT = 60  # s


def make(folder: Path, first: Sequence[str], after: Sequence[str] = (), prompt_seconds: int = 60) -> Path:
    """An ISO whose boot program acts `first` at its first start and `after` at all others.

    An action is a letter and its text: k ask for a key, w write a line to COM1, r restart, o power off,
    p bugcheck, c bugcheck before a dump, d write so many MiB to the disk, l load so many from the disc,
    s sleep so many seconds, n listen for keys as long and say whether one came, h hang; at the end it
    gives up.
    """
    (folder / "play.h").write_text(
        f"#define PROMPT_SECONDS {prompt_seconds}\n"
        + _array("first_play", first)
        + _array("next_play", after)
    )
    program, image, iso = (folder / name for name in ("boot.efi", "boot.img", "windows.iso"))
    _run(_COMPILER, *_FLAGS, "-I", str(folder), str(_SOURCE), "-o", str(program))
    # UEFI specification 2.10, sections 3.5.1.1 and 13.3.2.1: a FAT image that El Torito names.
    _run("mformat", "-C", "-i", str(image), "-f", "1440", "::")
    _run("mmd", "-i", str(image), "::EFI", "::EFI/BOOT")
    _run("mcopy", "-i", str(image), str(program), "::EFI/BOOT/BOOTX64.EFI")
    disc = pycdlib.PyCdlib()
    disc.new(interchange_level=3, vol_ident="PLAY")
    disc.add_file(str(image), "/BOOT.IMG;1")
    disc.add_eltorito("/BOOT.IMG;1", efi=True, platform_id=0xEF)
    disc.write(str(iso))
    disc.close()
    return iso


def _array(name: str, actions: Sequence[str]) -> str:
    lines = "".join('"{}", '.format(action.replace("\\", "\\\\").replace('"', '\\"')) for action in actions)
    return f"static const char *const {name}[] = {{{lines}0}};\n"


def _run(*command: str) -> None:
    subprocess.run(command, check=True, timeout=_LIMIT)
