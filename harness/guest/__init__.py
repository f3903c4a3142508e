# SPDX-License-Identifier: Apache-2.0
"""The guests there are, and the ways into them."""

from pkgutil import resolve_name
from typing import TYPE_CHECKING

from harness.core.errors import UsageError

if TYPE_CHECKING:
    from harness.guest.base import Guest
    from harness.guest.options import GuestOptions

_WINDOWS = ("windows-10", "windows-11", "windows-server-2019", "windows-server-2022", "windows-server-2025")
# Name -> where its class is; imported only when it is asked for.
GUESTS: dict[str, str] = {
    "reference": "harness.guest.reference:ReferenceGuest",
    **dict.fromkeys(_WINDOWS, "harness.guest.windows:WindowsGuest"),
}


def find(name: str, options: "GuestOptions | None" = None) -> "Guest":
    """The guest of that name. Raises UsageError with the names there are, or for an option it lacks."""
    try:
        place = GUESTS[name]
    except KeyError:
        raise UsageError(f"there is no guest {name!r}; choose one of: {', '.join(sorted(GUESTS))}") from None
    guest: Guest = resolve_name(place)(name, options)
    return guest
