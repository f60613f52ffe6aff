"""A process that builds an index again and again as told on standard input, each time in a fork that may be killed on the way.

    FOLDER audit N       killed at the Nth file opened, renamed or removed (never, where there are fewer)
    FOLDER after S       killed after S seconds
    FOLDER whole         left alone

Answers each line with how the fork ended: `killed`, or `built` and how many such events and seconds it took.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from indexer.build import build_index
from tests.indexer.conftest import batches_of

EVENTS = ("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "shutil.rmtree")


def generation_rows(generation: int) -> list[dict[str, Any]]:
    """Some documents, all of them of this generation alone."""
    return [
        {
            "content": "\n".join(f"value_{generation}_{doc}_{i} = make({i} * {doc}, other={i})" for i in range(60)),
            "repository": f"o/r{doc}",
            "path": "a.py",
        }
        for doc in range(40)
    ]


def build_generation(folder: Path, generation: int) -> None:
    """Builds with full text, so that every kind of file is written."""
    build_index(folder, batches_of(generation_rows(generation)), name="g", version=str(generation), date="2024-06-07", full_text=True)


def _die_at(event_number: int) -> list[int]:
    seen = [0]

    def count(event: str, arguments: tuple[Any, ...]) -> None:
        if event in EVENTS and not (event == "open" and str(arguments[0]).endswith((".py", ".pyc", ".nbi", ".nbc"))):
            seen[0] += 1
            if seen[0] == event_number:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(count)
    return seen


def _fork(folder: Path, generation: int, how: str, amount: float) -> str:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        begun = time.monotonic()
        seen = _die_at(int(amount) if how == "audit" else -1)
        build_generation(folder, generation)
        os.write(writing, f"built {seen[0]} {time.monotonic() - begun}".encode())
        os._exit(0)
    os.close(writing)
    if how == "after":
        time.sleep(amount)
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    said = os.read(reading, 100).decode()
    os.close(reading)
    return said or ("killed" if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL else f"failed {status}")


if __name__ == "__main__":
    for line in sys.stdin:
        place, number, manner, *rest = line.split()
        print(_fork(Path(place), int(number), manner, float(rest[0]) if rest else 0), flush=True)
