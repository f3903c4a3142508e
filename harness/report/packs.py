# SPDX-License-Identifier: Apache-2.0
"""Draws many cases on all processors and packs them as the report's script unpacks them.

A process that ends unasked (no memory, a source file that changed) must not hold up the report.
Python 3.11 may wait for ever for such a process when it is sent more than a pipe holds: so what
a process is to draw goes through a file, and it is sent no more than that file's name.
"""

import base64
import gzip
import json
import multiprocessing
import pickle
import signal
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

from markupsafe import Markup

from harness.core.scratch import scratch_folder

CASES_IN_A_PACK = 50  # one resembles the other: together they take a fraction of the room
_FEW_PACKS = 4  # are drawn before another process has begun

Draw = Callable[[dict[str, Any]], Markup]


def packs(cases: Sequence[dict[str, Any]], draw: Draw) -> list[str]:
    """All cases, `CASES_IN_A_PACK` to a pack; `draw` is pickled where there are many.

    A pack is a list of strings in JSON in gzip in base64.
    """
    parts = [cases[start : start + CASES_IN_A_PACK] for start in range(0, len(cases), CASES_IN_A_PACK)]
    if len(parts) <= _FEW_PACKS:
        return [_pack(draw, part) for part in parts]
    try:
        return _on_all_processors(draw, parts)
    except BrokenProcessPool:
        return [_pack(draw, part) for part in parts]


def _on_all_processors(draw: Draw, parts: Sequence[Sequence[dict[str, Any]]]) -> list[str]:
    anew = multiprocessing.get_context("spawn")  # a fork would copy locks of threads that it does not have
    with scratch_folder("report") as folder:
        files = [folder / str(number) for number in range(len(parts))]
        for file, part in zip(files, parts, strict=True):
            file.write_bytes(pickle.dumps((draw, part)))
        with ProcessPoolExecutor(mp_context=anew, initializer=_leave_ctrl_c_to_the_parent) as processes:
            return list(processes.map(_pack_file, files))


def _leave_ctrl_c_to_the_parent() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _pack_file(file: Path) -> str:
    draw, part = pickle.loads(file.read_bytes())  # written by this program a moment ago, for nobody else
    return _pack(draw, part)


def _pack(draw: Draw, cases: Sequence[dict[str, Any]]) -> str:
    text = json.dumps(list(map(draw, cases))).encode()
    return base64.b64encode(gzip.compress(text, compresslevel=6, mtime=0)).decode()
