# SPDX-License-Identifier: Apache-2.0
"""How a night is performed and judged, whatever becomes of its cells."""

from pathlib import Path
from threading import Event

import matrices
import pytest
from matrices import CASES, ScriptedPlace

from harness.core.errors import HarnessError, UsageError
from harness.history.night import CellStatus, load_night
from harness.nightly.attempt import Ended
from harness.nightly.markdown import summary
from harness.nightly.matrix import Matrix
from harness.nightly.plan import RunOrder
from harness.nightly.runner import MOST_LOSSES, Attending, Runner, find_night, new_night, sole_writer
from harness.nightly.verdict import cell_status, night_status, outcomes_of
from harness.verdict import Outcome
from harness.verdict.attempts import LOST, case_verdict

ONE, TWO, THREE = CASES


def test_what_did_not_pass_is_run_again_alone_and_is_flaky_when_it_passes_then(tmp_path: Path) -> None:
    place = ScriptedPlace({("a", 1): {TWO: Outcome.DEVIATION, THREE: Outcome.INCONCLUSIVE}})
    folder = matrices.perform(tmp_path, place, matrices.plan("a", attempts=3))
    night = load_night(folder)
    (cell,) = night.cells
    assert [attempt.exit_status for attempt in cell.attempts] == [1, 0]
    assert [order.cases for order in place.orders] == [(), (TWO, THREE)]
    assert "--at-once 1" in " ".join(place.orders[1].options)
    verdicts = {case: str(case_verdict(seen)) for case, seen in outcomes_of(folder, cell.attempts).items()}
    assert verdicts == {ONE: "pass", TWO: "flaky", THREE: "pass"}
    assert night_status(folder, night) == 1
    told = list(summary(folder, night))
    assert f"- flaky: deviation, then pass: {TWO.replace('_', chr(92) + '_')}" in told
    assert f"- inconclusive, then pass: {THREE.replace('_', chr(92) + '_')}" in told


@pytest.mark.parametrize(
    ("first", "status"),
    [(Outcome.HUNG, 1), (Outcome.INCONCLUSIVE, 0), (Outcome.UNSUPPORTED, 0), (Outcome.RECORDED, 0)],
)
def test_a_later_attempt_undoes_no_failure_and_judges_what_the_first_could_not(
    tmp_path: Path, first: Outcome, status: int
) -> None:
    folder = matrices.perform(
        tmp_path, ScriptedPlace({("a", 1): {ONE: first}}), matrices.plan("a", attempts=2)
    )
    assert night_status(folder, load_night(folder)) == status


def test_a_cell_that_breaks_does_not_stop_the_others(tmp_path: Path) -> None:
    place = ScriptedPlace({("a", 1): HarnessError("no room"), ("b", 1): Ended(2, 1.0, "not accepted")})
    folder = matrices.perform(tmp_path, place, *map(matrices.plan, "abc"), jobs=2)
    night = load_night(folder)
    assert night.ended
    assert [cell_status(folder, cell) for cell in night.cells] == [3, 2, 0]
    assert night.cells[0].attempts[0].why == "no room"
    assert night_status(folder, night) == 2


def test_a_lost_attempt_is_on_record_and_repeated_and_what_it_saw_counts(tmp_path: Path) -> None:
    def lose(order: RunOrder, attending: Attending) -> None:
        if order.cell == "a" and len(place.orders) == 1:
            attending.lost("host-1", "its worker was lost")

    place = ScriptedPlace(before=lose)
    night = load_night(matrices.perform(tmp_path, place, matrices.plan("a")))
    attempts = night.cells[0].attempts
    assert [(attempt.number, attempt.exit_status) for attempt in attempts] == [(1, LOST), (2, 0)]
    assert (attempts[0].worker, attempts[0].run, attempts[0].why) == ("host-1", None, "its worker was lost")


def test_a_cell_that_only_gets_lost_is_given_up_and_not_judged(tmp_path: Path) -> None:
    lost = Ended(LOST, 1.0, "its process ended unasked")
    place = ScriptedPlace({("a", number): lost for number in range(1, 10)})
    folder = matrices.perform(tmp_path, place, matrices.plan("a"))
    assert len(place.orders) == MOST_LOSSES
    assert night_status(folder, load_night(folder)) == 3


def test_a_night_that_was_killed_goes_on_where_it_stopped(tmp_path: Path) -> None:
    plans = [matrices.plan(name, attempts=2) for name in "abc"]
    folder, night = new_night(tmp_path, matrices.matrix(*plans), plans)
    done, running, _ = night.cells
    done.status = CellStatus.DONE
    running.status = CellStatus.RUNNING
    matrices.leave_run(folder / "cells" / "b" / "attempt-1", {ONE: Outcome.DEVIATION})
    night.save(folder)

    folder, night = find_night(tmp_path, "latest", matrices.matrix(*plans))
    place, watch = ScriptedPlace(), matrices.Silent()
    Runner(folder, night, place, watch, watch.cell_ended).perform(plans, 1)

    night = load_night(folder)
    assert night.ended
    assert [order.cell for order in place.orders] == ["b", "c"]
    lost, whole = night.cells[1].attempts
    assert (lost.exit_status, lost.why) == (LOST, "the night was killed while it ran")
    assert lost.run
    assert (whole.number, whole.exit_status) == (2, 0)
    assert cell_status(folder, night.cells[1]) == 1, "what the killed attempt had seen counts"


def test_a_night_that_was_killed_between_attempts_goes_on_with_the_next(tmp_path: Path) -> None:
    plan = matrices.plan("a", attempts=2)
    place = ScriptedPlace({("a", 1): {TWO: Outcome.HUNG}}, before=_interrupt_second)
    folder, night = new_night(tmp_path, matrices.matrix(plan), [plan])
    watch = matrices.Silent()
    with pytest.raises(KeyboardInterrupt):
        Runner(folder, night, place, watch, watch.cell_ended).perform([plan], 1)
    assert place.stopped.is_set()
    assert load_night(folder).cells[0].status != CellStatus.DONE
    assert night_status(folder, load_night(folder)) == 1

    folder, night = find_night(tmp_path, "latest", matrices.matrix(plan))
    place = ScriptedPlace()
    Runner(folder, night, place, watch, watch.cell_ended).perform([plan], 1)
    assert [order.cases for order in place.orders] == [(TWO,)]
    assert load_night(folder).ended


def test_a_run_that_is_refused_because_the_night_is_being_stopped_is_no_verdict(tmp_path: Path) -> None:
    begun = Event()

    def interrupt(order: RunOrder, attending: Attending) -> None:
        if order.cell == "a":
            assert begun.wait(60)
            raise KeyboardInterrupt
        begun.set()
        assert place.stopped.wait(60)
        raise HarnessError("the night was stopped before this run began")

    place, plans = ScriptedPlace(before=interrupt), [matrices.plan("a"), matrices.plan("b")]
    folder, night = new_night(tmp_path, matrices.matrix(*plans), plans)
    watch = matrices.Silent()
    with pytest.raises(KeyboardInterrupt):
        Runner(folder, night, place, watch, watch.cell_ended).perform(plans, 2)
    (attempt,) = load_night(folder).cells[1].attempts
    assert (attempt.exit_status, attempt.why) == (LOST, "it was interrupted")


def _interrupt_second(order: RunOrder, attending: Attending) -> None:
    if order.cases:
        raise KeyboardInterrupt


def test_night_json_tells_of_a_cell_that_runs_and_of_what_is_over(tmp_path: Path) -> None:
    seen = []

    def look(order: RunOrder, attending: Attending) -> None:
        night = load_night(next((tmp_path / "nights").glob("2*")))
        seen.append([cell.status for cell in night.cells])

    matrices.perform(tmp_path, ScriptedPlace(before=look), matrices.plan("a"), matrices.plan("b"))
    waiting, running, done = CellStatus.WAITING, CellStatus.RUNNING, CellStatus.DONE
    assert seen == [[running, waiting], [done, running]]


def test_a_night_of_another_matrix_or_that_is_not_there_is_refused(tmp_path: Path) -> None:
    folder = matrices.perform(tmp_path, ScriptedPlace(), matrices.plan("a"))
    other = Matrix("made-up", "1" * 64, [matrices.plan("a")])
    with pytest.raises(UsageError, match="the matrix was changed"):
        find_night(tmp_path, folder.name, other)
    with pytest.raises(UsageError, match="there is no night 'yesterday'"):
        find_night(tmp_path, "yesterday", other)


def test_two_processes_do_not_perform_the_same_night(tmp_path: Path) -> None:
    with sole_writer(tmp_path), pytest.raises(UsageError, match="another process"), sole_writer(tmp_path):
        pass
