# SPDX-License-Identifier: Apache-2.0
"""manifest.json: what a sealed image is, written when it was built and read before every run.

A sealed image is a folder that nobody writes to any more: the base disk, the
firmware's variables, the TPM's state, the secrets of its ways in, and this.
Names in it are those of files in its folder.
"""

import hashlib
import json
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness.core import cache
from harness.core.errors import UsageError

SCHEMA_VERSION = 1
MANIFEST_FILE = "manifest.json"
CHANNELS = ("ssh", "winrm", "agent")  # best first

_BUILD = re.compile(r"\d+\.\d+\.\d+\.\d+")
_CHUNK_BYTES = 1 << 20
_CHECKED_FILE = "checked.json"  # what the files were like when their hashes were last found right


@dataclass(frozen=True)
class ImageManifest:
    """One image. Hashes are SHA-256 in hex, moments ISO 8601 in UTC."""

    name: str  # of the guest: "windows-server-2022"
    build: str  # "10.0.20348.587"
    created: str
    evaluation_expires: str | None  # as Windows counted when it was built; None: no evaluation
    disk: str  # qcow2
    vars: str  # of the firmware
    tpm: str | None  # folder of swtpm's state; None: the guest has no TPM
    channels: tuple[str, ...]  # of CHANNELS
    user: str
    password_file: str | None
    key_file: str | None  # private half of the key that SSH lets in
    ssh_host_key: str | None  # public line: "ssh-ed25519 AAAA..."
    winrm_cert_sha256: str | None  # of the certificate in DER
    iso_sha256: str
    driver_sha256: str  # of the wsktest.sys that its self-test loaded
    hashes: dict[str, str] = field(default_factory=dict)  # file -> hash, TPM's files as "tpm/..."
    licence_ends: str | None = None  # of an evaluation that was never activated: Windows counts less then

    def save(self, folder: Path) -> None:
        """Write it into its folder. Raises UsageError when that cannot be."""
        text = json.dumps({"schema": SCHEMA_VERSION, **asdict(self)}, indent=1)
        try:
            _write(folder / MANIFEST_FILE, text)
        except OSError as error:
            raise UsageError(f"cannot write {folder / MANIFEST_FILE}: {error.strerror}") from None

    @property
    def ends(self) -> str | None:
        """When the evaluation ends by its licence."""
        return self.licence_ends or self.evaluation_expires

    def expired(self, now: datetime | None = None) -> bool:
        """Has the evaluation ended?"""
        return _is_past(self.ends, now)

    def restless(self, now: datetime | None = None) -> bool:
        """Does Windows shut itself down about every hour: not activated, or its evaluation over?"""
        return _is_past(self.evaluation_expires, now)

    def lasting(self, now: datetime | None = None) -> str:
        """How long it can be used, for people."""
        if self.ends is None:
            return "no evaluation"
        told = f"evaluation until {self.ends[:10]}"
        if self.expired(now):
            return f"{told}, which has passed"
        if self.restless(now):
            return f"{told}; never activated, so that it shuts itself down about every hour by now"
        if self.licence_ends:
            day = (self.evaluation_expires or "")[:10]
            return f"{told}; never activated, so that it shuts itself down about every hour from {day} on"
        return told


def _is_past(moment: str | None, now: datetime | None) -> bool:
    if moment is None:
        return False
    end = datetime.fromisoformat(moment)
    return (now or datetime.now(UTC)) >= (end if end.tzinfo else end.replace(tzinfo=UTC))


def how_to_build(name: str) -> str:
    """The command: with all media, as what is left out is a way in or a driver that the guest then lacks."""
    return f"wsk-conformance image build {name} --iso FILE --virtio-win FILE --openssh FILE"


def folder_of(name: str) -> Path:
    """Where the image of a guest is, or would be. Raises HarnessError when there can be no cache."""
    return cache.folder("images") / name


def load(folder: Path) -> ImageManifest:
    """The manifest in a folder. Raises UsageError for none, a damaged one, or one of another schema."""
    path = folder / MANIFEST_FILE
    try:
        told: dict[str, Any] = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise UsageError(f"there is no image in {folder}: {how_to_build(folder.name)}") from None
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from None
    except ValueError:
        raise UsageError(f"{path} is damaged: it is not whole JSON; build the image again") from None
    if not isinstance(told, dict) or told.pop("schema", None) != SCHEMA_VERSION:
        raise UsageError(f"{path} was written by another version of this program; build the image again")
    try:
        sealed = ImageManifest(**{**told, "channels": tuple(told["channels"])})
        _require_types(sealed)
        _require_plain_names(sealed)
        _require_pins(sealed)
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise UsageError(f"{path} is damaged: {error}; build the image again") from None
    return sealed


def _require_types(sealed: ImageManifest) -> None:
    texts = {name: value for name, value in asdict(sealed).items() if name not in ("channels", "hashes")}
    may_lack = {"evaluation_expires", "licence_ends", "tpm", "password_file", "key_file"}
    may_lack |= {"ssh_host_key", "winrm_cert_sha256"}
    for name, value in texts.items():
        if not (isinstance(value, str) or (value is None and name in may_lack)):
            raise TypeError(f"{name} is no text")
    if not (
        isinstance(sealed.hashes, dict) and all(isinstance(hash, str) for hash in sealed.hashes.values())
    ):
        raise TypeError("hashes are no table of texts")
    if not _BUILD.fullmatch(sealed.build):
        raise ValueError(f"{sealed.build!r} is no build of Windows")
    _ = sealed.expired(), sealed.restless()  # its dates can be read


def _require_plain_names(sealed: ImageManifest) -> None:
    """A manifest cannot lead out of its folder."""
    named = [sealed.disk, sealed.vars, sealed.tpm, sealed.password_file, sealed.key_file, *sealed.hashes]
    for name in named:
        if name is not None and (Path(name).is_absolute() or ".." in Path(name).parts):
            raise ValueError(f"{name!r} is no file of the image")


def _require_pins(sealed: ImageManifest) -> None:
    """Whoever answers must be able to prove that it is the guest, and we that we may come in."""
    if "ssh" in sealed.channels and len((sealed.ssh_host_key or "").split()) < 2:
        raise ValueError("SSH without a host key")
    if "ssh" in sealed.channels and not (sealed.key_file or sealed.password_file):
        raise ValueError("SSH without a login")
    if "winrm" in sealed.channels and not sealed.password_file:
        raise ValueError("WinRM without a password")


def hash_files(folder: Path, names: list[str], progress: Callable[[str], None]) -> dict[str, str]:
    """The SHA-256 of each file. Raises UsageError for one that cannot be read."""
    return {name: _hash(folder / name, progress) for name in names}


def check(
    folder: Path, sealed: ImageManifest, progress: Callable[[str], None], *, everything: bool = False
) -> None:
    """Every file is as it was sealed. Raises UsageError with the first that is not.

    A disk takes a minute to read, so what has kept its size and time since it
    was last found right is not read again, unless `everything` is asked for.
    """
    checked = {} if everything else _last_check(folder)
    now = dict(_stamps(folder, sealed))
    for name, expected in sealed.hashes.items():
        if checked.get(name) != now[name] and _hash(folder / name, progress) != expected:
            raise UsageError(f"{folder / name} is not what was sealed; build the image again")
    if checked != now:
        _write(folder / _CHECKED_FILE, json.dumps(now))


def _stamps(folder: Path, sealed: ImageManifest) -> Iterator[tuple[str, list[int]]]:
    for name in sealed.hashes:
        try:
            found = (folder / name).stat()
        except OSError as error:
            raise UsageError(f"the image lacks {folder / name} ({error.strerror}); build it again") from None
        yield name, [found.st_size, found.st_mtime_ns]


def _last_check(folder: Path) -> dict[str, Any]:
    try:
        told = json.loads((folder / _CHECKED_FILE).read_bytes())
    except (OSError, ValueError):
        return {}
    return told if isinstance(told, dict) else {}


def _hash(path: Path, progress: Callable[[str], None]) -> str:
    digest = hashlib.sha256()
    try:
        if path.stat().st_size > 64 * _CHUNK_BYTES:
            progress(f"checking {path.name}")
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                digest.update(chunk)
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from None
    return digest.hexdigest()


def _write(path: Path, text: str) -> None:
    """Readers see the old file or the new one, never a part."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(text)
    temporary.replace(path)
