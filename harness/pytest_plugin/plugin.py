# SPDX-License-Identifier: Apache-2.0
"""The suites under pytest: collection, performance and reports of cases.

A test of the suites is a coroutine that takes `lab`. Its scenario is performed
in the setup phase, its judgement is the call phase: so a fault of ours is an
error of the test, and one of the guest's is a failure.

The report of the phase that decides carries the case (case_report.py): so who
keeps the record hears of it, in this process or in the one above a worker.
"""

import contextlib
import difflib
import gc
import logging
import os
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from inspect import iscoroutinefunction
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, TypeGuard

import pytest

from harness.core.errors import UsageError, WskConformanceError
from harness.core.paths import SUITES
from harness.core.unexpected import unexpected
from harness.guest import find
from harness.guest.base import Guest, freedom_and_seed
from harness.pytest_plugin.case_report import CaseReport, attach
from harness.pytest_plugin.stop import HARNESS_FAILED, told_as_pytest_does
from harness.pytest_plugin.workers import is_handed_tests, is_worker, share
from harness.report.record import make_folders
from harness.run import preflight
from harness.run.evidence_writer import EvidenceWriter
from harness.run.executor import Executor, Result, TestJob
from harness.run.lab_shell import WELCOME, LabShell, own_shell
from harness.run.options import Settings
from harness.run.session import Session
from harness.verdict import Requirement, load_requirements, required_ids
from harness.verdict.marks import ALONE, DESTRUCTIVE, OPT_IN, generate_variants, is_marked

# Of pytest's plugins: one remembers what no run asks for, one takes half a second to say nothing, and one
# looks for logs in a test's own thread, where a case has none.
UNUSED = ("-p", "no:cacheprovider", "-p", "no:hypothesispytest", "-p", "no:logging")
# What the end of a run needs takes 0.2 s to import: meanwhile, as the guest starts.
_FOR_REPORTS = ("harness.report.html", "harness.report.junit", "harness.report.schema")
_STDIN = 0
# What a log at DEBUG would otherwise be full of.
_CHATTY = ("asyncio", "paramiko", "pyroute2")
LAB = "lab"  # the fixture (entry.py) that makes a coroutine a case


@dataclass(frozen=True)
class FinishedCase:
    """A case that is over and written, and what its report says of it."""

    result: Result
    report: CaseReport


FINISHED = pytest.StashKey[FinishedCase]()


class SuitePlugin:
    """One run of the suites; does nothing when only other tests are collected."""

    def __init__(self, config: pytest.Config, settings: Settings, folder: Path) -> None:
        """`folder` is the run's, shared by all the labs that perform a part of it."""
        for name in _CHATTY:
            logging.getLogger(name).setLevel(logging.WARNING)
        self._config = config
        self._settings = settings
        self._requirements: dict[str, Requirement] = {}
        self._writer = EvidenceWriter(folder, settings.guest)
        self._executor: Executor | None = None
        self._is_collecting = False
        self._unsaid: SimpleQueue[str] = SimpleQueue()
        self._items: dict[str, tuple[int, pytest.Function]] = {}  # the cases by their ids, with their places
        self._finished: dict[str, FinishedCase] = {}  # and not reported yet

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self) -> None:
        """The guest boots while pytest collects, which takes about as long, where cases are sure to come."""
        config = self._config
        if not config.option.collectonly and not is_worker(config) and _names_suites(config):
            with told_as_pytest_does():
                self._open()
            self._is_collecting = True

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Every case names rows that exist; every row has a case when all suites are collected."""
        check_fixtures(item for item in items if is_case(item) or item.path.is_relative_to(SUITES))
        cases = [item for item in items if is_case(item) and item.path.is_relative_to(SUITES)]
        if not cases:
            return
        with told_as_pytest_does():
            self._requirements = load_requirements()
        check_rows(cases, self._requirements, everything=_is_everything(self._config))
        items.sort(key=lambda item: (is_marked(item, DESTRUCTIVE), is_marked(item, ALONE)))
        unasked = [mark for mark in OPT_IN if not self._config.getoption(mark)]
        self._leave_out([item for item in cases if any(is_marked(item, mark) for mark in unasked)], items)

    def _leave_out(self, unwanted: list[pytest.Function], items: list[pytest.Item]) -> None:
        if unwanted:
            self._config.hook.pytest_deselected(items=unwanted)
            items[:] = [item for item in items if item not in unwanted]

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        generate_variants(metafunc, everything=self._config.getoption("variants") == "all")

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self._is_collecting = False
        self._say_the_rest()
        if self._config.option.collectonly or was_interrupted():
            return
        ours = [session.items[place] for place in share(self._config, len(session.items))]
        cases = [item for item in ours if is_case(item)]
        self._items = {
            item.nodeid: (place, item) for place, item in enumerate(session.items) if is_case(item)
        }
        if not cases:
            return
        # What was collected stays: looking through it for garbage would hold up every peer for 150 ms.
        # Through the rest that takes 20 ms, and would be done 30 times a run; now it is 6 times.
        gc.set_threshold(10_000)
        for name in () if is_worker(self._config) else _FOR_REPORTS:
            import_module(name)
        gc.freeze()
        with told_as_pytest_does():
            executor = self._executor or self._open()
            executor.start([_test_job(item) for item in cases])

    def _open(self) -> Executor:
        if is_handed_tests(self._config):
            raise UsageError("cases are shared among labs by -n alone: leave out --dist")
        if self._settings.keep_guest:
            self._needs_terminal()
        settings = self._settings
        guest = chosen_guest(settings)
        if not is_worker(self._config):
            preflight.check(settings)
        guest.prepare(self._say)  # while this process still has the host's network
        make_folders(self._writer.folder)
        self._executor = Executor(settings, guest, self._writer.folder, self._say)
        self._executor.open()
        return self._executor

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Any:
        if is_case(item) and self._executor:
            finished = item.stash[FINISHED] = self._wait_for(item.nodeid, self._executor)
            result = finished.result
            # So that pytest sets up nothing for a test that it does not call.
            item.funcargs.update(_arguments(item), **{LAB: result.case})
            if result.outcome.errors and result.error:
                raise result.error
            if result.outcome.skips:
                pytest.skip(result.why)
        return (yield)

    @pytest.hookimpl(tryfirst=True)
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> bool | None:
        finished = pyfuncitem.stash.get(FINISHED, None)
        if finished is None:
            return None
        if finished.result.error:
            raise finished.result.error
        return True

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Any:
        report = yield
        finished = item.stash.get(FINISHED, None)
        if finished:
            decides = report.when == "call" or (report.when == "setup" and not report.passed)
            attach(report, finished.report if decides else None)
            if report.when == "teardown":
                del item.stash[FINISHED]  # pytest keeps its items to the end
        return report

    def _wait_for(self, case: str, executor: Executor) -> FinishedCase:
        """Waits for the case; writes others that end before it, so that their evidence need not be kept."""
        while case not in self._finished:
            with told_as_pytest_does():
                name, result = executor.next_result()
                self._finished[name] = self._keep(name, result, executor.session)
        return self._finished.pop(case)

    def _keep(self, case: str, result: Result, session: Session) -> FinishedCase:
        place, item = self._items[case]
        record = self._writer.write(case, _sentence(item), required_ids(item), result)
        return FinishedCase(result, CaseReport(record, _describe(session), place))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self) -> Any:
        try:
            return (yield)
        finally:
            if self._settings.keep_guest and self._executor:
                with told_as_pytest_does():
                    self._open_shell(self._executor)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if not self._executor:
            return
        try:
            self._executor.close()
        except KeyboardInterrupt:  # of somebody who will not wait for the lab; what it holds dies with us
            self._say("the lab was left as it is")
        except Exception as error:  # the record is still to be written
            line = str(error) if isinstance(error, WskConformanceError) else unexpected(error)
            self._say(f"the lab could not be ended in order: {line}")
            session.exitstatus = HARNESS_FAILED
        if not self._items:
            shutil.rmtree(self._writer.folder, ignore_errors=True)

    def _needs_terminal(self) -> None:
        with self._terminal():
            if is_worker(self._config) or not os.isatty(_STDIN):
                raise UsageError("--keep-guest opens a shell: it takes a terminal, and one lab")

    def _open_shell(self, executor: Executor) -> None:
        with self._terminal():
            print("", WELCOME, sep="\n", file=sys.stderr)
            executor.perform(LabShell(executor.session, own_shell()).run())

    @contextlib.contextmanager
    def _terminal(self) -> Iterator[None]:
        """Lets the user see output and type, which pytest otherwise keeps for itself."""
        capture: Any = self._config.pluginmanager.get_plugin("capturemanager")
        capture.suspend_global_capture(in_=True)
        try:
            yield
        finally:
            capture.resume_global_capture()

    def _say(self, line: str) -> None:
        """Says a line on the terminal; while pytest counts on its line there, the line comes after it."""
        self._unsaid.put(line)
        if not self._is_collecting:
            self._say_the_rest()

    def _say_the_rest(self) -> None:
        reporter = self._config.pluginmanager.get_plugin("terminalreporter")
        with contextlib.suppress(Empty):
            while reporter:
                reporter.write_line(self._unsaid.get_nowait())


def chosen_guest(settings: Settings) -> Guest:
    """The guest that was asked for.

    Raises UsageError for one, or for a fault or freedom of it, that does not exist.
    """
    guest = find(settings.guest, settings.guest_options)
    if settings.fault is not None and settings.fault not in guest.faults():
        known = _like(settings.fault, guest.faults())
        raise UsageError(f"{guest.name} has no fault {settings.fault!r}; {known}")
    for freedom in settings.freedoms:
        if freedom_and_seed(freedom)[0] not in guest.freedoms():
            known = _like(freedom, guest.freedoms())
            raise UsageError(f"{guest.name} has no freedom {freedom!r}; {known}")
    return guest


def _like(name: str, known: Iterable[str]) -> str:
    """'it has rst-twice', for rst-twic; where they are listed, for a name that is like none."""
    near = ", ".join(difflib.get_close_matches(name, known))
    return f"it has {near}" if near else "`selfcheck --list` names those of the reference guest"


def was_interrupted() -> bool:
    """In pytest_collection_finish, which pytest calls after Ctrl-C too: is an exception on its way up?"""
    return sys.exception() is not None


def is_case(item: pytest.Item) -> TypeGuard[pytest.Function]:
    """Is it a coroutine that wants a lab? Those of the suites are, and so are some tests of the harness."""
    return isinstance(item, pytest.Function) and iscoroutinefunction(item.obj) and LAB in item.fixturenames


def _names_suites(config: pytest.Config) -> bool:
    """Is every place that pytest was given one of the suites?"""
    places = [Path(argument.partition("::")[0]).resolve() for argument in config.args]
    return all(place.is_relative_to(SUITES) and place.exists() for place in places)


def _is_everything(config: pytest.Config) -> bool:
    return any(Path(argument).resolve() == SUITES for argument in config.args)


def check_fixtures(items: Iterable[pytest.Item]) -> None:
    """A case is performed before pytest sets up anything: it can ask for its lab and its variant's values."""
    for item in items:
        if not is_case(item):
            raise pytest.UsageError(
                f"{item.nodeid} is no case: write it as `async def` with an argument `lab`"
            )
        given = {LAB, *_arguments(item)}
        asked = [
            *item._fixtureinfo.argnames,
            *(name for mark in item.iter_markers("usefixtures") for name in mark.args),
        ]
        if others := [name for name in asked if name not in given]:
            raise pytest.UsageError(
                f"{item.nodeid} asks for {', '.join(others)}: a case has `lab` and the values of @for_each; "
                "what it needs besides is made in its body"
            )


def check_rows(cases: list[pytest.Function], rows: dict[str, Requirement], *, everything: bool) -> None:
    judged = set()
    for item in cases:
        ids = required_ids(item)
        if not ids:
            raise pytest.UsageError(f"{item.nodeid} names no row of the catalogue (@requires)")
        unknown = [row for row in ids if row not in rows]
        if unknown:
            raise pytest.UsageError(f"{item.nodeid} names rows that do not exist: {', '.join(unknown)}")
        judged.update(ids)
    missing = [row for row in rows if row not in judged]
    if everything and missing:
        raise pytest.UsageError(f"no case judges {', '.join(missing)} (suites/requirements.toml)")


def _test_job(item: pytest.Function) -> TestJob:
    return TestJob(
        item.nodeid,
        item.obj,
        _arguments(item),
        alone=is_marked(item, ALONE),
        destructive=is_marked(item, DESTRUCTIVE),
    )


def _arguments(item: pytest.Function) -> Mapping[str, Any]:
    """The values of its variant."""
    return item.callspec.params if hasattr(item, "callspec") else {}


def _describe(session: Session) -> dict[str, str]:
    guest = session.started
    if guest is None:
        return {}
    return {
        "kind": guest.kind,
        "build": guest.build,
        "accelerator": guest.accelerator,
        "baseline": guest.baseline,
    }


def _sentence(item: pytest.Function) -> str:
    return " ".join((item.obj.__doc__ or item.name).split())
