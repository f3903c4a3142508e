# SPDX-License-Identifier: Apache-2.0
"""The layouts shared with wsktest.sys, read from the one header that defines them.

`abi` has every struct, enum and #define of guest_driver/include/wsktest_abi.h
under its C name. The package is used from the repository (editable install),
so the header is found beside it.
"""

from enum import IntEnum
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
    return {name: field.type.packchar for name, field in getattr(abi, c_name).fields.items()}


StepKind = enumeration("wsktest_step_kind")
EventKind = enumeration("wsktest_event_kind")
TraceOutcome = enumeration("wsktest_outcome")
Reject = enumeration("wsktest_reject")
