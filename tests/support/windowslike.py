# SPDX-License-Identifier: Apache-2.0
"""A sealed image without a Windows in it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from harness.guest.image_manifest import ImageManifest, hash_files

PASSWORD = "not-a-secret"

_EXAMPLE = ImageManifest(
    name="windows-server-2022",
    build="10.0.20348.587",
    created="2026-01-01T00:00:00+00:00",
    evaluation_expires=None,
    disk="disk.qcow2",
    vars="vars.fd",
    tpm=None,
    channels=("ssh",),
    user="wsk",
    password_file="password",
    key_file=None,
    ssh_host_key="ssh-ed25519 AAAA",
    winrm_cert_sha256=None,
    iso_sha256="0" * 64,
    driver_sha256="0" * 64,
)


def seal(folder: Path, **changes: Any) -> ImageManifest:
    """Writes an image's files into `folder`, as far as they are not there, and its manifest."""
    image = replace(_EXAMPLE, **changes)
    files = [image.disk, image.vars, *([image.password_file] if image.password_file else [])]
    for name in files:
        if not (folder / name).exists():
            (folder / name).write_text(PASSWORD if name == image.password_file else name)
    image = replace(image, hashes=hash_files(folder, files, print))
    image.save(folder)
    return image
