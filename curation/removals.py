"""What was asked to be left out, and which rows of a dataset fall under it?

A removals file is JSON Lines, one request a line: exactly one of `repository`, `owner`, `content_id`, `author`, and if wanted
`reason` and `requested` (a date), which are for people.

    {"repository": "ada/engine", "reason": "asked by its owner", "requested": "2026-03-01"}
    {"owner": "grace"}
    {"content_id": "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"}
    {"author": "linus@example.org"}

Case does not matter, as on GitHub. While a dataset is collected, authors are known by their accounts; what was published numbers
them, so there they are found through the steward's key (`Removals.with_key`). A thread goes whole where a removed author speaks, or
is called by @login or address, since others answer and quote them; so does a commit whose trailers name one. Files know no authors.

Not here: who may read the key (`curation.steward`), removing from an index (`indexer.stores.local.removal`).
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa

from curation.steward import names_of, places_of_any
from indexer.corpus import content_id as id_of
from indexer.errors import InputError

KINDS = ("repository", "owner", "content_id", "author")
_FIELDS = frozenset({*KINDS, "reason", "requested"})
_FORMS = {"repository": r"[^\s:]+", "owner": r"[^\s:/]+", "content_id": r"[0-9a-f]{40}", "author": r"\S.*"}
_WANTED = {"repository": "a name such as owner/name", "owner": "a name", "content_id": "40 hex digits", "author": "a name or address"}
_CALLED = re.compile(r"(?<![\w.])@([A-Za-z0-9][\w-]*(?:\[bot\])?)|([\w.+-]+@[\w-]+(?:\.[\w-]+)+)")
_Place = tuple[str, str, str]  # dataset, place, number


@dataclass(frozen=True, slots=True)
class Removals:
    """Who and what is left out, all in lower case. `places` is where the authors speak, None while no key was read."""

    repositories: frozenset[str] = frozenset()
    owners: frozenset[str] = frozenset()
    content_ids: frozenset[str] = frozenset()
    authors: frozenset[str] = frozenset()
    places: frozenset[_Place] | None = None

    @classmethod
    def read(cls, path: str | Path) -> Removals:
        """Reads a removals file. Raises InputError with file and line for what is no request."""
        named: dict[str, set[str]] = {kind: set() for kind in KINDS}
        for kind, name in _requests(Path(path)):
            named[kind].add(name)
        repositories, owners, content_ids, authors = (frozenset(named[kind]) for kind in KINDS)
        return cls(repositories, owners, content_ids, authors)

    def with_key(self, steward: Path, why: str) -> Removals:
        """These removals, with what a steward's key says of the authors, beside other keys read before; the look is logged."""
        if not self.authors:
            return self
        found = frozenset((alias.dataset, alias.place, alias.number) for alias in places_of_any(steward, self.authors, why))
        return replace(self, places=(self.places or frozenset()) | found)

    def reason(self, repository: str | None, owner: str | None, content_id: str | None, authors: Iterable[str] = ()) -> str | None:
        """Why a row is left out ("removed_repository", "removed_owner", "removed_content_id", "removed_author"), None where it stays.

        A repository's owner is also what stands before its slash, whatever its metadata says.
        """
        name = (repository or "").lower()
        if name in self.repositories:
            return "removed_repository"
        if (owner or "").lower() in self.owners or ("/" in name and name.partition("/")[0] in self.owners):
            return "removed_owner"
        if content_id is not None and content_id.lower() in self.content_ids:
            return "removed_content_id"
        return "removed_author" if any(map(self.is_author, authors)) else None

    def is_author(self, account: str) -> bool:
        """Whether an account, or an author such as "Ada <a@b.org>", is to be left out."""
        return bool(self.authors) and not self.authors.isdisjoint(names_of(account.lower()))

    def calls(self, text: str) -> bool:
        """Whether a text names a removed author as @login or by address. "Thanks, @Ada!" -> True where ada is removed"""
        return bool(self.authors) and any((login or address).lower() in self.authors for login, address in _CALLED.findall(text))

    def stated(self) -> dict[str, int]:
        """How many of each kind were asked for: a manifest is public and names nobody."""
        named = (self.repositories, self.owners, self.content_ids, self.authors)
        return {kind: len(names) for kind, names in zip(KINDS, named, strict=True) if names}


NOBODY = Removals()


def without_removed(batch: pa.RecordBatch, removals: Removals) -> tuple[pa.RecordBatch, dict[str, int]]:
    """The rows of any dataset (files, repositories, issues, commits, notebooks) that may stay, and how many go for which reason.

    Raises InputError where authors are to be removed from issues or commits and no key was read: they would be missed.
    """
    reasons = list(_reasons(batch, removals))
    counts = Counter(reason for reason in reasons if reason is not None)
    kept = batch.filter(pa.array([reason is None for reason in reasons], pa.bool_())) if counts else batch
    return _without_names(kept, removals), dict(sorted(counts.items()))


def _without_names(batch: pa.RecordBatch, removals: Removals) -> pa.RecordBatch:
    """A list of repositories says no more that one is a fork of what was removed."""
    place = batch.schema.get_field_index("fork_of")
    if place < 0 or not (removals.repositories or removals.owners):
        return batch
    names = [name if removals.reason(name, None, None) is None else None for name in batch.column(place).to_pylist()]
    return batch.set_column(place, batch.schema.field(place), pa.array(names, pa.string()))


def _reasons(batch: pa.RecordBatch, removals: Removals) -> Iterator[str | None]:
    names = set(batch.schema.names)
    known = ("repository", "repo", "owner", "content_id", "original_content_id", "issue_number", "author")
    wanted = [name for name in known if name in names]
    is_commits, is_issues = {"repo", "old_contents"} <= names, {"repo", "events"} <= names
    if (is_commits or is_issues) and removals.authors and removals.places is None:
        raise InputError("authors are to be removed and the dataset numbers them; read the steward's folder of the dataset too")
    if removals.authors:
        wanted += ["events"] if is_issues else ["message"] if is_commits else []
    for number, row in enumerate(batch.select(wanted).to_pylist()):
        reason = removals.reason(row.get("repository") or row.get("repo"), row.get("owner"), row.get("content_id"))
        reason = reason or removals.reason(None, None, row.get("original_content_id"))
        if reason is None and is_commits and removals.content_ids and _holds_removed(batch, number, removals):
            reason = "removed_content_id"
        if reason is None and removals.places and not removals.places.isdisjoint(_places(row, is_issues, is_commits)):
            reason = "removed_author"
        if reason is None and any(map(removals.calls, _said(row))):
            reason = "removed_author"
        yield reason


def _places(row: dict[str, Any], is_issues: bool, is_commits: bool) -> list[_Place]:
    """Where a row's authors stand in a key."""
    if is_issues:
        return [("issues", f"{row['repo']}#{row['issue_number']}", turn["author"]) for turn in row["events"]]
    return [("commits", row["repo"], row["author"])] if is_commits else []


def _said(row: dict[str, Any]) -> Iterator[str]:
    """What people wrote in a thread or a commit's message."""
    yield row.get("message") or ""
    for turn in row.get("events") or ():
        yield from (turn["title"] or "", turn["text"] or "")


def _holds_removed(batch: pa.RecordBatch, number: int, removals: Removals) -> bool:
    """Whether a commit's file was a removed content before or after it; one that was not UTF-8 is not recognised."""
    texts = (batch.column(name)[number].as_py() or "" for name in ("old_contents", "new_contents"))
    return any(id_of(text.encode("utf-8", "surrogatepass")) in removals.content_ids for text in texts)


def _requests(path: Path) -> Iterator[tuple[str, str]]:
    try:
        lines = path.read_bytes().decode("utf-8-sig").split("\n")
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); name a removals file") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 (byte {error.start}); a removals file is JSON Lines in UTF-8") from error
    for number, line in enumerate(lines, start=1):
        if line.strip():
            yield _request(line, f"{path}:{number}")


def _request(line: str, where: str) -> tuple[str, str]:
    try:
        request = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InputError(f'{where}: not JSON ({error}); wanted one object a line, such as {{"owner": "ada"}}') from error
    if not isinstance(request, dict):
        raise InputError(f'{where}: got {type(request).__name__}, wanted an object such as {{"owner": "ada"}}')
    if unknown := sorted(set(request) - _FIELDS):
        raise InputError(f"{where}: unknown field {', '.join(unknown)}; wanted {', '.join(KINDS)}, reason, requested")
    kinds = [kind for kind in KINDS if kind in request]
    if len(kinds) != 1:
        raise InputError(f"{where}: got {', '.join(kinds) or 'none'}, wanted exactly one of {', '.join(KINDS)}; write one request a line")
    kind, name = kinds[0], request[kinds[0]]
    if not isinstance(name, str) or not re.fullmatch(_FORMS[kind], folded := name.strip().lower()):
        raise InputError(f"{where}: {kind} is {name!r}, wanted {_WANTED[kind]}")
    _check_notes(request, where)
    return kind, folded


def _check_notes(request: dict[str, Any], where: str) -> None:
    if not isinstance(request.get("reason", ""), str):
        raise InputError(f"{where}: reason is {request['reason']!r}, wanted text")
    try:
        date.fromisoformat(request.get("requested", "2000-01-01"))
    except (TypeError, ValueError):
        raise InputError(f"{where}: requested is {request['requested']!r}, wanted a date such as 2026-03-01") from None
