# SPDX-License-Identifier: Apache-2.0
"""A wish: a call, or a scene of some, that somebody would like to be made."""

from dataclasses import dataclass

from harness.core.units import ms
from harness.scenario import Context

PENDING = ("0 calls", "1 calls", "2 calls", "3+ calls")  # made before, for the coverage
SETTLES = 40 * ms  # for what calls cause
INSIDE = (Context.COMPLETION, Context.CALLBACK)


@dataclass(frozen=True)
class Wish:
    """`what` with a number or two that say how; `socket`, `context` and `strand` where."""

    what: str
    size: int = 0
    flags: int = 0
    socket: int = 0
    context: Context = Context.PASSIVE
    strand: int = 0
    within: int = 0  # for a call inside: which earlier call's completion, or which event


def pending(calls: int) -> str:
    """So many, as the coverage counts them."""
    return PENDING[min(calls, len(PENDING) - 1)]
