# SPDX-License-Identifier: Apache-2.0
"""Writes down an exploration: a run whose cases are the finds, and each find's scenario beside it."""

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from harness.explore.exploration import Exploration
from harness.explore.render import as_json, in_words
from harness.report.exploration import EXPLORE_FILE
from harness.report.html import write_report
from harness.report.record import CaseRecord, RunRecord, make_folders
from harness.run.evidence_writer import EvidenceWriter
from harness.run.options import Settings
from harness.verdict import Outcome, load_requirements

FINDS = "finds"
EXPLORED = "explored"  # the case of an exploration that found no scenario


@dataclass(frozen=True)
class ExplorationWriter:
    """Writes what was found into the folder of the run."""

    record: RunRecord
    writer: EvidenceWriter

    def exploration(self, done: Exploration) -> None:
        """The record of what was done, and the finds."""
        (self.writer.folder / EXPLORE_FILE).write_text(json.dumps(as_json(done), indent=1))
        self._finds(done)

        if not done.finds and done.judged:
            self.record.add(_whole(done))

    def _finds(self, done: Exploration) -> None:
        """Each with scenario, trace and capture, as a case of the run; and as FINDS/ID.wsk and .txt."""
        folder = self.writer.folder / FINDS
        for find in done.finds:
            scenario = find.seen.result.case.evidence.scenario
            words = "\n".join(in_words(find)) + "\n"
            folder.mkdir(exist_ok=True)
            (folder / f"{find.id}.txt").write_text(words)
            if scenario is not None:
                (folder / f"{find.id}.wsk").write_bytes(scenario)
            sentence = f"Found by exploring: {', '.join(sorted(find.signs))}."
            self.record.add(
                self.writer.write(f"{EXPLORED}-{find.id}", sentence, list(find.rows), find.seen.result)
            )


@contextlib.contextmanager
def exploration_writer(folder: Path, settings: Settings) -> Iterator[ExplorationWriter]:
    """Makes the folder, and in the end its report."""
    record = RunRecord(
        folder.parent,
        guest={"name": settings.guest},
        settings=settings.record(),
        requirements=load_requirements().values(),
        run_id=folder.name,
    )
    with record:
        make_folders(folder)
        yield ExplorationWriter(record, EvidenceWriter(folder, settings.guest))
    write_report(folder)


def _whole(done: Exploration) -> CaseRecord:
    """The exploration as a case, where no scenario is one: it passes, unless memory was left behind."""
    rows = list(dict.fromkeys(leak.row for leak in done.leaks))
    return CaseRecord(
        id=EXPLORED,
        sentence=f"{done.judged} scenarios, made by chance from seed {done.seed} on, break no law.",
        requirements=rows,
        outcome=Outcome.DEVIATION if done.leaks else Outcome.PASS,
        seconds=round(done.seconds, 3),
        why="\n".join(leak.words for leak in done.leaks),
        blamed=rows,
    )
