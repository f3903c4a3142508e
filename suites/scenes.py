# SPDX-License-Identifier: Apache-2.0
"""The values that cases vary, and the scenes that many of them begin with."""

from enum import StrEnum

from harness.core.errors import EvidenceLost
from harness.core.ntstatus import STATUS_PENDING, nt_success
from harness.core.units import format_ns, ms, s
from harness.evidence import Fact, grown
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
    Category,
    Context,
    Irp,
    Origin,
    inside,
)
from harness.wire import ACK, FIN, RST


class AddressMode(StrEnum):
    """The address family of a connection, or IPv4 over an IPv6 socket."""

    IPV4 = "ipv4"
    IPV6 = "ipv6"
    DUAL_MODE = "dual-mode"  # IPv4, of an IPv6 socket

    @property
    def family(self):
        return IPV6 if self == AddressMode.IPV6 else IPV4


NETWORKS = tuple(AddressMode)
WAYS = (*ALL_ORIGINS, *ARRIVALS)  # in which a connected socket comes to be
# A few of them, for what hardly depends on the way.
SOME_WAYS = (WSK_SOCKET, WSK_SOCKET_CONNECT, Arrival.STREAM_ACCEPT)
CONNECTED_AND_ACCEPTED = (WSK_SOCKET, Arrival.STREAM_ACCEPT)
CONNECTED_STREAM_AND_ACCEPTED = (WSK_SOCKET, Origin.STREAM_CONNECT, Arrival.STREAM_ACCEPT)
EVERYWHERE = (*ALL_CONTEXTS, Context.COMPLETION, Context.CALLBACK)
SHORT_PEER_TIMEOUT = 300 * ms  # for the part of a peer that nothing tells of the scenario's end
HELD = 300 * ms  # a callback, from when it has told that it has begun
# Of the peer, when all that the scene needs was called and told, and what asked has returned: a callback may
# keep a processor, and with it the thread that was about to return there.
SOON = After(received=1, delay=80 * ms)
SETTLES = 100 * ms  # for what was called to come to rest; no sentence rests on it
ACKNOWLEDGED = 600 * ms  # an acknowledgement may be delayed by up to 0.5 s: RFC 9293, 3.8.6.3
AFTERWARDS = 150 * ms  # for events that must not come
OPEN = 5 * s  # for a peer that is to hold its direction open till the guest has ended the connection
TOLD = b"!"  # of the peer, when it has the guest's FIN
PROMPT = 1 * s  # for what does not wait
EVENTS = {
    "no-event": (),
    "disconnect-event": (Callback.DISCONNECT,),
    "receive-event": (Callback.RECEIVE,),
    "both-events": (Callback.RECEIVE, Callback.DISCONNECT),
}
FORMS = {"graceful": 0, "abortive": WSK_FLAG_ABORTIVE}


def impossible(network, way, **_):
    """Dual mode is set before the socket is bound: not in WskSocketConnect, nor after an accept."""
    return network == AddressMode.DUAL_MODE and (way == WSK_SOCKET_CONNECT or isinstance(way, Arrival))


def connected(lab, plan, peer, network=AddressMode.IPV4, way=WSK_SOCKET):
    """The peer at its address, and a socket of the plan's that is connected with it."""
    if isinstance(way, Arrival):
        peer = lab.peer(peer.connecting(), network.family)
        return peer, plan.accepted(way, family=network.family, port=peer.port)
    peer = lab.peer(peer, network.family)
    return peer, plan.connected(way, to=peer, dual_mode=network == AddressMode.DUAL_MODE)


def joined(lab, plan, peer, way, family):
    """The same, for cases that vary the family alone."""
    return connected(lab, plan, peer, AddressMode.IPV6 if family == IPV6 else AddressMode.IPV4, way)


def connected_from(plan, temporary, peer, category):
    """A connected socket that is bound to the case's own address."""
    sock = plan.socket(temporary.address.family, category=category)
    plan.wait(sock.creation)
    plan.finish.bind(sock, local=temporary.at())
    plan.finish.connect(sock, to=peer)
    return sock


def bound(plan, category, local):
    """A new socket, and the bind of it, which may fail."""
    sock = plan.socket(local.family, category=category)
    plan.wait(sock.creation)
    bind = plan.bind(sock, local=local)
    plan.may_fail(bind)
    plan.wait(bind)
    return sock, bind


def once_data_came(plan, sock, context):
    """Where `context` is when the byte comes that one of ours asks the peer for: a call's `context`."""
    if context == Context.CALLBACK:
        plan.finish.enable(sock, Callback.RECEIVE)
        plan.send(sock, b"?")
        return inside(sock, Callback.RECEIVE)
    receive = plan.receive(sock, 1)
    plan.send(sock, b"?")
    if context == Context.COMPLETION:
        return inside(receive)
    plan.wait(receive)
    return context


def bystander(plan):
    """A socket that has nothing to do with the scene, for `has_begun`; before the scene."""
    sock = plan.socket(IPV4, category=Category.DATAGRAM)
    plan.wait(sock.creation)
    plan.wait(plan.bind(sock))
    return sock


def has_begun(plan, other, sock, callback):
    """Waits until an event callback of the socket's is in progress.

    A call inside it tells, which is over when it returns; it is given back. It is one of another socket, so
    that nothing is asked of the provider for this one.
    """
    tells = plan.enable(other, Callback.RECEIVE_FROM, irp=Irp.NONE, context=inside(sock, callback))
    plan.wait(tells)
    plan.delay(20 * ms)  # after which nobody is inside that call
    return tells


def in_fin_wait_2(plan, sock):
    """A graceful disconnect whose FIN the peer acknowledges with TOLD; it may pend until the peer's FIN."""
    graceful = plan.disconnect(sock)
    plan.finish.receive(sock, len(TOLD))
    return graceful


def told(seen, *, fins=0):
    """How the guest ended the connection on the wire, for records; after a scene of so many FINs.

    After a FIN it depends on the peer's own whether a close sends a RST too.
    """
    if seen.count(FIN, sender="guest") > fins:
        return "FIN"
    return "RST" if seen.rst("guest") else "nothing"


def close_after(plan, disconnect):
    """A close that cuts nothing short: after an abort at once, else when the peer's FIN has come."""
    if disconnect.abortive:
        plan.finish.close(disconnect.socket)
    else:
        plan.close_after_eof(disconnect.socket)


def listed(found, otherwise):
    """What was found, as a sentence has it."""
    return ", ".join(each.text if isinstance(each, Fact) else str(each) for each in found) or otherwise


def quiet_after_reset(seen):
    """Did the guest send a RST, and no data and no FIN after it? What comes late may get RSTs, too.

    What comes for the first time, and has its place before the RST's, left before it: the RST may have taken
    another of a network card's queues.
    """
    reset = seen.rst("guest")
    if reset is None:
        return Fact(False, "no RST of the guest")
    late = [
        each
        for each in seen.packets(sender="guest", after=reset)
        if (each.payload or FIN in each.flags) and not is_overtaken(seen, each, reset)
    ]
    return Fact(not late, f"after {reset}: {listed(late, 'neither data nor FIN')}")


def is_overtaken(seen, packet, reset):
    """Does a packet that was captured behind the RST stand before it, and is it no repetition?"""
    end = packet.seq + len(packet.payload) + (FIN in packet.flags)
    earlier = seen.packets(sender="guest", before=reset)
    return (reset.seq - end) % (1 << 32) < 1 << 31 and packet.seq not in {
        each.seq for each in earlier if each.payload or FIN in each.flags
    }


def spoken(seen):
    """The guest's segments with data, FIN or RST, where the peer says no more than what connects them.

    What it says twice may find the socket closed, and TCP owes that a RST (RFC 9293, 3.10.7.1): then none
    decides anything.
    """
    heard = [(each.seq, each.flags, each.payload) for each in seen.packets(sender="peer")]
    ends = FIN if len(set(heard)) < len(heard) else FIN | RST
    return [each for each in seen.packets(sender="guest") if each.payload or each.flags & ends]


def own_reset(seen, done):
    """Did the guest send a RST in `done`, called once it had received TOLD, that answers nothing?

    One that comes only behind a segment of the peer's, long after `done` has completed, is TCP's answer to
    what belongs to no connection (RFC 9293, 3.10.7.1). EvidenceLost when the segment came meanwhile.
    """
    reset = seen.rst("guest")
    if reset is None:
        return Fact(False, "no RST of the guest")
    told = next((each.index for each in seen.packets(sender="peer") if each.payload == TOLD), reset.index)
    first = next((each for each in seen.packets(sender="peer") if told < each.index < reset.index), None)
    if first is None:
        return Fact(True, f"{reset}, with nothing of the peer's between")
    completed = seen.at(done.completion).interval.latest
    if first.time_ns - completed - seen.starved(done.completion, first) < PROMPT:
        raise EvidenceLost(f"{first} came while {done} was under way: {reset} may answer it")
    return Fact(False, f"{reset} answers {first}")


def no_reset(seen):
    """Did the guest send no RST of its own accord?

    One that answers what the peer sent when both directions had ended decides nothing: TCP owes it to a
    segment of a connection that is gone (RFC 9293, 3.10.7.1). That is what the peer sends behind its FIN and
    behind its acknowledgement of the guest's, so also the same again as a guest was slow to answer.
    """
    ends = [seen.fin("peer"), acknowledgement(seen, seen.fin("guest"))]
    over = None if None in ends else max(end.index for end in ends)
    late = [] if over is None else [each for each in seen.packets(sender="peer") if each.index > over]
    own = [
        reset
        for reset in seen.packets(RST, sender="guest")
        if not any(segment.index < reset.index for segment in late)
    ]
    return Fact(not own, f"RST of the guest's own accord: {listed(own, 'none')}")


def acknowledgement(seen, fin):
    """The first packet that acknowledges a FIN, or None."""
    if fin is None:
        return None
    return next(
        (
            packet
            for packet in seen.packets(ACK)
            if packet.sender != fin.sender and (packet.ack - fin.position - 1) % (1 << 32) < 1 << 31
        ),
        None,
    )


def acknowledges(packet, sent):
    """Does it acknowledge a byte of that packet? A RST, with which a closed port answers, does not count."""
    return RST not in packet.flags and 0 < (packet.ack - sent.seq) % (1 << 32) < 1 << 31


def reset_while_open(seen):
    """Ports of the guest's connections that it reset although the peer's FIN had not come."""
    ended, found = set(), set()
    for packet in seen.packets():
        if packet.sender == "peer" and FIN in packet.flags:
            ended.add(packet.guest_port)
        elif packet.sender == "guest" and RST in packet.flags and packet.guest_port not in ended:
            found.add(packet.guest_port)
    return found


def surely_after(seen, mark, sender):
    """Packets of one side that certainly came after a moment; those that may have are not among them."""
    limit = seen.at(mark).interval.latest
    return [packet for packet in seen.packets(sender=sender) if packet.time_ns > limit]


def require_data_acknowledged(seen, at):
    """The scene: the guest's TCP had acknowledged all of the peer's data when that call was made."""
    last = [packet for packet in seen.packets(sender="peer") if packet.payload][-1]
    end = (last.seq + len(last.payload)) % (1 << 32)
    limit = seen.at(at.call).interval.earliest
    require_precondition(
        any(
            (packet.ack - end) % (1 << 32) < 1 << 31 and packet.time_ns < limit
            for packet in seen.packets(ACK, sender="guest")
        )
    )


def require_pending(seen, operation, at):
    """The scene: the IRP of `operation` was pending at that call."""
    require_precondition(seen.order(at.call, operation.completion))


def require_peer_open(seen, at):
    """The scene: the peer had ended nothing when that call was made."""
    for flag in (FIN, RST):
        require_precondition(seen.no(flag, sender="peer", before=at.call))


def require_peer_ended(seen, at):
    """The scene: the peer's FIN had come when that call was made, or may have."""
    fin = seen.fin("peer")
    require_precondition(fin is not None and fin not in surely_after(seen, at.call, "peer"))


def was_running(seen, start, end, limit):
    """Did the host keep the guest from running for a part of `limit` ns only?

    What is to come within them, and did not, might have come else. What is only recorded is then not.
    """
    starved = seen.starved(start, end)
    told = f"the host kept the guest from running for {format_ns(starved)} of {format_ns(limit)}"
    return Fact(starved < limit // 4, told)


def require_running(seen, start, end, limit):
    """The scene: the guest was running."""
    require_precondition(was_running(seen, start, end, limit))


def require_time_left(seen, start, end, least):
    """The scene: between these the guest ran for `least` ns or more, however long the host made it all last.

    What is to come between them, and did not, might have come else.
    """
    require_precondition(Fact(None not in (start, end), f"{start or 'nothing'}, then {end or 'nothing'}"))
    left = seen.at(end).interval.earliest - seen.at(start).interval.latest - seen.starved(start, end)
    told = f"of the time from {start} on the guest had {format_ns(max(left, 0))}"
    require_precondition(Fact(left >= least, told))


def before_it_returns(seen, what, sock, callback):
    """Did a call return while the callback was held? The scene: the guest had some time for that."""
    if came := seen.order(what, sock.leaves(callback)):
        return came
    require_time_left(seen, what.operation.call, sock.leaves(callback), HELD // 3)
    return came


def require_unread(seen):
    """The scene: the peer's first segment brought more than the one byte that was received."""
    first = next((packet for packet in seen.packets(sender="peer") if packet.payload), None)
    require_precondition(first is not None and len(first.payload) > 1)


def holds_no_more(before, pool):
    """Does the guest's pool hold no more blocks and bytes of any tag than before?"""
    more = [
        f"{name.removeprefix('pool.').strip()} from {before.get(name, '0 0')} to {pool[name]}"
        for name in grown(before, pool)
    ]
    return Fact(not more, f"blocks and bytes by tag: {listed(more, 'no more than before')}")


def answer(seen, call):
    """The status that a call came to: what it returned, or after STATUS_PENDING its IRP's.

    WskDisconnect, return value: after an error the IRP has failed too; with the same status nobody says.
    """
    returned = seen.returned(call)
    return seen.status(call) if returned == STATUS_PENDING else returned


def failed(seen, *operations):
    """Did each complete once, and not with success?"""
    others = [
        f"{each} completed {seen.completions(each)} times, with {seen.status(each)}"
        for each in operations
        if (seen.completions(each), nt_success(seen.status(each))) != (1, False)
    ]
    return Fact(not others, f"each once, with a failure: {listed(others, 'so it was')}")


def require_precondition(fact):
    """The scene was as the case needs it; else nothing can be judged."""
    if not fact:
        why = "what it needs was not seen" if fact is None else repr(fact)
        raise EvidenceLost(f"the scene was not as planned: {why}")
