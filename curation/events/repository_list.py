"""Which repositories do events name, and what do they tell of each?

`stars` and `forks` count the events seen, not GitHub's own totals: files of one hour know of one hour.

Not here: reading the files (`curation.events.reading`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from curation.events.reading import Event
from curation.scratch import open_scratch

LIST_SCHEMA = pa.schema(
    [
        ("repository", pa.string()),
        ("owner", pa.string()),
        ("url", pa.string()),
        ("stars", pa.int64()),
        ("forks", pa.int64()),
        ("issues", pa.int64()),
        ("pull_requests", pa.int64()),
        ("pushes", pa.int64()),
        ("events", pa.int64()),
        ("first_seen", pa.timestamp("s", tz="UTC")),
        ("last_seen", pa.timestamp("s", tz="UTC")),
        ("default_branch", pa.string()),
        ("language", pa.string()),
        ("license", pa.string()),
        ("fork_of", pa.string()),
    ]
)
_COUNTED = {
    "WatchEvent": "stars",
    "ForkEvent": "forks",
    "IssuesEvent": "issues",
    "PullRequestEvent": "pull_requests",
    "PushEvent": "pushes",
}
_COUNTS = ("stars", "forks", "issues", "pull_requests", "pushes", "events")
_FACTS = ("default_branch", "language", "license", "fork_of")
_WAITING = 20_000  # repositories in memory before they are written
_BATCH_ROWS = 4_096


def repository_list(events: Iterable[Event], scratch: Path) -> Iterator[pa.RecordBatch]:
    """Rows of LIST_SCHEMA by name, each repository once whatever the case of its name; the latest fact wins. Flat memory."""
    database = open_scratch(scratch)
    try:
        columns = ", ".join((*(f"{name} INTEGER" for name in (*_COUNTS, "first_seen", "last_seen")), "facts TEXT"))
        database.execute(f"CREATE TABLE seen (key TEXT PRIMARY KEY, repository TEXT, {columns}) WITHOUT ROWID")
        waiting: dict[str, dict[str, Any]] = {}
        for event in events:
            _enter(waiting, event)
            if len(waiting) >= _WAITING:
                _flush(database, waiting)
        _flush(database, waiting)
        cursor = database.execute("SELECT * FROM seen ORDER BY key")
        while found := cursor.fetchmany(_BATCH_ROWS):
            yield pa.RecordBatch.from_pylist([_row(*row) for row in found], schema=LIST_SCHEMA)
    finally:
        database.close()


def _enter(waiting: dict[str, dict[str, Any]], event: Event) -> None:
    row = _entry(waiting, event.repository, event.at)
    row["events"] += 1
    if (counted := _COUNTED.get(event.kind)) and event.payload.get("action", "opened") in ("opened", "started"):
        row[counted] += 1
    _learn(row, event.at, _facts(event))
    forkee = event.payload.get("forkee")
    if isinstance(forkee, dict) and isinstance(forkee.get("full_name"), str):
        facts = _described(forkee) | {"fork_of": event.repository}
        _learn(_entry(waiting, forkee["full_name"], event.at), event.at, facts)


def _entry(waiting: dict[str, dict[str, Any]], repository: str, at: datetime) -> dict[str, Any]:
    second = int(at.timestamp())
    row = waiting.setdefault(
        repository.lower(),
        {"repository": repository, "first_seen": second, "last_seen": second, "facts": {}, **dict.fromkeys(_COUNTS, 0)},
    )
    row["first_seen"], row["last_seen"] = min(row["first_seen"], second), max(row["last_seen"], second)
    return row


def _learn(row: dict[str, Any], at: datetime, facts: dict[str, str]) -> None:
    for name, value in facts.items():
        row["facts"][name] = max(row["facts"].get(name, ["", ""]), [at.isoformat(), value])


def _facts(event: Event) -> dict[str, str]:
    """What an event tells of its own repository."""
    facts = _described(event.details)
    if event.kind == "CreateEvent" and isinstance(branch := event.payload.get("master_branch"), str):
        facts["default_branch"] = branch
    pull = event.payload.get("pull_request")
    base = pull.get("base") if isinstance(pull, dict) else None
    if isinstance(base, dict) and isinstance(base.get("repo"), dict):
        facts |= _described(base["repo"])
    return facts


def _described(record: dict[str, Any]) -> dict[str, str]:
    licence = record.get("license")
    found = {
        "default_branch": record.get("default_branch") or record.get("master_branch"),
        "language": record.get("language"),
        "license": licence.get("spdx_id") if isinstance(licence, dict) else None,
    }
    return {name: value for name, value in found.items() if isinstance(value, str) and value}


def _flush(database: Any, waiting: dict[str, dict[str, Any]]) -> None:
    for key, row in waiting.items():
        known = database.execute("SELECT facts FROM seen WHERE key = ?", (key,)).fetchone()
        facts = json.loads(known[0]) if known else {}
        for name, fact in row["facts"].items():
            facts[name] = max(facts.get(name, ["", ""]), fact)
        sums = ", ".join(f"{name} = {name} + excluded.{name}" for name in _COUNTS)
        database.execute(
            f"INSERT INTO seen VALUES (?, ?, {', '.join('?' * len(_COUNTS))}, ?, ?, ?) ON CONFLICT DO UPDATE SET {sums},"  # noqa: S608 - our own names
            " first_seen = min(first_seen, excluded.first_seen), last_seen = max(last_seen, excluded.last_seen), facts = excluded.facts",
            (key, row["repository"], *(row[name] for name in _COUNTS), row["first_seen"], row["last_seen"], json.dumps(facts)),
        )
    waiting.clear()


def _row(_key: str, repository: str, *values: Any) -> dict[str, Any]:
    *counts, first, last, stored = values
    facts = json.loads(stored)
    return {
        "repository": repository,
        "owner": repository.partition("/")[0],
        "url": f"https://github.com/{repository}",
        **dict(zip(_COUNTS, counts, strict=True)),
        "first_seen": first,
        "last_seen": last,
        **{name: facts[name][1] if name in facts else None for name in _FACTS},
    }
