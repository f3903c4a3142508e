# SPDX-License-Identifier: Apache-2.0
"""wsktest.sys is a driver that Windows' loader and its code integrity checks have no reason to refuse."""

import re
import subprocess

import pefile
import pytest

from harness.core.paths import REPOSITORY

BUILD = REPOSITORY / "build" / "guest_driver"
PAGE = REPOSITORY / "docs" / "reference-guest.md"
EXECUTE, WRITE = 0x20000000, 0x80000000


@pytest.fixture(scope="module")
def driver() -> pefile.PE:
    return pefile.PE(BUILD / "wsktest.sys")


def test_it_imports_from_the_kernel_the_hal_and_netio_only(driver: pefile.PE) -> None:
    modules = {entry.dll.decode().lower() for entry in driver.DIRECTORY_ENTRY_IMPORT}
    assert modules == {"ntoskrnl.exe", "hal.dll", "netio.sys"}


def test_it_imports_nothing_that_the_page_of_the_reference_guest_does_not_list(driver: pefile.PE) -> None:
    _, _, section = PAGE.read_text().partition("## What a driver may import")
    listed = set(re.findall(r"`(\w+)`", section))
    imports = {symbol.name.decode() for entry in driver.DIRECTORY_ENTRY_IMPORT for symbol in entry.imports}
    assert imports
    assert imports <= listed


def test_no_section_is_both_writable_and_executable(driver: pefile.PE) -> None:
    flags = [section.Characteristics for section in driver.sections]
    assert not any(flag & EXECUTE and flag & WRITE for flag in flags)
    assert any(flag & EXECUTE for flag in flags)


def test_sections_lie_on_pages_of_their_own(driver: pefile.PE) -> None:
    assert driver.OPTIONAL_HEADER.SectionAlignment == 0x1000


def test_it_can_be_relocated(driver: pefile.PE) -> None:
    assert driver.DIRECTORY_ENTRY_BASERELOC
    assert driver.OPTIONAL_HEADER.DllCharacteristics & 0x0160 == 0x0160  # high entropy, dynamic base, NX


def test_it_carries_unwind_data(driver: pefile.PE) -> None:
    directory = driver.OPTIONAL_HEADER.DATA_DIRECTORY[
        pefile.DIRECTORY_ENTRY["IMAGE_DIRECTORY_ENTRY_EXCEPTION"]
    ]
    assert directory.Size > 0


def test_it_leaves_the_sse_registers_alone() -> None:
    """A guest that is not Windows may not save them."""
    command = ["x86_64-w64-mingw32-objdump", "-d", str(BUILD / "wsktest.sys")]
    code = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    assert "%rsp" in code
    assert not re.search(r"%[xyz]mm", code)


def test_its_checksum_is_right(driver: pefile.PE) -> None:
    assert driver.OPTIONAL_HEADER.CheckSum == driver.generate_checksum() != 0


def test_it_is_a_native_64_bit_image_with_a_version(driver: pefile.PE) -> None:
    assert driver.FILE_HEADER.Machine == 0x8664
    assert driver.OPTIONAL_HEADER.Subsystem == 1
    assert driver.VS_FIXEDFILEINFO


def test_its_signature_verifies_with_the_certificate_of_this_build() -> None:
    command = [
        "osslsigncode",
        "verify",
        "-CAfile",
        str(BUILD / "wsktest.pem"),
        "-in",
        str(BUILD / "wsktest.sys"),
    ]
    assert subprocess.run(command, capture_output=True, timeout=30).returncode == 0


def test_wskctl_exe_is_a_64_bit_console_program() -> None:
    program = pefile.PE(BUILD / "wskctl.exe")
    assert (program.FILE_HEADER.Machine, program.OPTIONAL_HEADER.Subsystem) == (0x8664, 3)
