"""Where is the file that /v1/filter serves? Exported when it is first asked for, once a generation of the index.

Not here: the route (`search_api.routes.filter_file`), the file's bytes (indexer/bloom/FORMAT.md).
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
import threading
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from indexer.errors import IndexNotFound
from search_api.problems import FILTER_NOT_FOUND, Problem

if TYPE_CHECKING:
    from indexer.answers import IndexInfo
    from indexer.bloom.portable import FilterInfo
    from indexer.stored import StoredIndex

_KEPT = 2  # generations: somebody may be half-way through the one before


@dataclass(frozen=True, slots=True)
class FilterFile:
    """One exported file; `tag` is its ETag, strong: equal tags, equal bytes."""

    path: Path
    index: IndexInfo
    size: int
    tag: str


class ServedFilter:
    """The filter's file of one app, in a folder that is removed with it. Any thread."""

    def __init__(self, folder: str | None) -> None:
        self._parent = folder
        self._folder: Path | None = None
        self._files: list[FilterFile] = []
        self._lock = threading.Lock()

    def get(self, index: StoredIndex) -> FilterFile:
        """The file of the index as it is now; one thread exports, others wait for it. Raises Problem 404 where a cluster has no filter,
        IndexCorrupt, OutOfSpace, BackendUnavailable."""
        with self._lock:
            if not self._files or self._files[-1].index != index.info:
                self._files.append(self._export(index))
                for old in self._files[:-_KEPT]:
                    old.path.unlink(missing_ok=True)
                del self._files[:-_KEPT]
            return self._files[-1]

    def _export(self, index: StoredIndex) -> FilterFile:
        if self._folder is None:
            if self._parent:
                Path(self._parent).mkdir(parents=True, exist_ok=True)
            self._folder = Path(tempfile.mkdtemp(prefix="wherefrom-filter-", dir=self._parent))
        path = self._folder / f"{index.info.generation}.filter"
        try:
            if not index.filter_is_at_hand:
                raise Problem(FILTER_NOT_FOUND, "no filter to hand out now: none, too large, or older than a removal; ask /v1/membership")
            info = index.export_filter(path, datetime.now(UTC).isoformat(timespec="seconds"))
        except IndexNotFound as error:
            raise Problem(FILTER_NOT_FOUND, "no filter to hand out now; ask /v1/membership") from error
        return FilterFile(path, info.index, path.stat().st_size, _tag(info))

    def close(self) -> None:
        """Removes the files."""
        with self._lock:
            self._files.clear()
            if self._folder:
                shutil.rmtree(self._folder, ignore_errors=True)
                self._folder = None


def _tag(info: FilterInfo) -> str:
    """Of everything that the header says, the SHA-256 of the filters included."""
    return f'"{hashlib.sha256(json.dumps(asdict(info), sort_keys=True).encode()).hexdigest()[:32]}"'
