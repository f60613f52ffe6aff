import gzip
import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from curation.collect import collect, stated_sources
from curation.datasets import collect_dataset
from curation.origin import Reading
from curation.removals import Removals
from curation.sources.naming import source
from curation.steward import places_of
from indexer.corpus import content_id
from indexer.errors import InputError

TALK = "It crashes whenever the window is closed, and nothing is written to the log. " * 4


def asked(folder: Path, *requests: dict[str, str]) -> Reading:
    path = folder / "removals.jsonl"
    path.write_text("\n".join(map(json.dumps, requests)))
    return Reading(removals=Removals.read(path))


def rows(folder: Path) -> list[dict[str, Any]]:
    return [row for path in sorted(folder.glob("*/*.parquet")) for row in pq.read_table(path).to_pylist()]


def everything(folder: Path) -> str:
    """All that is published, in lower case."""
    told = [json.dumps(rows(folder), default=str), (folder / "manifest.json").read_text()]
    return " ".join(told).lower()


def opened(repo: str, number: int, who: str, text: str, *answers: tuple[str, str]) -> list[dict[str, Any]]:
    at = "2020-05-01T10:00:00Z"
    issue = {"id": number, "number": number, "title": f"Number {number}", "user": {"login": who}, "body": text, "created_at": at}
    base = {"repo": {"name": repo}, "created_at": at}
    said = [
        {**base, "type": "IssueCommentEvent", "actor": {"login": name}}
        | {
            "payload": {
                "action": "created",
                "issue": issue,
                "comment": {"id": place, "user": {"login": name}, "body": words, "created_at": at},
            }
        }
        for place, (name, words) in enumerate(answers, start=100 * number)
    ]
    return [{**base, "type": "IssuesEvent", "actor": {"login": who}, "payload": {"action": "opened", "issue": issue}}, *said]


@pytest.fixture
def events(tmp_path: Path) -> str:
    lines = [
        *opened("octo/demo", 1, "ada", TALK),
        *opened("octo/demo", 2, "bob", TALK, ("Ada", "I see it too.")),
        *opened("octo/demo", 3, "bob", TALK, ("eve", "As @ada said, > it crashes.")),
        *opened("octo/demo", 4, "bob", TALK, ("eve", "Write to Ada@example.org about it.")),
        *opened("octo/demo", 5, "bob", TALK, ("eve", "Try adalang or a@da.")),
        *opened("grace/lib", 6, "eve", TALK),
        {"type": "ForkEvent", "repo": {"name": "grace/lib"}, "actor": {"login": "eve"}, "created_at": "2020-05-01T10:00:00Z"}
        | {"payload": {"forkee": {"full_name": "eve/lib"}}},
    ]
    (tmp_path / "h.json.gz").write_bytes(gzip.compress("\n".join(map(json.dumps, lines)).encode()))
    return f"gharchive:{tmp_path}/h.json.gz"


REQUESTS = ({"author": "Ada"}, {"author": "ada@example.org"}, {"owner": "GRACE"})


def test_threads_in_which_a_removed_author_speaks_or_is_named_go(events: str, tmp_path: Path) -> None:
    reading = asked(tmp_path, *REQUESTS)
    manifest = collect_dataset("issues", [events], tmp_path / "made", date="2026-01-01", reading=reading)
    assert [row["issue_number"] for row in rows(tmp_path / "made")] == [5]
    assert manifest["skipped"] == {"removed_author": 4, "removed_owner": 1}
    assert manifest["removals"] == {"owner": 1, "author": 2}
    assert not any(name in everything(tmp_path / "made") for name in ("@ada", "ada@", "grace"))
    assert not list(places_of(tmp_path / "made.steward", "ada", "test"))


def test_an_earlier_dataset_of_threads_is_taken_over_without_them(events: str, tmp_path: Path) -> None:
    collect_dataset("issues", [events], tmp_path / "old", date="2026-01-01", reading=Reading())
    assert len(rows(tmp_path / "old")) == 6
    reading = asked(tmp_path, *REQUESTS)
    collect_dataset("issues", [f"dataset:{tmp_path}/old"], tmp_path / "new", date="2026-01-02", reading=reading)
    (left,) = rows(tmp_path / "new")
    assert left == next(row for row in rows(tmp_path / "old") if row["issue_number"] == 5)
    assert reading.skipped == {"removed_author": 4, "removed_owner": 1}
    assert {alias.place for name in ("ada", "bob", "eve") for alias in places_of(tmp_path / "new.steward", name, "test")} == {"octo/demo#5"}
    assert [json.loads(line)["action"] for line in (tmp_path / "old.steward/access.jsonl").read_text().splitlines()] == [
        *("written", "read", "read")
    ]


def test_a_list_of_repositories_names_no_removed_one_even_as_the_origin_of_a_fork(events: str, tmp_path: Path) -> None:
    reading = asked(tmp_path, {"repository": "Grace/Lib"})
    collect_dataset("repositories", [events], tmp_path / "made", date="2026-01-01", reading=reading)
    assert sorted(row["repository"] for row in rows(tmp_path / "made")) == ["eve/lib", "octo/demo"]
    assert (reading.skipped, "grace" in everything(tmp_path / "made")) == ({"removed_repository": 1}, False)
    collect_dataset("repositories", [events], tmp_path / "old", date="2026-01-01", reading=Reading())
    collect_dataset("repositories", [f"dataset:{tmp_path}/old"], tmp_path / "new", date="2026-01-01", reading=reading)
    assert rows(tmp_path / "new") == rows(tmp_path / "made")


def test_taking_over_asks_for_the_right_kind_its_key_and_one_at_a_time(events: str, tmp_path: Path) -> None:
    collect_dataset("issues", [events], tmp_path / "old", date="2026-01-01", reading=Reading())
    name = f"dataset:{tmp_path}/old"
    with pytest.raises(InputError, match=r"a dataset of issues, wanted commits; ask for --dataset issues"):
        collect_dataset("commits", [name], tmp_path / "new", date="2026-01-02", reading=Reading())
    with pytest.raises(InputError, match="taken over alone"):
        collect_dataset("issues", [name, events], tmp_path / "new", date="2026-01-02", reading=Reading())
    (tmp_path / "old.steward/accounts.parquet").unlink()
    with pytest.raises(InputError, match=r"old\.steward: no accounts\.parquet"):
        collect_dataset("issues", [name], tmp_path / "new", date="2026-01-02", reading=Reading())
    assert not (tmp_path / "new").exists()


def commit(root: Path, who: str, message: str, content: str) -> None:
    (root / "a.py").write_text(content)
    person = {f"GIT_{role}_{what}": value for role in ("AUTHOR", "COMMITTER") for what, value in (("NAME", who), ("EMAIL", f"{who}@x.org"))}
    for words in (["add", "-A"], ["commit", "-q", "-m", message]):
        command = ["git", "-C", str(root), "-c", "commit.gpgsign=false", *words]
        subprocess.run(command, env=os.environ | person, check=True, capture_output=True)


@pytest.fixture
def history(tmp_path: Path) -> str:
    root = tmp_path / "demo"
    subprocess.run(["git", "init", "-q", "-b", "main", str(root)], check=True)
    commit(root, "bob", "Begin with one file in here", "x = 0\n")
    commit(root, "greta", "Count from one instead of zero", "x = 1\n")
    commit(root, "bob", "Count from two instead of one\n\nCo-authored-by: Greta <greta@x.org>", "x = 2\n")
    commit(root, "bob", "Count from three as @greta asked", "x = 3\n")
    commit(root, "bob", "Write the secret number in here", "x = 'secret'\n")
    commit(root, "bob", "Take the secret number out again", "x = 4\n")
    commit(root, "bob", "Count from five now, at last", "x = 5\n")
    return f"git:{root}"


def test_changes_of_removed_authors_and_contents_go(history: str, tmp_path: Path) -> None:
    requests = [{"author": "greta"}, {"author": "greta@x.org"}, {"content_id": content_id(b"x = 'secret'\n")}]
    reading = asked(tmp_path, *requests)
    collect_dataset("commits", [history], tmp_path / "made", date="2026-01-01", reading=reading)
    assert [row["new_contents"] for row in rows(tmp_path / "made")] == ["x = 5\n"]
    assert {name: count for name, count in reading.skipped.items() if "removed" in name} == {"removed_author": 3, "removed_content_id": 2}
    assert not any(word in everything(tmp_path / "made") for word in ("greta", "secret"))
    assert not list(places_of(tmp_path / "made.steward", "greta", "test"))
    collect_dataset("commits", [history], tmp_path / "old", date="2026-01-01", reading=Reading())
    reading = asked(tmp_path, *requests)
    collect_dataset("commits", [f"dataset:{tmp_path}/old"], tmp_path / "new", date="2026-01-01", reading=reading)
    # what was published says nothing of co-authors: the key does
    assert [row["new_contents"] for row in rows(tmp_path / "new")] == ["x = 5\n"]
    assert not list(places_of(tmp_path / "new.steward", "greta", "test"))


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    cells = [{"cell_type": "code", "source": "x = 1", "outputs": []}]
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.py").write_text(f"name = '{name}'\n")
        (tmp_path / name / "b.py").write_text("same = True\n")
        (tmp_path / name / "n.ipynb").write_text(json.dumps({"cells": cells, "nbformat": 4, "by": name}))
    return tmp_path


@pytest.mark.parametrize("kind", ["files", "notebooks"])
def test_files_and_notebooks_of_removed_repositories_and_contents_go(kind: Any, tree: Path) -> None:
    copy = "b.py" if kind == "files" else "n.ipynb"
    requests = ({"repository": "TWO"}, {"content_id": content_id((tree / "one" / copy).read_bytes())}, {"author": "ada"})
    sources = [f"dir:{tree}/one", f"dir:{tree}/two", *([f"dir:{tree}/one"] if kind == "files" else [])]
    reading = asked(tree, *requests)
    if kind == "files":
        collect(sources, tree / "made", date="2026-01-01", reading=reading)
        assert [(row["repository"], row["path"]) for row in rows(tree / "made")] == [("one", name) for name in ("a.py", "n.ipynb")] * 2
        assert reading.skipped == {"removed_repository": 3, "removed_content_id": 2}
        assert pq.read_table(tree / "made" / "repositories.parquet").column("repository").to_pylist() == ["one"]
    else:
        with pytest.raises(InputError, match=r"nothing to write \(1 removed_content_id, 1 removed_repository\)"):
            collect_dataset("notebooks", sources, tree / "made", date="2026-01-01", reading=reading)


def test_a_removed_repository_is_not_even_cloned(tmp_path: Path) -> None:
    reading = asked(tmp_path, {"owner": "ada"})
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "a.py").write_text("x = 1\n")
    names = ["git:https://github.com/ada/gone", f"dir:{tmp_path}/code"]
    manifest = collect(names, tmp_path / "made", date="2026-01-01", reading=reading)
    assert (manifest["sources"], manifest["skipped"]) == (names[1:], {"removed_owner": 1})


@pytest.mark.parametrize(
    ("request_", "place"),
    [
        ({"repository": "pypi/rich"}, "wheel:/srv/rich-13.0.1-py3-none-any.whl"),
        ({"repository": "npm/@scope/name"}, "npm:/srv/scope-name-1.0.0.tgz"),
        ({"repository": "deb/hello"}, "debian:hello=2.10-3"),
        ({"repository": "deb/hello"}, "debian:/srv/hello_2.10-3.dsc"),
        ({"repository": "ada/engine"}, "git:https://gitlab.com/ada/engine.git"),
        ({"owner": "ada"}, "git:git@codeberg.org:Ada/engine"),
        ({"owner": "ada"}, "git:https://git.sr.ht/~ada/engine"),
    ],
)
def test_a_manifest_names_no_source_of_somebody_removed(request_: dict[str, str], place: str, tmp_path: Path) -> None:
    reading = asked(tmp_path, request_)
    assert stated_sources([place, "dir:/srv/adamant", "npm:/srv/richer-1.0.tgz"], reading) == [
        "dir:/srv/adamant",
        "npm:/srv/richer-1.0.tgz",
    ]


def test_an_owner_is_known_on_other_hosts_too(tmp_path: Path) -> None:
    reading = asked(tmp_path, {"owner": "ada"}, {"repository": "grace/lib"})
    names = ["https://gitlab.com/ada/engine", "git@host.test:ada/engine.git", "https://git.sr.ht/~ada/x", "https://gitlab.com/grace/lib"]
    names += ["https://gitlab.com/group/ada/engine", "git://host.test/pub/ada/engine.git"]
    for name in names:
        assert list(source(f"git:{name}")(reading)) == []
    assert reading.skipped == {"removed_owner": 5, "removed_repository": 1}


def test_a_key_may_stand_elsewhere(events: str, tmp_path: Path, wherefrom: Callable[..., Any]) -> None:
    asked(tmp_path, *REQUESTS)
    collect_dataset("issues", [events], tmp_path / "old", date="2026-01-01", reading=Reading(), steward=tmp_path / "safe")
    command = ("collect", "dataset:old", "--dataset", "issues", "-o", "new", "--removals", "removals.jsonl")
    assert "old.steward: no accounts.parquet" in wherefrom(*command).stderr
    done = wherefrom(*command, "--key", "safe")
    assert (done.returncode, [row["issue_number"] for row in rows(tmp_path / "new")]) == (0, [5])


def test_an_error_cannot_steer_a_terminal(wherefrom: Callable[..., Any]) -> None:
    done = wherefrom("collect", "dir:a\x1b[31mb", "-o", "raw")
    assert (done.returncode, "\x1b" in done.stderr, "dir:a\N{REPLACEMENT CHARACTER}[31mb" in done.stderr) == (2, False, True)


def test_the_command_counts_and_names_what_was_left_out(tree: Path, wherefrom: Callable[..., Any]) -> None:
    (tree / "r.jsonl").write_text('{"repository": "two"}\n')
    made = wherefrom("collect", "dir:one", "dir:two", "-o", "raw", "--removals", "r.jsonl")
    assert (made.returncode, made.stdout.strip()) == (0, "raw: 3 files, 0.0 MB, 1 repositories; skipped: 3 removed repository")
    bad = wherefrom("collect", "dir:one", "-o", "raw2", "--removals", "none.jsonl")
    assert bad.returncode != 0
    assert "none.jsonl: cannot be read" in bad.stderr
