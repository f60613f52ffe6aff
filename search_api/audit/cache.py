"""What did the same index say of the same text before? Answers kept on disk, keyed by content and index generation.

Any number of projects and processes share one cache; an audit that was stopped goes on where it was. One SQLite file, since that is
safe for several writers and readers at once.

Not here: what is asked (`search_api.audit.scan`).
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import sqlite3
import threading
import time
import zlib
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from indexer.answers import Attribution, IndexInfo, to_json
from indexer.location import kind_of
from search_api.from_json import from_json
from wherefrom import __version__

_FORMAT = 1  # On disk: counts up when what an answer says of the same text changes
_FORGET_DAYS = 60  # since last written
_COMMIT_S = 1.0  # how much work a kill may cost


class Cache:
    """Answers of one index, at one generation. Threads may share it; what cannot be read counts as unknown."""

    def __init__(self, database: sqlite3.Connection | None, index_key: bytes) -> None:
        self._database = database
        self._index_key = index_key
        self._lock = threading.Lock()
        self._committed = time.monotonic()

    @classmethod
    def open(cls, folder: Path | None, index_key: bytes) -> Cache:
        """The cache in a folder, made where there is none; with None nothing is kept. A folder that cannot be written is no error."""
        if folder is None:
            return cls(None, index_key)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            database = sqlite3.connect(folder / f"answers-{_FORMAT}.sqlite", timeout=30, check_same_thread=False)
            database.execute("PRAGMA journal_mode=WAL")
            database.execute("PRAGMA synchronous=OFF")
            database.execute("CREATE TABLE IF NOT EXISTS answers (key BLOB PRIMARY KEY, day INTEGER, answer BLOB) WITHOUT ROWID")
            database.execute("DELETE FROM answers WHERE day < ?", (_today() - _FORGET_DAYS,))
            database.commit()
        except (OSError, sqlite3.Error):
            return cls(None, index_key)
        return cls(database, index_key)

    def get(self, text: str, options: str) -> Attribution | None:
        """The answer kept for a text, None where there is none."""
        if self._database is None:
            return None
        try:
            with self._lock:
                row = self._database.execute("SELECT answer FROM answers WHERE key = ?", (self._key(text, options),)).fetchone()
            return None if row is None else from_json(Attribution, json.loads(zlib.decompress(row[0])))
        except (sqlite3.Error, zlib.error, ValueError):
            return None

    def put(self, text: str, options: str, answer: Attribution) -> None:
        """Keeps an answer."""
        if self._database is None:
            return
        packed = zlib.compress(json.dumps(to_json(answer), separators=(",", ":")).encode(), 3)
        with self._lock, contextlib.suppress(sqlite3.Error):
            self._database.execute("REPLACE INTO answers VALUES (?, ?, ?)", (self._key(text, options), _today(), packed))
            if time.monotonic() - self._committed > _COMMIT_S:
                self._database.commit()
                self._committed = time.monotonic()

    def close(self) -> None:
        """Writes what is left."""
        if self._database is not None:
            with self._lock, contextlib.suppress(sqlite3.Error):
                self._database.commit()
                self._database.close()
            self._database = None

    def __enter__(self) -> Cache:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _key(self, text: str, options: str) -> bytes:
        digest = hashlib.sha256(self._index_key + options.encode() + b"\0")
        digest.update(text.encode("utf-8", "surrogatepass"))
        return digest.digest()[:20]


def key_of(info: IndexInfo, location: str) -> bytes:
    """What tells an index at one generation from every other: its manifest, with the checksums of its files, where that can be read;
    of a cluster's where it is."""
    digest = hashlib.sha256(json.dumps([__version__, _FORMAT, to_json(info)], sort_keys=True).encode())
    if kind_of(location) == "folder":
        with contextlib.suppress(OSError):
            digest.update((Path(location) / "manifest.json").read_bytes())
    elif kind_of(location) == "elasticsearch":
        digest.update(location.encode())
    return digest.digest()


def default_folder(environment: Mapping[str, str]) -> Path:
    """Where answers are kept for this user."""
    base = environment.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "wherefrom" / "audit"


def _today() -> int:
    return int(time.time() // 86400)
