"""How do tasks spread over processes, and what ends the workers when the run is killed?

A task is a function of one argument that finds out by itself whether its work is done already, and leaves its results in files;
what it returns is small. So a run that was killed is begun anew, and only what was not finished is done.

Workers are forked from a server process that has no threads. Each watches a pipe whose other end its parent holds:
when the parent ends, however it does, the worker does too.

Not here: what a task does (`curation.map_stage`, `curation.write_stage`).
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from types import TracebackType
from typing import Any, Literal, Protocol, Self, TypeVar

import pyarrow as pa

from indexer.errors import InputError, WorkerLost

_WAITING = 2  # tasks a worker has before it

Argument = TypeVar("Argument")
Result = TypeVar("Result")


Engine = Literal["processes", "ray"]


class Workers(Protocol):
    """Something that runs tasks; the two engines are `Pool` and `curation.ray_engine.RayPool`. For one thread."""

    def run(self, task: Callable[[Argument], Result], arguments: Sequence[Argument]) -> Iterator[Result]:
        """What the task returns for each argument, in any order. Raises what a task raises, WorkerLost where one was killed."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None: ...


def pool_of(engine: Engine, jobs: int, memory_bytes: int) -> Workers:
    """The engine of this name, to be entered. Raises ModuleNotFoundError where its extra is not installed."""
    if engine == "processes":
        return Pool(jobs, memory_bytes)
    from curation.ray_engine import RayPool  # noqa: PLC0415 - an extra

    return RayPool(jobs, memory_bytes)


class Pool:
    """At most `jobs` processes, fewer where the memory that is free does not hold so many of `memory_bytes`; to be entered.

    They start when they are first needed. Where one is enough, tasks run in this process.
    """

    def __init__(self, jobs: int, memory_bytes: int) -> None:
        self._jobs = min(jobs, max(1, free_memory() // memory_bytes))
        self._processes: ProcessPoolExecutor | None = None

    def run(self, task: Callable[[Argument], Result], arguments: Sequence[Argument]) -> Iterator[Result]:
        """What the task returns for each argument, in the order of completion.

        The first error that a task raises is raised here; WorkerLost where a worker was killed.
        """
        if min(self._jobs, len(arguments)) <= 1:
            yield from map(task, arguments)
            return
        if self._processes is None:
            method = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
            self._processes = ProcessPoolExecutor(self._jobs, multiprocessing.get_context(method), _begin)
        try:
            yield from _results(self._processes, task, arguments, self._jobs * _WAITING)
        except BrokenProcessPool as error:
            raise WorkerLost(
                "a worker process was killed, perhaps for want of memory; run again with fewer --jobs: it goes on where it was"
            ) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._processes is not None:
            self._processes.shutdown(cancel_futures=True)


def job_count(asked: int | None) -> int:
    """How many processes to use: those asked for, else one a core that this process may use."""
    if asked is not None and asked < 1:
        raise InputError(f"--jobs {asked}: wanted 1 or more")
    return asked or (len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)


def free_memory() -> int:
    """Bytes that can be taken without swapping; where the system does not say, half of what there is."""
    try:
        with open("/proc/meminfo", encoding="ascii") as lines:
            return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2


def _results(pool: ProcessPoolExecutor, task: Callable[[Argument], Result], arguments: Sequence[Argument], ahead: int) -> Iterator[Result]:
    waiting: set[Future[Any]] = set()
    for argument in arguments:
        waiting.add(pool.submit(task, argument))
        if len(waiting) >= ahead:
            done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            yield from (each.result() for each in done)
    while waiting:
        done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
        yield from (each.result() for each in done)


def _begin() -> None:
    """What a worker does first. Ctrl-C goes to all processes of a terminal: the parent's answer to it ends the run."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
