# SPDX-License-Identifier: Apache-2.0
"""Manifests of sealed images: a written one is read, and one that cannot be trusted is refused in a line."""

import json
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from windowslike import seal

from harness.core.errors import UsageError
from harness.guest import image_manifest
from harness.guest.image_manifest import MANIFEST_FILE, SCHEMA_VERSION, check, load


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    image = seal(tmp_path)
    assert load(tmp_path) == image
    assert json.loads((tmp_path / MANIFEST_FILE).read_text())["schema"] == SCHEMA_VERSION


def test_a_folder_without_a_manifest_is_no_image(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no image"):
        load(tmp_path)


Spoil = Callable[[dict[str, Any]], object]


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        pytest.param(lambda told: told.update(schema=2), "another version", id="another schema"),
        pytest.param(lambda told: told.pop("schema"), "another version", id="no schema"),
        pytest.param(lambda told: told.pop("build"), "build", id="a field missing"),
        pytest.param(lambda told: told.update(moon="full"), "moon", id="a field too many"),
        pytest.param(lambda told: told.update(user=7), "user", id="a number for a text"),
        pytest.param(lambda told: told.update(build="11"), "no build", id="a build that is none"),
        pytest.param(lambda told: told.update(hashes=["a"]), "hashes", id="no table of hashes"),
        pytest.param(lambda told: told.update(channels=None), "damaged", id="no channels"),
        pytest.param(lambda told: told.update(disk="../../etc/shadow"), "no file", id="a path out of it"),
        pytest.param(lambda told: told.update(vars="/etc/shadow"), "no file", id="a path from the root"),
        pytest.param(lambda told: told.update(evaluation_expires="soon"), "soon", id="no date"),
        pytest.param(lambda told: told.update(ssh_host_key=None), "host key", id="no host key"),
        pytest.param(lambda told: told.update(password_file=None), "login", id="no login"),
        pytest.param(
            lambda told: told.update(channels=["winrm"], password_file=None), "WinRM", id="no password"
        ),
    ],
)
def test_a_damaged_manifest_is_refused_with_what_is_wrong(tmp_path: Path, spoil: Spoil, said: str) -> None:
    seal(tmp_path)
    path = tmp_path / MANIFEST_FILE
    told = json.loads(path.read_text())
    spoil(told)
    path.write_text(json.dumps(told))
    with pytest.raises(UsageError, match=said) as refused:
        load(tmp_path)
    assert "build the image again" in str(refused.value)


@pytest.mark.parametrize("text", ["", "{", "[]", '"x"', "{}"])
def test_what_is_no_manifest_at_all_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / MANIFEST_FILE).write_text(text)
    with pytest.raises(UsageError, match="build the image again"):
        load(tmp_path)


def test_a_file_that_was_changed_is_found_even_when_it_kept_its_size(tmp_path: Path) -> None:
    image = seal(tmp_path)
    check(tmp_path, image, print)
    disk = tmp_path / image.disk
    disk.write_bytes(bytes(byte ^ 1 for byte in disk.read_bytes()))
    os.utime(disk, ns=(0, disk.stat().st_mtime_ns + 1))
    with pytest.raises(UsageError, match="not what was sealed"):
        check(tmp_path, image, print)


def test_a_file_that_kept_its_time_is_read_again_only_on_demand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = seal(tmp_path)
    check(tmp_path, image, print)
    read: list[str] = []

    def hash(path: Path, _progress: object) -> str:
        read.append(path.name)
        return image.hashes[path.name]

    monkeypatch.setattr(image_manifest, "_hash", hash)
    check(tmp_path, image, print)
    assert read == []
    check(tmp_path, image, print, everything=True)
    assert sorted(read) == sorted(image.hashes)


def test_a_file_that_is_gone_is_named(tmp_path: Path) -> None:
    image = seal(tmp_path)
    (tmp_path / image.vars).unlink()
    with pytest.raises(UsageError, match=image.vars):
        check(tmp_path, image, print)


def test_an_evaluation_ends_on_its_day_and_a_licence_never(tmp_path: Path) -> None:
    image = seal(tmp_path, evaluation_expires="2026-05-01")
    assert not image.expired(datetime(2026, 4, 30, tzinfo=UTC))
    assert image.expired(datetime(2026, 5, 1, tzinfo=UTC))
    assert not replace(image, evaluation_expires=None).expired()


@pytest.mark.parametrize(
    ("expires", "licence", "told"),
    [
        (None, None, "no evaluation"),
        ("2999-01-01", None, "evaluation until 2999-01-01"),
        ("2020-01-01", None, "which has passed"),
        ("2020-01-01", "2999-06-01", "until 2999-06-01; never activated, so that it shuts itself down"),
        ("2999-01-11", "2999-06-01", "shuts itself down about every hour from 2999-01-11 on"),
    ],
)
def test_how_long_an_image_lasts_is_told(
    expires: str | None, licence: str | None, told: str, tmp_path: Path
) -> None:
    at = "T00:00:00+00:00"
    changes = {"evaluation_expires": expires and expires + at, "licence_ends": licence and licence + at}
    assert told in seal(tmp_path, **changes).lasting()
