"""What must a system offer to be measured here? Build an index of the corpus in a folder, and answer a text with ranked files.

Not here: the systems themselves (`wherefrom_engine`, `peers`), the measuring (`measure`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tests.bench.corpus import Corpus


@dataclass(frozen=True, slots=True)
class Place:
    """A file of the corpus and, where the system names them, the lines in it (1-based, inclusive)."""

    id: int
    start_line: int | None = None
    end_line: int | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """A system's answer: its own score, and files in rank order; what a system folds under one file stands beside it."""

    score: float
    ranked: tuple[tuple[Place, ...], ...] = ()


Ask = Callable[[str], Found]


@dataclass(frozen=True, slots=True)
class Checked:
    """An answer, how many statements it makes that some stretch stands in some file, and those that are not so, a sentence each."""

    found: Found
    claims: int
    faults: tuple[str, ...]


Check = Callable[[str], Checked]


@dataclass(frozen=True, slots=True)
class Question:
    """One way to ask a built index. `names_files`: false for a membership test, which only scores.

    `check` asks the same and compares what is said with the corpus; it takes its time and memory, so it is never what is measured.
    """

    ask: Ask
    names_files: bool
    check: Check | None = None


class Engine(Protocol):
    """One system under one name. Both methods are called in a process of their own; `folder` belongs to the engine."""

    name: str

    def build(self, corpus: Corpus, folder: Path) -> None:
        """Writes the index into the empty folder, all of it on disk when this returns; what is left there is its size."""

    def open(self, corpus: Corpus, folder: Path) -> Mapping[str, Question]:
        """The ways to ask the index in `folder`, by the name under which each is reported."""


def ids_by_place(corpus: Corpus) -> dict[tuple[str, str], int]:
    """(repository, path) -> id, for systems that answer with names."""
    places: dict[tuple[str, str], int] = {}
    for batch in corpus.batches(["id", "repo", "path"]):
        keys = zip(batch.column("repo").to_pylist(), batch.column("path").to_pylist(), strict=True)
        places.update(zip(keys, batch.column("id").to_pylist(), strict=True))
    return places
