# SPDX-License-Identifier: Apache-2.0
"""A case and its replay in words."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from harness.core.printable import printable
from harness.replay import plans
from harness.replay.alignment import align
from harness.replay.compared import StoredCase
from harness.replay.side_by_side import side_by_side, summary


@dataclass
class Comparison:
    """A stored case beside its replay; `differs` is known once its lines were taken."""

    then: StoredCase
    now: StoredCase
    differs: bool = field(default=False, init=False)

    def lines(self, width: int) -> Iterator[str]:
        """The lines for a terminal of `width` columns."""
        then, now = self.then, self.now
        yield printable(then.case["id"])
        yield f"stored  {_described(then)}"
        yield f"now     {_described(now)}"
        self.differs = then.case["outcome"] != now.case["outcome"]
        yield from self._plans()
        if then.timeline is None or now.timeline is None:
            which = "stored" if then.timeline is None else "new"
            yield f"The {which} run left no timeline: only the outcomes are compared."
            return
        pairs = align(then.compared, now.compared)
        yield from side_by_side(pairs, width)
        differences = summary(pairs)
        self.differs |= bool(differences)
        yield ""
        yield f"Lines that differ: {', '.join(differences)}." if differences else "No line differs."
        if then.cut or now.cut:
            yield f"Not compared: {then.cut} more lines of the stored run and {now.cut} of the new one."

    def _plans(self) -> Iterator[str]:
        if self.then.scenario is None or self.now.scenario is None:
            return
        changed = list(plans.differences(self.then.scenario, self.now.scenario))
        if changed:
            self.differs = True
            yield "The test makes another scenario today than the one that was stored:"
            yield from (f"  {printable(line)}" for line in changed)


def _described(stored: StoredCase) -> str:
    guest, settings = stored.run["guest"], stored.run["settings"]
    facts = f"{guest.get('build', 'build unknown')}, fault {settings.get('fault') or 'none'}"
    facts += f", freedom {settings['freedom']}" if settings.get("freedom") else ""
    return printable(f"{guest.get('name')} ({facts}), run {stored.run['run_id']}: {stored.case['outcome']}")
