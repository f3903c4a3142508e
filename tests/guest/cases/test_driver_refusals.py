# SPDX-License-Identifier: Apache-2.0
"""The driver refuses what could not be performed, names why, and performs none of it."""

from collections.abc import Callable

import pytest

from harness.core.abi import TraceOutcome
from harness.core.errors import HarnessError
from harness.evidence import Trace
from harness.run.case import Case
from harness.scenario import DPC, IPV4, Callback, Category, Irp, Scenario, Socket, inside


def leaves_a_socket_open_in_a_loop(plan: Scenario, _: Socket) -> None:
    with plan.repeat(2):
        plan.wait(plan.socket(IPV4).creation)


def does_not_wait_in_a_loop(plan: Scenario, sock: Socket) -> None:
    with plan.repeat(2):
        plan.send(sock, 1)


def closes_in_a_loop_what_is_not_its_own(plan: Scenario, sock: Socket) -> None:
    with plan.repeat(2):
        plan.finish.close(sock)


def cancels_into_the_loop_of_another_strand(plan: Scenario, sock: Socket) -> None:
    with plan.strand(1), plan.repeat(2):
        receive = plan.receive(sock, 1)
        plan.wait(receive)
    plan.cancel(receive)


def comes_to_a_barrier_twice(plan: Scenario, _: Socket) -> None:
    plan.barrier(0)
    plan.barrier(0)


def reuses_an_irp_that_nobody_waited_for(plan: Scenario, sock: Socket) -> None:
    plan.send(sock, 1, irp=plan.send(sock, 1))


def reuses_an_irp_that_another_strand_waited_for(plan: Scenario, sock: Socket) -> None:
    with plan.strand(1):
        send = plan.send(sock, 1)
        plan.wait(send)
    plan.send(sock, 1, irp=send)


def reuses_an_irp_twice(plan: Scenario, sock: Socket) -> None:
    plan.send(sock, 1, irp=sock.creation)
    plan.send(sock, 1, irp=sock.creation)


def reuses_an_irp_inside_a_completion(plan: Scenario, sock: Socket) -> None:
    plan.send(sock, 1, irp=sock.creation, context=inside(sock.creation))


def accepts_twice_at_a_time(plan: Scenario, _: Socket) -> None:
    listener = plan.socket(IPV4, category=Category.LISTEN)
    plan.accept(listener)
    plan.accept(listener)


def sends_on_a_listener(plan: Scenario, _: Socket) -> None:
    plan.send(plan.socket(IPV4, category=Category.LISTEN), 1)


def listens_on_a_connection_socket(plan: Scenario, sock: Socket) -> None:
    plan.listen(sock)


def expects_an_accept_event_of_a_connection(plan: Scenario, sock: Socket) -> None:
    plan.on_accept(sock)


def waits_for_an_event_of_a_basic_socket(plan: Scenario, _: Socket) -> None:
    plan.wait_event(plan.socket(IPV4, category=Category.BASIC), Callback.RECEIVE)


def calls_on_a_cpu_that_is_not_there(plan: Scenario, sock: Socket) -> None:
    plan.bind(sock, cpu=63)


def names_a_cpu_inside_a_completion(plan: Scenario, sock: Socket) -> None:
    plan.bind(sock, cpu=0, context=inside(sock.creation))


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (leaves_a_socket_open_in_a_loop, "ORDER"),
        (does_not_wait_in_a_loop, "ORDER"),
        (closes_in_a_loop_what_is_not_its_own, "ORDER"),
        (cancels_into_the_loop_of_another_strand, "ORDER"),
        (comes_to_a_barrier_twice, "ORDER"),
        (reuses_an_irp_that_nobody_waited_for, "TARGET"),
        (reuses_an_irp_that_another_strand_waited_for, "TARGET"),
        (reuses_an_irp_twice, "TARGET"),
        (reuses_an_irp_inside_a_completion, "TARGET"),
        (accepts_twice_at_a_time, "DANGEROUS"),
        (sends_on_a_listener, "SOCKET"),
        (listens_on_a_connection_socket, "SOCKET"),
        (expects_an_accept_event_of_a_connection, "SOCKET"),
        (waits_for_an_event_of_a_basic_socket, "SOCKET"),
        (calls_on_a_cpu_that_is_not_there, "CONTEXT"),
        (names_a_cpu_inside_a_completion, "CONTEXT"),
    ],
)
async def test_a_scenario_is_refused(lab: Case, wrong: Callable[[Scenario, Socket], None], why: str) -> None:
    plan = Scenario()
    sock = plan.socket(IPV4, context=DPC, irp=Irp.INITIALIZED)
    plan.wait(sock.creation)
    wrong(plan, sock)

    with pytest.raises(HarnessError, match=f"refused the scenario: {why} at step"):
        await lab.run(plan)

    assert lab.evidence.trace is not None
    trace = Trace.decode(lab.evidence.trace)
    assert trace.outcome == TraceOutcome.REJECTED
    assert not trace.events
