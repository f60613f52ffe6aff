"""Who does the engine's work? A bounded pool of threads, so that health checks stay quick, and the index they share.

Not here: what the engine does (`indexer.index`).
"""

from __future__ import annotations

import asyncio
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

    return Index.open(location)


class Workers:
    """At most `concurrency` questions at work and `max_waiting` behind them; more are refused, late ones abandoned."""

    def __init__(self, served: ServedIndex, settings: Settings) -> None:
        self.served = served
        self._limit = settings.concurrency + settings.max_waiting
        self.timeout_ms = settings.timeout_ms
        self._pool = ThreadPoolExecutor(settings.concurrency, thread_name_prefix="wherefrom-engine")
        self._pending = 0
        self._lock = threading.Lock()

    @property
    def pending(self) -> int:
        """Questions at work or waiting."""
        return self._pending

    async def ask(self, question: Callable[[Index], Result]) -> Result:
        """The question's answer. Raises Problem 429 where too many wait and 504 where it takes too long.

        A question that is late keeps its place until its thread is done: the bound holds for work, not for waiting clients.
        """
        future = self._submit(lambda: question(self.served.get()))
        try:
            return await asyncio.wait_for(asyncio.wrap_future(future), self.timeout_ms / 1000)
        except TimeoutError:
            raise Problem(TIMED_OUT, f"no answer within {self.timeout_ms} ms; send less text or ask again later") from None

    def close(self) -> None:
        """Waits for the questions at work, drops those that wait."""
        self._pool.shutdown(wait=True, cancel_futures=True)
        self.served.close()

    def _submit(self, work: Callable[[], Result]) -> Future[Result]:
        with self._lock:
            if self._pending >= self._limit:
                raise Problem(TOO_MANY_REQUESTS, f"{self._pending} questions are waiting already", headers={"Retry-After": "1"})
            self._pending += 1
        future = self._pool.submit(work)
        future.add_done_callback(self._done)
        return future

    def _done(self, _: Future[Result]) -> None:
        with self._lock:
            self._pending -= 1
