# SPDX-License-Identifier: Apache-2.0
"""images/windows/*.toml: the versions of Windows that an image can be built of, and the ISOs known."""

import tomllib
from dataclasses import dataclass
from functools import cache as once
from typing import Any

from harness.core.errors import UsageError
from harness.core.paths import WINDOWS_IMAGES


@dataclass(frozen=True)
class Version:
    """A version of Windows; versions.toml says what each field means."""

    name: str
    title: str
    builds: tuple[int, int]
    drivers: tuple[str, ...]
    client: bool
    tpm: bool
    ssh: bool
    image: int
    memory: int  # MiB

    @property
    def account(self) -> str:
        """The administrator that logs in: clients keep the built-in one locked."""
        return "wsk" if self.client else "Administrator"


@dataclass(frozen=True)
class Medium:
    """An installation medium that is known."""

    version: str
    edition: str
    build: str
    bytes: int
    sha256: str
    image: int
    evaluation_days: int


@once
def versions() -> dict[str, Version]:
    """All of them, by name."""
    return {
        name: Version(
            name=name,
            **{
                **told,
                "builds": (int(told["builds"][0]), int(told["builds"][1])),
                "drivers": tuple(told["drivers"]),
            },
        )
        for name, told in _read("versions.toml").items()
    }


def find(name: str) -> Version:
    """The version of that name. Raises UsageError, naming all versions, for any other."""
    try:
        return versions()[name]
    except KeyError:
        known = ", ".join(versions())
        raise UsageError(f"there is no image {name!r}; those that can be are: {known}") from None


@once
def media() -> tuple[Medium, ...]:
    """Every installation medium that is known."""
    return tuple(Medium(**told) for told in _read("isos.toml")["iso"])


@once
def settings() -> dict[str, Any]:
    """Settings made inside every image."""
    return _read("settings.toml")


def _read(name: str) -> dict[str, Any]:
    return tomllib.loads((WINDOWS_IMAGES / name).read_text())
