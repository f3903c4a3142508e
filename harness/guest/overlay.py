# SPDX-License-Identifier: Apache-2.0
"""One VM's own part of a sealed image: a thin disk over the sealed one, copies of the rest."""

import contextlib
import itertools
import shutil
import stat
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from harness.core.errors import HarnessError
from harness.guest.image_manifest import ImageManifest
from harness.lab import libvirt_embed

_LIMIT_S = 60
_OVERLAY = ("qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b")
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Overlay:
    """The VM writes to all of these. `tpm` is None for an image without one."""

    folder: Path
    disk: Path
    vars: Path
    tpm: Path | None


@contextlib.contextmanager
def private_copy(image: Path, sealed: ImageManifest) -> Iterator[Overlay]:
    """A folder that is gone afterwards, even when this process is killed. Raises HarnessError."""
    # The lab's watchdog deletes everything under the embed root.
    folder = libvirt_embed.root() / f"vm-{next(_numbers)}"
    try:
        try:
            copy = _fill(folder, image, sealed)
        except OSError as error:
            raise HarnessError(
                f"no private copy of the image in {folder}: {error.strerror}; is there room?"
            ) from None
        yield copy
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _fill(folder: Path, image: Path, sealed: ImageManifest) -> Overlay:
    folder.mkdir(mode=0o700)
    copy = Overlay(folder, folder / "disk.qcow2", folder / "vars.fd", folder / "tpm" if sealed.tpm else None)
    _make_overlay(copy.disk, (image / sealed.disk).resolve())
    shutil.copyfile(image / sealed.vars, copy.vars)
    if copy.tpm and sealed.tpm:
        copy.tpm.mkdir()
        for file in (image / sealed.tpm).iterdir():
            if not file.name.startswith("."):  # swtpm's lock
                shutil.copyfile(file, copy.tpm / file.name)
                (copy.tpm / file.name).chmod(stat.S_IRUSR | stat.S_IWUSR)
    return copy


def _make_overlay(disk: Path, base: Path) -> None:
    try:
        done = subprocess.run(
            [*_OVERLAY, str(base), str(disk)], capture_output=True, text=True, timeout=_LIMIT_S, check=False
        )
    except FileNotFoundError:
        raise HarnessError("qemu-img is missing: apt-get install qemu-utils") from None
    except subprocess.TimeoutExpired:
        raise HarnessError(f"qemu-img made no overlay of {base} within {_LIMIT_S} s; try again") from None
    if done.returncode != 0:
        raise HarnessError(f"there can be no overlay of {base}: {done.stderr.strip()}; build the image again")
