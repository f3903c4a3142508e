# SPDX-License-Identifier: Apache-2.0
"""Files that were damaged in any way end every command that reads them in order, and soon."""

import contextlib
import json
import shutil
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from commands import command
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from inputs import World
from nights import ONE

from harness.core.errors import UsageError
from harness.core.paths import REPOSITORY
from harness.verdict.baseline import Baseline

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from([10**400, -1, "\x1b[31m", "\ud800", "../../etc/passwd", "/dev/zero", "x" * 5000]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
MANY = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
BASELINE = {"suites/close/test_x.py::test_one": {"status": "STATUS_SUCCESS", "order": "close, then RST"}}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="module")
def old_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    copy = tmp_path_factory.mktemp("old") / "run"
    shutil.copytree(REPOSITORY / "tests/data/run-schema-3", copy)
    return copy


def changed_somewhere(data: st.DataObject, told: Any) -> Any:
    """The document with one value, anywhere in it, that is another or gone, or has another name."""
    place = told
    path: list[Any] = []
    while isinstance(place, dict | list) and place:
        keys = sorted(place) if isinstance(place, dict) else list(range(len(place)))
        path.append(data.draw(st.sampled_from(keys)))
        place = place[path[-1]]
        if data.draw(st.booleans()):
            break
    if not path:
        return data.draw(JSON)
    parent = told
    for key in path[:-1]:
        parent = parent[key]
    if data.draw(st.booleans()):
        parent[path[-1]] = data.draw(JSON)
    else:
        del parent[path[-1]]
    return told


def damaged(data: st.DataObject, whole: bytes) -> bytes:
    """Cut, or with some bytes that are others."""
    changed = bytearray(whole[: data.draw(st.integers(0, len(whole)))] if data.draw(st.booleans()) else whole)
    for _ in range(data.draw(st.integers(0, 8))):
        if changed:
            changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    return bytes(changed)


def ends_in_order(world: World, *words: object) -> None:
    told = command(*words, folder=world.folder)
    # 1 is the word for a difference, where differences are asked for.
    ends = (0, 1, 2, 3) if words[0] in ("compare", "replay") or "changes" in words else (0, 2, 3)
    assert told.status in ends, told
    assert "Traceback" not in told.err, told.err
    assert "an error of the harness itself" not in told.err, told.err
    assert told.seconds < 10


def with_damage(
    world: World, path: Path, mutated: bytes, *commands: Callable[[], tuple[object, ...]]
) -> None:
    whole = path.read_bytes()
    path.write_bytes(mutated)
    try:
        for words in commands:
            ends_in_order(world, *words())
    finally:
        path.write_bytes(whole)


def mutation(data: st.DataObject, path: Path) -> bytes:
    """A JSON file with damaged bytes, or with a changed value."""
    if data.draw(st.booleans()):
        return damaged(data, path.read_bytes())
    return json.dumps(changed_somewhere(data, json.loads(path.read_bytes()))).encode()


@MANY
@given(data=st.data())
def test_a_run(world: World, data: st.DataObject) -> None:
    path = world.run / "run.json"
    with_damage(
        world,
        path,
        mutation(data, path),
        lambda: ("report", world.run),
        lambda: ("report", "--format", "markdown", world.run),
        lambda: ("report", "--format", "junit", world.run),
        lambda: ("report", "--format", "json", world.run),
        lambda: ("compare", world.run, world.other),
        lambda: ("compare", world.other, world.run, "--format", "markdown"),
        lambda: ("replay", "nobody", "--run", world.run),
    )


@MANY
@given(data=st.data())
def test_a_night(world: World, data: st.DataObject) -> None:
    path = world.night / "night.json"
    store = world.folder / "mutated.sqlite"
    shutil.copyfile(world.store, store)
    with_damage(
        world,
        path,
        mutation(data, path),
        lambda: ("history", "keep", world.night, "--store", store),
        lambda: ("history", "nights", "--store", store),
        lambda: ("history", "changes", "--store", store),
        lambda: ("history", "summary", "--store", store),
    )


@MANY
@given(data=st.data())
def test_a_run_of_a_night(world: World, data: st.DataObject) -> None:
    path = world.night / "plain-1" / "run.json"
    store = world.folder / "mutated-run.sqlite"
    store.unlink(missing_ok=True)
    with_damage(
        world,
        path,
        mutation(data, path),
        lambda: ("history", "keep", world.night, "--store", store),
        lambda: ("history", "page", "--store", store, "--output", world.folder / "pages"),
    )


@settings(MANY, max_examples=15)
@given(data=st.data())
def test_a_matrix(world: World, data: st.DataObject, monkeypatch: pytest.MonkeyPatch) -> None:
    from harness.nightly import matrix

    monkeypatch.setattr(matrix, "collect", lambda wanted: {each: ["a case"] for each in wanted})
    whole = world.matrix.read_bytes()
    mutated = damaged(data, whole)
    if data.draw(st.booleans()):
        told = changed_somewhere(data, tomllib.loads(whole.decode()))
        try:
            mutated = tomli_w.dumps(told).encode()
        except (TypeError, ValueError, AttributeError, UnicodeError):
            mutated = repr(told).encode(errors="replace")
    with_damage(world, world.matrix, mutated, lambda: ("nightly", world.matrix, "--check"))


@MANY
@given(data=st.data())
def test_known_issues(world: World, data: st.DataObject) -> None:
    with_damage(
        world,
        world.known,
        damaged(data, world.known.read_bytes()),
        lambda: ("history", "summary", "--store", world.store, "--known", world.known),
    )


@MANY
@given(data=st.data())
def test_a_baseline(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    path = tmp_path_factory.mktemp("baseline") / "reference.toml"
    path.write_bytes(damaged(data, tomli_w.dumps(BASELINE).encode()))
    with contextlib.suppress(UsageError):
        Baseline(path)


@MANY
@given(data=st.data())
def test_a_timeline(world: World, data: st.DataObject, monkeypatch: pytest.MonkeyPatch) -> None:
    """Today's schema; what is replayed is the same case of a run that is whole."""
    monkeypatch.setattr("harness.replay.perform.perform", lambda _case, _settings: world.other)
    with_damage(
        world,
        world.timeline,
        mutation(data, world.timeline),
        lambda: ("report", world.run),
        lambda: ("report", "--format", "markdown", world.run),
        lambda: ("compare", world.run, world.other),
        lambda: ("replay", ONE, "--run", world.run),
    )


@settings(MANY, max_examples=15)
@given(data=st.data())
def test_a_timeline_of_an_older_release(
    old_run: Path, world: World, data: st.DataObject, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those were sentences, which are taken apart; a replay of it meets a case with another timeline."""
    monkeypatch.setattr("harness.replay.perform.perform", lambda _case, _settings: old_run)
    path = data.draw(st.sampled_from(sorted(old_run.glob("traces/*.timeline.json"))))
    case = "test_graceful_disconnect_ends_the_connection[ipv4-wsk-accept-event]"
    with_damage(
        world,
        path,
        mutation(data, path),
        lambda: ("report", old_run),
        lambda: ("replay", case, "--run", old_run),
    )


@settings(MANY, max_examples=20)
@given(data=st.data())
def test_samples_of_times(world: World, data: st.DataObject) -> None:
    run = world.night / "plain-1"
    with_damage(
        world,
        world.samples,
        mutation(data, world.samples),
        lambda: ("report", run),
        lambda: ("compare", run, world.folder / "nights" / "matrix-0001" / "plain-1"),
    )


@MANY
@given(data=st.data())
def test_a_capture(world: World, data: st.DataObject) -> None:
    with_damage(
        world,
        world.capture,
        damaged(data, world.capture.read_bytes()),
        lambda: ("report", "--capture", world.capture, "--list"),
        lambda: ("report", "--capture", world.capture),
    )


@MANY
@given(data=st.data())
def test_a_trace(world: World, data: st.DataObject) -> None:
    whole = world.trace.read_bytes()
    with_damage(world, world.trace, damaged(data, whole), lambda: ("show", world.trace))


@MANY
@given(data=st.data())
def test_a_scenario(world: World, data: st.DataObject) -> None:
    whole = world.scenario.read_bytes()
    with_damage(world, world.scenario, damaged(data, whole), lambda: ("show", world.scenario))
