# SPDX-License-Identifier: Apache-2.0
"""Wishes made legal: what a client may do with its sockets, and what that covers.

A wish is a call that somebody would like to be made. The model knows what the contract lets a client do in
the state that a socket is in; a wish that it does not allow is left out. So any list of wishes is a scenario,
and shrinks to another.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from harness.core.units import ms
from harness.explore.beside import Beside
from harness.explore.recipe import DATA_EVENTS, Line, Name, PeerChoice, Recipe, Way, Within
from harness.explore.wish import INSIDE, SETTLES, Wish, pending
from harness.scenario import (
    SIO_WSK_SET_TCP_SILENT_MODE,
    WSK_FLAG_ABORTIVE,
    WSK_FLAG_WAITALL,
    Action,
    Arrival,
    Buffer,
    Callback,
    Context,
    Family,
    pattern,
)
from harness.scenario.values import EVENT_BITS, WSK_EVENT_DISABLE

PLAIN, CHAINED, POISON, UNEVEN = range(4)  # flags of a send
HELD_AND_CLOSED, HELD_AND_DISABLED, BOTH_EVENTS, END_IS_TOLD = range(4)  # sizes of `told`
TAKEN, RETAINED, REFUSED, RECEIVED, DISABLED = range(5)  # flags of it: what becomes of the peer's data
_MOST_DATA = (1 << 20, 1, 3000, 1, 0)  # bytes with which the peer's end is sure to come all the same
_PARTS = {"recovered": ("graceful", "abort"), "given_up": ("graceful",)}
AFTER_SILENCE = ((), ("send",), ("graceful",), ("abort",))
_MOST_LINES = 60


@dataclass
class _Socket:
    """The model's knowledge of one socket."""

    name: str
    state: str = "connected"
    closed: bool = False
    answered: bool = False  # has a handler of its receive events been said?
    enabled: set[Callback] = field(default_factory=set)
    silent: bool = False
    undisturbed: bool = False  # does the plan wait for what a call inside of something could prevent?
    calls: list[str] = field(default_factory=list)  # names of those with an IRP
    cancellable: set[str] = field(default_factory=set)  # those that a cancel is sure to end
    graceful: list[str] = field(default_factory=list)
    cancelled: set[str] = field(default_factory=set)


class _Model(Beside):
    def __init__(self, peer: PeerChoice, family: Family, way: Way, sockets: int, *, static: bool) -> None:
        accepts = isinstance(way, Arrival)
        super().__init__(family, has_listener=accepts)
        self.peer = peer
        self.static = static
        self.is_stream = way.name.startswith("STREAM")
        enabled = DATA_EVENTS if static else ()
        self.sockets = [_Socket(f"sock{n}", enabled=set(enabled)) for n in range(1 if accepts else sockets)]

    def take(self, wish: Wish) -> None:
        """Makes the call if the contract allows it."""
        sock = self.sockets[wish.socket % len(self.sockets)]
        make = getattr(self, f"_{wish.what}")
        if not sock.closed and len(self.lines) < _MOST_LINES:
            make(sock, wish)

    def finish(self, *, settles: bool) -> None:
        """Closes every open socket, when all strands are done.

        With `settles` there is time before for what the calls cause, and what has to come to its end is
        waited for: else a close would be the end of most.
        """
        if self.strands:
            self._add("barrier", (1,), strand=1)
            self._add("barrier", (1,))
        left = [sock for sock in self.sockets if not sock.closed]
        if settles and left:
            self._add("delay", (SETTLES,))
        for sock in left if settles else ():
            if sock.calls and _ends_all(self.peer, sock):
                self._add("wait", tuple(map(Name, sock.calls)))
        for sock in left:
            self._end(sock, Wish("close"))

    def begin(self) -> None:
        """The other strand waits for the sockets."""
        self._add("barrier", (0,))
        self._add("barrier", (0,), strand=1)

    def _send(self, sock: _Socket, wish: Wish) -> None:
        self._call(sock, wish, "send", (_data(wish),), poison_buf=wish.flags == POISON)

    def _receive(self, sock: _Socket, wish: Wish) -> str:
        name = self._call(sock, wish, "receive", (wish.size,), flags=wish.flags)
        sock.cancellable |= {name} if wish.flags else set()
        return name

    def _receives(self, sock: _Socket, wish: Wish) -> None:
        """Some at once, as they wait for what comes: little, much, or all of much."""
        size = 4000 if wish.flags else 10
        flags = WSK_FLAG_WAITALL if wish.flags > 1 else 0
        for _ in range(2 + wish.size % 2):
            self._receive(sock, Wish("receive", size=size, flags=flags, context=wish.context))

    def _withdrawn(self, sock: _Socket, wish: Wish) -> None:
        """The newest of some receives is cancelled."""
        self._receives(sock, Wish("receives", size=wish.size))
        self._cancel(sock, Wish("cancel"))

    def _graceful(self, sock: _Socket, wish: Wish) -> None:
        name = self._call(sock, wish, "disconnect", (), buffer=_data(wish) if wish.size else None)
        sock.cancellable |= {name} if sock.state == "connected" else set()
        sock.graceful += [name] if name in sock.calls else []  # one inside of something may never be made
        sock.state = "disconnecting" if sock.state == "connected" else sock.state

    def _abort(self, sock: _Socket, wish: Wish) -> None:
        """Waited for, it ends all that was under way: so that can be waited for too."""
        before = list(sock.calls)
        name = self._call(sock, wish, "disconnect", (), flags=WSK_FLAG_ABORTIVE)
        sock.state = "aborted"
        if wish.size and name in sock.calls:
            waited = [name] if self.strands or sock.silent else [name, *before]
            self._add("wait", tuple(map(Name, waited)), strand=wish.strand)

    def _close(self, sock: _Socket, wish: Wish) -> None:
        """Only where no other strand may be about to use the socket."""
        if not self.strands:
            self._end(sock, wish)

    def _end(self, sock: _Socket, wish: Wish) -> None:
        """The close is waited for, but for one inside what may never happen: then recovery closes."""
        is_inside = wish.context in INSIDE and not sock.undisturbed
        name = self._call(sock, wish, "close", ())
        sock.closed = True
        if is_inside and name not in sock.calls:
            self._add("delay", (SETTLES,))
        else:
            self._add("wait", (Name(name),))

    def _cancel(self, sock: _Socket, wish: Wish) -> None:
        """Cancels a call; waits for its end when that is certain and wished."""
        if not sock.calls:
            return
        name = sock.calls[-1 - wish.size % len(sock.calls)]
        self._add("cancel", (Name(name),), strand=wish.strand)
        sock.cancelled.add(name)
        self._cover(sock, "cancel", wish.context)
        if wish.flags and name in sock.cancellable and not self.strands:
            self._add("wait", (Name(name),))

    def _given_up(self, sock: _Socket, wish: Wish) -> None:
        """A graceful disconnect that has time, and is cancelled then."""
        if sock.state == "connected" and not self.strands and wish.context not in INSIDE:
            self._graceful(sock, wish)
            self._add("delay", (SETTLES // 2,))
            self._cancel(sock, Wish("cancel", flags=1))

    def _recovered(self, sock: _Socket, wish: Wish) -> None:
        """A graceful disconnect that has time, and an abort."""
        if sock.state == "connected" and not self.strands and wish.context not in INSIDE:
            self._graceful(sock, wish)
            self._add("delay", (SETTLES // 2,))
            self._abort(sock, Wish("abort", size=1, context=wish.context))

    def _told(self, sock: _Socket, wish: Wish) -> None:
        """Events, which a byte to the peer may bring on: both, or one that is held meanwhile."""
        if sock.answered or sock.state != "connected" or self.strands or wish.context in INSIDE:
            return
        if wish.size == END_IS_TOLD:
            self._end_is_told(sock, wish)
            return
        self._answers(sock, hold=0 if wish.size == BOTH_EVENTS else 2 * SETTLES, size=1 << 16)
        self._enable(sock, Wish("enable"))
        if wish.size == BOTH_EVENTS:
            self._enable(sock, Wish("enable", size=1))
        self._send(sock, Wish("send", size=1))
        self._add("delay", (SETTLES,))
        if wish.size == HELD_AND_CLOSED:
            self._end(sock, wish)
        elif wish.size == HELD_AND_DISABLED:
            self._disable(sock, wish)

    def _end_is_told(self, sock: _Socket, wish: Wish) -> None:
        """A peer that ends when it is asked: an event tells of that, whatever became of its data."""
        told, data = dict(self.peer.arguments), _asked_for(self.peer)
        if data is None or sock.calls:
            return
        sock.undisturbed = True
        fate = wish.flags if len(data) <= _MOST_DATA[wish.flags] else TAKEN
        action = {RETAINED: Action.RETAIN, REFUSED: Action.REFUSE}.get(fate, Action.TAKE)
        self._answers(sock, action=action, size=1 << 16)
        callbacks = (Callback.DISCONNECT,) if fate == RECEIVED else DATA_EVENTS
        for callback in callbacks:
            if callback not in sock.enabled:
                self._enable(sock, Wish("enable", size=DATA_EVENTS.index(callback)))
        if fate == DISABLED:
            self._disable(sock, wish)
        for _ in range(2 if fate == RECEIVED else 0):
            self._receive(sock, Wish("receive", size=10))
        self._send(sock, Wish("send", size=2))
        self._add("wait_event", (Name(sock.name), Callback.DISCONNECT))
        if fate == REFUSED and self.peer.kind != "Resets" and told.get("end") != "rst":
            received = self._receive(sock, Wish("receive", size=20_000, flags=WSK_FLAG_WAITALL))
            self._add("wait", (Name(received),))
        if fate == RETAINED:
            release = self._made("release", "release", (Name(sock.name),))
            self._add("may_fail", (Name(release),))

    def _silence(self, sock: _Socket, wish: Wish) -> None:
        """Nothing may be under way."""
        if sock.calls or self.strands or wish.context in INSIDE:
            return
        self._count += 1
        name = f"silence{self._count}"
        self._add("ioctl", (Name(sock.name), SIO_WSK_SET_TCP_SILENT_MODE), name)
        self._add("wait", (Name(name),))
        sock.silent, sock.state = True, "silent"
        for after in AFTER_SILENCE[wish.size % len(AFTER_SILENCE)]:
            self.take(Wish(after, size=1, socket=self.sockets.index(sock), context=wish.context))

    def _disable_both(self, sock: _Socket, wish: Wish) -> None:
        """Disables both events in one call, which fails."""
        mask = WSK_EVENT_DISABLE | EVENT_BITS[Callback.RECEIVE] | EVENT_BITS[Callback.DISCONNECT]
        self._call(sock, wish, "event_mask", (mask,))

    def _query(self, sock: _Socket, wish: Wish) -> None:
        """Asks for one of the socket's addresses."""
        self._call(sock, wish, ("local_address", "remote_address")[wish.size % 2], ())

    def _misfit(self, sock: _Socket, wish: Wish) -> None:
        """Asks a stream socket that is connected to listen, which is refused."""
        if self.is_stream:
            name = self._call(sock, wish, "listen", ())
            if name in sock.calls:
                self._add("may_fail", (Name(name),))

    def _delay(self, _sock: _Socket, wish: Wish) -> None:
        self._add("delay", (wish.size * ms,), strand=wish.strand)

    def _enable(self, sock: _Socket, wish: Wish) -> None:
        callback = DATA_EVENTS[wish.size % len(DATA_EVENTS)]
        if callback == Callback.RECEIVE and not sock.answered:
            self._answers(sock, size=1 << 16)
        self._add("enable", (Name(sock.name), callback), strand=wish.strand)
        self._cover(sock, f"enable {callback}", wish.context)
        sock.enabled.add(callback)

    def _disable(self, sock: _Socket, wish: Wish) -> None:
        for callback in sorted(sock.enabled)[:1]:
            self._call(sock, wish, "disable", (callback,))
            sock.enabled.discard(callback)

    def _answer(self, sock: _Socket, wish: Wish) -> None:
        """Sets what its receive events do from the first on: take all, a part, or nothing, after a while."""
        if not sock.answered and (self.static or not sock.enabled):
            action = (Action.TAKE, Action.PARTIAL, Action.REFUSE)[wish.flags % 3]
            part = 1 + wish.size if action == Action.PARTIAL else 0
            self._answers(sock, action=action, hold=wish.size * ms, size=1 << 16, part=part)

    def _answers(self, sock: _Socket, **how: object) -> None:
        """Says it before any strand may enable the event."""
        told = tuple((key, value) for key, value in how.items() if value)
        self.lines.insert(0, Line("on_event", (Name(sock.name), Callback.RECEIVE), told))
        sock.answered = True

    def _call(
        self, sock: _Socket, wish: Wish, method: str, arguments: tuple[object, ...], **how: object
    ) -> str:
        """A call on the socket; inside a completion or a callback if there is one and that is wished."""
        told = dict(how)
        where: Context | Within = wish.context
        if wish.context in INSIDE and sock.undisturbed:
            where = Context.DISPATCH
        elif wish.context == Context.COMPLETION:
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

    def _cover(self, sock: _Socket, what: str, context: Context) -> None:
        self.cells.append((sock.state, what, str(context), pending(len(sock.calls))))


def _asked_for(peer: PeerChoice) -> bytes | None:
    """The data of a peer that ends its direction when the guest has sent two bytes; None of another."""
    told = dict(peer.arguments)
    if peer.kind in ("FinFirst", "SendsThenFin", "Resets"):
        return told.get("data", b"") if told["after"].received in (1, 2) else None
    return told.get("data", b"") if told.get("end") in ("fin", "rst") else None


def _ends_all(peer: PeerChoice, sock: _Socket) -> bool:
    """Does the peer's end of the connection, or the client's, bring every call on it to its end?"""
    told = dict(peer.arguments)
    if sock.silent:
        return False
    if peer.kind in ("FinFirst", "SendsThenFin", "Resets"):
        return not told["after"].received  # else it waits for what the guest may never send
    ends = peer.kind == "ReadsToEof" or (peer.kind == "EndsWhenAsked" and told["end"] == "rst")
    return ends and bool(sock.graceful) and not sock.cancelled & set(sock.graceful)


def _data(wish: Wish) -> int | Buffer:
    """So many bytes: in one MDL, in a chain begun inside of, or in unequal MDLs of which one is empty."""
    if wish.flags == UNEVEN:
        return Buffer(pattern(wish.size, seed=wish.size), length=wish.size, sizes=(1, 0, wish.size))
    if wish.flags != CHAINED:
        return wish.size
    return Buffer(pattern(wish.size, seed=wish.size), length=wish.size, mdls=3, offset=1, slack=3)


def recipe(
    peer: PeerChoice,
    family: Family,
    way: Way,
    sockets: int,
    wishes: Sequence[Wish],
    settles: bool = False,
    static: bool = False,
) -> Recipe:
    """The wishes as far as the contract allows them, between a connection and a close."""
    model = _Model(peer, family, way, sockets, static=static)
    model.strands = any(wish.strand for wish in wishes)
    if model.strands:
        model.begin()
    for wish in wishes:
        model.take(wish)
    model.finish(settles=settles)
    lines, cells = tuple(model.lines), tuple(model.cells)
    return Recipe(peer, family, way, len(model.sockets), lines, cells, tuple(wishes), settles, static)


def shorter(made: Recipe) -> Iterator[Recipe]:
    """The same with one wish left out or in part, without the time before the closes, or static events."""
    for place, wish in enumerate(made.wishes):
        for parts in ((), *((replace(wish, what=part),) for part in _PARTS.get(wish.what, ()))):
            rest = (*made.wishes[:place], *parts, *made.wishes[place + 1 :])
            yield recipe(made.peer, made.family, made.way, made.sockets, rest, made.settles, made.static)
    if made.settles:
        yield recipe(made.peer, made.family, made.way, made.sockets, made.wishes, False, made.static)
    if made.static:
        yield recipe(made.peer, made.family, made.way, made.sockets, made.wishes, made.settles)
