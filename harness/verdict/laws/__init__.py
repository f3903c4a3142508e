# SPDX-License-Identifier: Apache-2.0
"""Sentences that hold for every scenario, judged on every timeline.

A law rests on what a document promises, whatever the case is about. What the documents leave open, what the
client did against the contract, and what the clock cannot order is never held against the guest.
"""

from collections.abc import Callable, Iterable, Iterator

from harness.evidence import Timeline
from harness.verdict.laws import addresses, endings, events, irps, others, streams
from harness.verdict.laws.law import Judgement, Law, Violation, judged
from harness.verdict.laws.story import Story

__all__ = ["LAWS", "Judgement", "Law", "LawBroken", "Violation", "judge"]


class LawBroken(AssertionError):
    """No sentence of a case's own is broken, and laws do not hold of what was seen."""

    def __init__(self, judgements: Iterable[Judgement]) -> None:
        broken = [(one.law, violation) for one in judgements for violation in one.violations]
        self.rows = list(dict.fromkeys(violation.row for _, violation in broken))
        lines = [f"{violation.words} ({violation.row}, law {law.name})" for law, violation in broken]
        super().__init__("\n".join(lines))


def _law(check: Callable[[Story], Iterator[Violation]]) -> Law:
    return Law(check.__name__.replace("_", "-"), " ".join((check.__doc__ or "").split()), check)


LAWS = tuple(
    map(
        _law,
        (
            irps.irp_contract,
            irps.irqls,
            irps.close_comes_last,
            irps.abort_and_close_are_prompt,
            streams.sent_bytes,
            streams.received_bytes,
            streams.late_calls_fail,
            endings.fin_has_a_cause,
            endings.rst_has_a_cause,
            endings.end_is_told,
            endings.aborts_succeed,
            endings.graceful_ends_as_it_says,
            endings.nothing_follows_a_reset,
            endings.listeners_are_not_disconnected,
            endings.silence_is_kept,
            events.events_come_while_enabled,
            events.disabling_waits,
            events.events_are_disabled_one_by_one,
            events.receive_events_come_one_by_one,
            events.refused_data_waits,
            events.disconnect_event_is_true,
            others.failures_have_causes,
            others.closed_listeners_accept_nothing,
            others.descriptors_are_the_clients,
            addresses.addresses_are_true,
            addresses.accepts_tell_their_listeners_port,
            addresses.ports_are_given_back,
        ),
    )
)


def judge(timeline: Timeline) -> list[Judgement]:
    """The laws that do not hold of it, and those that cannot be judged."""
    story = Story(timeline)
    found = [judged(law, story) for law in LAWS]
    return [judgement for judgement in found if judgement.violated or judgement.open]
