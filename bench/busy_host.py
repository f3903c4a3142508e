# SPDX-License-Identifier: Apache-2.0
"""A timeline as a busy host could have made it of the same conforming guest: what is reported comes late.

A thread that is kept from running reports the return of a call or a callback that it entered long
after it happened, and returns from a callback long after it reported that. A packet of the guest's is
captured late. Each moves as far as the next event of its thread, or the next packet, allows.
"""

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from harness.core.abi import EventKind
from harness.evidence import Event, Timeline
from harness.wire import Packet

_REPORTED_LATE = (EventKind.RETURN, EventKind.CALLBACK_ENTER)
_SHARE = 0.5  # of the events and packets that move


def busier(timeline: Timeline, chance: random.Random) -> Timeline:
    """The timeline with reports that come later, by chance."""
    moved: Any = _moved(timeline.trace.events, chance)  # a list does for the driver's own columns
    trace = replace(timeline.trace, events=moved)
    packets = _captured_late(timeline.packets(), chance)
    return Timeline(timeline.plan, trace, packets, None, timeline.clock)


def _moved(events: Sequence[Event], chance: random.Random) -> list[Event]:
    moved = list(events)
    for event in events:
        if chance.random() < _SHARE:
            _move(moved, event, chance)
    return [event._replace(sequence=place) for place, event in enumerate(moved)]


def _move(events: list[Event], event: Event, chance: random.Random) -> None:
    """Moves it among the events of other threads; what ends its thread's part stays where it is."""
    place = events.index(event)
    if event.kind in _REPORTED_LATE:
        following = range(place + 1, len(events))
        own = next((other for other in following if events[other].thread == event.thread), None)
        target = place if own is None else chance.randint(place, own - 1)
    elif event.kind == EventKind.CALLBACK_LEAVE:
        before = range(place - 1, -1, -1)
        own = next((other for other in before if events[other].thread == event.thread), -1)
        target = chance.randint(own + 1, place)
    else:
        return
    time = events[target].qpc
    events.insert(target, events.pop(place)._replace(qpc=time))


def _captured_late(packets: Sequence[Packet], chance: random.Random) -> list[Packet]:
    return [
        replace(packet, time_ns=chance.randint(packet.time_ns, max(packet.time_ns, following.time_ns)))
        if packet.sender == "guest" and chance.random() < _SHARE
        else packet
        for packet, following in zip(packets, [*packets[1:], *packets[-1:]], strict=True)
    ]
