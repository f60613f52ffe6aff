"""Which conversation does each issue hold, fit to be published?

    <issue_start><issue_comment>Title: Crash on start
    username_1: It crashes.<issue_comment>username_2: Which version, @username_1?<issue_closed>

Accounts are numbered within a thread by their first word there; their names go to the steward's key and nowhere else.
What bots wrote and what mail programs quoted is taken out.

Not here: the rules (`curation.events.thread_filters`), who may read the key (`curation.steward`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import pyarrow as pa

from curation.events.reading import Event, moment_of
from curation.events.thread_filters import ThreadRules, is_automatic, is_bot, reason_to_drop, without_reply
from curation.origin import Reading
from curation.scratch import open_scratch
from curation.steward import Alias

_TURN = pa.struct(
    [
        *((name, pa.string()) for name in ("type", "action", "author")),
        ("datetime", pa.timestamp("s", tz="UTC")),
        ("comment_id", pa.int64()),
        *((name, pa.string()) for name in ("title", "text")),
    ]
)
ISSUES_SCHEMA = pa.schema(
    [
        ("repo", pa.string()),
        ("issue_id", pa.int64()),
        ("issue_number", pa.int64()),
        ("is_pull_request", pa.bool_()),
        ("events", pa.list_(_TURN)),
        ("user_count", pa.int64()),
        ("event_count", pa.int64()),
        ("text_size", pa.int64()),
        ("content", pa.large_string()),
    ]
)
_COLUMNS = ("repo", "number", "issue_id", "is_pull_request", "at", "type", "action", "author", "comment_id", "title", "text")
_ACTIONS = ("opened", "closed", "reopened", "created")
_BATCH_ROWS = 128
_Turn = dict[str, Any]


def threads(
    events: Iterable[Event], scratch: Path, reading: Reading, alias: Callable[[Alias], None], rules: ThreadRules | None = None
) -> Iterator[pa.RecordBatch]:
    """Rows of ISSUES_SCHEMA by repository and number; `alias` is told who stands behind each number. Flat memory."""
    database = open_scratch(scratch)
    try:
        database.execute(f"CREATE TABLE turns ({', '.join(_COLUMNS)}, UNIQUE (repo, number, type, action, comment_id, at))")
        into = f"INSERT OR IGNORE INTO turns VALUES ({', '.join('?' * len(_COLUMNS))})"  # noqa: S608 - our own names; an hour read twice counts once
        database.executemany(into, (tuple(turn[name] for name in _COLUMNS) for event in events if (turn := _turn(event, reading))))
        ordered = database.execute("SELECT * FROM turns ORDER BY repo, number, at, comment_id, action DESC")
        rows: list[dict[str, Any]] = []
        named = (dict(zip(_COLUMNS, row, strict=True)) for row in ordered)
        for (repo, number), turns in groupby(named, lambda turn: (turn["repo"], turn["number"])):
            row = _thread(repo, number, list(turns), reading, alias, rules or ThreadRules())
            if row:
                rows.append(row)
            if len(rows) >= _BATCH_ROWS:
                yield pa.RecordBatch.from_pylist(rows, schema=ISSUES_SCHEMA)
                rows = []
        if rows:
            yield pa.RecordBatch.from_pylist(rows, schema=ISSUES_SCHEMA)
    finally:
        database.close()


def _turn(event: Event, reading: Reading) -> _Turn | None:
    """One thing said or done in a thread; None for other events. Before 2015 events carry numbers only: counted."""
    if event.kind not in ("IssuesEvent", "IssueCommentEvent"):
        return None
    issue = event.payload.get("issue")
    if not isinstance(issue, dict) or not isinstance(issue.get("number"), int):
        reading.skip("issue_event_without_text")
        return None
    action = event.payload.get("action", "created")
    if action not in _ACTIONS:
        return None
    comment = event.payload.get("comment")
    comment = comment if event.kind == "IssueCommentEvent" and isinstance(comment, dict) else {}
    said = comment or (issue if action == "opened" else {})
    user = said.get("user")
    author = (user.get("login") if isinstance(user, dict) else None) or event.actor
    return {
        "repo": event.repository,
        "number": issue["number"],
        "issue_id": issue.get("id"),
        "is_pull_request": "pull_request" in issue,
        "at": int((moment_of(said.get("created_at")) or event.at).timestamp()),
        "type": "comment" if comment else "issue",
        "action": action,
        "author": str(author),
        "comment_id": comment.get("id") or 0,
        "title": str(issue.get("title") or ""),
        "text": str(said.get("body") or ""),
    }


def _thread(
    repo: str, number: int, turns: list[_Turn], reading: Reading, alias: Callable[[Alias], None], rules: ThreadRules
) -> dict[str, Any] | None:
    if reason := _removed(repo, turns, reading):
        reading.skip(reason)
        return None
    kept = [turn | {"text": without_reply(turn["text"])} for turn in turns if not _is_machine(turn)]
    said = [turn for turn in kept if turn["text"] or turn["action"] != "created"]
    people = list(dict.fromkeys(turn["author"] for turn in said))
    n_chars = sum(len(turn["text"]) for turn in said)
    if reason := reason_to_drop(n_chars, len(said), len(people), rules):
        reading.skip(f"thread_{reason}")
        return None
    numbers = {login.lower(): f"username_{place}" for place, login in enumerate(people, start=1)}
    for login in people:
        alias(Alias("issues", f"{repo}#{number}", numbers[login.lower()], login))
    masked = [_masked(turn, numbers) for turn in said]
    return {
        "repo": repo,
        "issue_id": turns[0]["issue_id"],
        "issue_number": number,
        "is_pull_request": any(turn["is_pull_request"] for turn in turns),
        "events": [
            {name: turn[name] for name in ("type", "action", "author", "comment_id", "title", "text")} | {"datetime": turn["at"]}
            for turn in masked
        ],
        "user_count": len(people),
        "event_count": len(said),
        "text_size": n_chars,
        "content": _content(masked),
    }


def _removed(repo: str, turns: list[_Turn], reading: Reading) -> str | None:
    """Why a thread was asked to be left out, by its repository or whoever speaks or is called in it."""
    removals = reading.removals
    if reason := removals.reason(repo, None, None, (turn["author"] for turn in turns)):
        return reason
    return "removed_author" if any(removals.calls(text) for turn in turns for text in (turn["title"], turn["text"])) else None


def _is_machine(turn: _Turn) -> bool:
    return is_bot(turn["author"]) or is_automatic(turn["text"])


def _masked(turn: _Turn, numbers: dict[str, str]) -> _Turn:
    """The turn with every name of an account of this thread replaced, wherever it stands alone."""
    names = "|".join(re.escape(name) for name in sorted(numbers, key=len, reverse=True))
    account = re.compile(rf"(?<![\w.-])(?:{names})(?![\w-])", re.IGNORECASE)

    def replaced(text: str) -> str:
        return account.sub(lambda found: numbers[found[0].lower()], text)

    return turn | {"author": numbers[turn["author"].lower()], "title": replaced(turn["title"]), "text": replaced(turn["text"])}


def _content(turns: list[_Turn]) -> str:
    parts = [f"<issue_start><issue_comment>Title: {turns[0]['title']}\n"]
    for place, turn in enumerate(turns):
        if turn["text"]:
            parts.append(f"{'<issue_comment>' if place else ''}{turn['author']}: {turn['text']}")
        if turn["action"] in ("closed", "reopened"):
            parts.append(f"<issue_{turn['action']}>")
    return "".join(parts)
