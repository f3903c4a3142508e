# SPDX-License-Identifier: Apache-2.0
"""Parcels come from other hosts: nothing in one gets out of its folder."""

import io
import tarfile
from pathlib import Path

import pytest

from harness.core.errors import HarnessError
from harness.nightly import archive
from harness.nightly.archive import pack, unpack


def packed(*members: tuple[str, bytes | None, dict[str, object]]) -> bytes:
    """An archive that somebody else made: names, contents, and fields of the headers."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as tar:
        for name, content, fields in members:
            member = tarfile.TarInfo(name)
            member.size = len(content or b"")
            for key, value in fields.items():
                setattr(member, key, value)
            tar.addfile(member, io.BytesIO(content or b""))
    return data.getvalue()


def test_a_folder_comes_back_as_it_was_but_without_its_links(tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "run" / "captures").mkdir(parents=True)
    (source / "run" / "run.json").write_bytes(b"{}")
    (source / "run" / "captures" / "a.pcapng").write_bytes(bytes(5000))
    (source / "latest").symlink_to("run")
    unpack(pack(source), tmp_path / "target")
    files = {
        str(path.relative_to(tmp_path / "target")): path.read_bytes()
        for path in (tmp_path / "target").rglob("*")
        if path.is_file()
    }
    assert files == {"run/run.json": b"{}", "run/captures/a.pcapng": bytes(5000)}


@pytest.mark.parametrize(
    "member",
    [
        ("../outside", b"x", {}),
        ("a/../../outside", b"x", {}),
        ("/outside", b"x", {}),
        ("link", None, {"type": tarfile.SYMTYPE, "linkname": "/etc"}),
        ("link", None, {"type": tarfile.LNKTYPE, "linkname": "../outside"}),
        ("device", None, {"type": tarfile.CHRTYPE}),
        ("pipe", None, {"type": tarfile.FIFOTYPE}),
    ],
)
def test_what_would_leave_the_folder_or_is_no_file_is_refused(
    tmp_path: Path, member: tuple[str, bytes | None, dict[str, object]]
) -> None:
    target = tmp_path / "inside" / "target"
    with pytest.raises(HarnessError, match="holds more than files of its own"):
        unpack(packed(("good", b"x", {}), member), target)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_an_archive_beyond_the_limits_is_not_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "MOST_BYTES", 1000)
    large = packed(("a", bytes(600), {}), ("b", bytes(600), {}))
    with pytest.raises(HarnessError, match="too large"):
        unpack(large, tmp_path / "target")
    assert not (tmp_path / "target").exists()
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "a").write_bytes(bytes(1001))
    with pytest.raises(HarnessError, match="too large to send"):
        pack(tmp_path / "source")


@pytest.mark.parametrize("cut", [0, 1, 20, 100])
def test_an_archive_that_was_cut_or_is_none_is_refused(tmp_path: Path, cut: int) -> None:
    whole = packed(("a", bytes(range(256)) * 40, {}))
    with pytest.raises(HarnessError, match="cannot be unpacked"):
        unpack(whole[:cut], tmp_path / "target")
    assert not (tmp_path / "target").exists()
