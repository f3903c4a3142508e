# SPDX-License-Identifier: Apache-2.0
"""wsk-conformance doctor: what this machine lacks, and a bundle for those who can help."""

import sys
from datetime import UTC, datetime
from pathlib import Path

import click

from harness.cli.findings import tell
from harness.cli.run_options import run_option

_EXIT_HARNESS = 3
_NAMED_BY_US = "a name of ours"


@click.command()
@run_option("guest", help="The guest that is to run here.")
@click.option(
    "--bundle",
    is_flag=False,
    flag_value=_NAMED_BY_US,
    metavar="[FILE]",
    help="Put into a zip what is needed to report a problem.",
)
@run_option("results", help="Folder that the bundle's last runs are in.")
def doctor(guest: str, bundle: str | None, results: Path) -> None:
    """Say what this machine lacks for a run.

    Each line is a check; what is missing comes with what to do about it, and
    makes the exit status 3.

    With --bundle all that somebody else needs to understand a failure goes into
    one zip: versions, these checks, the image's manifest, the words of its last
    failed build, and its last three runs. Secrets and names are masked; look
    at it before you send it. Exit status 0 when it was written.

    \b
    wsk-conformance doctor --guest windows-server-2025 --bundle
    wsk-conformance doctor --guest windows-server-2025 --bundle first-run.zip
    """
    from harness.diagnostics.doctor import checks

    found = checks(guest)
    for check in found:
        tell(check)
    if bundle is None:
        sys.exit(0 if all(check.ok for check in found) else _EXIT_HARNESS)
    from harness.diagnostics.bundle import collect

    collected = collect(guest, found, results)
    path = Path(_name(guest) if bundle == _NAMED_BY_US else bundle)
    collected.write(path)
    click.echo(f"\n{path} has, besides a README.txt:")
    for line in collected.contents():
        click.echo(f"  {line}")
    click.echo("secrets and names are masked as far as a program can know: look at it before you send it")


def _name(guest: str) -> str:
    plain = "".join(letter if letter.isalnum() or letter in "-." else "-" for letter in guest)
    return f"wsk-conformance-{plain}-{datetime.now(UTC):%Y%m%d-%H%M%S}.zip"
