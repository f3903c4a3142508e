# SPDX-License-Identifier: Apache-2.0
"""The room that a run keeps for its end."""

import os
from pathlib import Path

import pytest

from harness.report.files import RESERVED_BYTES, CannotKeep, Reserve


def held_in(folder: Path) -> list[int]:
    """Bytes on the disk of each file of the folder that this process has open, with a name or without."""
    found = Path("/proc/self/fd").iterdir()
    return [each.stat().st_blocks * 512 for each in found if os.path.realpath(each).startswith(str(folder))]


def test_room_is_held_until_it_is_released_and_has_no_name(tmp_path: Path) -> None:
    reserve = Reserve(tmp_path)
    reserve.take()
    (room,) = held_in(tmp_path)
    assert room >= RESERVED_BYTES
    assert list(tmp_path.iterdir()) == []
    reserve.release()
    reserve.release()
    assert held_in(tmp_path) == []


def test_no_room_ends_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(CannotKeep, match="no space left"):
        Reserve(tmp_path).take()
    assert held_in(tmp_path) == []
