"""Which index answers now? The one at a location, opened when first needed, tried again while it is missing, kept fresh.

Not here: who asks it, and how many at once (`search_api.workers`).
"""

from __future__ import annotations

import gc
import logging
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from indexer.errors import WherefromError
from indexer.location import kind_of
from indexer.stored import open_stored

if TYPE_CHECKING:
    from indexer.stored import StoredIndex
    from search_api.client import Client

_REFRESH_SECONDS = 5.0  # as a server's setting is by default
_WARMING = "def add(first, second):\n    return first + second\n" * 8
_log = logging.getLogger("wherefrom.server")


def newest(index: StoredIndex | Client) -> Callable[[], StoredIndex | Client]:
    """What gives an open index in its newest generation whenever it is called; a running server follows by itself."""
    if kind_of(index.location) == "server":
        return lambda: index
    return ServedIndex(cast("StoredIndex", index), _REFRESH_SECONDS).get


class ServedIndex:
    """The index that a server answers from: opened when first needed, tried again while it is missing, kept fresh."""

    def __init__(self, index: StoredIndex | str, refresh_seconds: float) -> None:
        self._location = index if isinstance(index, str) else index.location
        self._index = None if isinstance(index, str) else index
        self._is_ours = isinstance(index, str)
        self._refresh_seconds = refresh_seconds
        self._refreshed = time.monotonic()
        self._lock = threading.Lock()
        self._failed: tuple[float, WherefromError] | None = None

    def get(self) -> StoredIndex:
        """The open index, in its newest generation. Raises UnusableIndex, BackendUnavailable. Any thread."""
        if self._index is None:
            asked = time.monotonic()
            with self._lock:
                self._index = self._index or self._open(asked)
        elif time.monotonic() - self._refreshed >= self._refresh_seconds and self._lock.acquire(blocking=False):
            try:
                self._follow(self._index)
            finally:
                self._lock.release()
        return self._index

    def _open(self, asked: float) -> StoredIndex:
        """Those who waited while somebody else tried in vain get the same error, and not each a wait of its own."""
        if self._failed and self._failed[0] >= asked:
            raise type(self._failed[1])(*self._failed[1].args)
        try:
            return _open(self._location)
        except WherefromError as error:
            self._failed = time.monotonic(), error
            _log.warning("the index cannot be opened: %s", error)
            raise

    def ready(self) -> StoredIndex | None:
        """The open index, where nothing is to be opened or followed first. Takes no time."""
        return None if time.monotonic() - self._refreshed >= self._refresh_seconds else self._index

    def _follow(self, index: StoredIndex) -> None:
        self._refreshed = time.monotonic()
        try:
            index.refresh()
        except WherefromError as error:  # the generation that is open still answers; a damaged newer one must not take it down
            _log.warning("the index was not refreshed, its open generation goes on: %s", error)

    def is_ready(self) -> bool:
        """Whether questions can be answered now."""
        try:
            self.get().check()
        except WherefromError:
            return False
        return True

    def close(self) -> None:
        """Closes the index if it was opened here."""
        with self._lock:
            if self._index is not None and self._is_ours:
                self._index.close()
                self._index = None


def _open(location: str) -> StoredIndex:
    index = open_stored(location)
    threading.Thread(target=_settle, args=(index,), name="wherefrom-settle", daemon=True).start()
    return index


def _settle(index: StoredIndex) -> None:
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
