# SPDX-License-Identifier: Apache-2.0
"""Reads the facts that the finished Windows tells of itself, and compares them with those asked for."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from harness.guest.image_manifest import CHANNELS
from harness.image_builder.install_progress import BuildFailed
from harness.image_builder.versions import Medium, Version, settings

_BUILD = re.compile(r"10\.0\.(\d{5})\.\d{1,6}")
_HOST_KEY = re.compile(r"ssh-ed25519 [A-Za-z0-9+/]{60,80}={0,2}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_NUMBER = re.compile(r"\d{1,12}")
_FLAGS = re.compile(r"0x[0-9a-f]{1,8}")
_NO_EVALUATION = "none"
_MINUTES = re.compile(rf"\d{{1,7}}|{_NO_EVALUATION}")

# Which value of a fact is worth a word, and which. An image can be used all the same.
_WARNINGS = {
    "defender": ("on", "Windows Defender takes no orders (tamper protection): it may delay or remove files"),
    "maintenance": ("on", "some scheduled maintenance could not be switched off: times may be noisier"),
    "network": ("public", "the lab's networks are still Public; nothing here depends on it"),
}
_NOT_ACTIVATED = "this Windows is not activated: after its first days it shuts itself down every hour or so"


@dataclass(frozen=True)
class ImageFacts:
    """The facts that were right. `evaluation_expires` is None for a medium that was no evaluation."""

    build: str
    channels: tuple[str, ...]
    ssh_host_key: str | None
    winrm_cert_sha256: str
    evaluation_expires: datetime | None
    activated: bool


def judge(
    told: Mapping[str, str],
    version: Version,
    medium: Medium | None,
    wanted: Collection[str],
    finished: datetime,
) -> ImageFacts:
    """`medium` is None for an ISO that is not known; `wanted` names the channels that must be there.

    Raises BuildFailed with everything that is wrong.
    """
    channels = tuple(name for name in CHANNELS if name in told.get("channels", "").split())
    wrong = [*_settings_wrong(told), *_forms_wrong(told, channels)]
    wrong += [f"there is no channel {name}" for name in wanted if name not in channels]
    build = _BUILD.fullmatch(told.get("build", ""))
    if build and not version.builds[0] <= int(build[1]) <= version.builds[1]:
        wrong.append(f"build {build[0]} is not {version.title}")
    if build and medium and build[1] != medium.build.split(".")[2]:
        wrong.append(f"build {build[0]} is not that of its ISO, {medium.build}")
    if wrong:
        raise BuildFailed(f"the installed Windows is not as it should be: {'; '.join(wrong)}")
    minutes = told["evaluation-minutes"]
    return ImageFacts(
        build=told["build"],
        channels=channels,
        ssh_host_key=told["ssh-host-key"] if "ssh" in channels else None,
        winrm_cert_sha256=told["winrm-certificate"],
        evaluation_expires=None if minutes == _NO_EVALUATION else finished + timedelta(minutes=int(minutes)),
        activated=told.get("activated") == "yes",
    )


def expected() -> dict[str, str]:
    """The facts that have one right value; of Verifier's flags more may be set."""
    crash, verifier = settings()["crash"], settings()["verifier"]
    return {
        "test-signing": "on",
        "secure-boot": "off",
        "vbs": "off",
        "verifier": f"{verifier['flags']:#x}",
        "crash-dump": str(crash["dump"]),
        "crash-restart": str(int(crash["restart"])),
        "stealth": "off",
        "password-expires": "never",
        "winrm-clear": "false",
        "winrm-basic": "false",
        "driver": "loaded",
        "driver-verified": "yes",
        "test-nic": "set",
    }


def warnings(told: Mapping[str, str]) -> list[str]:
    """Facts that are not as wanted but do no harm to a verdict."""
    found = [text for name, (value, text) in _WARNINGS.items() if told.get(name) == value]
    is_evaluation = told.get("evaluation-minutes") != _NO_EVALUATION  # others go on without
    return [*found, _NOT_ACTIVATED] if is_evaluation and told.get("activated") == "no" else found


def _settings_wrong(told: Mapping[str, str]) -> list[str]:
    return [
        f"{name} is {told.get(name, 'not told')!r} instead of {value!r}"
        for name, value in expected().items()
        if not _is_right(name, told.get(name, ""), value)
    ]


def _is_right(name: str, told: str, value: str) -> bool:
    if name == "verifier" and _FLAGS.fullmatch(told):
        wanted = int(value, 16)
        return int(told, 16) & wanted == wanted
    return told == value


def _forms_wrong(told: Mapping[str, str], channels: Collection[str]) -> list[str]:
    forms = {"build": _BUILD, "winrm-certificate": _SHA256, "qpc-frequency": _NUMBER}
    forms["evaluation-minutes"] = _MINUTES
    if "ssh" in channels:
        forms["ssh-host-key"] = _HOST_KEY
    return [
        f"{name} is {told.get(name, 'not told')!r}, which is none"
        for name, form in forms.items()
        if not form.fullmatch(told.get(name, ""))
    ]
