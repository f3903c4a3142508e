# SPDX-License-Identifier: Apache-2.0
"""Whose turn it is, and in which lab: many cases side by side in the first, or one by itself in any.

Where there is one lab, a case that wants its guest to itself has it as soon as those who are in it have
left. Where there is another, such cases are there, and in the first once all who share that have been in it.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiorwlock

from harness.run.lab import Lab


class Turns:
    """The cases of one event loop share the guest of `first`, `at_once` of them at a time."""

    def __init__(self, first: Lab, *, at_once: int) -> None:
        self._first = first
        self._room = asyncio.Semaphore(at_once)
        self._company = aiorwlock.RWLock()  # in the first lab
        self._sharing = 0  # cases that are still to share it, or do
        self._are_several = False
        self._empty: asyncio.Queue[Lab] = asyncio.Queue()  # of several labs
        self.first_is_over = asyncio.Event()  # the first turn

    async def expect(self, *, sharing: int, another: bool) -> None:
        """So many cases come, and perhaps another lab; tell it before any of them asks for its turn."""
        self._sharing += sharing
        self._are_several |= another
        if another and not sharing:
            self.add(self._first)

    def add(self, lab: Lab) -> None:
        """The lab takes cases by themselves: another that has come, or the first where none does."""
        self._empty.put_nowait(lab)

    @asynccontextmanager
    async def among_others(self) -> AsyncIterator[Lab]:
        """For each of those that share, once."""
        try:
            async with self._room, self._company.reader:
                yield self._first
        finally:
            self.first_is_over.set()
            self._sharing -= 1
            if self._are_several and not self._sharing:
                self.add(self._first)

    @asynccontextmanager
    async def by_itself(self) -> AsyncIterator[Lab]:
        """A lab whose guest has no case in it."""
        if not self._are_several:
            async with self._company.writer:
                yield self._first
            return
        lab = await self._empty.get()
        try:
            if lab is self._first:
                async with self._company.writer:
                    yield lab
            else:
                yield lab
        finally:
            self.first_is_over.set()
            self.add(lab)
