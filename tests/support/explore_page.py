# SPDX-License-Identifier: Apache-2.0
"""The table of docs/exploring.md: the faults that laws and explorer notice without the suites.

wsk-conformance selfcheck --explore --json noticed.json
python tests/support/explore_page.py noticed.json
"""

import json
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from harness.core.paths import REPOSITORY
from harness.guest import switches

PAGE = REPOSITORY / "docs" / "exploring.md"
_TABLE = re.compile(r"<!-- noticed -->\n.*?<!-- end -->", re.DOTALL)

_TIME = "takes its time, and no law has a limit: a busy host would break it"
_SCENE = "the scenarios have no such scene"
# Why a fault may not be noticed; one that is noticed all the same is told as such.
REASONS = {
    "no-connect-ex": "nothing is wrong with it: an older WSK has no WskConnectEx",
    "close-waits-at-dispatch": _TIME,
    "fin-delayed": _TIME,
    "abort-flushes-first": _TIME,
    "abort-waits-for-window": _TIME,
    "abort-rst-misplaced": "no law says where a RST stands: one that is an answer stands elsewhere",
    "close-rst-misplaced": "no law says where a RST stands: one that is an answer stands elsewhere",
    "abort-sends-nothing": "the close that follows sends the RST, and a packet may be captured late",
    "abort-sends-buffer": "the contract forbids the call that shows it",
    "abort-silent-in-fin-wait-2": "a RST may be captured late, and then looks like an answer",
    "close-silent-in-fin-wait-2": "a RST may be captured late, and then looks like an answer",
    "graceful-gives-up": "takes 2 s to show, longer than a scenario",
    "graceful-pretends": "takes 5 s to show, longer than a scenario",
    "departure-unnoticed": f"{_SCENE}: an address is taken from the guest",
    "death-told-twice": f"{_SCENE}: an address is taken from the guest",
    "release-ends-sockets": f"{_SCENE}: the provider NPI is released",
    "deregister-does-not-wait": f"{_SCENE}: WskDeregister",
    "static-event-of-another": f"{_SCENE}: datagrams to several sockets with static events",
    "close-ends-one-accept": f"{_SCENE}: two accepts at a time have been seen to hang Windows",
    "cancel-deafens": f"{_SCENE}: somebody connects to a listener whose accept was cancelled",
    "cancel-loses-data": "what a receive that is cancelled took is open, so what is missing may be its",
    "giving-up-ends-one-receive": "takes longer than a scenario: a peer that is given up",
    "given-up-send-succeeds": "takes longer than a scenario: a peer that is given up",
    "given-up-connect-succeeds": "takes longer than a scenario: a peer that is given up",
    "fin-sent-once": f"{_SCENE}: a packet is lost on its way",
    "data-sent-once": f"{_SCENE}: a packet is lost on its way",
    "syn-sent-once": f"{_SCENE}: a packet is lost on its way",
    "accepted-share-a-context": f"{_SCENE}: two sockets of one listener",
    "leak-with-unaccepted": f"{_SCENE}: connections that nobody accepts",
    "late-data-acknowledged": "no law says what answers data that comes too late",
    "leak-after-loss": f"{_SCENE}: an address is taken from the guest",
    "second-graceful-pends": "no document says what a second graceful disconnect waits for",
    "retained-stops-receive": "no law says that an event comes, only what it says",
}


def table(found: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """The rows, of what `selfcheck --explore --json` wrote."""
    faults = [one for one in found if one["fault"] in switches.faults()]
    noticed = sum(bool(one["signs"]) for one in faults)
    yield f"Noticed are {noticed} of {len(faults)} faults."
    yield from ("", "| fault | noticed by | scenarios | seconds |", "|---|---|---|---|")
    for one in faults:
        why = REASONS.get(one["fault"], "by chance not met")
        told = ", ".join(f"`{sign}`" for sign in one["signs"]) or f"not noticed: {why}"
        yield f"| `{one['fault']}` | {told} | {one['scenarios']} | {one['seconds']:.0f} |"


def written(page: str, found: Iterable[Mapping[str, Any]]) -> str:
    """The page with its table as it has to be."""
    text = "\n".join(["<!-- noticed -->", *table(found), "<!-- end -->"])
    return _TABLE.sub(lambda _found: text, page)


if __name__ == "__main__":
    results = [one for path in sys.argv[1:] for one in json.loads(Path(path).read_text())]
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8"), results), encoding="utf-8")
