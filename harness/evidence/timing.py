# SPDX-License-Identifier: Apache-2.0
"""How long the calls of a loop took, by the guest's own counter."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from statistics import quantiles

from harness.core.units import s
from harness.evidence.operation_traces import OperationTrace
from harness.evidence.trace import DISPATCH_LEVEL, Event


@dataclass(frozen=True)
class Samples:
    """ns, one value for each round in which it could be measured.

    `call` is from just before the call to just after its return, `completion`
    from just before the call to the completion routine. `at_dispatch` is the
    part of `call` that is known to have been spent at DISPATCH_LEVEL: all of it
    when the caller was at that level, else none. Each holds what the driver's
    own stamps cost, which an empty call measures.
    """

    call: tuple[int, ...]
    completion: tuple[int, ...]
    at_dispatch: tuple[int, ...]


def samples(rounds: Iterable[OperationTrace], frequency: int) -> Samples:
    """Measures one step of a loop; `frequency` is that of the guest's counter, in ticks per second."""
    lives = list(rounds)

    def between(first: Event, last: Event) -> int:
        return (last.qpc - first.qpc) * s // frequency

    made = [(life.call, life.returned) for life in lives if life.call and life.returned]
    completed = [(life.call, life.completion) for life in lives if life.call and life.completion]
    return Samples(
        call=tuple(between(call, returned) for call, returned in made),
        completion=tuple(between(call, completion) for call, completion in completed),
        at_dispatch=tuple(
            between(call, returned) if call.irql == DISPATCH_LEVEL else 0 for call, returned in made
        ),
    )


def percentiles(values: Sequence[int]) -> dict[str, int]:
    """ns: p50, p90, p99, and the largest; empty when there are fewer than two values."""
    if len(values) < 2:
        return {}
    cuts = quantiles(values, n=100, method="inclusive")
    return {"p50": round(cuts[49]), "p90": round(cuts[89]), "p99": round(cuts[98]), "max": max(values)}


def summary(measured: Samples) -> dict[str, dict[str, int]]:
    """Percentiles by quantity, with the number of values as `count`."""
    quantities = {field.name: getattr(measured, field.name) for field in fields(measured)}
    return {name: {"count": len(values), **percentiles(values)} for name, values in quantities.items()}
