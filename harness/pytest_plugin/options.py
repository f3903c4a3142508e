# SPDX-License-Identifier: Apache-2.0
"""The options of a run (harness/run/options.py) as pytest has them."""

import argparse
from collections.abc import Callable
from typing import Any

import pytest

from harness.pytest_plugin import workers
from harness.run.option import Option
from harness.run.options import OPTIONS, Settings


def add_options(parser: pytest.Parser) -> None:
    """Adds the options that pytest and its plugins do not have themselves."""
    group = parser.getgroup("wsk-conformance")
    for one in OPTIONS:
        if not one.native_to_pytest:
            _add(group, one)


def chosen_settings(config: pytest.Config) -> Settings:
    """The settings that the options of this process choose."""
    ours = {one.name: config.getoption(one.name) for one in OPTIONS if not one.native_to_pytest}
    return Settings(
        **ours,
        select=config.option.keyword or None,
        marks=config.option.markexpr or None,
        labs=len(config.option.tx) or 1,
        lab=workers.lab_name(config),
    )


def _add(group: pytest.OptionGroup, one: Option) -> None:
    shown = f" (default: {one.shown_default})" if one.shown_default else ""
    said: dict[str, Any] = {"dest": one.name, "default": one.default, "help": one.help + shown}
    if one.is_switch:
        said["action"] = "store_true"
    else:
        said["type"] = _bounded(*one.within) if one.within else one.kind
        said["metavar"] = one.metavar or None
    if one.choices:
        said["choices"] = one.choices
    group.addoption(one.flag, **said)
    if one.opposite:
        group.addoption(
            one.opposite, dest=one.name, action="store_false", help=f"The opposite of {one.flag}."
        )


def _bounded(least: int, most: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        value = int(text)
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"{value} is not between {least} and {most}")
        return value

    return number
