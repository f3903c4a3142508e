# SPDX-License-Identifier: Apache-2.0
"""Looks whether this machine can run the suite, and says what to do where it cannot."""

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import libvirt

from harness.core import cache
from harness.core.errors import UsageError
from harness.guest import find, image_manifest
from harness.lab import kvm, libvirt_embed

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
_FREE_BYTES = 1 << 30
_WINDOWS = "windows-"
_FIRMWARE = (Path("/usr/share/OVMF/OVMF_CODE_4M.fd"), Path("/usr/share/OVMF/OVMF_VARS_4M.fd"))
_WINDOWS_TOOLS = {"qemu-img": "qemu-utils"}
_TPM_TOOLS = {"swtpm": "swtpm", "swtpm_setup": "swtpm-tools"}
_NEEDS_TPM = ("windows-11",)
_WINDOWS_FREE_BYTES = 24 << 30  # a fresh Windows takes 10 to 16 GiB, and a run writes to an overlay


@dataclass(frozen=True)
class Check:
    """One finding; `remedy` says what to do when it is not ok."""

    name: str
    ok: bool
    detail: str
    remedy: str = ""

    def lines(self) -> list[str]:
        """For people: the finding, and what to do where something is missing."""
        remedy = [f"        {self.remedy}"] if self.remedy and not self.ok else []
        return [f"{'ok     ' if self.ok else 'MISSING'} {self.name}: {self.detail}", *remedy]


def checks(guest: str) -> list[Check]:
    """Everything a run with `guest` needs of this machine. Raises UsageError for an unknown guest.

    A Windows guest that this version does not know is looked at all the same, as far as that goes.
    """
    windows = guest.startswith(_WINDOWS) and "/" not in guest
    if not windows:
        find(guest)
    looks: list[Callable[[], Check]] = [_python, _libvirt, _qemu]
    looks += [_kvm_for_windows if windows else _kvm, _tun]
    looks += [] if os.geteuid() == 0 else [_user_namespaces]
    looks.append(_toolchain)
    looks += _of_windows(guest) if windows else [_disk, _tshark]
    looks += [_image] if guest == "reference" else []
    return [look() for look in looks]


def _of_windows(guest: str) -> list[Callable[[], Check]]:
    tools = _WINDOWS_TOOLS | (_TPM_TOOLS if guest in _NEEDS_TPM else {})
    return [
        partial(_known, guest),
        _firmware,
        partial(_tools, tools),
        _disk_for_windows,
        partial(_sealed_image, guest),
        _tshark,
    ]


def _python() -> Check:
    ok = sys.version_info >= (3, 11)
    return Check("Python", ok, platform.python_version(), "" if ok else "install Python 3.11 or later")


def _libvirt() -> Check:
    number = libvirt.getVersion()
    version = f"{number // 1_000_000}.{number // 1000 % 1000}.{number % 1000}"
    if not list(Path("/").glob(_DRIVER.lstrip("/"))):
        return Check(
            "libvirt", False, f"{version} without QEMU driver", "apt-get install libvirt-daemon-driver-qemu"
        )
    if os.geteuid() == 0 and (remedy := libvirt_embed.missing_user()):
        return Check("libvirt", False, f"{version}, but its user is missing", remedy)
    return Check("libvirt", True, version)


def _qemu() -> Check:
    if not _QEMU.exists():
        return Check("QEMU", False, f"{_QEMU} is missing", "apt-get install qemu-system-x86")
    said = subprocess.run([_QEMU, "--version"], capture_output=True, text=True, timeout=10, check=False)
    return Check("QEMU", said.returncode == 0, (said.stdout or said.stderr).partition("\n")[0])


def _kvm() -> Check:
    """Without KVM the reference guest is emulated, which is no failure."""
    usable, reason = kvm.usable()
    return Check("KVM", True, reason if usable else f"not used: {reason}; guests are emulated")


def _kvm_for_windows() -> Check:
    usable, reason = kvm.usable()
    remedy = "use a machine with KVM: Windows under emulation takes hours to install and minutes to boot"
    return Check("KVM", usable, reason, "" if usable else remedy)


def _tun() -> Check:
    if os.access(_TUN, os.R_OK | os.W_OK):
        return Check("TAP devices", True, f"{_TUN} is writable")
    return Check(
        "TAP devices", False, f"{_TUN} is not writable", f"modprobe tun; chmod 666 {_TUN}; or run as root"
    )


def _user_namespaces() -> Check:
    limit = int(_USER_NAMESPACES.read_text()) if _USER_NAMESPACES.exists() else 0
    if limit:
        return Check("user namespaces", True, f"up to {limit}")
    return Check(
        "user namespaces", False, "not allowed", "sysctl user.max_user_namespaces=10000, or run as root"
    )


def _toolchain() -> Check:
    path = os.environ.get("PATH", os.defpath) + ":/usr/sbin:/sbin"
    missing = [tool for tool in _TOOLS if shutil.which(tool, path=path) is None]
    if missing:
        return Check("toolchain", False, f"missing: {', '.join(missing)}", "make prepare")
    return Check("toolchain", True, "complete")


def _disk() -> Check:
    folder = cache.folder("reference")
    free = shutil.disk_usage(folder).free
    enough = free >= _FREE_BYTES
    remedy = "" if enough else f"make room for 1 GiB at {folder}, or set XDG_CACHE_HOME"
    return Check("disk space", enough, f"{free / (1 << 30):.1f} GiB free for images", remedy)


def _tshark() -> Check:
    """Only the tests of the harness want it."""
    there = shutil.which("tshark") is not None
    return Check("tshark", True, "found" if there else "missing; only `make test` needs it")


def _image() -> Check:
    images = len(list(cache.folder("reference").glob("image-*")))
    return Check(
        "image", True, f"{images} in the cache" if images else "not built yet; the first run builds it"
    )


def _known(guest: str) -> Check:
    try:
        find(guest)
    except UsageError as error:
        return Check("guest", False, str(error), "use a version of this program that knows it")
    return Check("guest", True, f"{guest} is known to this version")


def _firmware() -> Check:
    missing = [str(path) for path in _FIRMWARE if not path.is_file()]
    if missing:
        return Check("OVMF", False, f"missing: {', '.join(missing)}", "apt-get install ovmf")
    return Check("OVMF", True, str(_FIRMWARE[0]))


def _tools(packages: dict[str, str]) -> Check:
    """Tool -> the package that has it."""
    missing = [tool for tool in packages if shutil.which(tool) is None]
    if missing:
        wanted = " ".join(packages[tool] for tool in missing)
        return Check("Windows tools", False, f"missing: {', '.join(missing)}", f"apt-get install {wanted}")
    return Check("Windows tools", True, ", ".join(packages))


def _disk_for_windows() -> Check:
    folder = cache.folder("images")
    free = shutil.disk_usage(folder).free
    enough = free >= _WINDOWS_FREE_BYTES
    remedy = "" if enough else f"make room for {_WINDOWS_FREE_BYTES >> 30} GiB at {folder}"
    return Check("disk space", enough, f"{free / (1 << 30):.1f} GiB free for images", remedy)


def _sealed_image(guest: str) -> Check:
    build = f"wsk-conformance image build {guest} --iso FILE"
    folder = image_manifest.folder_of(guest)
    if not (folder / image_manifest.MANIFEST_FILE).is_file():
        return Check("image", False, "not built yet", build)
    try:
        found = image_manifest.load(folder)
    except UsageError as error:
        return Check("image", False, str(error), build)
    detail, expires = f"build {found.build}, made {found.created}", found.evaluation_expires
    if found.expired():
        return Check("image", False, f"{detail}, its evaluation ended on {expires}", build)
    return Check("image", True, f"{detail}, evaluation until {expires}" if expires else detail)
