"""What do the tests of the filter share? Texts, an opened index of them, and its portable filter."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from indexer.bloom.export import export_portable
from indexer.bloom.portable import PortableFilter
from indexer.build import build_index
from indexer.corpus import conform
from indexer.index import Index

AS_OF = "2026-11-01T12:00:00+00:00"


@pytest.fixture(scope="session")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Index]:
    """An index of a few real packages."""
    rows = []
    for name in ("click", "httpx", "rich"):
        package = importlib.metadata.distribution(name)
        for file in sorted(package.files or [], key=str):
            if file.suffix == ".py":
                content = Path(str(package.locate_file(file))).read_text("utf-8")
                rows.append({"content": content, "repository": f"pypi/{name}", "path": str(file)})
    folder = tmp_path_factory.mktemp("bloom") / "real.index"
    build_index(folder, [conform(pa.RecordBatch.from_pylist(rows))], name="packages", version="7", date="2026-11-01", full_text=False)
    with Index.open(folder) as opened:
        yield opened


@pytest.fixture(scope="session")
def snippets(index: Index) -> list[str]:
    """Texts to ask about: pieces of files, whole ones, pieces amid other code, code that is nowhere."""
    segment = index._snapshot.segments[0]
    texts = [segment.content(doc).decode() for doc in range(0, segment.documents, 4)]
    lines = [text.splitlines(keepends=True) for text in texts]
    fresh = "".join(f"zebra_{i} = quokka({i}, wombat={i * 7}) ^ marmot[{i}:{i + 3}]\n" for i in range(20))
    pieces = ["".join(some[len(some) // 3 : len(some) // 3 + 40]) for some in lines]
    return ["", "import os\n", fresh, *texts[:10], *pieces, *(f"é = '\U0001f600'\r\n{fresh}{piece}{fresh}" for piece in pieces[:10])]


@pytest.fixture(scope="session")
def portable_path(index: Index, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The exported filter; tests that damage it copy it first."""
    path = tmp_path_factory.mktemp("portable") / "corpus.filter"
    export_portable(index._snapshot.filters, index.info, AS_OF, path)
    return path


@pytest.fixture
def portable(portable_path: Path) -> Iterator[PortableFilter]:
    with PortableFilter.open(portable_path) as opened:
        yield opened
