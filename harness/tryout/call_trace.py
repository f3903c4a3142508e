# SPDX-License-Identifier: Apache-2.0
"""The calls that a driver made into the reference guest's WSK, as its module traced them.

The layout is that of images/reference/module/wsk_trace_event.h. What comes out of the guest is not trusted.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from dissect.cstruct import cstruct

from harness.core.errors import EvidenceLost
from harness.core.ntstatus import NTSTATUS
from harness.core.paths import REFERENCE_IMAGE

_abi: Any = cstruct().load((REFERENCE_IMAGE / "module" / "wsk_trace_event.h").read_text(encoding="ascii"))
CALL, RETURN, COMPLETION, CALLBACK_ENTER, CALLBACK_LEAVE = range(1, 6)
KINDS = {
    CALL: "call",
    RETURN: "return",
    COMPLETION: "completion",
    CALLBACK_ENTER: "callback enter",
    CALLBACK_LEAVE: "callback leave",
}
RECORD = len(_abi.wsk_trace_event)
_PREFIX = "WSK_TRACE_FN_"
_FUNCTIONS = {
    member.value: name.removeprefix(_PREFIX) for name, member in _abi.wsk_trace_function.__members__.items()
}
_TOLD = re.compile(r"ntlab: wsk " + " ".join(["([0-9a-f]{1,16})"] * 15))  # at a bugcheck


@dataclass(frozen=True)
class CallEvent:
    """One record; the header says which kind has which fields."""

    sequence: int
    qpc: int
    object: int
    irp: int
    information: int
    caller: int
    status: NTSTATUS
    flags: int
    thread: int
    function: int
    kind: int
    irql: int
    cpu: int
    offset: int

    @property
    def name(self) -> str:
        """The function that was called."""
        return str(_FUNCTIONS.get(self.function, f"function {self.function}"))


@dataclass(frozen=True)
class CallTrace:
    """The records of the trace, in order; `lost` records are missing between the first and the last."""

    events: tuple[CallEvent, ...] = ()
    lost: int = 0

    @classmethod
    def of(cls, stream: bytes, serial: str) -> "CallTrace":
        """From what was read while the guest ran, and what it told on its serial port when it stopped."""
        whole = len(stream) - len(stream) % RECORD
        read = [_decoded(stream[at : at + RECORD]) for at in range(0, whole, RECORD)]
        return cls._of([*read, *map(_told, _TOLD.findall(serial))])

    @classmethod
    def _of(cls, events: Iterable[CallEvent]) -> "CallTrace":
        found = {event.sequence: event for event in events if event.sequence}
        last = max(found, default=0)
        return cls(tuple(found[number] for number in sorted(found)), last - len(found))


def _decoded(record: bytes) -> CallEvent:
    raw = _abi.wsk_trace_event(record)
    if int(raw.kind) not in KINDS:
        raise EvidenceLost(f"the guest's trace has a record of kind {int(raw.kind)}")
    return CallEvent(
        raw.sequence,
        raw.qpc,
        raw.object,
        raw.irp,
        raw.information,
        raw.caller,
        NTSTATUS(raw.status),
        raw.flags,
        raw.thread,
        raw.function,
        raw.kind,
        raw.irql,
        raw.cpu,
        raw.offset,
    )


def _told(words: Iterable[str]) -> CallEvent:
    numbers = [int(word, 16) for word in words]
    sequence, qpc, _tsc, about, irp, information, caller, status, *rest = numbers
    return CallEvent(sequence, qpc, about, irp, information, caller, NTSTATUS(status), *rest)
