# SPDX-License-Identifier: Apache-2.0
"""The reference guest's kernel comes out of whatever way a distribution packs it."""

import bz2
import gzip
import lzma
import os
import shutil
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from kernel import MODULES, Kernel, collect_modules, packed_kernel, unpack_kernel

from harness.core.errors import HarnessError

ELF = b"\x7fELF" + os.urandom(5000)
RELEASE = "6.99-test"


def tool(*command: str) -> Callable[[bytes], bytes]:
    """The program as a function from its standard input to its output."""
    return lambda data: (
        subprocess.run(command, input=data, capture_output=True, timeout=60, check=True).stdout
    )


def with_size(pack: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
    """Packs and appends the unpacked size, as the kernel's build does."""
    return lambda data: pack(data) + struct.pack("<I", len(data))


PACKED = {
    "plain": lambda data: data,
    "gzip": gzip.compress,
    "bzip2": with_size(bz2.compress),
    "lzma": with_size(lambda data: lzma.compress(data, lzma.FORMAT_ALONE)),
    "xz": with_size(lzma.compress),
    "lz4": with_size(tool("lz4", "-lc")),
    "zstd": with_size(tool("zstd", "-c")),
}


def bz_image(payload: bytes, setup_sectors: int = 3, offset: int = 77) -> bytes:
    """The fields of the boot protocol that say where the payload is, and what surrounds it."""
    image = bytearray(b"\xaa" * ((setup_sectors + 1) * 512 + offset)) + payload + b"\xbb" * 99
    image[0x1F1] = setup_sectors
    struct.pack_into("<II", image, 0x248, offset, len(payload))
    return bytes(image)


@pytest.mark.parametrize("form", PACKED)
def test_a_kernel_is_unpacked_whatever_it_is_packed_with(form: str) -> None:
    assert unpack_kernel(bz_image(PACKED[form](ELF))) == ELF


@pytest.mark.parametrize("payload", [b"MZ\0\0 something else", b"", gzip.compress(b"no ELF file", mtime=0)])
def test_what_is_no_kernel_is_refused(payload: bytes) -> None:
    with pytest.raises(HarnessError):
        unpack_kernel(bz_image(payload))


@pytest.mark.parametrize(
    "place",
    [
        f"boot/vmlinuz-{RELEASE}",
        f"usr/lib/modules/{RELEASE}/vmlinuz",
        f"lib/modules/{RELEASE}/vmlinuz",
    ],
)
def test_the_kernel_is_found_where_its_packages_have_it(tmp_path: Path, place: str) -> None:
    image = tmp_path / place
    image.parent.mkdir(parents=True)
    image.touch()
    (tmp_path / "boot").mkdir(exist_ok=True)
    (tmp_path / "boot" / f"System.map-{RELEASE}").touch()
    assert packed_kernel(tmp_path) == image


def test_packages_without_a_kernel_are_told(tmp_path: Path) -> None:
    with pytest.raises(HarnessError, match="no boot/vmlinuz"):
        packed_kernel(tmp_path)


def module(path: Path, suffix: str) -> None:
    """A file that depmod and modprobe take for a module, packed as its suffix says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    said = f'char said[] __attribute__((section(".modinfo"))) = "name={path.stem}\\0depends=";'
    command = ["gcc", "-c", "-x", "c", "-", "-o", str(path)]
    subprocess.run(command, input=said.encode(), timeout=60, check=True)
    if suffix:
        packer = {".xz": "xz", ".zst": "zstd"}[suffix]
        path.with_name(path.name + suffix).write_bytes(tool(packer, "-c")(path.read_bytes()))
        path.unlink()


@pytest.mark.parametrize(
    ("place", "suffix"),
    [("lib", ""), ("usr/lib", ""), ("usr/lib", ".xz"), ("usr/lib", ".zst")],
)
def test_modules_are_plain_files_in_the_guest_wherever_and_however_packed_they_were(
    tmp_path: Path, place: str, suffix: str
) -> None:
    root, target = tmp_path / "root", tmp_path / "target"
    for name in MODULES:
        module(root / place / "modules" / RELEASE / "kernel" / f"{name}.ko", suffix)
    collect_modules(root, RELEASE, target)
    found = target / "lib" / "modules" / RELEASE
    assert {path.name for path in found.glob("*.ko*")} == {f"{name}.ko" for name in MODULES}
    assert all(path.read_bytes().startswith(b"\x7fELF") for path in found.glob("*.ko"))
    assert (found / "modules.dep").is_file()
    assert (target / "lib" / "modules" / "wanted").read_text().split() == list(MODULES)


def test_what_is_built_into_the_kernel_is_not_wanted_in_the_guest(tmp_path: Path) -> None:
    root, target = tmp_path / "root", tmp_path / "target"
    folder = root / "usr" / "lib" / "modules" / RELEASE
    built_in, modules = MODULES[1:3], [name for name in MODULES if name not in MODULES[1:3]]
    for name in modules:
        module(folder / "kernel" / f"{name}.ko", ".xz")
    (folder / "modules.builtin").write_text("".join(f"kernel/{name}.ko\n" for name in built_in))
    (folder / "modules.order").write_text("")
    collect_modules(root, RELEASE, target)
    assert (target / "lib" / "modules" / "wanted").read_text().split() == modules


@pytest.mark.parametrize(
    "depends",
    [
        {"linux-headers-cloud-amd64": "linux-headers-6.1.0-9-x (= 6.1.9-1)"},
        {"linux-headers-cloud-amd64": "linux-base-cloud-amd64 (= 1), linux-headers-6.1.0-9-x"},
        {
            "linux-headers-cloud-amd64": "linux-headers-generic (= 6.1)",
            "linux-headers-generic": "linux-headers-6.1.0-9-x",
        },
    ],
)
def test_the_kernel_is_the_one_that_the_headers_lead_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, depends: dict[str, str]
) -> None:
    """Debian's packages name it, with or without its version; Ubuntu's `virtual` stands for another."""
    answers = "".join(f'*Depends*" {name}") echo "{text}" ;;\n' for name, text in depends.items())
    query = tmp_path / "dpkg-query"
    query.write_text(
        f'#!/bin/sh\ncase "$3 $4" in\n{answers}'
        '*Version*" linux-headers-6.1.0-9-x") printf 6.1.9-1 ;;\n*) exit 1 ;;\nesac\n'
    )
    query.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert Kernel.installed("linux-headers-cloud-amd64") == Kernel("6.1.0-9-x", "6.1.9-1")


def test_headers_that_are_not_installed_are_named() -> None:
    with pytest.raises(HarnessError, match="apt-get install linux-headers-of-nobody"):
        Kernel.installed("linux-headers-of-nobody")


def test_the_tools_that_unpack_are_there() -> None:
    assert all(shutil.which(name) for name in ("lz4", "zstd", "xz", "gzip", "bzip2"))
