"""What does one engine cost and answer? Runs it in processes of its own and watches the memory of the whole process tree.

Not here: what runs in them (`worker`), how answers are judged (`judge`).
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from tests.bench.corpus import Corpus

SAMPLE_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class Answers:
    """What came of asking all queries, by the name of the question. `extra_bytes`: peak memory over the process with the queries alone."""

    extra_bytes: int
    questions: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Build:
    """The cost of one index. `peak_bytes`: the most memory of all processes together; `extra_bytes`: over the bare interpreter with its
    imports."""

    name: str
    text_bytes: int
    wall_seconds: float
    cpu_seconds: float
    index_bytes: int
    peak_bytes: int
    extra_bytes: int
    parts: dict[str, int]

    @property
    def mb_per_second_a_core(self) -> float:
        """Megabytes of text over CPU time."""
        return self.text_bytes / 1e6 / self.cpu_seconds

    @property
    def index_ratio(self) -> float:
        """Bytes on disk for each byte of text."""
        return self.index_bytes / self.text_bytes


def measure_build(key: str, corpus: Corpus, folder: Path) -> Build:
    """Builds once for real, after a warm-up on a few files that leaves compiled kernels in their cache."""
    with tempfile.TemporaryDirectory() as scratch:
        _run("build", key, corpus, Path(scratch), max_batches=1)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    result, peak_bytes = _run("build", key, corpus, folder)
    parts = _sizes(folder)
    peak_bytes = max(peak_bytes, result["peak_bytes"])
    return Build(
        name=result["name"],
        text_bytes=corpus.stats["corpus"]["bytes"],
        wall_seconds=result["wall_seconds"],
        cpu_seconds=result["cpu_seconds"],
        index_bytes=sum(parts.values()),
        peak_bytes=peak_bytes,
        extra_bytes=peak_bytes - result["bare_bytes"],
        parts=parts,
    )


def measure_answers(key: str, corpus: Corpus, folder: Path, queries: Path) -> Answers:
    """Every answer to every query."""
    result, peak_bytes = _run("ask", key, corpus, folder, queries)
    return Answers(max(peak_bytes, result["peak_bytes"]) - result["bare_bytes"], result["questions"])


def check_answers(key: str, corpus: Corpus, folder: Path, queries: Path) -> dict[str, Any]:
    """Every answer again, compared with the corpus; by the name of the question, where it says something that can be compared."""
    questions: dict[str, Any] = _run("check", key, corpus, folder, queries)[0]["questions"]
    return questions


def _sizes(folder: Path) -> dict[str, int]:
    """Bytes on disk by the kind of file: its suffix, or its name where that is none or a number."""
    sizes: Counter[str] = Counter()
    for path in folder.rglob("*"):
        if path.is_file():
            kind = path.name if path.suffix[1:].isdigit() else path.suffix or path.name
            sizes[kind] += path.stat().st_size
    return dict(sizes.most_common())


def _run(
    verb: str, key: str, corpus: Corpus, folder: Path, queries: Path = Path(), max_batches: int | None = None
) -> tuple[dict[str, Any], int]:
    """What the worker wrote, and the peak memory of its process tree while it ran."""
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch) / "out.json"
        arguments = (verb, key, corpus.folder, folder, queries, out, max_batches or 0)
        command = [sys.executable, "-m", "tests.bench.worker", *map(str, arguments)]
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            process.stdout.readline()  # before this line it is still a copy of this process, with this process's memory
            peak_bytes = _peak_bytes(process)
        if process.returncode:
            raise SystemExit(f"{key}: {verb} ended with exit code {process.returncode}; its own message stands above")
        return json.loads(out.read_text("utf-8")), peak_bytes


def _peak_bytes(process: subprocess.Popen[bytes]) -> int:
    """The largest sum of resident memory over the process and its children, sampled until it ends."""
    peak_bytes, tree = 0, psutil.Process(process.pid)
    while process.poll() is None:
        try:
            members = [tree, *tree.children(recursive=True)]
            peak_bytes = max(peak_bytes, sum(member.memory_info().rss for member in members))
        except psutil.NoSuchProcess:
            continue  # a member ended between the listing and the look
        time.sleep(SAMPLE_SECONDS)
    return peak_bytes
