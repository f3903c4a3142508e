# SPDX-License-Identifier: Apache-2.0
"""Cases of a report are drawn on all processors, and here when a process is lost."""

import base64
import gzip
import json
import os
from functools import partial
from typing import Any

from markupsafe import Markup

from harness.report.packs import CASES_IN_A_PACK, packs

MANY = [{"id": number, "text": "x" * 2000} for number in range(7 * CASES_IN_A_PACK)]


def draw(case: dict[str, Any]) -> Markup:
    return Markup(f"<p>{case['id']}</p>")


def draw_or_die(parent: int, case: dict[str, Any]) -> Markup:
    if os.getpid() != parent and case["id"] == 120:
        os._exit(9)  # as one that the kernel ends for its memory
    return draw(case)


def drawn(made: list[str]) -> list[str]:
    return [text for pack in made for text in json.loads(gzip.decompress(base64.b64decode(pack)))]


def test_every_case_is_in_its_pack() -> None:
    made = packs(MANY, draw)
    assert len(made) == 7
    assert drawn(made) == [f"<p>{case['id']}</p>" for case in MANY]


def test_a_process_that_ends_unasked_costs_time_and_nothing_else() -> None:
    assert packs(MANY, partial(draw_or_die, os.getpid())) == packs(MANY, draw)
