# SPDX-License-Identifier: Apache-2.0
"""Says in words what an assertion of a test expected and what was seen.

pytest shows the comparison that failed. Here the same assertion is read again: its
source says what was asked, and asking again says what the answer was. That is
possible because the questions of a timeline change nothing.
"""

import ast
import copy
import linecache
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from inspect import signature
from types import FunctionType, TracebackType
from typing import Any

from harness.core.abi import EventKind, StepKind
from harness.core.units import format_ns
from harness.evidence.events import irql_name
from harness.evidence.spoken import Scope, is_data, mark, question, spoken, value
from harness.evidence.timeline import Fact, Timeline
from harness.wire import FIN, RST, Packet

_MOST_TOLD = 3  # packets
_ABOUT_PACKETS = ("count", "fin", "rst", "packets")
_ENDS = (StepKind.DISCONNECT, StepKind.CLOSE)
_OF_PEERS = {
    "received of peer": "the peer to receive ",
    "ended of peer": "the connection to end, at the peer, with ",
    "ended of connection": "a connection to end, at the peer, with ",
}
_DIGITS = ("no", "one", "two", "three", "four", "five")
_TIMES = ("never", "once", "twice")
_NOT_ASKED_AGAIN = (ast.Await, ast.Yield, ast.YieldFrom, ast.NamedExpr)
_RELATIONS: dict[type[ast.cmpop], str] = {
    ast.Eq: "",
    ast.Is: "",
    ast.NotEq: "not ",
    ast.IsNot: "not ",
    ast.Lt: "less than ",
    ast.LtE: "at most ",
    ast.Gt: "more than ",
    ast.GtE: "at least ",
    ast.In: "one of ",
    ast.NotIn: "none of ",
}


def in_words(error: BaseException) -> str:
    """'expected one FIN of the guest, saw none; RST 2 ms after the call of disconnect #4'.

    Where the assertion cannot be read again, for it asks what would change something, or says nothing but
    code, the sentence of its case is told to be not so. Empty when that has none.
    """
    try:
        found = _asserted(error.__traceback__)
        if told := "; ".join(filter(None, _sentence(*found))) if found else "":
            return told
    except Exception:  # whatever a test's own code raises: there is the sentence all the same
        pass
    sentence = _sentence_of_case(error.__traceback__)
    return f"it is not so: {sentence}" if sentence else ""


def _sentence_of_case(traceback: TracebackType | None) -> str:
    """The first line of the docstring of the test that the assertion is in."""
    while traceback is not None:
        code = traceback.tb_frame.f_code
        for node in ast.walk(_tree(code.co_filename)) if code.co_name.startswith("test_") else ():
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == code.co_name:
                return " ".join((ast.get_docstring(node) or "").partition("\n\n")[0].split())
        traceback = traceback.tb_next
    return ""


def _asserted(traceback: TracebackType | None) -> tuple[ast.expr, Scope] | None:
    """The assertion that failed, in the innermost frame that has one, and the names in it."""
    found = None
    while traceback is not None:
        frame = traceback.tb_frame
        test = _assertion(frame.f_code.co_filename, traceback.tb_lineno)
        if test is not None:
            names = {**frame.f_globals, **frame.f_locals}
            found = _Spelled(frame.f_code.co_filename, traceback.tb_lineno, names).visit(test), names
        traceback = traceback.tb_next
    return found


def _assertion(file: str, line: int) -> ast.expr | None:
    for node in ast.walk(_tree(file)):
        if isinstance(node, ast.Assert) and node.lineno <= line <= (node.end_lineno or node.lineno):
            return copy.deepcopy(node.test)
    return None


@lru_cache(maxsize=64)
def _tree(file: str) -> ast.Module:
    """The syntax tree of a source file; an empty one when it cannot be read."""
    try:
        return ast.parse("".join(linecache.getlines(file)))
    except SyntaxError:
        return ast.Module([], [])


class _Spelled(ast.NodeTransformer):
    """Puts in the place of a name the question to a timeline whose answer it holds."""

    def __init__(self, file: str, line: int, names: Scope) -> None:
        functions = [
            node
            for node in ast.walk(_tree(file))
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            and node.lineno <= line <= (node.end_lineno or node.lineno)
        ]
        self._questions: dict[str, ast.expr] = {}
        for node in ast.walk(functions[-1]) if functions else ():
            if isinstance(node, ast.Assign) and node.lineno < line and _is_question(node.value, names):
                for target in node.targets:
                    if isinstance(target, ast.Name):
                        self._questions[target.id] = node.value

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self._questions.get(node.id, node)


def _is_question(node: ast.expr, names: Scope) -> bool:
    """`seen.packets(...)`, where `seen` is a timeline."""
    function = node.func if isinstance(node, ast.Call) else None
    if not isinstance(function, ast.Attribute) or not isinstance(function.value, ast.Name):
        return False
    return isinstance(names.get(function.value.id), Timeline)


def _sentence(test: ast.expr, scope: Scope) -> Iterator[str]:
    failed, scope = _failed(test, scope)
    if isinstance(failed, ast.Compare):
        yield from _comparison(failed, scope)
    elif isinstance(failed, ast.UnaryOp) and isinstance(failed.op, ast.Not):
        yield _denied(failed.operand, scope)
    else:
        yield from _holds(failed, scope)


def _failed(test: ast.expr, scope: Scope) -> tuple[ast.expr, Scope]:
    """The innermost part that does not hold, and the names in it.

    Of `a and b` and of `all(...)` it is the first, of `a or b` the last, of a function what it returns.
    """
    if isinstance(test, ast.BoolOp):
        failed = test.values[-1]
        if isinstance(test.op, ast.And):
            failed = next(part for part in test.values if not _ask(part, scope))
        return _failed(failed, scope)
    if isinstance(test, ast.Call) and isinstance(test.func, ast.Name):
        if test.func.id == "all" and isinstance(test.args[0], ast.GeneratorExp):
            for element, inner in _elements(test.args[0], scope):
                if not _ask(element, inner):
                    return _failed(element, inner)
        elif (returned := _returned(test, scope)) and not _explains_itself(returned[0]):
            return _failed(*returned)
    return test, scope


def _explains_itself(node: ast.expr) -> bool:
    """A Fact of the helper's own."""
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == Fact.__name__


def _elements(loop: ast.GeneratorExp | ast.ListComp, scope: Scope) -> Iterator[tuple[ast.expr, Scope]]:
    """The elements of `x for name in several`, each with its names; nothing for a loop of another form."""
    generator = loop.generators[0]
    if len(loop.generators) == 1 and not generator.ifs and isinstance(generator.target, ast.Name):
        for item in _ask(generator.iter, scope):
            yield loop.elt, {**scope, generator.target.id: item}


def _returned(call: ast.Call, scope: Scope) -> tuple[ast.expr, Scope] | None:
    """The expression that a function of a suite returns, and the names in it, when it does nothing else."""
    function = _ask(call.func, scope)
    if not isinstance(function, FunctionType):
        return None
    code = function.__code__
    for node in ast.walk(_tree(code.co_filename)):
        if isinstance(node, ast.FunctionDef) and (node.name, node.lineno) == (
            function.__name__,
            code.co_firstlineno,
        ):
            *before, last = node.body
            if isinstance(last, ast.Return) and last.value and not any(map(_does_something, before)):
                given = [_ask(argument, scope) for argument in call.args]
                named = {word.arg: _ask(word.value, scope) for word in call.keywords if word.arg}
                bound = signature(function).bind(*given, **named)
                bound.apply_defaults()
                return copy.deepcopy(last.value), {**function.__globals__, **bound.arguments}
    return None


def _does_something(statement: ast.stmt) -> bool:
    """It is no docstring."""
    return not (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant))


def _ask(node: ast.expr, scope: Scope) -> Any:
    if any(isinstance(part, _NOT_ASKED_AGAIN) for part in ast.walk(node)):
        raise ValueError("that cannot be asked again")
    whole = ast.fix_missing_locations(ast.Expression(node))
    return eval(compile(whole, "<assertion>", "eval"), dict(scope))


def _comparison(test: ast.Compare, scope: Scope) -> Iterator[str]:
    """The first pair of `a == b == c` that does not hold."""
    operands = [test.left, *test.comparators]
    for operator, left, right in zip(test.ops, operands, operands[1:], strict=False):
        if _ask(ast.Compare(left, [operator], [right]), scope):
            continue
        about, seen = _Question.of(left, scope), _ask(left, scope)
        expected = _ask(right, scope)
        if isinstance(seen, tuple | list) and isinstance(expected, tuple | list):
            yield from _pairs(left, seen, expected, scope)
            return
        yield about.expected(_RELATIONS[type(operator)], expected, seen)
        yield about.beside()
        return


def _pairs(left: ast.expr, values: Any, expected: Any, scope: Scope) -> Iterator[str]:
    """The first place where two written-out rows of values differ."""
    written = isinstance(left, ast.Tuple | ast.List) and len(left.elts) == len(values) == len(expected)
    for place in range(len(values)) if written else ():
        if values[place] != expected[place]:
            about = _Question.of(left.elts[place], scope)  # type: ignore[attr-defined]
            yield about.expected("", expected[place], values[place])
            yield about.beside()
            return
    if len(values) != len(expected):
        yield f"expected {len(expected)} entries in {spoken(left, scope)}, saw {len(values)}"
        return
    place = next(place for place in range(len(values)) if values[place] != expected[place])
    if isinstance(left, ast.ListComp) and (elements := list(_elements(left, scope))):
        about = _Question.of(*elements[place])
        yield about.expected("", expected[place], values[place])
        yield about.beside()
        return
    which = f"entry {place + 1} of {spoken(left, scope)}"
    yield f"expected {which} to be {value(expected[place])}, saw {value(values[place])}"


def _holds(node: ast.expr, scope: Scope) -> Iterator[str]:
    """Words for an answer that is false."""
    answer = _ask(node, scope)
    if isinstance(answer, Fact) and isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        asked = question(node, scope)
        yield f"{asked} No: {answer.text}" if asked.endswith("?") else f"expected: {asked} Saw: {answer.text}"
        return
    about = _Question.of(node, scope)
    yield about.told(answer)
    yield about.beside()


def _denied(node: ast.expr, scope: Scope) -> str:
    """Words for an answer that should be none: 'expected nothing of received of peer, saw 4 bytes'."""
    answer = _ask(node, scope)
    if isinstance(answer, Fact):
        return f"expected not: {answer.text}"
    return f"expected {_Question.of(node, scope).source} to be nothing, saw {value(answer)}"


@dataclass(frozen=True)
class _Question:
    """The question of the left side: to a timeline, by the name of its method, or to anything else."""

    node: ast.expr
    scope: Scope
    name: str = ""
    about: tuple[Any, ...] = ()
    how: Mapping[str, Any] | None = None
    seen: Timeline | None = None

    @classmethod
    def of(cls, node: ast.expr, scope: Scope) -> "_Question":
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            asked = _ask(node.func.value, scope)
            if isinstance(asked, Timeline):
                how = {word.arg: _ask(word.value, scope) for word in node.keywords if word.arg}
                about = tuple(_ask(argument, scope) for argument in node.args)
                return cls(node, scope, node.func.attr, about, how, asked)
        return cls(node, scope)

    @property
    def source(self) -> str:
        """Words for what is asked; NoWords when there are none."""
        return spoken(self.node, self.scope)

    def expected(self, relation: str, wanted: Any, seen: Any) -> str:
        """Words for a comparison: 'expected one FIN of the guest, saw none'."""
        if self.name == "count":
            return f"expected {relation}{_number(wanted)} {self._packets}, saw {_number(seen, 'none')}"
        if self.name == "completions":
            times = f"to complete {relation}{_often(wanted)}, and it completed {_often(seen)}"
            return f"expected the IRP of {self._first} {times}"
        if self.name in ("fin", "rst") and wanted is None:
            what = f"{self.name.upper()} of the {self._first}"
            return f"expected one {what}, saw none" if seen is None else f"expected no {what}, saw one"
        subject = {
            "status": f"the IRP of {self._first} to complete with ",
            "returned": f"{self._first} to return ",
            "information": f"the IRP of {self._first} to complete with Information ",
            "elapsed": f"{self._span} to take ",
            "completion_irql": f"the IRP of {self._first} to complete at ",
            "data": f"{self._first} to receive ",
            "stream": f"the {self._first} to send ",
        }.get(self.name) or _OF_PEERS.get(self.source, f"{self.source} to be ")
        if self.name == "completion_irql":
            wanted, seen = irql_name(wanted), irql_name(seen)
        as_time = self.name == "elapsed"
        if is_data(wanted) and is_data(seen) and len(wanted) == len(seen) and not relation:
            place = next(
                (n for n, pair in enumerate(zip(wanted, seen, strict=True)) if pair[0] != pair[1]), 0
            )
            return f"expected {subject}{value(wanted)}, saw as many, which differ from byte {place} on"
        return f"expected {subject}{relation}{value(wanted, as_time)}, saw {value(seen, as_time)}"

    def told(self, answer: Any) -> str:
        """Words for an answer that is false by itself."""
        if self.name == "no" and self.seen:
            found = self.seen.packets(*self.about, **(self.how or {}))
            return f"expected no {self._packets}, saw {self._each(found)}"
        if isinstance(answer, Fact):
            wanted = {
                "order": f"{', then '.join(map(mark, self.about))}",
                "answered": f"the return of {self._first} and its IRP to agree",
                "lasted": f"{self._span} to take at least {self._limit}",
                "within": f"{self._span} to take at most {self._limit}",
            }.get(self.name) or self.source
            return f"expected {wanted}, saw: {answer.text}"
        told = {
            "inline": f"{self._first} to complete before it returned, and it completed later",
            "pending_returned": f"the IRP of {self._first} to be marked pending, and it was not",
            "skipped": f"{self._first} to be skipped, and it was made",
            "packets": f"one {self._packets}, saw none",
        }.get(self.name)
        return f"expected {told}" if told else f"expected {self.source}, saw {value(answer)}"

    def beside(self) -> str:
        """How the guest's side of the connection ended instead, of a question about packets."""
        asked = {"fin": FIN, "rst": RST}.get(self.name) or (self.about or (None,))[0]
        if self.seen is None or self.name not in _ABOUT_PACKETS or asked not in (FIN, RST):
            return ""
        return self._each(self.seen.packets(RST if asked == FIN else FIN, sender="guest"))

    def _each(self, packets: Sequence[Packet]) -> str:
        return ", ".join(_when(self.seen, packet) for packet in packets[:_MOST_TOLD]) if self.seen else ""

    @property
    def _first(self) -> str:
        return mark(self.about[0]) if self.about else "it"

    @property
    def _span(self) -> str:
        return " to ".join(map(mark, self.about[:2]))

    @property
    def _limit(self) -> str:
        return value(self.about[2], as_time=True) if len(self.about) > 2 else "its limit"

    @property
    def _packets(self) -> str:
        """'FIN of the guest before the completion of close #5'"""
        how = self.how or {}
        what = str(self.about[0]) if self.about and self.about[0] is not None else "packet"
        bounds = (
            f" {name} the {mark(how[name])}" for name in ("before", "after") if how.get(name) is not None
        )
        return f"{what} of {_side(how.get('sender'))}{''.join(bounds)}"


def _when(seen: Timeline, packet: Packet) -> str:
    """'RST+ACK 2 ms after the call of disconnect #4': of the last that may end the connection, or of any."""
    operations = seen.plan.operations
    before = [
        event
        for event in seen.trace.events
        if event.kind == EventKind.CALL and event.step < len(operations)
        if seen.clock.at(event.qpc).earliest <= packet.time_ns
    ]
    if not before:
        return f"{packet.flags} before any call"
    ends = [event for event in before if operations[event.step].kind in _ENDS]
    last = (ends or before)[-1]
    call = seen.clock.at(last.qpc)
    since = packet.time_ns - call.middle
    if since <= call.bound // 2:  # the two are closer together than the clock can tell
        since, about = packet.time_ns - call.earliest, "within "
    else:
        about = ""
    step = operations[last.step]
    return f"{packet.flags} {about}{format_ns(round(since, -4))} after the call of {step.name}"


def _side(sender: Any) -> str:
    return f"the {sender}" if sender else "either side"


def _number(count: Any, none: str = "no") -> str:
    return none if count == 0 else _DIGITS[count] if isinstance(count, int) and 0 < count < 6 else str(count)


def _often(times: Any) -> str:
    return _TIMES[times] if isinstance(times, int) and 0 <= times < 3 else f"{times} times"
