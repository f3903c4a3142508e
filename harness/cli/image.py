# SPDX-License-Identifier: Apache-2.0
"""`wsk-conformance image`."""

import time
from pathlib import Path

import click

from harness.cli import param_types
from harness.core.errors import UsageError, WskConformanceError

_FILE = param_types.FilePath()


@click.group()
def image() -> None:
    """Build and keep images of Windows, from your own ISO.

    \b
    wsk-conformance image build windows-server-2022 --iso server2022.iso \\
        --virtio-win virtio-win.iso --openssh OpenSSH-Win64.zip
    wsk-conformance image list
    wsk-conformance image verify windows-server-2022
    wsk-conformance image rm windows-server-2022

    docs/windows.md says which ISOs, from where, and what each failure means.
    """


@image.command()
@click.argument("name", metavar="NAME")
@click.option("--iso", type=_FILE, required=True, help="Windows' installation medium.")
@click.option("--virtio-win", type=_FILE, help="Fedora's ISO of virtio drivers; has the guest agent too.")
@click.option("--openssh", type=_FILE, help="OpenSSH-Win64.zip, for versions that bring no SSH server.")
@click.option(
    "--product-key",
    envvar="WSK_PRODUCT_KEY",
    metavar="KEY",
    help="For retail and volume media; better in $WSK_PRODUCT_KEY, which no list of processes shows.",
)
@click.option("--accept-iso-sha256", "accepted", metavar="HASH", help="Use an ISO that is not known.")
@click.option(
    "--image",
    "number",
    type=click.IntRange(1, 99),
    metavar="N",
    help="Which image of the ISO's install.wim; known ISOs need no answer.",
)
@click.option(
    "--disk-bus",
    type=click.Choice(["sata", "virtio"]),
    default="sata",
    show_default=True,
    help="virtio is faster; crash dumps are surer on sata.",
)
@click.option("--memory", type=click.IntRange(256), metavar="MIB", help="Of the machine. [default: 4096]")
@click.option("--cpus", type=click.IntRange(1, 64), default=2, show_default=True, help="Of the machine.")
@click.option("--emulate", is_flag=True, help="Go on without KVM; takes many hours.")
@click.option("--replace", is_flag=True, help="Build another in the place of the image that is there.")
@click.option("--keep", is_flag=True, help="Keep the disk of a build that fails too, to look into it.")
@click.option(
    "--limit-scale",
    type=param_types.Number(0.01, 100),
    default=1.0,
    show_default=True,
    help="Multiply every time limit: 2 for a slow disk.",
)
def build(
    name: str,
    iso: Path,
    virtio_win: Path | None,
    openssh: Path | None,
    product_key: str | None,
    accepted: str | None,
    number: int | None,
    disk_bus: str,
    memory: int | None,
    cpus: int,
    emulate: bool,
    replace: bool,
    keep: bool,
    limit_scale: float,
) -> None:
    """Install Windows from your ISO, without a question, and seal the result.

    NAME is a version of Windows, as images/windows/versions.toml names it:
    windows-server-2022, windows-11. It takes some 10 to 60 minutes with KVM; each stage
    is told, and each has a limit. When it fails, the log of the guest's serial
    port and a picture of its screen are kept and named, and nothing else is.

    The ISO is checked against a list of those that are known
    (images/windows/isos.toml). Another is refused, with its SHA-256, until you
    have compared that with its origin's: --accept-iso-sha256.
    """
    from harness.image_builder import build as building
    from harness.image_builder.install import Pace
    from harness.image_builder.versions import find

    order = building.BuildOrder(
        version=find(name),
        iso=iso,
        virtio_win=virtio_win,
        openssh=openssh,
        product_key=None if product_key is None else product_key.strip().upper(),
        accepted=accepted,
        image=number,
        disk_bus=disk_bus,
        memory_mib=memory,
        cpus=cpus,
        emulate=emulate,
        replace=replace,
        keep=keep,
        pace=Pace(limit_scale),
    )
    began = time.monotonic()

    def tell(line: str) -> None:
        minutes, seconds = divmod(int(time.monotonic() - began), 60)
        click.echo(f"{minutes:4}:{seconds:02} {line}", err=True)

    click.echo(building.build(order, tell))


@image.command("list")
def list_images() -> None:
    """Name the images that are there, and how long they can be used."""
    from harness.guest import image_manifest
    from harness.image_builder import store

    names = store.names()
    if not names:
        click.echo(f"there is none yet: {image_manifest.how_to_build('NAME')}", err=True)
    for name in names:
        try:
            found = image_manifest.load(image_manifest.folder_of(name))
        except WskConformanceError as error:
            click.echo(f"{name}: {error}")
            continue
        click.echo(f"{name}: build {found.build}, by {', '.join(found.channels)}; {found.lasting()}")


@image.command()
@click.argument("name", metavar="NAME")
def verify(name: str) -> None:
    """Check every hash of an image, and that its evaluation has not ended."""
    from harness.guest import image_manifest
    from harness.image_builder.versions import find

    folder = image_manifest.folder_of(find(name).name)
    found = image_manifest.load(folder)
    image_manifest.check(folder, found, lambda line: click.echo(line, err=True), everything=True)
    if found.expired():
        raise UsageError(
            f"the evaluation of {name} ended on {found.ends}: Windows would shut itself down "
            f"every hour; build it again: `{image_manifest.how_to_build(name)} --replace`"
        )
    click.echo(f"{name}: {len(found.hashes)} files are as they were sealed; {found.lasting()}")


@image.command()
@click.argument("name", metavar="NAME")
def rm(name: str) -> None:
    """Delete an image."""
    from harness.image_builder import store
    from harness.image_builder.versions import find

    store.remove(find(name).name)
    click.echo(f"{name} is deleted")
