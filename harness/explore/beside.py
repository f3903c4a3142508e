# SPDX-License-Identifier: Apache-2.0
"""Sockets beside those that are connected: each scene makes its own, and closes them.

Listeners that nobody connects to, connects that nobody answers, datagrams within the guest, a basic socket,
and a security descriptor that the client keeps.
"""

import struct

from harness.core.units import ms
from harness.explore.recipe import HERE, NOBODY, OWN_ADDRESS, Line, Name
from harness.explore.wish import INSIDE, SETTLES, Wish, pending
from harness.scenario import SIO_ADDRESS_LIST_CHANGE, Callback, Category, Context, Family

# Self-relative, of everyone (S-1-1-0) for owner and group, without an access list: all may do all.
_EVERYONE = bytes([1, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0])
_DESCRIPTOR = struct.pack("<BBHIIII", 1, 0, 0x8004, 20, 32, 0, 0) + _EVERYONE * 2
_MOST_DESCRIPTORS = 4
_HELD = 60 * ms  # a callback, so that something comes to it meanwhile


class Beside:
    """The lines of a plan as they are made, and what they cover."""

    def __init__(self, family: Family, *, has_listener: bool) -> None:
        self.family = family
        self.has_listener = has_listener
        self.has_port = has_listener  # was the port that the scenario owns bound?
        self.lines: list[Line] = []
        self.cells: list[tuple[str, ...]] = []
        self.strands = False
        self._count = 0
        self._descriptors = 0

    def _close_listener(self, _sock: object, wish: Wish) -> None:
        """Closes the listener of an accepted socket, which outlives it."""
        if self.has_listener and not self.strands:
            self.has_listener = False
            self._closed("listener", wish)
            self.cells.append(("listening", "close", str(wish.context), pending(0)))

    def _listener(self, _sock: object, wish: Wish) -> None:
        """An accept that nobody answers, and a close; of a stream socket a disconnect, which is refused."""
        category = Category.STREAM if wish.flags % 2 else Category.LISTEN
        name = self._made("listener", "listening", (self.family, 0), category=category)
        accepts = [self._made("accepted", "accept", (Name(name),)) for _ in range(wish.size)]
        for accept in accepts:
            self._add("may_fail", (Name(f"{accept}.creation"),))
        if category == Category.STREAM:
            self._made("refused", "disconnect", (Name(name),))
        for accept in accepts[len(accepts) - wish.flags // 2 :]:
            self._add("cancel", (Name(f"{accept}.creation"),))
            self._add("wait", (Name(f"{accept}.creation"),))
        if accepts:
            self._add("delay", (SETTLES // 4,))
        self._cover_kind(category, "close", wish, len(accepts))
        self._closed(name, wish)

    def _again(self, _sock: object, wish: Wish) -> None:
        """Two listeners one after the other, at a port that the second has when the first gives it back."""
        if self.has_listener or self.strands or self.has_port:
            return
        self.has_port = True
        for _ in range(2):
            name = self._opened("listener", Category.LISTEN)
            bind = self._made("bind", "bind", (Name(name),), local=OWN_ADDRESS)
            self._add("may_fail", (Name(bind),))
            self._add("wait", (Name(bind),))
            self._cover_kind(Category.LISTEN, "close", wish, 0)
            self._closed(name, wish)

    def _dial(self, _sock: object, wish: Wish) -> None:
        """A connect that nobody answers, and a close; it may be cancelled before."""
        name = self._opened("dialling", Category.CONNECTION)
        self._add("wait", (Name(self._made("bind", "bind", (Name(name),))),))
        connect = self._made("connect", "connect", (Name(name),), to=NOBODY)
        self._add("may_fail", (Name(connect),))
        self._add("delay", (SETTLES // 4,))
        if wish.size:
            self._add("cancel", (Name(connect),))
        self._cover_kind(Category.CONNECTION, "close", wish, 1)
        self._closed(name, wish)

    def _descriptor(self, _sock: object, wish: Wish) -> None:
        """A security descriptor that the client keeps: it is for two sockets, and released behind them."""
        if self._descriptors == _MOST_DESCRIPTORS:
            return
        self._descriptors += 1
        descriptor = f"descriptor{self._descriptors}"
        self._add("cache_descriptor", (_DESCRIPTOR,), f"{descriptor}, cached{self._descriptors}")
        for _ in range(2):
            name = self._opened("secured", Category.LISTEN)
            apply = self._made("apply", "set_descriptor", (Name(name), Name(descriptor)))
            self._add("wait", (Name(apply),))
            self._cover_kind(Category.LISTEN, "close", wish, 0)
            self._closed(name, wish)
        self._made("release", "release_descriptor", (Name(descriptor),))

    def _letters(self, _sock: object, wish: Wish) -> None:
        """Datagrams to a socket whose event tells of them; it is closed, maybe while that is in progress."""
        if self.has_port or self.strands:
            return
        self.has_port = True
        taker, sender = (self._opened("datagrams", Category.DATAGRAM) for _ in range(2))
        binds = [
            self._made("bind", "bind", (Name(taker),), local=OWN_ADDRESS),
            self._made("bind", "bind", (Name(sender),)),
        ]
        self._add("wait", tuple(map(Name, binds)))
        hold = _HELD if wish.flags else 0
        self._add("on_event", (Name(taker), Callback.RECEIVE_FROM), hold=hold, size=1 << 10)
        self._add("enable", (Name(taker), Callback.RECEIVE_FROM))
        for _ in range(1 + wish.size):
            self._made("send_to", "send_to", (Name(sender), 10), to=HERE)
        self._add("delay", (SETTLES // 4,))
        self._cover_kind(Category.DATAGRAM, "close", wish, 1 + wish.size)
        for name in (taker, sender):
            self._closed(name, wish)

    def _datagrams(self, _sock: object, wish: Wish) -> None:
        """Receives of a datagram socket that nobody answers, and a close."""
        name = self._opened("datagrams", Category.DATAGRAM)
        self._add("wait", (Name(self._made("bound", "bind", (Name(name),))),))
        for _ in range(wish.size):
            self._made("receive_from", "receive_from", (Name(name), 100))
        self._cover_kind(Category.DATAGRAM, "close", wish, wish.size)
        self._closed(name, wish)

    def _watch(self, _sock: object, wish: Wish) -> None:
        """A basic socket that waits for a change of the addresses, and a close."""
        name = self._opened("basic", Category.BASIC)
        for _ in range(min(wish.size, 1)):
            self._made("watch", "ioctl", (Name(name), SIO_ADDRESS_LIST_CHANGE))
        self._cover_kind(Category.BASIC, "close", wish, wish.size)
        self._closed(name, wish)

    def _opened(self, what: str, category: Category) -> str:
        name = self._made(what, "socket", (self.family,), category=category)
        self._add("wait", (Name(f"{name}.creation"),))
        return name

    def _made(self, what: str, method: str, arguments: tuple[object, ...], **how: object) -> str:
        self._count += 1
        name = f"{what}{self._count}"
        self._add(method, arguments, name, 0, **how)
        return name

    def _closed(self, name: str, wish: Wish) -> None:
        context = Context.DISPATCH if wish.context in INSIDE else wish.context
        self._add("wait", (Name(self._made("close", "close", (Name(name),), context=context)),))

    def _cover_kind(self, category: Category, what: str, wish: Wish, calls: int) -> None:
        self.cells.append((str(category), what, str(wish.context), pending(calls)))

    def _add(
        self, method: str, arguments: tuple[object, ...], name: str = "", strand: int = 0, **how: object
    ) -> None:
        told = tuple((key, value) for key, value in how.items() if value)
        self.lines.append(Line(method, arguments, told, name, strand))
