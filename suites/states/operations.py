# SPDX-License-Identifier: Apache-2.0
"""The operations that a state is met with, and how what came of them is told."""

from harness.core.units import ms
from harness.scenario import PASSIVE, WSK_FLAG_ABORTIVE
from suites.scenes import told

LATER = 150 * ms  # after which it is recorded, not judged, what a call has brought about

OPERATIONS = {
    "graceful": lambda plan, sock, context=PASSIVE: plan.disconnect(sock, context=context),
    "abortive": lambda plan, sock, context=PASSIVE: plan.disconnect(
        sock, flags=WSK_FLAG_ABORTIVE, context=context
    ),
    "close": lambda plan, sock, context=PASSIVE: plan.close(sock, context=context),
}


def meet(plan, sock, operation, *pending, context=PASSIVE, ends=False):
    """The operation, called in `context`, and later the close; they and `pending` complete.

    With `ends` the operation completes before the close.
    """
    done = operation(plan, sock, context)
    if ends:
        plan.wait(done)
    plan.delay(LATER)
    if sock.closing is None:
        plan.close(sock)
    plan.wait(*pending, done, sock.closing)
    return done


def closes(done):
    """Was the operation the close?"""
    return done.socket.closing is done


def note(lab, seen, done, fins=0):
    """Records what no document says of the operation: its status, and what was sent."""
    lab.record_return("returned", seen.returned(done))
    lab.record("status", seen.status(done))
    lab.record("sent, with the close", told(seen, fins=fins))
