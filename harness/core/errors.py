# SPDX-License-Identifier: Apache-2.0
"""The errors of the harness, by whose fault each is.

Each error says in one line what happened and, after it, what to do. The kind
decides the outcome of a case and the exit status of a run; only the errors
about the guest are ever counted against it.
"""


class WskConformanceError(Exception):
    """Base of all errors that are reported as a line and never as a traceback."""


class UsageError(WskConformanceError):
    """The user asked for something that cannot be: exit status 2."""


class HarnessError(WskConformanceError):
    """Our side failed; says nothing about the guest: exit status 3."""


class ChannelLost(HarnessError):
    """The way into the guest broke, and nothing says that the guest crashed."""


class GuestUnreachable(HarnessError):
    """The guest's test interface answers nothing. Its machine tells whether that is its doing."""


class EvidenceLost(WskConformanceError):
    """Packets or events are missing, or too close in time to be ordered: `inconclusive`."""


class ClockContradicted(EvidenceLost):
    """The guest's clock does not run as the host's does: nothing can be ordered between the two."""


class BehaviourChanged(WskConformanceError):
    """Behaviour that no document fixes differs from the baseline: `changed`."""


class GuestCrashed(WskConformanceError):
    """The guest's kernel stopped with a bugcheck."""


class GuestHung(WskConformanceError):
    """An IRP was never completed, or the guest stopped answering."""


class GuestSilent(GuestHung):
    """The guest gives no sign of life any more."""


class Unsupported(WskConformanceError):
    """The guest lacks the feature that the case needs; it is named."""


class Terminated(KeyboardInterrupt):
    """A signal asked this process to end, as Ctrl-C does, and is named: exit status 3."""
