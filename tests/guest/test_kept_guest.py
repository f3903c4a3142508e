# SPDX-License-Identifier: Apache-2.0
"""A kept guest that is not what it was is dropped and booted again, and the run says so."""

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import conformance
import pytest

from harness.guest.reference import ReferenceGuest

BOOTS = "booting the guest, and keeping it booted for the starts that follow"
DIGEST_BYTES = hashlib.sha256().digest_size


@pytest.fixture(scope="module")
def keeps(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A cache with a guest that has booted, and its clock's rate."""
    guest = ReferenceGuest()
    guest.prepare(print)
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WSK_REFERENCE_IMAGE", str(guest.image))
        patch.setenv("XDG_CACHE_HOME", str(folder))
        yield folder / "wsk-conformance" / "frozen"


def kept_in(folder: Path) -> Path:
    (kept,) = folder.glob("[0-9a-f]*")
    return kept


def rated(rate: float) -> Callable[[Path], None]:
    def write(kept: Path) -> None:
        told = {"rate": rate, "error_ppm": 300, "of": kept.read_bytes()[:DIGEST_BYTES].hex()}
        kept.with_name(f".rate-{kept.name}").write_text(json.dumps(told))

    return write


def cut(kept: Path) -> None:
    kept.write_bytes(kept.read_bytes()[: 1 << 20])


def foreign(content: bytes | None) -> Callable[[Path], None]:
    """Whole by its digest, and nothing that this QEMU can go on from; None: the first half of what it was."""

    def write(kept: Path) -> None:
        old = kept.read_bytes()[DIGEST_BYTES:]
        new = old[: len(old) // 2] if content is None else content + old[len(content) :]
        kept.write_bytes(hashlib.sha256(new).digest() + new)

    return write


WRONG: dict[str, tuple[Callable[[Path], None], str]] = {
    "a rate that nothing explains": (rated(1.5), "the kept guest's clock runs wrong"),
    "a rate that cases contradict": (
        rated(1.05),
        "the guest's clock contradicts the host's: the kept",
    ),
    "cut short": (cut, BOOTS),
    "another machine's": (foreign(b"QEVM" + bytes(4096)), "the kept guest does not go on"),
    "no machine's": (foreign(b"something else" * 100), "the kept guest does not go on"),
    "half a machine": (foreign(None), "the kept guest does not go on"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_kept_wrongly_costs_one_boot_and_is_said(keeps: Path, tmp_path: Path, name: str) -> None:
    if not keeps.is_dir() or not list(keeps.glob("[0-9a-f]*")):
        assert conformance.run_cases(tmp_path / "first", "second").status == 0
    spoil, said = WRONG[name]
    spoil(kept_in(keeps))
    ran = conformance.run_cases(tmp_path / "spoiled", "second")
    assert (ran.status, ran.case("test_second")["outcome"]) == (0, "pass"), ran.output
    assert said in ran.output
    again = conformance.run_cases(tmp_path / "again", "second")
    assert (again.status, BOOTS in again.output, said in again.output) == (0, False, False), again.output
