# SPDX-License-Identifier: Apache-2.0
"""How fast a guest's performance counter runs, by the host's clock.

A guest measures its processor while it boots. On a busy host it errs by a thousandth and more,
and a guest that is kept booted keeps that: so it is measured once, and counted with. What the
measuring itself leaves open is counted with too.
"""

import asyncio
import math
from collections.abc import Sequence

from harness.core.clock_rate import ClockRate
from harness.core.units import s
from harness.guest.control import ClockReading, ControlClient

_SPANS_S = (1.5, 3.0, 6.0)  # one after the other, until it is known well enough
_GOOD_ENOUGH_PPM = 500  # half a millisecond in each second of a case's
_READINGS = 16  # at each end: the quickest answers are the ones that tell
_CREDIBLE = (0.9, 1.1)


async def rate(control: ControlClient, spans_s: Sequence[float] = _SPANS_S) -> ClockRate:
    """Measured over `spans_s` seconds: longer where a busy host answers late."""
    before = [await control.clock() for _ in range(_READINGS)]
    found = ClockRate(1.0, 1_000_000)
    for span in spans_s:
        await asyncio.sleep(span)
        found = rate_of(before, [await control.clock() for _ in range(_READINGS)])
        if found.error_ppm <= _GOOD_ENOUGH_PPM:
            break
    return found


def rate_of(before: Sequence[ClockReading], after: Sequence[ClockReading]) -> ClockRate:
    """The same, of readings: the middle of what all pairs of them leave open, and how far that reaches."""
    least, most = 0.0, float("inf")
    for first in before:
        for last in after:
            counted = (last.qpc - first.qpc) * s / first.qpc_frequency
            least = max(least, (last.sent_ns - first.received_ns) / counted)
            most = min(most, (last.received_ns - first.sent_ns) / counted)
    middle = (least + most) / 2
    return ClockRate(middle, math.ceil(abs(most - least) / 2 / middle * 1_000_000))


def is_credible(clock: ClockRate) -> bool:
    """Whether an error of the guest's own measuring explains the rate."""
    return _CREDIBLE[0] < clock.rate < _CREDIBLE[1]
