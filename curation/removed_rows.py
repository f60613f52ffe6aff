"""Which rows of a dataset fall under what was asked to be left out?

Not here: the requests (`curation.removals`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from curation.removals import Place, Removals
from curation.steward import SIGNED
from indexer.corpus import content_id as id_of
from indexer.errors import InputError


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
    if is_commits:
        wanted.append("commit")
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


def _places(row: dict[str, Any], is_issues: bool, is_commits: bool) -> list[Place]:
    """Where a row's authors stand in a key."""
    if is_issues:
        return [("issues", f"{row['repo']}#{row['issue_number']}", turn["author"]) for turn in row["events"]]
    return [("commits", row["repo"], row["author"]), ("commits", f"{row['repo']}@{row['commit']}", SIGNED)] if is_commits else []


def _said(row: dict[str, Any]) -> Iterator[str]:
    """What people wrote in a thread or a commit's message."""
    yield row.get("message") or ""
    for turn in row.get("events") or ():
        yield from (turn["title"] or "", turn["text"] or "")


def _holds_removed(batch: pa.RecordBatch, number: int, removals: Removals) -> bool:
    """Whether a commit's file was a removed content before or after it; one that was not UTF-8 is not recognised."""
    texts = (batch.column(name)[number].as_py() or "" for name in ("old_contents", "new_contents"))
    return any(id_of(text.encode("utf-8", "surrogatepass")) in removals.content_ids for text in texts)
