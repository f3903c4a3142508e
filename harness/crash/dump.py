# SPDX-License-Identifier: Apache-2.0
"""Dumps that Windows wrote of itself, or that the hypervisor wrote as Windows would.

Only the header is read, which has all that a report needs. A dump may be cut
off, or no dump at all: nothing in it is believed before it is checked. What is
behind the header is for a debugger.

The layout is that of DUMP_HEADER64 in the Windows SDK's metadata; the dump
types are those that dbgeng and kdmp-parser tell apart.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dissect.cstruct import cstruct

from harness.core.errors import HarnessError
from harness.crash.bugcheck import Bugcheck

_HEADER_BYTES = 0x2000
_SIGNATURE = b"PAGEDU64"
_SIGNATURE_32 = b"PAGEDUMP"
_FILLER = b"PAGE"  # Windows fills the header with it before it writes what it knows
_LIVE = 0x161  # LIVE_SYSTEM_DUMP: of a system that runs on, whether Windows or the hypervisor wrote it
_AMD64 = 0x8664
_MOST_PROCESSORS = 2048
_TYPES = {
    1: "complete",
    2: "kernel",
    4: "small",
    5: "complete bitmap",
    6: "kernel bitmap",
    7: "automatic",
    8: "kernel",
    9: "kernel and user",
    10: "complete",
}

_layout: Any = cstruct().load(
    """
    struct dump_header {
        char signature[8];
        uint32_t major;
        uint32_t build;
        uint64_t directory_table_base;
        uint64_t pfn_database;
        uint64_t loaded_modules;
        uint64_t active_processes;
        uint32_t machine;
        uint32_t processors;
        uint32_t code;
        uint32_t padding;
        uint64_t parameters[4];
        char between[0xF38];
        uint32_t type;
    };
    """
)


@dataclass(frozen=True)
class DumpHeader:
    """The header of a dump: the system that it was taken of."""

    bugcheck: Bugcheck | None  # None where the system was still alive
    build: int
    processors: int
    type: str

    def __str__(self) -> str:
        why = str(self.bugcheck) if self.bugcheck else "without a bugcheck"
        return f"{self.type} dump of Windows build {self.build} with {self.processors} processors, {why}"


def read_header(path: Path) -> DumpHeader:
    """Reads the header of a 64-bit Windows dump. Raises HarnessError, with the reason, for anything else."""
    try:
        with path.open("rb") as file:
            data = file.read(_HEADER_BYTES)
    except OSError as error:
        raise HarnessError(f"cannot read the dump {path.name}: {error.strerror}") from error
    return _decode(path.name, data)


def _decode(name: str, data: bytes) -> DumpHeader:
    if data[: len(_SIGNATURE_32)] == _SIGNATURE_32:
        raise HarnessError(f"{name} is a dump of 32-bit Windows, which this project does not judge")
    if not _SIGNATURE.startswith(data[: len(_SIGNATURE)]):
        raise HarnessError(f"{name} is no dump of Windows: it does not begin with {_SIGNATURE.decode()}")
    if len(data) < _HEADER_BYTES:
        raise HarnessError(f"{name} is cut off: it has {len(data)} bytes of a header of {_HEADER_BYTES}")
    header = _layout.dump_header(data)
    if header.machine != _AMD64:
        raise HarnessError(f"{name} is of machine type {header.machine:#06x}; only x64 is known here")
    if not 0 < header.processors <= _MOST_PROCESSORS:
        raise HarnessError(f"{name} is damaged: it claims {header.processors} processors")
    code = int(header.code)
    stopped = code not in (0, _LIVE, int.from_bytes(_FILLER, "little"))
    bugcheck = Bugcheck(code, tuple(int(value) for value in header.parameters)) if stopped else None
    kind = _TYPES.get(header.type, f"unknown ({header.type:#x})")
    return DumpHeader(bugcheck, int(header.build), int(header.processors), kind)
