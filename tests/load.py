"""How many membership questions a second does the API answer, and how late? `python -m tests.load`, also `make load`.

Questions leave at a fixed rate whether or not earlier ones were answered, and a latency counts from when a question was due: a server
that stalls cannot hide it. The same questions go to a bare FastAPI server (the floor), to ours, and to ours while others ask for
attribution without pause; in turns, since other work on the machine comes and goes, and beside each stands how busy the machine was.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from indexer.index import Index
from tests.loopback import demo_index, serving

CONNECTIONS = 32
SNIPPET_LINES = 40
N_TEXTS = 400


@dataclass
class Measured:
    """Of one run: latencies in seconds, errors, memory before and after, attributions answered beside it."""

    name: str
    latencies: list[float] = field(default_factory=list)
    errors: int = 0
    seconds: float = 0.0
    memory: tuple[int, int] = (0, 0)
    beside: int = 0
    busy: float = 0.0

    def row(self) -> str:
        """A line of the report."""
        ordered = sorted(self.latencies)
        p50, p99, worst = (1000 * ordered[min(len(ordered) - 1, int(len(ordered) * share))] for share in (0.5, 0.99, 1.0))
        rate, (before, after) = len(ordered) / self.seconds, self.memory
        cells = [
            *(self.name, f"{rate:.0f}", f"{p50:.1f}", f"{p99:.1f}", f"{worst:.0f}", str(self.errors)),
            *(f"{self.beside / self.seconds:.0f}", f"{before / 1e6:.0f} -> {after / 1e6:.0f}", f"{self.busy:.0%}"),
        ]
        return f"| {' | '.join(cells)} |"


class Connection:
    """One keep-alive connection that asks one question at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    async def open(cls, url: str) -> Connection:
        """A new one."""
        place = urlsplit(url)
        return cls(*await asyncio.open_connection(place.hostname, place.port))

    async def ask(self, request: bytes) -> int:
        """The status of the answer, which is read whole."""
        self._writer.write(request)
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        await self._reader.readexactly(length)
        return int(head[9:12])

    def close(self) -> None:
        """Ends it."""
        self._writer.close()


def request_of(path: str, body: dict[str, object]) -> bytes:
    """The bytes of one POST."""
    content = json.dumps(body).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
    return head.encode() + content


def snippets(location: str) -> list[str]:
    """Pieces of files of the index, half of them with every fifth line changed."""
    chosen = random.Random(20261101)
    with Index.open(location) as index:
        [segment, *_] = index._snapshot.segments
        documents = [
            doc for doc in chosen.sample(range(segment.documents), min(4 * N_TEXTS, segment.documents)) if len(segment.content(doc)) > 2000
        ]
        texts = []
        for doc in chosen.choices(documents, k=N_TEXTS):
            lines = segment.content(doc).decode("utf-8", "replace").splitlines()
            first = chosen.randrange(max(1, len(lines) - SNIPPET_LINES))
            taken = lines[first : first + SNIPPET_LINES]
            if chosen.random() < 0.5:
                taken[::5] = [f"changed_{chosen.getrandbits(40)}(argument)" for _ in taken[::5]]
            texts.append("\n".join(taken))
    return texts


async def measure(name: str, url: str, pid: int, texts: list[str], rate: float, seconds: float, beside: int) -> Measured:
    """One run; `beside` connections ask for attribution all the while."""
    requests = [request_of("/v1/membership", {"text": text, "offset_unit": "utf-16"}) for text in texts]
    heavy = [request_of("/v1/attribution", {"text": text}) for text in texts]
    result = Measured(name)
    free = deque([await Connection.open(url) for _ in range(CONNECTIONS)])
    for request in requests[:100]:  # compiled and mapped before the clock starts
        await free[0].ask(request)
    others = [await Connection.open(url) for _ in range(beside)]
    for connection in others:
        await connection.ask(heavy[0])
    before, idle_before = _memory(pid), _ticks()
    began = time.perf_counter()
    until = began + seconds
    tasks = [asyncio.create_task(_keep_asking(connection, heavy, until, result)) for connection in others]
    asked: set[asyncio.Task[None]] = set()
    for number in range(int(rate * seconds)):
        due = began + number / rate
        if (wait := due - time.perf_counter()) > 0:
            await asyncio.sleep(wait)
        task = asyncio.create_task(_ask(free, url, requests[number % len(requests)], due, result))
        asked.add(task)
        task.add_done_callback(asked.discard)
    await asyncio.gather(*asked, *tasks)
    result.seconds, result.memory = time.perf_counter() - began, (before, _memory(pid))
    idle, every = (after - earlier for earlier, after in zip(idle_before, _ticks(), strict=True))
    result.busy = 1 - idle / every
    for connection in [*free, *others]:
        connection.close()
    return result


def _memory(pid: int) -> int:
    """Bytes of the process's own memory; mapped files of the index, which the system may drop at any time, left out."""
    status = Path(f"/proc/{pid}/status").read_text("ascii")
    return 1024 * int(next(line for line in status.splitlines() if line.startswith("RssAnon")).split()[1])


def _ticks() -> tuple[int, int]:
    """Of all cores since the machine started: idle, and altogether."""
    ticks = [int(value) for value in Path("/proc/stat").read_text("ascii").partition("\n")[0].split()[1:]]
    return ticks[3] + ticks[4], sum(ticks)


async def _ask(free: deque[Connection], url: str, request: bytes, due: float, result: Measured) -> None:
    connection = free.pop() if free else await Connection.open(url)
    try:
        status = await connection.ask(request)
    except (asyncio.IncompleteReadError, ConnectionError):  # the server ends connections that were idle for seconds
        connection = await Connection.open(url)
        status = await connection.ask(request)
    result.latencies.append(time.perf_counter() - due)
    result.errors += status != 200
    free.append(connection)


async def _keep_asking(connection: Connection, requests: list[bytes], until: float, result: Measured) -> None:
    number = id(connection) % len(requests)
    while time.perf_counter() < until:
        result.errors += await connection.ask(requests[number % len(requests)]) != 200
        result.beside += 1
        number += 1


def main() -> None:
    """Measures and prints a table."""
    parser = argparse.ArgumentParser(prog="python -m tests.load", description=__doc__)
    parser.add_argument("--index", default=None, help="a folder; the demo's by default")
    parser.add_argument("--rate", type=float, default=500, help="membership questions a second")
    parser.add_argument("--seconds", type=float, default=12, help="of each run")
    parser.add_argument("--rounds", type=int, default=5, help="how often each is asked in turn")
    parser.add_argument("--beside", type=int, default=1, help="connections that ask for attribution without pause in the third run")
    options = parser.parse_args()
    location = options.index or demo_index()
    texts = snippets(location)
    with Index.open(location) as index:
        documents = index.info.documents
    print(f"{documents:,} documents, {options.rate:.0f} questions a second, runs of {options.seconds:.0f} s, {os.cpu_count()} cores\n")
    print("| server | answered a second | p50 ms | p99 ms | worst ms | errors | attributions a second | memory MB | machine busy |")
    print("|---|---|---|---|---|---|---|---|---|")
    serve = ("wherefrom", "serve", "--index", location, "--no-page", "--port", "0")
    with serving("tests.load_floor") as floor, serving(*serve) as ours:
        runs = [("FastAPI alone", floor, 0), ("Wherefrom", ours, 0), ("Wherefrom, attribution beside", ours, options.beside)]
        for name, (url, pid), beside in runs * options.rounds:
            print(asyncio.run(measure(name, url, pid, texts, options.rate, options.seconds, beside)).row(), flush=True)


if __name__ == "__main__":
    main()
