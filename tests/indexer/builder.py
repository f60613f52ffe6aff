"""A process that builds an index again and again; what it writes is the number of a generation (`tests.indexer.killing`)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from indexer.build import build_index
from tests.indexer.conftest import batches_of
from tests.indexer.killing import serve


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


if __name__ == "__main__":
    serve(lambda folder, generation: build_generation(folder, int(generation)))
