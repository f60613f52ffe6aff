"""A real server in a process of its own, for measurements and long runs; by default over the demo's index, built when it is missing."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.limits import HANG_SECONDS

ROOT = Path(__file__).parents[1]


def environment(**more: str) -> dict[str, str]:
    """This process's, with this tree first."""
    return {**os.environ, "PYTHONPATH": str(ROOT), **more}


def demo_index() -> str:
    """The folder of the demo's index."""
    command = [sys.executable, "-m", "wherefrom", "demo", "--no-serve"]
    return subprocess.run(command, env=environment(), stdout=subprocess.PIPE, text=True, check=True).stdout.strip()


@contextmanager
def serving(*arguments: str, **settings: str) -> Iterator[tuple[str, int]]:
    """`python -m ARGUMENTS`, which prints its address when it answers: the address and the process's id."""
    process = subprocess.Popen(
        [sys.executable, "-m", *arguments], env=environment(**settings), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdout
    try:
        address = process.stdout.readline().split()
        assert address, f"{arguments[0]} did not start"
        yield next(word for word in address if word.startswith("http")).rstrip("/"), process.pid
    finally:
        process.terminate()
        process.wait(HANG_SECONDS)
        process.stdout.close()
