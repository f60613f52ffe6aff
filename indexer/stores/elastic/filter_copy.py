"""How does a process come by the filter of an index in a cluster, and follow it? A thread fetches it into files that are kept.

A file is one that a folder's index has, named by the SHA-256 of the filter, one for each part: processes of one user share them, and a
filter that was fetched once is there at the next start. It is read and checked once before it answers, so that no question meets a
damaged page.

Not here: the pieces (`filter_pieces`), what is answered meanwhile (`index`).
"""

from __future__ import annotations

import logging
import os
import secrets
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from indexer.bloom.filter import KIND, BloomFilter
from indexer.disk import disk_errors
from indexer.errors import IndexNotFound, WherefromError
from indexer.fingerprint.spec import SPEC
from indexer.pages import PageWriter
from indexer.stores.elastic.filter_pieces import Manifest, Part, manifest_of, read
from indexer.stores.elastic.questions import Generation

_log = logging.getLogger("wherefrom.elasticsearch")
_KEPT_SECONDS = 30 * 86400  # a file that nobody opened for so long is removed
_FETCHING_SECONDS = 3600  # a file so young may still be written
_AGAIN_SECONDS = 60  # after a failure
_MB = 1_000_000


@dataclass(frozen=True, slots=True)
class Copy:
    """A filter on this machine, part by part, and what it is."""

    blooms: tuple[BloomFilter, ...]
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
            self._folder.mkdir(parents=True, exist_ok=True)
            _tidy(self._folder, {_name(part) for part in manifest.parts}, limit)
            self._copy = Copy(tuple(self._open(generation, part) for part in manifest.parts), manifest)
        except Exception as error:  # whatever it is, look-ups answer, and a server goes on
            if not self._closing.is_set():
                _log.warning("%s; membership is answered by look-ups", error)
                self._again_at = time.monotonic() + _AGAIN_SECONDS

    def _open(self, generation: Generation, part: Part) -> BloomFilter:
        path = self._folder / _name(part)
        try:
            bloom = _checked(path)
            os.utime(path)
            return bloom
        except IndexNotFound:
            pass
        except WherefromError as error:
            _log.warning("%s; the filter is fetched again", error)
        fetching = path.with_name(f"{path.name}.{secrets.token_hex(6)}")  # another thread or process may fetch the same
        try:
            fetch(generation, part, fetching, self._closing)
            fetching.replace(path)
        finally:
            fetching.unlink(missing_ok=True)
        return _checked(path)


def fetch(generation: Generation, part: Part, path: Path, closing: threading.Event | None = None) -> None:
    """Writes a part of a filter to a file as a folder's index has it. Raises IndexCorrupt, BackendUnavailable, OutOfSpace."""
    with disk_errors(path), PageWriter(path, KIND) as writer:
        writer.begin("blocks")
        for piece in read(generation.client, generation.place, generation.index, part):
            writer.write(piece)
            if closing is not None and closing.is_set():
                raise InterruptedError("the index was closed")
        writer.finish({"spec": SPEC.name, "n_keys": part.n_keys, "n_blocks": part.n_blocks})


def _checked(path: Path) -> BloomFilter:
    """A filter of which every page was read. Raises as BloomFilter.open does. About a second a GB."""
    bloom = BloomFilter.open(path, SPEC.name)
    bloom.file.check(*bloom.file.section("blocks"))
    return bloom


def _tidy(folder: Path, wanted: set[str], most_bytes: int) -> None:
    """Keeps what is wanted, and of the rest what was opened last, up to `most_bytes`: filters that were replaced, which another
    process may not have replaced yet, and those of other indexes. What is open somewhere goes when it is closed."""
    now, kept = time.time(), 0
    with suppress(OSError):  # another process tidies as well
        others = [(path.stat().st_mtime, path.stat().st_size, path) for path in folder.iterdir() if path.name not in wanted]
        for opened, size, path in sorted(others, reverse=True):
            if now - opened < _FETCHING_SECONDS and not path.name.endswith(_SUFFIX):
                continue
            kept += size
            if kept > most_bytes or now - opened > _KEPT_SECONDS:
                path.unlink(missing_ok=True)


_SUFFIX = ".filter"


def _name(part: Part) -> str:
    return part.sha256 + _SUFFIX
