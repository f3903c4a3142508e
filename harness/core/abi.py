# SPDX-License-Identifier: Apache-2.0
"""The layouts shared with wsktest.sys, read from the one header that defines them.

`abi` has every struct, enum and #define of guest_driver/include/wsktest_abi.h
under its C name. The package is used from the repository (editable install),
so the header is found beside it.
"""

import struct
from collections.abc import Callable, Iterator
from enum import IntEnum
from functools import cache
from operator import attrgetter
from typing import Any

from dissect.cstruct import cstruct

from harness.core.paths import ABI_HEADER

abi: Any = cstruct().load("#define WSKTEST_ABI_PARSER 1\n" + ABI_HEADER.read_text(encoding="ascii"))


def enumeration(c_name: str) -> Any:
    """The C enum `c_name` as an IntEnum, without the prefix that C needs: WSKTEST_STEP_SEND is SEND."""
    members = getattr(abi, c_name).__members__
    prefix = "WSKTEST_" + c_name.removeprefix("wsktest_").split("_")[0].upper() + "_"
    return IntEnum(c_name, {name.removeprefix(prefix): member.value for name, member in members.items()})


def integers(c_name: str) -> dict[str, str]:
    """The fields of a C struct of unsigned integers without gaps, with their codes as in `struct`."""
    return dict(_leaves(getattr(abi, c_name)))


def packed(value: Any) -> bytes:
    """The bytes of a C struct: what its `dumps` gives, in less than half the time."""
    layout, leaves, arrays = _packer(value.__class__)
    found = list(leaves(value))
    for place in arrays:
        found[place] = bytes(found[place])
    return layout.pack(*found)


@cache
def _packer(c_type: Any) -> tuple[struct.Struct, Callable[[Any], Any], list[int]]:
    """The layout of all members as `struct` has it, what reads them off a value, and the places of arrays."""
    codes = dict(_leaves(c_type))
    arrays = [place for place, code in enumerate(codes.values()) if code.endswith("s")]
    return struct.Struct("<" + "".join(codes.values())), attrgetter(*codes), arrays


def _leaves(c_type: Any, within: str = "") -> Iterator[tuple[str, str]]:
    """The members of a struct, those of inner structs as 'buffer.length', with their codes as in `struct`."""
    for name, field in c_type.fields.items():
        if hasattr(field.type, "fields"):
            yield from _leaves(field.type, f"{within}{name}.")
        else:
            is_array = hasattr(field.type, "num_entries")
            yield within + name, f"{field.type.size}s" if is_array else field.type.packchar


StepKind = enumeration("wsktest_step_kind")
EventKind = enumeration("wsktest_event_kind")
TraceOutcome = enumeration("wsktest_outcome")
Reject = enumeration("wsktest_reject")
