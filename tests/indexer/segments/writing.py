"""A process that writes to an index; what it writes is a KIND and a STEP (`tests.indexer.killing`).

KIND is build, add, remove or merge; what they write follows from STEP alone. With `loop FOLDER` as arguments it commits until standard
input ends.
"""

from __future__ import annotations

import selectors
import sys
import tempfile
from pathlib import Path
from typing import Any

from indexer.add import add_documents
from indexer.build import build_index
from indexer.merge import merge
from indexer.stores.local.removal import remove
from tests.indexer.conftest import batches_of
from tests.indexer.killing import serve
from tests.indexer.segments.conftest import tables_of

KINDS = ("build", "add", "remove", "merge")


def text_of(number: int) -> str:
    """Text that no other number has."""
    return "\n".join(f"value_{number}_{i} = make_{number}_{i}({i} * {number}, other_{number}={i})" for i in range(12))


def rows_of_step(step: int) -> list[dict[str, Any]]:
    """Six documents, each in a repository of its own; they stand in no other step but 0, whose numbers stay."""
    return [{"content": text_of(number), "repository": f"o/r{number}", "path": "a.py"} for number in range(step * 6, step * 6 + 6)]


def write(folder: Path, kind: str, step: int) -> None:
    """One commit: a new index of step 0 and this one; more documents; fewer (three of the step before, one of step 0); or a merge."""
    rows = rows_of_step(step)
    if kind == "build":
        rows = rows_of_step(0) + rows
        build_index(folder, batches_of(rows), repositories=tables_of(rows), name="k", version=str(step), date="2024-06-07")
    elif kind == "add":
        add_documents(folder, batches_of(rows), repositories=tables_of(rows), version=str(step))
    elif kind == "remove":
        remove(folder, repositories=[f"o/r{number}" for number in range(step * 6 - 3, step * 6)] + [f"o/r{step % 4 + 1}"])
    else:
        merge(folder)


def _loop(folder: Path) -> None:
    step = 2
    with selectors.DefaultSelector() as inputs:
        inputs.register(sys.stdin, selectors.EVENT_READ)
        while not inputs.select(0):
            for kind in ("add", "remove", "merge"):
                write(folder, kind, step)
            step += 1


if __name__ == "__main__":
    if sys.argv[1:]:
        _loop(Path(sys.argv[2]))
    else:
        with tempfile.TemporaryDirectory() as scratch:  # loads the kernels once, so that a fork's time goes into its files
            for step, what in enumerate(KINDS, start=1):
                write(Path(scratch, "warm.index"), what, step)
        serve(lambda folder, kind, step: write(folder, kind, int(step)))
