# SPDX-License-Identifier: Apache-2.0
"""The provision ISO: the second disc of an installation, with everything that is ours on it."""

import io
import ipaddress
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.core.errors import HarnessError, UsageError
from harness.core.files import read_bytes
from harness.core.paths import BUILT_DRIVER, WINDOWS_IMAGES
from harness.image_builder import answer, disc, drivers
from harness.image_builder.answer import Answers
from harness.image_builder.stages import STAGES
from harness.image_builder.versions import Version, settings
from harness.lab.namespace import Network

LABEL = "PROVISION"

DRIVER = BUILT_DRIVER / "wsktest.sys"
_PROGRAMS = (DRIVER, BUILT_DRIVER / "wskctl.exe", BUILT_DRIVER / "wsktest.cer")
_SCRIPTS = ("provision.ps1", "ways.ps1", "settings.ps1", "facts.ps1", "nics.ps1")
_INSTALLER = "OpenSSH-Win64/install-sshd.ps1"  # in the archive


def parts(version: Version, virtio_win: Path | None, openssh: Path | None) -> dict[str, bytes]:
    """Path on the ISO -> content, of all that is no secret and that Windows' own medium has no say in.

    Raises UsageError for a medium that is not what it should be, HarnessError where ours are not built.
    """
    content = {f"wsk/{path.name}": _read(path) for path in _PROGRAMS}
    content |= {f"wsk/{name}": _read(WINDOWS_IMAGES / name) for name in _SCRIPTS}
    content["wsk/settings.json"] = json.dumps(settings_file(version), indent=1).encode()
    if virtio_win:
        found, agent = drivers.collect(virtio_win, version)
        content |= {f"drivers/{name}": data for name, data in found.items()}
        if agent:
            content["wsk/qemu-ga.msi"] = agent
    if openssh:
        content["wsk/openssh.zip"] = _openssh(openssh)
    return content


def files(answers: Answers, login_key: str, others: Mapping[str, bytes]) -> dict[str, bytes]:
    """Path on the ISO -> content; `others` are its parts."""
    secrets = {"wsk/login_key.pub": f"{login_key}\n".encode(), answer.FILE: answer.build(answers)}
    return {**others, **secrets}


def write(path: Path, content: dict[str, bytes]) -> None:
    """The ISO, which holds a password: only its owner may read it. Raises HarnessError."""
    path.touch(mode=0o600)
    disc.write(path, LABEL, content)


def channels(content: dict[str, bytes]) -> tuple[str, ...]:
    """The ways in that the guest must offer when all of this has been installed."""
    ways = {"ssh": "wsk/openssh.zip", "agent": "wsk/qemu-ga.msi"}
    return ("winrm", *(name for name, file in ways.items() if file in content))


def settings_file(version: Version) -> dict[str, Any]:
    """The settings that provision.ps1 and nics.ps1 read."""
    network = Network()
    return {
        "stages": [stage.name for stage in STAGES],
        "account": version.account,
        **settings(),
        "network": {
            "mgmt": {
                "mac": network.mgmt_guest_mac,
                "address4": network.mgmt_guest,
                "prefix4": network.prefix4,
            },
            "test": {
                "mac": network.test_guest_mac,
                "address4": network.test_guest4,
                "prefix4": network.prefix4,
                "net4": _net(network.test_guest4, network.prefix4),
                "address6": network.test_guest6,
                "prefix6": network.prefix6,
                "net6": _net(network.test_guest6, network.prefix6),
            },
        },
    }


def _net(address: str, prefix: int) -> str:
    return str(ipaddress.ip_interface(f"{address}/{prefix}").network)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise HarnessError(f"cannot read {path} ({error.strerror}): run `make driver` first") from None


def _openssh(path: Path) -> bytes:
    """The archive of a release of Win32-OpenSSH."""
    data = read_bytes(path)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            # Some releases were packed with Windows' own separator, which Expand-Archive takes too.
            right = _INSTALLER in {name.replace("\\", "/") for name in archive.namelist()}
    except (zipfile.BadZipFile, NotImplementedError, ValueError):
        right = False
    if not right:
        raise UsageError(f"{path} is not OpenSSH-Win64.zip of https://github.com/PowerShell/Win32-OpenSSH")
    return data
