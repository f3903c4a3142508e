# SPDX-License-Identifier: Apache-2.0
"""Images of the reference guest that other hosts built: in the cache, named for what they hold."""

import fcntl
import hashlib
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from harness.core import cache
from harness.core.errors import HarnessError
from harness.guest.reference import ReferenceGuest, image_files
from harness.nightly.archive import pack, unpack

_KEPT = 4


def pack_image(progress: Callable[[str], None]) -> tuple[str, bytes]:
    """The image that is built here: its digest, and its archive. Raises HarnessError when it is missing."""
    guest = ReferenceGuest()
    guest.prepare(progress)
    return digest(guest.image), pack(guest.image, image_files(guest.image))


def digest(folder: Path) -> str:
    """SHA-256 over the files of an image. Raises OSError when one is missing."""
    made_of = hashlib.sha256()
    for path in image_files(folder):
        made_of.update(f"{path.name} ".encode() + hashlib.sha256(path.read_bytes()).digest())
    return made_of.hexdigest()


def image_folder(image: str) -> Path:
    """Where this host keeps the image with that digest."""
    return cache.folder("farm") / f"image-{image}"


def at_hand(image: str) -> bool:
    """Is it in the cache, whole?"""
    try:
        return digest(image_folder(image)) == image
    except OSError:
        return False


def install(image: str, archive: bytes) -> None:
    """Puts it into the cache, once, however many workers this host has. Raises HarnessError."""
    folder = image_folder(image)
    with (folder.parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if at_hand(image):
            return
        shutil.rmtree(folder, ignore_errors=True)
        images = sorted(folder.parent.glob("image-*"), key=lambda path: path.stat().st_mtime, reverse=True)
        for old in [*images[_KEPT - 1 :], *folder.parent.glob(".unpacking-*")]:
            shutil.rmtree(old, ignore_errors=True)
        scratch = Path(tempfile.mkdtemp(prefix=".unpacking-", dir=folder.parent)) / "image"
        try:
            unpack(archive, scratch)
            if digest(scratch) != image:
                raise HarnessError("the image was damaged on its way")
            (scratch / "login_key").chmod(0o600)
            scratch.rename(folder)
        except OSError as error:
            raise HarnessError(f"the image cannot be kept in {folder.parent}: {error.strerror}") from None
        finally:
            shutil.rmtree(scratch.parent, ignore_errors=True)
