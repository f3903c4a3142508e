# SPDX-License-Identifier: Apache-2.0
"""`wsk-conformance shell`: a lab to work in by hand."""

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli.guest_folder import guest_folder, say
from harness.cli.run_options import run_option, run_options
from harness.core.paths import RESULTS
from harness.run.options import STARTS_GUEST, Settings

if TYPE_CHECKING:
    from harness.run.session import Session


@click.command()
@run_options(STARTS_GUEST)
@click.option("-c", "command", metavar="COMMAND", help="Run this instead of an interactive shell, as sh -c.")
@run_option("results", default=RESULTS / "shell", help="Folder for the guest's serial log.")
def shell(command: str | None, results: Path, **chosen: Any) -> None:
    """Start a guest and work in its lab by hand: a shell in the lab's network, with the guest beside it.

    \b
    wsk-conformance shell
    wsk-conformance shell -c 'guest dmesg | tail'
    wsk-conformance shell -c 'scenario results/latest/scenarios/CASE.scenario 5'

    Exit status: that of the shell or COMMAND; 2 and 3 as of every command when
    the guest could not be started. docs/debugging.md shows a session.
    """
    from harness.pytest_plugin.plugin import chosen_guest
    from harness.run import preflight
    from harness.run.lab_shell import own_shell
    from harness.run.session import Session

    settings = Settings(**chosen, results=results)
    guest = chosen_guest(settings)
    words = ["/bin/sh", "-c", command] if command else own_shell()
    preflight.check(settings)
    with guest_folder(results) as folder:
        guest.prepare(say)  # while this process still has the host's network
        session = Session(settings, guest, folder, say)  # moves this process into the lab's network
        status = asyncio.run(_perform(session, words))
    sys.exit(status)


async def _perform(session: "Session", words: list[str]) -> int:
    from harness.run.lab_shell import WELCOME, LabShell

    async with session:
        await session.guest_pool.ready()
        if words[1:2] != ["-c"]:
            say(WELCOME)
        return await LabShell(session, words).run()
