# SPDX-License-Identifier: Apache-2.0
"""What cases vary, and the scenes that many of them begin with."""

from enum import StrEnum

from harness.core.errors import EvidenceLost
from harness.core.units import ms
from harness.peer import After
from harness.scenario import (
    ALL_CONTEXTS,
    ALL_ORIGINS,
    ARRIVALS,
    IPV4,
    IPV6,
    WSK_FLAG_ABORTIVE,
    WSK_SOCKET,
    WSK_SOCKET_CONNECT,
    Arrival,
    Callback,
    Context,
    inside,
)
from harness.wire import FIN, RST


class Network(StrEnum):
    """What a connection runs over."""

    IPV4 = "ipv4"
    IPV6 = "ipv6"
    DUAL_MODE = "dual-mode"  # IPv4, of an IPv6 socket

    @property
    def family(self):
        return IPV6 if self == Network.IPV6 else IPV4


NETWORKS = tuple(Network)
WAYS = (*ALL_ORIGINS, *ARRIVALS)  # in which a connected socket comes to be
SOME_WAYS = (WSK_SOCKET, WSK_SOCKET_CONNECT, Arrival.STREAM_ACCEPT)
EVERYWHERE = (*ALL_CONTEXTS, Context.COMPLETION, Context.CALLBACK)
SHORT_PEER_TIMEOUT = 300 * ms  # for the part of a peer that nothing tells of the scenario's end
# A callback that is held, from when the strand sleeps: on its processor the callback would hold it up too.
HELD = 300 * ms
SOON = After(received=1, delay=20 * ms)  # of the peer, once the scene is set
MEANWHILE = 120 * ms  # until the callback has begun
FORMS = {"graceful": 0, "abortive": WSK_FLAG_ABORTIVE}


def impossible(network, way, **_):
    """Dual mode is set before the socket is bound: not in WskSocketConnect, nor after an accept."""
    return network == Network.DUAL_MODE and (way == WSK_SOCKET_CONNECT or isinstance(way, Arrival))


def connected(lab, plan, peer, network=Network.IPV4, way=WSK_SOCKET):
    """The peer at its address, and a socket of the plan's that is connected with it."""
    if isinstance(way, Arrival):
        peer = lab.peer(peer.connecting(), network.family)
        return peer, plan.accepted(way, family=network.family, port=peer.port)
    peer = lab.peer(peer, network.family)
    return peer, plan.connected(way, to=peer, dual_mode=network == Network.DUAL_MODE)


def joined(lab, plan, peer, way, family):
    """The same, for cases that vary the family alone."""
    return connected(lab, plan, peer, Network.IPV6 if family == IPV6 else Network.IPV4, way)


def once_data_came(plan, sock, context):
    """Where `context` is when the peer's first byte comes: a call's `context`."""
    if context == Context.CALLBACK:
        plan.enable(sock, Callback.RECEIVE)
        return inside(sock, Callback.RECEIVE)
    receive = plan.receive(sock, 1)
    if context == Context.COMPLETION:
        return inside(receive)
    plan.wait(receive)
    return context


def told(seen, *, fins=0):
    """How the guest ended the connection on the wire, for records; after a scene of so many FINs."""
    sent = {
        "FIN": seen.count(FIN, sender="guest") - fins,
        "RST": seen.count(RST, sender="guest"),
    }
    return " and ".join(flag for flag, number in sent.items() if number) or "nothing"


def close_after(plan, disconnect):
    """A close that cuts nothing short: after an abort at once, else when the peer's FIN has come."""
    if disconnect.abortive:
        plan.wait(plan.close(disconnect.socket))
    else:
        plan.close_after_eof(disconnect.socket)


def no_reset(seen):
    """Did the guest send no RST?

    One that answers what came of a repeated FIN, once the connection is gone, decides nothing.
    """
    resets = seen.packets(RST, sender="guest")
    if resets and any(len(seen.packets(FIN, sender=sender)) > 1 for sender in ("guest", "peer")):
        raise EvidenceLost(f"a FIN was repeated, which the guest may have answered with {resets[0]!r}")
    return not resets


def require_precondition(fact):
    """The scene was as the case needs it; else nothing can be judged."""
    if not fact:
        why = "what it needs was not seen" if fact is None else repr(fact)
        raise EvidenceLost(f"the scene was not as planned: {why}")
