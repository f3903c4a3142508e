# SPDX-License-Identifier: Apache-2.0
"""Checks that an ISO is the one that its user thinks it is."""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from harness.core.errors import UsageError
from harness.image_builder import disc
from harness.image_builder.versions import Medium, Version, media

_CHUNK_BYTES = 1 << 22
_TOLD_EVERY_BYTES = 1 << 30
_SHA256 = re.compile(r"[0-9a-f]{64}")

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Checked:
    """An ISO that may be used. `known` is None for one that only its user vouches for."""

    path: Path
    sha256: str
    known: Medium | None


def check_windows(path: Path, version: Version, accepted: str | None, progress: Progress) -> Checked:
    """The ISO, if it is known to be of `version` or if `accepted` is its hash.

    Reads all of it, with progress each GiB. Raises UsageError when it is no ISO,
    not of this version, or unknown: what an installation medium puts into an
    image is not looked at again, so its origin must be known.
    """
    if accepted is not None and not _SHA256.fullmatch(accepted.lower()):
        raise UsageError("--accept-iso-sha256 wants the 64 hexadecimal digits of a SHA-256")
    size = disc.require_iso(path)
    digest = _hash(path, size, progress)
    known = next((medium for medium in media() if medium.sha256 == digest), None)
    if accepted is not None and accepted.lower() != digest:
        raise UsageError(f"{path} has the SHA-256 {digest}, and not the one that --accept-iso-sha256 names")
    if known and known.version != version.name:
        raise UsageError(
            f"{path} is {known.edition}: use `wsk-conformance image build {known.version}`, "
            f"or find an ISO of {version.title}"
        )
    if known is None and accepted is None:
        raise UsageError(_unknown(path, size, digest, version))
    return Checked(path, digest, known)


def check_drivers(path: Path, progress: Progress) -> Checked:
    """The virtio-win ISO, checked by its contents: Fedora publishes no list of digests. Raises UsageError."""
    return Checked(path, _hash(path, disc.require_iso(path), progress), None)


def _unknown(path: Path, size: int, digest: str, version: Version) -> str:
    sizes = ", ".join(
        f"{medium.build} has {medium.bytes} bytes" for medium in media() if medium.version == version.name
    )
    return (
        f"{path} is not known: {size} bytes, SHA-256 {digest}; of {version.title} those are known: {sizes} "
        "(another size can be a download that was cut short). If you have compared this hash with its "
        f"origin's, go on with --accept-iso-sha256 {digest}"
    )


def _hash(path: Path, size: int, progress: Progress) -> str:
    digest, done = hashlib.sha256(), 0
    progress(f"checking {path.name} ({size / (1 << 30):.1f} GiB)")
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
            if (done + len(chunk)) // _TOLD_EVERY_BYTES > done // _TOLD_EVERY_BYTES:
                progress(f"checking {path.name}: {100 * (done + len(chunk)) // size} %")
            done += len(chunk)
    return digest.hexdigest()
