# SPDX-License-Identifier: Apache-2.0
"""Cells on a farm: a real scheduler, real workers, and the reference guest."""

import subprocess
from pathlib import Path

import conformance
import farms
import pytest
from short_nights import cut_down, wait_for

from harness.core.errors import HarnessError
from harness.core.paths import REPOSITORY
from harness.history.night import load_night
from harness.lab import reaper
from harness.nightly import dask_worker, farm, images
from harness.nightly.farm import refusal
from harness.nightly.plan import RunOrder
from harness.nightly.version import version
from harness.report.record import load_run
from harness.verdict.attempts import LOST

OTHER_VERSION = REPOSITORY / "tests" / "support" / "other_version.py"
ORDER = RunOrder("a", "reference", (), (), 60.0, 768)


def facts(**changes: object) -> dask_worker.WorkerFacts:
    fields = {
        "version": version(),
        "host": "h",
        "cpus": 2,
        "memory_mib": 4096,
        "kvm": False,
        "has_image": True,
    }
    return dask_worker.WorkerFacts(**{**fields, **changes})  # type: ignore[arg-type]


def fits(order: RunOrder, host: dask_worker.WorkerFacts) -> bool:
    offers = dask_worker.resources_of(host, "0" * 64)
    return all(
        offers.get(name, 0) >= amount for name, amount in dask_worker.demands_of(order, "0" * 64).items()
    )


def test_a_cell_goes_where_version_memory_kvm_and_image_are_at_hand() -> None:
    assert fits(ORDER, facts())
    assert not fits(ORDER, facts(version="0.0.1-0123456789ab"))
    assert not fits(ORDER, facts(memory_mib=767))
    wants_kvm = RunOrder("a", "reference", (), (), 60.0, 768, kvm=True)
    assert not fits(wants_kvm, facts())
    assert fits(wants_kvm, facts(kvm=True))
    windows = RunOrder("a", "windows-11", (), (), 60.0, 768)
    assert not fits(windows, facts()), "its image is for the host to have: `dask worker --resources`"
    assert dask_worker.demands_of(windows, "")["image-windows-11"] == 1


def test_a_worker_that_cannot_take_part_is_told_why() -> None:
    assert refusal(facts()) == ""
    assert "it has version 0.0.1" in refusal(facts(version="0.0.1-0123456789ab"))
    assert "has not this version" in refusal(ModuleNotFoundError("No module named 'harness'"))


def test_no_scheduler_is_said_in_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(farm, "_CONNECT_LIMIT_S", 1.0)
    nobody = farm.Farm("tcp://127.0.0.1:9", [], {}, lambda line: None)
    with (
        pytest.raises(
            HarnessError, match=r"no Dask scheduler answers at tcp://127.0.0.1:9 .*\bdask scheduler"
        ),
        nobody,
    ):
        pass


def test_an_image_is_kept_once_by_its_digest_and_a_damaged_one_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest, archive = images.pack_image(lambda line: None)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert not images.at_hand(digest)
    with pytest.raises(HarnessError, match="was damaged on its way"):
        images.install("0" * 64, archive)
    assert not list(images.image_folder(digest).parent.glob("*-*"))
    images.install(digest, archive)
    assert images.at_hand(digest)
    images.install(digest, b"is not looked at again")
    (images.image_folder(digest) / "initramfs.cpio").write_bytes(b"cut")
    assert not images.at_hand(digest)


def test_the_cell_of_a_killed_worker_runs_elsewhere_and_both_attempts_are_on_record(tmp_path: Path) -> None:
    reaper.adopt()
    before = conformance.left_over()
    results, said = tmp_path / "results", tmp_path / "said"
    other = ("--preload", str(OTHER_VERSION))
    with farms.cluster(tmp_path / "farm", [(), (), other]) as cluster:
        process = begin_night(tmp_path, results, said, cluster.address)
        worker = farms.wait_for_line(said, r"plain: is with (tcp://\S+)", process)
        farms.wait_for_line(said, r"one-cpu: is with (tcp://\S+)", process)
        scratch = cluster.folder / f"worker-{list(cluster.workers).index(worker)}"
        wait_for(lambda: process.poll() is not None or any(scratch.rglob("serial-1.log")))
        cluster.lose(worker)
        status = process.wait(240)
        output = said.read_text()
        assert status == 0, output
        night = load_night(results / "nights" / "latest")
        lost, whole = next(cell for cell in night.cells if cell.name == "plain").attempts
        assert (lost.exit_status, lost.worker, lost.why) == (LOST, worker, "its worker was lost while it ran")
        assert (whole.number, whole.exit_status) == (2, 0)
        assert whole.worker in cluster.workers.keys() - {worker}
        other_worker = list(cluster.workers)[2]
        assert f"worker {other_worker} gets no cells: it has version 0.0.1-0123456789ab" in output
        for cell in night.cells:
            run = (results / "nights" / "latest" / str(cell.attempts[-1].run)).resolve()
            assert load_run(run)["cases"]
            assert list(run.glob("captures/*.pcapng"))
        wait_for(lambda: conformance.left_over() <= before)


def begin_night(folder: Path, results: Path, said: Path, address: str) -> "subprocess.Popen[bytes]":
    only = ("--only", "plain", "--only", "one-cpu")
    command = [str(conformance.BIN / "wsk-conformance"), "nightly", str(cut_down(folder)), *only]
    with said.open("wb") as out:
        return subprocess.Popen(
            [*command, "--farm", address, "--results", str(results)],
            cwd=REPOSITORY,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
