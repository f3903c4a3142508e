# SPDX-License-Identifier: Apache-2.0
"""Wishes made legal: what a client may do with its sockets, and what that covers.

A wish is a call that somebody would like to be made. The model knows what the contract lets a client do in
the state that a socket is in; a wish that it does not allow is left out. So any list of wishes is a scenario,
and shrinks to another.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from harness.core.units import ms
from harness.explore.recipe import Line, Name, PeerChoice, Recipe, Way, Within
from harness.scenario import (
    WSK_FLAG_ABORTIVE,
    Action,
    Arrival,
    Callback,
    Context,
    Family,
)

DATA_EVENTS = (Callback.RECEIVE, Callback.DISCONNECT)
_MOST_LINES = 60
_INSIDE = (Context.COMPLETION, Context.CALLBACK)


@dataclass(frozen=True)
class Wish:
    """`what` with a number or two that say how; `socket`, `context` and `strand` where."""

    what: str
    size: int = 0
    flags: int = 0
    socket: int = 0
    context: Context = Context.PASSIVE
    strand: int = 0
    within: int = 0  # for a call inside: which earlier call's completion, or which event


@dataclass
class _Socket:
    """What the model knows of one."""

    name: str
    state: str = "connected"
    closed: bool = False
    answered: bool = False  # has a handler of its receive events been said?
    enabled: set[Callback] = field(default_factory=set)
    calls: list[str] = field(default_factory=list)  # names of those with an IRP


class _Model:
    def __init__(self, sockets: int) -> None:
        self.sockets = [_Socket(f"sock{number}") for number in range(sockets)]
        self.lines: list[Line] = []
        self.cells: list[tuple[str, ...]] = []
        self.strands = False
        self._count = 0

    def take(self, wish: Wish) -> None:
        """Makes the call if the contract allows it."""
        sock = self.sockets[wish.socket % len(self.sockets)]
        make = getattr(self, f"_{wish.what}")
        if not sock.closed and len(self.lines) < _MOST_LINES:
            make(sock, wish)

    def finish(self) -> None:
        """What is open is closed, when all strands are done."""
        if self.strands:
            self._add("barrier", (1,), strand=1)
            self._add("barrier", (1,))
        for sock in self.sockets:
            if not sock.closed:
                self._close(sock, Wish("close"))

    def begin(self) -> None:
        """The other strand waits for the sockets."""
        self._add("barrier", (0,))
        self._add("barrier", (0,), strand=1)

    def _send(self, sock: _Socket, wish: Wish) -> None:
        self._call(sock, wish, "send", (wish.size,))

    def _receive(self, sock: _Socket, wish: Wish) -> None:
        self._call(sock, wish, "receive", (wish.size,), flags=wish.flags)

    def _graceful(self, sock: _Socket, wish: Wish) -> None:
        self._call(sock, wish, "disconnect", (), buffer=wish.size or None)
        sock.state = "disconnecting" if sock.state == "connected" else sock.state

    def _abort(self, sock: _Socket, wish: Wish) -> None:
        name = self._call(sock, wish, "disconnect", (), flags=WSK_FLAG_ABORTIVE)
        sock.state = "aborted"
        if wish.size and name in sock.calls:
            self._add("wait", (Name(name),), strand=wish.strand)

    def _close(self, sock: _Socket, wish: Wish) -> None:
        """Only where no other strand may be about to use the socket."""
        if self.strands and wish.what == "close" and not self._is_over():
            return
        # One inside what may never happen would leave the socket open.
        context = Context.DISPATCH if wish.context in _INSIDE else wish.context
        name = self._call(sock, Wish("close", context=context), "close", ())
        sock.closed = True
        self._add("wait", (Name(name),))

    def _cancel(self, sock: _Socket, wish: Wish) -> None:
        if sock.calls:
            self._add("cancel", (Name(sock.calls[wish.size % len(sock.calls)]),), strand=wish.strand)
            self._cover(sock, "cancel", wish.context)

    def _delay(self, _sock: _Socket, wish: Wish) -> None:
        self._add("delay", (wish.size * ms,), strand=wish.strand)

    def _enable(self, sock: _Socket, wish: Wish) -> None:
        callback = DATA_EVENTS[wish.size % len(DATA_EVENTS)]
        if callback == Callback.RECEIVE and not sock.answered:
            self._add("on_event", (Name(sock.name), callback), size=1 << 16)
            sock.answered = True
        self._add("enable", (Name(sock.name), callback), strand=wish.strand)
        self._cover(sock, f"enable {callback}", wish.context)
        sock.enabled.add(callback)

    def _disable(self, sock: _Socket, wish: Wish) -> None:
        for callback in sorted(sock.enabled)[:1]:
            self._call(sock, wish, "disable", (callback,))
            sock.enabled.discard(callback)

    def _answer(self, sock: _Socket, wish: Wish) -> None:
        """What its receive events do from the first on: take all, a part, or nothing, after a while."""
        if not sock.answered and not sock.enabled:
            action = (Action.TAKE, Action.PARTIAL, Action.REFUSE)[wish.flags % 3]
            part = 1 + wish.size if action == Action.PARTIAL else 0
            about = Name(sock.name), Callback.RECEIVE
            self._add("on_event", about, action=action, hold=wish.size * ms, size=1 << 16, part=part)
            sock.answered = True

    def _call(
        self, sock: _Socket, wish: Wish, method: str, arguments: tuple[object, ...], **how: object
    ) -> str:
        """A call on the socket; inside a completion or a callback if there is one and that is wished."""
        told = dict(how)
        where: Context | Within = wish.context
        if wish.context == Context.COMPLETION:
            where = Within(Name(sock.calls[wish.within % len(sock.calls)])) if sock.calls else Context.PASSIVE
        elif wish.context == Context.CALLBACK:
            events = sorted(sock.enabled)
            where = Within(Name(sock.name), events[wish.within % len(events)]) if events else Context.DISPATCH
        self._cover(sock, method if not how.get("flags") else f"{method} {how['flags']}", wish.context)
        if where != Context.PASSIVE:
            told["context"] = where
        self._count += 1
        name = f"{method}{self._count}"
        strand = 0 if isinstance(where, Within) else wish.strand
        self._add(method, (Name(sock.name), *arguments), name, strand, **told)
        if isinstance(where, Within):
            self._add("may_fail", (Name(name),))
        else:
            sock.calls.append(name)
        return name

    def _add(
        self, method: str, arguments: tuple[object, ...], name: str = "", strand: int = 0, **how: object
    ) -> None:
        told = tuple((key, value) for key, value in how.items() if value)
        self.lines.append(Line(method, arguments, told, name, strand))

    def _cover(self, sock: _Socket, what: str, context: Context) -> None:
        pending = min(len(sock.calls), 3)
        self.cells.append((sock.state, what, str(context), f"{pending}{'+' if pending == 3 else ''} calls"))

    def _is_over(self) -> bool:
        return (
            bool(self.lines) and self.lines[-1].method in ("barrier", "wait") and self.lines[-1].strand == 0
        )


def recipe(peer: PeerChoice, family: Family, way: Way, sockets: int, wishes: Sequence[Wish]) -> Recipe:
    """The wishes as far as the contract allows them, between a connection and a close."""
    model = _Model(1 if isinstance(way, Arrival) else sockets)
    model.strands = any(wish.strand for wish in wishes)
    if model.strands:
        model.begin()
    for wish in wishes:
        model.take(wish)
    model.finish()
    return Recipe(peer, family, way, len(model.sockets), tuple(model.lines), tuple(model.cells))
