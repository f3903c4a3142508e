# SPDX-License-Identifier: Apache-2.0
"""Dumps of Windows: their headers are read, whatever is in them."""

import struct
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from windows_dumps import HEADER_BYTES, KERNEL_BITMAP, PAGE, PARAMETERS, SMALL, header

from harness.core.errors import HarnessError
from harness.crash.bugcheck import Bugcheck
from harness.crash.dump import read_header


def complete() -> bytes:
    return bytes(header()) + bytes(2 * PAGE)


def bitmap() -> bytes:
    """The kernel's pages only: a second header says which."""
    first_page = HEADER_BYTES + PAGE
    second = b"SDMPDUMP" + bytes(24) + struct.pack("<QQQ", first_page, 2, 8) + b"\x03"
    return bytes(header(kind=KERNEL_BITMAP)) + second.ljust(PAGE, b"\0") + bytes(2 * PAGE)


@pytest.mark.parametrize(("data", "kind"), [(complete(), "complete"), (bitmap(), "kernel bitmap")])
def test_a_header_is_read_as_another_reader_reads_it(data: bytes, kind: str, tmp_path: Path) -> None:
    kdmp_parser = pytest.importorskip("kdmp_parser", reason="its wheels hold for Python 3.11 and 3.12 only")
    path = tmp_path / "MEMORY.DMP"
    path.write_bytes(data)
    ours = read_header(path)
    parser = kdmp_parser.KernelDumpParser(path)  # its header is gone with it
    other = parser.header
    assert ours.bugcheck == Bugcheck(other.BugCheckCode, tuple(other.BugCheckCodeParameter))
    assert (ours.build, ours.processors) == (other.MinorVersion, other.NumberProcessors)
    assert str(ours) == (
        f"{kind} dump of Windows build 20348 with 2 processors, "
        "*** STOP: 0x000000D1 (0x0000000000000008,0x0000000000000002,0x0000000000000001,0xFFFFF80412345678) "
        "DRIVER_IRQL_NOT_LESS_OR_EQUAL"
    )


def test_a_dump_that_is_cut_off_behind_its_header_still_says_why(tmp_path: Path) -> None:
    path = tmp_path / "small.dmp"
    path.write_bytes(header(kind=SMALL))
    assert read_header(path).bugcheck == Bugcheck(0xD1, PARAMETERS)
    assert read_header(path).type == "small"


@pytest.mark.parametrize("code", [0, 0x161, int.from_bytes(b"PAGE", "little")])
def test_a_dump_of_a_living_system_has_no_bugcheck(code: int, tmp_path: Path) -> None:
    path = tmp_path / "live.dmp"
    path.write_bytes(header(code=code, kind=99))
    assert read_header(path).bugcheck is None
    assert str(read_header(path)).startswith("unknown (0x63) dump of Windows build 20348")


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "cut off: it has 0 bytes"),
        (b"PAGED", "cut off: it has 5 bytes"),
        (header()[:-1], "cut off: it has 8191 bytes"),
        (header(signature=b"PAGEDUMP"), "32-bit Windows"),
        (b"PAGEDUMP", "32-bit Windows"),
        (header(signature=b"MDMP\x93\xa7\0\0"), "no dump of Windows"),
        (b"\x7fELF" + bytes(HEADER_BYTES), "no dump of Windows"),
        (header(machine=0xAA64), "machine type 0xaa64"),
        (header(processors=0), "claims 0 processors"),
        (header(processors=1 << 31), "claims 2147483648 processors"),
    ],
)
def test_what_is_no_dump_is_told_in_a_line(data: bytes, why: str, tmp_path: Path) -> None:
    path = tmp_path / "wrong.dmp"
    path.write_bytes(data)
    with pytest.raises(HarnessError, match=why) as told:
        read_header(path)
    assert "\n" not in str(told.value)


def test_a_dump_that_is_not_there_is_told_in_a_line(tmp_path: Path) -> None:
    with pytest.raises(HarnessError, match=r"cannot read the dump none\.dmp"):
        read_header(tmp_path / "none.dmp")


@given(st.data())
def test_no_change_of_a_header_is_a_surprise(data: st.DataObject) -> None:
    from harness.crash.dump import _decode

    damaged = header()
    for _ in range(data.draw(st.integers(1, 8))):
        damaged[data.draw(st.sampled_from([*range(0x60), *range(0xF98, 0xF9C)]))] = data.draw(
            st.integers(0, 255)
        )
    with suppress(HarnessError):
        assert str(_decode("damaged", bytes(damaged[: data.draw(st.sampled_from([8, 4096, 8192]))])))
