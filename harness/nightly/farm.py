# SPDX-License-Identifier: Apache-2.0
"""A Dask cluster that performs a night's runs (harness/nightly/dask_worker.py is its other end).

Workers are welcomed as they come: asked for their version, given the image,
and only then do they offer what cells demand. When a worker is lost, Dask
begins its cells elsewhere; that shows as a second beginning with another token.
"""

import asyncio
import contextlib
import itertools
import logging
import re
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from distributed import CancelledError, Client, Future, KilledWorker
from distributed.comm import connect
from distributed.security import Security

from harness.core.errors import HarnessError, UsageError
from harness.core.files import reason, short
from harness.guest.reference import ReferenceGuest
from harness.nightly import dask_worker
from harness.nightly.archive import unpack
from harness.nightly.attempt import Ended
from harness.nightly.images import pack_image
from harness.nightly.plan import Plan, RunOrder
from harness.nightly.runner import Attending
from harness.nightly.version import version
from harness.verdict.attempts import LOST

_CONNECT_LIMIT_S = 20.0
_ADDRESS = re.compile(r"inproc://.+|(?:[a-z]+://)?(?:\[[0-9a-fA-F:.]+\]|[\w.-]+):[0-9]{1,5}/?")
_POLL_S = 0.5
_WAIT_LIMIT_S = 6 * 3600.0  # for a worker that takes a cell: queues of clusters are long
_WELCOME_S = 5.0  # which is long for a worker that is there
_UNTAKEN_S = 30.0  # between two lines about a cell that nobody can take
_GRACE_S = 600.0  # beyond the limit of a run: to end it, and for what it left to come back
_LOST = "its worker was lost while it ran"


@dataclass
class _Sent:
    """An order that is under way, and its last beginning: the token of that, and on which worker it was."""

    order: RunOrder
    folder: Path
    attending: Attending
    demands: Mapping[str, float]
    future: Future | None = None
    welcomes: int = 0  # how many workers had been welcomed when it was submitted
    begun: str = ""
    worker: str = ""
    since: float = field(default_factory=time.monotonic)  # it began, or was asked for
    lost: set[str] = field(default_factory=set)  # tokens

    def fits(self, offers: Mapping[str, float]) -> bool:
        return all(offers.get(name, 0) >= amount for name, amount in self.demands.items())


class Farm:
    """A context manager. Raises HarnessError when no scheduler answers at `address`."""

    def __init__(
        self, address: str, plans: Sequence[Plan], baselines: Mapping[str, bytes], say: Callable[[str], None]
    ) -> None:
        self._address = address
        self._baselines = baselines
        self._say = say
        self._night = f"wsk-{time.time_ns():x}"
        self._wants_image = any(plan.guest == ReferenceGuest.name for plan in plans)
        self._image = ""  # digest of the archive
        self._packed = b""
        self._offers: dict[str, Mapping[str, float]] = {}  # of the workers that were welcomed
        self._welcomes = 0
        self._sent: list[_Sent] = []
        self._keys: dict[str, _Sent] = {}  # those that are submitted
        self._numbers = itertools.count(1)
        self._lock = threading.RLock()
        self._stopped = threading.Event()

    def __enter__(self) -> Self:
        _check_address(self._address)
        logging.getLogger("distributed").setLevel(logging.CRITICAL)  # what it warns of is told in our words
        self._say(f"asking for a Dask scheduler at {self._address}")
        try:
            # A client waits without end for what talks but is no scheduler, and long when it is given up.
            asyncio.run(_find_scheduler(self._address))
            self._client = Client(self._address, timeout=_CONNECT_LIMIT_S, set_as_default=False)
        except Exception as error:  # whatever answers there, if anything does, is no scheduler
            raise HarnessError(
                f"no Dask scheduler answers at {self._address} ({short(reason(error))}); "
                "start `dask scheduler` there"
            ) from None
        if self._wants_image:
            self._image, self._packed = pack_image(self._say)
        self._client.subscribe_topic(self._night, self._hear)
        threading.Thread(target=self._keep_welcoming, name="farm", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped.set()
        self._client.close(_CONNECT_LIMIT_S)

    def room(self, plans: Sequence[Plan]) -> int:
        """All of them: it is the scheduler that decides when each begins."""
        return len(plans)

    def perform(self, order: RunOrder, folder: Path, attending: Attending) -> tuple[Ended, str]:
        sent = _Sent(order, folder, attending, dask_worker.demands_of(order, self._image))
        with self._lock:
            self._sent.append(sent)
        try:
            future = self._wait(sent)
            return self._take(future.result(), sent)
        except KilledWorker:
            return Ended(LOST, 0.0, f"{_LOST}, as were others before"), sent.worker
        except CancelledError:
            if self._stopped.is_set():
                return Ended(LOST, 0.0, "it was interrupted"), sent.worker
            raise self._lost_scheduler() from None
        finally:
            with self._lock:
                self._sent.remove(sent)
            self._withdraw(sent)

    def stop(self) -> None:
        self._stopped.set()
        with self._lock:
            waiting = [sent for sent in self._sent if not sent.begun]
        for sent in waiting:
            self._withdraw(sent)
        with contextlib.suppress(OSError):  # of a worker that is being lost; the others have ended theirs
            self._client.run(dask_worker.stop, self._night, on_error="ignore")

    def _wait(self, sent: _Sent) -> Future:
        """Waits for the end. An order that still waits is submitted again when a worker was welcomed:
        the scheduler looks for a place once, and does not hear of what workers come to offer.
        """
        tell = time.monotonic() + _WELCOME_S
        while sent.future is None or not sent.future.done():
            time.sleep(_POLL_S)
            if self._client.status == "closed" and not self._stopped.is_set():
                raise self._lost_scheduler()
            with self._lock:
                if sent.begun and sent.worker not in self._offers:
                    self._lose(sent)
                offered = any(map(sent.fits, self._offers.values()))
                if not sent.begun and offered and sent.welcomes != self._welcomes:
                    self._submit(sent)
            if self._stopped.is_set() and sent.future is None:
                raise CancelledError(sent.order.cell)
            now = time.monotonic()
            if not sent.begun and not offered and now > tell:
                tell = now + _UNTAKEN_S
                self._say(self._untaken(sent))
            limit = sent.order.limit_s + _GRACE_S if sent.begun else _WAIT_LIMIT_S
            if now - sent.since > limit:
                what = "came back from its worker" if sent.begun else "was taken by a worker"
                raise HarnessError(f"it never {what} in {limit:.0f} s; look at the scheduler's dashboard")
        return sent.future

    def _lost_scheduler(self) -> HarnessError:
        return HarnessError(f"the connection to the scheduler at {self._address} was lost")

    def _untaken(self, sent: _Sent) -> str:
        if not self._offers:
            return f"{sent.order.cell}: waits for a worker; `dask worker {self._address}` starts one"
        wants = ", ".join(f"{name} {amount:.0f}" for name, amount in sent.demands.items())
        return f"{sent.order.cell}: no worker offers what it demands: {wants}"

    def _submit(self, sent: _Sent) -> None:
        self._withdraw(sent)
        sent.welcomes = self._welcomes
        key = f"{self._night}-{sent.order.cell}-{next(self._numbers)}"
        arguments = (sent.order, self._baselines, self._image, self._night, key)
        self._keys[key] = sent
        sent.future = self._client.submit(
            dask_worker.perform, *arguments, key=key, resources=sent.demands, pure=False
        )

    def _withdraw(self, sent: _Sent) -> None:
        if sent.future is not None:
            self._keys.pop(sent.future.key, None)
            self._client.cancel([sent.future], force=True)

    def _take(self, returned: dask_worker.Returned, sent: _Sent) -> tuple[Ended, str]:
        with self._lock:
            self._begins(sent, returned.token, returned.worker)
        unpack(returned.archive, sent.folder)
        return returned.ended, returned.worker

    def _hear(self, event: tuple[float, dict[str, Any]]) -> None:
        """Called by Dask's client, in its own thread, in the order in which the workers told it."""
        told = event[1]
        with self._lock:
            sent = self._keys.get(told["key"])
            if sent and told["token"] not in sent.lost:
                self._begins(sent, told["token"], told["worker"])
                sent.attending.counts(told["done"])

    def _begins(self, sent: _Sent, token: str, worker: str) -> None:
        """The same beginning, or another: then what began before was lost."""
        if sent.begun == token:
            return
        if sent.begun:
            self._lose(sent)
        sent.begun, sent.worker, sent.since = token, worker, time.monotonic()
        self._say(f"{sent.order.cell}: is with {worker}")

    def _lose(self, sent: _Sent) -> None:
        sent.lost.add(sent.begun)
        sent.folder = sent.attending.lost(sent.worker, _LOST)
        sent.begun, sent.worker, sent.since = "", "", time.monotonic()

    def _keep_welcoming(self) -> None:
        known: set[str] = set()
        while not self._stopped.wait(_POLL_S):
            here = set(self._client.scheduler_info().get("workers", ()))  # none while it is being closed
            with self._lock:
                for gone in self._offers.keys() - here:
                    del self._offers[gone]
            known &= here
            for address in here - known:
                with contextlib.suppress(OSError, KeyError):  # it is gone again, or was not quite there
                    self._welcome(address)
                    known.add(address)

    def _welcome(self, address: str) -> None:
        facts = self._ask(address, dask_worker.describe, self._image)
        refused = refusal(facts)
        if not refused and self._image and not facts.has_image:
            refused = self._ask(address, dask_worker.install, self._image, self._packed)
        if refused:
            self._say(f"worker {address} gets no cells: {refused}")
            return
        offers = dask_worker.resources_of(facts, self._image)
        self._ask(address, dask_worker.offer, offers)
        with self._lock:
            self._offers[address] = offers
            self._welcomes += 1
        accelerated = "KVM" if facts.kvm else "no KVM"
        self._say(
            f"worker {address} on {facts.host}: {facts.cpus} CPUs, {facts.memory_mib} MiB, {accelerated}"
        )

    def _ask(self, address: str, question: Callable[..., Any], *arguments: Any) -> Any:
        return self._client.run(question, *arguments, workers=[address], on_error="return")[address]


async def _find_scheduler(address: str) -> None:
    """Raises anything when it is not there, or something else is."""
    async with asyncio.timeout(_CONNECT_LIMIT_S + 1):
        ways = Security().get_connection_args("client")
        comm = await connect(address, timeout=_CONNECT_LIMIT_S, **ways)
        try:
            await comm.write({"op": "identity", "reply": True})
            told = await comm.read()
        finally:
            comm.abort()
    if not isinstance(told, dict) or told.get("type") != "Scheduler":
        raise HarnessError("something else does")


def _check_address(address: str) -> None:
    """Dask takes any word for an address and tries to reach it for a minute. Raises UsageError."""
    if not _ADDRESS.fullmatch(address):
        raise UsageError(
            f"{address!r} is no address of a Dask scheduler: it is like tcp://scheduler:8786, or host:8786"
        )


def refusal(facts: object) -> str:
    """Why a worker cannot take part, by what it answered; empty when it can."""
    if not isinstance(facts, dask_worker.WorkerFacts):
        return f"it has not this version of wsk-conformance ({facts})"
    if facts.version != version():
        return f"it has version {facts.version}, and this is {version()}; bring both to the same"
    return ""
