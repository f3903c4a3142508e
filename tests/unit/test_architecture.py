# SPDX-License-Identifier: Apache-2.0
"""The harness is a house of rooms: each on a floor, and every import leads down."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

from harness.core.paths import REPOSITORY

HARNESS = REPOSITORY / "harness"
# The lowest first. Rooms of a floor know nothing of each other.
FLOORS = (
    {"core"},
    {"lab", "wire", "scenario"},
    {"guest", "peer"},
    {"evidence"},
    {"verdict"},
    {"report", "crash"},
    {"compare", "run", "image_builder"},
    {"history", "pytest_plugin"},
    {"nightly", "replay", "diagnostics", "explore", "tryout"},
    {"cli"},
)
FLOOR = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
# What reads only run.json and the files beside it knows no guest, no lab and no run.
READERS = {"report", "compare", "history"}
OF_A_LIVE_RUN = {"lab", "guest", "crash", "run", "pytest_plugin"}
MOST_LINES = 500
SOURCES = {".py", ".c", ".h", ".S", ".j2", ".js", ".css", ".ps1", ".sh"}
SUITES_USE = {"core", "scenario", "peer", "evidence", "verdict", "wire"}


@dataclass(frozen=True)
class Import:
    """An import of `imported` by `module`, both with their dots."""

    module: str
    imported: str
    line: int
    in_function: bool
    said_why: bool  # a comment on the line, or above it

    @property
    def rooms(self) -> tuple[str, str]:
        return room(self.module), room(self.imported)

    def __str__(self) -> str:
        return f"{self.module}:{self.line} imports {self.imported}"


def room(module: str) -> str:
    """The second part of the name; empty for what lies in harness/ itself."""
    name = module.split(".")[1] if "." in module else ""
    return name if not name.startswith("__") else ""


@cache
def modules() -> dict[str, Path]:
    names = {}
    for path in sorted(HARNESS.rglob("*.py")):
        dotted = ".".join(path.relative_to(REPOSITORY).with_suffix("").parts)
        names[dotted.removesuffix(".__init__")] = path
    return names


@cache
def all_imports() -> list[Import]:
    return [found for name, path in modules().items() for found in imports(name, path)]


def imports(module: str, path: Path) -> Iterator[Import]:
    lines = path.read_text().splitlines()
    tree = ast.parse("\n".join(lines))
    inside = {
        id(node)
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for node in ast.walk(function)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            for name in _names(node):
                yield Import(module, name, node.lineno, id(node) in inside, _says_why(lines, node))


def _says_why(lines: list[str], node: ast.Import | ast.ImportFrom) -> bool:
    """Is there a comment beside it, beside an import right above it, or above those?"""
    first = node.lineno - 1
    while lines[first - 1].strip().startswith(("from ", "import ")):
        first -= 1
    return any("#" in line for line in lines[max(first - 1, 0) : node.end_lineno])


def _names(node: ast.Import | ast.ImportFrom) -> Iterator[str]:
    """Modules: what `from package import name` takes may be one, or be in one."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
        return
    assert node.level == 0, "imports are absolute"
    for alias in node.names:
        whole = f"{node.module}.{alias.name}"
        yield whole if whole in modules() else str(node.module)


def of_ours() -> list[Import]:
    return [found for found in all_imports() if found.imported in modules()]


def test_no_module_lies_loose_and_every_room_has_its_floor() -> None:
    assert {path.name for path in HARNESS.glob("*.py")} == {"__init__.py", "__main__.py"}
    rooms = {path.parent.name for path in HARNESS.glob("*/__init__.py")}
    assert rooms - set(FLOOR) == set(), "a new room goes on a floor here, and into docs/architecture.md"


def test_every_room_says_what_it_is_about() -> None:
    silent = [
        path for path in HARNESS.glob("*/__init__.py") if not ast.get_docstring(ast.parse(path.read_text()))
    ]
    assert silent == []


def test_no_docstring_begins_with_of_or_what() -> None:
    """Such a one leaves out the noun that it is about, which its reader has to guess."""
    found = [text for path in _sources() for text in _docstrings(path)]
    assert len(found) > 1000
    assert [text for text in found if text.startswith("Of ")] == []
    laws = HARNESS / "verdict" / "laws"  # whose docstrings are the sentences of the laws
    of_harness = [path for path in HARNESS.rglob("*.py") if laws not in path.parents]
    assert [text for path in of_harness for text in _docstrings(path) if text.startswith("What ")] == []


def _sources() -> Iterator[Path]:
    for folder in ("harness", "suites", "images", "bench", "tests"):
        yield from sorted((REPOSITORY / folder).rglob("*.py"))


def _docstrings(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield ast.get_docstring(node) or ""


def test_every_import_leads_to_a_lower_floor() -> None:
    upward = [
        str(found)
        for found in of_ours()
        if all(found.rooms) and len(set(found.rooms)) == 2
        if FLOOR[found.rooms[0]] <= FLOOR[found.rooms[1]]
    ]
    assert upward == []


def test_there_is_no_circle_of_modules() -> None:
    uses: dict[str, set[str]] = {name: set() for name in modules()}
    for found in of_ours():
        uses[found.module].add(found.imported)
    # A package lists what its modules offer; a module takes from its own package only other modules.
    order = list(TopologicalSorter({name: used - {name} for name, used in uses.items()}).static_order())
    assert order.index("harness.core.errors") < order.index("harness.cli.main")


def test_what_reads_stored_runs_knows_nothing_that_is_alive() -> None:
    alive = [found for found in of_ours() if found.rooms[1] in OF_A_LIVE_RUN]
    assert [str(found) for found in alive if found.rooms[0] in READERS] == []


def test_lab_guest_and_wire_know_nothing_of_the_suites() -> None:
    knowing = [
        name
        for name, path in modules().items()
        if room(name) in {"lab", "guest", "wire"}
        and ("SUITES" in path.read_text() or "suites/" in path.read_text())
    ]
    assert knowing == []


def test_no_two_classes_share_a_name() -> None:
    places: dict[str, list[str]] = {}
    for folder in ("harness", "suites", "images", "bench"):
        for path in sorted((REPOSITORY / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.ClassDef):
                    places.setdefault(node.name, []).append(str(path.relative_to(REPOSITORY)))
    assert {name: found for name, found in places.items() if len(found) > 1} == {}


def test_suites_use_the_language_of_tests_and_nothing_behind_it() -> None:
    behind = [
        str(found)
        for path in sorted((REPOSITORY / "suites").rglob("*.py"))
        for found in imports(path.stem, path)
        if found.imported.startswith("harness.") and room(found.imported) not in SUITES_USE
    ]
    assert behind == []


def test_a_name_that_the_scenes_have_means_the_same_in_every_suite() -> None:
    """Names in capitals, which suites share or have for themselves."""
    suites = REPOSITORY / "suites"
    shared = _constants(suites / "scenes.py")
    assert "FORMS" in shared
    twice = {path.name: _constants(path) & shared for path in suites.rglob("test_*.py")}
    assert {name: names for name, names in twice.items() if names} == {}


def _constants(path: Path) -> set[str]:
    return {
        target.id
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name) and target.id.isupper()
    }


def test_an_import_inside_a_function_says_why() -> None:
    """In harness/cli its docstring says it for all: every command starts at once."""
    silent = [
        str(found)
        for found in all_imports()
        if found.in_function and not found.said_why and room(found.module) != "cli"
    ]
    assert silent == []


def test_the_conftest_loads_the_plugin_and_nothing_else() -> None:
    tree = ast.parse((REPOSITORY / "conftest.py").read_text())
    _docstring, *statements = tree.body
    assert [ast.unparse(statement) for statement in statements] == [
        "pytest_plugins = ('harness.pytest_plugin.entry',)"
    ]


def test_every_test_of_the_harness_is_in_a_room() -> None:
    assert [path.name for path in (REPOSITORY / "tests").glob("*.py")] == ["conftest.py"]


def test_no_file_is_longer_than_can_be_read_at_once() -> None:
    folders = ("harness", "guest_driver", "images", "suites", "tests", "bench")
    paths = [path for name in folders for path in (REPOSITORY / name).rglob("*") if path.suffix in SOURCES]
    lines = {str(path): len(path.read_text().splitlines()) for path in paths}
    assert len(lines) > 500
    assert {name: count for name, count in lines.items() if count > MOST_LINES} == {}
