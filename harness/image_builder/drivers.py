# SPDX-License-Identifier: Apache-2.0
"""Takes from the virtio-win ISO what Windows needs: drivers of its own version, and the guest agent.

The layout is that of Fedora's virtio-win-pkg-scripts: driver/version/amd64.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

from harness.core.errors import UsageError
from harness.image_builder import inf
from harness.image_builder.disc import Disc, reading
from harness.image_builder.versions import Version

AGENT = "guest-agent/qemu-ga-x86_64.msi"

_NEEDED = ("viostor", "NetKVM", "vioserial")
# A crash is told without pvpanic too, and a dump made from outside is only better with fwcfg.
_WANTED = ("pvpanic", "fwcfg")
_ARCHITECTURE = "amd64"
_LEFT_OUT = ".pdb"  # debug symbols, unless an INF names them


def collect(iso: Path, version: Version) -> tuple[dict[str, bytes], bytes | None]:
    """(the drivers' files by "driver/file", the guest agent's installer if there is one).

    Raises UsageError when a driver that is needed is missing, or a file that an INF names: Windows takes
    no driver without one of its files.
    """
    with reading(iso) as disc:
        files: dict[str, bytes] = {}
        for driver in (*_NEEDED, *_WANTED):
            found = _files(disc, driver, version)
            if driver in _NEEDED and not _infs(found):
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
            found = {
                name: disc.read(f"{folder}/{name}") for name in names if not name.lower().endswith(_LEFT_OUT)
            }
            return found | _others(disc, folder, found)
    return {}


def _infs(names: Iterable[str]) -> list[str]:
    return [name for name in names if name.lower().endswith(".inf")]


def _others(disc: Disc, folder: str, found: Mapping[str, bytes]) -> dict[str, bytes]:
    """Files that the INFs name beyond those found: in another folder, or of a kind that is left out.

    Windows makes no difference between large and small letters, and the disc does.
    """
    places = {path.lower(): path for path in disc.tree(folder)}
    others: dict[str, bytes] = {}
    for name in _infs(found):
        for path in set(inf.needed(found[name])) - {path.lower() for path in found}:
            if path not in places:
                raise UsageError(
                    f"{disc.path} is not whole: {folder}/{name} names the file {path}, which it lacks, and "
                    "Windows would refuse the driver; take the virtio-win ISO 0.1.285 or a later one"
                )
            others[places[path]] = disc.read(f"{folder}/{places[path]}")
    return others
