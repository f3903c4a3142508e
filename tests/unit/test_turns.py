# SPDX-License-Identifier: Apache-2.0
"""Who may be in a guest with whom."""

import asyncio
from typing import Any

import pytest

from harness.run.turns import Turns

FIRST: Any = "the first lab"
OTHER: Any = "another lab"


async def turns(*, sharing: int, another: bool = False) -> Turns:
    made = Turns(FIRST, at_once=2)
    await made.expect(sharing=sharing, another=another)
    return made


async def is_made_to_wait(work: "asyncio.Task[Any]") -> bool:
    """After everything else that could go on has gone on."""
    for _ in range(10):
        await asyncio.sleep(0)
    return not work.done()


async def by_itself(taken: Turns) -> Any:
    async with taken.by_itself() as lab:
        return lab


def test_no_more_share_the_guest_than_may_at_once() -> None:
    async def scene() -> int:
        taken, inside, most = await turns(sharing=5), 0, 0

        async def share() -> None:
            nonlocal inside, most
            async with taken.among_others():
                inside += 1
                most = max(most, inside)
                await asyncio.sleep(0)
                inside -= 1

        await asyncio.gather(*(share() for _ in range(5)))
        return most

    assert asyncio.run(scene()) == 2


def test_in_the_only_guest_a_case_by_itself_waits_for_those_who_are_in_it_and_for_no_more() -> None:
    async def scene() -> None:
        taken = await turns(sharing=2)
        async with taken.among_others():
            alone = asyncio.create_task(by_itself(taken))
            assert await is_made_to_wait(alone)
        assert await alone == FIRST

    asyncio.run(scene())


def test_who_shares_a_guest_waits_for_the_case_that_has_it_to_itself() -> None:
    async def share(taken: Turns) -> None:
        async with taken.among_others():
            pass

    async def scene() -> None:
        taken = await turns(sharing=1)
        async with taken.by_itself():
            sharing = asyncio.create_task(share(taken))
            assert await is_made_to_wait(sharing)
        await sharing

    asyncio.run(scene())


def test_a_case_by_itself_waits_for_nobody_where_there_is_another_lab() -> None:
    async def scene() -> None:
        taken = await turns(sharing=1, another=True)
        async with taken.among_others() as lab:
            alone = asyncio.create_task(by_itself(taken))
            assert await is_made_to_wait(alone), "its guest is still to come"
            taken.add(OTHER)
            assert (lab, await alone) == (FIRST, OTHER)

    asyncio.run(scene())


def test_once_all_who_share_the_first_guest_have_been_there_it_takes_cases_by_themselves_too() -> None:
    async def scene() -> None:
        taken = await turns(sharing=2, another=True)
        alone = asyncio.create_task(by_itself(taken))
        async with taken.among_others():
            assert await is_made_to_wait(alone)
        assert await is_made_to_wait(alone), "one who shares it is still to come"
        async with taken.among_others():
            assert await is_made_to_wait(alone)
        assert await alone == FIRST

    asyncio.run(scene())


@pytest.mark.parametrize("sharing", [0, 1])
def test_the_end_of_the_first_turn_is_told(sharing: int) -> None:
    async def scene() -> None:
        taken = await turns(sharing=sharing, another=True)
        async with taken.among_others() if sharing else taken.by_itself():
            assert not taken.first_is_over.is_set()
        assert taken.first_is_over.is_set()

    asyncio.run(scene())


def test_no_two_cases_by_themselves_are_in_one_lab() -> None:
    async def scene() -> None:
        taken = await turns(sharing=0, another=True)
        async with taken.by_itself() as lab:
            second = asyncio.create_task(by_itself(taken))
            assert lab == FIRST
            assert await is_made_to_wait(second)
        assert await second == FIRST

    asyncio.run(scene())


def test_who_shared_a_guest_that_failed_has_been_there_too() -> None:
    async def scene() -> None:
        taken = await turns(sharing=1, another=True)
        with pytest.raises(AssertionError, match="no FIN"):
            async with taken.among_others():
                raise AssertionError("no FIN")
        assert await by_itself(taken) == FIRST

    asyncio.run(scene())


def test_where_the_other_guest_does_not_come_the_first_takes_all_cases() -> None:
    async def scene() -> None:
        taken = await turns(sharing=1, another=True)
        taken.add(FIRST)
        assert await by_itself(taken) == FIRST
        async with taken.among_others():
            alone = asyncio.create_task(by_itself(taken))
            assert await is_made_to_wait(alone)
        assert await alone == FIRST

    asyncio.run(scene())
