"""Which changes are worth publishing, and in which form?

    <commit_before>x = 1<commit_msg>Say what x is for in the name<commit_after>width = 1

Subjects of fewer than five words, those that only name a version or an object, and bots' commits are left out, as in
BigCode's commits. Authors are numbered within their repository; lines that sign a message with a name are taken out, and the steward's
key keeps whom they named, so that those people too can still ask for the commit to go.

Not here: reading histories (`curation.commits.history`), who may read the key (`curation.steward`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from curation.commits.history import Change
from curation.decoding import decode
from curation.events.thread_filters import is_bot
from curation.languages import language_of
from curation.origin import Reading
from curation.steward import SIGNED, Alias
from indexer.corpus import content_id

COMMITS_SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("repo", "commit", "author")),
        ("date", pa.timestamp("s", tz="UTC")),
        *((name, pa.string()) for name in ("path", "language", "subject", "message")),
        *((name, pa.large_string()) for name in ("old_contents", "new_contents", "content")),
        *((name, pa.string()) for name in ("license_expression", "license_type")),
    ]
)
_BATCH_BYTES = 8_000_000
_BATCH_ROWS = 512
_SIGNED = re.compile(
    r"^[A-Za-z-]+(?:-by|-authored-by|-to)?: .*<[^>\n]*@[^>\n]*>\s*$|^\s*(?:cc|from|author): .*@.*$", re.IGNORECASE | re.MULTILINE
)
_TRAILER = re.compile(r"^[A-Za-z-]+(?:-by|-to)?: (.*<[^>\n]*>)\s*$", re.MULTILINE)
_ADDRESS = re.compile(r"<?[\w.+-]+@[\w-]+(?:\.[\w-]+)+>?")
_VERSION_OR_HASH = re.compile(r"\b(?:v?\d+\.\d+(?:\.\d+)*[\w.+-]*|[0-9a-f]{40}|(?=[0-9a-f]*\d)[0-9a-f]{7,40})\b", re.IGNORECASE)
_MACHINE_SUBJECT = re.compile(
    r"^(?:merge (?:branch|pull request|remote|tag)|bump\b|release\b|version\b|update .* to v?\d|revert \"|initial commit|\[?maven-release)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class CommitRules:
    """Which commits are kept."""

    min_words: int = 5
    max_subject_chars: int = 1_000


def commit_rows(
    found: Iterable[Change], reading: Reading, alias: Callable[[Alias], None], rules: CommitRules | None = None
) -> Iterator[pa.RecordBatch]:
    """Rows of COMMITS_SCHEMA in the order given; `alias` is told who stands behind each number. Memory: one batch and the authors."""
    numbers: dict[tuple[str, str], str] = {}
    authors: dict[str, int] = {}
    rows: list[dict[str, Any]] = []
    n_bytes = 0
    for change in found:
        row = _row(change, reading, rules or CommitRules())
        if row is None:
            continue
        person = (change.repository, change.author)
        if person not in numbers:
            authors[change.repository] = authors.get(change.repository, 0) + 1
            numbers[person] = f"username_{authors[change.repository]}"
            alias(Alias("commits", change.repository, numbers[person], change.author))
        for other in dict.fromkeys(_TRAILER.findall(change.message)):
            alias(Alias("commits", f"{change.repository}@{change.commit}", SIGNED, other))
        rows.append(row | {"author": numbers[person]})
        n_bytes += len(change.before) + len(change.after)
        if n_bytes >= _BATCH_BYTES or len(rows) >= _BATCH_ROWS:
            yield pa.RecordBatch.from_pylist(rows, schema=COMMITS_SCHEMA)
            rows, n_bytes = [], 0
    if rows:
        yield pa.RecordBatch.from_pylist(rows, schema=COMMITS_SCHEMA)


def reason_to_drop(subject: str, author: str, rules: CommitRules) -> str | None:
    """Why a commit is left out by what it says, None where it is kept."""
    name, _, address = author.rpartition("<")
    if is_bot(name.strip()) or is_bot(address.partition("@")[0]):
        return "bot"
    if len(subject.split()) < rules.min_words:
        return "short_subject"
    if len(subject) > rules.max_subject_chars:
        return "long_subject"
    if _MACHINE_SUBJECT.search(subject) or len(_VERSION_OR_HASH.sub(" ", subject).split()) < rules.min_words:
        return "version_or_hash"
    return None


def published_message(message: str) -> str:
    """A message without the lines that name people, and without addresses."""
    return _ADDRESS.sub("", _SIGNED.sub("", message.replace("\r\n", "\n"))).strip()


def _removed(change: Change, reading: Reading) -> str | None:
    """Why a change was asked to be left out, by its repository, its author or those its message names, or its file before or after."""
    removals = reading.removals
    if reason := removals.reason(change.repository, None, None, [change.author]):
        return reason
    if removals.calls(change.message) or any(map(removals.is_author, _TRAILER.findall(change.message) if removals.authors else ())):
        return "removed_author"
    is_copy = removals.content_ids and not removals.content_ids.isdisjoint(map(content_id, (change.before, change.after)))
    return "removed_content_id" if is_copy else None


def _row(change: Change, reading: Reading, rules: CommitRules) -> dict[str, Any] | None:
    if reason := _removed(change, reading):
        reading.skip(reason)
        return None
    message = published_message(change.message)
    subject = message.partition("\n")[0].strip()
    if reason := reason_to_drop(subject, change.author, rules):
        reading.skip(f"commit_{reason}")
        return None
    before, after = decode(change.before), decode(change.after)
    if before is None or after is None:
        reading.skip("commit_of_no_text")
        return None
    return {
        "repo": change.repository,
        "commit": change.commit,
        "date": change.seconds,
        "path": change.path,
        "language": language_of(change.path, after.text),
        "subject": subject,
        "message": message,
        "old_contents": before.text,
        "new_contents": after.text,
        "content": f"<commit_before>{before.text}<commit_msg>{subject}<commit_after>{after.text}",
        "license_expression": change.under.expression,
        "license_type": change.under.type,
    }
