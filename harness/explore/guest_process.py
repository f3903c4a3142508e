# SPDX-License-Identifier: Apache-2.0
"""A guest in a process of its own that performs recipes and gives their facts: a process has one lab."""

import contextlib
import multiprocessing
import signal
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import Self

from harness.core.errors import HarnessError
from harness.explore.facts import Facts
from harness.explore.performer import Performer
from harness.explore.recipe import Recipe
from harness.guest import find
from harness.run.executor import Executor
from harness.run.options import Settings

_END_S = 60.0  # a guest that is being destroyed


@dataclass(frozen=True)
class SeenFacts:
    """A recipe's facts; none where evidence was lost."""

    name: str
    facts: Facts


class GuestProcess:
    """A context manager; `folder` is for what its guest leaves."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._name = f"{settings.guest} ({settings.fault or settings.freedom or 'as it is'})"
        self._process = context.Process(target=_serve, args=(settings, folder, theirs))
        self._process.start()
        theirs.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(OSError):
            self._pipe.send([])
        self._process.join(_END_S)
        if self._process.is_alive():
            self._process.terminate()
        self._pipe.close()

    def begin(self, named: Iterable[tuple[str, Recipe]]) -> None:
        """Raises HarnessError when the process has ended."""
        try:
            self._pipe.send(list(named))
        except OSError:
            raise self._lost() from None

    def take(self) -> Iterator[SeenFacts]:
        """The facts of all that was begun. Raises HarnessError when the process has ended."""
        try:
            found: Sequence[SeenFacts] = self._pipe.recv()
        except (EOFError, OSError):
            raise self._lost() from None
        return iter(found)

    def _lost(self) -> HarnessError:
        return HarnessError(f"the process of {self._name} ended; it has said why")


def _serve(settings: Settings, folder: Path, pipe: Connection) -> None:
    """The life of the process: lists of recipes come in, an empty one is the end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # its parent tells when it is over
    executor = Executor(settings, find(settings.guest, settings.guest_options), folder, _say)
    try:
        executor.open()
        performer = Performer(executor)
        with contextlib.suppress(EOFError):
            while named := pipe.recv():
                performer.begin(named)
                pipe.send([SeenFacts(seen.name, seen.facts) for seen in performer.take()])
    except HarnessError as error:
        _say(f"wsk-conformance: {error}")
    finally:
        executor.close()


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
