# SPDX-License-Identifier: Apache-2.0
"""The options of a run (harness/run/options.py) as click has them."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import click

from harness.cli import param_types
from harness.run.option import Option
from harness.run.options import BY_NAME

_Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def run_option(name: str, **otherwise: Any) -> _Decorator:
    """One option, for a command that offers it with another default or help text."""
    return _as_click(BY_NAME[name], **otherwise)


def run_options(chosen: Iterable[Option]) -> _Decorator:
    """All of these, in this order in the help."""
    return _in_order(_as_click(one) for one in chosen)


def replay_options(chosen: Iterable[Option]) -> _Decorator:
    """These, None unless given: as in the stored run. What may be left out there has a `--no-` of its own."""
    return _in_order(decorator for one in chosen for decorator in _in_replay(one))


def _in_replay(one: Option) -> Iterable[_Decorator]:
    words = one.help.removesuffix(".").partition("; ")[0]
    stored = "; by default as in the stored run" if one.in_record or one.name == "guest" else ""
    yield _as_click(one, default=None, show_default=False, help=f"{words}{stored}.")
    if one.in_record and not one.default:
        help_text = f"Without the {one.name} of the stored run."
        yield click.option(f"--no-{one.flag.removeprefix('--')}", without(one), is_flag=True, help=help_text)


def without(one: Option) -> str:
    """The name of the parameter that leaves it out."""
    return f"no_{one.name}"


def _as_click(one: Option, **otherwise: Any) -> _Decorator:
    flags = f"{one.flag}/{one.opposite}" if one.opposite else one.flag
    said: dict[str, Any] = {
        "help": one.help,
        "default": one.default,
        "show_default": one.default_text or bool(one.shown_default),
        "metavar": one.metavar or None,
    }
    if one.is_switch:
        said["is_flag"] = True
    else:
        said["type"] = _type(one)
    return click.option(flags, one.name, **(said | otherwise))


def _type(one: Option) -> Any:
    if one.choices:
        return click.Choice(one.choices)
    if one.within:
        return click.IntRange(*one.within)
    return param_types.FilePath() if one.kind is Path else one.kind


def _in_order(decorators: Iterable[_Decorator]) -> _Decorator:
    """click shows first what decorates last."""
    found = list(decorators)

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        for decorator in reversed(found):
            command = decorator(command)
        return command

    return decorate
