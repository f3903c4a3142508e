# SPDX-License-Identifier: Apache-2.0
"""Looks whether this machine can run the suite, and says what to do where it cannot."""

import os
import shutil

from harness.core import cache
from harness.core.check import Check
from harness.core.errors import HarnessError, UsageError
from harness.core.system import this_system
from harness.guest import find, image_manifest
from harness.image_builder.checks import needs
from harness.image_builder.versions import versions
from harness.lab import host

_FREE_BYTES = 1 << 30
_WINDOWS = "windows-"


def checks(guest: str) -> list[Check]:
    """Everything a run with `guest`, and building its image, need of this machine.

    Raises UsageError for an unknown guest. A Windows guest that this version
    does not know is looked at all the same, as far as that goes.
    """
    windows = guest.startswith(_WINDOWS) and "/" not in guest
    if not windows:
        find(guest)
    try:
        kept = [
            host.wanted_kvm() if windows else host.available_kvm(),
            *(_of_windows(guest) if windows else _of_reference()),
        ]
    except HarnessError as error:  # there can be no cache, which all of these look into
        detail, _, remedy = str(error).rpartition("; ")
        kept = [Check("cache", False, detail, remedy)]
    return [
        host.system(this_system()),
        host.python(),
        host.embedded_libvirt(),
        host.qemu(),
        host.tun(),
        *([] if os.geteuid() == 0 else [host.user_namespaces()]),
        host.toolchain(),
        *kept,
    ]


def _of_windows(guest: str) -> list[Check]:
    needed = needs(versions().get(guest), cache.folder("images"))
    return [_known(guest), *needed, _sealed_image(guest), _tshark()]


def _of_reference() -> list[Check]:
    return [host.disk_space(cache.folder("reference"), _FREE_BYTES), _tshark(), _image()]


def _tshark() -> Check:
    """Only the tests of the harness want it."""
    there = shutil.which("tshark") is not None
    return Check("tshark", True, "found" if there else "missing; only `make test` needs it")


def _image() -> Check:
    images = len(list(cache.folder("reference").glob("image-*")))
    return Check(
        "image", True, f"{images} in the cache" if images else "not built yet; the first run builds it"
    )


def _known(guest: str) -> Check:
    try:
        find(guest)
    except UsageError as error:
        return Check("guest", False, str(error), "use a version of this program that knows it")
    return Check("guest", True, f"{guest} is known to this version")


def _sealed_image(guest: str) -> Check:
    build = image_manifest.how_to_build(guest)
    folder = image_manifest.folder_of(guest)
    if not (folder / image_manifest.MANIFEST_FILE).is_file():
        return Check("image", False, "not built yet", build)
    try:
        found = image_manifest.load(folder)
    except UsageError as error:
        return Check("image", False, str(error), build)
    detail = f"build {found.build}, made {found.created}; {found.lasting()}"
    return Check("image", False, detail, build) if found.expired() else Check("image", True, detail)
