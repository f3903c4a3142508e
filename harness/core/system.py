# SPDX-License-Identifier: Apache-2.0
"""What system this machine runs, and what that calls its packages (packages.txt)."""

import platform
from dataclasses import dataclass

from harness.core.paths import PACKAGES

_ANY = "any"


@dataclass(frozen=True)
class System:
    """As /etc/os-release has it: its ids are its own and those of the systems it is like, nearest first."""

    name: str
    ids: tuple[str, ...]
    version: str

    def packages(self, purpose: str) -> list[str]:
        """What has to be installed for `purpose`, nothing when packages.txt does not know the system."""
        rows = [
            line.split() for line in PACKAGES.read_text().splitlines() if line and not line.startswith("#")
        ]
        known = {row[0] for row in rows}
        family = next((name for name in self.ids if name in known), None)
        if family is None:
            return []
        return [name for row in rows if row[0] in {_ANY, family} and row[1] == purpose for name in row[2:]]


def this_system() -> System:
    """Where nothing tells, a system without name and ids."""
    try:
        told = platform.freedesktop_os_release()
    except OSError:
        told = {}
    ids = (told.get("ID", ""), *told.get("ID_LIKE", "").split())
    return System(told.get("PRETTY_NAME", "an unknown system"), ids, told.get("VERSION_ID", ""))
