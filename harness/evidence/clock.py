# SPDX-License-Identifier: Apache-2.0
"""The guest's performance counter on the host's clock, as an interval that is certain.

Every constraint says that one moment of the guest's was not before, or not
after, one time of the host's. The counter may run fast or slow against the host
by the drift allowed, so a constraint weakens with its distance from the moment
that is asked for. What the constraints leave open is the bound: moments closer
together than that are not ordered by time.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from harness.core.errors import ClockContradicted, EvidenceLost
from harness.core.units import format_ns, s

# Uncalibrated oscillators are within 100 ppm, each of the two; what measuring leaves open comes to it.
DRIFT_PPM = 200


@dataclass(frozen=True)
class Exchange:
    """A question for the counter: host times in ns around the answer."""

    host_sent: int
    qpc: int
    host_received: int


@dataclass(frozen=True)
class Interval:
    """The host times, in ns, between which something happened."""

    earliest: int
    latest: int

    @property
    def bound(self) -> int:
        return self.latest - self.earliest

    @property
    def middle(self) -> int:
        return (self.earliest + self.latest) // 2


class Clock:
    """Maps counter values to intervals of host time; constraints may be added at any time."""

    def __init__(self, frequency: int, exchanges: Iterable[Exchange], *, drift_ppm: int = DRIFT_PPM) -> None:
        """`frequency` is the counter's ticks per second."""
        self._frequency = frequency
        self._tick = -(-s // frequency)  # ns
        self.drift_ppm = drift_ppm
        self._lower: list[tuple[int, int]] = []  # guest ns, offset to the host's clock
        self._upper: list[tuple[int, int]] = []
        self._known: dict[int, Interval] = {}  # what `at` has found since the last constraint
        for exchange in exchanges:
            self.not_before(exchange.qpc, exchange.host_sent)
            self.not_after(exchange.qpc, exchange.host_received)

    def not_before(self, qpc: int, host_ns: int) -> None:
        """Adds that the stamp `qpc` was taken at `host_ns` or later."""
        self._lower.append(self._constraint(qpc, host_ns))
        self._known.clear()

    def not_after(self, qpc: int, host_ns: int) -> None:
        """Adds that the stamp `qpc` was taken at `host_ns` or earlier."""
        self._upper.append(self._constraint(qpc, host_ns))
        self._known.clear()

    def at(self, qpc: int) -> Interval:
        """Host time (ns) of the stamp `qpc`. Raises EvidenceLost when the constraints contradict."""
        known = self._known.get(qpc)
        if known is None:
            known = self._known[qpc] = self._found(qpc)
        return known

    def _found(self, qpc: int) -> Interval:
        if not self._lower or not self._upper:
            raise EvidenceLost("nothing ties the guest's clock to the host's; the clock was never asked for")
        guest_ns = self._guest_ns(qpc)
        earliest = guest_ns + max(offset - self._slack(guest_ns, at) for at, offset in self._lower)
        latest = guest_ns + min(offset + self._slack(guest_ns, at) for at, offset in self._upper)
        if earliest > latest + self._tick:
            raise ClockContradicted(
                f"the guest's clock contradicts the host's by {format_ns(earliest - latest)}; "
                "it was set, or drifts more than allowed"
            )
        return Interval(min(earliest, latest), max(earliest, latest))

    def _constraint(self, qpc: int, host_ns: int) -> tuple[int, int]:
        guest_ns = self._guest_ns(qpc)
        return guest_ns, host_ns - guest_ns

    def _guest_ns(self, qpc: int) -> int:
        return qpc * s // self._frequency

    def _slack(self, guest_ns: int, at: int) -> int:
        """How much (ns) the time between two stamps can differ from what they say: a tick, and the drift."""
        if guest_ns == at:
            return 0
        return self._tick - (-abs(guest_ns - at) * self.drift_ppm // 1_000_000)
