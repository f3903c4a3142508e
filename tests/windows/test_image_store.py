# SPDX-License-Identifier: Apache-2.0
"""The store of built images: built once, built again when broken, never by two at once."""

import fcntl
import os
from pathlib import Path

import pytest
import store
from kernel import Kernel

import build
from harness.core.errors import HarnessError


def test_a_folder_is_made_once(tmp_path: Path) -> None:
    made = []

    def make(folder: Path) -> None:
        made.append(folder)
        (folder / "sub").mkdir()
        (folder / "sub" / "file").write_text("content")

    first = store.stored(tmp_path, "image", make)
    assert store.stored(tmp_path, "image", make) == first
    assert len(made) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["image"]


@pytest.mark.parametrize("harm", ["truncate", "remove", "add", "manifest"])
def test_a_damaged_folder_is_made_again_with_a_line(
    harm: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def make(folder: Path) -> None:
        (folder / "file").write_text("content")

    folder = store.stored(tmp_path, "image", make)
    match harm:
        case "truncate":
            os.truncate(folder / "file", 3)
        case "remove":
            (folder / "file").unlink()
        case "add":
            (folder / "other").touch()
        case "manifest":
            (folder / "manifest.json").write_text("{")
    store.stored(tmp_path, "image", make)
    assert (folder / "file").read_text() == "content"
    assert "damaged" in capsys.readouterr().err


def test_a_failed_build_leaves_nothing(tmp_path: Path) -> None:
    def make(folder: Path) -> None:
        raise HarnessError("no")

    with pytest.raises(HarnessError):
        store.stored(tmp_path, "image", make)
    assert list(tmp_path.iterdir()) == []


def test_the_least_recently_used_are_pruned(tmp_path: Path) -> None:
    for age, name in enumerate(("image-new", "image-old", "image-older")):
        (tmp_path / name).mkdir()
        os.utime(tmp_path / name, (1000 - age, 1000 - age))
    (tmp_path / ".building-killed").mkdir()
    store.prune(tmp_path, "image-*", keep=2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["image-new", "image-old"]


def test_what_was_used_in_the_last_hours_is_not_pruned(tmp_path: Path) -> None:
    for name in ("image-a", "image-b", "image-c"):
        store.stored(tmp_path, name, lambda folder: (folder / "file").touch())
    store.prune(tmp_path, "image-*", keep=1)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["image-a", "image-b", "image-c"]


def test_who_finds_the_image_whole_does_not_wait_for_a_build_of_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build, "image_name", lambda kernel: "image")
    monkeypatch.setattr(store, "_LOCK_LIMIT_S", 0.0)
    kernel = Kernel("6.1.0-1-amd64", "6.1.1-1")
    whole = store.stored(tmp_path, "image", lambda folder: (folder / "file").touch())
    with store.locked(tmp_path):
        assert build.image_of(kernel, tmp_path) == whole
        (whole / "file").unlink()
        with pytest.raises(HarnessError, match="another build"):
            build.image_of(kernel, tmp_path)


def test_a_build_waits_for_another_and_gives_up_in_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(store, "_LOCK_LIMIT_S", 0.15)
    with (tmp_path / "lock").open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(HarnessError, match="another build"), store.locked(tmp_path):
            pass
    assert "waiting" in capsys.readouterr().err
    with store.locked(tmp_path):
        pass
