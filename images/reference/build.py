# SPDX-License-Identifier: Apache-2.0
"""Builds the reference guest: the distribution's kernel, and an initramfs with our module, wskctl and SSH.

Run as a script it prints the folder of the image on stdout, and says on stderr
what it does. The folder has `vmlinux`, `initramfs.cpio`, `login_key` and
`host_key.pub`. It is built again only when something it is made of has changed.
"""

import hashlib
import os
import re
import shutil
import signal
import sys
import tempfile
from pathlib import Path

from kernel import Kernel
from store import digest, intact, locked, progress, prune, stored
from tools import find_tool, run

from harness.core import cache
from harness.core.errors import HarnessError, WskConformanceError
from harness.core.paths import BUILT_DRIVER, DRIVER
from harness.core.system import this_system
from harness.core.unexpected import is_out_of_space, unexpected

HERE = Path(__file__).resolve().parent
WSKCTL = BUILT_DRIVER / "wskctl"
NTDRIVER = HERE / "ntdriver.c"

# Program -> the Debian package that has it.
TOOLS = {
    "make": "make",
    "gcc": "gcc",
    "cpio": "cpio",
    "lz4": "lz4",
    "xz": "xz-utils",
    "zstd": "zstd",
    "modprobe": "kmod",
    "busybox": "busybox-static",
    "dropbear": "dropbear-bin",
    "dropbearkey": "dropbear-bin",
    "dropbearconvert": "dropbear-bin",
}
IMAGES_KEPT = 8
KERNELS_KEPT = 2


def main() -> None:
    """Print where the image is, having built it if need be."""
    require_tools()
    with locked(cache.folder("driver")):  # the checkout may be another user's, and built already
        run(["make", "--no-print-directory", "-s", "-C", str(DRIVER), f"OUT={BUILT_DRIVER}"])
    kernel = installed_kernel()
    print(image_of(kernel, cache.folder("reference")))


def image_of(kernel: Kernel, store: Path) -> Path:
    """The image, built if need be. Who finds it whole waits for nobody who builds another."""
    name = image_name(kernel)
    if image := intact(store, name):
        return image
    with locked(store):
        image = stored(store, name, lambda folder: build_image(folder, store, kernel))
        prune(store, "image-*", IMAGES_KEPT)
        prune(store, "kernel-*", KERNELS_KEPT)
    return image


def require_tools() -> None:
    """Raises HarnessError naming the packages to install."""
    missing = sorted({package for tool, package in TOOLS.items() if find_tool(tool) is None})
    if missing:
        raise HarnessError(
            f"the reference guest needs tools that are not installed: apt-get install {' '.join(missing)}"
        )


# ---- what the image is made of


def installed_kernel() -> Kernel:
    """The newest kernel of this system whose headers are installed. Raises HarnessError without any."""
    system = this_system()
    headers = system.packages("kernel")
    if not headers:
        raise HarnessError(f"no kernel for the reference guest is known on {system.name}: see packages.txt")
    return Kernel.installed(headers[0])


def image_name(kernel: Kernel) -> str:
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
    for path in [
        *sorted(HERE.glob("*.py")),
        HERE / "init",
        HERE / "freedom",
        NTDRIVER,
        *module_sources(),
        WSKCTL,
    ]:
        made_of.update(f"{path.name} {digest(path)}\n".encode())
    return f"image-{made_of.hexdigest()[:16]}"


def module_sources() -> list[Path]:
    """Everything the module is compiled from."""
    return sorted(
        path
        for path in (HERE / "module").rglob("*")
        if path.suffix in {".c", ".h", ".S"} or path.name == "Kbuild"
    )


# ---- the image


def build_image(folder: Path, store: Path, kernel: Kernel) -> None:
    """Everything a start of the guest needs."""
    kernel_folder = stored(store, kernel.folder_name, kernel.build)
    os.link(kernel_folder / "vmlinux", folder / "vmlinux")
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch) / "root"
        shutil.copytree(kernel_folder / "modules", root, symlinks=True)
        add_programs(root)
        add_ssh_server(root, folder)
        build_module(kernel, Path(scratch) / "module", root / "lib" / "ntlab.ko")
        progress("packing the initramfs")
        pack(root, folder / "initramfs.cpio")


def add_programs(root: Path) -> None:
    """/init, freedom, wskctl, ntdriver, and busybox under all its names."""
    for name in ("bin", "dev", "proc", "run", "sys", "tmp"):
        (root / name).mkdir(parents=True)
    busybox = find_tool("busybox") or "busybox"
    shutil.copy(busybox, root / "bin" / "busybox")
    for applet in run([busybox, "--list"]).decode().split():
        if not (root / "bin" / applet).exists():
            (root / "bin" / applet).symlink_to("busybox")
    shutil.copy(HERE / "init", root / "init")
    shutil.copy(HERE / "freedom", root / "bin" / "freedom")
    shutil.copy(WSKCTL, root / "bin" / "wskctl")
    program = root / "bin" / "ntdriver"
    run(["gcc", "-O2", "-Wall", "-Wextra", "-static", "-s", str(NTDRIVER), "-o", str(program)])


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

    login, unconverted = folder / "login_key", folder / "login_key.dropbear"
    authorized = root / "root" / ".ssh" / "authorized_keys"
    authorized.parent.mkdir(parents=True)
    authorized.write_text(make_key(unconverted))
    run(["dropbearconvert", "dropbear", "openssh", str(unconverted), str(login)])
    unconverted.unlink()
    login.chmod(0o600)
    for private in (root / "root", authorized.parent):
        private.chmod(0o700)
    authorized.chmod(0o600)


def make_key(path: Path) -> str:
    """Write a private key in dropbear's form; its public line."""
    said = run(["dropbearkey", "-t", "ed25519", "-f", str(path)]).decode()
    return "".join(line + "\n" for line in said.splitlines() if line.startswith("ssh-"))


def build_module(kernel: Kernel, work: Path, target: Path) -> None:
    """Compile ntlab.ko from a copy of its sources: the kernel's build writes beside them."""
    progress("building ntlab.ko")
    shutil.copytree(HERE / "module", work)
    run(["make", "-C", str(kernel.headers), f"M={work}", f"-j{os.cpu_count() or 1}", "modules"])
    run(["strip", "--strip-debug", "-o", str(target), str(work / "ntlab.ko")])


def pack(root: Path, target: Path) -> None:
    """The same tree gives the same bytes: fixed times and owner, sorted names."""
    paths = sorted(root.rglob("*"))
    for path in [root, *paths]:
        os.utime(path, (0, 0), follow_symlinks=False)
    names = "".join(f"{path.relative_to(root)}\0" for path in paths)
    command = ["cpio", "--quiet", "-0", "-o", "-H", "newc", "--reproducible", "--owner=+0:+0"]
    target.write_bytes(run(command, cwd=root, stdin=names.encode()))


def command() -> int:
    """The exit status: what goes wrong is said in a line."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # nothing half-built is left
    try:
        main()
    except KeyboardInterrupt:
        return 130
    except WskConformanceError as error:
        progress(str(error))
    except OSError as error:
        places = f"{cache.place('reference')} or {tempfile.gettempdir()}"
        remedy = "free some, or set XDG_CACHE_HOME or TMPDIR to folders on a larger disk"
        progress(f"no space left in {places}: {remedy}" if is_out_of_space(error) else unexpected(error))
    else:
        return 0
    return 3


if __name__ == "__main__":
    sys.exit(command())
