# SPDX-License-Identifier: Apache-2.0
"""Who waits for a locked store says so, and goes on when it is free."""

import sqlite3
import threading
import time
from pathlib import Path

import pytest

from harness.history import database
from harness.history.store import Store


def test_a_writer_says_that_it_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(database, "_QUIET", 0.05)
    path = tmp_path / "history.sqlite"
    with Store.open(str(path)):
        pass
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    free = threading.Timer(0.5, other.rollback)
    free.start()
    began = time.monotonic()
    with Store.open(str(path)) as store, store._database.writing():
        assert time.monotonic() - began > 0.3
    free.join()
    other.close()
    assert f"another program writes the history in {path}: waiting" in capsys.readouterr().err


def test_nobody_says_anything_of_a_store_that_is_free(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Store.open(str(tmp_path / "history.sqlite")) as store, store._database.writing():
        pass
    assert capsys.readouterr().err == ""
