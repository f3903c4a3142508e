# SPDX-License-Identifier: Apache-2.0
"""The guests there are, and the ways into them."""

import tomllib
from functools import cache as once
from pkgutil import resolve_name
from typing import TYPE_CHECKING

from harness.core.errors import UsageError
from harness.core.paths import WINDOWS_IMAGES

if TYPE_CHECKING:
    from harness.guest.base import Guest
    from harness.guest.options import GuestOptions

_REFERENCE = "harness.guest.reference:ReferenceGuest"
_WINDOWS = "harness.guest.windows:WindowsGuest"


@once
def guests() -> dict[str, str]:
    """Names of guests, each with the place of its class, which is imported only when it is asked for."""
    windows = tomllib.loads((WINDOWS_IMAGES / "versions.toml").read_text())
    return {"reference": _REFERENCE, **dict.fromkeys(windows, _WINDOWS)}


def find(name: str, options: "GuestOptions | None" = None) -> "Guest":
    """The guest of that name. Raises UsageError with the names there are, or for an option it lacks."""
    try:
        place = guests()[name]
    except KeyError:
        raise UsageError(
            f"there is no guest {name!r}; choose one of: {', '.join(sorted(guests()))}"
        ) from None
    guest: Guest = resolve_name(place)(name, options)
    return guest
