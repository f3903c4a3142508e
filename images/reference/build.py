# SPDX-License-Identifier: Apache-2.0
"""Builds the reference guest: Debian's cloud kernel, and an initramfs with our module, wskctl and SSH.

Run as a script it prints the folder of the image on stdout, and says on stderr
what it does. The folder has `vmlinux`, `initramfs.cpio`, `login_key` and
`host_key.pub`. It is built again only when something it is made of has changed.
"""

import hashlib
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from store import digest, locked, progress, prune, stored

from harness.core import cache
from harness.core.errors import HarnessError, WskConformanceError

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]
DRIVER = REPOSITORY / "guest_driver"
WSKCTL = REPOSITORY / "build" / "guest_driver" / "wskctl"

HEADERS = "linux-headers-cloud-amd64"
# Loaded before anything else, with what they need; pvpanic first, so that a crash is always told.
KERNEL_MODULES = (
    "pvpanic-mmio",
    "virtio_pci",
    "virtio-rng",
    "virtio_net",
    "virtio_console",
    "nf_reject_ipv4",
    "nf_reject_ipv6",
)
# Program -> the Debian package that has it.
TOOLS = {
    "make": "make",
    "gcc": "gcc",
    "cpio": "cpio",
    "lz4": "lz4",
    "modprobe": "kmod",
    "busybox": "busybox-static",
    "dropbear": "dropbear-bin",
    "dropbearkey": "dropbear-bin",
    "dropbearconvert": "dropbear-bin",
}
KERNEL_LAYOUT = 2  # of what build_kernel writes
IMAGES_KEPT = 8
KERNELS_KEPT = 2
COMMAND_LIMIT_S = 600


def main() -> None:
    """Print where the image is, having built it if need be."""
    require_tools()
    store = cache.folder("reference")
    with locked(store):
        run(["make", "--no-print-directory", "-s", "-C", str(DRIVER)])
        kernel = installed_kernel()
        image = stored(store, image_name(kernel), lambda folder: build_image(folder, store, kernel))
        prune(store, "image-*", IMAGES_KEPT)
        prune(store, "kernel-*", KERNELS_KEPT)
    print(image)


def require_tools() -> None:
    """Raises HarnessError naming the packages to install."""
    missing = sorted({package for tool, package in TOOLS.items() if find_tool(tool) is None})
    if missing:
        raise HarnessError(
            f"the reference guest needs tools that are not installed: apt-get install {' '.join(missing)}"
        )


def find_tool(name: str) -> str | None:
    """Its path; system programs are found for ordinary users too."""
    return shutil.which(name, path=os.environ.get("PATH", os.defpath) + ":/usr/sbin:/sbin")


def run(command: Sequence[str], cwd: Path | None = None, stdin: bytes = b"") -> bytes:
    """Standard output of a command. Raises HarnessError with the last lines it wrote when it fails."""
    program = find_tool(command[0]) or command[0]
    try:
        done = subprocess.run(
            [program, *command[1:]],
            cwd=cwd,
            input=stdin,
            capture_output=True,
            timeout=COMMAND_LIMIT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise HarnessError(f"cannot run {command[0]}: {error}") from error
    if done.returncode != 0:
        said = (done.stdout + done.stderr).decode(errors="replace").strip().splitlines()
        raise HarnessError("\n".join([f"{' '.join(command[:4])} failed:", *said[-30:]]))
    return done.stdout


# ---- what the image is made of


def installed_kernel() -> tuple[str, str]:
    """(release, package version) of the kernel whose headers are installed."""
    try:
        depends = run(["dpkg-query", "-W", "-f", "${Depends}", HEADERS]).decode()
    except HarnessError:
        raise HarnessError(f"the kernel's headers are not installed: apt-get install {HEADERS}") from None
    found = re.match(r"linux-headers-(\S+) \(= (\S+)\)", depends)
    if found is None:
        raise HarnessError(f"{HEADERS} names no kernel: apt-get install --reinstall {HEADERS}")
    return found[1], found[2]


def image_name(kernel: tuple[str, str]) -> str:
    """A name that changes with everything that goes into the image."""
    packages = run(
        [
            "dpkg-query",
            "-W",
            "-f",
            "${Package} ${Version}\n",
            "busybox-static",
            "dropbear-bin",
            "libc6",
            "gcc",
        ]
    )
    made_of = hashlib.sha256(repr(kernel).encode() + packages)
    for path in [*sorted(HERE.glob("*.py")), HERE / "init", *module_sources(), WSKCTL]:
        made_of.update(f"{path.name} {digest(path)}\n".encode())
    return f"image-{made_of.hexdigest()[:16]}"


def module_sources() -> list[Path]:
    """Everything the module is compiled from."""
    return sorted(
        path
        for path in (HERE / "module").rglob("*")
        if path.suffix in {".c", ".h", ".S"} or path.name == "Kbuild"
    )


# ---- the kernel


def build_kernel(folder: Path, release: str, version: str) -> None:
    """`vmlinux`, and `modules/`, a root directory with those that are loaded, out of Debian's package."""
    progress(f"fetching kernel {release}")
    with tempfile.TemporaryDirectory() as scratch:
        work = Path(scratch)
        package = f"linux-image-{release}={version}"
        try:
            run(["apt-get", "-q", "-o", "APT::Sandbox::User=root", "download", package], cwd=work)
        except HarnessError as error:
            raise HarnessError(
                f"{error}\nthe kernel of the installed headers cannot be fetched: "
                f"apt-get update && apt-get install {HEADERS}"
            ) from error
        (deb,) = work.glob("*.deb")
        run(["dpkg-deb", "-x", str(deb), str(work)])
        (folder / "vmlinux").write_bytes(unpack_kernel((work / f"boot/vmlinuz-{release}").read_bytes()))
        collect_modules(work, release, folder / "modules")


def unpack_kernel(image: bytes) -> bytes:
    """The ELF kernel inside a bzImage, as the kernel's x86 boot protocol describes it.

    Booting that saves the guest the unpacking.
    """
    setup_sectors = image[0x1F1]
    offset, length = struct.unpack_from("<II", image, 0x248)
    start = (setup_sectors + 1) * 512 + offset
    # The payload ends with its unpacked size in four bytes.
    return run(["lz4", "-dc"], stdin=image[start : start + length - 4])


def collect_modules(root: Path, release: str, target: Path) -> None:
    """Copy the modules the guest loads into the root directory `target`, and tell modprobe of them."""
    run(["depmod", "-b", str(root), release])
    folder = target / "lib" / "modules" / release
    folder.mkdir(parents=True)
    for name in KERNEL_MODULES:
        steps = run(["modprobe", "-d", str(root), "-S", release, "--show-depends", name]).decode()
        for path in re.findall(r"^insmod (\S+)", steps, re.MULTILINE):
            shutil.copy(path, folder)
    run(["depmod", "-b", str(target), release])
    (target / "lib" / "modules" / "wanted").write_text(" ".join(KERNEL_MODULES) + "\n")


# ---- the image


def build_image(folder: Path, store: Path, kernel: tuple[str, str]) -> None:
    """Everything a start of the guest needs."""
    release, version = kernel
    made_of = hashlib.sha256(repr((version, KERNEL_MODULES, KERNEL_LAYOUT)).encode()).hexdigest()[:8]
    kernel_folder = stored(
        store, f"kernel-{release}-{made_of}", lambda target: build_kernel(target, release, version)
    )
    os.link(kernel_folder / "vmlinux", folder / "vmlinux")
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch) / "root"
        shutil.copytree(kernel_folder / "modules", root)
        add_programs(root)
        add_ssh_server(root, folder)
        build_module(release, Path(scratch) / "module", root / "lib" / "ntlab.ko")
        progress("packing the initramfs")
        pack(root, folder / "initramfs.cpio")


def add_programs(root: Path) -> None:
    """/init, wskctl, and busybox under all its names."""
    for name in ("bin", "dev", "proc", "run", "sys", "tmp"):
        (root / name).mkdir(parents=True)
    busybox = find_tool("busybox") or "busybox"
    shutil.copy(busybox, root / "bin" / "busybox")
    for applet in run([busybox, "--list"]).decode().split():
        if not (root / "bin" / applet).exists():
            (root / "bin" / applet).symlink_to("busybox")
    shutil.copy(HERE / "init", root / "init")
    shutil.copy(WSKCTL, root / "bin" / "wskctl")


def add_ssh_server(root: Path, folder: Path) -> None:
    """dropbear with its libraries, its host key, and the one key that may log in."""
    progress("making keys")
    dropbear = find_tool("dropbear") or "dropbear"
    shutil.copy(dropbear, root / "bin" / "dropbear")
    for library in re.findall(r"(/\S+) \(0x", run(["ldd", dropbear]).decode()):
        target = root / library.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(library, target)

    (root / "etc" / "dropbear").mkdir(parents=True)
    (root / "etc" / "passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
    host_key = make_key(root / "etc" / "dropbear" / "host_key")
    (folder / "host_key.pub").write_text(host_key)

    login = folder / "login_key"
    authorized = root / "root" / ".ssh" / "authorized_keys"
    authorized.parent.mkdir(parents=True)
    authorized.write_text(make_key(login))
    run(["dropbearconvert", "dropbear", "openssh", str(login), str(login)])
    login.chmod(0o600)
    for private in (root / "root", authorized.parent):
        private.chmod(0o700)
    authorized.chmod(0o600)


def make_key(path: Path) -> str:
    """Write a private key in dropbear's form; its public line."""
    said = run(["dropbearkey", "-t", "ed25519", "-f", str(path)]).decode()
    return "".join(line + "\n" for line in said.splitlines() if line.startswith("ssh-"))


def build_module(release: str, work: Path, target: Path) -> None:
    """Compile ntlab.ko from a copy of its sources: the kernel's build writes beside them."""
    progress("building ntlab.ko")
    shutil.copytree(HERE / "module", work)
    run(["make", "-C", f"/lib/modules/{release}/build", f"M={work}", f"-j{os.cpu_count() or 1}", "modules"])
    run(["strip", "--strip-debug", "-o", str(target), str(work / "ntlab.ko")])


def pack(root: Path, target: Path) -> None:
    """The same tree gives the same bytes: fixed times and owner, sorted names."""
    paths = sorted(root.rglob("*"))
    for path in [root, *paths]:
        os.utime(path, (0, 0), follow_symlinks=False)
    names = "".join(f"{path.relative_to(root)}\0" for path in paths)
    command = ["cpio", "--quiet", "-0", "-o", "-H", "newc", "--reproducible", "--owner=+0:+0"]
    target.write_bytes(run(command, cwd=root, stdin=names.encode()))


if __name__ == "__main__":
    try:
        main()
    except WskConformanceError as error:
        progress(str(error))
        sys.exit(3)
