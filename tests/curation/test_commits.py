import gzip
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from curation.commits.dataset import CommitRules, published_message, reason_to_drop
from curation.datasets import collect_dataset
from curation.origin import Reading
from curation.steward import places_of
from indexer.errors import InputError


def commit(root: Path, message: str, who: str = "Ada Lovelace", **files: str | bytes) -> None:
    for name, content in files.items():
        (root / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    mail = f"{who.partition(' ')[0].lower()}@example.org"
    person = {f"GIT_{role}_{what}": value for role in ("AUTHOR", "COMMITTER") for what, value in (("NAME", who), ("EMAIL", mail))}
    for arguments in (["add", "-A"], ["commit", "-q", "-m", message]):
        subprocess.run(
            ["git", "-C", str(root), "-c", "commit.gpgsign=false", *arguments], env=os.environ | person, check=True, capture_output=True
        )


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "demo"
    root.mkdir()
    subprocess.run(["git", "init", "-q", "-b", "main", str(root)], check=True)
    commit(root, "Begin with two files here", a="x = 1\n", b="y = 1\n")
    commit(
        root,
        "Name what the number is for\n\nSee mail to ada@example.org.\n\nSigned-off-by: Ada Lovelace <ada@example.org>",
        a="width = 1\n",
    )
    commit(root, "Change both files at the same time", a="1\n", b="2\n")
    commit(root, "fix", a="3\n")
    commit(root, "Let the machine change this file", who="dependabot[bot]", a="4\n")
    commit(root, "Say it in the old way", who="Grace Hopper", a="größe = 5\n".encode("latin-1"))
    commit(root, "Make this file a binary one", who="Grace Hopper", a=b"\0\1")
    return root


def made(tmp_path: Path, name: str, reading: Reading) -> list[dict[str, Any]]:
    collect_dataset("commits", [name], tmp_path / "made", date="2026-01-01", reading=reading, force=True)
    return [row for path in sorted((tmp_path / "made").glob("commits/*")) for row in pq.read_table(path).to_pylist()]


def test_changes_of_one_file_become_before_message_and_after(project: Path, tmp_path: Path) -> None:
    reading = Reading()
    rows = made(tmp_path, f"git:{project}", reading)
    assert [(row["author"], row["content"]) for row in rows] == [
        ("username_1", "<commit_before>4\n<commit_msg>Say it in the old way<commit_after>größe = 5\n"),
        ("username_2", "<commit_before>x = 1\n<commit_msg>Name what the number is for<commit_after>width = 1\n"),
    ]
    assert reading.skipped == {"commit_of_many_files": 2, "commit_short_subject": 1, "commit_bot": 1, "commit_of_no_text": 1}


def test_no_author_is_in_what_is_published(project: Path, tmp_path: Path) -> None:
    rows = made(tmp_path, f"git:{project}", Reading())
    assert not any(name in json.dumps(rows, default=str).lower() for name in ("lovelace", "hopper", "example.org"))
    found = list(places_of(tmp_path / "made.steward", "ADA@example.org", "opt-out"))
    assert [(alias.place.partition("@")[0], alias.number) for alias in found] == [("demo", "username_2"), ("demo", "signed")]


def test_an_export_is_read_where_contents_were_joined(tmp_path: Path) -> None:
    edit = {"old_path": "a.py", "new_path": "a.py", "old_contents": "x = 1\n", "new_contents": "y = 1\n"}
    row = {
        **{"commit": "c" * 40, "repo_name": ["octo/demo"], "subject": "s", "message": "Rename x to y for once\n"},
        **{"author": {"name": "Ada", "email": "ada@example.org", "time_sec": "1577836800"}, "license": "MIT", "difference": [edit]},
    }
    bare = row | {"difference": [{"old_path": "a.py", "new_path": "a.py", "old_sha1": "1", "new_sha1": "2"}]}
    lines = [row, bare, row | {"difference": [edit, edit]}, {"commit": "x"}]
    (tmp_path / "c.json.gz").write_bytes(gzip.compress("\n".join(map(json.dumps, lines)).encode()))
    reading = Reading(skip_bad=True)
    (found,) = made(tmp_path, f"bigquery:{tmp_path}/*.json.gz", reading)
    assert (found["repo"], found["subject"], found["license_type"], found["date"].year) == (
        "octo/demo",
        "Rename x to y for once",
        "permissive",
        2020,
    )
    assert reading.skipped == {"commit_without_contents": 1, "commit_of_many_files": 1, "no_commit": 1}


def test_other_sources_have_no_commits(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"commits come from git:PATH\|URL and bigquery:GLOB"):
        made(tmp_path, f"dir:{tmp_path}", Reading())


@pytest.mark.parametrize(
    ("subject", "reason"),
    [
        *(
            ("Fix the off-by-one in the parser", None),
            ("Fix the parser now", "short_subject"),
            ("Merge branch 'main' of the origin", "version_or_hash"),
        ),
        *(
            ("Now at 1.2.3 for all of us", None),
            ("1.2.3 2.0.0 and v3.1 are here", "version_or_hash"),
            ("Bump left-pad from 1.0 to 2.0", "version_or_hash"),
        ),
        *(("apply 0123456789abcdef0123456789abcdef01234567 to the tree", "version_or_hash"), ("word " * 300, "long_subject")),
    ],
)
def test_subjects_are_kept_by_rule(subject: str, reason: str | None) -> None:
    assert reason_to_drop(subject, "Ada <ada@example.org>", CommitRules()) == reason


def test_names_are_taken_out_of_messages_and_code_is_not() -> None:
    message = "Add a cache\n\nUse @lru_cache: twice.\nNote: this stays\n\nCo-authored-by: A B <a@b.org>\nReviewed-by: C <c@d.org>\n"
    assert published_message(message) == "Add a cache\n\nUse @lru_cache: twice.\nNote: this stays"
