"""What runs in a process of its own: one build, or all questions to one index, with nothing else in its memory and CPU time.

    python -m tests.bench.worker build|ask ENGINE CORPUS_FOLDER INDEX_FOLDER OUT MAX_BATCHES

Not here: who starts it and watches its memory (`measure`).
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from dataclasses import astuple
from importlib import import_module
from pathlib import Path
from typing import Any

from tests.bench.corpus import Corpus
from tests.bench.engine import Ask, Engine
from tests.bench.queries import Query, read_queries

READY = "ready"  # said on standard output when the imports are done: memory counts from here
WARM_UP_QUERIES = 20

# name -> where it is made; a peer's packages are imported in its own process only
ENGINES = {
    "wherefrom": ("tests.bench.wherefrom_engine", "Wherefrom", {"name": "Wherefrom", "full_text": False}),
    "wherefrom-full-text": ("tests.bench.wherefrom_engine", "Wherefrom", {"name": "Wherefrom with full text", "full_text": True}),
    "data-portraits": ("tests.bench.peers.data_portraits", "DataPortraits", {}),
    "tantivy": ("tests.bench.peers.full_text", "FullText", {}),
}


def load_engine(key: str) -> Engine:
    """The engine of this key, its packages imported."""
    module, name, arguments = ENGINES[key]
    engine: Engine = getattr(import_module(module), name)(**arguments)
    return engine


def cpu_seconds() -> float:
    """CPU time of this process and of the children that have ended."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def build(engine: Engine, corpus: Corpus, folder: Path) -> dict[str, Any]:
    """Times one build; `bare_bytes` is the memory of the interpreter with all imports, before anything is read."""
    bare_bytes = int(Path("/proc/self/statm").read_text("ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    wall, cpu = time.perf_counter(), cpu_seconds()
    engine.build(corpus, folder)
    wall, cpu = time.perf_counter() - wall, cpu_seconds() - cpu
    peak_bytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {"name": engine.name, "wall_seconds": wall, "cpu_seconds": cpu, "bare_bytes": bare_bytes, "peak_bytes": peak_bytes}


def ask(engine: Engine, corpus: Corpus, folder: Path) -> dict[str, Any]:
    """Asks every query in every way the engine offers; answers are kept as plain lists."""
    queries = read_queries(corpus.folder)
    questions = engine.open(corpus, folder)
    return {name: {"names_files": question.names_files, "answers": _answers(question.ask, queries)} for name, question in questions.items()}


def _answers(question: Ask, queries: list[Query]) -> list[dict[str, Any]]:
    for query in queries[:WARM_UP_QUERIES]:
        question(query.text)
    answers = []
    for query in queries:
        start = time.perf_counter()
        found = question(query.text)
        seconds = time.perf_counter() - start
        ranked = [[astuple(place) for place in places] for places in found.ranked]
        answers.append({"qid": query.qid, "score": float(found.score), "seconds": seconds, "ranked": ranked})
    return answers


def main(arguments: list[str]) -> None:
    """Does one thing and writes what came of it as JSON."""
    verb, key, corpus_folder, folder, out, max_batches = arguments
    engine = load_engine(key)
    corpus = Corpus(Path(corpus_folder), int(max_batches) or None)
    work = {"build": build, "ask": ask}[verb]
    print(READY, flush=True)
    sys.stdout = sys.stderr  # whatever an engine prints is for a person to read
    Path(out).write_text(json.dumps(work(engine, corpus, Path(folder))), "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
