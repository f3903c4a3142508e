# SPDX-License-Identifier: Apache-2.0
"""Media for tests of images, besides Windows: an ISO laid out as virtio-win, an archive like OpenSSH's."""

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pycdlib

# The INFs of each driver's folder, and what each copies from it: as in virtio-win.
DRIVERS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "viostor": {"viostor": ("viostor.sys",)},
    "NetKVM": {"netkvm": ("netkvm.sys", "netkvmp.exe"), "vioprot": ("netkvmno.dll", "netkvmp.exe")},
    "vioserial": {"vioser": ("vioser.sys",)},
    "pvpanic": {"pvpanic": ("pvpanic.sys",), "pvpanic-pci": ("pvpanic-pci.sys",)},
    "fwcfg": {"fwcfg": ("fwcfg.sys",)},
}
AGENT = "guest-agent/qemu-ga-x86_64.msi"


def inf(name: str, copied: tuple[str, ...]) -> str:
    """An INF of the usual shape, with a list of its own for each file that it copies."""
    lists = [f"{name}.Copy{number}" for number, _ in enumerate(copied, 1)]
    lines = [
        f"; {name}.inf, made for a test",
        "[Version]",
        'Signature = "$Windows NT$" ; all versions',
        "Class = System",
        "Provider = %VENDOR%",
        f"CatalogFile = {name}.cat",
        "PnpLockdown = 1",
        "[Manufacturer]",
        "%VENDOR% = Models, NTamd64",
        "[Models.NTamd64]",
        f"%DeviceDesc% = {name}.ndi, PCI\\VEN_1AF4&DEV_1041",
        f"[{name}.ndi]",
        f"CopyFiles = {', '.join(lists)}",
        f"[{name}.ndi.Services]",
        f"AddService = {name}, 2, {name}.Service",
        f"[{name}.Service]",
        "ServiceType = 1 ; %SERVICE_KERNEL_DRIVER%",
        f"ServiceBinary = %12%\\{copied[0]}",
        *(line for list_, file in zip(lists, copied, strict=True) for line in (f"[{list_}]", f"{file},,,2")),
        "[SourceDisksNames]",
        '1 = %DiskId1%,,,""',
        "[SourceDisksFiles]",
        *(f"{file} = 1,," for file in copied),
        "[DestinationDirs]",
        "DefaultDestDir = 12",
        "[Strings]",
        'VENDOR = "A test"',
        'DeviceDesc = "Adapter; of a test"',
        'DiskId1 = "Disk #1"',
    ]
    return "\r\n".join([*lines, ""])


def content(*systems: str) -> dict[str, bytes]:
    """The files of such an ISO; `systems` are "2k22" and so on."""
    files = {AGENT: b"agent"}
    for driver, infs in DRIVERS.items():
        for system in systems:
            folder = f"{driver}/{system}/amd64"
            for name, copied in infs.items():
                files[f"{folder}/{name}.inf"] = inf(name, copied).encode()
                files |= {f"{folder}/{name}.{kind}": b"" for kind in ("cat", "pdb")}
                files |= {f"{folder}/{file}": f"{file} for {system}".encode() for file in copied}
    return files


def virtio_win(
    path: Path, *systems: str, rock_ridge: bool = True, changes: Mapping[str, bytes | None] | None = None
) -> Path:
    """An ISO laid out as Fedora's, with drivers that are only names; None in `changes` leaves a file out."""
    files = {**content(*systems), **(changes or {})}
    iso = pycdlib.PyCdlib()
    if rock_ridge:
        iso.new(interchange_level=3, rock_ridge="1.09")
    else:
        iso.new(interchange_level=3, joliet=3)
    _Tree(iso, rock_ridge).add_all({name: data for name, data in files.items() if data is not None})
    iso.write(str(path))
    iso.close()
    return path


def openssh_zip(path: Path, member: str = "OpenSSH-Win64/install-sshd.ps1") -> Path:
    """An archive like a release of Win32-OpenSSH, with one file."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(member, "x")
    return path


class _Tree:
    """Adds files with their folders."""

    def __init__(self, iso: pycdlib.PyCdlib, rock_ridge: bool) -> None:
        self._iso, self._rock_ridge = iso, rock_ridge
        self._folders = {"": ""}

    def add_all(self, files: dict[str, bytes]) -> None:
        for number, (name, data) in enumerate(files.items()):
            folder, _, base = name.rpartition("/")
            where = f"{self._folder(folder)}/F{number:07}.;1"
            rock_ridge, joliet = self._names(name, base)
            self._iso.add_fp(io.BytesIO(data), len(data), where, rock_ridge, joliet)

    def _folder(self, name: str) -> str:
        if name not in self._folders:
            parent, _, base = name.rpartition("/")
            where = f"{self._folder(parent)}/D{len(self._folders):07}"
            rock_ridge, joliet = self._names(name, base)
            self._iso.add_directory(where, rock_ridge, joliet)
            self._folders[name] = where
        return self._folders[name]

    def _names(self, path: str, base: str) -> tuple[str | None, str | None]:
        return (base, None) if self._rock_ridge else (None, f"/{path}")
