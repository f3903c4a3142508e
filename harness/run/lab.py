# SPDX-License-Identifier: Apache-2.0
"""A lab at work: a session on an event loop of its own, in a thread of its own."""

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

from harness.core.units import s, seconds
from harness.lab import namespace
from harness.run.session import Session

_T = TypeVar("_T")

END_LIMIT = 10 * s  # for tasks that were told to end


class Lab:
    """`open` it once; `end` what runs in it, then `stop` it.

    The first of a process is in the process's network. A `further` one is in another, which is alike in all:
    its guest, its peers and its capture have the same addresses and names.
    """

    def __init__(self, session: Session, *, further: bool = False) -> None:
        self.session = session
        self._further = further
        self._loop = asyncio.new_event_loop()
        # A daemon: a second Ctrl-C, in the middle of the end, must not leave the process waiting for it.
        self._thread = threading.Thread(target=self._loop.run_forever, name="lab", daemon=True)

    @property
    def is_open(self) -> bool:
        """Has it been opened, and not been stopped?"""
        return self._thread.is_alive()

    def open(self) -> Future[None]:
        """Begins to open the session and to start its first guest; done when it is there."""
        self._thread.start()
        return self.call(self._open())

    def call(self, work: Coroutine[Any, Any, _T]) -> Future[_T]:
        """Begins something in the lab."""
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    async def do(self, work: Coroutine[Any, Any, _T]) -> _T:
        """Something in the lab, to its end; for coroutines of any lab."""
        if asyncio.get_running_loop() is self._loop:
            return await work
        return await asyncio.wrap_future(self.call(work))

    def end(self) -> Future[None]:
        """Begins to end what still runs, and the session."""
        return self.call(self._end())

    def stop(self) -> None:
        """The end of its thread. It has to have ended, if it was opened."""
        if self.is_open:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
        self._loop.close()

    async def _open(self) -> None:
        if self._further:
            namespace.enter_another()  # the loop's thread, before it starts any that work for it
            await asyncio.to_thread(namespace.furnish)
        await self.session.__aenter__()
        await self.session.guest_pool.ready()

    async def _end(self) -> None:
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=seconds(END_LIMIT))
        await self.session.__aexit__()
