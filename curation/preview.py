"""What do the files of a release look like? Static pages of a sample, to be opened in a browser: `preview/index.html`.

The sample is that of the smallest hashes of repository, path and content in each language: the same for the same release, and mostly
the same for the next version. Pages hold no script, and everything from a file is escaped.

Not here: the card (`curation.cards`).
"""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import pyarrow.parquet as pq

from curation.release_statistics import editions
from indexer.corpus import Release

INDEX = "preview/index.html"
_BATCH_ROWS = 4_096
_SHOWN = ("language", "repository", "commit", "license_expression", "license_evidence", "size", "content_id", "source")
_STYLE = (
    "body{font:15px sans-serif;margin:2em auto;max-width:70em;padding:0 1em;color:#222}pre{background:#f6f6f6;padding:1em;overflow:auto;"
    "font-size:13px}dt{float:left;clear:left;width:11em;color:#666}dd{margin-left:11em;overflow-wrap:anywhere}nav{margin:1em 0}"
)


@dataclass(frozen=True, slots=True)
class PreviewSettings:
    """How much is shown."""

    files_a_language: int = 20
    max_lines: int = 200
    max_chars: int = 20_000


@dataclass(frozen=True, slots=True, order=True)
class _Place:
    """Where a file of the sample stands. A heap keeps the largest `rank` first, so it is the hash, negated."""

    rank: int
    part: str
    row: int


def preview(release: Release, settings: PreviewSettings | None = None) -> Iterator[tuple[str, str]]:
    """(path in the release, text) of each page: one a folder of language, then the index. Memory: one page and the places of the sample."""
    chosen = settings or PreviewSettings()
    parts = next(iter(editions(release).values()))
    pages = [(folder or "files", _sample(release, names, chosen.files_a_language)) for folder, names in sorted(parts.items())]
    for number, (folder, places) in enumerate(pages):
        around = [pages[other][0] if 0 <= other < len(pages) else None for other in (number - 1, number + 1)]
        yield f"preview/{folder}.html", _page(release, folder, places, around, chosen)
    yield INDEX, _index(release, [(folder, len(places)) for folder, places in pages])


def _sample(release: Release, names: Sequence[str], wanted: int) -> list[_Place]:
    heap: list[_Place] = []
    for name in names:
        row = 0
        with pq.ParquetFile(release.path / name) as file:
            for batch in file.iter_batches(_BATCH_ROWS, columns=["repository", "path", "content_id"], use_threads=False):
                for values in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                    place = _Place(-_hash(values), name, row)
                    row += 1
                    if len(heap) < wanted:
                        heapq.heappush(heap, place)
                    elif place > heap[0]:
                        heapq.heapreplace(heap, place)
    return sorted(heap, key=lambda place: (place.part, place.row))


def _hash(values: Sequence[str | None]) -> int:
    key = "\0".join(value or "" for value in values).encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(key, digest_size=8).digest(), "big")


def _rows(release: Release, places: Sequence[_Place]) -> Iterator[dict[str, Any]]:
    """The rows at some places, in their order; unpacks the row groups that hold one."""
    for name in dict.fromkeys(place.part for place in places):
        wanted = [place.row for place in places if place.part == name]
        with pq.ParquetFile(release.path / name) as file:
            first = 0
            for group in range(file.num_row_groups):
                count = file.metadata.row_group(group).num_rows
                inside = [row - first for row in wanted if first <= row < first + count]
                if inside:
                    yield from file.read_row_group(group, use_threads=False).take(inside).to_pylist()
                first += count


def _page(release: Release, folder: str, places: Sequence[_Place], around: Sequence[str | None], settings: PreviewSettings) -> str:
    before, after = around
    links = [
        ("index.html", "all languages"),
        (before and f"{before}.html", "previous language"),
        (after and f"{after}.html", "next language"),
    ]
    nav = "<nav>" + " · ".join(_link(to, told) for to, told in links if to) + "</nav>"
    shown = "".join(_file(row, settings) for row in _rows(release, places))
    return _document(f"{folder}: {len(places)} files of {_title(release)}", nav + shown + nav)


def _file(row: dict[str, Any], settings: PreviewSettings) -> str:
    facts = "".join(f"<dt>{name}</dt><dd>{escape(str(row[name]))}</dd>" for name in _SHOWN if row.get(name) is not None)
    url = row.get("url")
    if isinstance(url, str) and url.startswith(("https://", "http://")):
        facts += f'<dt>url</dt><dd><a rel="noreferrer" href="{escape(url)}">{escape(url)}</a></dd>'
    lines = (row["content"] or "")[: settings.max_chars].split("\n")
    text = "\n".join(lines[: settings.max_lines])
    rest = "<p>… cut here.</p>" if len(text) < len(row["content"] or "") else ""
    return f"<h2>{escape(row['path'] or '')}</h2><dl>{facts}</dl><pre>{escape(text)}</pre>{rest}\n"


def _index(release: Release, pages: Sequence[tuple[str, int]]) -> str:
    items = "".join(f"<li>{_link(f'{folder}.html', folder)}: {count} files</li>" for folder, count in pages)
    return _document(f"A sample of {_title(release)}", f"<ul>{items}</ul>")


def _link(to: str, told: str) -> str:
    return f'<a href="{escape(to)}">{escape(told)}</a>'


def _title(release: Release) -> str:
    return f"{release.manifest.get('name', 'release')} {release.manifest.get('version', '')}".strip()


def _document(title: str, body: str) -> str:
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy"'
        " content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>\n<body><h1>{escape(title)}</h1>\n{body}</body></html>\n"
    )
