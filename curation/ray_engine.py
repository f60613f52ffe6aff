"""How do tasks spread over a Ray cluster, where one machine is not enough?

The same tasks as in `curation.running`, each declared with the core and the memory that it needs. Ray joins the cluster that RAY_ADDRESS
names, or begins one on this machine. Tasks leave their results in files: the machines of a cluster have to share a file system.
Usage statistics are switched off.

Not here: what a task does (`curation.map_stage`, `curation.write_stage`).
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Any, Self, TypeVar

import ray
from ray.exceptions import OutOfMemoryError, RayTaskError, WorkerCrashedError

from indexer.errors import BackendUnavailable, WorkerLost

_WAITING = 2  # tasks a core has before it
_STORE_BYTES = 100_000_000  # what tasks take and return is small
_STARTS = 3  # a cluster that begins here gives its parts 15 and 30 seconds to come up, which is too little on a very busy machine

Argument = TypeVar("Argument")
Result = TypeVar("Result")


class RayPool:
    """Tasks on Ray, with `jobs` cores where it begins a cluster of its own; to be entered."""

    def __init__(self, jobs: int, memory_bytes: int) -> None:
        self._jobs = jobs
        self._memory_bytes = memory_bytes

    def run(self, task: Callable[[Argument], Result], arguments: Sequence[Argument]) -> Iterator[Result]:
        """What the task returns for each argument, in the order of completion. Raises what it raises, WorkerLost where one was killed."""
        there: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
        remote = ray.remote(max_retries=0, num_cpus=1, memory=min(self._memory_bytes, there.get("memory", self._memory_bytes)))(task)
        ahead = max(1, int(there.get("CPU", 1))) * _WAITING
        waiting: list[Any] = []
        for argument in arguments:
            waiting.append(remote.remote(argument))
            if len(waiting) >= ahead:
                done, waiting = ray.wait(waiting)
                yield from map(_result, done)
        while waiting:
            done, waiting = ray.wait(waiting)
            yield from map(_result, done)

    def __enter__(self) -> Self:
        os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # the default of later versions; this one warns of the change
        options: dict[str, Any] = {"logging_level": logging.ERROR, "log_to_driver": False}
        starts = 1
        if "RAY_ADDRESS" not in os.environ:
            options |= {"num_cpus": self._jobs, "object_store_memory": _STORE_BYTES, "include_dashboard": False}
            starts = _STARTS
        while True:
            try:
                ray.init(**options)
                return self
            except Exception as error:  # Ray has no class of its own for this
                ray.shutdown()
                starts -= 1
                if not starts:
                    words = str(error).strip().partition("\n")[0]
                    raise BackendUnavailable(f"Ray did not start or answer ({words}); run again, or leave --engine ray out") from error

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        ray.shutdown()


def _result(reference: Any) -> Any:
    try:
        return ray.get(reference)
    except RayTaskError as error:
        raise error.cause if isinstance(error.cause, Exception) else error from error
    except (WorkerCrashedError, OutOfMemoryError) as error:
        raise WorkerLost("a worker of Ray was killed, perhaps for want of memory; run again: it goes on where it was") from error
