# SPDX-License-Identifier: Apache-2.0
"""`wsk-conformance try-driver`. What other commands do without is imported in its function."""

import asyncio
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli import param_types
from harness.cli.guest_folder import say
from harness.cli.run_options import run_option
from harness.core.errors import UsageError, WskConformanceError
from harness.core.paths import RESULTS
from harness.run.options import Settings

if TYPE_CHECKING:
    from harness.report.record import RunRecord
    from harness.run.session import Session
    from harness.tryout.request import TryoutRequest
    from harness.tryout.verdict import TryoutVerdict

_PEER_PORT = 10007
_EXIT_HARNESS = 3


def _list_peers(context: click.Context, _option: click.Parameter, wanted: bool) -> None:
    """Lists the peers that --peer takes, and ends the command."""
    if not wanted or context.resilient_parsing:
        return
    from harness.tryout.peers import PEERS

    for name, (_, what) in PEERS.items():
        click.echo(f"{name:18} {what}")
    context.exit()


@click.command("try-driver")
@click.argument("file", type=param_types.FilePath())
@click.option(
    "--seconds",
    type=param_types.Number(0, 3600),
    default=5.0,
    show_default=True,
    help="Let it run so long; with --program, give up on that after so long.",
)
@click.option(
    "--program",
    type=param_types.FilePath(),
    help="A program or shell script for the guest (Linux, static): the driver runs until it ends. "
    "`ntdriver ioctl` sends controls; $PEER_ADDRESS, $PEER_PORT and $GUEST_ADDRESS are set.",
)
@click.option(
    "--ioctl",
    "ioctls",
    multiple=True,
    metavar="DEVICE:CODE[:INPUT[:SIZE]]",
    help="Send this control once it is loaded, buffered or direct. INPUT is hexadecimal; {peer} in it is the "
    "SOCKADDR_IN of the peer. May be repeated.",
)
@click.option("--peer", metavar="NAME", help="Have this peer at the other end.")
@click.option(
    "--peers", is_flag=True, is_eager=True, expose_value=False, callback=_list_peers, help="Name the peers."
)
@click.option(
    "--peer-port",
    type=click.IntRange(1024, 65535),
    default=_PEER_PORT,
    show_default=True,
    help="The port at which it listens.",
)
@click.option(
    "--connect-to",
    type=click.IntRange(1, 65535),
    metavar="PORT",
    help="The peer does not listen: it connects to this port of the driver's.",
)
@click.option(
    "--verifier",
    type=click.Choice(["standard", "full"]),
    default="standard",
    show_default=True,
    help="full: special pool too, which finds over-runs and uses of freed pool in the act.",
)
@click.option(
    "--strict-client/--no-strict-client",
    default=True,
    show_default=True,
    help="Hold it to what the documents ask of a client of WSK.",
)
@click.option("--keep", is_flag=True, help="At the end, a shell in the lab with the guest still there.")
@run_option("results", default=RESULTS / "try-driver", help="Folder for what the try leaves.")
def try_driver(
    file: Path,
    seconds: float,
    program: Path | None,
    ioctls: tuple[str, ...],
    peer: str | None,
    peer_port: int,
    connect_to: int | None,
    verifier: str,
    strict_client: bool,
    keep: bool,
    results: Path,
) -> None:
    """Try a Windows driver of your own: load it into a fresh reference guest, let it run, unload it.

    Tells what the guest's verifier found (a bugcheck with its stack, pool and
    IRPs left, rules for clients of WSK), what the driver asked of WSK, and what
    it imports; leaves a report and a capture with its calls between the packets.

    \b
    wsk-conformance try-driver echosrv.sys --peer withholds-fin-ack --connect-to 40007
    wsk-conformance try-driver mine.sys --peer zero-window --ioctl 'Mine:0x222000:{peer}'

    Exit status: 0 nothing was found, 1 the driver broke something, 2 wrong usage
    or no driver, 3 the guest lacks what it imports, or the harness failed.
    """
    request = _checked(file, seconds, program, ioctls, peer, peer_port, connect_to, verifier)
    settings = Settings(strict_client=strict_client, results=results)
    sys.exit(_performed(request, settings, keep=keep))


def _checked(
    file: Path,
    seconds: float,
    program: Path | None,
    ioctls: tuple[str, ...],
    peer: str | None,
    peer_port: int,
    connect_to: int | None,
    verifier: str,
) -> "TryoutRequest":
    """Raises UsageError for whatever is wrong with it."""
    from harness.core.files import read_bytes
    from harness.tryout.driver_file import DriverFile
    from harness.tryout.peers import find_peer
    from harness.tryout.request import Ioctl, TryoutRequest

    driver = DriverFile.read(file)
    if peer is not None:
        find_peer(peer)
    if connect_to is not None and (peer is None or not find_peer(peer).answers):
        raise UsageError("--connect-to wants a --peer that makes connections")
    if program is not None:
        read_bytes(program)  # raises what keeps it from being read
    controls = tuple(map(Ioctl.parse, ioctls))
    return TryoutRequest(driver, seconds, controls, program, peer, peer_port, connect_to, verifier == "full")


def _performed(request: "TryoutRequest", settings: Settings, *, keep: bool) -> int:
    from harness.pytest_plugin.plugin import chosen_guest
    from harness.report.html import write_report
    from harness.report.record import RunRecord
    from harness.run import preflight
    from harness.run.session import Session

    guest = chosen_guest(settings)
    preflight.check(settings)
    guest.prepare(say)  # while this process still has the host's network
    asked = {"strict_client": settings.strict_client, "peer": request.peer, "verifier": request.special_pool}
    with RunRecord(settings.results, guest={"name": guest.name}, settings=asked, requirements=[]) as record:
        session = Session(settings, guest, record.folder, say)
        told = asyncio.run(_tried(session, request, record, keep=keep))
    for line in _lines(told):
        click.echo(line)
    click.echo(f"report: {write_report(record.folder)}")
    from harness.verdict.outcome import Outcome, exit_status

    return _EXIT_HARNESS if told.outcome is Outcome.UNSUPPORTED else exit_status([told.outcome])


async def _tried(
    session: "Session", request: "TryoutRequest", record: "RunRecord", *, keep: bool
) -> "TryoutVerdict":
    from harness.run.session import GuestLost
    from harness.tryout.attempt import TryoutRun
    from harness.tryout.call_trace import CallTrace
    from harness.tryout.story import DriverStory
    from harness.tryout.verdict import judge
    from harness.tryout.writer import write_case

    attempt = TryoutRun(session, request, say)
    begun = time.monotonic()
    async with session:
        error: BaseException | None = None
        try:
            await attempt.run()
        except (WskConformanceError, GuestLost) as met:
            if attempt.seen.guest is None:
                raise
            error = met
        seen = attempt.seen
        if seen.guest is None:
            raise AssertionError("a try that went well had a guest")
        record.describe_guest(kind="tried", build=seen.guest.build, accelerator=seen.guest.accelerator)
        serial = seen.guest.machine.serial_log.read_text(errors="replace")
        story = DriverStory(CallTrace.of(seen.trace, serial))
        told = judge(request, seen, story, serial, error)
        write_case(record, session, request, seen, story, told, time.monotonic() - begun)
        if keep and error is None:
            await _shell(session)
    return told


async def _shell(session: "Session") -> None:
    from harness.run.lab_shell import WELCOME, LabShell, own_shell

    say(WELCOME)
    await LabShell(session, own_shell()).run()


def _lines(told: "TryoutVerdict") -> list[str]:
    lines = [f"{told.outcome}{f': {told.why}' if told.why else ''}"]
    for finding in told.findings:
        lines += [f"{finding.subject}:", *(f"  {line}" for line in finding.lines)]
    return lines
