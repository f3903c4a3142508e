# SPDX-License-Identifier: Apache-2.0
"""Puts values and questions of a suite into words: the subject of a sentence never is code."""

import ast
import re
from collections.abc import Mapping
from enum import Enum
from types import FunctionType
from typing import Any

from harness.core.ntstatus import NTSTATUS
from harness.core.units import format_ns, us
from harness.evidence.timeline import Fact, Timeline
from harness.scenario import CallbackMarker, Marker, Operation, Socket
from harness.wire import Packet

Scope = Mapping[str, Any]

_LONGEST_VALUE = 80
_ASKED = {  # of a timeline, by method
    "addresses": "the addresses of {0}",
    "callbacks": "the {1} events of {0}",
    "completions": "the completions of {0}",
    "data": "what {0} received",
    "information": "the Information of {0}",
    "irql_at": "the IRQL of {0}",
    "result": "what {0} kept",
    "returned": "the return of {0}",
    "rounds": "the rounds of {0}",
    "status": "the status of {0}",
    "stream": "what the {0} sent",
}
_AS_IT_IS = (
    "bool",
    "bytes",
    "list",
    "set",
    "sorted",
    "str",
    "tuple",
)  # calls that change nothing of the sense


class NoWords(Exception):
    """Nothing but code says what was asked."""


def spoken(node: ast.expr, scope: Scope) -> str:
    """'the receive events of socket 0': words for what an expression is about. NoWords without."""
    match node:
        case ast.Name():
            return _named(node.id, scope)
        case ast.Attribute() if node.attr.isupper():
            return _words(node.attr.lower())
        case ast.Attribute():
            return f"{_words(node.attr)} of {spoken(node.value, scope)}"
        case ast.Constant():
            return value(node.value)
        case ast.Call(func=ast.Name(id="len"), args=[counted]):
            what = spoken(counted, scope)
            return f"the {'length' if what.startswith('what ') else 'number'} of {what}"
        case ast.Call(func=ast.Name(id=name), args=[inner]) if name in _AS_IT_IS:
            return spoken(inner, scope)
        case ast.Call(func=ast.Name()):
            return _of_helper(node, scope)
        case ast.Call(func=ast.Attribute(value=asked, attr=name)) if isinstance(
            _held(asked, scope), Timeline
        ):
            told = [spoken(argument, scope) for argument in node.args]
            return _ASKED.get(name, f"{_words(name)} of {' and '.join(told)}").format(*told)
        case ast.ListComp(generators=[loop]) | ast.SetComp(generators=[loop]):
            of_it = f" of {ast.unparse(loop.target).replace('_', ' ')}"
            return f"{spoken(node.elt, {}).removesuffix(of_it)} of each of {spoken(loop.iter, scope)}"
    raise NoWords


def question(node: ast.expr, scope: Scope) -> str:
    """The first sentence of the docstring of a suite's helper that is called, about what it is called with.

    NoWords when it has none.
    """
    function = _held(node.func, scope) if isinstance(node, ast.Call) else None
    if not isinstance(node, ast.Call) or not isinstance(function, FunctionType) or not function.__doc__:
        raise NoWords
    asked = re.split(r"(?<=[.?])\s", " ".join(function.__doc__.split()), maxsplit=1)[0]
    names = function.__code__.co_varnames[: function.__code__.co_argcount]
    for name, argument in zip(names, node.args, strict=False):
        if f"`{name}`" in asked:
            asked = asked.replace(f"`{name}`", spoken(argument, scope))
    return asked


def _of_helper(node: ast.Call, scope: Scope) -> str:
    """'how the guest ended the connection on the wire'"""
    told = re.split(r"[,;.?]", question(node, scope), maxsplit=1)[0]
    return told[:1].lower() + told[1:]


def _held(node: ast.expr, scope: Scope) -> Any:
    return scope.get(node.id) if isinstance(node, ast.Name) else None


def _named(name: str, scope: Scope) -> str:
    held = scope.get(name)
    if isinstance(held, Operation | Marker | CallbackMarker | Socket | Packet | Enum):
        return mark(held)
    return _words(name)


def _words(name: str) -> str:
    return name.strip("_").replace("_", " ")


def mark(held: Any) -> str:
    """Words for a moment, or for what happened then: 'completion of disconnect #4'."""
    if isinstance(held, Operation):
        return held.name
    if isinstance(held, Marker):
        return f"{held.kind} of {held.operation.name}"
    if isinstance(held, Packet):
        return f"the {held.sender}'s {held.flags}"
    if isinstance(held, CallbackMarker | Socket | str):
        return str(held)
    if isinstance(held, Enum):
        return _words(held.name.lower())
    return "nothing" if held is None else "a moment of the peer's"


def is_data(held: Any) -> bool:
    return isinstance(held, bytes | bytearray) or type(held).__name__ == "Content"


def value(held: Any, as_time: bool = False) -> str:
    """Words for a value: a status by its name, data by its length."""
    if as_time and isinstance(held, int):
        return format_ns(round(held, -3) if abs(held) >= us else held)
    if is_data(held):
        return f"{len(held)} byte{'s' * (len(held) != 1)}"
    if isinstance(held, tuple | list | set | frozenset) and not hasattr(held, "_fields"):
        between = " or " if isinstance(held, tuple) else ", "
        told = between.join(map(value, held)) or "nothing"
    else:
        told = _single(held)
    return told if len(told) <= _LONGEST_VALUE else f"{told[: _LONGEST_VALUE - 1]}…"


def _single(held: Any) -> str:
    if isinstance(held, bool):
        return "yes" if held else "no"
    if isinstance(held, Fact):
        return held.text
    if isinstance(held, Enum) and not isinstance(held, str):
        return _words(held.name.lower())
    if held is None or isinstance(held, Operation | Marker | CallbackMarker | Socket):
        return mark(held)
    return str(held) if isinstance(held, NTSTATUS | str) else repr(held)
