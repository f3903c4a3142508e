# SPDX-License-Identifier: Apache-2.0
"""Requests to WskControlSocket and WskControlClient: their input, and what becomes of the output."""

from dataclasses import dataclass

from harness.core.abi import abi, enumeration
from harness.scenario.values import (
    SO_CONDITIONAL_ACCEPT,
    SO_WSK_EVENT_CALLBACK,
    SOL_SOCKET,
    WSK_EVENT_DISABLE,
    Request,
)

Input = enumeration("wsktest_input")


@dataclass(frozen=True)
class Descriptor:
    """A security descriptor that WSK has cached for the run, by number."""

    number: int


@dataclass(frozen=True)
class ControlRequest:
    """`data` is the input, or what it points to; `value` an event mask or a descriptor's number."""

    request: Request = Request.SET_OPTION
    code: int = 0
    level: int = 0
    input: int = Input.NONE
    value: int = 0
    data: bytes = b""
    keep: Descriptor | None = None  # the output is this cached security descriptor

    @classmethod
    def using(cls, descriptor: Descriptor) -> "ControlRequest":
        """A socket's security descriptor, when it is created."""
        return cls(input=Input.DESCRIPTOR, value=descriptor.number)

    @property
    def kept(self) -> int:
        """The number that the driver wants: 0 for nothing, else 1 + number."""
        return self.keep.number + 1 if self.keep else 0

    @property
    def brings_events(self) -> bool:
        """Are there event callbacks that do not come unless this succeeds?"""
        if self.request != Request.SET_OPTION or self.level != SOL_SOCKET:
            return False
        enables = self.code == SO_WSK_EVENT_CALLBACK and not self.value & WSK_EVENT_DISABLE
        return enables or self.code == SO_CONDITIONAL_ACCEPT


MAX_DESCRIPTORS: int = abi.WSKTEST_MAX_DESCRIPTORS
