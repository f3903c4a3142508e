# SPDX-License-Identifier: Apache-2.0
"""When the host was too busy for its times to be trusted, in words, by what was measured during each case."""

from collections.abc import Mapping
from typing import Any

from harness.core.units import format_ns, ms, s

_LATE_NS = 250 * ms  # of the event loop that all peers live in: a tenth of what peers wait for at least
_UNCERTAIN_NS = 50 * ms  # of the bound between the two clocks
_STARVED = 2  # a guest that was kept from running for one in so many parts of the case ...
_TURNS = (
    100 * ms
)  # ... and for longer than the scheduler's turns that cases side by side take from each other


def busy(case: Mapping[str, Any]) -> list[str]:
    """Doubts about a case on a busy host, a sentence each; none when the host had time for it."""
    host = case.get("host") or {}
    lag, starved = host.get("loop_lag_ns") or 0, host.get("guest_starved_ns") or 0
    bound = case.get("clock_bound_ns") or 0
    told = []
    if lag >= _LATE_NS:
        told.append(f"the peer's event loop was late by up to {format_ns(lag)}")
    if starved >= _TURNS and starved * _STARVED >= case["seconds"] * s > 0:
        told.append(f"the guest was kept from running for {format_ns(starved)}")
    if bound >= _UNCERTAIN_NS:
        told.append(f"the two clocks are certain to {format_ns(bound)} only")
    return told


def busy_run(run: Mapping[str, Any]) -> str:
    """The banner of a run on such a host; empty when no case was disturbed."""
    disturbed = [case for case in run["cases"] if busy(case)]
    if not disturbed:
        return ""
    return (
        f"THE HOST WAS BUSY in {len(disturbed):,} of {len(run['cases']):,} cases: "
        "their times say little; what was judged does not rest on them."
    )
