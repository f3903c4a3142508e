# SPDX-License-Identifier: Apache-2.0
"""WskControlSocket, WskControlClient, security descriptors, and a client of the run's own."""

import struct

import pytest

from harness.core.ntstatus import (
    NOT_COMPLETED,
    STATUS_CANCELLED,
    STATUS_INVALID_DEVICE_STATE,
    STATUS_INVALID_PARAMETER,
    STATUS_NOT_SUPPORTED,
    STATUS_PENDING,
    STATUS_SUCCESS,
    nt_success,
)
from harness.core.units import ms
from harness.peer import HoldsOpen, NeverAnswers, ReadsToEof
from harness.run.case import Case
from harness.scenario import (
    IPPROTO_IPV6,
    IPPROTO_TCP,
    IPV4,
    IPV6,
    IPV6_V6ONLY,
    SIO_WSK_QUERY_IDEAL_SEND_BACKLOG,
    SIO_WSK_SET_TCP_SILENT_MODE,
    SO_CONDITIONAL_ACCEPT,
    SO_EXCLUSIVEADDRUSE,
    SO_KEEPALIVE,
    SO_REUSEADDR,
    SOL_SOCKET,
    TCP_NODELAY,
    WSK_FLAG_ABORTIVE,
    WSK_SOCKET,
    WSK_TRANSPORT_LIST_QUERY,
    Address,
    Category,
    ControlRequest,
    Irp,
    Scenario,
)
from harness.wire import RST

# Self-relative, of everyone (S-1-1-0) for owner and group, without an access list: all may do all.
_EVERYONE = bytes([1, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0])
DESCRIPTOR = struct.pack("<BBHIIII", 1, 0, 0x8004, 20, 32, 0, 0) + _EVERYONE * 2


async def test_an_ioctl_answers(lab: Case) -> None:
    peer = lab.peer(ReadsToEof(), IPV4)
    plan = Scenario()
    sock = plan.connected(WSK_SOCKET, to=peer)
    query = plan.ioctl(sock, SIO_WSK_QUERY_IDEAL_SEND_BACKLOG, size=8)
    plan.wait(query)

    seen = await lab.run(plan, peer)

    assert seen.status(query) == STATUS_SUCCESS
    assert 0 < int.from_bytes(seen.result(query), "little") < 1 << 32


OPTIONS = {
    "reuse-address": (SOL_SOCKET, SO_REUSEADDR, 0),
    "exclusive": (SOL_SOCKET, SO_EXCLUSIVEADDRUSE, 0),
    "keep-alive": (SOL_SOCKET, SO_KEEPALIVE, 0),
    "conditional-accept": (SOL_SOCKET, SO_CONDITIONAL_ACCEPT, 0),
    "ipv6-only": (IPPROTO_IPV6, IPV6_V6ONLY, 1),
}


@pytest.mark.parametrize("option", OPTIONS)
async def test_an_option_is_what_it_was_set_to(lab: Case, option: str) -> None:
    level, code, default = OPTIONS[option]
    plan = Scenario()
    sock = plan.socket(IPV6, category=Category.LISTEN)
    plan.wait(sock.creation)
    got = []
    steps = [plan.get_option(sock, level, code, 4)]
    plan.wait(*steps)
    for value in (1, 0, 1):
        steps.append(plan.set_option(sock, level, code, struct.pack("<I", value)))
        plan.wait(steps[-1])
        steps.append(plan.get_option(sock, level, code, 4))
        got.append(steps[-1])
        plan.wait(steps[-1])
    plan.finish.close(sock)

    seen = await lab.run(plan)

    assert {seen.status(step) for step in steps} == {STATUS_SUCCESS}
    assert [int.from_bytes(seen.result(step), "little") for step in got] == [1, 0, 1]
    assert int.from_bytes(seen.result(steps[0]), "little") == default
    assert seen.information(steps[0]) == 4


async def test_options_that_there_are_not_are_refused(lab: Case) -> None:
    peer = lab.peer(ReadsToEof(), IPV4)
    plan = Scenario()
    sock = plan.connected(WSK_SOCKET, to=peer)
    one = struct.pack("<I", 1)
    missing = [
        plan.set_option(sock, IPPROTO_TCP, TCP_NODELAY, one),
        plan.get_option(sock, IPPROTO_TCP, TCP_NODELAY, 4),
        plan.set_option(sock, IPPROTO_IPV6, IPV6_V6ONLY, one),
    ]
    late = [plan.set_option(sock, SOL_SOCKET, code, one) for code in (SO_REUSEADDR, SO_EXCLUSIVEADDRUSE)]
    short = plan.set_option(sock, SOL_SOCKET, SO_KEEPALIVE, b"1")
    plan.wait(*missing, *late, short)
    plan.finish.close(sock)

    seen = await lab.run(plan, peer)

    assert {seen.status(step) for step in missing} == {STATUS_NOT_SUPPORTED}
    assert {seen.status(step) for step in late} == {STATUS_INVALID_DEVICE_STATE}
    assert seen.status(short) == STATUS_INVALID_PARAMETER
    assert {seen.completions(step) for step in (*missing, *late, short)} == {1}


async def test_silent_mode_refuses_a_disconnect_and_closes_without_a_packet(lab: Case) -> None:
    peer = lab.peer(HoldsOpen(for_=10 * ms), IPV4)
    plan = Scenario()
    sock = plan.connected(WSK_SOCKET, to=peer)
    silent = plan.ioctl(sock, SIO_WSK_SET_TCP_SILENT_MODE)
    plan.wait(silent)
    graceful = plan.disconnect(sock)
    abortive = plan.disconnect(sock, flags=WSK_FLAG_ABORTIVE)
    plan.wait(graceful, abortive)
    plan.finish.close(sock)

    seen = await lab.run(plan, peer)

    assert seen.status(silent) == STATUS_SUCCESS
    assert seen.status(graceful) == seen.status(abortive) == STATUS_INVALID_DEVICE_STATE
    assert seen.no(RST, sender="guest")


@pytest.mark.parametrize("way", ["socket", "socket-connect", "option"])
async def test_a_cached_descriptor_is_applied_and_released(lab: Case, way: str) -> None:
    peer = lab.peer(ReadsToEof(), IPV4)
    plan = Scenario()
    descriptor, cache = plan.cache_descriptor(DESCRIPTOR)
    using = ControlRequest.using(descriptor)
    if way == "socket-connect":
        sock = plan.socket_connect(to=peer, control=using)
        plan.wait(sock.creation)
    else:
        sock = plan.socket(IPV4, control=using if way == "socket" else None)
        plan.wait(sock.creation)
        if way == "option":
            plan.finish.set_descriptor(sock, descriptor)
        plan.finish.bind(sock)
        plan.finish.connect(sock, to=peer)
    plan.finish.disconnect(sock)
    plan.close_after_eof(sock)
    release = plan.release_descriptor(descriptor)

    seen = await lab.run(plan, peer)

    assert (seen.returned(cache), seen.returned(release)) == (STATUS_SUCCESS, STATUS_SUCCESS)


async def test_a_descriptor_that_is_read_is_released_too(lab: Case) -> None:
    plan = Scenario()
    descriptor, _ = plan.cache_descriptor(DESCRIPTOR)
    sock = plan.socket(IPV4, control=ControlRequest.using(descriptor))
    plan.wait(sock.creation)
    copy, read = plan.get_descriptor(sock)
    plan.wait(read)
    releases = [plan.release_descriptor(copy), plan.release_descriptor(descriptor)]
    plan.finish.close(sock)

    seen = await lab.run(plan)

    assert seen.status(read) == STATUS_SUCCESS
    assert [seen.returned(release) for release in releases] == [STATUS_SUCCESS] * 2


async def test_the_transport_list_names_tcp(lab: Case) -> None:
    plan = Scenario()
    query = plan.control_client(ControlRequest(code=WSK_TRANSPORT_LIST_QUERY), size=256, irp=Irp.NONE)

    seen = await lab.run(plan)

    assert seen.returned(query) == STATUS_SUCCESS
    _, _, protocol = struct.unpack_from("<HHI", seen.result(query))
    assert protocol in (6, 17)


async def test_deregistration_waits_for_the_last_socket(lab: Case) -> None:
    plan = Scenario(own_client=True)
    sock = plan.socket(IPV4)
    plan.wait(sock.creation)
    deregister = plan.deregister()
    plan.delay(50 * ms)
    close = plan.close(sock)
    plan.wait(close, deregister)

    seen = await lab.run(plan)

    assert seen.order(deregister.call, close.call, close.completion, deregister.return_)
    assert seen.elapsed(deregister.call, deregister.return_) >= 50 * ms


async def test_a_socket_that_never_came_to_be_keeps_nothing_waiting(lab: Case) -> None:
    peer = lab.peer(NeverAnswers(), IPV4)
    plan = Scenario(own_client=True)
    sock = plan.socket_connect(to=peer)
    plan.cancel(sock.creation)
    plan.wait(sock.creation)
    deregister = plan.deregister()
    plan.wait(deregister)

    seen = await lab.run(plan, peer)

    assert seen.status(sock.creation) == STATUS_CANCELLED
    assert seen.returned(deregister) == STATUS_SUCCESS


async def test_sockets_outlive_the_provider_npi(lab: Case) -> None:
    peer = lab.peer(ReadsToEof(), IPV4)
    plan = Scenario(own_client=True)
    sock = plan.connected(WSK_SOCKET, to=peer)
    plan.release_npi()
    send = plan.send(sock, 100)
    plan.wait(send)
    plan.finish.disconnect(sock)
    close = plan.close_after_eof(sock)

    seen = await lab.run(plan, peer)

    assert peer.received == send.data
    assert seen.status(close) == STATUS_SUCCESS


async def test_a_null_irp_is_refused(lab: Case) -> None:
    plan = Scenario(dangerous=True)
    sock = plan.socket(IPV4, irp=Irp.NONE)
    plan.may_fail(sock.creation)

    seen = await lab.run(plan)

    assert not nt_success(seen.returned(sock.creation))
    assert seen.status(sock.creation) == NOT_COMPLETED


async def test_a_second_accept_is_made_when_it_is_meant(lab: Case) -> None:
    plan = Scenario(dangerous=True)
    listener = plan.socket(IPV4, category=Category.LISTEN)
    plan.wait(listener.creation)
    plan.finish.bind(listener, local=Address.wildcard(IPV4))
    accepts = [plan.accept(listener).creation for _ in range(2)]
    plan.may_fail(*accepts)
    close = plan.close(listener)
    plan.wait(*accepts, close)

    seen = await lab.run(plan)

    assert [seen.returned(accept) for accept in accepts] == [STATUS_PENDING] * 2
    assert [seen.completions(accept) for accept in accepts] == [1, 1]
