# SPDX-License-Identifier: Apache-2.0
"""How a run ended, and whether it is whole: a part must never look like all of it."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

_SHOWN = 200  # letters of what chose the cases, and of why a run ended


class End(StrEnum):
    """How a run ended. A run that still goes on, or was killed, has no such entry."""

    BY_ITSELF = "by itself"
    STOPPED = "stopped"  # at a failure, as its user asked
    INTERRUPTED = "interrupted"  # Ctrl-C
    TERMINATED = "terminated"  # by a signal
    LIMIT = "limit"  # of its time
    NO_SPACE = "no space"
    BROKEN = "broken"  # the harness failed


_WORDS = {
    End.STOPPED: "was stopped at a failure, as asked",
    End.INTERRUPTED: "was interrupted",
    End.TERMINATED: "was terminated by a signal",
    End.LIMIT: "was ended at its time limit",
    End.NO_SPACE: "was stopped because no space was left",
    End.BROKEN: "was ended by a failure of the harness",
}
_UNKNOWN = "still runs or was killed"


def is_whole(run: Mapping[str, Any]) -> bool:
    """Was every case performed that was selected?"""
    return not shortfall(run)


def shortfall(run: Mapping[str, Any]) -> str:
    """The banner of a run that did not come to its end; empty for one that did.

    `run` is as its run.json has it.
    """
    done, selection = len(run["cases"]), run.get("selection")
    selected = selection["selected"] if selection else None
    ended = run.get("ended", End.BY_ITSELF)  # there was a time when no run said
    if ended == End.BY_ITSELF and selected in (None, done):
        return ""
    how = _WORDS.get(ended, _UNKNOWN) if ended != End.BY_ITSELF else "lost cases"
    of = f" of {selected:,}" if selected is not None else ""
    because = f" ({_short(run['why'])})" if run.get("why") else ""
    return f"NOT A WHOLE RUN: it {how} after {done:,}{of} cases{because}; nothing is known of the others."


def selected(run: Mapping[str, Any]) -> str:
    """How many of all cases were selected, and by what; empty when all were."""
    selection = run.get("selection")
    if not selection or selection["selected"] == selection["of"]:
        return ""
    of = f" of {selection['of']:,}" if selection["of"] is not None else ""
    by = _short(" ".join(selection["arguments"]))
    return f"{selection['selected']:,}{of} cases were selected{f' ({by})' if by else ''}."


def _short(text: str) -> str:
    """On one line."""
    line = " ".join(text.split())
    return line if len(line) <= _SHOWN else f"{line[:_SHOWN]}..."


def banners(run: Mapping[str, Any]) -> list[str]:
    """Lines for every output of a run that is not all there could be: the worse first."""
    return [line for line in (shortfall(run), selected(run)) if line]
