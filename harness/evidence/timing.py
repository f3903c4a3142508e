# SPDX-License-Identifier: Apache-2.0
"""How long the calls of a loop took, by the guest's own counter."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from statistics import quantiles

from harness.core.abi import EventKind
from harness.core.units import s
from harness.evidence.events import DISPATCH_LEVEL, Columns, Events


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


def samples(events: Events, step: int, frequency: int) -> Samples:
    """Measures one step of a loop; `frequency` is that of the guest's counter, in ticks per second."""
    columns = events.columns[events.columns["step"] == step]
    calls = _firsts(columns, EventKind.CALL, EventKind.CANCEL)
    called, returned = _pairs(calls, _firsts(columns, EventKind.RETURN))
    asked, completed = _pairs(calls, _firsts(columns, EventKind.COMPLETION))
    call = _between(called, returned, frequency)
    levels = called["irql"].tolist()
    return Samples(
        call=call,
        completion=_between(asked, completed, frequency),
        at_dispatch=tuple(
            time if irql == DISPATCH_LEVEL else 0 for time, irql in zip(call, levels, strict=True)
        ),
    )


def _firsts(columns: Columns, *kinds: int) -> Columns:
    """The first event of those kinds in each round, by rounds."""
    import numpy  # as in events.py

    events = columns[numpy.isin(columns["kind"], kinds)]
    return events[numpy.unique(events["iteration"], return_index=True)[1]]


def _pairs(first: Columns, second: Columns) -> tuple[Columns, Columns]:
    """The events of each in the rounds that both have."""
    import numpy  # as above

    shared = numpy.intersect1d(
        first["iteration"], second["iteration"], assume_unique=True, return_indices=True
    )
    return first[shared[1]], second[shared[2]]


def _between(first: Columns, second: Columns, frequency: int) -> tuple[int, ...]:
    """ns; whatever a guest's counter holds, Python's integers do not overflow."""
    stamps = zip(first["qpc"].tolist(), second["qpc"].tolist(), strict=True)
    return tuple((end - begin) * s // frequency for begin, end in stamps)


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
