# SPDX-License-Identifier: Apache-2.0
"""A stored case, performed again."""

from pathlib import Path

import conformance


def test_a_case_is_replayed_with_its_fault_and_without(tmp_path: Path) -> None:
    name = "suites/disconnect/test_graceful.py::test_graceful_disconnect_ends_the_connection[ipv4-wsk-socket]"
    ran = conformance.run(tmp_path / "first", name, "--fault", "rst-on-graceful")
    assert ran.status == 1, ran.output
    folder = str(ran.folder.resolve())
    for number, (options, status, told) in enumerate(
        (([], 0, "No line differs."), (["--no-fault"], 1, "| "))
    ):
        results = tmp_path / f"again-{number}"
        again = conformance.finish(
            results,
            conformance.start(results, "wsk-conformance", "replay", "ends_the", "--run", folder, *options),
        )
        assert again.status == status, again.output
        assert told in again.output
        assert "fault rst-on-graceful" in again.output
        assert again.record["settings"]["fault"] == (None if options else "rst-on-graceful")
