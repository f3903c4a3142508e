# SPDX-License-Identifier: Apache-2.0
"""Looks at a machine from outside, dead or alive: its memory, its processors, and how to make it stop.

The functions block, and have limits; call them in threads.
"""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree.ElementTree import fromstring

import libvirt

from harness.core.errors import HarnessError
from harness.core.files import free_bytes
from harness.lab.machine import Machine

DUMP_LIMIT_S = 300.0
MOST_DUMP_BYTES = 16 << 30
_RESERVE_BYTES = 1 << 30  # of the disk, which is left to everybody else
_PROGRESS_S = 2.0
_WATCHED_S = 0.5
_WATCHED_AT_MOST_S = 3.0  # where a busy host may be why a processor has not run
_WORKING = 0.02  # of the time: an idle guest takes less than a hundredth

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Dump:
    """A dump of a machine's memory; `note` says why it is not of the format that was wanted."""

    path: Path
    format: str  # "Windows" or "ELF"
    note: str = ""


@dataclass(frozen=True)
class Processor:
    """How much of `seconds` a virtual processor has run."""

    number: int
    seconds: float
    ran_s: float

    @property
    def runs(self) -> bool:
        """Does it do more than an idle one?"""
        return self.ran_s > _WORKING * self.seconds

    def __str__(self) -> str:
        what = "it runs" if self.runs else "it does next to nothing"
        return (
            f"processor {self.number} used {1000 * self.ran_s:.0f} ms of {1000 * self.seconds:.0f} ms: {what}"
        )


def dump_memory(
    machine: Machine,
    stem: Path,
    *,
    windows: bool,
    progress: Progress,
    limit_s: float = DUMP_LIMIT_S,
    most_bytes: int = MOST_DUMP_BYTES,
) -> Dump:
    """Write the machine's memory to `stem` with a suffix of its format; the machine stands still meanwhile.

    A Windows guest whose fw_cfg driver has left a dump header with the
    hypervisor can have the format of Windows' own dumps, and ELF does for all.
    Raises HarnessError, and leaves no file, when there can be none. When it takes
    more than `limit_s` the machine is destroyed.
    """
    size = machine.domain.info()[1] << 10
    if size > most_bytes:
        raise HarnessError(
            f"the guest has {_mib(size)} of memory, and dumps of more than {_mib(most_bytes)} are not made"
        )
    free = free_bytes(stem.parent)
    if free is not None and free < size + _RESERVE_BYTES:
        raise HarnessError(
            f"a dump takes {_mib(size)} and some room must be left, but {_mib(free)} are free "
            f"in {stem.parent}: make room"
        )
    note = ""
    if windows:
        path = stem.with_suffix(".dmp")
        try:
            with _test_job(machine, path, size, progress, limit_s):
                _core_dump(machine, path, libvirt.VIR_DOMAIN_CORE_DUMP_FORMAT_WIN_DMP)
            return Dump(path, "Windows")
        except libvirt.libvirtError as error:
            note = f"no Windows format: {error}"
    path = stem.with_suffix(".elf")
    try:
        with _test_job(machine, path, size, progress, limit_s):
            _core_dump(machine, path, libvirt.VIR_DOMAIN_CORE_DUMP_FORMAT_RAW)
    except libvirt.libvirtError as error:
        raise HarnessError(f"the hypervisor makes no dump of the guest's memory: {error}") from error
    return Dump(path, "ELF", note)


def _core_dump(machine: Machine, path: Path, kind: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # The file is there first, so that it is ours and nobody else's to read.
    path.touch(mode=0o600)
    machine.domain.coreDumpWithFormat(str(path), kind, libvirt.VIR_DUMP_MEMORY_ONLY)


@contextlib.contextmanager
def _test_job(machine: Machine, path: Path, size: int, progress: Progress, limit_s: float) -> Iterator[None]:
    """While libvirt makes a dump: says how far it is, and ends the machine with it when it takes too long.

    QEMU can end no such dump otherwise.
    """
    over = threading.Event()
    late = threading.Event()

    def watch() -> None:
        give_up = time.monotonic() + limit_s
        while not over.wait(min(_PROGRESS_S, max(0.0, give_up - time.monotonic()))):
            if time.monotonic() >= give_up:
                late.set()
                with contextlib.suppress(HarnessError):
                    machine.destroy()
                return
            if path.exists():
                progress(f"dumping the guest's memory: {_mib(path.stat().st_size)} of {_mib(size)}")

    watcher = threading.Thread(target=watch, name="dump", daemon=True)
    watcher.start()
    try:
        yield
    except BaseException as error:
        path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # others' are in it
            path.parent.rmdir()
        if late.is_set():
            raise HarnessError(
                f"the dump of the guest's memory took more than {limit_s:g} s, so the guest was ended"
            ) from error
        raise
    finally:
        over.set()
        watcher.join()


def processors(machine: Machine) -> list[Processor]:
    """The load of each virtual processor, by the host's account of its time. Raises HarnessError."""
    try:
        before, begun = _processor_times(machine), time.monotonic()
        while True:
            time.sleep(_WATCHED_S)
            after, seconds = _processor_times(machine), time.monotonic() - begun
            found = [
                Processor(number, seconds, (after.get(number, time_ns) - time_ns) / 1e9)
                for number, time_ns in before.items()
            ]
            if seconds >= _WATCHED_AT_MOST_S or all(processor.runs for processor in found):
                return found
    except libvirt.libvirtError as error:
        raise HarnessError(f"the hypervisor does not tell about the processors: {error}") from error


def _processor_times(machine: Machine) -> dict[int, int]:
    """ns of CPU time by the processor's number."""
    rows, _ = machine.domain.vcpus()
    return {number: time_ns for number, _state, time_ns, _host in rows}


def written_bytes(machine: Machine) -> int:
    """The bytes written to the machine's disks since its start. Raises HarnessError when it has ended."""
    return _moved_bytes(machine, "disk", 3)


def disc_bytes(machine: Machine) -> int:
    """The bytes read from the machine's discs since its start. Raises HarnessError when it has ended."""
    return _moved_bytes(machine, "cdrom", 1)


def _moved_bytes(machine: Machine, device: str, field: int) -> int:
    """`field` is the place among libvirt's block statistics."""
    try:
        tree = fromstring(machine.domain.XMLDesc())
        targets = [target.get("dev") for target in tree.iterfind(f"devices/disk[@device='{device}']/target")]
        return sum(machine.domain.blockStats(target)[field] for target in targets)
    except libvirt.libvirtError as error:
        raise HarnessError(f"the hypervisor does not tell what was read and written: {error}") from error


def inject_nmi(machine: Machine) -> None:
    """Send the interrupt that nothing masks: a kernel that is set up for it stops. Raises HarnessError."""
    try:
        machine.domain.injectNMI()
    except libvirt.libvirtError as error:
        raise HarnessError(f"the hypervisor sends no NMI: {error}") from error


def _mib(size: int) -> str:
    return f"{size >> 20} MiB"
