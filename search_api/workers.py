"""Who does the engine's work? Bounded pools of threads, so that health checks stay quick.

Not here: what the engine does (`indexer.index`), the index they share (`search_api.served`).
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

from search_api.problems import TIMED_OUT, TOO_MANY_REQUESTS, Problem
from search_api.served import ServedIndex
from search_api.settings import Settings

if TYPE_CHECKING:
    from indexer.stored import StoredIndex

Result = TypeVar("Result")
AT_ONCE_CHARACTERS = 64_000  # 5 ns each
QUICK_THREADS = 2  # of the lane for membership
QUICK_WAITING = 256


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

    async def ask(self, question: Callable[[StoredIndex], Result]) -> Result:
        """The question's answer. Raises Problem 429 where too many wait and 504 where it takes too long.

        A question that is late keeps its place until its thread is done: the bound holds for work, not for waiting clients.
        """
        return await self._answer(self._slow, question)

    async def check(self, question: Callable[[StoredIndex], Result], characters: int) -> Result:
        """The same for membership of a text of so many characters, past whatever else waits.

        A short one is answered here and now: that takes less than a thread's turn, and far less than waiting for one that computes.
        """
        index = self.served.ready() if characters <= AT_ONCE_CHARACTERS else None
        if index is not None and index.is_instant:
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

    def submit_of_batch(self, question: Callable[[StoredIndex], Result]) -> Future[Result]:
        """The answer to come of a part of a batch; each batch may have `concurrency` of them under way."""
        return self._batches.submit(lambda: question(self.served.get()))

    async def _answer(self, lane: _Lane, question: Callable[[StoredIndex], Result]) -> Result:
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
