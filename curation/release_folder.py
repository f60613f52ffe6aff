"""How does a folder of parquet files and a manifest appear all at once?

It is written beside its place, in `NAME.part`, and renamed when complete. A run that was killed leaves `NAME.part`; the next run
removes it, or goes on in it where it is one that can. Nobody reads it meanwhile.

Not here: what is in the tables (`indexer.corpus`), what goes into the manifest (`curation.collect`, `curation.curate`).
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from indexer.corpus import FILES_SCHEMA, RELEASE_FORMAT, REPOSITORIES_SCHEMA, Release
from indexer.disk import disk_errors, sync
from indexer.errors import IndexCorrupt, IndexLocked, InputError, WherefromError, WorkerLost

PART_BYTES = 256_000_000  # of text in one parquet file
MANIFEST = "manifest.json"
REPOSITORIES = "repositories.parquet"
RELEASE = "release"  # in a folder to work in: what will be the release
_LOCK = ".lock"


@dataclass(slots=True)
class Totals:
    """What has gone by so far."""

    documents: int = 0
    text_bytes: int = 0


@contextmanager
def new_folder(target: Path, force: bool) -> Iterator[Path]:
    """A folder to write into, which takes the place of `target` when the block ends well and is removed when it does not.

    Raises InputError where something stands there already (with `force` only where Wherefrom did not make it), IndexLocked
    where another run writes to the same place, OutOfSpace.
    """
    part = _part(target)
    make_folder(part)
    with _alone(part, target):
        try:
            _restore(target)
            _check_free(target, force)
            _empty(part)
            with disk_errors(target):
                yield part
                _sync(part)
                _put(part, target)
        except BaseException:
            shutil.rmtree(part, ignore_errors=True)
            raise


@contextmanager
def resumable_folder(target: Path, key: str, force: bool) -> Iterator[Path]:
    """A folder to work in whose folder RELEASE takes the place of `target` when the block ends well.

    A run that is killed or interrupted leaves it, and the next one with the same key goes on in it; one with another key starts
    in an empty one. It is removed when the block ends well or with an error that would come again. Raises as `new_folder` does.
    """
    part = _part(target)
    is_new = not part.exists()
    make_folder(part)
    with _alone(part, target):
        try:
            _restore(target)
            _check_free(target, force)
        except BaseException:
            if is_new:
                shutil.rmtree(part, ignore_errors=True)
            raise
        _empty(part, but=key)
        try:
            with disk_errors(target):
                (part / key / RELEASE).mkdir(parents=True, exist_ok=True)
                yield part / key
                _sync(part / key / RELEASE)
                _put(part / key / RELEASE, target)
        except WorkerLost:
            raise
        except WherefromError:
            shutil.rmtree(part, ignore_errors=True)
            raise
        shutil.rmtree(part, ignore_errors=True)


def write_files(folder: Path, batches: Iterable[pa.RecordBatch], totals: Totals) -> list[str]:
    """Writes `files/part-00000.parquet` and so on, a row group a batch; returns their names. `totals` grows as it goes."""
    (folder / "files").mkdir()
    names: list[str] = []
    writer: pq.ParquetWriter | None = None
    part_ends = 0
    try:
        for batch in batches:
            if writer is None or totals.text_bytes >= part_ends:
                if writer is not None:
                    writer.close()
                names.append(f"files/part-{len(names):05d}.parquet")
                writer = _writer(folder / names[-1], FILES_SCHEMA)
                part_ends = totals.text_bytes + PART_BYTES
            writer.write_batch(batch)
            totals.documents += batch.num_rows
            totals.text_bytes += text_bytes(batch)
    finally:
        if writer is not None:
            writer.close()
    return names


def write_repositories(folder: Path, batches: Iterable[pa.RecordBatch]) -> None:
    """Writes `repositories.parquet`."""
    with _writer(folder / REPOSITORIES, REPOSITORIES_SCHEMA) as writer:
        for batch in batches:
            writer.write_batch(batch)


def write_manifest(folder: Path, names: list[str], values: dict[str, Any]) -> dict[str, Any]:
    """Writes `manifest.json`: the values given, the list of files, and the SHA-256 of each and of the repositories; returns it."""
    hashes = {name: sha256(folder / name) for name in [*names, REPOSITORIES]}
    return put_manifest(folder, {**values, "files": names, "hashes": hashes})


def put_manifest(folder: Path, values: dict[str, Any]) -> dict[str, Any]:
    """Writes `manifest.json`: the format and the values given; returns it."""
    manifest = {"format": RELEASE_FORMAT, **values}
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=2, ensure_ascii=False) + "\n", "utf-8")
    return manifest


def check_hashes(release: Release) -> None:
    """Raises IndexCorrupt where a file of a release is missing or not what its manifest says. Reads every byte."""
    for name in release.manifest.get("hashes", {}):
        check_hash(release, name)


def check_hash(release: Release, name: str) -> str:
    """The same for one file; returns its SHA-256."""
    path, expected = release.path / name, release.manifest.get("hashes", {}).get(name)
    if not path.is_file():
        raise IndexCorrupt(f"{path}: missing, but listed in {MANIFEST}; collect or curate again")
    if (found := sha256(path)) != expected and expected is not None:
        raise IndexCorrupt(f"{path}: SHA-256 {found[:12]}..., {MANIFEST} says {expected[:12]}...; collect or curate again")
    return found


def files_of(folder: Path) -> list[Path]:
    """The files of a release's folder, sorted: regular ones only, since a link would lead out of a copy, and none of those that a git
    check-out of a release has beside it."""
    found = (path for path in sorted(folder.rglob("*")) if path.is_file() and not path.is_symlink())
    return [path for path in found if not (top := path.relative_to(folder).parts[0]).startswith(".") and top != "releases.json"]


def text_bytes(batch: pa.RecordBatch) -> int:
    """Bytes of UTF-8 in the content column. O(1)."""
    if not batch.num_rows:
        return 0
    content = batch.column("content")
    offsets = pa.Array.from_buffers(pa.int64(), len(content) + 1, [None, content.buffers()[1]], offset=content.offset)
    return int(offsets[-1].as_py() - offsets[0].as_py())


def _writer(path: Path, schema: pa.Schema) -> pq.ParquetWriter:
    return pq.ParquetWriter(path, schema, **writer_options(schema))


def writer_options(schema: pa.Schema) -> dict[str, Any]:
    """How every table of a release is written."""
    return {"compression": "zstd", "write_page_checksum": True, "use_dictionary": _dictionaries(schema)}


def _dictionaries(schema: pa.Schema) -> list[str]:
    """Contents and ids do not repeat: a dictionary of them would only cost."""
    unique = {"content", "content_id", "cluster_id", "path", "url", "license_texts", "notice_texts"}
    return [field.name for field in schema if field.name not in unique and pa.types.is_string(field.type)]


def sha256(path: Path) -> str:
    """The SHA-256 of a file, in hex."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _check_free(target: Path, force: bool) -> None:
    if not target.exists() or (target.is_dir() and not any(target.iterdir())):
        return
    if not force:
        raise InputError(f"{target}: exists already; choose another name, or replace it with --force")
    if not (target / MANIFEST).is_file():
        raise InputError(f"{target}: not made by wherefrom (no {MANIFEST}), so --force does not replace it; choose another name")


@contextmanager
def _alone(part: Path, target: Path) -> Iterator[None]:
    """Holds the right to write to `part`; the kernel gives it back when the process ends."""
    with open(part / _LOCK, "wb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise IndexLocked(f"{target}: another run is writing it; wait for that to finish, or choose another name") from None
        yield


def _empty(part: Path, but: str = _LOCK) -> None:
    """Removes what an earlier run left, but for the lock and what is named."""
    for leftover in part.iterdir():
        if leftover.name in (_LOCK, but):
            continue
        if leftover.is_dir():
            shutil.rmtree(leftover)
        else:
            leftover.unlink()


def _part(target: Path) -> Path:
    return target.with_name(target.name + ".part")


def _old(target: Path) -> Path:
    return target.with_name(target.name + ".old")


def _restore(target: Path) -> None:
    """Undoes or ends a replacement that was interrupted between its two renames."""
    old = _old(target)
    if (old / MANIFEST).is_file():
        if target.exists():
            shutil.rmtree(old)
        else:
            old.rename(target)


def _put(part: Path, target: Path) -> None:
    (part / _LOCK).unlink(missing_ok=True)
    old = _old(target)
    if (target / MANIFEST).is_file():
        target.rename(old)
    part.rename(target)
    sync(target.parent)
    shutil.rmtree(old, ignore_errors=True)


def _sync(folder: Path) -> None:
    for parent, _, names in os.walk(folder):
        for name in names:
            sync(Path(parent, name))
        sync(Path(parent))


def make_folder(folder: Path) -> None:
    """Makes a folder and those above it. Raises InputError where that is not possible or nothing may be written there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: cannot be made ({error.strerror}); choose another place") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise InputError(f"{folder}: may not be written to; choose another place, or change its permissions")
