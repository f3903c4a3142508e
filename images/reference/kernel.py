# SPDX-License-Identifier: Apache-2.0
"""The kernel of the reference guest, out of the distribution's own packages.

Distributions pack the same kernel differently: its compression, the folder and the
compression of its modules, which parts are modules at all, and how many packages it comes in.
"""

import hashlib
import re
import shutil
import struct
import tempfile
from dataclasses import dataclass
from pathlib import Path

from store import progress
from tools import run

from harness.core.errors import HarnessError

# Loaded before anything else, with what they need; pvpanic first, so that a crash is always told.
MODULES = (
    "pvpanic-mmio",
    "virtio_pci",
    "virtio-rng",
    "virtio_net",
    "virtio_console",
    "nf_reject_ipv4",
    "nf_reject_ipv6",
)
_LAYOUT = 3  # of what Kernel.build writes

# Where packages have the kernel itself; Debian 14's have it beside its modules.
_IMAGES = ("boot/vmlinuz-*", "usr/lib/modules/*/vmlinuz", "lib/modules/*/vmlinuz")
# Magic -> what unpacks it to its standard output: the forms that the kernel's boot protocol
# (Documentation/arch/x86/boot.rst, payload_offset) lists. An ELF file is not packed at all.
_UNPACK = {
    b"\x02\x21": ("lz4", "-dc"),
    b"\x28\xb5": ("zstd", "-dc"),
    b"\xfd\x37": ("xz", "-dc"),
    b"\x5d\x00": ("xz", "-dc", "--format=lzma"),
    b"\x1f\x8b": ("gzip", "-dc"),
    b"\x42\x5a": ("bzip2", "-dc"),
}
_GZIP = b"\x1f\x8b"
_ELF = b"\x7fELF"
# Of a module file; busybox' modprobe reads plain ones only, whatever it was built with.
_PACKED_MODULES = {".xz": ("xz", "-dc"), ".zst": ("zstd", "-dc")}


@dataclass(frozen=True)
class Kernel:
    """A kernel whose headers are installed: its release (`uname -r`) and the version of its packages."""

    release: str
    version: str

    @classmethod
    def installed(cls, headers: str) -> "Kernel":
        """The one that the package `headers`, or a package that this one stands for, brought along.

        Raises HarnessError when it is not installed.
        """
        package = headers
        for _ in range(3):
            try:
                depends = run(["dpkg-query", "-W", "-f", "${Depends}", package]).decode()
            except HarnessError:
                break
            if found := re.search(r"\blinux-headers-(\d\S+)", depends):
                return cls(found[1], _version(f"linux-headers-{found[1]}"))
            if not (following := re.search(r"\blinux-headers-\S+", depends)):
                raise HarnessError(f"{headers} names no kernel: apt-get install --reinstall {headers}")
            package = following[0]
        raise HarnessError(f"the kernel's headers are not installed: apt-get install {headers}")

    @property
    def headers(self) -> Path:
        """The folder of headers that modules for it are built with."""
        return Path("/usr/src") / f"linux-headers-{self.release}"

    @property
    def folder_name(self) -> str:
        """Changes with everything that `build` writes."""
        made_of = hashlib.sha256(repr((self.version, MODULES, _LAYOUT)).encode()).hexdigest()[:8]
        return f"kernel-{self.release}-{made_of}"

    def build(self, folder: Path) -> None:
        """`vmlinux`, and `modules/`, a root directory with the modules that are loaded."""
        progress(f"fetching kernel {self.release}")
        with tempfile.TemporaryDirectory() as scratch:
            work = Path(scratch)
            self._download(work)
            (folder / "vmlinux").write_bytes(unpack_kernel(packed_kernel(work).read_bytes()))
            collect_modules(work, self.release, folder / "modules")

    def _download(self, work: Path) -> None:
        """Unpack the kernel's packages into `work`."""
        image = f"linux-image-{self.release}"
        try:
            depends = run(["apt-cache", "depends", "--important", f"{image}={self.version}"]).decode()
            parts = [image, *re.findall(rf"Depends: (linux-\S+-{re.escape(self.release)})$", depends, re.M)]
            download = ["apt-get", "-q", "-o", "APT::Sandbox::User=root", "download"]
            run([*download, *(f"{part}={self.version}" for part in parts)], cwd=work)
        except HarnessError as error:
            raise HarnessError(
                f"{error}\nthe kernel of the installed headers cannot be fetched: apt-get update, "
                "and install the newest version of the headers"
            ) from error
        for package in work.glob("*.deb"):
            run(["dpkg-deb", "-x", str(package), str(work)])


def _version(package: str) -> str:
    return run(["dpkg-query", "-W", "-f", "${Version}", package]).decode()


def packed_kernel(root: Path) -> Path:
    """The bzImage among a kernel's unpacked packages. Raises HarnessError when there is none."""
    for place in _IMAGES:
        if found := next(root.glob(place), None):
            return found
    raise HarnessError(f"the kernel's packages have no {' and no '.join(_IMAGES)}")


def unpack_kernel(image: bytes) -> bytes:
    """The ELF kernel inside a bzImage, as the kernel's x86 boot protocol describes it.

    Booting that saves the guest the unpacking. Raises HarnessError for a form that is not known.
    """
    setup_sectors = image[0x1F1]
    offset, length = struct.unpack_from("<II", image, 0x248)
    start = (setup_sectors + 1) * 512 + offset
    payload = image[start : start + length]
    if payload.startswith(_ELF):
        return payload
    command = _UNPACK.get(payload[:2])
    if command is None:
        raise HarnessError(
            f"the kernel is packed in a way that is not known: it begins with {payload[:4].hex()}"
        )
    # All but gzip, which has it already, are followed by the unpacked size in four bytes.
    kernel = run(command, stdin=payload if payload.startswith(_GZIP) else payload[:-4])
    if not kernel.startswith(_ELF):
        raise HarnessError(f"{command[0]} unpacked the kernel to something that is no ELF file")
    return kernel


def collect_modules(root: Path, release: str, target: Path) -> None:
    """Copy the modules the guest loads into the root directory `target`, unpacked, and tell modprobe of them.

    `wanted` beside them lists those to load: none that is built into the kernel.
    """
    _join_lib(root)
    run(["depmod", "-b", str(root), release])
    folder = target / "lib" / "modules" / release
    folder.mkdir(parents=True)
    _join_lib(target)
    wanted = []
    for name in MODULES:
        steps = run(["modprobe", "-d", str(root), "-S", release, "--show-depends", name]).decode()
        paths = [Path(path) for path in re.findall(r"^insmod (\S+)", steps, re.MULTILINE)]
        for path in paths:
            _copy_module(path, folder)
        if paths and _is_module(paths[-1], name):
            wanted.append(name)
    run(["depmod", "-b", str(target), release])
    (target / "lib" / "modules" / "wanted").write_text(" ".join(wanted) + "\n")


def _join_lib(root: Path) -> None:
    """Make /lib and /usr/lib one folder: packages have modules in either, and so has depmod its own mind."""
    merged, plain = root / "usr" / "lib", root / "lib"
    if merged.is_dir() and plain.is_dir():
        shutil.copytree(plain, merged, dirs_exist_ok=True, symlinks=True)
        shutil.rmtree(plain)
    if merged.is_dir():
        plain.symlink_to("usr/lib")
    else:
        merged.parent.mkdir(exist_ok=True)
        merged.symlink_to("../lib")


def _copy_module(path: Path, folder: Path) -> None:
    command = _PACKED_MODULES.get(path.suffix)
    if command is None:
        shutil.copy(path, folder)
    else:
        (folder / path.stem).write_bytes(run([*command, str(path)]))


def _is_module(path: Path, name: str) -> bool:
    """Whether `path` is the file of the module `name`, which says - and _ alike."""
    return path.name.partition(".")[0].replace("-", "_") == name.replace("-", "_")
