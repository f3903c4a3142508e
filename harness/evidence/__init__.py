# SPDX-License-Identifier: Apache-2.0
"""The evidence of a case: trace, clock, and the timeline that tests assert on."""

from harness.evidence.clock import DRIFT_PPM, Clock, Exchange, Interval
from harness.evidence.events import (
    APC_LEVEL,
    CALLBACKS,
    DISPATCH_LEVEL,
    PASSIVE_LEVEL,
    Event,
    irql_name,
)
from harness.evidence.pool_readings import grown
from harness.evidence.rows import EventRow, PacketRow, PeerRow, Row, event_row
from harness.evidence.timeline import Fact, Instant, Irql, Timeline
from harness.evidence.timing import Samples, summary
from harness.evidence.trace import Trace

__all__ = [
    "APC_LEVEL",
    "CALLBACKS",
    "DISPATCH_LEVEL",
    "DRIFT_PPM",
    "PASSIVE_LEVEL",
    "Clock",
    "Event",
    "EventRow",
    "Exchange",
    "Fact",
    "Instant",
    "Interval",
    "Irql",
    "PacketRow",
    "PeerRow",
    "Row",
    "Samples",
    "Timeline",
    "Trace",
    "event_row",
    "grown",
    "irql_name",
    "summary",
]
