"""Who answers many texts at once? This process, a process a core for a folder or a cluster, or a few requests to a server at a time.

Processes, since answering holds the interpreter's lock for much of the time: two threads were slower than one when tried.

Not here: one answer (`indexer.index`, `search_api.client`).
"""

from __future__ import annotations

import multiprocessing
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, TypeVar

from indexer.answers import Attribution, Exclusion
from indexer.errors import BackendUnavailable, InputError, TimedOut
from indexer.location import kind_of
from indexer.stored import open_stored
from search_api.audit.own import our_spans

if TYPE_CHECKING:
    from indexer.stored import StoredIndex
    from search_api.client import Client

Tag = TypeVar("Tag")
Answer = tuple[Attribution, Attribution | None] | InputError | TimedOut  # what went wrong with one text alone is an answer too

LIMIT = 50  # sources of one file
FEW = 48  # texts that one process answers before a pool has started
_REQUESTS_AT_ONCE = 4
_AHEAD = 8  # texts a worker that may wait

_opened: Any = None  # a worker process's index, and what it leaves out


def answers(
    index: StoredIndex | Client, texts: Iterable[tuple[Tag, str | None]], exclude: tuple[Exclusion, ...], jobs: int
) -> Iterator[tuple[Tag, Answer | None]]:
    """(tag, answer) of each text, in order; None is passed on unasked. Raises what concerns all: BackendUnavailable, IndexCorrupt."""
    waiting = iter(texts)
    if kind_of(index.location) == "server":
        with ThreadPoolExecutor(min(jobs, _REQUESTS_AT_ONCE)) as pool:
            yield from _spread(pool, lambda text: ask(index, text, exclude), waiting, jobs)
        return
    asked = 0
    for tag, text in waiting:
        asked += text is not None
        yield tag, None if text is None else ask(index, text, exclude)
        if asked == FEW and jobs > 1:
            break
    with _processes(index.location, exclude, jobs) as pool:  # processes start with the first text
        yield from _spread(pool, _ask_opened, waiting, jobs)


def ask(index: StoredIndex | Client, text: str, exclude: tuple[Exclusion, ...]) -> Answer:
    """The answer about one text, and where our own code is in it, the answer of the index without that; offsets count code points.

    Both are needed: what is ours hides whatever it has from elsewhere, and without it a copy of ours looks like a source.
    """
    try:
        found = index.attribute(text, limit=LIMIT, offset_unit="utf-32")
        if not our_spans(found, exclude):
            return found, None
        return found, index.attribute(text, limit=LIMIT, offset_unit="utf-32", exclude=exclude)
    except (InputError, TimedOut) as error:
        return error


def _processes(location: str, exclude: tuple[Exclusion, ...], jobs: int) -> AbstractContextManager[Executor]:
    method = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
    return ProcessPoolExecutor(jobs, multiprocessing.get_context(method), _open, (location, exclude))


def _open(location: str, exclude: tuple[Exclusion, ...]) -> None:
    global _opened  # noqa: PLW0603 - what a worker process is for
    _opened = open_stored(location), exclude


def _ask_opened(text: str) -> Answer:
    index, exclude = _opened
    return ask(index, text, exclude)


def _spread(
    pool: Executor, work: Callable[[str], Answer], texts: Iterable[tuple[Tag, str | None]], jobs: int
) -> Iterator[tuple[Tag, Answer | None]]:
    """Keeps every worker busy and holds few texts in memory; after an error nothing more is asked."""
    under_way: deque[tuple[Tag, Future[Answer] | None]] = deque()
    try:
        for tag, text in texts:
            under_way.append((tag, None if text is None else pool.submit(work, text)))
            while under_way and (len(under_way) > jobs * _AHEAD or _is_done(under_way[0][1])):
                yield _taken(under_way)
        while under_way:
            yield _taken(under_way)
    except BrokenProcessPool:
        raise BackendUnavailable("a worker process ended; run the audit again to go on, with fewer --jobs if memory is short") from None
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _is_done(future: Future[Answer] | None) -> bool:
    return future is None or future.done()


def _taken(under_way: deque[tuple[Tag, Future[Answer] | None]]) -> tuple[Tag, Answer | None]:
    tag, future = under_way.popleft()
    return tag, None if future is None else future.result()
