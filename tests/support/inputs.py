# SPDX-License-Identifier: Apache-2.0
"""One good file of every kind that a command reads, and the commands that read it."""

from pathlib import Path

from nights import ONE, TIMED, cell, keep_all, night
from runs import case, record
from stories import DISCONNECT
from synthetic import GuestRun, Wire

from harness.core.units import ms
from harness.report import CaseFiles
from harness.report.record import Selection
from harness.report.timelines import encode_rows
from harness.scenario import IPV4, Scenario
from harness.scenario.encoding import encode
from harness.wire import write_pcapng

MATRIX = '[[cell]]\nname = "plain"\nsuites = ["suites/close"]\n'
KNOWN = '[[issue]]\ncases = "*test_x*"\nreason = "it is known"\nexpires = 2099-01-01\n'


class World:
    """A folder with a file of each kind."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.run = self._run(folder / "results")
        self.other = self._run(folder / "others")
        self.night = night(folder / "nights", 0, cell("plain", [case(ONE)], times=list(range(1000, 1100))))
        night(folder / "nights", 1, cell("plain", [case(ONE)]))
        self.matrix = folder / "matrix.toml"
        self.matrix.write_text(MATRIX)
        self.known = folder / "known.toml"
        self.known.write_text(KNOWN)
        self.store = folder / "history.sqlite"
        keep_all(str(self.store), [self.night, folder / "nights" / "matrix-0001"])
        self.capture = self.run / CaseFiles.of(ONE).capture
        self.trace = self.run / CaseFiles.of(ONE).trace
        self.scenario = self.run / CaseFiles.of(ONE).scenario
        self.timeline = self.run / CaseFiles.of(ONE).timeline
        self.samples = self.night / "plain-1" / CaseFiles.of(TIMED).samples

    def _run(self, results: Path) -> Path:
        files = CaseFiles.of(ONE)
        plan = Scenario()
        sock = plan.socket(IPV4)
        plan.wait(sock.creation)
        with record(results) as made:
            made.select(Selection(1, 1, []))
            made.add(
                case(
                    ONE,
                    capture=files.capture,
                    trace=files.trace,
                    scenario=files.scenario,
                    timeline=files.timeline,
                    recorded={"status": "STATUS_SUCCESS"},
                )
            )
            (made.folder / files.timeline).write_bytes(encode_rows(DISCONNECT))
            (made.folder / files.scenario).write_bytes(encode(plan))
            trace = GuestRun(plan).call(plan.operations[0], 1 * ms).complete(plan.operations[0], 2 * ms)
            (made.folder / files.trace).write_bytes(trace.trace())
            write_pcapng(
                made.folder / files.capture,
                Wire().handshake(1 * ms).packets,
                interface="test0",
                comment="a case",
                drops=0,
                notes=[],
            )
        return made.folder
