"""What runs in a process of its own: one build, or all questions to one index, with nothing else in its memory and CPU time.

    python -m tests.bench.worker build|ask|check ENGINE CORPUS_FOLDER INDEX_FOLDER QUERIES OUT MAX_BATCHES

Not here: who starts it and watches its memory (`measure`).
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

from tests.bench.corpus import Corpus
from tests.bench.engine import Ask, Check, Engine, Found
from tests.bench.engines import load_engine
from tests.bench.queries import Query, read_queries
from tests.reference import evidence

READY = "ready"  # said on standard output when the imports are done: memory counts from here
WARM_UP_QUERIES = 20
BASES_REMEMBERED = 20  # snippets whose files the check keeps tokenized; each is asked about in up to eight shapes


@dataclass(frozen=True, slots=True)
class Order:
    """What one process has to do."""

    corpus: Corpus
    folder: Path
    queries: Path


def cpu_seconds() -> float:
    """CPU time of this process and of the children that have ended."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def resident_bytes() -> int:
    """Memory of this process that is in RAM now, mapped files included."""
    return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


def peak_bytes() -> int:
    """The most that was ever resident. What getrusage tells counts the parent too, whose copy this process was before its program began."""
    line = next(line for line in Path("/proc/self/status").read_text("ascii").splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024


def build(engine: Engine, order: Order) -> dict[str, Any]:
    """Times one build; `bare_bytes` is the memory of the interpreter with all imports, before anything is read."""
    bare_bytes = resident_bytes()
    wall, cpu = time.perf_counter(), cpu_seconds()
    engine.build(order.corpus, order.folder)
    wall, cpu = time.perf_counter() - wall, cpu_seconds() - cpu
    return {"name": engine.name, "wall_seconds": wall, "cpu_seconds": cpu, "bare_bytes": bare_bytes, "peak_bytes": peak_bytes()}


def ask(engine: Engine, order: Order) -> dict[str, Any]:
    """Asks every query in every way the engine offers; answers are kept as plain lists."""
    queries = read_queries(order.queries)
    bare_bytes = resident_bytes()
    asked = engine.open(order.corpus, order.folder)
    questions = {
        name: {"names_files": one.names_files, "can_be_checked": one.check is not None, "answers": _answers(one.ask, queries)}
        for name, one in asked.items()
    }
    return {"questions": questions, "bare_bytes": bare_bytes, "peak_bytes": peak_bytes()}


def _answers(question: Ask, queries: list[Query]) -> list[dict[str, Any]]:
    for query in queries[:WARM_UP_QUERIES]:
        question(query.text)
    answers = []
    for query in queries:
        start = time.perf_counter()
        found = question(query.text)
        seconds = time.perf_counter() - start
        answers.append({"qid": query.qid, "seconds": seconds, **_plain(found)})
    return answers


def _plain(found: Found) -> dict[str, Any]:
    return {"score": float(found.score), "ranked": [[astuple(place) for place in places] for places in found.ranked]}


def check(engine: Engine, order: Order) -> dict[str, Any]:
    """Asks every query again of the questions whose answers can be compared with the corpus, and compares them."""
    queries = sorted(read_queries(order.queries), key=lambda query: (query.base, query.qid))
    questions = engine.open(order.corpus, order.folder)
    checked = {name: _checked(question.check, queries) for name, question in questions.items() if question.check}
    return {"questions": checked, "bare_bytes": 0, "peak_bytes": peak_bytes()}


def _checked(question: Check, queries: list[Query]) -> list[dict[str, Any]]:
    checked = []
    for query in queries:
        if query.base % BASES_REMEMBERED == 0:
            evidence.read.cache_clear()
        one = question(query.text)
        checked.append({"qid": query.qid, "claims": one.claims, "faults": one.faults, **_plain(one.found)})
    return sorted(checked, key=lambda one: one["qid"])


def main(arguments: list[str]) -> None:
    """Does one thing and writes what came of it as JSON."""
    verb, key, corpus_folder, folder, queries, out, max_batches = arguments
    engine = load_engine(key)
    order = Order(Corpus(Path(corpus_folder), int(max_batches) or None), Path(folder), Path(queries))
    work = {"build": build, "ask": ask, "check": check}[verb]
    print(READY, flush=True)
    sys.stdout = sys.stderr  # whatever an engine prints is for a person to read
    Path(out).write_text(json.dumps(work(engine, order)), "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
