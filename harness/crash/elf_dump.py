# SPDX-License-Identifier: Apache-2.0
"""Dumps of a machine's memory as QEMU writes them in ELF: memory in segments, processors in notes."""

from dataclasses import dataclass
from pathlib import Path

from harness.core.errors import HarnessError

_MOST_SEGMENTS = 4096


@dataclass(frozen=True)
class ElfDump:
    """The contents of such a dump."""

    processors: int
    memory_bytes: int

    def __str__(self) -> str:
        return f"ELF dump of {self.memory_bytes >> 20} MiB of memory and {self.processors} processors"


def read_elf(path: Path) -> ElfDump:
    """Raises HarnessError when the file is no dump, or is not whole."""
    # Only a dump needs them, and few runs leave one.
    from elftools.common.exceptions import ELFError
    from elftools.elf.elffile import ELFFile
    from elftools.elf.segments import NoteSegment

    try:
        with path.open("rb") as file:
            elf = ELFFile(file)
            if elf["e_type"] != "ET_CORE" or elf.num_segments() > _MOST_SEGMENTS:
                raise HarnessError(f"{path.name} is no dump of a machine's memory")
            end, memory, processors = path.stat().st_size, 0, 0
            for segment in elf.iter_segments():
                if segment["p_offset"] + segment["p_filesz"] > end:
                    raise HarnessError(f"{path.name} is cut off: it ends within a segment")
                if segment["p_type"] == "PT_LOAD":
                    memory += segment["p_filesz"]
                elif isinstance(segment, NoteSegment):
                    processors += sum(note["n_type"] == "NT_PRSTATUS" for note in segment.iter_notes())
    except OSError as error:
        raise HarnessError(f"cannot read the dump {path.name}: {error.strerror}") from error
    except (ELFError, ValueError, KeyError) as error:
        raise HarnessError(f"{path.name} is no ELF file, or is damaged: {error}") from error
    return ElfDump(processors, memory)
