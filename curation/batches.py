"""How do files become record batches of bounded size?

Not here: where files come from (`curation.sources`), where batches go (`curation.collect`, `indexer.build`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import quote

import pyarrow as pa

from curation.decoding import Decoded, decode
from curation.languages import language_of
from curation.licence_texts import tagged_licence
from curation.origin import Reading, SourceFile, licence
from curation.path_rules import is_generated, is_test, is_vendored
from curation.removed_rows import without_removed
from indexer.corpus import FILES_SCHEMA, content_id

BATCH_BYTES = 8_000_000  # of text
BATCH_ROWS = 512
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_HEX_ID = re.compile(r"[0-9a-f]{40}")


def batches(files: Iterable[SourceFile], reading: Reading) -> Iterator[pa.RecordBatch]:
    """Record batches of FILES_SCHEMA, at most BATCH_ROWS rows and about BATCH_BYTES of text each; what is no text is counted."""
    rows: list[dict[str, Any]] = []
    n_bytes = 0
    for file in files:
        decoded = _text_of(file)
        if decoded is None or not decoded.text:
            reading.skip("binary" if decoded is None else "empty")
            continue
        rows.append(_row(file, decoded))
        _note(file, decoded, reading)
        n_bytes += len(file.content)
        if len(rows) >= BATCH_ROWS or n_bytes >= BATCH_BYTES:
            yield pa.RecordBatch.from_pylist(rows, schema=FILES_SCHEMA)
            rows, n_bytes = [], 0
    if rows:
        yield pa.RecordBatch.from_pylist(rows, schema=FILES_SCHEMA)


def permitted(parts: Iterable[pa.RecordBatch], reading: Reading) -> Iterator[pa.RecordBatch]:
    """Batches of any dataset without the rows that were asked to be left out, which are counted by the reason."""
    for part in parts:
        kept, reasons = without_removed(part, reading.removals)
        reading.skipped.update(reasons)
        if kept.num_rows:
            yield kept


def merged(parts: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The same rows in batches as full as the bounds allow: filtering leaves many small ones."""
    waiting: list[pa.RecordBatch] = []
    n_rows = n_bytes = 0
    for part in parts:
        if waiting and (n_rows + part.num_rows > BATCH_ROWS or n_bytes + part.nbytes > BATCH_BYTES):
            yield pa.concat_batches(waiting)
            waiting, n_rows, n_bytes = [], 0, 0
        if part.num_rows:
            waiting.append(part)
            n_rows, n_bytes = n_rows + part.num_rows, n_bytes + part.nbytes
    if waiting:
        yield pa.concat_batches(waiting)


def link_to(template: str | None, path: str) -> str | None:
    """The pinned link to a file. ("https://github.com/o/n/blob/c0ffee/{path}", "a b.py") -> ".../c0ffee/a%20b.py" """
    return None if template is None else template.replace("{path}", quote(path))


def _text_of(file: SourceFile) -> Decoded | None:
    if isinstance(file.content, bytes):
        return decode(file.content, file.encoding)
    return None if "\0" in file.content else Decoded(file.content, file.encoding or "UTF-8")


def _note(file: SourceFile, decoded: Decoded, reading: Reading) -> None:
    if decoded.encoding != "UTF-8":
        reading.note(f"read_as_{decoded.encoding}")
    if _CONTROL.search(file.path):
        reading.note("control_characters_in_path")


def _row(file: SourceFile, decoded: Decoded) -> dict[str, Any]:
    content = file.content if isinstance(file.content, bytes) else file.content.encode()
    origin, text, path = file.origin, decoded.text, file.path
    tag = tagged_licence(text)  # what a file says of itself is nearer than what its package says
    under = licence(tag, "tag") if tag else file.licence or origin.licence
    return {
        "content_id": file.content_id if file.content_id and _HEX_ID.fullmatch(file.content_id) else content_id(content),
        "content": text,
        "size": len(content) if file.size is None else file.size,
        "encoding": decoded.encoding,
        "language": file.language or language_of(path, text),
        "repository": origin.repository,
        "owner": origin.owner,
        "path": path,
        "commit": origin.commit,
        "licenses": list(under.ids),
        "license_expression": under.expression,
        "license_evidence": under.evidence,
        "license_type": under.type,
        "purl": origin.purl,
        "url": file.url or link_to(origin.link, path),
        "project_url": origin.project_url,
        "stars": origin.stars,
        "forks": origin.forks,
        "is_fork": origin.is_fork,
        "is_vendored": is_vendored(path) if file.is_vendored is None else file.is_vendored,
        "is_generated": is_generated(path, text) if file.is_generated is None else file.is_generated,
        "is_test": is_test(path) if file.is_test is None else file.is_test,
        "cluster_id": file.cluster_id,
        "first_seen": origin.first_seen,
        "source": origin.source,
        "original_content_id": file.original_content_id,
    }
