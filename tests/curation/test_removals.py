import json
import pickle
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from curation.commits.dataset import COMMITS_SCHEMA
from curation.events.repository_list import LIST_SCHEMA
from curation.events.threads import ISSUES_SCHEMA
from curation.notebooks import NOTEBOOKS_SCHEMA
from curation.removals import Removals
from curation.removed_rows import without_removed
from curation.steward import Alias, new_key
from indexer.corpus import FILES_SCHEMA, REPOSITORIES_SCHEMA, content_id
from indexer.errors import InputError

OLD = content_id(b"x = 1\n")


def removals(tmp_path: Path, *requests: dict[str, str]) -> Removals:
    path = tmp_path / "removals.jsonl"
    path.write_text("\n".join(map(json.dumps, requests)) + "\n")
    return Removals.read(path)


def batch(schema: pa.Schema, *rows: dict[str, Any]) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist([dict.fromkeys(schema.names) | row for row in rows], schema=schema)


@pytest.mark.parametrize("schema", [FILES_SCHEMA, NOTEBOOKS_SCHEMA, LIST_SCHEMA, REPOSITORIES_SCHEMA, COMMITS_SCHEMA, ISSUES_SCHEMA])
def test_repositories_and_owners_go_from_every_kind_whatever_the_case(schema: pa.Schema, tmp_path: Path) -> None:
    column = "repository" if "repository" in schema.names else "repo"
    rows = batch(schema, *({column: name} for name in ("Ada/Engine", "ada/other", "GRACE/x", "graceful/x", "pypi/grace")))
    kept, counts = without_removed(rows, removals(tmp_path, {"repository": "ada/engine"}, {"owner": "Grace"}))
    assert kept.column(column).to_pylist() == ["ada/other", "graceful/x", "pypi/grace"]
    assert (kept.schema, counts) == (schema, {"removed_owner": 1, "removed_repository": 1})


@pytest.mark.parametrize("schema", [FILES_SCHEMA, NOTEBOOKS_SCHEMA])
def test_a_content_goes_wherever_it_is_copied(schema: pa.Schema, tmp_path: Path) -> None:
    rows = batch(schema, {"repository": "o/a", "content_id": OLD}, {"repository": "o/b", "content_id": "0" * 40})
    kept, counts = without_removed(rows, removals(tmp_path, {"content_id": OLD.upper()}))
    assert (kept.column("repository").to_pylist(), counts) == (["o/b"], {"removed_content_id": 1})


def test_a_commit_from_or_to_a_removed_content_goes(tmp_path: Path) -> None:
    texts = [("x = 1\n", "y\n"), ("y\n", "x = 1\n"), ("y\n", "z\n")]
    rows = batch(COMMITS_SCHEMA, *({"repo": "o/a", "old_contents": old, "new_contents": new} for old, new in texts))
    kept, counts = without_removed(rows, removals(tmp_path, {"content_id": OLD}))
    assert (kept.column("new_contents").to_pylist(), counts) == (["z\n"], {"removed_content_id": 2})


def test_the_owner_that_metadata_names_counts_too(tmp_path: Path) -> None:
    rows = batch(FILES_SCHEMA, {"repository": "pypi/x", "owner": "Ada"}, {"repository": "pypi/y", "owner": "bob"})
    assert without_removed(rows, removals(tmp_path, {"owner": "ada"}))[0].column("repository").to_pylist() == ["pypi/y"]


@pytest.fixture
def steward(tmp_path: Path) -> Path:
    with new_key(tmp_path / "steward", tmp_path / "data", False) as key:
        key.add(Alias("commits", "o/a", "username_2", "Ada L <ada@example.org>"))
        key.add(Alias("issues", "o/a#7", "username_1", "ada@example.org"))
        key.add(Alias("commits", "o/b", "username_2", "Bob <bob@example.org>"))
    return tmp_path / "steward"


def test_authors_go_by_the_stewards_key(steward: Path, tmp_path: Path) -> None:
    found = removals(tmp_path, {"author": "ADA@example.org"}).with_key(steward, "removals")
    commits = batch(COMMITS_SCHEMA, *({"repo": repo, "author": f"username_{n}"} for repo in ("o/a", "o/b") for n in (1, 2)))
    kept, counts = without_removed(commits, found)
    assert [(row["repo"], row["author"]) for row in kept.to_pylist()] == [
        ("o/a", "username_1"),
        ("o/b", "username_1"),
        ("o/b", "username_2"),
    ]
    assert counts == {"removed_author": 1}
    said = [{"author": "username_2"}, {"author": "username_1"}]
    threads = batch(ISSUES_SCHEMA, *({"repo": "o/a", "issue_number": number, "events": said} for number in (7, 8)))
    assert without_removed(threads, found)[0].column("issue_number").to_pylist() == [8]
    assert len((steward / "access.jsonl").read_text().splitlines()) == 2  # written, read


@pytest.mark.parametrize("schema", [COMMITS_SCHEMA, ISSUES_SCHEMA])
def test_authors_without_a_key_are_an_error_and_never_missed(schema: pa.Schema, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="steward's folder"):
        without_removed(batch(schema, {"repo": "o/a"}), removals(tmp_path, {"author": "ada"}))


def test_an_author_is_known_by_name_and_address(tmp_path: Path) -> None:
    found = removals(tmp_path, {"author": "Ada L"})
    assert found.reason("o/a", None, None, ["ada l <a@example.org>"]) == "removed_author"
    assert found.reason("o/a", None, None, ["adal"]) is None


@pytest.mark.parametrize(
    "text",
    [
        *("@ada", "Thanks, @Ada!", "_@ada_ said", "as @ada_ says", "**@ada**", "éh.@ada-", "(@ada)"),
        *("ada@example.org", "_Ada@Example.org_", "Co-authored-by: A <7+ada@users.noreply.github.com>", "ada@users.noreply.github.com"),
    ],
)
def test_a_call_is_heard(text: str, tmp_path: Path) -> None:
    assert removals(tmp_path, {"author": "ada"}, {"author": "ada@example.org"}).calls(text)


@pytest.mark.parametrize(
    "text", ["ada", "@adalang", "@ada-lang", "@ada_corp", "x@ada.org", "nada@example.org", "7+eve@users.noreply.github.com"]
)
def test_others_are_not_taken_for_the_one_called(text: str, tmp_path: Path) -> None:
    assert not removals(tmp_path, {"author": "ada"}, {"author": "ada@example.org"}).calls(text)


def test_an_account_is_known_by_the_address_that_hides_it(tmp_path: Path) -> None:
    assert removals(tmp_path, {"author": "ada"}).is_author("A. L. <7+Ada@users.noreply.github.com>")


def test_removals_cross_to_other_processes(tmp_path: Path) -> None:
    found = removals(tmp_path, {"owner": "ada"})
    assert pickle.loads(pickle.dumps(found)) == found


def test_nothing_to_remove_gives_the_same_batch() -> None:
    rows = batch(FILES_SCHEMA, {"repository": "o/a"})
    assert without_removed(rows, Removals()) == (rows, {})


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "not JSON"),
        ('["ada"]', "wanted an object"),
        ('{"reason": "x"}', "got none, wanted exactly one of"),
        ('{"owner": "a", "author": "b"}', "got owner, author, wanted exactly one of"),
        ('{"user": "a"}', "unknown field user"),
        ('{"owner": ""}', "wanted a name"),
        ('{"owner": "ada/engine"}', "wanted a name"),
        ('{"repository": "https://example.org/a/b"}', "wanted a name such as owner/name"),
        ('{"content_id": "e69de29"}', "wanted 40 hex digits"),
        ('{"owner": "a", "requested": "soon"}', "wanted a date"),
        ('{"owner": "a", "requested": 3}', "wanted a date"),
        ('{"owner": "a", "reason": 3}', "wanted text"),
    ],
)
def test_a_bad_line_is_named_with_file_and_number(line: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    path.write_text(f'{{"owner": "ada", "requested": "2026-01-02", "reason": "asked"}}\n\n{line}\n')
    with pytest.raises(InputError, match=f"r.jsonl:3: .*{message}"):
        Removals.read(path)


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_a_file_that_cannot_be_read_is_named(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=r"r\.jsonl: (cannot be read|not UTF-8)"):
        Removals.read(path)
