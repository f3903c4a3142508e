# SPDX-License-Identifier: Apache-2.0
"""A scenario as lines of a test: it can be performed, and written down for people."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from itertools import groupby
from typing import Any

from harness import peer as peers
from harness.core.units import ms, s
from harness.peer import Peer
from harness.scenario import Address, Arrival, Buffer, Callback, Family, Origin, Scenario, inside

Way = Origin | Arrival
DATA_EVENTS = (Callback.RECEIVE, Callback.DISCONNECT)


@dataclass(frozen=True)
class Name:
    """The name of something that an earlier line made."""

    text: str

    def __repr__(self) -> str:
        return self.text


OWN_ADDRESS = Name("own_address")  # with the one port of the guest's that is the scenario's alone
HERE = Name("here")  # that port, as the guest itself reaches it
NOBODY = Name("nobody")  # an address that answers nothing
_ADDRESSES = {
    OWN_ADDRESS: "Address.wildcard({family}, peer.port)",
    HERE: "Address.loopback({family}, peer.port)",
    NOBODY: "Address.unused(peer)",
}


@dataclass(frozen=True)
class Within:
    """`inside(...)`: in the completion of an earlier call, or in an event callback."""

    name: Name
    callback: Callback | None = None

    def __repr__(self) -> str:
        return f"inside({self.name!r}{f', {_written(self.callback)}' if self.callback is not None else ''})"


@dataclass(frozen=True)
class Line:
    """One call of a plan's method, by the strand that it is on."""

    method: str
    arguments: tuple[Any, ...] = ()
    how: tuple[tuple[str, Any], ...] = ()
    name: str = ""  # of what it makes
    strand: int = 0

    def written(self) -> str:
        """The lines as in a test."""
        told = [*map(_written, self.arguments), *(f"{key}={_written(value)}" for key, value in self.how)]
        made = f"{self.name} = " if self.name else ""
        return f"{made}plan.{self.method}({', '.join(told)})"

    def perform(self, plan: Scenario, names: dict[str, Any]) -> None:
        arguments = [_found(names, value) for value in self.arguments]
        with plan.strand(self.strand):
            made = getattr(plan, self.method)(
                *arguments, **{key: _found(names, value) for key, value in self.how}
            )
        names |= zip(self.name.split(", "), made if ", " in self.name else (made,), strict=False)


@dataclass(frozen=True)
class PeerChoice:
    """A behaviour of harness/peer by its class and arguments; After by (received, delay)."""

    kind: str
    arguments: tuple[tuple[str, Any], ...] = ()

    def made(self, connections: int) -> Peer:
        behaviour: Peer = getattr(peers, self.kind)(**dict(self.arguments), connections=connections)
        return behaviour

    def written(self, connections: int) -> str:
        told = [f"{key}={_written(value)}" for key, value in self.arguments]
        told += [f"connections={connections}"] if connections > 1 else []
        return f"{self.kind}({', '.join(told)})"


@dataclass(frozen=True)
class Recipe:
    """The steps with one peer, from the connection to the close."""

    peer: PeerChoice
    family: Family
    way: Way
    sockets: int
    lines: tuple[Line, ...]
    cells: tuple[tuple[str, ...], ...] = field(default=(), compare=False)  # what it covers
    wishes: tuple[Any, ...] = field(default=(), compare=False)  # what it is made of, and
    settles: bool = field(default=False, compare=False)  # is there time before the closes?
    static: bool = False  # are the events of data enabled for every socket of the client?

    def perform(self, plan: Scenario, peer: Peer) -> None:
        """Fills the plan; `peer` is bound."""
        names: dict[str, Any] = {
            "peer": peer,
            "plan": plan,
            OWN_ADDRESS.text: Address.wildcard(self.family, peer.port),
            HERE.text: Address.loopback(self.family, peer.port),
            NOBODY.text: Address.unused(peer),
        }
        if self.static:
            plan.static_events(*DATA_EVENTS)
        for number in range(self.sockets):
            names[f"sock{number}"] = self._connected(plan, peer)
        if isinstance(self.way, Arrival):
            names["listener"] = plan.sockets[0]
        for line in self.lines:
            line.perform(plan, names)

    def _connected(self, plan: Scenario, peer: Peer) -> Any:
        if isinstance(self.way, Arrival):
            return plan.accepted(self.way, family=self.family, port=peer.port)
        return plan.connected(self.way, to=peer)

    @property
    def behaviour(self) -> Peer:
        made = self.peer.made(self.sockets)
        return made.connecting() if isinstance(self.way, Arrival) else made

    def written(self) -> Iterator[str]:
        """The body of a test, without its sentences."""
        connecting = ".connecting()" if isinstance(self.way, Arrival) else ""
        family = _written(self.family)
        yield f"peer = lab.peer({self.peer.written(self.sockets)}{connecting}, {family})"
        yield f"plan = Scenario({'own_client=True' if self.static else ''})"
        for name, address in _ADDRESSES.items():
            if any(name in dict(line.how).values() for line in self.lines):
                yield f"{name} = {address.format(family=family)}"
        if self.static:
            yield f"plan.static_events({', '.join(map(_written, DATA_EVENTS))})"
        for number in range(self.sockets):
            if isinstance(self.way, Arrival):
                yield f"sock{number} = plan.accepted({_written(self.way)}, family={family}, port=peer.port)"
            else:
                yield f"sock{number} = plan.connected({_written(self.way)}, to=peer)"
        if isinstance(self.way, Arrival) and any(_names_listener(line) for line in self.lines):
            yield "listener = plan.sockets[0]"
        for strand, lines in groupby(self.lines, key=lambda line: line.strand):
            if strand:
                yield f"with plan.strand({strand}):"
            for line in lines:
                yield f"{'    ' if strand else ''}{line.written()}"


def _names_listener(line: Line) -> bool:
    return Name("listener") in line.arguments


def _found(names: Mapping[str, Any], value: Any) -> Any:
    if isinstance(value, Name):
        first, _, attribute = value.text.partition(".")
        return getattr(names[first], attribute) if attribute else names[first]
    if isinstance(value, Within):
        made = names[value.name.text]
        return inside(made) if value.callback is None else inside(made, value.callback)
    return value


def _written(value: Any) -> str:
    """The value as Python has it; times in their units."""
    if isinstance(value, Enum):
        return f"{type(value).__name__}.{value.name}"
    if isinstance(value, peers.After):
        told = [f"received={value.received}"] if value.received else []
        told += [f"delay={_written(value.delay)}"] if value.delay else []
        return f"After({', '.join(told)})"
    if isinstance(value, int) and not isinstance(value, bool) and value >= ms and value % ms == 0:
        return f"{value // ms} * ms" if value % s else f"{value // s} * s"
    if isinstance(value, Buffer):
        shape = f"mdls={value.mdls}, offset={value.offset}, slack=3"
        if value.sizes:
            shape = f"sizes={value.sizes}"
        return f"Buffer(pattern({value.length}, seed={value.length}), length={value.length}, {shape})"
    if isinstance(value, bytes) and len(value) > 64:
        return f"pattern({len(value)})"
    return repr(value)
