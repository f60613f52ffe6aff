"""Who stands behind the numbers in what is published, and who has looked?

The steward's folder is readable by its owner alone and is part of no dataset: `accounts.parquet`, from number to account,
so that an author can still opt out, and `access.jsonl`, a line for each time it was written or read.

Not here: where the numbers are given (`curation.events.threads`, `curation.commits.dataset`).
"""

from __future__ import annotations

import getpass
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from curation.removals import names_of
from indexer.disk import disk_errors, sync
from indexer.errors import InputError

_KEY = "accounts.parquet"
_LOG = "access.jsonl"
_SCHEMA = pa.schema([(name, pa.string()) for name in ("dataset", "place", "number", "account")])
_BATCH_ROWS = 10_000
SIGNED = "signed"  # instead of a number, at the place of a commit: whom a line at the end of its message named


@dataclass(frozen=True, slots=True)
class Alias:
    """`number` at `place` of a dataset is `account`. ("issues", "octo/demo#7", "username_1", "ada")"""

    dataset: str
    place: str
    number: str
    account: str


class Key:
    """A key being written, in batches."""

    def __init__(self, writer: pq.ParquetWriter) -> None:
        self._writer = writer
        self._waiting: list[dict[str, str]] = []

    def add(self, alias: Alias) -> None:
        """Enters one account."""
        self._waiting.append(asdict(alias))
        if len(self._waiting) >= _BATCH_ROWS:
            self.flush()

    def flush(self) -> None:
        """Writes what waits."""
        self._writer.write_batch(pa.RecordBatch.from_pylist(self._waiting, schema=_SCHEMA))
        self._waiting.clear()


@contextmanager
def new_key(folder: Path, dataset: Path, force: bool) -> Iterator[Key]:
    """A key that takes its place in the steward's folder when the block ends well.

    Raises InputError where one stands there, but for `force`: that of a dataset which is replaced is of no more use.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    target, part = folder / _KEY, folder / f"{_KEY}.part"
    if target.exists() and not force:
        raise InputError(f"{target}: a key stands there already; name another --steward folder, or replace it with --force")
    with disk_errors(target):
        try:
            with pq.ParquetWriter(part, _SCHEMA, compression="zstd") as writer:
                key = Key(writer)
                yield key
                key.flush()
            part.chmod(0o600)
            sync(part)
            part.rename(target)
            _log(folder, "written", f"dataset {dataset.name}")
        finally:
            part.unlink(missing_ok=True)


def places_of(folder: Path, account: str, why: str) -> Iterator[Alias]:
    """Where an account speaks, by its name, or an author's name or address, whatever the case; who asked and why is logged first.

    Raises InputError where there is no key.
    """
    return places_of_any(folder, frozenset({account.lower()}), why)


def places_of_any(folder: Path, accounts: frozenset[str], why: str) -> Iterator[Alias]:
    """The same for several accounts, in lower case: one look, one line in the log."""
    return (alias for alias in all_aliases(folder, why) if not accounts.isdisjoint(names_of(alias.account.lower())))


def all_aliases(folder: Path, why: str) -> Iterator[Alias]:
    """Everybody in a key; the look is logged. Raises InputError where there is no key."""
    if not (folder / _KEY).is_file():
        raise InputError(f"{folder}: no {_KEY} here; name the steward's folder of a dataset")
    _log(folder, "read", why)
    with pq.ParquetFile(folder / _KEY) as file:
        for batch in file.iter_batches(_BATCH_ROWS):
            yield from (Alias(**row) for row in batch.to_pylist())


def _log(folder: Path, action: str, why: str) -> None:
    """One line on disk: when, who, what, why. Not which account was looked up: that would make another list of people."""
    line = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "user": _user(), "action": action, "why": why}
    log = folder / _LOG
    log.touch(mode=0o600)
    with open(log, "a", encoding="utf-8") as file:
        file.write(json.dumps(line, ensure_ascii=False) + "\n")
    sync(log)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"
