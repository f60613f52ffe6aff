"""What happened, to which repository, by whom? One event a line of hourly gzip files, in the shapes of every year.

    gharchive:'2026-01-01-*.json.gz'

Three eras: before 2015 the repository stands inline as `repository{owner,name,...}` and the actor is a name; since 2015
there are `repo{name}` and `actor{login}`; since October 2025 pushes list no commits and pull requests are cut short.

Not here: what is made of them (`curation.events.repository_list`, `curation.events.threads`).
"""

from __future__ import annotations

import glob
import gzip
import json
import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from curation.origin import Reading
from indexer.errors import InputError

MAX_LINE_BYTES = 64_000_000
_OLD_DATE = re.compile(r"(\d{4})/(\d\d)/(\d\d) (\d\d:\d\d:\d\d) ([+-]\d{4})")


@dataclass(frozen=True, slots=True)
class Event:
    """One event. `details` is what the event says of the repository itself: the inline record before 2015, else empty."""

    kind: str
    repository: str
    actor: str
    at: datetime
    payload: dict[str, Any]
    details: dict[str, Any]


def event_files(pattern: str) -> list[Path]:
    """The files that a folder, path or pattern names, by name. Raises InputError where there is none."""
    place = Path(pattern)
    if place.is_dir():
        found = [*place.rglob("*.json.gz"), *place.rglob("*.json")]
    else:
        found = [place] if place.is_file() else [Path(name) for name in glob.glob(pattern, recursive=True)]  # noqa: PTH207 - absolute patterns too
    if not found:
        raise InputError(f"gharchive:{pattern}: no file matches; name a file, a folder or a pattern such as '2026-01-*.json.gz'")
    return sorted(found)


def events(paths: Sequence[Path], reading: Reading) -> Iterator[Event]:
    """The events of all files in their order; a damaged file or line is raised, or named and counted. O(longest line) memory."""
    for path in paths:
        for number, value in json_lines(path, reading):
            event = event_of(value)
            if event is None:
                reading.bad(InputError(f"{path}:{number}: no event (wanted type, repo and created_at); take it out"), "no_event")
            else:
                yield event


def json_lines(path: Path, reading: Reading) -> Iterator[tuple[int, Any]]:
    """(line number, value) of a file of JSON lines, plain or gzip by its first bytes. What stands before damage is given."""
    with open(path, "rb") as file:
        magic = file.read(2)
        file.seek(0)
        stream: Any = gzip.GzipFile(fileobj=file) if magic == b"\x1f\x8b" else file
        number = 0
        try:
            for number, line in enumerate(_lines(stream), start=1):
                if len(line) > MAX_LINE_BYTES:
                    reading.bad(InputError(f"{path}:{number}: longer than {MAX_LINE_BYTES} bytes; take it out"), "line_too_long")
                elif line.strip():
                    try:
                        value = json.loads(line)
                    except (ValueError, RecursionError):
                        reading.bad(InputError(f"{path}:{number}: not JSON; take the line out or fetch the file again"), "not_json")
                    else:
                        yield number, value
        except (EOFError, zlib.error, OSError) as error:
            words = f"{path}: truncated or damaged after line {number} ({error}); fetch it again"
            reading.bad(InputError(words), "truncated_file")


def _lines(stream: IO[bytes]) -> Iterator[bytes]:
    """Lines; of one that is too long its beginning, one byte beyond the limit."""
    while line := stream.readline(MAX_LINE_BYTES + 1):
        rest = line
        while len(rest) > MAX_LINE_BYTES and not rest.endswith(b"\n"):
            rest = stream.readline(MAX_LINE_BYTES + 1)
        yield line


def event_of(value: Any) -> Event | None:
    """An event from a line of any era, None where it names no repository, kind or time."""
    if not isinstance(value, dict):
        return None
    details = value.get("repository")
    details = details if isinstance(details, dict) else {}
    repository = _repository(value.get("repo"), details)
    kind, at = value.get("type"), moment_of(value.get("created_at"))
    if not (repository and isinstance(kind, str) and at):
        return None
    payload = value.get("payload")
    return Event(kind, repository, _login(value), at, payload if isinstance(payload, dict) else {}, details)


def moment_of(value: Any) -> datetime | None:
    """A time as the files write it. "2012/03/11 08:00:00 -0700" -> 2012-03-11 15:00:00 UTC"""
    if not isinstance(value, str):
        return None
    if old := _OLD_DATE.fullmatch(value):
        value = f"{old[1]}-{old[2]}-{old[3]}T{old[4]}{old[5]}"
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        return None
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)


def _repository(repo: Any, details: dict[str, Any]) -> str | None:
    name = repo.get("name") if isinstance(repo, dict) else None
    if name is None and details:
        owner = details.get("owner")
        login = owner.get("login") if isinstance(owner, dict) else owner
        name = f"{login}/{details.get('name')}" if login and details.get("name") else None
    return name if isinstance(name, str) and re.fullmatch(r"[\w.-]+/[\w.-]+", name) else None


def _login(value: dict[str, Any]) -> str:
    actor = value.get("actor")
    login = actor.get("login") if isinstance(actor, dict) else actor
    return login if isinstance(login, str) else ""
