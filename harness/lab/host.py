# SPDX-License-Identifier: Apache-2.0
"""What this machine has for labs: each thing a check, for the doctor and for whoever needs it."""

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import libvirt

from harness.core.check import Check
from harness.lab import firmware, kvm, libvirt_embed

_QEMU = Path("/usr/bin/qemu-system-x86_64")
_DRIVER = "/usr/lib/*/libvirt/connection-driver/libvirt_driver_qemu.so"
_TUN = Path("/dev/net/tun")
_USER_NAMESPACES = Path("/proc/sys/user/max_user_namespaces")
_TOOLS = (
    "make",
    "gcc",
    "x86_64-w64-mingw32-gcc",
    "osslsigncode",
    "busybox",
    "dropbear",
    "cpio",
    "lz4",
    "depmod",
)
_GIB = 1 << 30


def python() -> Check:
    ok = sys.version_info >= (3, 11)
    return Check("Python", ok, platform.python_version(), "" if ok else "install Python 3.11 or later")


def embedded_libvirt() -> Check:
    number = libvirt.getVersion()
    version = f"{number // 1_000_000}.{number // 1000 % 1000}.{number % 1000}"
    if not list(Path("/").glob(_DRIVER.lstrip("/"))):
        return Check(
            "libvirt", False, f"{version} without QEMU driver", "apt-get install libvirt-daemon-driver-qemu"
        )
    if os.geteuid() == 0 and (remedy := libvirt_embed.missing_user()):
        return Check("libvirt", False, f"{version}, but its user is missing", remedy)
    return Check("libvirt", True, version)


def qemu() -> Check:
    if not _QEMU.exists():
        return Check("QEMU", False, f"{_QEMU} is missing", "apt-get install qemu-system-x86")
    said = subprocess.run([_QEMU, "--version"], capture_output=True, text=True, timeout=10, check=False)
    return Check("QEMU", said.returncode == 0, (said.stdout or said.stderr).partition("\n")[0])


def available_kvm() -> Check:
    """Without KVM the reference guest is emulated, which is no failure."""
    usable, reason = kvm.usable()
    return Check("KVM", True, reason if usable else f"not used: {reason}; guests are emulated")


def wanted_kvm() -> Check:
    usable, reason = kvm.usable()
    remedy = "use a machine with KVM: Windows under emulation takes hours to install and minutes to boot"
    return Check("KVM", usable, reason, "" if usable else remedy)


def tun() -> Check:
    if os.access(_TUN, os.R_OK | os.W_OK):
        return Check("TAP devices", True, f"{_TUN} is writable")
    return Check(
        "TAP devices", False, f"{_TUN} is not writable", f"modprobe tun; chmod 666 {_TUN}; or run as root"
    )


def user_namespaces() -> Check:
    limit = int(_USER_NAMESPACES.read_text()) if _USER_NAMESPACES.exists() else 0
    if limit:
        return Check("user namespaces", True, f"up to {limit}")
    return Check(
        "user namespaces", False, "not allowed", "sysctl user.max_user_namespaces=10000, or run as root"
    )


def toolchain() -> Check:
    path = os.environ.get("PATH", os.defpath) + ":/usr/sbin:/sbin"
    missing = [tool for tool in _TOOLS if shutil.which(tool, path=path) is None]
    if missing:
        return Check("toolchain", False, f"missing: {', '.join(missing)}", "make prepare")
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
