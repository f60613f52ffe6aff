"""Which files make up an index now? The manifest: the only list of segments, swapped atomically, one generation a commit.

Not here: the bytes of a segment (`indexer.segment`), adding documents (`indexer.build`).
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from indexer.answers import IndexInfo
from indexer.disk import PART, disk_errors, write_whole
from indexer.errors import IndexCorrupt, IndexLocked, IndexNotFound, IndexTooNew, InputError, SpecMismatch, UnusableIndex
from indexer.fingerprint.spec import SPEC
from indexer.stores.local.sums import FileSum, is_sealed, sealed

MANIFEST = "manifest.json"
LOCK = "lock"
MANIFEST_VERSION = 1
KIND = "wherefrom-index"


@dataclass(frozen=True, slots=True)
class SegmentFiles:
    """The files of one segment, relative to the index folder; `text` is the full-text folder, None where it was left out;
    `removed` its tombstones, None where it has none."""

    segment: str
    filter: str
    text: str | None
    removed: str | None = None


@dataclass(frozen=True, slots=True)
class TableFile:
    """A table of repositories, relative to the index folder."""

    name: str
    sum: FileSum


@dataclass(frozen=True, slots=True)
class Manifest:
    """One generation of an index."""

    info: IndexInfo
    segments: tuple[SegmentFiles, ...]
    repositories: tuple[TableFile, ...]

    @classmethod
    def read(cls, folder: Path) -> Manifest:
        """The manifest of an index folder. Raises IndexNotFound, IndexCorrupt, IndexTooNew, SpecMismatch."""
        file = folder / MANIFEST
        try:
            value = json.loads(file.read_bytes())
        except (FileNotFoundError, NotADirectoryError):
            raise IndexNotFound(f"{folder}: no index here (no {MANIFEST}); build one with: wherefrom index SOURCE -o {folder}") from None
        except (ValueError, RecursionError) as error:
            raise IndexCorrupt(f"{file}: not JSON ({error}); rebuild the index with wherefrom index") from error
        if not isinstance(value, dict) or value.get("kind") != KIND:
            raise IndexNotFound(f"{file}: not the manifest of an index; build one with wherefrom index")
        try:
            return cls._of(file, value)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise IndexCorrupt(f"{file}: not as it was written ({error}); rebuild the index with wherefrom index") from error

    @classmethod
    def _of(cls, file: Path, value: dict[str, Any]) -> Manifest:
        if value["format"] > MANIFEST_VERSION:  # before the checksum, which a later version may take otherwise
            raise IndexTooNew(f"{file}: version {value['format']}, this reader takes 1..{MANIFEST_VERSION}; upgrade wherefrom")
        if not is_sealed(value):
            raise IndexCorrupt(f"{file}: fails its checksum; restore it, or rebuild the index with wherefrom index")
        if value["info"]["spec"] != SPEC.name:
            raise SpecMismatch(
                f"{file}: fingerprints of spec {value['info']['spec']}, this version compares {SPEC.name}; rebuild with wherefrom index"
            )
        segments = tuple(SegmentFiles(**files) for files in value["segments"])
        tables = tuple(TableFile(table["name"], FileSum(table["bytes"], table["crc32"])) for table in value["repositories"])
        return cls(IndexInfo(**value["info"]), segments, tables)

    def write(self, folder: Path) -> None:
        """Makes this the folder's generation, in one step."""
        value = {
            "kind": KIND,
            "format": MANIFEST_VERSION,
            "info": asdict(self.info),
            "segments": [asdict(files) for files in self.segments],
            "repositories": [{"name": table.name, **asdict(table.sum)} for table in self.repositories],
        }
        write_whole(folder / MANIFEST, sealed(value).encode())

    def names(self) -> set[str]:
        """Every file and folder of this generation."""
        files = {name for entry in self.segments for name in (entry.segment, entry.filter, entry.text, entry.removed) if name}
        return files | {table.name for table in self.repositories} | {MANIFEST}


_LEFTOVER = re.compile(
    rf"segment-\d{{6,}}(\.filter|\.removed-\d{{6,}})?({PART})?|text-\d{{6,}}(-without-\d{{6,}})?|repositories-\d{{6,}}\.parquet"
    rf"|spill-[a-z0-9_]{{8}}|manifest\.json{PART}"
)


def remove_leftovers(folder: Path, keep: set[str]) -> None:
    """Removes what an interrupted build or an earlier generation left; only names that Wherefrom writes. Call it with the lock held."""
    for path in folder.iterdir():
        if path.name in keep or not _LEFTOVER.fullmatch(path.name):
            continue
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def check_ours(folder: Path) -> None:
    """Raises InputError for a folder that is not ours to build in: neither new nor empty, nor an index, nor what a killed build left."""
    if not folder.is_dir():
        if folder.exists():
            raise InputError(f"{folder}: a file, an index is a folder; choose another place")
        return
    names = {path.name for path in folder.iterdir()}
    foreign = sorted(name for name in names - {LOCK} if not _LEFTOVER.fullmatch(name))
    try:
        Manifest.read(folder)
    except IndexNotFound:
        is_ours = not names or (LOCK in names and not foreign)
    except IndexCorrupt:  # perhaps not even JSON: of an index only where one stands around it
        is_ours = LOCK in names and foreign == [MANIFEST]
    except UnusableIndex:
        is_ours = True  # of another version
    else:
        is_ours = True
    if not is_ours:
        listed = ", ".join((foreign or sorted(names))[:3])
        raise InputError(f"{folder}: holds something other than an index ({listed}); choose another place, or empty it first")


@contextmanager
def next_generation(folder: Path) -> Iterator[Manifest]:
    """The right to write to an existing index, with the manifest that is to be replaced.

    At the end, however it comes, what the folder's manifest does not name is removed. Raises as Manifest.read does, IndexLocked.
    """
    Manifest.read(folder)  # before the lock, which would make the folder
    with write_lock(folder):
        current = Manifest.read(folder)
        remove_leftovers(folder, current.names())
        try:
            yield current
        finally:
            remove_leftovers(folder, Manifest.read(folder).names())


@contextmanager
def write_lock(folder: Path) -> Iterator[None]:
    """The right to write to an index; the kernel gives it back when the process ends, however it ends. Raises IndexLocked."""
    folder.mkdir(parents=True, exist_ok=True)
    with disk_errors(folder), open(folder / LOCK, "ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise IndexLocked(f"{folder}: another process is writing to this index; wait for it to finish") from None
        yield


def folder_bytes(folder: Path) -> int:
    """Bytes of all files below a folder; what a writer removes meanwhile does not count."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with suppress(FileNotFoundError):
                total += (Path(place) / name).stat().st_size
    return total
