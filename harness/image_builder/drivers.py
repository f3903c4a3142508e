# SPDX-License-Identifier: Apache-2.0
"""What a Windows guest needs of the virtio-win ISO: drivers of its own version, and the guest agent.

The layout is that of Fedora's virtio-win-pkg-scripts: driver/version/amd64.
"""

from pathlib import Path

from harness.core.errors import UsageError
from harness.image_builder.disc import Disc, reading
from harness.image_builder.versions import Version

AGENT = "guest-agent/qemu-ga-x86_64.msi"

_NEEDED = ("viostor", "NetKVM", "vioserial")
# A crash is told without pvpanic too, and a dump made from outside is only better with fwcfg.
_WANTED = ("pvpanic", "fwcfg")
_ARCHITECTURE = "amd64"
_LEFT_OUT = (".pdb", ".exe")  # debug symbols, and tools


def collect(iso: Path, version: Version) -> tuple[dict[str, bytes], bytes | None]:
    """(the drivers' files by "driver/file", the guest agent's installer if there is one).

    Raises UsageError when a driver that is needed is missing.
    """
    with reading(iso) as disc:
        files: dict[str, bytes] = {}
        for driver in (*_NEEDED, *_WANTED):
            found = _files(disc, driver, version)
            if driver in _NEEDED and not any(name.endswith(".inf") for name in found):
                raise UsageError(
                    f"{iso} has no driver {driver} for {version.title} "
                    f"(looked in {driver}/{version.drivers[0]}/{_ARCHITECTURE}): "
                    "take the virtio-win ISO 0.1.285 or a later one"
                )
            files |= {f"{driver}/{name}": content for name, content in found.items()}
        folder, name = AGENT.split("/")
        agent = disc.read(AGENT) if name in disc.names(folder) else None
    return files, agent


def _files(disc: Disc, driver: str, version: Version) -> dict[str, bytes]:
    for system in version.drivers:
        folder = f"{driver}/{system}/{_ARCHITECTURE}"
        if names := disc.names(folder):
            return {
                name: disc.read(f"{folder}/{name}") for name in names if not name.lower().endswith(_LEFT_OUT)
            }
    return {}
