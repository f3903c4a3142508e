# SPDX-License-Identifier: Apache-2.0
"""ISOs that are known, unknown, wrong, cut short, or none."""

import hashlib
import re
from dataclasses import replace
from pathlib import Path

import pytest

from harness.core.errors import UsageError
from harness.image_builder import media
from harness.image_builder.versions import Medium, find, versions
from harness.image_builder.versions import media as known_media

SERVER = find("windows-server-2022")


@pytest.fixture
def iso(tmp_path: Path) -> Path:
    path = tmp_path / "windows.iso"
    path.write_bytes(bytes(16 * 2048) + b"\x01CD001" + bytes(5000))
    return path


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def know(monkeypatch: pytest.MonkeyPatch, path: Path, version: str) -> Medium:
    """Makes the file a known medium from now on."""
    medium = replace(known_media()[0], version=version, sha256=digest(path), edition="Windows of this test")
    monkeypatch.setattr(media, "media", lambda: (*known_media(), medium))
    return medium


def test_a_known_iso_is_used_and_its_edition_known(iso: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    medium = know(monkeypatch, iso, SERVER.name)
    said: list[str] = []
    found = media.check_windows(iso, SERVER, None, said.append)
    assert (found.sha256, found.known) == (digest(iso), medium)
    assert said == ["checking windows.iso (0.0 GiB)"]


def test_an_unknown_iso_is_refused_with_its_hash_and_the_way_to_go_on(iso: Path) -> None:
    with pytest.raises(UsageError) as refused:
        media.check_windows(iso, SERVER, None, print)
    said = str(refused.value)
    assert f"--accept-iso-sha256 {digest(iso)}" in said
    assert "10.0.20348.587 has 5044094976 bytes" in said
    assert f"{iso.stat().st_size} bytes" in said
    assert "\n" not in said


def test_an_unknown_iso_is_used_when_its_hash_is_named(iso: Path) -> None:
    found = media.check_windows(iso, SERVER, digest(iso).upper(), print)
    assert found.known is None


@pytest.mark.parametrize("accepted", ["", "0" * 63, "x" * 64, "0" * 65])
def test_what_is_no_hash_is_refused(iso: Path, accepted: str) -> None:
    with pytest.raises(UsageError, match="64 hexadecimal digits"):
        media.check_windows(iso, SERVER, accepted, print)


def test_another_hash_than_that_of_the_iso_is_refused(iso: Path) -> None:
    with pytest.raises(UsageError, match=digest(iso)):
        media.check_windows(iso, SERVER, "0" * 64, print)


def test_the_iso_of_another_version_is_refused_with_its_name(
    iso: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    know(monkeypatch, iso, "windows-11")
    for accepted in (None, digest(iso)):
        with pytest.raises(UsageError, match="image build windows-11"):
            media.check_windows(iso, SERVER, accepted, print)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", bytes(40_000)])
def test_a_file_that_is_no_iso_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "windows.iso"
    path.write_bytes(content)
    with pytest.raises(UsageError, match="is no ISO"):
        media.check_windows(path, SERVER, None, print)
    with pytest.raises(UsageError, match="is no ISO"):
        media.check_drivers(path, print)


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "none.iso", tmp_path):
        with pytest.raises(UsageError, match="cannot read"):
            media.check_windows(path, SERVER, None, print)


def test_progress_is_told_for_a_large_iso(iso: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(media, "_CHUNK_BYTES", 1000)
    monkeypatch.setattr(media, "_TOLD_EVERY_BYTES", 10_000)
    said: list[str] = []
    media.check_drivers(iso, said.append)
    assert said[1:] == [f"checking windows.iso: {share} %" for share in (26, 52, 79)]


def test_the_list_is_whole() -> None:
    hashes = [medium.sha256 for medium in known_media()]
    assert len(set(hashes)) == len(hashes)
    for medium in known_media():
        assert re.fullmatch("[0-9a-f]{64}", medium.sha256)
        assert medium.bytes > 4 << 30
        assert medium.bytes % 2048 == 0
        first, last = find(medium.version).builds
        assert first <= int(medium.build.split(".")[2]) <= last
        assert medium.evaluation_days in (90, 180)
    assert {medium.version for medium in known_media()} == set(versions())


def test_the_evaluations_of_windows_11_ltsc_are_known() -> None:
    editions = {medium.edition: medium for medium in known_media() if medium.build == "10.0.26100.1742"}
    assert set(editions) == {
        "Windows 11 Enterprise LTSC Evaluation",
        "Windows 11 IoT Enterprise LTSC Evaluation",
    }
    assert editions["Windows 11 Enterprise LTSC Evaluation"].sha256.startswith("67cec5865eaa037a")


def test_an_image_that_cannot_be_built_is_refused_with_those_that_can() -> None:
    with pytest.raises(UsageError, match="windows-server-2019, windows-server-2022"):
        find("windows-95")
