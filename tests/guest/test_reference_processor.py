# SPDX-License-Identifier: Apache-2.0
"""The processor as a driver finds it in the reference guest: registers, IRQL, shared data, exceptions."""

import subprocess
from pathlib import Path

import conformance
import pytest
from labs import finish, start_lab
from reference_drivers import assert_all_checks_pass, build, build_loader, build_program, verdicts

from harness.core.paths import DRIVER

_BODY = """
async def main():
    folder = Path(sys.argv[1])
    with Hypervisor() as hypervisor:
        guest = await started(hypervisor)
        for name in ("ntload", "registers.sys", "registers_program", "inlines.sys"):
            await guest.connection.put(f"/tmp/{name}", (folder / name).read_bytes())
        done = await guest.connection.exec(
            "cd /tmp; chmod +x ntload registers_program; ./ntload r /tmp/registers.sys; "
            "./registers_program; ./ntload r -; ./ntload i /tmp/inlines.sys; ./ntload i -; dmesg",
            limit=300,
        )
        (folder / "said").write_bytes(done.stdout)
        await guest.stop()
asyncio.run(main())
"""


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The output of both drivers and the program, in one guest."""
    folder = tmp_path_factory.mktemp("processor")
    build_loader(folder)
    build_program("registers_program", folder)
    build("registers", folder)
    build("inlines", folder)
    finish(start_lab(_BODY, folder), limit=600)
    return (folder / "said").read_text(errors="replace")


def test_sse_registers_are_those_of_whoever_keeps_something_in_them(said: str) -> None:
    """Two programs, three threads, a DPC every millisecond and controls, all with SSE, on two processors."""
    assert said.splitlines()[1:3] == ["0 lost, 0 refused"] * 2, said
    assert verdicts(said, "registers") == {
        "all-took-part": True,
        "kept-over-waits": True,
        "kept-over-calls-of-wsk": True,
        "kept-in-a-control": True,
        "stack-is-aligned": True,
    }


def test_the_inline_functions_of_the_headers_agree_with_the_kernel(said: str) -> None:
    """IRQL by CR8, processor and thread by GS, time and version by KUSER_SHARED_DATA."""
    assert_all_checks_pass(said, "inlines", 22)


def test_our_own_driver_may_use_sse_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Built as Microsoft's compiler would, with SSE wherever that is faster: the suites see no difference."""
    driver = tmp_path / "wsktest.sys"
    build = ["make", "-s", "-C", str(DRIVER), f"OUT={tmp_path}", "REGISTERS=-O3 -msse2", str(driver)]
    subprocess.run(build, check=True, stdout=subprocess.DEVNULL)
    code = subprocess.run(
        ["x86_64-w64-mingw32-objdump", "-d", str(driver)], check=True, capture_output=True, text=True
    ).stdout
    assert code.count("%xmm") > 50
    monkeypatch.setenv("WSK_DRIVER", str(driver))
    ran = conformance.run(tmp_path, "suites/contract", "suites/close/test_pending.py")
    assert ran.status == 0, ran.output
