"""What is searched, and what is certainly not in it? The corpus and the held-out files, as two parquet files.

Columns: id, repo, path, lang, licence, sha1, content. Ids count from 0 in the order of repository and path.

Not here: the questions asked about them (`queries`).
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from rich.console import Console

from tests.bench.download import Fetched, download_all
from tests.bench.extract import PACKAGE_CAP_BYTES, SourceFile, source_files
from tests.bench.packages import Package, Split, packages

ROW_GROUP = 2000

console = Console(stderr=True)


@dataclass(frozen=True, slots=True)
class Row:
    """One file of the corpus or of the held-out set."""

    id: int
    repo: str
    path: str
    lang: str
    content: str


@dataclass(frozen=True, slots=True)
class Corpus:
    """A made corpus in its folder; `max_batches` bounds what `batches` gives, for a warm-up."""

    folder: Path
    max_batches: int | None = None

    @property
    def files(self) -> Path:
        """The corpus as parquet."""
        return self.folder / "corpus.parquet"

    @property
    def heldout(self) -> Path:
        """The held-out files as parquet."""
        return self.folder / "heldout.parquet"

    @property
    def stats(self) -> dict[str, Any]:
        """Counts, bytes, a digest and the packages that could not be had, for each split."""
        return json.loads((self.folder / "corpus.json").read_text("utf-8"))  # type: ignore[no-any-return]

    def batches(self, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """The corpus, or some columns of it, as record batches; one row group in memory at a time."""
        with pq.ParquetFile(self.files, pre_buffer=False) as file:
            groups = (file.iter_batches(512, row_groups=[number], columns=columns) for number in range(file.num_row_groups))
            yield from islice(chain.from_iterable(groups), self.max_batches)


def make_corpus(folder: Path, downloads: Path, *, quick: bool) -> Corpus:
    """Downloads, filters and writes both sets; does nothing where they stand already."""
    corpus = Corpus(folder)
    if (folder / "corpus.json").exists():
        return corpus
    folder.mkdir(parents=True, exist_ok=True)
    stats: dict[str, Any] = {}
    seen: set[str] = set()
    splits: tuple[Split, ...] = ("corpus", "heldout")
    for split in splits:
        wanted = packages(split, quick=quick)
        missing: dict[str, str] = {}
        console.print(f"{split}: {len(wanted)} packages", highlight=False, soft_wrap=True)
        fetched = download_all(wanted, downloads.resolve(), partial(note, missing))
        kept = first_of_each(_extracted(fetched, PACKAGE_CAP_BYTES if split == "corpus" else None), seen)
        _write(kept, folder / f"{split}.parquet")
        stats[split] = {**_summary(kept), "packages": len(fetched), "missing": missing}
    (folder / "corpus.json").write_text(json.dumps(stats, indent=1) + "\n", "utf-8")
    return corpus


def read_rows(path: Path) -> list[Row]:
    """All rows in the order of their ids; holds the whole text in memory."""
    table = pq.read_table(path, columns=["id", "repo", "path", "lang", "content"])
    return [Row(*values) for values in zip(*(column.to_pylist() for column in table.columns), strict=True)]


def note(missing: dict[str, str], package: Package, why: str) -> None:
    """Keeps the package among those that cannot be had, and says so."""
    missing[package.repository] = why
    console.print(f"  left out: {why}", highlight=False, soft_wrap=True)


def _extracted(fetched: Sequence[Fetched], cap_bytes: int | None) -> list[SourceFile]:
    with ProcessPoolExecutor() as pool:
        files = [file for found in pool.map(partial(source_files, cap_bytes=cap_bytes), fetched) for file in found]
    return sorted(files, key=lambda file: (file.repository, file.path))


def first_of_each(files: Iterable[SourceFile], seen: set[str]) -> list[SourceFile]:
    """Exact duplicates go; `seen` carries over, so that no held-out file is in the corpus."""
    kept = []
    for file in files:
        if file.sha1 not in seen:
            seen.add(file.sha1)
            kept.append(file)
    return kept


def _write(files: Sequence[SourceFile], path: Path) -> None:
    pq.write_table(table_of(files), path, compression="zstd", row_group_size=ROW_GROUP)


def table_of(files: Sequence[SourceFile], first_id: int = 0) -> pa.Table:
    """The files as the columns of a corpus, numbered from `first_id` on."""
    return pa.table(
        {
            "id": pa.array(range(first_id, first_id + len(files)), pa.int32()),
            "repo": pa.array([file.repository for file in files], pa.string()),
            "path": pa.array([file.path for file in files], pa.string()),
            "lang": pa.array([file.language for file in files], pa.string()),
            "licence": pa.array([file.licence for file in files], pa.string()),
            "sha1": pa.array([file.sha1 for file in files], pa.string()),
            "content": pa.array([file.content for file in files], pa.large_string()),
        }
    )


def _summary(files: Sequence[SourceFile]) -> dict[str, Any]:
    sizes: Counter[str] = Counter()
    digest = hashlib.sha256()
    for file in files:
        sizes[file.language] += len(file.content.encode())
        digest.update(f"{file.repository}\0{file.path}\0{file.sha1}\n".encode())
    by_language = {language: round(size / 1e6, 2) for language, size in sizes.most_common()}
    return {"files": len(files), "bytes": sum(sizes.values()), "digest": digest.hexdigest()[:16], "mb_by_language": by_language}
