# SPDX-License-Identifier: Apache-2.0
"""Files that go onto the provision ISO, and those taken from the one with the drivers."""

import io
import json
import random
import re
import stat
import subprocess
from pathlib import Path
from xml.etree.ElementTree import fromstring

import pycdlib
import pytest
from image_media import DRIVERS, openssh_zip, virtio_win

from harness.core.errors import HarnessError, UsageError
from harness.core.paths import WINDOWS_IMAGES
from harness.image_builder import disc, drivers, provision, secrets
from harness.image_builder.answer import Answers
from harness.image_builder.versions import find, versions

PASSWORD = secrets.password()


def files(virtio: Path | None = None, openssh: Path | None = None) -> dict[str, bytes]:
    version = find("windows-11")
    answers = Answers(version, 1, PASSWORD, virtio is not None)
    return provision.files(answers, "ssh-ed25519 AAAA", provision.parts(version, virtio, openssh))


def test_the_provision_iso_holds_everything_under_names_that_windows_sees(tmp_path: Path) -> None:
    virtio = virtio_win(tmp_path / "virtio.iso", "w11")
    content = files(virtio, openssh_zip(tmp_path / "OpenSSH-Win64.zip"))
    path = tmp_path / "provision.iso"
    provision.write(path, content)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600  # a password is in it

    read = joliet(path)
    assert read == content
    assert set(read) == {
        "autounattend.xml",
        *(
            f"wsk/{name}"
            for name in ("wsktest.sys", "wskctl.exe", "wsktest.cer", "provision.ps1", "ways.ps1")
        ),
        *("wsk/settings.ps1", "wsk/facts.ps1", "wsk/nics.ps1"),
        *("wsk/settings.json", "wsk/login_key.pub", "wsk/qemu-ga.msi", "wsk/openssh.zip"),
        *(
            f"drivers/{driver}/{file}"
            for driver, infs in DRIVERS.items()
            for name, copied in infs.items()
            for file in (f"{name}.inf", f"{name}.cat", *copied)
        ),
    }
    assert PASSWORD in fromstring(read["autounattend.xml"]).itertext()
    assert read["wsk/provision.ps1"] == (WINDOWS_IMAGES / "provision.ps1").read_bytes()
    assert json.loads(read["wsk/settings.json"])["network"]["test"]["net4"] == "10.8.0.0/24"
    assert provision.channels(read) == ("winrm", "ssh", "agent")


def test_an_independent_reader_finds_the_names_too(tmp_path: Path) -> None:
    path = tmp_path / "provision.iso"
    provision.write(path, files())
    told = subprocess.run(
        ["isoinfo", "-J", "-f", "-i", path], capture_output=True, text=True, check=True, timeout=60
    )
    assert {"/autounattend.xml", "/wsk", "/wsk/provision.ps1"} <= set(told.stdout.splitlines())


def test_without_other_inputs_there_is_only_winrm_and_no_driver() -> None:
    content = files()
    assert provision.channels(content) == ("winrm",)
    assert not [name for name in content if name.startswith("drivers/")]


def test_the_drivers_are_those_of_the_version(tmp_path: Path) -> None:
    path = virtio_win(tmp_path / "virtio.iso", *(folder for v in versions().values() for folder in v.drivers))
    for version in versions().values():
        found, agent = drivers.collect(path, version)
        assert agent == b"agent"
        assert found["viostor/viostor.sys"] == f"viostor.sys for {version.drivers[0]}".encode()
        assert not [name for name in found if name.endswith(".pdb")]


@pytest.mark.parametrize("reader", ["rock ridge", "joliet"])
def test_both_kinds_of_long_names_are_read(reader: str, tmp_path: Path) -> None:
    path = virtio_win(tmp_path / "virtio.iso", "2k22", rock_ridge=reader == "rock ridge")
    found, _ = drivers.collect(path, find("windows-server-2022"))
    assert "NetKVM/netkvm.inf" in found


def test_a_program_that_an_inf_copies_goes_along(tmp_path: Path) -> None:
    """Windows refuses NetKVM without its program: the NIC under test would have no driver."""
    for version in versions().values():
        path = virtio_win(tmp_path / "virtio.iso", *version.drivers)
        found, _ = drivers.collect(path, version)
        assert found["NetKVM/netkvmp.exe"] == f"netkvmp.exe for {version.drivers[0]}".encode()


@pytest.mark.parametrize(
    ("driver", "file"),
    [(driver, file) for driver, infs in DRIVERS.items() for copied in infs.values() for file in copied]
    + [(driver, f"{name}.cat") for driver, infs in DRIVERS.items() for name in infs],
)
def test_a_medium_that_lacks_a_file_of_an_inf_is_refused_with_its_name(
    driver: str, file: str, tmp_path: Path
) -> None:
    path = virtio_win(tmp_path / "virtio.iso", "2k22", changes={f"{driver}/2k22/amd64/{file}": None})
    with pytest.raises(
        UsageError, match=rf"{driver}/2k22/amd64/.*\.inf names the file {file}, which it lacks"
    ):
        drivers.collect(path, find("windows-server-2022"))


def test_what_an_inf_has_in_another_folder_or_as_debug_symbols_goes_along(tmp_path: Path) -> None:
    folder = "viostor/2k22/amd64"
    text = b"[SourceDisksNames]\n1=x,,,\\Deep\n[SourceDisksFiles]\nA.DLL=1\nviostor.pdb=2\nviostor.SYS=2\n"
    changes = {f"{folder}/viostor.inf": text, f"{folder}/Deep/a.dll": b"deep"}
    path = virtio_win(tmp_path / "virtio.iso", "2k22", changes=changes)
    found, _ = drivers.collect(path, find("windows-server-2022"))
    assert found["viostor/Deep/a.dll"] == b"deep"
    assert "viostor/viostor.pdb" in found
    assert "viostor/viostor.cat" in found


def test_drivers_that_are_missing_are_named_with_the_iso_to_take(tmp_path: Path) -> None:
    path = virtio_win(tmp_path / "virtio.iso", "2k19")
    with pytest.raises(UsageError, match=r"no driver viostor for Windows Server 2025.*0\.1\.285"):
        drivers.collect(path, find("windows-server-2025"))


def test_an_iso_that_is_damaged_or_of_another_kind_is_refused(tmp_path: Path) -> None:
    path = virtio_win(tmp_path / "virtio.iso", "2k22")
    whole = path.read_bytes()
    for size in (0, 30_000, 40_000):
        path.write_bytes(whole[:size])
        with pytest.raises(UsageError, match="download it again"), disc.reading(path):
            pass
    plain = pycdlib.PyCdlib()
    plain.new()
    plain.write(str(path))
    plain.close()
    with pytest.raises(UsageError, match="short names only"), disc.reading(path):
        pass


@pytest.mark.parametrize("rock_ridge", [True, False], ids=["rock ridge", "joliet"])
def test_whatever_is_damaged_on_an_iso_it_is_used_or_refused(rock_ridge: bool, tmp_path: Path) -> None:
    path = virtio_win(tmp_path / "virtio.iso", "2k22", rock_ridge=rock_ridge)
    whole, chance, refused = path.read_bytes(), random.Random(16), 0
    written = [place for place in range(16 * 2048, len(whole)) if whole[place]]
    for _ in range(150):
        damaged = bytearray(whole)
        for place in chance.sample(written, 8):
            damaged[place] = chance.randrange(256)
        path.write_bytes(damaged)
        try:
            drivers.collect(path, find("windows-server-2022"))
        except UsageError:
            refused += 1
    assert refused


def test_an_openssh_archive_may_have_windows_own_separators(tmp_path: Path) -> None:
    archive = openssh_zip(tmp_path / "OpenSSH-Win64.zip", "OpenSSH-Win64\\install-sshd.ps1")
    assert files(openssh=archive)["wsk/openssh.zip"] == archive.read_bytes()


def test_another_archive_than_openssh_is_refused(tmp_path: Path) -> None:
    for path in (openssh_zip(tmp_path / "other.zip", "x.txt"), Path(__file__)):
        with pytest.raises(UsageError, match="Win32-OpenSSH"):
            files(openssh=path)
    with pytest.raises(UsageError, match="cannot read"):
        files(openssh=tmp_path / "none")


def test_a_name_that_joliet_cannot_hold_is_an_error_of_ours(tmp_path: Path) -> None:
    with pytest.raises(HarnessError, match="64 letters"):
        disc.write(tmp_path / "x.iso", "X", {"x" * 65: b""})


def test_secrets_are_new_each_time_and_pass_windows_rule() -> None:
    words = {secrets.password() for _ in range(50)}
    assert len(words) == 50
    for word in words:
        assert all(re.search(kind, word) for kind in ("[a-z]", "[A-Z]", "[0-9]"))
    (private, public), (other, _) = secrets.key_pair(), secrets.key_pair()
    assert private.startswith(b"-----BEGIN OPENSSH PRIVATE KEY-----")
    assert public.startswith("ssh-ed25519 ")
    assert private != other


def joliet(path: Path) -> dict[str, bytes]:
    """Every file of an ISO by its Joliet name."""
    iso = pycdlib.PyCdlib()
    iso.open(str(path))
    read = {}
    for folder, _, names in iso.walk(joliet_path="/"):
        for name in names:
            place, data = f"{folder.rstrip('/')}/{name}", io.BytesIO()
            iso.get_file_from_iso_fp(data, joliet_path=place)
            read[place.lstrip("/")] = data.getvalue()
    iso.close()
    return read
