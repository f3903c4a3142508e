# SPDX-License-Identifier: Apache-2.0
"""An ISO laid out as virtio-win, for the tests of images."""

import io
from pathlib import Path

import pycdlib

DRIVERS = ("viostor", "NetKVM", "vioserial", "pvpanic", "fwcfg")


def virtio_win(path: Path, *systems: str, rock_ridge: bool = True) -> Path:
    """An ISO laid out as Fedora's, with drivers that are only names; `systems` are "2k22" and so on."""
    iso = pycdlib.PyCdlib()
    if rock_ridge:
        iso.new(interchange_level=3, rock_ridge="1.09")
    else:
        iso.new(interchange_level=3, joliet=3)
    _Tree(iso, rock_ridge).add_all(
        {
            f"{driver}/{system}/amd64/{driver.lower()}.{kind}": f"{driver} for {system}".encode()
            for driver in DRIVERS
            for system in systems
            for kind in ("inf", "sys", "cat", "pdb")
        }
        | {"guest-agent/qemu-ga-x86_64.msi": b"agent"}
    )
    iso.write(str(path))
    iso.close()
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
