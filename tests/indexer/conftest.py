"""What do the engine's tests share? A real index of about a thousand files, and small ones of texts made up for a test."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from indexer.build import build_index
from indexer.corpus import conform
from indexer.index import Index

# Installed by the extras that `make test` installs; pip carries copies of some of the others, which makes copies of files.
CORPUS = (
    "anyio click fastapi h11 httpcore httpx hypothesis idna jinja2 packaging pip pluggy pydantic pytest rich starlette tqdm typer uvicorn"
).split()
BATCH_ROWS = 128


@dataclass(frozen=True)
class RealIndex:
    """An opened index, the rows it was built from, and the text of each document by its id."""

    index: Index
    location: Path
    rows: list[dict[str, Any]]
    contents: dict[str, str]


def package_rows(name: str) -> Iterator[dict[str, Any]]:
    """The Python files of an installed distribution, in a fixed order."""
    package = importlib.metadata.distribution(name)
    for file in sorted(package.files or [], key=str):
        path = Path(str(package.locate_file(file)))
        if file.suffix in (".py", ".pyi") and path.is_file() and path.stat().st_size:
            yield {
                "content": path.read_bytes().decode("utf-8"),
                "repository": f"pypi/{name}",
                "commit": package.version,
                "path": str(file),
                "language": "Python",
                "license_expression": package.metadata.get("License-Expression"),
            }


def batches_of(rows: Sequence[dict[str, Any]]) -> list[pa.RecordBatch]:
    """Rows as the record batches that build_index takes."""
    return [conform(batch) for batch in pa.Table.from_pylist(list(rows)).to_batches(max_chunksize=BATCH_ROWS)] if rows else []


def build(folder: Path, rows: Sequence[dict[str, Any]], *, full_text: bool = False) -> Index:
    """Builds an index of the rows and opens it."""
    build_index(folder, batches_of(rows), name="test", version="1", date="2024-06-07", full_text=full_text)
    return Index.open(folder)


@pytest.fixture(scope="session")
def real(tmp_path_factory: pytest.TempPathFactory) -> RealIndex:
    """About a thousand real files, some of them copies of each other."""
    rows = [row for name in CORPUS for row in package_rows(name)]
    folder = tmp_path_factory.mktemp("real") / "real.index"
    index = build(folder, rows)
    segment = index._snapshot.segments[0]
    return RealIndex(index, folder, rows, {segment.row(doc)["document_id"]: row["content"] for doc, row in enumerate(rows)})


@pytest.fixture
def index_of(tmp_path: Path) -> Callable[..., Index]:
    """`index_of(["text", ...])` is an index of documents with these contents, each in a repository of its own."""

    def make(contents: Sequence[str], *, full_text: bool = False) -> Index:
        rows = [{"content": content, "repository": f"owner{i}/repo", "path": f"file{i}.py"} for i, content in enumerate(contents)]
        return build(tmp_path / "made.index", rows, full_text=full_text)

    return make
