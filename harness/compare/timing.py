# SPDX-License-Identifier: Apache-2.0
"""Did the calls take longer in one run than in the other? A rank test on batches of rounds.

Rounds that follow each other are not independent: what else the machine does
slows down hundreds of them. So each series is cut into batches that hardly
depend on each other, and the test takes the batches' medians (batch means:
Law, Simulation Modeling and Analysis, chapter 9). No time decides anything by itself.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

BATCH = 100  # rounds; the medians of loops of WSK calls are nearly uncorrelated from here on
FEWEST_BATCHES = 8  # of each run
SIGNIFICANCE = 0.05  # for all comparisons together (Holm)
_Z = 1.959964  # of a two-sided interval of 95 %
_NEARLY_NOTHING = 1e-9

# What is measured once in each round; the time at DISPATCH_LEVEL is a part of the call's.
QUANTITIES = ("call", "completion")

Series = Sequence[int]  # ns, round by round
Samples = Mapping[str, Mapping[str, Series]]  # of a case: operation, quantity


@dataclass(frozen=True)
class Duration:
    """One quantity of one operation in one case: times in ns.

    `p` is the probability of such ranks when both runs are alike (Mann-Whitney
    U, two-sided, corrected by Holm over all durations that were tested).
    `effect` is Cliff's delta: -1 when every batch of the second run was
    faster, 0 when neither was, 1 when every one was slower; `low` and `high` its
    interval of 95 % (Newcombe's method 5, Statistics in Medicine 25, 2006). All
    four are None when there are too few rounds to test.
    """

    case: str
    operation: str
    quantity: str
    rounds: tuple[int, int]
    medians: tuple[float, float]
    p: float | None = None
    effect: float | None = None
    low: float | None = None
    high: float | None = None

    @property
    def tested(self) -> bool:
        return self.p is not None

    @property
    def differs(self) -> bool:
        return self.p is not None and self.p < SIGNIFICANCE


def durations(first: Mapping[str, Samples], second: Mapping[str, Samples]) -> list[Duration]:
    """Compares every case, operation and quantity that both runs measured."""
    pairs = list(_pairs(first, second))
    tested = [pair for pair in pairs if _enough(*pair[3:])]
    results = iter(_tests([(_batches(a), _batches(b)) for *_, a, b in tested]))
    return [
        Duration(case, operation, quantity, (len(a), len(b)), (median(a), median(b)), *found)
        for case, operation, quantity, a, b in pairs
        for found in [next(results) if _enough(a, b) else ()]
    ]


def _pairs(
    first: Mapping[str, Samples], second: Mapping[str, Samples]
) -> Iterator[tuple[str, str, str, Series, Series]]:
    for case in first:
        for operation, series in first[case].items():
            other = second.get(case, {}).get(operation, {})
            for quantity in QUANTITIES:
                if series.get(quantity) and other.get(quantity):
                    yield case, operation, quantity, series[quantity], other[quantity]


def _enough(*series: Series) -> bool:
    return all(len(values) >= BATCH * FEWEST_BATCHES for values in series)


def _batches(values: Series) -> list[float]:
    return [median(values[start : start + BATCH]) for start in range(0, len(values) - BATCH + 1, BATCH)]


def _tests(
    pairs: Sequence[tuple[Sequence[float], Sequence[float]]],
) -> list[tuple[float, float, float, float]]:
    """Tests each pair of series: p, effect and its interval."""
    if not pairs:
        return []
    from scipy.stats import mannwhitneyu  # takes a second

    found = [mannwhitneyu(second, first) for first, second in pairs]
    sizes = [(len(first), len(second)) for first, second in pairs]
    effects = [2 * test.statistic / (m * n) - 1 for test, (m, n) in zip(found, sizes, strict=True)]
    corrected = holm([float(test.pvalue) for test in found])
    return [
        (p, float(effect), *interval(float(effect), m, n))
        for p, effect, (m, n) in zip(corrected, effects, sizes, strict=True)
    ]


def holm(values: Sequence[float]) -> list[float]:
    """The probabilities, corrected for being many (Holm, Scandinavian Journal of Statistics 6, 1979)."""
    corrected = [0.0] * len(values)
    largest = 0.0
    for rank, place in enumerate(sorted(range(len(values)), key=values.__getitem__)):
        largest = max(largest, min(1.0, (len(values) - rank) * values[place]))
        corrected[place] = largest
    return corrected


def interval(effect: float, m: int, n: int) -> tuple[float, float]:
    """95 % around a Cliff's delta of `m` and `n` values. It has a width even where no ranks overlap."""
    from scipy.optimize import brentq  # as above

    seen = (effect + 1) / 2

    def excess(true: float) -> float:
        spread = 1 + ((m + n) / 2 - 1) * ((1 - true) / (2 - true) + true / (1 + true))
        return float((true - seen) ** 2 - _Z**2 * true * (1 - true) * spread / (m * n))

    # At 0 and at 1 `excess` has a root of its own, which is no end of an interval.
    low = brentq(excess, 0, min(seen, 1 - _NEARLY_NOTHING)) if seen > 0 else 0.0
    high = brentq(excess, max(seen, _NEARLY_NOTHING), 1) if seen < 1 else 1.0
    return 2 * low - 1, 2 * high - 1
