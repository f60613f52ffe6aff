"""Who does the engine's work? Bounded pools of threads, so that health checks stay quick, and the index they share.

Not here: what the engine does (`indexer.index`).
"""

from __future__ import annotations

import asyncio
import gc
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

from indexer.errors import WherefromError
from search_api.problems import TIMED_OUT, TOO_MANY_REQUESTS, Problem
from search_api.settings import Settings

if TYPE_CHECKING:
    from indexer.index import Index

Result = TypeVar("Result")
AT_ONCE_CHARACTERS = 64_000  # 5 ns each
_WARMING = "def add(first, second):\n    return first + second\n" * 8
QUICK_THREADS = 2  # of the lane for membership
QUICK_WAITING = 256
_log = logging.getLogger("wherefrom.server")


class ServedIndex:
    """The index that a server answers from: opened when first needed, tried again while it is missing, kept fresh."""

    def __init__(self, index: Index | str, refresh_seconds: float) -> None:
        self._location = index if isinstance(index, str) else index.location
        self._index = None if isinstance(index, str) else index
        self._is_ours = isinstance(index, str)
        self._refresh_seconds = refresh_seconds
        self._refreshed = time.monotonic()
        self._lock = threading.Lock()

    def get(self) -> Index:
        """The open index, in its newest generation. Raises UnusableIndex, BackendUnavailable. Any thread."""
        if self._index is None:
            with self._lock:
                self._index = self._index or _open(self._location)
        elif time.monotonic() - self._refreshed >= self._refresh_seconds and self._lock.acquire(blocking=False):
            try:
                self._follow(self._index)
            finally:
                self._lock.release()
        return self._index

    def ready(self) -> Index | None:
        """The open index, where nothing is to be opened or followed first. Takes no time."""
        return None if time.monotonic() - self._refreshed >= self._refresh_seconds else self._index

    def _follow(self, index: Index) -> None:
        self._refreshed = time.monotonic()
        try:
            index.refresh()
        except WherefromError as error:  # the generation that is open still answers; a damaged newer one must not take it down
            _log.warning("the index was not refreshed, its open generation goes on: %s", error)

    def is_ready(self) -> bool:
        """Whether questions can be answered now."""
        try:
            self.get()
        except WherefromError:
            return False
        return True

    def close(self) -> None:
        """Closes the index if it was opened here."""
        with self._lock:
            if self._index is not None and self._is_ours:
                self._index.close()
                self._index = None


def _open(location: str) -> Index:
    from indexer.index import Index  # noqa: PLC0415 - the engine takes a second to import; an app without an index yet starts without

    index = Index.open(location)
    threading.Thread(target=_settle, args=(index,), name="wherefrom-settle", daemon=True).start()
    return index


def _settle(index: Index) -> None:
    """Asks once, so that what is compiled is loaded, and freezes what is in memory then.

    A million objects of the compiler are among it: the collector need not walk over them, for tenths of a second each time, while
    somebody waits.
    """
    try:
        index.membership(_WARMING)
        index.attribute(_WARMING)
    except WherefromError as error:
        _log.warning("the index was opened, a first question failed: %s", error)
    gc.collect()
    gc.freeze()


class Workers:
    """The lanes of one app: a slow one for attribution, search and documents, a quick one for membership, one for lines of batches.

    A lane works on so many questions at once and lets so many wait; more are refused, late ones abandoned. Membership takes
    microseconds and has a lane of its own, so that nobody's check waits behind a flood of other questions; nor does who asks one
    question wait behind somebody's batch.
    """

    def __init__(self, served: ServedIndex, settings: Settings) -> None:
        self.served = served
        self.timeout_ms = settings.timeout_ms
        self.concurrency = settings.concurrency
        self.max_batch_lines = settings.max_batch_lines
        self.batch_timeout_ms = settings.batch_timeout_ms
        self._slow = _Lane(settings.concurrency, settings.max_waiting, "wherefrom-engine")
        self._quick = _Lane(QUICK_THREADS, QUICK_WAITING, "wherefrom-membership")
        self._batches = _Lane(settings.concurrency, settings.concurrency**2, "wherefrom-batch")
        self._batches_open = 0

    @property
    def pending(self) -> int:
        """Questions at work or waiting."""
        return self._slow.pending + self._quick.pending + self._batches.pending

    async def ask(self, question: Callable[[Index], Result]) -> Result:
        """The question's answer. Raises Problem 429 where too many wait and 504 where it takes too long.

        A question that is late keeps its place until its thread is done: the bound holds for work, not for waiting clients.
        """
        return await self._answer(self._slow, question)

    async def check(self, question: Callable[[Index], Result], characters: int) -> Result:
        """The same for membership of a text of so many characters, past whatever else waits.

        A short one is answered here and now: that takes less than a thread's turn, and far less than waiting for one that computes.
        """
        index = self.served.ready() if characters <= AT_ONCE_CHARACTERS else None
        if index is not None and not index.has_tombstones:  # beside removals a yes is looked up, which may take longer
            return question(index)
        return await self._answer(self._quick, question)

    def begin_batch(self) -> None:
        """Takes one of the places for batches, until `end_batch`. Raises Problem 429. On the event loop alone."""
        if self._batches_open >= self.concurrency:
            raise Problem(TOO_MANY_REQUESTS, f"{self._batches_open} batches are under way already", headers={"Retry-After": "2"})
        self._batches_open += 1

    def end_batch(self) -> None:
        """Gives the place back."""
        self._batches_open -= 1

    def submit_of_batch(self, question: Callable[[Index], Result]) -> Future[Result]:
        """The answer to come of a part of a batch; each batch may have `concurrency` of them under way."""
        return self._batches.submit(lambda: question(self.served.get()))

    async def _answer(self, lane: _Lane, question: Callable[[Index], Result]) -> Result:
        future = lane.submit(lambda: question(self.served.get()))
        try:
            return await asyncio.wait_for(asyncio.wrap_future(future), self.timeout_ms / 1000)
        except TimeoutError:
            raise Problem(TIMED_OUT, f"no answer within {self.timeout_ms} ms; send less text or ask again later") from None

    def close(self) -> None:
        """Waits for the questions at work, drops those that wait."""
        self._slow.close()
        self._quick.close()
        self._batches.close()
        self.served.close()


class _Lane:
    """A pool of threads with a bounded queue."""

    def __init__(self, threads: int, waiting: int, name: str) -> None:
        self._limit = threads + waiting
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._lock = threading.Lock()
        self.pending = 0

    def submit(self, work: Callable[[], Result]) -> Future[Result]:
        with self._lock:
            if self.pending >= self._limit:
                raise Problem(TOO_MANY_REQUESTS, f"{self.pending} questions are waiting already", headers={"Retry-After": "1"})
            self.pending += 1
        future = self._pool.submit(work)
        future.add_done_callback(self._done)
        return future

    def close(self) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _done(self, _: Future[Result]) -> None:
        with self._lock:
            self.pending -= 1
