# SPDX-License-Identifier: Apache-2.0
"""The scenario language: a plan is built call by call and sent to the driver as data.

Nothing is implicit but recovery: sockets that a plan leaves open are closed by
the driver afterwards, and its trace says so.
"""

import secrets
from collections.abc import Callable
from typing import Any, Self, Unpack, cast

from harness.core.errors import UsageError
from harness.core.units import s
from harness.scenario.address import Address, Endpoint
from harness.scenario.controls import Controls
from harness.scenario.operation import Operation, Socket
from harness.scenario.steps import How
from harness.scenario.values import Arrival, Callback, Category, Family, Origin

RECOVERY_LIMIT = 1 * s

_EOF_PROBE = 64  # bytes: any receive that does not ask for none
_STREAMS = (Origin.STREAM_CONNECT, Origin.STREAM_CONNECT_EX)
_CONNECT_EX = (Origin.WSK_CONNECT_EX, Origin.STREAM_CONNECT_EX)


class Scenario(Controls):
    """A plan. Every method raises UsageError for what the driver would refuse."""

    def __init__(
        self, *, dangerous: bool = False, own_client: bool = False, scenario_id: int | None = None
    ) -> None:
        """`dangerous` allows steps that break the contract or take the guest down; with `own_client`
        the run registers with WSK for itself; the id comes back in the trace."""
        super().__init__(dangerous=dangerous, own_client=own_client)
        self.id = secrets.randbits(64) if scenario_id is None else scenario_id
        self.recovery = RECOVERY_LIMIT
        self.event_capacity: int | None = None  # events that the trace has room for; None: plenty

    @property
    def finish(self) -> Self:
        """The plan's calls, each waited for: `plan.finish.close(sock)` is `plan.wait(plan.close(sock))`."""
        return cast(Self, _Finishing(self))

    def connected(
        self, origin: Origin, *, to: Endpoint, dual_mode: bool = False, **how: Unpack[How]
    ) -> Socket:
        """A socket connected in the way `origin` names; each step is waited for.

        In dual mode it is an IPv6 socket, and `to` an IPv4 address.
        """
        if origin == Origin.WSK_SOCKET_CONNECT:
            sock = self.socket_connect(to=to, **how)
            self.wait(sock.creation)
            return sock
        category = Category.STREAM if origin in _STREAMS else Category.CONNECTION
        sock = self.socket(Family.IPV6 if dual_mode else to.family, category=category, **how)
        self.wait(sock.creation)
        if dual_mode:
            self.wait(self.dual_mode(sock, **how))
            to = Address.of(to).mapped()
        self.wait(self.bind(sock, **how))
        connect = self.connect_ex if origin in _CONNECT_EX else self.connect
        self.wait(connect(sock, to=to, **how))
        return sock

    def listening(
        self, family: int, port: int, *, category: Category = Category.LISTEN, **how: Unpack[How]
    ) -> Socket:
        """A socket that connections can be accepted on; each step is waited for."""
        sock = self.socket(family, category=category, **how)
        self.wait(sock.creation)
        self.wait(self.bind(sock, local=Address.wildcard(family, port), **how))
        if category == Category.STREAM:
            self.wait(self.listen(sock, **how))
        return sock

    def accepted(self, arrival: Arrival, *, family: int, port: int, **how: Unpack[How]) -> Socket:
        """The socket of a connection that is made to `port`, accepted in the way `arrival` names.

        Its listener stays open: it is the socket that the plan made just before.
        """
        if arrival == Arrival.WSK_ACCEPT_EVENT:
            return self._accepted_by_event(family, port)
        category = Category.STREAM if arrival == Arrival.STREAM_ACCEPT else Category.LISTEN
        accepted = self.accept(self.listening(family, port, category=category, **how), **how)
        self.wait(accepted.creation)
        return accepted

    def _accepted_by_event(self, family: int, port: int) -> Socket:
        listener = self.socket(family, category=Category.LISTEN)
        self.wait(listener.creation)
        (accepted,) = self.on_accept(listener)
        self.wait(self.bind(listener, local=Address.wildcard(family, port)))
        self.wait(self.enable(listener, Callback.ACCEPT))
        self.wait_event(listener, Callback.ACCEPT)
        return accepted

    def close_after_eof(self, sock: Socket, **how: Unpack[How]) -> Operation:
        """WskCloseSocket once the peer's FIN has come, so that it cuts nothing short; both are waited for."""
        self.wait(self.receive(sock, _EOF_PROBE))
        close = self.close(sock, **how)
        self.wait(close)
        return close

    @property
    def sequential(self) -> bool:
        """Does everything happen in the order of the steps: one strand, no loops, nothing in callbacks?"""
        return all(
            operation.strand == 0 and not operation.hooked and operation.kind.name != "REPEAT"
            for operation in self.operations
        )


class _Finishing:
    """Makes a call of its plan and waits until its IRP has completed; a socket's is its creation."""

    def __init__(self, plan: Scenario) -> None:
        self._plan = plan

    def __getattr__(self, name: str) -> Callable[..., Any]:
        call = getattr(self._plan, name)

        def finished(*arguments: Any, **options: Any) -> Operation | Socket:
            made = call(*arguments, **options)
            if not isinstance(made, Operation | Socket):
                raise UsageError(f"{name} is no call that could be waited for")
            self._plan.wait(made.creation if isinstance(made, Socket) else made)
            return made

        return finished
