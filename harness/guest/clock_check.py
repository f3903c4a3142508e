# SPDX-License-Identifier: Apache-2.0
"""How fast a guest's performance counter runs, by the host's clock.

A guest measures its processor while it boots. On a busy host it errs by a thousandth and more,
and a guest that is kept booted keeps that: so it is measured once, and counted with.
"""

import asyncio
from collections.abc import Sequence

from harness.core.units import s
from harness.guest.control import ClockReading, ControlClient

SPAN_S = 1.5
_READINGS = 16  # at each end: the quickest answers are the ones that tell
_CREDIBLE = (0.9, 1.1)


async def rate(control: ControlClient, span_s: float = SPAN_S) -> float:
    """Seconds of the host's for each second that the guest's counter says, measured over `span_s` seconds."""
    before = [await control.clock() for _ in range(_READINGS)]
    await asyncio.sleep(span_s)
    return rate_of(before, [await control.clock() for _ in range(_READINGS)])


def rate_of(before: Sequence[ClockReading], after: Sequence[ClockReading]) -> float:
    """The same, of readings: the middle of what all pairs of them leave open."""
    least, most = 0.0, float("inf")
    for first in before:
        for last in after:
            counted = (last.qpc - first.qpc) * s / first.qpc_frequency
            least = max(least, (last.sent_ns - first.received_ns) / counted)
            most = min(most, (last.received_ns - first.sent_ns) / counted)
    return (least + most) / 2


def is_credible(rate: float) -> bool:
    """Whether an error of the guest's own measuring explains the rate."""
    return _CREDIBLE[0] < rate < _CREDIBLE[1]
