# SPDX-License-Identifier: Apache-2.0
"""Data that a receive event retains, refuses or takes in part: the scene, and what its events told."""

from typing import NamedTuple

from harness.peer import EndsWhenAsked
from harness.scenario import Action, Callback
from suites.scenes import SETTLES, joined

RECEIVE, DISCONNECT = Callback.RECEIVE, Callback.DISCONNECT
DATA = bytes(range(1, 101))


class Answer(NamedTuple):
    """The callback's answer to its first indication, and the data that it is offered."""

    action: Action
    data: bytes = DATA
    part: int = 0


# One byte, which no provider can indicate in parts: each that is retained has a release of its own.
RETAINED = Answer(Action.RETAIN, b"x")
REFUSED = Answer(Action.REFUSE)
IN_PART = Answer(Action.PARTIAL, part=15)
LEFT = {"refused": REFUSED, "in-part": IN_PART}
ANSWERS = {"retained": RETAINED, **LEFT}


def indicated(lab, plan, answer, way, family, end="none"):
    """A connection whose peer has sent, with RECEIVE and DISCONNECT enabled; what the callback kept."""
    peer, sock = joined(lab, plan, EndsWhenAsked(end, data=answer.data), way, family)
    return peer, sock, answers(plan, sock, answer)


def answers(plan, sock, answer):
    """The peer of a connected socket sends, and its callback answers so; what that kept."""
    keep = plan.on_event(sock, RECEIVE, answer.action, part=answer.part, size=len(answer.data))
    plan.finish.enable(sock, RECEIVE, DISCONNECT)
    plan.send(sock, b"?")
    plan.wait_event(sock, RECEIVE)
    plan.delay(SETTLES)  # for indications behind the first
    return keep


def taken(seen, sock, keep):
    """The part of the indicated data that the callbacks accepted."""
    size = sum(visit.leave.information for visit in seen.callbacks(sock, RECEIVE) if visit.leave)
    return seen.result(keep)[:size]


def events(seen, sock):
    """The disconnect events: was each told as abortive?"""
    return [visit.abortive for visit in seen.callbacks(sock, DISCONNECT)]


def joins(got, *, complete=False):
    """Is it what the peer sent, from the first byte on; all of it?"""
    return got == DATA if complete else DATA.startswith(bytes(got))
