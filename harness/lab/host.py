# SPDX-License-Identifier: Apache-2.0
"""Checks that this machine has what labs need, one for each thing, for the doctor and for other callers."""

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import libvirt

from harness.core.check import Check
from harness.core.system import System, this_system, tried_systems
from harness.lab import firmware, kvm, qemu_user

_QEMU = Path("/usr/bin/qemu-system-x86_64")
_DRIVER = "/usr/lib/*/libvirt/connection-driver/libvirt_driver_qemu.so"
_TUN = Path("/dev/net/tun")
# sysctl -> the value with which it allows them.
_USER_NAMESPACES = {
    "user.max_user_namespaces": 10000,
    "kernel.unprivileged_userns_clone": 1,
    "kernel.apparmor_restrict_unprivileged_userns": 0,
}
_TOOLS = (
    "make",
    "gcc",
    "x86_64-w64-mingw32-gcc",
    "osslsigncode",
    "busybox",
    "dropbear",
    "cpio",
    "lz4",
    "xz",
    "zstd",
    "depmod",
)
PYTHONS = ((3, 11), (3, 14))  # the oldest and the newest that the suite was tried with
_GIB = 1 << 30


def system(here: System) -> Check:
    """A system that nobody has tried may do; only one that is known to be too old does not."""
    tried = f"this suite was tried on {tried_systems()}"
    if here.was_tried:
        return Check("system", True, f"{here.name}; {tried}")
    if here.is_too_old:
        return Check("system", False, f"{here.name} is too old", f"use a newer one; {tried}")
    if here.is_newer:
        return Check("system", True, f"{here.name} is newer than any that was tried; {tried}")
    if here.packages("run"):
        return Check("system", True, f"{here.name} was not tried; {tried}")
    return Check(
        "system",
        True,
        f"{here.name} was not tried, and has no row in packages.txt; {tried}, see Containerfile",
    )


def python(version: tuple[int, int] = sys.version_info[:2]) -> Check:
    name = platform.python_version()
    if version < PYTHONS[0]:
        return Check("Python", False, f"{name} is too old", "install Python 3.11 or later")
    if version > PYTHONS[-1]:
        return Check("Python", True, f"{name} is newer than any that was tried")
    return Check("Python", True, name)


def embedded_libvirt() -> Check:
    number = libvirt.getVersion()
    version = f"{number // 1_000_000}.{number // 1000 % 1000}.{number % 1000}"
    if not list(Path("/").glob(_DRIVER.lstrip("/"))):
        return Check(
            "libvirt", False, f"{version} without QEMU driver", "apt-get install libvirt-daemon-driver-qemu"
        )
    if why := qemu_user.obstacle():
        reason, _, remedy = why.partition(": ")
        return Check("libvirt", False, f"{version}, but {reason}", remedy)
    return Check("libvirt", True, version)


def qemu() -> Check:
    if not _QEMU.exists():
        return Check("QEMU", False, f"{_QEMU} is missing", "apt-get install qemu-system-x86")
    said = subprocess.run([_QEMU, "--version"], capture_output=True, text=True, timeout=10, check=False)
    return Check("QEMU", said.returncode == 0, (said.stdout or said.stderr).partition("\n")[0])


def available_kvm() -> Check:
    """Checks for KVM. Without it the reference guest is emulated, which is no failure."""
    usable, reason = kvm.usable()
    return Check("KVM", True, reason if usable else f"not used: {reason}; guests are emulated")


def wanted_kvm() -> Check:
    usable, reason = kvm.usable()
    remedy = "use a machine with KVM: Windows under emulation takes hours to install and minutes to boot"
    return Check("KVM", usable, reason, "" if usable else remedy)


def tun() -> Check:
    if os.access(_TUN, os.R_OK | os.W_OK):
        return Check("TAP devices", True, f"{_TUN} is writable")
    state = "is not writable" if _TUN.exists() else "is missing"
    return Check("TAP devices", False, f"{_TUN} {state}", f"modprobe tun; chmod 666 {_TUN}; or run as root")


def user_namespaces() -> Check:
    """Checks that this user may make user namespaces, by making one: several settings can forbid it."""
    made = subprocess.run(
        ["unshare", "--user", "--net", "true"], capture_output=True, timeout=10, check=False
    )
    if made.returncode == 0:
        return Check("user namespaces", True, "one was made")
    forbidden = [setting for setting, wanted in _USER_NAMESPACES.items() if _forbids(setting, wanted)]
    wanted = "; ".join(f"sysctl {setting}={_USER_NAMESPACES[setting]}" for setting in forbidden)
    return Check(
        "user namespaces", False, "not allowed", f"{wanted or 'outside of a container'}, or run as root"
    )


def _forbids(setting: str, wanted: int) -> bool:
    path = Path("/proc/sys") / setting.replace(".", "/")
    return path.exists() and (int(path.read_text()) == 0) != (wanted == 0)


def toolchain() -> Check:
    path = os.environ.get("PATH", os.defpath) + ":/usr/sbin:/sbin"
    packages = " ".join(this_system().packages("run"))
    missing = [tool for tool in _TOOLS if shutil.which(tool, path=path) is None]
    if missing:
        return Check(
            "toolchain",
            False,
            f"missing: {', '.join(missing)}",
            f"apt-get install {packages}" if packages else "see packages.txt",
        )
    return Check("toolchain", True, "complete")


def ovmf() -> Check:
    """UEFI firmware for machines that boot from a disk."""
    missing = [str(path) for path in (firmware.CODE, firmware.VARS) if not path.is_file()]
    if missing:
        return Check("OVMF", False, _missing(missing), "apt-get install ovmf")
    return Check("OVMF", True, str(firmware.CODE))


def tools(packages: Mapping[str, str]) -> Check:
    """Checks for tools by name, each with the package that has it."""
    missing = [tool for tool in packages if shutil.which(tool) is None]
    if missing:
        wanted = " ".join(packages[tool] for tool in missing)
        return Check("Windows tools", False, _missing(missing), f"apt-get install {wanted}")
    return Check("Windows tools", True, ", ".join(packages))


def _missing(names: Sequence[str]) -> str:
    return f"{' and '.join(names)} {'is' if len(names) == 1 else 'are'} missing"


def disk_space(folder: Path, needed: int) -> Check:
    """`needed` in bytes."""
    free = shutil.disk_usage(folder).free
    return Check(
        "disk space",
        free >= needed,
        f"{free / _GIB:.1f} GiB free for images in {folder}",
        f"make room for {needed / _GIB:.0f} GiB there, or set XDG_CACHE_HOME to a folder on a larger disk",
    )
