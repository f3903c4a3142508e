# SPDX-License-Identifier: Apache-2.0
"""Dumps of a machine's memory have limits, and one that fails leaves nothing."""

import struct
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import libvirt
import pytest
from labs import finish, start_lab

from harness.core.errors import HarnessError
from harness.crash.elf_dump import read_elf
from harness.lab import examine
from harness.lab.examine import Dump, dump_memory

KIB_OF_MEMORY = 262144
WINDOWS = libvirt.VIR_DOMAIN_CORE_DUMP_FORMAT_WIN_DMP


class Domain:
    """libvirt's, whose dumps end as a test says: `dump` is called with the file and the format."""

    def __init__(self, dump: Callable[[Path, int], None]) -> None:
        self._dump = dump

    def info(self) -> list[int]:
        return [1, KIB_OF_MEMORY, KIB_OF_MEMORY, 2, 0]

    def coreDumpWithFormat(self, path: str, kind: int, flags: int) -> None:
        assert flags == libvirt.VIR_DUMP_MEMORY_ONLY
        self._dump(Path(path), kind)


class DumpingMachine:
    def __init__(self, domain: Domain) -> None:
        self.domain = domain
        self.destroyed = threading.Event()

    def destroy(self) -> None:
        self.destroyed.set()


def dumped(domain: Domain, stem: Path, *, windows: bool = False, **options: Any) -> Dump:
    machine: Any = options.pop("machine", None) or DumpingMachine(domain)
    progress = options.pop("progress", lambda _: None)
    return dump_memory(machine, stem, windows=windows, progress=progress, **options)


def write(path: Path, kind: int) -> None:
    path.write_bytes(b"a dump")


def test_windows_gets_its_own_format_and_nobody_else_may_read_it(tmp_path: Path) -> None:
    dump = dumped(Domain(write), tmp_path / "dumps" / "memory-1", windows=True)
    assert dump == Dump(tmp_path / "dumps" / "memory-1.dmp", "Windows")
    assert dump.path.stat().st_mode & 0o077 == 0


def test_a_windows_that_offers_no_header_gets_elf_and_it_is_said_why(tmp_path: Path) -> None:
    def only_elf(path: Path, kind: int) -> None:
        if kind == WINDOWS:
            raise libvirt.libvirtError("invalid vmcoreinfo note size")
        write(path, kind)

    dump = dumped(Domain(only_elf), tmp_path / "memory-1", windows=True)
    assert (dump.format, dump.path.name) == ("ELF", "memory-1.elf")
    assert "no Windows format: invalid vmcoreinfo" in dump.note
    assert [path.name for path in tmp_path.iterdir()] == ["memory-1.elf"]


def test_a_dump_that_fails_leaves_nothing(tmp_path: Path) -> None:
    def fail(path: Path, kind: int) -> None:
        write(path, kind)
        raise libvirt.libvirtError("No space left on device")

    with pytest.raises(HarnessError, match="No space left"):
        dumped(Domain(fail), tmp_path / "dumps" / "memory-1")
    assert list(tmp_path.iterdir()) == []


def test_a_dump_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    def until_destroyed(path: Path, kind: int) -> None:
        assert machine.destroyed.wait(30)
        raise libvirt.libvirtError("domain is not running")

    domain = Domain(until_destroyed)
    machine = DumpingMachine(domain)
    with pytest.raises(HarnessError, match=r"more than 0\.05 s"):
        dumped(domain, tmp_path / "dumps" / "memory-1", machine=machine, limit_s=0.05)
    assert list(tmp_path.iterdir()) == []


def test_a_dump_says_how_far_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = threading.Event()

    def slow(path: Path, kind: int) -> None:
        path.write_bytes(bytes(3 << 20))
        assert told.wait(30)

    def progress(line: str) -> None:
        assert line.startswith("dumping the guest's memory: ")
        if line.endswith("3 MiB of 256 MiB"):
            told.set()

    monkeypatch.setattr(examine, "_PROGRESS_S", 0.01)
    assert dumped(Domain(slow), tmp_path / "memory-1", progress=progress).format == "ELF"


def test_a_dump_that_is_too_large_is_not_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(path: Path, kind: int) -> None:
        raise AssertionError("begun")

    with pytest.raises(HarnessError, match="256 MiB of memory, and dumps of more than 1 MiB"):
        dumped(Domain(never), tmp_path / "dumps" / "memory-1", most_bytes=1 << 20)
    monkeypatch.setattr(examine, "free_bytes", lambda _: 1 << 30)
    with pytest.raises(HarnessError, match="1024 MiB are free"):
        dumped(Domain(never), tmp_path / "dumps" / "memory-1")
    assert list(tmp_path.iterdir()) == []


def test_a_processor_that_loops_is_told_from_one_that_idles(monkeypatch: pytest.MonkeyPatch) -> None:
    class Looping(Domain):
        looks = 0

        def vcpus(self) -> tuple[list[tuple[int, int, int, int]], list[object]]:
            self.looks += 1
            return [(0, 1, self.looks * 10**9, 0), (1, 1, 0, 0)], []

    monkeypatch.setattr(examine, "_WATCHED_S", 0.01)
    monkeypatch.setattr(examine, "_WATCHED_AT_MOST_S", 0.05)
    domain = Looping(write)
    machine: Any = DumpingMachine(domain)
    looping, idle = examine.processors(machine)
    assert (looping.runs, idle.runs) == (True, False)
    assert str(looping).endswith("it runs")
    assert str(idle).endswith("it does next to nothing")


def test_a_real_dump_falls_back_to_elf_and_does_not_outlive_its_machine(tmp_path: Path) -> None:
    said = finish(
        start_lab(
            """
            from harness.crash.elf_dump import read_elf
            from harness.lab.examine import dump_memory

            async def main():
                with Hypervisor() as hypervisor:
                    guest = await started(hypervisor)
                    folder = Path(sys.argv[1]) / "dumps"
                    dump = await asyncio.to_thread(
                        dump_memory, guest.machine, folder / "one", windows=True, progress=print)
                    print(dump.format, dump.note)
                    print(read_elf(dump.path))
                    await guest.control.clock()
                    print("alive")
                    try:
                        await asyncio.to_thread(
                            dump_memory, guest.machine, folder / "two",
                            windows=False, progress=print, limit_s=0)
                    except HarnessError as error:
                        print("failed:", error)
                    print(sorted(path.name for path in folder.iterdir()))
                    print("gone", not Path(f"/proc/{guest.machine.pid}").exists())
                    await guest.stop()
            asyncio.run(main())
            """,
            tmp_path,
        )
    )
    said = [line for line in said if "dumping" not in line]
    assert said[-6].startswith("ELF no Windows format: ")
    assert said[-5:-3] == ["ELF dump of 256 MiB of memory and 2 processors", "alive"]
    assert said[-3].startswith("failed: the dump of the guest's memory took more than 0 s")
    assert said[-2:] == ["['one.elf']", "gone True"]


def elf(*, cut: int = 0, kind: int = 4) -> bytes:
    """A core file with one note of a processor and one page of memory."""
    note = struct.pack("<III8s336s", 5, 336, 1, b"CORE\0\0\0\0", bytes(336))
    ident = b"\x7fELF\x02\x01\x01" + bytes(9)
    header = ident + struct.pack("<HHIQQQIHHHHHH", kind, 62, 1, 0, 64, 0, 0, 64, 56, 2, 64, 0, 0)
    first = 64 + 2 * 56
    rows = struct.pack("<IIQQQQQQ", 4, 0, first, 0, 0, len(note), len(note), 0)
    rows += struct.pack("<IIQQQQQQ", 1, 0, first + len(note), 0, 0, 4096, 4096, 0)
    data = header + rows + note + bytes(4096)
    return data[: len(data) - cut]


def test_an_elf_dump_is_read(tmp_path: Path) -> None:
    path = tmp_path / "memory.elf"
    path.write_bytes(elf())
    dump = read_elf(path)
    assert (dump.processors, dump.memory_bytes) == (1, 4096)


@pytest.mark.parametrize(
    ("data", "why"),
    [(b"", "damaged"), (elf(cut=1), "cut off"), (elf(kind=2), "is no dump"), (elf()[:70], "damaged")],
)
def test_an_elf_dump_that_is_none_is_told_in_a_line(data: bytes, why: str, tmp_path: Path) -> None:
    path = tmp_path / "memory.elf"
    path.write_bytes(data)
    with pytest.raises(HarnessError, match=why):
        read_elf(path)
