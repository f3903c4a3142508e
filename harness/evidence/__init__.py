# SPDX-License-Identifier: Apache-2.0
"""What was seen: trace, clock, and the timeline that tests assert on."""

from harness.evidence.clock import Clock, Exchange, Interval
from harness.evidence.rows import Row, describe, describe_status
from harness.evidence.timeline import Fact, Instant, Irql, Timeline
from harness.evidence.timing import Samples, summary
from harness.evidence.trace import (
    APC_LEVEL,
    CALLBACKS,
    DISPATCH_LEVEL,
    PASSIVE_LEVEL,
    Event,
    Trace,
    irql_name,
)

__all__ = [
    "APC_LEVEL",
    "CALLBACKS",
    "DISPATCH_LEVEL",
    "PASSIVE_LEVEL",
    "Clock",
    "Event",
    "Exchange",
    "Fact",
    "Instant",
    "Interval",
    "Irql",
    "Row",
    "Samples",
    "Timeline",
    "Trace",
    "describe",
    "describe_status",
    "irql_name",
    "summary",
]
