# SPDX-License-Identifier: Apache-2.0
"""Folders of images: finished ones, the one being built, and the remains of a failed one.

NAME/             sealed; see harness.guest.image_manifest
.building-NAME/   a build that is under way, or was killed
failed-NAME/      why the last build failed: log of COM1, screen, the machine's XML
NAME.lock         held by whoever builds or removes NAME
"""

import contextlib
import fcntl
import shutil
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

from harness.core import cache
from harness.core.errors import UsageError
from harness.guest import image_manifest

SERIAL_LOG = "com1.log"
# None of it holds a secret.
_EVIDENCE = ("screen.png", "screen.ppm", "domain.xml", "events.txt", "qemu.log")

Progress = Callable[[str], None]


def root() -> Path:
    """The folder of all images. Raises HarnessError when there can be none."""
    return cache.folder("images")


def names() -> list[str]:
    """The images that are sealed."""
    return sorted(path.parent.name for path in root().glob(f"[!.]*/{image_manifest.MANIFEST_FILE}"))


@contextlib.contextmanager
def locked(name: str) -> Iterator[None]:
    """Nobody else builds or removes `name`. Raises UsageError at once when somebody does."""
    with (root() / f"{name}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UsageError(
                f"{name} is being built or removed by another process; wait for its end"
            ) from None
        yield


@contextlib.contextmanager
def workshop(name: str, tell: Progress) -> Iterator[Path]:
    """An empty folder to build `name` in, gone afterwards unless it was moved; call it under `locked`.

    What a killed build has left there goes first.
    """
    folder = root() / f".building-{name}"
    if folder.exists():
        tell(f"removing what a build of {name} left that was killed")
        remove_tree(folder)
    folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        if folder.exists():
            remove_tree(folder)


def keep_evidence(workshop: Path, name: str, why: str, *, everything: bool = False) -> Path | None:
    """The folder with what a failed build has left to look at; None when it had not started a machine.

    With `everything` the disk and the secrets are kept too.
    """
    if not (workshop / SERIAL_LOG).exists():
        return None
    folder = root() / f"failed-{name}"
    if folder.exists():
        remove_tree(folder)
    if everything:
        workshop.rename(folder)
    else:
        folder.mkdir(mode=0o700)
        for file in (SERIAL_LOG, *_EVIDENCE):
            if (workshop / file).exists():
                (workshop / file).rename(folder / file)
        remove_tree(workshop)  # its disk may have taken the room that the words below want
    (folder / "why.txt").write_text(f"{why}\n")
    return folder


def install(built: Path, name: str) -> Path:
    """Make a finished folder the image `name`, in the place of an older one."""
    folder = image_manifest.folder_of(name)
    if folder.exists():
        remove_tree(folder)
    built.rename(folder)
    return folder


def remove(name: str) -> None:
    """Delete the image `name`. Raises UsageError when it is missing."""
    with locked(name):
        folder = image_manifest.folder_of(name)
        if not folder.is_dir():
            raise UsageError(f"there is no image {name}; `wsk-conformance image list` names those that are")
        remove_tree(folder)


def remove_tree(folder: Path) -> None:
    """Files that were sealed are read-only, which does not keep their owner from deleting them."""
    folder.chmod(folder.stat().st_mode | stat.S_IRWXU)
    shutil.rmtree(folder)
