# SPDX-License-Identifier: Apache-2.0
"""How fast a guest's performance counter runs, as far as it is known."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ClockRate:
    """Seconds of the host's for each that the counter says, and by how much (ppm) that may be wrong."""

    rate: float = 1.0
    error_ppm: int = 0


AS_IT_SAYS = ClockRate()
