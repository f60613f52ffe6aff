"""What do the tests of additions, removals and merges share? Real files, questions about them, and answers without the generation."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from indexer.answers import to_json
from indexer.build import build_index
from indexer.corpus import REPOSITORIES_SCHEMA
from indexer.index import Index
from tests.indexer.conftest import batches_of, package_rows

KEPT = ("h11", "pluggy", "idna", "packaging", "click", "httpcore")
EXTRA = ("httpx", "jinja2")


@pytest.fixture(scope="session")
def rows_of() -> dict[str, list[dict[str, Any]]]:
    """The Python files of some installed packages, by package, with what an index keeps of a file and ranks by."""
    found = {name: list(package_rows(name)) for name in (*KEPT, *EXTRA)}
    for name, rows in found.items():
        for i, row in enumerate(rows):
            row |= {"stars": len(name), "owner": f"team-{len(name)}", "is_test": i % 2 == 0, "first_seen": None}
    return found


def tables_of(rows: Sequence[dict[str, Any]]) -> list[pa.RecordBatch]:
    """The repositories of some rows; their file counts are for the index to find out."""
    names = sorted({row["repository"] for row in rows})
    described = [
        dict.fromkeys(REPOSITORIES_SCHEMA.names) | {"repository": name, "owner": "pypi", "licenses": ["MIT"], "files": 0} for name in names
    ]
    return pa.Table.from_pylist(described, schema=REPOSITORIES_SCHEMA).to_batches() if names else []


def make(folder: Path, rows: Sequence[dict[str, Any]], *, full_text: bool = True) -> Path:
    """Builds an index of the rows at once."""
    build_index(folder, batches_of(rows), repositories=tables_of(rows), name="made", version="1", date="2024-06-07", full_text=full_text)
    return folder


@pytest.fixture(scope="session")
def texts(rows_of: dict[str, list[dict[str, Any]]]) -> list[str]:
    """Pieces of the files, whole ones, two put together, a renamed one, and one of nobody."""
    contents = [row["content"] for rows in rows_of.values() for row in rows if len(row["content"]) > 900][::4]
    pieces = [content[len(content) // 3 :][:1500] for content in contents]
    joined = [first[:600] + "\n" + second[:600] for first, second in zip(pieces, reversed(pieces), strict=True)]
    renamed = [piece.replace("self", "this").replace("name", "title") for piece in pieces[::2]]
    return [*pieces, *joined[: len(joined) // 2], *renamed, "quite = unlike(anything, that, stands)\n" * 5]


def everything(index: Index, texts: Sequence[str]) -> dict[str, Any]:
    """What an index answers, without which generation answered."""
    queries = ("hook", "connection state", '"raise ValueError"', "conn*", "repository:h11 data", "lang:Python import")
    answers = {
        "attribution": [index.attribute(text) for text in texts],
        "membership": [index.membership(text) for text in texts],
        "search": [index.search(query, limit=50) for query in queries],
        "repositories": index.repositories(limit=1000),
        "documents": index.info.documents,
    }
    return without_index(to_json(answers))


def without_index(value: Any) -> Any:
    """The same but for `index` and `cursor`, which name the generation, and `false_positive_rate`, which is that of the filters."""
    if isinstance(value, dict):
        return {key: without_index(item) for key, item in value.items() if key not in ("index", "cursor", "false_positive_rate")}
    return [without_index(item) for item in value] if isinstance(value, list) else value


def found(index: Index, texts: Sequence[str]) -> list[Any]:
    """What attribution and membership find, without scores. Exact spans only: which renamed candidates are looked at depends on
    how rare their fingerprints are, which counts removed documents until a merge."""
    return [
        (
            index.attribute(text).status,
            (answer := index.attribute(text, kinds=["exact"])).status,
            [(span.start, span.end, span.files, span.repositories, span.owners, span.capped) for span in answer.spans],
            sorted((source.document_id, source.start_line, source.end_line, source.kind) for source in answer.sources),
            index.membership(text).member,
        )
        for text in texts
    ]
