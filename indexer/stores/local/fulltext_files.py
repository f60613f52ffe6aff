"""Are the files of a full-text folder what was written? Sizes when it is opened, checksums before it is searched.

tantivy itself would read a flipped bit as another posting, and leaves lock files and private file modes behind.

Not here: what the files mean (tantivy's own format).
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from indexer.disk import disk_errors, sync, write_whole
from indexer.errors import IndexCorrupt, IndexTooNew, UnusableIndex
from indexer.stores.local.sums import FileSum, SummedFile, is_sealed, sealed

FORMAT = 1  # On disk: grows with the schema in `fulltext` and with what `indexer.text.words` gives
FILES = "files.json"
_REMEDY = "restore it, or build the index again"
_LOCKS = (".tantivy-writer.lock", ".tantivy-meta.lock")


def seal(folder: Path, known: Mapping[str, dict[str, Any]] | None = None) -> None:
    """Writes files.json with size and CRC-32 of every file, removes locks, and syncs files and folder to disk.

    `known` are entries of files that stay what they were: they are not read again, so that damage to them is not sealed in.
    """
    for name in _LOCKS:
        (folder / name).unlink(missing_ok=True)
    with disk_errors(folder):
        files = dict(known or {})
        for file in sorted(folder.iterdir()):
            if file.name in files:
                continue
            file.chmod(0o644)  # tantivy makes its meta files readable for their owner alone
            files[file.name] = asdict(FileSum.of(file))
            sync(file)
        write_whole(folder / FILES, sealed({"format": FORMAT, "files": files}).encode())


def share(folder: Path, new: Path) -> dict[str, dict[str, Any]]:
    """Puts the files of a sealed folder into a new one too, by links where the file system has them; returns the entries of those
    that tantivy never changes. Reads them all: what is damaged would be passed on. Raises IndexCorrupt."""
    listed = _listed(folder)
    for file in opened(folder):
        file.content()
    with disk_errors(new):
        new.mkdir()
        for name in listed:
            if _is_rewritten(name):
                shutil.copyfile(folder / name, new / name)
                continue
            try:
                os.link(folder / name, new / name)
            except OSError:
                shutil.copyfile(folder / name, new / name)
                sync(new / name)
    return {name: entry for name, entry in listed.items() if not _is_rewritten(name)}


def _is_rewritten(name: str) -> bool:
    return name.endswith(".json")


def opened(folder: Path) -> tuple[SummedFile, ...]:
    """Maps every file. Raises IndexCorrupt where one is missing or of another size, IndexTooNew for a later format. O(files)."""
    return tuple(SummedFile.open(folder / name, FileSum(**wanted)) for name, wanted in _listed(folder).items())


@contextmanager
def lockable(folder: Path) -> Iterator[Path]:
    """A folder with the same files in which tantivy can make its lock file; needed while it opens, not later.

    That is the folder itself, or a temporary one of links to its files where it cannot be written to (another user's index,
    a read-only mount). Raises UnusableIndex where there is no temporary folder either, IndexCorrupt
    where the folder itself is gone.
    """
    if os.access(folder, os.W_OK, effective_ids=os.access in os.supports_effective_ids):
        yield folder
        return
    try:
        view = tempfile.TemporaryDirectory(prefix="wherefrom-")
    except OSError as error:
        raise UnusableIndex(
            f"{folder}: read-only, and no temporary folder for tantivy's lock file ({error}); set TMPDIR to a folder that can be written to"
        ) from error
    with view as name:
        try:
            files = list(folder.resolve().iterdir())
        except FileNotFoundError:
            raise IndexCorrupt(f"{folder}: missing; {_REMEDY}") from None
        for file in files:
            if file.name not in _LOCKS:
                (Path(name) / file.name).symlink_to(file)
        yield Path(name)


@contextmanager
def reading(folder: Path) -> Iterator[None]:
    """What tantivy raises while reading becomes IndexCorrupt, its panics too: a query of ours is never malformed."""
    try:
        yield
    except BaseException as error:
        if isinstance(error, (ValueError, OSError)) or type(error).__name__ == "PanicException":
            raise IndexCorrupt(f"{folder}: tantivy cannot read it ({error}); {_REMEDY}") from error
        raise


def _listed(folder: Path) -> dict[str, dict[str, int]]:
    file = folder / FILES
    try:
        listing = json.loads(file.read_bytes())
        version, is_whole = listing["format"], is_sealed(listing)
    except FileNotFoundError:
        raise IndexCorrupt(f"{file}: missing; the full text was never finished or is gone; {_REMEDY}") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise IndexCorrupt(f"{file}: not readable ({error}); {_REMEDY}") from error
    if isinstance(version, int) and version > FORMAT:  # before the checksum, which a later version may take otherwise
        raise IndexTooNew(f"{file}: full-text format {version}, this reader takes {FORMAT}; upgrade wherefrom")
    if not is_whole:
        raise IndexCorrupt(f"{file}: fails its checksum; {_REMEDY}")
    files: dict[str, dict[str, int]] = listing["files"]
    return files
