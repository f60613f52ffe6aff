"""How is a writer killed at any moment? A process writes as told on standard input, each time in a fork that may die on the way.

A line is FOLDER, what to write, and one of

    whole       left alone
    audit N     killed at the Nth file opened, linked, renamed or removed (never, where there are fewer)
    after S     killed after S seconds

The answer is how the fork ended: `killed`, or `done` and how many such events and seconds it took.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
EVENTS = ("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "shutil.rmtree")
MANNERS = ("whole", "audit", "after")


@contextmanager
def writing_process(module: str) -> Iterator[Callable[[str], str]]:
    """Runs a module that calls `serve`; tells it a line, gives its answer."""
    command, environment = [sys.executable, "-m", module], os.environ | {"PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment)

    def ask(line: str) -> str:
        assert process.stdin and process.stdout
        process.stdin.write(line + "\n")
        process.stdin.flush()
        return process.stdout.readline().strip()

    yield ask
    process.communicate()
    assert process.returncode == 0


def serve(write: Callable[..., None]) -> None:
    """Answers lines; `write` is called with the folder and the words that say what to write."""
    for line in sys.stdin:
        folder, *words = line.split()
        at = next(i for i, word in enumerate(words) if word in MANNERS)
        amount = float(words[at + 1]) if words[at + 1 :] else 0.0
        print(_fork(lambda: write(Path(folder), *words[:at]), words[at], amount), flush=True)  # noqa: B023 - called at once


def _die_at(event_number: int) -> list[int]:
    seen = [0]

    def count(event: str, arguments: tuple[Any, ...]) -> None:
        if event in EVENTS and not (event == "open" and str(arguments[0]).endswith((".py", ".pyc", ".nbi", ".nbc"))):
            seen[0] += 1
            if seen[0] == event_number:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(count)
    return seen


def _fork(write: Callable[[], None], how: str, amount: float) -> str:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        begun = time.monotonic()
        seen = _die_at(int(amount) if how == "audit" else -1)
        write()
        os.write(writing, f"done {seen[0]} {time.monotonic() - begun}".encode())
        os._exit(0)
    os.close(writing)
    if how == "after":
        time.sleep(amount)
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    said = os.read(reading, 100).decode()
    os.close(reading)
    return said or ("killed" if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL else f"failed {status}")
