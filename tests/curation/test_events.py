import gzip
import json
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from curation.datasets import collect_dataset
from curation.events.reading import events
from curation.events.thread_filters import ThreadRules, is_bot, reason_to_drop, without_reply
from curation.origin import Reading
from curation.steward import places_of
from indexer.errors import InputError

OLD_REPOSITORY = {
    **{"name": "demo", "owner": "octo", "url": "https://github.com/octo/demo", "watchers": 900, "forks": 80},
    **{"language": "C", "created_at": "2011/01/01 00:00:00 -0800", "master_branch": "master"},
}
OLD = {"type": "WatchEvent", "actor": "ada", "actor_attributes": {"login": "ada"}, "public": True, "payload": {"action": "started"}}


def event(kind: str, actor: str = "ada", at: str = "2020-05-01T10:00:00Z", repo: str = "octo/demo", **payload: Any) -> dict[str, Any]:
    return {
        **{"id": "1", "type": kind, "actor": {"id": 1, "login": actor}, "repo": {"id": 7, "name": repo, "url": "u"}},
        **{"payload": payload, "public": True, "created_at": at},
    }


def hour(path: Path, *lines: dict[str, Any] | str) -> Path:
    path.write_bytes(gzip.compress("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines).encode()))
    return path


def collected(kind: Any, folder: Path, reading: Reading | None = None) -> list[dict[str, Any]]:
    target = folder / "made"
    collect_dataset(kind, [f"gharchive:{folder}/*.json.gz"], target, date="2026-01-01", reading=reading or Reading(), force=True)
    return [row for path in sorted(target.glob(f"{kind}/*.parquet")) for row in pq.read_table(path).to_pylist()]


def test_events_of_all_three_eras_make_one_list(tmp_path: Path) -> None:
    hour(
        tmp_path / "2012.json.gz",
        OLD | {"repository": OLD_REPOSITORY, "created_at": "2012/03/11 08:00:00 -0700"},
        OLD | {"repository": OLD_REPOSITORY, "type": "ForkEvent", "payload": {"forkee": 12}, "created_at": "2013-03-11T08:00:00-07:00"},
    )
    forkee = {"full_name": "bob/demo", "default_branch": "main", "language": "Rust", "license": {"spdx_id": "MIT"}}
    base = {"repo": {"default_branch": "trunk", "language": "Zig"}}
    hour(
        tmp_path / "2020.json.gz",
        event("WatchEvent", action="started"),
        event("WatchEvent", repo="Octo/Demo", at="2020-05-01T11:00:00Z", action="started"),
        event("ForkEvent", forkee=forkee),
        event("PullRequestEvent", action="opened", pull_request={"base": base}),
        event("PullRequestEvent", action="closed", pull_request={"base": base}),
        event("CreateEvent", repo="new/thing", ref_type="repository", master_branch="main"),
    )
    hour(
        tmp_path / "2025.json.gz",
        event("PushEvent", at="2025-11-01T00:00:00Z", push_id=1, ref="refs/heads/trunk", head="a" * 40, before="b" * 40),
        event("PullRequestEvent", at="2025-11-02T00:00:00Z", action="opened", pull_request={"id": 5, "number": 3}),
    )
    rows = {row["repository"]: row for row in collected("repositories", tmp_path)}
    assert sorted(rows) == ["bob/demo", "new/thing", "octo/demo"]
    demo = rows["octo/demo"]
    assert (demo["stars"], demo["forks"], demo["pull_requests"], demo["pushes"], demo["events"]) == (3, 2, 2, 1, 9)
    assert demo["first_seen"] == datetime(2012, 3, 11, 15, tzinfo=UTC)
    assert demo["last_seen"] == datetime(2025, 11, 2, tzinfo=UTC)
    assert (demo["default_branch"], demo["language"], demo["fork_of"]) == ("trunk", "Zig", None)
    assert (rows["bob/demo"]["fork_of"], rows["bob/demo"]["license"], rows["bob/demo"]["stars"]) == ("octo/demo", "MIT", 0)
    assert rows["new/thing"]["default_branch"] == "main"


def test_truncated_files_and_lines_that_are_not_json_are_counted_and_named(tmp_path: Path) -> None:
    hour(tmp_path / "a.json.gz", event("WatchEvent"), '{"half":', "[1]", event("WatchEvent", at="never"), event("WatchEvent"))
    whole = hour(tmp_path / "b.json.gz", *(event("WatchEvent", repo=f"o/r{n}") for n in range(5000))).read_bytes()
    (tmp_path / "b.json.gz").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "c.json.gz").write_bytes(b"\x1f\x8bnonsense")
    warned: list[str] = []
    reading = Reading(skip_bad=True, warn=warned.append)
    rows = collected("repositories", tmp_path, reading)
    assert next(row["stars"] for row in rows if row["repository"] == "octo/demo") == 2
    assert 100 < len(rows) < 5000
    assert reading.skipped == {"not_json": 1, "no_event": 2, "truncated_file": 2}
    assert [
        f"{name}:" in warned[place] for place, name in enumerate(("a.json.gz:2", "a.json.gz:3", "a.json.gz:4", "b.json.gz", "c.json.gz"))
    ]
    assert "a.json.gz:2: not JSON" in warned[0]
    assert "b.json.gz: truncated" in warned[3]
    with pytest.raises(InputError, match=r"a\.json\.gz:2: not JSON.*--skip-bad"):
        list(events([tmp_path / "a.json.gz"], Reading()))


def said(who: str, text: str, at: str, number: int, issue: dict[str, Any]) -> dict[str, Any]:
    comment = {"id": number, "user": {"login": who}, "body": text, "created_at": at}
    return event("IssueCommentEvent", who, at, action="created", issue=issue, comment=comment)


def thread(tmp_path: Path) -> dict[str, Any]:
    issue = {
        "id": 70,
        "number": 7,
        "title": "Crash for ada",
        "user": {"login": "ada"},
        "body": "It crashes. " * 20,
        "created_at": "2020-05-01T10:00:00Z",
    }
    hour(
        tmp_path / "h.json.gz",
        said(
            "Grace",
            "Which version, @ADA? grace-lib or ada.py?\n\nOn Mon, May 1, 2020, Ada <ada@example.org> wrote:\n> It crashes.",
            "2020-05-01T11:00:00Z",
            1,
            issue,
        ),
        event("IssuesEvent", "ada", action="opened", issue=issue),
        event("IssuesEvent", "ada", action="opened", issue=issue),
        said("dependabot[bot]", "Bump it", "2020-05-01T12:00:00Z", 2, issue),
        said("carol", "This issue has been automatically marked as stale", "2020-05-01T13:00:00Z", 3, issue),
        event("IssuesEvent", "ada", "2020-05-02T00:00:00Z", action="closed", issue=issue),
    )
    (row,) = collected("issues", tmp_path)
    return row


def test_a_thread_is_put_together_without_bots_and_quoted_mail(tmp_path: Path) -> None:
    row = thread(tmp_path)
    assert row["content"] == (
        "<issue_start><issue_comment>Title: Crash for username_1\nusername_1: "
        + ("It crashes. " * 20).strip()
        + "<issue_comment>username_2: Which version, @username_1? grace-lib or username_1.py?<issue_closed>"
    )
    assert (row["repo"], row["issue_id"], row["issue_number"], row["user_count"], row["event_count"]) == ("octo/demo", 70, 7, 2, 3)
    assert [turn["author"] for turn in row["events"]] == ["username_1", "username_2", "username_1"]


def test_no_account_is_in_what_is_published_and_the_key_is_the_steward_s(tmp_path: Path) -> None:
    published = json.dumps(thread(tmp_path), default=str).lower()
    assert not any(name in published.replace("grace-lib", "") for name in ("ada", "grace", "carol", "dependabot"))
    steward = tmp_path / "made.steward"
    assert steward.stat().st_mode & 0o077 == 0
    assert (steward / "accounts.parquet").stat().st_mode & 0o077 == 0
    assert [(alias.place, alias.number) for alias in places_of(steward, "GRACE", "asked to be left out")] == [("octo/demo#7", "username_2")]
    log = [json.loads(line) for line in (steward / "access.jsonl").read_text().splitlines()]
    assert [(line["action"], line["why"]) for line in log] == [("written", "dataset made"), ("read", "asked to be left out")]
    assert not list((tmp_path / "made").rglob("accounts*"))


def test_a_key_is_not_overwritten_by_chance(tmp_path: Path) -> None:
    thread(tmp_path)
    with pytest.raises(InputError, match="a key stands there already"):
        collect_dataset(
            "issues", [f"gharchive:{tmp_path}/*.json.gz"], tmp_path / "two", date="d", reading=Reading(), steward=tmp_path / "made.steward"
        )
    assert not (tmp_path / "two").exists()


def test_old_issue_events_have_no_text_and_are_counted(tmp_path: Path) -> None:
    hour(
        tmp_path / "h.json.gz",
        OLD | {"type": "IssuesEvent", "repository": OLD_REPOSITORY, "created_at": "2012-03-11T08:00:00Z", "payload": {"issue": 5}},
    )
    reading = Reading()
    with pytest.raises(InputError, match=r"nothing to write \(1 issue_event_without_text\)"):
        collected("issues", tmp_path, reading)
    assert not (tmp_path / "made").exists()
    assert not (tmp_path / "made.steward" / "accounts.parquet").exists()


@pytest.mark.parametrize(
    ("n_chars", "n_events", "n_people", "reason"),
    [
        *((500, 5, 2, None), (199, 5, 2, "too_short"), (9000, 50, 2, None), (7001, 2, 1, "alone_too_long"), (7000, 10, 1, None)),
        *((500, 11, 1, "alone_too_many_events"), (500, 2, 0, "bots_only"), (2_000_000, 3, 3, "too_long")),
    ],
)
def test_threads_are_kept_by_rule(n_chars: int, n_events: int, n_people: int, reason: str | None) -> None:
    assert reason_to_drop(n_chars, n_events, n_people, ThreadRules()) == reason


def test_bots_are_known_by_name_and_people_are_not_taken_for_them() -> None:
    assert all(map(is_bot, ("dependabot[bot]", "k8s-ci-robot", "my-bot", "codecov", "stickler-ci", "fooBot")))
    assert not any(map(is_bot, ("abbott", "ada", "botond", "robotics", "cicero")))


def test_what_a_mail_program_adds_is_taken_off() -> None:
    assert without_reply("Yes.\r\n\r\nOn Mon, May 1, 2020 at 9:00 AM, Ada Lovelace <\r\nada@example.org> wrote:\r\n> Why?") == "Yes."
    assert without_reply("Sure\n\n—\nReply to this email directly, view it on GitHub") == "Sure"
    assert without_reply("On Mondays I wrote: tests") == "On Mondays I wrote: tests"


def test_the_command_makes_the_dataset_and_the_steward_can_ask(
    tmp_path: Path, wherefrom: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    thread(tmp_path)
    done = wherefrom("collect", "gharchive:h.json.gz", "--dataset", "issues", "-o", "issues", "--json")
    manifest = json.loads(done.stdout)
    assert (done.returncode, manifest["kind"], manifest["counts"]) == (0, "issues", {"rows": 1})
    asked = wherefrom("steward", "issues.steward", "grace", "--why", "opt-out")
    assert (asked.returncode, asked.stdout) == (0, "octo/demo#7 username_2\n")
    assert wherefrom("steward", "issues", "grace", "--why", "opt-out").returncode == 2
