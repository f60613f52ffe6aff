"""How does one get corpora of growing size that are alike in all else? Shares of one large set of packages, each share within the next.

The set is the workload's packages without their cap, and the large ones that packages.json lists under `growth`. A file belongs to
every share that the end of its digest lies below, so all of them have the same mix of languages, projects and sizes of files. (Its
beginning decides already which files of a package over the cap are taken.)

Not here: what is measured on them (`growth`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tests.bench.corpus import ROW_GROUP, Corpus, console, first_of_each, note, table_of
from tests.bench.download import Fetched, download_all
from tests.bench.extract import source_files
from tests.bench.packages import packages

CAP_BYTES = 200_000_000  # of one package, so that no project is most of the set
_DIGITS = 12  # the last ones of a file's digest, which decide what shares it is in


def make_whole(folder: Path, downloads: Path) -> dict[str, Any]:
    """Downloads what is missing and writes all of it as one parquet, one package in memory at a time; does nothing where it stands.

    Returns counts, bytes and the packages that could not be had.
    """
    told = folder / "whole.json"
    if not told.exists():
        folder.mkdir(parents=True, exist_ok=True)
        missing: dict[str, str] = {}
        wanted = sorted([*packages("corpus"), *packages("growth")])
        console.print(f"growth: {len(wanted)} packages", highlight=False)
        fetched = download_all(wanted, downloads.resolve(), partial(note, missing))
        seen: set[str] = set()
        stats = _write(fetched, folder / "whole.parquet", seen)
        heldout = download_all(packages("heldout"), downloads.resolve(), partial(note, missing))
        _write(heldout, folder / "heldout.parquet", seen)
        told.write_text(json.dumps({**stats, "packages": len(fetched), "missing": missing}) + "\n", "utf-8")
    whole: dict[str, Any] = json.loads(told.read_text("utf-8"))
    return whole


def _write(fetched: list[Fetched], path: Path, seen: set[str]) -> dict[str, int]:
    files, text_bytes = 0, 0
    with pq.ParquetWriter(path, table_of([]).schema, compression="zstd") as writer:
        for one in fetched:
            kept = first_of_each(source_files(one, CAP_BYTES), seen)
            kept.sort(key=lambda file: file.path)
            writer.write_table(table_of(kept, files), row_group_size=ROW_GROUP)
            files += len(kept)
            text_bytes += sum(len(file.content.encode()) for file in kept)
    return {"files": files, "bytes": text_bytes}


def make_share(folder: Path, whole: dict[str, Any], wanted_bytes: int) -> Corpus:
    """The share of about this many bytes of text (all there is, where that is less), as a corpus of its own with the held-out files."""
    corpus = Corpus(folder / f"{wanted_bytes // 1_000_000}MB")
    if not (corpus.folder / "corpus.json").exists():
        corpus.folder.mkdir(parents=True, exist_ok=True)
        digest = hashlib.sha256()
        files, text_bytes = 0, 0
        with pq.ParquetWriter(corpus.files, table_of([]).schema, compression="zstd") as writer:
            for batch in _below(folder / "whole.parquet", wanted_bytes / whole["bytes"]):
                numbered = batch.set_column(0, "id", pa.array(range(files, files + len(batch)), pa.int32()))
                writer.write_table(numbered, row_group_size=ROW_GROUP)
                files += len(batch)
                text_bytes += pc.sum(pc.binary_length(batch.column("content"))).as_py() or 0
                digest.update("".join(batch.column("sha1").to_pylist()).encode())
        corpus.heldout.unlink(missing_ok=True)
        corpus.heldout.hardlink_to(folder / "heldout.parquet")
        stats = {"corpus": {"files": files, "bytes": text_bytes, "digest": digest.hexdigest()[:16]}}
        (corpus.folder / "corpus.json").write_text(json.dumps(stats) + "\n", "utf-8")
    return corpus


def _below(path: Path, share: float) -> Iterator[pa.Table]:
    """The rows whose digest ends in the lowest `share` of all ends, a row group at a time."""
    highest = f"{min(16**_DIGITS - 1, int(share * 16**_DIGITS)):0{_DIGITS}x}"
    with pq.ParquetFile(path, pre_buffer=False) as file:
        for number in range(file.num_row_groups):
            table = file.read_row_group(number)
            chosen = table.filter(pc.less_equal(pc.utf8_slice_codeunits(table.column("sha1"), -_DIGITS), highest))
            if len(chosen):
                yield chosen
