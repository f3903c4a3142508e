# SPDX-License-Identifier: Apache-2.0
"""The operations that a state is met with, and how what came of them is told."""

from harness.core.units import ms
from harness.scenario import WSK_FLAG_ABORTIVE
from suites.scenes import told

LATER = 150 * ms  # after which it is recorded, not judged, what a call has brought about

OPERATIONS = {
    "graceful": lambda plan, sock: plan.disconnect(sock),
    "abortive": lambda plan, sock: plan.disconnect(sock, flags=WSK_FLAG_ABORTIVE),
    "close": lambda plan, sock: plan.close(sock),
}


def meet(plan, sock, operation, *pending, ends=False):
    """The operation, and later the close; they and `pending` complete.

    With `ends` the operation completes before the close.
    """
    done = operation(plan, sock)
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
