"""How does a process come by the filter of an index in a cluster, and follow it? A thread fetches it into a file that is kept.

The file is the one that a folder's index has, named by the SHA-256 of the filter: processes of one user share it, each page of it is
checked when it is first read, and a filter that was fetched once is there at the next start.

Not here: the pieces (`filter_pieces`), what is answered meanwhile (`index`).
"""

from __future__ import annotations

import logging
import os
import secrets
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from indexer.bloom.filter import KIND, BloomFilter
from indexer.disk import disk_errors
from indexer.errors import WherefromError
from indexer.fingerprint.spec import SPEC
from indexer.pages import PageWriter
from indexer.stores.elastic.filter_pieces import Manifest, manifest_of, read
from indexer.stores.elastic.questions import Generation

_log = logging.getLogger("wherefrom.elasticsearch")
_KEPT_SECONDS = 30 * 86400  # a file that nobody opened for so long is removed
_AGAIN_SECONDS = 60  # after a failure
_MB = 1_000_000


@dataclass(frozen=True, slots=True)
class Copy:
    """A filter on this machine, and what it is."""

    bloom: BloomFilter
    manifest: Manifest

    def covers(self, generation: Generation) -> bool:
        """Whether it holds all that a generation of its index holds; documents were added since where not."""
        return self.manifest.generation >= generation.covered_from

    def is_exact(self, generation: Generation) -> bool:
        """Whether it has forgotten all that was removed."""
        return self.manifest.removed >= generation.removed


class FilterCopy:
    """The filter of an index, once it is here. Threads may share it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._copy: Copy | None = None
        self._of: tuple[str, int] | None = None  # the generation that was asked for last
        self._again_at = 0.0
        self._thread: threading.Thread | None = None
        self._closing = threading.Event()

    def of(self, generation: Generation) -> Copy | None:
        """The filter of a generation if it is here; if not it is being fetched now, or too large, or damaged. Never waits."""
        named = generation.index, generation.info.generation
        if self._of != named or time.monotonic() >= self._again_at:
            self._follow(generation, named)
        copy = self._copy
        return copy if copy is not None and self._of is not None and self._of[0] == named[0] and copy.covers(generation) else None

    def _follow(self, generation: Generation, named: tuple[str, int]) -> None:
        with self._lock:
            if self._is_fetching() or self._closing.is_set():
                return
            if self._of is None or self._of[0] != named[0]:
                self._copy = None
            self._of, self._again_at = named, float("inf")
            self._thread = threading.Thread(target=self._fetch, args=(generation,), name="wherefrom-filter", daemon=True)
            self._thread.start()

    def drop(self, copy: Copy, error: Exception) -> None:
        """A filter whose file is damaged is fetched again."""
        _log.warning("%s; membership is answered by look-ups until the filter is fetched again", error)
        with self._lock:
            (self._folder / _name(copy.manifest.sha256)).unlink(missing_ok=True)
            if self._copy is copy:
                self._copy, self._again_at = None, 0.0

    def close(self) -> None:
        """Ends the fetching."""
        self._closing.set()
        if self._thread is not None:
            self._thread.join(5)

    def wait(self, seconds: float) -> None:
        """Until what is being fetched is here, or cannot be."""
        if self._thread is not None:
            self._thread.join(seconds)

    def _is_fetching(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def _fetch(self, generation: Generation) -> None:
        try:
            manifest = manifest_of(generation.client, generation.place, generation.index)
            limit = generation.place.filter_mb * _MB
            if manifest.bytes > limit:
                _log.info("the filter takes %d MB, more than the %d allowed: look-ups answer", manifest.bytes // _MB, limit // _MB)
                return
            bloom = self._open(generation, manifest)
            self._copy = Copy(bloom, manifest)
        except Exception as error:  # whatever it is, look-ups answer, and a server goes on
            if not self._closing.is_set():
                _log.warning("%s; membership is answered by look-ups", error)
                self._again_at = time.monotonic() + _AGAIN_SECONDS

    def _open(self, generation: Generation, manifest: Manifest) -> BloomFilter:
        path = self._folder / _name(manifest.sha256)
        with suppress(WherefromError):
            bloom = BloomFilter.open(path, SPEC.name)
            os.utime(path)
            return bloom
        self._folder.mkdir(parents=True, exist_ok=True)
        _tidy(self._folder)
        fetching = path.with_name(f"{path.name}.{secrets.token_hex(6)}")  # another thread or process may fetch the same
        try:
            fetch(generation, manifest, fetching, self._closing)
            fetching.replace(path)
        finally:
            fetching.unlink(missing_ok=True)
        return BloomFilter.open(path, SPEC.name)


def fetch(generation: Generation, manifest: Manifest, path: Path, closing: threading.Event | None = None) -> None:
    """Writes a filter to a file as a folder's index has it. Raises IndexCorrupt, BackendUnavailable, OutOfSpace."""
    with disk_errors(path), PageWriter(path, KIND) as writer:
        writer.begin("blocks")
        for piece in read(generation.client, generation.place, generation.index, manifest):
            writer.write(piece)
            if closing is not None and closing.is_set():
                raise InterruptedError("the index was closed")
        writer.finish({"spec": SPEC.name, "n_keys": manifest.n_keys, "n_blocks": manifest.n_blocks})


def default_folder(environment: Mapping[str, str]) -> Path:
    """Where filters are kept for this user."""
    base = environment.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "wherefrom" / "filters"


def _tidy(folder: Path) -> None:
    """Removes what nobody opened for long, and what killed processes left."""
    for path in folder.iterdir():
        with suppress(OSError):
            if path.stat().st_mtime < time.time() - _KEPT_SECONDS:
                path.unlink()


def _name(sha256: str) -> str:
    return f"{sha256}.filter"
