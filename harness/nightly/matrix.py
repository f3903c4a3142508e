# SPDX-License-Identifier: Apache-2.0
"""The matrix file: which guests, with which settings (docs/nightly.md describes it for its authors).

Everything that is wrong with one is said at once, and before anything boots.
"""

import difflib
import hashlib
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, create_model

from harness.core.errors import UsageError
from harness.core.files import as_toml, read_bytes
from harness.guest import find
from harness.guest.base import freedom_and_seed
from harness.history.night import Setting
from harness.nightly.collect import collect
from harness.nightly.plan import Plan
from harness.run.option import Option
from harness.run.options import OPTIONS

# Names become folders, and parts of Dask's keys.
_NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
_FAMILY = "family"  # an axis that a run has no option for
_HARNESS_MIB = 512  # what a lab takes beside its guest: QEMU, and the harness itself
_MINUTE_S = 60.0
_WORDS = {
    "extra_forbidden": "there is no such setting; there are: {known}",
    "string_pattern_mismatch": "must be letters, digits, '.', '_' and '-', at most 64",
}


def _listed(value: Any) -> Any:
    return value if isinstance(value, list) else [value]


_Value = TypeVar("_Value")
_Axis = Annotated[list[_Value], BeforeValidator(_listed), Field(min_length=1)]
_Text = Annotated[str, Field(min_length=1)]


class _CellSettings(BaseModel):
    """The keys of a cell that are no options of a run, and its guest."""

    model_config = ConfigDict(extra="forbid", strict=True)

    guest: _Axis[_Text] = ["reference"]
    family: _Axis[Literal["ipv4", "ipv6"]] | None = None
    suites: Annotated[list[_Text], Field(min_length=1)] | None = None
    attempts: Annotated[int, Field(ge=1, le=9)] = 1
    limit_minutes: Annotated[int, Field(ge=1, le=1440)] = 120
    explore_minutes: Annotated[int, Field(ge=1, le=1440)] | None = None
    kvm: bool = False


def _values(one: Option) -> Any:
    """The type of what a matrix may say for an option."""
    value: Any = _Text if one.kind is str else one.kind
    if one.choices:
        value = Literal[one.choices]
    elif one.within:
        value = Annotated[int, Field(ge=one.within[0], le=one.within[1])]
    return _Axis[value] if one.axis else value


# What a cell leaves open is left to `wsk-conformance run`. A list for an axis makes a cell of each value.
_CHOICES = [one for one in OPTIONS if one.in_matrix]
_AXES = (*(one.name for one in _CHOICES if one.axis), _FAMILY)
_FIELDS: dict[str, Any] = {one.name: (_values(one) | None, None) for one in _CHOICES if one.name != "guest"}
_Settings = create_model("_Settings", __base__=_CellSettings, **_FIELDS)


class _Cell(_Settings):  # type: ignore[valid-type, misc]
    name: Annotated[str, Field(pattern=_NAME)] = ""


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    defaults: dict[str, Any] = {}
    cell: list[dict[str, Any]] = []


_Model = TypeVar("_Model", bound=BaseModel)


@dataclass(frozen=True)
class Matrix:
    """A matrix file that is in order."""

    name: str
    sha256: str
    plans: list[Plan]


def load_matrix(path: Path) -> Matrix:
    """Raises UsageError with all that is wrong with the file, a line each with its place."""
    data = read_bytes(path, "the matrix")
    told = as_toml(data, path)
    reader = _Reader()
    plans = list(_with_cases(list(reader.plans(told)), reader.errors))
    if errors := reader.errors:
        count = "an error" if len(errors) == 1 else f"{len(errors)} errors"
        raise UsageError(
            "\n".join([f"{path} has {count}; nothing was run", *(f"  {line}" for line in errors)])
        )
    return Matrix(path.stem, hashlib.sha256(data).hexdigest(), plans)


class _Reader:
    """Goes on behind an error: a fault in one place says nothing of the others."""

    def __init__(self) -> None:
        self.errors: list[str] = []
        self._names: set[str] = set()

    def plans(self, told: Any) -> Iterator[Plan]:
        file = self._valid(_File, told, "")
        defaults = self._valid(_Settings, file.defaults, "defaults").model_dump(exclude_unset=True)
        if not file.cell and "cell" not in told:
            self.errors.append("there is no [[cell]]")
        for number, cell in enumerate(file.cell, 1):
            name = cell.get("name")
            place = f"cell {number} ({name})" if isinstance(name, str) else f"cell {number}"
            if name is None:
                self.errors.append(f"{place}, name: is missing")
            yield from self._cells(self._valid(_Cell, {**defaults, **cell}, place), place)

    def _valid(self, model: type[_Model], told: dict[str, Any], place: str) -> _Model:
        """The entries that are in order."""
        try:
            return model.model_validate(told)
        except ValidationError as error:
            details = error.errors(include_url=False)
        known = ", ".join(model.model_fields)
        for detail in details:
            where = ", ".join(filter(None, [place, str(detail["loc"][0])]))
            words = _WORDS.get(detail["type"], detail["msg"][:1].lower() + detail["msg"][1:])
            self._say(f"{where}: {words.format(known=known)}")
        wrong = {detail["loc"][0] for detail in details}
        return model.model_validate({key: value for key, value in told.items() if key not in wrong})

    def _cells(self, cell: _Cell, place: str) -> Iterator[Plan]:
        """One for each combination of the axes' values; an axis of several values is a part of the name."""
        axes = {axis: values for axis in _AXES if (values := getattr(cell, axis)) is not None}
        several = [axis for axis, values in axes.items() if len(values) > 1]
        for choice in itertools.product(*axes.values()):
            chosen = dict(zip(axes, choice, strict=True))
            name = "-".join([cell.name, *(_in_name(axis, chosen[axis]) for axis in several)])
            if name in self._names:
                self._say(f"{place}, name: there is another cell {name}")
            self._names |= {name} if cell.name else set()
            problems = [*_unfit(chosen), *_too_long(cell)]
            for problem in problems:
                self._say(f"{place}, {problem}")
            if not problems:
                yield _plan(name, cell, chosen)

    def _say(self, line: str) -> None:
        if line not in self.errors:
            self.errors.append(line)


def _too_long(cell: _Cell) -> Iterator[str]:
    if cell.explore_minutes is not None and cell.explore_minutes >= cell.limit_minutes:
        yield f"explore_minutes: must be less than limit_minutes, which is {cell.limit_minutes}"


def _in_name(axis: str, value: Setting) -> str:
    return value.replace(",", "_") if isinstance(value, str) else f"{axis}{int(value)}"


def _unfit(chosen: Mapping[str, Any]) -> Iterator[str]:
    """The errors of options that this guest cannot be started with."""
    try:
        guest = find(chosen["guest"])
    except UsageError as error:
        yield f"guest: {error}"
        return
    faults = guest.faults()
    if (fault := chosen.get("fault")) and fault not in faults:
        near = difflib.get_close_matches(fault, faults)
        yield f"fault: {guest.name} has no fault {fault!r}" + (f"; it has {', '.join(near)}" if near else "")
    freedoms = guest.freedoms()
    for freedom in (chosen.get("freedom") or "").split(","):
        if freedom and freedom_and_seed(freedom)[0] not in freedoms:
            near = difflib.get_close_matches(freedom, freedoms)
            yield f"freedom: {guest.name} has no freedom {freedom!r}" + (
                f"; it has {', '.join(near)}" if near else ""
            )
    for one in _CHOICES:
        if one.depends_on_guest and chosen.get(one.name) and one.name not in guest.takes:
            yield f"{one.name}: {guest.name} cannot be started with it; leave it out"


def _plan(name: str, cell: _Cell, chosen: Mapping[str, Any]) -> Plan:
    others = [one.name for one in _CHOICES if not one.axis]
    settings = {axis: value for axis, value in chosen.items() if axis != "guest"}
    settings |= {name: value for name in others if (value := getattr(cell, name)) is not None}
    settings |= {"suites": " ".join(cell.suites)} if cell.suites else {}
    settings |= {"explore_minutes": cell.explore_minutes} if cell.explore_minutes else {}
    return Plan(
        name=name,
        guest=chosen["guest"],
        settings=settings,
        suites=tuple(cell.suites or ()),
        attempts=1 if cell.explore_minutes else cell.attempts,  # a find is confirmed by itself
        limit_s=cell.limit_minutes * _MINUTE_S,
        memory_mib=(find(chosen["guest"]).memory_mib + _HARNESS_MIB) * (cell.labs or 1),
        kvm=cell.kvm,
        explores_s=cell.explore_minutes * _MINUTE_S if cell.explore_minutes else None,
    )


def _with_cases(plans: list[Plan], errors: list[str]) -> Iterator[Plan]:
    """Each with the cases that it selects; one that selects none is wrong."""
    wanted = [() if plan.explores_s else (*plan.filters, *plan.suites) for plan in plans]
    found = collect([each for plan, each in zip(plans, wanted, strict=True) if not plan.explores_s])
    for plan, selection in zip(plans, wanted, strict=True):
        cases = [] if plan.explores_s else found[selection]
        if isinstance(cases, UsageError):
            errors.append(f"{plan.name}: {cases}")
        else:
            yield replace(plan, cases=tuple(cases))
