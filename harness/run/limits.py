# SPDX-License-Identifier: Apache-2.0
"""A wait that timed out: does the guest hang, or were we too slow ourselves?"""

from harness.core.abi import EventKind, StepKind
from harness.core.errors import EvidenceLost
from harness.core.units import format_ns, s
from harness.evidence import Event, Timeline
from harness.run.watch import HostWatch
from harness.scenario import Callback, Operation
from harness.wire import Packet, Sender

STILL_MOVES = 1 * s  # before the limit
# Shares of a wait that we may have kept the guest or its peer from their part.
_MOST_STARVED = 2
_MOST_LAG = 4

_SENDS = (StepKind.SEND, StepKind.CONNECT_EX, StepKind.DISCONNECT)


def require_own_part(timeline: Timeline, watch: HostWatch) -> None:
    """Raises EvidenceLost when the host or a peer of ours may be the reason why a wait timed out.

    That is when the host kept the guest from running for half of the wait, or our peers for a quarter,
    and when the bytes that the wait is for still moved at its end.
    """
    limit = next((event for event in timeline.trace.events if event.kind == EventKind.LIMIT), None)
    if limit is None or limit.step >= len(timeline.plan.operations):
        return
    wait = timeline.plan.operations[limit.step]
    ended = timeline.clock.at(limit.qpc).middle
    load = watch.load(ended - wait.limit, ended)
    if load.guest_starved_ns > wait.limit // _MOST_STARVED:
        raise EvidenceLost(
            f"{wait} came to its limit, and the host kept the guest from running for "
            f"{format_ns(load.guest_starved_ns)}"
        )
    if load.loop_lag_ns > wait.limit // _MOST_LAG:
        raise EvidenceLost(
            f"{wait} came to its limit, and the peer was late by {format_ns(load.loop_lag_ns)}"
        )
    moved = _last_progress(timeline, wait, limit)
    if moved and moved.time_ns > ended - STILL_MOVES:
        raise EvidenceLost(f"{wait} came to its limit, and its bytes still moved: {moved!r}")


def _last_progress(timeline: Timeline, wait: Operation, limit: Event) -> Packet | None:
    """The last packet that carried new bytes of the kind that the wait is for; None when none did."""
    sender = _mover(wait.target or wait)
    ended = timeline.clock.at(limit.qpc).latest
    last: Packet | None = None
    for packet in timeline.packets(sender=sender) if sender else ():
        if packet.payload and packet.time_ns <= ended and (last is None or _is_behind(last, packet)):
            last = packet
    return last


def _mover(operation: Operation) -> Sender | None:
    """Whose bytes an operation waits for."""
    if operation.kind == StepKind.RECEIVE:
        return "peer"
    if operation.kind == StepKind.WAIT_EVENT:
        return "peer" if operation.callback == Callback.RECEIVE else None
    return "guest" if operation.kind in _SENDS and not operation.abortive else None


def _is_behind(one: Packet, other: Packet) -> bool:
    """Does `other` carry bytes that `one`, the last so far, did not?"""
    if (one.guest_port, one.peer_port) != (other.guest_port, other.peer_port):
        return True
    return 0 < (other.position - one.position) % (1 << 32) < 1 << 31
