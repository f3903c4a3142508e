# SPDX-License-Identifier: Apache-2.0
"""One zip with what somebody else needs to understand a run on this machine, and without anything private.

Only text goes in, masked, and never a guest's memory, disk or screen.
"""

import codecs
import io
import itertools
import json
import platform
import shutil
import subprocess
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

from harness import __version__
from harness.core import cache
from harness.core.check import Check
from harness.core.errors import UsageError, WskConformanceError
from harness.core.files import exists
from harness.core.system import this_system
from harness.diagnostics.masking import Mask
from harness.lab import kvm
from harness.report.files import write_atomically
from harness.report.markdown import markdown
from harness.report.record import RUN_FILE, load_run

_RUNS = 3
_MOST_TEXT = 2 << 20  # of a file; of a larger one the first and the last half of that
_MOST_FILES = 200
_MOST_SECRET_BYTES = 16 << 10
_COMMAND_LIMIT_S = 10.0
_COMMANDS = (
    ("QEMU", ("/usr/bin/qemu-system-x86_64", "--version")),
    ("qemu-img", ("qemu-img", "--version")),
    ("swtpm", ("swtpm", "--version")),
    ("packages", ("dpkg-query", "-W", "ovmf", "qemu-system-x86", "libvirt-daemon-driver-qemu", "swtpm")),
    ("processor", ("lscpu",)),
)
_README = """\
What `wsk-conformance doctor --bundle` found for the guest {guest}, to be sent to those who can help.

LOOK AT IT BEFORE YOU SEND IT. Passwords, private keys, the names of this machine
and of its users, and their home folders are replaced by <hidden>, <private key>,
<host>, <user> and <home>, as far as a program can know them. Not in here: the
guests' memory (dumps/), disks, screens (.png), packets and traces. Add what of
these is asked for yourself.

{contents}
"""


@dataclass
class Bundle:
    """The files of the zip, by name."""

    guest: str
    mask: Mask
    files: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)  # files that are not in it, and why

    def add(self, name: str, text: str) -> None:
        """Masked, and cut when it is long."""
        if len(self.files) >= _MOST_FILES:
            self._note(f"more than {_MOST_FILES} files: the rest is left out")
            return
        text = self.mask(text)  # before it is cut: half a secret is not known for one
        if len(text) > _MOST_TEXT:
            half = _MOST_TEXT // 2
            text = f"{text[:half]}\n[... {len(text) - _MOST_TEXT} characters left out ...]\n{text[-half:]}"
        self.files[name] = text

    def add_file(self, name: str, path: Path) -> None:
        """A text file that is really one: a link could lead anywhere."""
        if path.is_symlink() or not path.is_file():
            return
        try:
            self.add(name, _read(path))
        except OSError as error:
            self._note(f"{name} could not be read: {error.strerror}")

    def contents(self) -> list[str]:
        """One line for each file, and one for each that is missing."""
        return [*(f"{name} ({len(text)} characters)" for name, text in self.files.items()), *self.notes]

    def write(self, path: Path) -> None:
        """Raises UsageError when it cannot be written, or when there is something already."""
        if exists(path):
            raise UsageError(f"{path} is there already; name another file")
        readme = _README.format(guest=self.guest, contents="\n".join(self.contents()))
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, text in {"README.txt": readme, **self.files}.items():
                archive.writestr(name, text)
        try:
            write_atomically(path, buffer.getvalue(), mode=0o600)  # what a mask missed is nobody else's
        except OSError as error:
            raise UsageError(f"cannot write {path}: {error.strerror}") from None

    def _note(self, line: str) -> None:
        if line not in self.notes:
            self.notes.append(self.mask(line))


def collect(guest: str, checks: Iterable[Check], results: Path) -> Bundle:
    """All there is on this machine about a guest, which this version need not know."""
    bundle = Bundle(guest, Mask.of_this_machine(_secrets(_images())))
    bundle.add("doctor.txt", "\n".join(line for check in checks for line in check.lines()))
    bundle.add("versions.txt", "\n".join(_versions()))
    bundle.add("python-packages.txt", "\n".join(_python_packages()))
    _add_images(bundle, guest)
    _add_runs(bundle, guest, results)
    return bundle


def _images() -> Path:
    return cache.folder("images")


def _add_images(bundle: Bundle, guest: str) -> None:
    """The manifest of a sealed image, and the words of a build that failed."""
    found = False
    for folder in (_images() / guest, _images() / f"failed-{guest}"):
        manifests = [folder / "manifest.json"] if folder.name == guest else []
        for path in (*manifests, *_texts(folder, ("*.log", "*.txt", "*.xml"))):
            found |= path.is_file()
            bundle.add_file(f"images/{folder.name}/{path.name}", path)
    if not found:
        bundle.notes.append(f"no image of {guest}, and no build of one that failed")


def _add_runs(bundle: Bundle, guest: str, results: Path) -> None:
    runs = list(itertools.islice(_runs_of(guest, results), _RUNS))
    for folder, run in runs:
        name = f"runs/{run['run_id']}"
        bundle.add_file(f"{name}/{RUN_FILE}", folder / RUN_FILE)
        try:
            bundle.add(f"{name}/report.md", markdown(folder))
        except WskConformanceError as error:
            bundle.notes.append(f"{name} has no report: {error}")
        for path in _texts(folder, ("serial-*.log", "serial-*.xml")):
            bundle.add_file(f"{name}/{path.name}", path)
    if not runs:
        bundle.notes.append(f"no run of {guest} in {bundle.mask(str(results))}")
    kept = sorted((path for path in (results / "selftest-crash").glob("*") if path.is_dir()), reverse=True)
    for folder in [path for path in kept if _is_of(guest, path)][:1]:
        for path in _texts(folder, ("serial-*.log", "serial-*.xml")):
            bundle.add_file(f"selftest-crash/{folder.name}/{path.name}", path)


def _runs_of(guest: str, results: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Newest first; their names are moments. A folder that is no run is passed over."""
    for folder in sorted(results.glob("*"), reverse=True):
        if folder.is_symlink() or not (folder / RUN_FILE).is_file():
            continue
        try:
            run = load_run(folder)
        except UsageError:
            continue
        if run["guest"].get("name") == guest:
            yield folder, {**run, "run_id": folder.name}


def _is_of(guest: str, folder: Path) -> bool:
    """Does a folder hold the machines of that guest, and of no other?"""
    machines = _texts(folder, ("serial-*.xml",))
    return bool(machines) and all(f"<name>{guest}-" in _read(machine) for machine in machines)


def _texts(folder: Path, patterns: Iterable[str]) -> list[Path]:
    return sorted(path for pattern in patterns for path in folder.glob(pattern))


def _secrets(images: Path) -> Iterator[str]:
    """The lines of the files in which images keep their passwords and keys."""
    for path in images.glob("*/manifest.json"):
        try:
            told = json.loads(_read(path))
            names = [told.get("password_file"), told.get("key_file")] if isinstance(told, dict) else []
            texts = [_read(path.parent / Path(name).name, _MOST_SECRET_BYTES) for name in names if name]
        except (OSError, ValueError, TypeError):
            continue
        for text in texts:
            yield from (line.strip() for line in text.splitlines() if not line.startswith("-----"))


def _read(path: Path, most: int = 2 * _MOST_TEXT) -> str:
    """Reads at most so many bytes: the first half of them and the last."""
    with path.open("rb") as file:
        size = path.stat().st_size
        data = file.read(most if size <= most else most // 2)
        if size > most:
            file.seek(size - most // 2)
            data += b"\n[... some bytes left out ...]\n" + file.read(most // 2)
    return _decoded(data)


def _decoded(data: bytes) -> str:
    """Windows writes UTF-16, with a mark at its beginning or without: then every other byte is zero."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16", errors="replace")
    if data[1:512:2].count(0) > len(data[:512]) // 4:
        return data.decode("utf-16-le", errors="replace")
    return data.decode(errors="replace")


def _versions() -> Iterator[str]:
    usable, reason = kvm.usable()
    yield f"wsk-conformance {__version__}"
    yield f"Python {platform.python_version()}"
    yield f"kernel {platform.release()} {platform.version()} {platform.machine()}"
    yield f"system {this_system().name}"
    yield f"KVM {'works' if usable else 'is not used'}: {reason}"
    for parameter in sorted(Path("/sys/module").glob("kvm_*/parameters/nested")):
        yield f"{parameter.parts[3]} nested {parameter.read_text().strip()}"
    for name, command in _COMMANDS:
        yield f"\n{name}:\n{_output(command)}"


def _output(command: tuple[str, ...]) -> str:
    if shutil.which(command[0]) is None:
        return f"{command[0]} is not installed"
    try:
        said = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=_COMMAND_LIMIT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"{command[0]} does not answer: {error}"
    return (said.stdout + said.stderr).strip()


def _python_packages() -> list[str]:
    found = {f"{package.name}=={package.version}" for package in metadata.distributions()}
    return sorted(found, key=str.lower)
