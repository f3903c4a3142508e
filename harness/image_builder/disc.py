# SPDX-License-Identifier: Apache-2.0
"""ISOs, written and read: pycdlib with names as Windows sees them."""

import contextlib
import io
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import pycdlib
from pycdlib.pycdlibexception import PyCdlibException

from harness.core.errors import HarnessError, UsageError
from harness.core.files import open_input, unreadable

_MOST_NAME = 64  # Joliet
_MOST_FILE_BYTES = 1 << 28
_JOLIET_LEVEL = 3
_INTERCHANGE_LEVEL = 3
# ECMA-119, section 8, and ECMA-167, part 2, section 9.1: what the sectors from 16 on begin with.
_DESCRIPTOR_AT = 16 * 2048 + 1
_DESCRIPTORS = (b"CD001", b"BEA01")
# pycdlib believes the lengths that it reads.
_DAMAGED = (PyCdlibException, OSError, ValueError, LookupError, struct.error)


def write(path: Path, label: str, files: Mapping[str, bytes]) -> None:
    """An ISO with `files`, by path with `/` between folders. Raises HarnessError.

    Windows reads the Joliet names; those of ISO 9660, too short for
    `autounattend.xml`, are only numbers.
    """
    disc = pycdlib.PyCdlib()
    try:
        disc.new(interchange_level=_INTERCHANGE_LEVEL, joliet=_JOLIET_LEVEL, vol_ident=label)
        folders = {PurePosixPath("."): ""}
        for number, (name, data) in enumerate(files.items(), 1):
            place = PurePosixPath(name)
            if any(len(part) > _MOST_NAME for part in place.parts):
                raise HarnessError(f"{name} cannot be put on a disc: a name has at most {_MOST_NAME} letters")
            parent = _add_folder(disc, place.parent, folders)
            disc.add_fp(io.BytesIO(data), len(data), f"{parent}/F{number:07}.;1", joliet_path=f"/{place}")
        disc.write(str(path))
    except (PyCdlibException, OSError) as error:
        raise HarnessError(f"cannot write {path}: {error}") from error
    finally:
        with contextlib.suppress(PyCdlibException):
            disc.close()


def _add_folder(disc: Any, place: PurePosixPath, folders: dict[PurePosixPath, str]) -> str:
    """Its path in ISO 9660; made when it is new."""
    if place not in folders:
        parent = _add_folder(disc, place.parent, folders)
        folders[place] = f"{parent}/D{len(folders):07}"
        disc.add_directory(folders[place], joliet_path=f"/{place}")
    return folders[place]


class Disc:
    """An ISO that is open for reading."""

    def __init__(self, facade: Any, path: Path) -> None:
        self._facade = facade
        self.path = path

    def names(self, folder: str) -> list[str]:
        """The files in a folder; none when it does not exist."""
        try:
            children = list(self._facade.list_children(f"/{folder}"))
            return sorted(
                self._name(child) for child in children if child and child.is_file() and not child.is_dot()
            )
        except _DAMAGED:
            return []

    def tree(self, folder: str) -> list[str]:
        """The files in a folder and in those below it, relative to it; none when it does not exist."""
        try:
            walked = [(place, names) for place, _, names in self._facade.walk(f"/{folder}")]
        except _DAMAGED:
            return []
        below = [(place.removeprefix(f"/{folder}").strip("/"), names) for place, names in walked]
        return sorted(f"{place}/{name}".lstrip("/") for place, names in below for name in names)

    def read(self, name: str) -> bytes:
        """A file's content. Raises UsageError when it is missing or larger than 256 MiB."""
        data = io.BytesIO()
        try:
            if self._facade.get_record(f"/{name}").get_data_length() > _MOST_FILE_BYTES:
                raise UsageError(f"{name} on {self.path} is larger than {_MOST_FILE_BYTES >> 20} MiB")
            self._facade.get_file_from_iso_fp(data, f"/{name}")
        except _DAMAGED as error:
            raise UsageError(f"cannot read {name} on {self.path}: {error}") from None
        return data.getvalue()

    def _name(self, child: Any) -> str:
        if child.rock_ridge is not None:
            return str(child.rock_ridge.name().decode(errors="replace"))
        return str(child.file_identifier().decode("utf-16-be", errors="replace"))


def require_iso(path: Path) -> int:
    """Its size in bytes. Raises UsageError for any other file, before much of it is read."""
    try:
        with open_input(path) as file:
            size = file.seek(0, 2)
            file.seek(_DESCRIPTOR_AT)
            descriptor = file.read(len(_DESCRIPTORS[0]))
    except OSError as error:
        raise UsageError(unreadable(path, error)) from None
    if descriptor not in _DESCRIPTORS:
        raise UsageError(
            f"{path} is no ISO: it has neither an ISO 9660 nor a UDF descriptor; download it again"
        )
    return size


@contextlib.contextmanager
def reading(path: Path) -> Iterator[Disc]:
    """An ISO with long names. Raises UsageError for one that has none or is damaged."""
    require_iso(path)
    disc = pycdlib.PyCdlib()
    with open_input(path) as file:
        try:
            disc.open_fp(file)
        except _DAMAGED as error:
            raise UsageError(f"{path} cannot be read as an ISO ({error}); download it again") from None
        try:
            yield _long_names(disc, path)
        finally:
            disc.close()


def _long_names(disc: Any, path: Path) -> Disc:
    if disc.has_rock_ridge():
        return Disc(disc.get_rock_ridge_facade(), path)
    if disc.has_joliet():
        return Disc(disc.get_joliet_facade(), path)
    raise UsageError(f"{path} has short names only: it is not the ISO that is meant")
