# SPDX-License-Identifier: Apache-2.0
"""The driver's trace, decoded.

A trace comes out of a guest under test and is not trusted: every size, offset
and kind is checked before it is used.
"""

from dataclasses import dataclass, field
from typing import Any

from harness.core.abi import Reject, TraceOutcome, abi
from harness.core.errors import EvidenceLost, UsageError, WskConformanceError
from harness.core.ntstatus import NTSTATUS
from harness.evidence.events import Events


@dataclass(frozen=True)
class Trace:
    """The record of a performed scenario: its events in order, and the bytes that receives got."""

    id: int  # of the scenario
    outcome: Any  # TraceOutcome
    reject: Any  # Reject: why the scenario was not performed
    stop_step: int  # NO_STEP, or the step that ended the run early
    status: NTSTATUS  # that ended the run early
    pending: int  # IRPs, sockets and callbacks not over when the run's threads had ended
    lost_events: int
    qpc_frequency: int  # ticks per second
    qpc_begin: int
    qpc_end: int
    events: Events = field(repr=False)
    received: bytes = field(repr=False)  # the receive area

    @classmethod
    def decode(cls, data: bytes) -> "Trace":
        """The trace of a guest run; EvidenceLost when it is damaged."""
        return _decode(data, EvidenceLost)

    @classmethod
    def load(cls, data: bytes) -> "Trace":
        """A stored trace; UsageError when it is damaged or not one of ours."""
        return _decode(data, UsageError)


def _decode(data: bytes, failure: type[WskConformanceError]) -> Trace:
    try:
        header = _header(data)
        return Trace(
            id=header.id,
            outcome=TraceOutcome(header.outcome),
            reject=Reject(header.reject),
            stop_step=header.stop_step,
            status=NTSTATUS(header.status),
            pending=header.pending,
            lost_events=header.lost_events,
            qpc_frequency=header.qpc_frequency,
            qpc_begin=header.qpc_begin,
            qpc_end=header.qpc_end,
            events=Events(data[header.events_offset : header.receive_offset]),
            received=data[header.receive_offset : header.receive_offset + header.receive_size],
        )
    except ValueError as error:
        raise failure(f"the trace cannot be used: {error}") from None


def _header(data: bytes) -> Any:
    size = abi.wsktest_trace.size
    if len(data) < size:
        raise ValueError(f"it is truncated: {len(data)} of {size} bytes of its header")
    header = abi.wsktest_trace(data[:size])
    if header.magic != abi.WSKTEST_TRACE_MAGIC:
        raise ValueError(f"it is not a trace: it starts with 0x{header.magic:08x}")
    if header.version != abi.WSKTEST_ABI_VERSION:
        raise ValueError(f"it has version {header.version}; this harness reads {abi.WSKTEST_ABI_VERSION}")
    if header.total_size > len(data):
        raise ValueError(f"it is truncated: {len(data)} of {header.total_size} bytes")
    events_end = size + header.event_count * abi.wsktest_event.size
    fits = (
        header.header_size == header.events_offset == size
        and header.event_size == abi.wsktest_event.size
        and header.receive_offset == events_end
        and events_end + header.receive_size == header.total_size == len(data)
    )
    if not fits:
        raise ValueError("its sizes and offsets do not fit together")
    if header.event_count and not header.qpc_frequency:
        raise ValueError("its clock has a frequency of zero")
    return header
