# SPDX-License-Identifier: Apache-2.0
"""The guides name what is there: files, peers, locks. A name that is gone sends its reader nowhere."""

import re
from pathlib import Path

import pytest

import harness.peer
from harness.core.paths import REFERENCE_IMAGE, REPOSITORY
from harness.peer import Peer

DOCS = REPOSITORY / "docs"
GUIDES = [*REPOSITORY.glob("*.md"), *DOCS.glob("*.md"), *(REPOSITORY / "bench").glob("*.md")]
FOLDERS = ("bench", "docs", "guest_driver", "harness", "images", "suites", "tests")
MODULE = REFERENCE_IMAGE / "module"
DRIVER = REPOSITORY / "guest_driver" / "driver"

_NAMED = re.compile(rf"`((?:{'|'.join(FOLDERS)})/[\w./-]*)`")
_LINK = re.compile(r"\]\((?!https?:)([^)#]+)")
_CLASS = re.compile(r"`(?!Wsk)([A-Z][a-z]\w+)`")  # those that begin with Wsk are Windows' own
_LOCK = re.compile(
    r"^\s*(?:static )?(?:DEFINE_(?:RAW_)?(?:SPINLOCK|MUTEX|RWLOCK)\((\w+)\)|DECLARE_RWSEM\((\w+)\)"
    r"|(?:struct )?(?:raw_spinlock_t|spinlock_t|rwlock_t|mutex|rw_semaphore|KSPIN_LOCK)\s+(\w+);)",
    re.MULTILINE,
)


@pytest.mark.parametrize("guide", GUIDES, ids=lambda guide: guide.name)
def test_a_guide_names_and_links_files_that_are_there(guide: Path) -> None:
    text = guide.read_text()
    gone = [name for name in _NAMED.findall(text) if not (REPOSITORY / name).exists() and "NAME" not in name]
    gone += [link for link in _LINK.findall(text) if not (guide.parent / link).exists()]
    assert gone == []


def test_the_guide_to_peers_names_classes_that_are_there_and_every_behaviour() -> None:
    named = set(_CLASS.findall((DOCS / "peers.md").read_text()))
    sources = "".join(path.read_text() for path in (REPOSITORY / "harness" / "peer").glob("*.py"))
    assert len(named) > 15
    assert {name for name in named if f"class {name}" not in sources} == set()
    offered = {name for name, kind in vars(harness.peer).items() if _is_behaviour(kind)}
    assert offered - named == set()


def _is_behaviour(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, Peer) and kind is not Peer


def test_the_guide_to_locks_has_every_lock_of_module_and_driver() -> None:
    guide = (DOCS / "locking.md").read_text()
    locks = {
        (path.name, next(filter(None, found)))
        for path in [*MODULE.glob("*.[ch]"), *DRIVER.glob("*.[ch]")]
        for found in _LOCK.findall(path.read_text())
    }
    assert {("wsk_visit.c", "visits_lock"), ("main.c", "drivers_lock"), ("slot.h", "lock")} <= locks
    assert {(file, name) for file, name in locks if not re.search(rf"\b{name}`", guide)} == set()


def test_the_guide_to_locks_says_where_each_is() -> None:
    said = re.findall(r"`(?:\w+\.)?(\w+)`(?:, a \w+)? \(`(\w+\.c)`\)", (DOCS / "locking.md").read_text())
    assert len(said) > 15
    assert [(name, file) for name, file in said if not _has(file, name)] == []


def _has(file: str, name: str) -> bool:
    return any(
        (folder / file).exists() and name in (folder / file).read_text() for folder in (MODULE, DRIVER)
    )
