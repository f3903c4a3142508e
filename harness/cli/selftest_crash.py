# SPDX-License-Identifier: Apache-2.0
"""wsk-conformance selftest-crash: does the evidence of a lost guest arrive?"""

import asyncio
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.findings import tell
from harness.cli.guest_folder import guest_folder, has_files, say
from harness.cli.run_options import run_option
from harness.core.paths import RESULTS
from harness.run.options import Settings

if TYPE_CHECKING:
    from harness.diagnostics.selftest import SelfTest

_EXIT_HARNESS = 3


@click.command("selftest-crash")
@run_option("guest", help="The guest to crash.")
@click.option("--hang", is_flag=True, help="Freeze it instead, so that it must be found to hang.")
@run_option("dump", default=True, show_default=True, help="Dump its memory from outside.")
@click.option("--keep", is_flag=True, help="Keep the evidence even when all is well.")
@run_option("results", default=RESULTS / "selftest-crash", help="Folder for the evidence.")
def selftest_crash(guest: str, hang: bool, dump: bool, keep: bool, results: Path) -> None:
    """Provoke a crash of a guest, or a hang, and check that its evidence arrives, step by step.

    The test driver does it on purpose, the same way in every guest: it calls
    KeBugCheckEx (0xE2), or loops at DISPATCH_LEVEL on every processor. A guest
    that hangs is sent an NMI, at which Windows stops with 0x80 and the
    reference guest panics.

    Takes some ten seconds with the reference guest. Exit status 0 when all is
    ok, 3 when something is MISSING. The evidence is kept when it is not all
    there, and deleted otherwise.
    """
    from harness.diagnostics.selftest import SelfTest
    from harness.guest import find
    from harness.run import preflight
    from harness.run.session import Session

    chosen = find(guest)
    settings = Settings(guest=guest, dump=dump, results=results)
    preflight.check(settings)
    well = False
    with guest_folder(results) as folder:
        try:
            chosen.prepare(say)  # while this process still has the host's network
            session = Session(settings, chosen, folder, say)
            well = asyncio.run(_perform(SelfTest(session, folder, hang, dump, say)))
        finally:
            if well and not keep:
                shutil.rmtree(folder)
            elif has_files(folder):
                click.echo(f"the evidence is in {folder}")
    sys.exit(0 if well else _EXIT_HARNESS)


async def _perform(test: "SelfTest") -> bool:
    well = True
    async for check in test.checks():
        tell(check)
        well &= check.ok
    return well
