# SPDX-License-Identifier: Apache-2.0
"""The declaration of an option; the options themselves are declared in options.py."""

from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields
from enum import Enum, auto
from types import NoneType
from typing import Any, TypeVar, get_args, get_type_hints

_Default = TypeVar("_Default")
_DECLARED = "option"  # key in a field's metadata


class Topic(Enum):
    """Subject of an option. A stored run has those of the first two, a matrix those of the first three."""

    GUEST = auto()  # which guest, and how it is started: a case is replayed with the same
    LOAD = auto()  # how much goes on at a time
    CASES = auto()  # which cases are run
    HOST = auto()  # what may be done here, and where it leaves things


@dataclass(frozen=True)
class Option:
    """One option of a run, for whoever offers it: click, pytest, a command line, a matrix, a replay."""

    name: str  # in Settings, in run.json, and as the key in a matrix
    flag: str  # on a command line
    help: str  # a sentence
    topic: Topic
    kind: type  # of the value: str, int, bool or Path
    default: Any
    default_text: str  # where the help shows another text than the default
    optional: bool  # may it be None: left to the guest, or not asked for?
    choices: tuple[str, ...]
    within: tuple[int, int] | None  # the least and the most, for an int
    metavar: str
    axis: bool  # does a list of values in a matrix make a cell of each?
    depends_on_guest: bool  # only guests that name it in `takes` can be started with it
    native_to_pytest: bool  # pytest or one of its plugins has declared it

    @property
    def is_switch(self) -> bool:
        return self.kind is bool

    @property
    def opposite(self) -> str:
        """The flag that switches it off, for a switch that is also left open; else empty."""
        return f"--no-{self.flag.removeprefix('--')}" if self.is_switch and self.optional else ""

    @property
    def shown_default(self) -> str:
        """The default for a help text; empty when there is nothing to show."""
        return self.default_text or ("" if self.default in (None, False) else str(self.default))

    @property
    def in_matrix(self) -> bool:
        return self.topic is not Topic.HOST

    @property
    def in_record(self) -> bool:
        """Does run.json have it?"""
        return self.topic in (Topic.GUEST, Topic.LOAD) and self.name != "guest"

    def accepts(self, value: object) -> bool:
        """Is this, read from a file, a value of it?"""
        if value is None:
            return self.optional
        if type(value) is not self.kind or (self.choices and value not in self.choices):
            return False
        if self.within is None or not isinstance(value, int):
            return True
        return self.within[0] <= value <= self.within[1]

    def words(self, value: Any) -> list[str]:
        """The value on a command line; nothing for None and for a switch that is off."""
        if value is None:
            return []
        if self.is_switch:
            word = self.flag if value else self.opposite
            return [word] if word else []
        return [self.flag, str(value)]


def option(
    default: _Default,
    help: str,
    topic: Topic,
    *,
    flag: str = "",
    default_text: str = "",
    choices: tuple[str, ...] = (),
    within: tuple[int, int] | None = None,
    metavar: str = "",
    axis: bool = False,
    depends_on_guest: bool = False,
    native_to_pytest: bool = False,
) -> _Default:
    """A field of a dataclass that a user can choose; its flag is made of its name unless one is given."""
    said = {key: value for key, value in locals().items() if key != "default"}
    declared: Any = field(default=default, metadata={_DECLARED: said})
    return declared  # type: ignore[no-any-return]


def options_of(settings: type) -> tuple[Option, ...]:
    """The options in the order in which they are declared."""
    hints = get_type_hints(settings)
    declared = [made for made in fields(settings) if _DECLARED in made.metadata]
    return tuple(_option(made, hints[made.name]) for made in declared)


def _option(made: "Field[Any]", hint: Any) -> Option:
    said = dict(made.metadata[_DECLARED])
    said["flag"] = said["flag"] or "--" + made.name.replace("_", "-")
    kinds = [kind for kind in get_args(hint) or (hint,) if kind is not NoneType]
    return Option(
        name=made.name, kind=kinds[0], optional=NoneType in get_args(hint), default=made.default, **said
    )


def command_line(options: tuple[Option, ...], chosen: Mapping[str, Any]) -> list[str]:
    """The command-line arguments that give an option this value."""
    return [word for one in options if one.name in chosen for word in one.words(chosen[one.name])]
