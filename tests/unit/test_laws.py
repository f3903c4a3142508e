# SPDX-License-Identifier: Apache-2.0
"""Laws of a timeline as a whole: all is well, something cannot be judged, memory grows."""

import pytest
from made_up import MadeUp, closed, farewell
from synthetic import PEER

from harness.core.units import ms
from harness.scenario import (
    Scenario,
)
from harness.verdict import load_requirements
from harness.verdict.laws import LAWS, pool


def test_a_conversation_that_ends_in_order_breaks_no_law() -> None:
    seen = MadeUp()
    send, receive = seen.plan.send(seen.sock, b"hello"), seen.plan.receive(seen.sock, 16)
    seen.called(send, 20).sends(b"hello", 21).acknowledges(22).completed(send, 23, information=5)
    seen.called(receive, 30).peer_sends(b"welcome", 31).completed(receive, 32, data=b"welcome")
    assert farewell(seen).broken() == {}


def test_every_law_says_what_it_wants_and_names_rows_that_there_are() -> None:
    assert all(law.sentence.endswith(".") for law in LAWS)
    assert len({law.name for law in LAWS}) == len(LAWS)
    assert "X-34" in load_requirements()


def test_a_law_says_what_it_lacks() -> None:
    plan = Scenario()
    twin = plan.socket_connect(to=PEER)
    seen = MadeUp(plan)
    seen.called(twin.creation, 10.05).completed(twin.creation, 14)
    found = seen.judgements()
    assert not any(one.violated for one in found)
    assert {one.open for one in found} == {f"{twin}: which of several connections is its own is not known"}


def test_a_bound_that_orders_nothing_blames_nobody() -> None:
    seen = MadeUp()
    disconnect = seen.plan.disconnect(seen.sock)
    seen.called(disconnect, 50).fin(51).completed(disconnect, 51.5).acknowledges(52, up_to=1)
    closed(seen)
    assert "graceful-ends-as-it-says" in seen.broken()
    seen.bound = 10 * ms
    assert "graceful-ends-as-it-says" not in seen.broken()


@pytest.mark.parametrize(
    ("blocks", "leaks"),
    [
        ((10, 12, 14, 15, 17), ["C-16"]),
        ((10, 12, 14, 14, 17), []),  # it came to rest once
        ((10, 12, 14, 15), []),  # too few to tell
        ((99, 2, 12, 14, 15, 17), ["C-16"]),  # another guest began anew
        ((5, 5, 5, 5, 5), []),
    ],
)
def test_nothing_grows_with_the_number_of_scenarios(blocks: tuple[int, ...], leaks: list[str]) -> None:
    readings = [{"pool.Wskt": f"{count} {count * 64}", "pool.Else": "7 700"} for count in blocks]
    assert [violation.row for violation in pool.leaks(readings)] == leaks
