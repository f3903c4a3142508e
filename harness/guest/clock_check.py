# SPDX-License-Identifier: Apache-2.0
"""Whether a guest's performance counter runs as fast as it says, by the host's clock.

A guest measures its processor while it boots. On a busy host it may measure
wrongly, and a guest that is kept booted keeps that.
"""

import asyncio

from harness.core.units import format_ns, s
from harness.guest.control import ClockReading, ControlClient

SPAN_S = 0.5
_ALLOWED_PPM = 200  # as for the clock of a case


async def contradiction(control: ControlClient, span_s: float = SPAN_S) -> str:
    """By how much the guest's clock contradicts the host's over so many seconds; empty when it does not."""
    before = await control.clock()
    await asyncio.sleep(span_s)
    return contradiction_of(before, await control.clock())


def contradiction_of(before: ClockReading, after: ClockReading) -> str:
    """The same, of two readings."""
    passed = (after.qpc - before.qpc) * s // before.qpc_frequency
    slack = abs(passed) * _ALLOWED_PPM // 1_000_000 + -(-s // before.qpc_frequency)
    least, most = after.sent_ns - before.received_ns, after.received_ns - before.sent_ns
    beyond = max(least - passed, passed - most) - slack
    return f"{format_ns(beyond)} within {format_ns(most)}" if beyond > 0 else ""
