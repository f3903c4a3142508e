# SPDX-License-Identifier: Apache-2.0
"""Wrong input of users is a line and exit status 2 or 3, at once, whatever command they give it to."""

import json
import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from commands import Told, command
from inputs import World
from runs import case, record

from harness.core import files
from harness.nightly import matrix
from harness.verdict import Outcome

LONG = "x" * 5000
DEEP = 100_000


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("world"))


@pytest.fixture(autouse=True)
def little_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "_PATIENCE_S", 0.05)


def write(data: bytes) -> Callable[[Path], Path]:
    def make(path: Path) -> Path:
        path.write_bytes(data)
        return path

    return make


def fifo(path: Path) -> Path:
    os.mkfifo(path)
    return path


def looped(path: Path) -> Path:
    path.symlink_to(path.name)
    return path


def listening(path: Path) -> Path:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(path))
    return path


def huge(path: Path) -> Path:
    with path.open("wb") as file:
        file.truncate(files.MOST_BYTES + 1)
    return path


def folder(path: Path) -> Path:
    path.mkdir()
    return path


FILES: dict[str, Callable[[Path], Path]] = {
    "missing": lambda path: path,
    "a long name": lambda path: path.with_name(LONG),
    "below a file": lambda path: write(b"")(path) / "x",
    "empty": write(b""),
    "an empty folder": folder,
    "a loop of links": looped,
    "a FIFO": fifo,
    "a socket": listening,
    "/dev/zero": lambda path: Path("/dev/zero"),
    "/dev/full": lambda path: Path("/dev/full"),
    "/dev/null": lambda path: Path("/dev/null"),
    "larger than memory likes": huge,
    "no text": write(b"\xff\xfe\x00\x01" * 50),
    "deep JSON": write(b"[" * DEEP + b"]" * DEEP),
    "deep TOML": write(b"x = " + b"[" * DEEP + b"]" * DEEP),
    "a number": write(b"17"),
    "a list": write(b'[{"schema": 4}]'),
    "an endless number": write(b'{"schema": ' + b"9" * 10_000 + b"}"),
    "control characters": write(b'{"\x1b[31m": "\x00"}'),
}
READERS: dict[str, Callable[[World, Path], tuple[object, ...]]] = {
    "show": lambda world, path: ("show", path),
    "report": lambda world, path: ("report", path),
    "report, markdown": lambda world, path: ("report", "--format", "markdown", path),
    "report, junit": lambda world, path: ("report", "--format", "junit", path),
    "report, json": lambda world, path: ("report", "--format", "json", path),
    "report against": lambda world, path: ("report", world.run, "--against", path),
    "report, capture": lambda world, path: ("report", "--capture", path),
    "report, connections": lambda world, path: ("report", "--capture", path, "--list"),
    "compare A": lambda world, path: ("compare", path, world.run),
    "compare B": lambda world, path: ("compare", world.run, path),
    "replay": lambda world, path: ("replay", "test_one", "--run", path),
    "nightly": lambda world, path: ("nightly", path, "--check"),
    "history keep": lambda world, path: ("history", "keep", path, "--store", world.folder / "new.sqlite"),
    "history known": lambda world, path: ("history", "page", "--known", path, "--store", world.store),
}


def is_a_line(told: Told) -> None:
    assert told.status in (2, 3), told
    assert "Traceback" not in told.err
    assert "an error of the harness itself" not in told.err
    assert told.err.count("wsk-conformance: ") <= 1
    assert len(told.err) < 2000
    assert all(letter.isprintable() or letter == "\n" for letter in told.err)
    assert told.seconds < 10


# A list of known issues may be empty.
WRONG_FILES = [
    (reader, kind) for reader in READERS for kind in FILES if (reader, kind) != ("history known", "empty")
]


@pytest.mark.parametrize(("reader", "kind"), WRONG_FILES)
def test_a_file_that_cannot_be_used_is_a_line(world: World, tmp_path: Path, reader: str, kind: str) -> None:
    path = FILES[kind](tmp_path / "given")
    is_a_line(command(*READERS[reader](world, path), folder=tmp_path))


STORES = ("a FIFO", "a socket", "/dev/zero", "/dev/null", "a loop of links", "an empty folder", "a long name")


@pytest.mark.parametrize("kind", [*STORES, "no text", "below a file"])
@pytest.mark.parametrize("verb", ["nights", "page", "changes", "prune"])
def test_a_store_that_is_none_is_a_line(tmp_path: Path, verb: str, kind: str) -> None:
    path = FILES[kind](tmp_path / "given")
    is_a_line(command("history", verb, "--store", path, folder=tmp_path))


OUTPUTS = ("/proc/nope/x", "/", "/dev/full/x", LONG, "/etc/passwd/x")
WRITERS = (
    ("nightly", "matrix.toml", "--markdown"),
    ("compare", "results/latest", "results/latest", "--json"),
    ("selfcheck", "--json"),
    ("doctor", "--bundle"),
    ("history", "page", "--store", "history.sqlite", "--output"),
)
# `history page` writes into a folder, and / is one.
WRONG_OUTPUTS = [
    (words, output) for words in WRITERS for output in OUTPUTS if (words[1], output) != ("page", "/")
]


@pytest.mark.parametrize("words", [words for words in WRITERS if words[-1] in ("--markdown", "--json")])
@pytest.mark.parametrize("leads", ["itself", "/nonexistent/x"])
def test_a_link_that_leads_nowhere_is_no_output(world: World, words: tuple[str, ...], leads: str) -> None:
    link = world.folder / "itself"
    link.unlink(missing_ok=True)
    link.symlink_to(leads)
    told = command(*words, link, folder=world.folder)
    assert (told.status, told.out) == (2, "")
    assert "cannot write" in told.err


def test_a_link_to_what_can_be_made_is_an_output(world: World, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "told.json")
    told = command("compare", world.run, world.other, "--json", tmp_path / "link", folder=tmp_path)
    assert told.status == 0
    assert (tmp_path / "told.json").is_file()


def test_a_pipe_that_a_program_was_started_with_is_an_output(world: World, tmp_path: Path) -> None:
    """As /dev/stdout may be one, or what a shell makes of >(program)."""
    reads, writes = os.pipe()
    with os.fdopen(reads, encoding="utf-8") as reader:
        told = command("compare", world.run, world.other, "--json", f"/dev/fd/{writes}", folder=tmp_path)
        os.close(writes)
        assert told.status == 0, told
        assert json.load(reader)["difference"] is False


def test_a_fifo_that_nobody_may_ever_read_is_no_output(world: World, tmp_path: Path) -> None:
    told = command("compare", world.run, world.other, "--json", fifo(tmp_path / "given"), folder=tmp_path)
    assert told.status == 2
    assert "it is not a file" in told.err


@pytest.mark.parametrize(("words", "output"), WRONG_OUTPUTS)
def test_an_output_that_cannot_be_is_told_before_the_work(
    world: World, words: tuple[str, ...], output: str
) -> None:
    is_a_line(command(*words, output, folder=world.folder))


@pytest.mark.parametrize(
    "words",
    [
        ("run", ""),
        ("run", " "),
        ("run", LONG),
        ("run", "::"),
        ("run", "/etc/passwd"),
        ("run", "suites/../README.md"),
        ("run", "suites/close/../../tests"),
        ("run", "--list", "--json"),
        ("run", "--guest", ""),
        ("run", "--guest", LONG),
        ("run", "--guest", "../reference"),
        ("run", "--guest", "\x1b[31mred"),
        ("run", "--fault", ""),
        ("run", "--freedom", ""),
        ("run", "--fault", LONG),
        ("run", "--fault", "\x1b]0;title\x07"),
        ("run", "--cpus", "0"),
        ("run", "--cpus", "9999999999999999999999"),
        ("run", "--cpus", "two"),
        ("run", "--at-once", "-1"),
        ("run", "-n", "65"),
        ("run", "-n", "1e3"),
        ("run", "--variants", "some"),
        ("run", "--nic", "floppy"),
        ("run", "--results", ""),
        ("run", "--results", "/dev/null"),
        ("run", "--results", "/dev/full/x"),
        ("run", "--results", LONG),
        ("run", "--results", "/proc/nothing"),
        ("run", "--results", "\udcff"),
        ("run", "--results", "a\nb"),
        ("run", "--baselines", "/dev/null"),
        ("run", "--baselines", "/etc/passwd"),
        ("run", "--no-such-option"),
        ("report", "a", "b"),
        ("report", "--format", "pdf"),
        ("report", "--list"),
        ("report", "--connection", "0"),
        ("report", "--connection", "1"),
        ("report", "--capture", "x", "--against", "y"),
        ("report", "--against", "results/latest", "--format", "json"),
        ("compare",),
        ("compare", "results/latest"),
        ("compare", "results/latest", ""),
        ("compare", "", ""),
        ("replay", "", "--run", "/nope"),
        ("replay", LONG, "--run", "results/latest"),
        ("replay", "test_one", "--run", "results/latest", "--fault", "x", "--no-fault"),
        ("replay", "test_one", "--run", "results/latest", "--guest", "nobody"),
        ("show",),
        ("show", ""),
        ("nightly", "matrix.toml", "--only", "nobody"),
        ("nightly", "matrix.toml", "--farm", ""),
        ("nightly", "matrix.toml", "--farm", "zzz"),
        ("nightly", "matrix.toml", "--jobs", "0"),
        ("nightly", "matrix.toml", "--jobs", "1000000"),
        ("history", "prune", "--keep-days", "9999999999", "--store", "history.sqlite"),
        ("history", "prune", "--keep-days", "0", "--store", "history.sqlite"),
        ("history", "prune", "--keep-nights", "-3", "--store", "history.sqlite"),
        ("history", "changes", LONG, "--store", "history.sqlite"),
        ("history", "changes", "nobody", "--store", "history.sqlite"),
        ("history", "changes", "--against", "x", "--baseline", "--store", "history.sqlite"),
        ("history", "pin", "\x1b[31m", "--store", "history.sqlite"),
        ("history", "nights", "--store", "mysql://x/y"),
        ("history", "nights", "--store", "://"),
        ("history", "nights", "--store", ""),
        ("history", "keep", "--store", "history.sqlite"),
        ("selfcheck", "--fault", "nobody"),
        ("selfcheck", "--labs", "0"),
        ("selfcheck", "--seconds", "nan"),
        ("explore", "--seconds", "nan"),
        ("explore", "--shrinking", "nan"),
        ("explore", "--against", ""),
        ("explore", "--against", "nobody"),
        ("explore", "--against-fault", "nothing"),
        ("explore", "--against-freedom", "\udcff"),
        ("try-driver", "x.sys", "--seconds", "nan"),
        ("image", "build", "windows-11", "--iso", "x", "--limit-scale", "nan"),
        ("image", "build", "windows-3.11", "--iso", "x", "--virtio-win", "y"),
        ("nonsense",),
        (LONG,),
        ("\x1b[31m",),
    ],
    ids=lambda words: " ".join(words)[:60].encode("unicode_escape").decode() or "nothing",
)
def test_wrong_words_are_a_line(world: World, words: tuple[str, ...]) -> None:
    is_a_line(command(*words, folder=world.folder))


def test_what_a_file_says_cannot_change_the_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matrix, "collect", lambda wanted: {each: ["a case"] for each in wanted})
    path = tmp_path / "m.toml"
    path.write_text('[[cell]]\nname = "plain"\nselect = "close and not \\u001b[31m"\n')
    told = command("nightly", path, "--check", folder=tmp_path)
    assert (told.status, "\x1b" in told.out) == (0, False)
    assert "\N{REPLACEMENT CHARACTER}[31m" in told.out


@pytest.mark.parametrize("words", [("report", "--format", "markdown"), ("report", "--format", "json")])
def test_what_a_guest_says_cannot_change_the_terminal(tmp_path: Path, words: tuple[str, ...]) -> None:
    red = "\x1b[31mred\x07"
    with record(tmp_path, guest={"name": red, "kind": red, "build": red}) as run:
        run.add(case(outcome=Outcome.DEVIATION, why=red, cause=red))
    for each in (words, ("report", "--format", "junit"), ("report",)):
        told = command(*each, run.folder, folder=tmp_path)
        assert told.status == 0, told
        assert "\x1b" not in told.out
    for made in ("junit.xml", "report.html"):
        assert "\x1b" not in (run.folder / made).read_text()
