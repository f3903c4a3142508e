# SPDX-License-Identifier: Apache-2.0
"""The folder of a command that starts one guest stays when a file is in it, however the command ends."""

from pathlib import Path

import pytest

from harness.cli.guest_folder import guest_folder, has_files
from harness.core.errors import UsageError


def test_a_folder_that_nothing_was_left_in_is_deleted(tmp_path: Path) -> None:
    with guest_folder(tmp_path) as folder:
        assert folder.parent == tmp_path
        assert any(folder.iterdir())  # it has folders, but no file
        assert not has_files(folder)
    assert not folder.exists()


def test_it_is_deleted_after_an_error_too(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), guest_folder(tmp_path) as folder:
        raise RuntimeError("the guest did not start")
    assert not folder.exists()


def test_a_folder_with_a_file_stays_after_an_error(tmp_path: Path) -> None:
    def crash(folder: Path) -> None:
        (folder / "serial-1.log").write_text("panic")
        raise RuntimeError("the guest did not start")

    with pytest.raises(RuntimeError), guest_folder(tmp_path) as folder:
        crash(folder)
    assert (folder / "serial-1.log").read_text() == "panic"


def test_what_the_command_deleted_itself_is_no_error(tmp_path: Path) -> None:
    with guest_folder(tmp_path) as folder:
        for path in sorted(folder.rglob("*"), reverse=True):
            path.rmdir()
        folder.rmdir()


def test_a_place_that_cannot_be_is_a_usage_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError), guest_folder(tmp_path / "file"):
        pass
