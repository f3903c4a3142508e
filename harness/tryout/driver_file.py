# SPDX-License-Identifier: Apache-2.0
"""The driver that is tried, as a file: is it one, and what does it import?"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.core.errors import UsageError
from harness.core.files import read_bytes, short

_AMD64, _PE32_PLUS, _NATIVE = 0x8664, 0x20B, 1
_MACHINES = {0x14C: "32-bit x86", 0xAA64: "ARM64", 0x1C0: "ARM", 0x1C4: "ARM"}
_LONGEST_NAME = 40  # of a service


@dataclass(frozen=True)
class DriverFile:
    """A driver for x64. `imports` are "module!name", or "module!#7" for a number; in the file's order."""

    path: Path
    image: bytes
    imports: tuple[str, ...]

    @property
    def service(self) -> str:
        """Name of the service that it is loaded as."""
        return re.sub(r"[^A-Za-z0-9_-]+", "_", self.path.stem)[:_LONGEST_NAME] or "driver"

    @classmethod
    def read(cls, path: Path) -> "DriverFile":
        """Reads the file and its imports. Raises UsageError unless it is an x64 driver, whole."""
        import pefile  # of this command only

        image = read_bytes(path)
        try:
            pe = pefile.PE(data=image, fast_load=True)
        except pefile.PEFormatError as error:
            raise UsageError(f"{short(path)} is no Windows driver: {error.value}") from None
        machine = pe.FILE_HEADER.Machine
        if machine != _AMD64 or pe.OPTIONAL_HEADER.Magic != _PE32_PLUS:
            what = _MACHINES.get(machine, f"machine 0x{machine:X}")
            raise UsageError(f"{short(path)} is built for {what}: the guest loads x64 drivers only")
        if pe.OPTIONAL_HEADER.Subsystem != _NATIVE:
            raise UsageError(f"{short(path)} is a program or library, no driver: its subsystem is not native")
        if len(pe.sections) < pe.FILE_HEADER.NumberOfSections or _end(pe) > len(image):
            raise UsageError(f"{short(path)} is cut: sections that its header names are missing")
        pe.parse_data_directories([pefile.DIRECTORY_ENTRY["IMAGE_DIRECTORY_ENTRY_IMPORT"]])
        return cls(path, image, tuple(_imports(pe)))


def _end(pe: Any) -> int:
    """Bytes that the file has at least, by its section table."""
    return max((one.PointerToRawData + one.SizeOfRawData for one in pe.sections), default=0)


def _imports(pe: Any) -> list[str]:
    found = []
    for module in getattr(pe, "DIRECTORY_ENTRY_IMPORT", []):
        dll = module.dll.decode(errors="replace")
        for symbol in module.imports:
            name = symbol.name.decode(errors="replace") if symbol.name else f"#{symbol.ordinal}"
            found.append(f"{dll}!{name}")
    return found
