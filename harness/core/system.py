# SPDX-License-Identifier: Apache-2.0
"""The system that this machine runs, and the names of its packages (packages.txt)."""

import platform
from dataclasses import dataclass

from harness.core.paths import PACKAGES

# Name in os-release -> its releases that `make run` was tried on; `make test` was on Debian.
TRIED = {"debian": ("12", "13"), "ubuntu": ("24.04", "26.04")}
# Releases before these have a Python, a libvirt or a kernel that is too old.
OLDEST = {"debian": (12,), "ubuntu": (24, 4)}

_ANY = "any"


@dataclass(frozen=True)
class System:
    """A system as /etc/os-release has it: its ids are its own and those of its like, nearest first."""

    name: str
    ids: tuple[str, ...]
    version: str

    def packages(self, purpose: str) -> list[str]:
        """The packages to install for `purpose`; empty when packages.txt does not know the system."""
        rows = [
            line.split() for line in PACKAGES.read_text().splitlines() if line and not line.startswith("#")
        ]
        known = {row[0] for row in rows}
        family = next((name for name in self.ids if name in known), None)
        if family is None:
            return []
        return [name for row in rows if row[0] in {_ANY, family} and row[1] == purpose for name in row[2:]]

    @property
    def release(self) -> tuple[int, ...]:
        """Its version as numbers; nothing for a testing release, which has none."""
        return numbers(self.version)

    @property
    def was_tried(self) -> bool:
        return self.version in TRIED.get(self.ids[0], ())

    @property
    def is_too_old(self) -> bool:
        return bool(self.release) and self.release < OLDEST.get(self.ids[0], ())

    @property
    def is_newer(self) -> bool:
        """Newer than any release of it that was tried; nothing is known of systems that never were."""
        tried = [numbers(version) for version in TRIED.get(self.ids[0], ())]
        return bool(self.release and tried) and self.release > max(tried)


def tried_systems() -> str:
    """All that were tried, in words."""
    return ", ".join(f"{name.capitalize()} {' and '.join(versions)}" for name, versions in TRIED.items())


def numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdecimal())


def this_system() -> System:
    """The system that runs here; one without name and ids where nothing tells, or in no words."""
    try:
        told = platform.freedesktop_os_release()
    except (OSError, UnicodeDecodeError):
        told = {}
    ids = (told.get("ID", ""), *told.get("ID_LIKE", "").split())
    return System(told.get("PRETTY_NAME", "an unknown system"), ids, told.get("VERSION_ID", ""))
