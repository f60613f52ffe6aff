import os
import socket
import socketserver
import subprocess
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curation.datasets import collect_dataset
from curation.events.repository_list import LIST_SCHEMA
from curation.origin import CloneLimits, Reading
from curation.release_folder import put_manifest
from curation.removals import Removals
from curation.sources.git import clone_to_read, readable_blobs
from indexer.errors import InputError, TimedOut

Rows = list[dict[str, Any]]


def git(folder: Path, *arguments: str) -> str:
    settings = ("-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "init.defaultBranch=main", "-c", "commit.gpgsign=false")
    done = subprocess.run(["git", *settings, "-C", str(folder), *arguments], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[str]:
    """A git daemon that serves tmp_path/served, with filters, a process a connection; its URL."""
    (tmp_path / "served").mkdir()
    command = ["git", "daemon", "--inetd", "--export-all", "--informative-errors", f"--base-path={tmp_path / 'served'}"]

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            subprocess.run(command, stdin=self.request, stdout=self.request, stderr=subprocess.DEVNULL, check=False)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield f"git://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.fixture
def project(tmp_path: Path, daemon: str, mit_text: str) -> Path:
    """Two commits on `trunk` with another branch beside it, served as demo."""
    root = tmp_path / "served" / "demo"
    root.mkdir()
    git(root, "init", "-q", "-b", "trunk")
    (root / "LICENSE").write_text(mit_text)
    (root / "old.py").write_text("gone = True\n")
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "first")
    git(root, "branch", "side")
    (root / "old.py").unlink()
    (root / "main.c").write_text("int main(void) { return 0; }\n")
    (root / "logo.png").write_bytes(os.urandom(200_000))
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "second")
    git(root, "config", "uploadpack.allowFilter", "true")
    return root


def test_a_clone_has_the_default_branch_s_files_at_their_commit(project: Path, daemon: str, read: Callable[..., Rows]) -> None:
    reading = Reading()
    rows = read(f"git:{daemon}/demo", reading)
    assert [(row["repository"], row["path"]) for row in rows] == [("demo", "LICENSE"), ("demo", "main.c")]
    assert {row["commit"] for row in rows} == {git(project, "rev-parse", "trunk")}
    assert {row["content_id"] for row in rows} == {git(project, "rev-parse", f"trunk:{name}") for name in ("LICENSE", "main.c")}
    assert reading.skipped == {"binary": 1}


@pytest.mark.parametrize("filters", ["true", "false"])
def test_only_what_is_read_is_downloaded_where_the_server_can(filters: str, project: Path, daemon: str, tmp_path: Path) -> None:
    git(project, "config", "uploadpack.allowFilter", filters)
    clone = clone_to_read(f"{daemon}/demo", tmp_path, Reading(), readable_blobs)
    assert clone is not None
    missing = git(clone, "rev-list", "--objects", "--all", "--missing=print").splitlines()
    logo = git(project, "rev-parse", "trunk:logo.png")
    assert [line for line in missing if line.startswith("?")] == ([f"?{logo}"] if filters == "true" else [])


def test_a_repository_that_is_gone_is_counted_and_named(project: Path, daemon: str, read: Callable[..., Rows]) -> None:
    with pytest.raises(InputError, match=r"/gone: git says: .*gone or not public.*--skip-bad"):
        read(f"git:{daemon}/gone")
    warned: list[str] = []
    reading = Reading(skip_bad=True, warn=warned.append)
    assert read(f"git:{daemon}/gone", reading) == []
    assert reading.skipped == {"vanished_repository": 1}
    assert f"{daemon}/gone" in warned[0]


def test_a_clone_beyond_the_limit_is_given_up(project: Path, daemon: str, read: Callable[..., Rows]) -> None:
    (project / "data.txt").write_text(os.urandom(1_000_000).hex())
    git(project, "add", "-A")
    git(project, "commit", "-q", "-m", "third")
    with pytest.raises(InputError, match=r"larger than 0\.5 MB; raise --clone-mb"):
        read(f"git:{daemon}/demo", Reading(clone=CloneLimits(n_bytes=500_000)))
    reading = Reading(skip_bad=True, clone=CloneLimits(n_bytes=500_000))
    assert read(f"git:{daemon}/demo", reading) == []
    assert reading.skipped == {"clone_too_large": 1}


def test_a_server_that_does_not_answer_is_given_up(read: Callable[..., Rows]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"git:git://127.0.0.1:{silent.getsockname()[1]}/demo"
        with pytest.raises(TimedOut, match=r"longer than 0\.5 s; raise --clone-seconds"):
            read(url, Reading(clone=CloneLimits(seconds=0.5)))
        reading = Reading(skip_bad=True, clone=CloneLimits(seconds=0.5))
        assert read(url, reading) == []
        assert reading.skipped == {"clone_timed_out": 1}


def test_a_large_file_is_passed_over(project: Path, read: Callable[..., Rows]) -> None:
    with open(project / "big.c", "wb") as file:
        file.truncate(100_000_000)
    blob = git(project, "-c", "core.bigFileThreshold=1m", "-c", "core.compression=1", "hash-object", "-w", "big.c")
    git(project, "update-index", "--add", "--cacheinfo", f"100644,{blob},big.c")
    git(project, "commit", "-q", "-m", "big")
    reading = Reading()
    assert [row["path"] for row in read(f"git:{project}", reading)] == ["LICENSE", "main.c"]
    assert reading.skipped == {"too_large": 1, "binary": 1}


def test_a_file_of_a_gigabyte_in_a_folder_is_passed_over(tmp_path: Path, read: Callable[..., Rows]) -> None:
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "a.py").write_text("x = 1\n")
    with open(tmp_path / "code" / "big.c", "wb") as file:
        file.truncate(1_000_000_000)
    reading = Reading()
    assert [row["path"] for row in read(f"dir:{tmp_path / 'code'}", reading)] == ["a.py"]
    assert reading.skipped == {"too_large": 1}


def test_a_transport_that_runs_a_command_is_refused(tmp_path: Path, read: Callable[..., Rows]) -> None:
    trap = tmp_path / "ran"
    with pytest.raises(InputError):
        read(f"git:ext::touch {trap}")
    with pytest.raises(InputError):
        clone_to_read(f"ext::touch {trap}", tmp_path, Reading(), readable_blobs)
    assert not trap.exists()


def test_commits_of_a_clone_are_read_with_only_the_contents_they_need(project: Path, daemon: str, tmp_path: Path) -> None:
    (project / "main.c").write_text("int main(void) { return 1; }\n")
    git(project, "commit", "-q", "-a", "-m", "Return one where nothing was done")
    collect_dataset("commits", [f"git:{daemon}/demo"], tmp_path / "made", date="d", reading=Reading())
    (row,) = pq.read_table(tmp_path / "made" / "commits").to_pylist()
    assert row["content"] == (
        "<commit_before>int main(void) { return 0; }\n<commit_msg>Return one where nothing was done"
        "<commit_after>int main(void) { return 1; }\n"
    )
    assert (row["repo"], row["commit"], row["license_expression"]) == ("demo", git(project, "rev-parse", "trunk"), "MIT")


def listed(folder: Path, *rows: dict[str, Any]) -> Path:
    """A list of repositories as `collect --dataset repositories` leaves it."""
    (folder / "repositories").mkdir(parents=True)
    table = pa.Table.from_pylist([dict.fromkeys(LIST_SCHEMA.names) | row for row in rows], LIST_SCHEMA)
    pq.write_table(table, folder / "repositories" / "part-00000.parquet")
    put_manifest(folder, {"kind": "repositories", "files": ["repositories/part-00000.parquet"]})
    return folder


def test_a_list_of_repositories_is_cloned_with_its_stars_the_most_first(
    project: Path, daemon: str, read: Callable[..., Rows], tmp_path: Path
) -> None:
    seen = datetime(2020, 5, 1, tzinfo=UTC)
    demo = {"repository": "octo/demo", "owner": "octo", "url": f"{daemon}/demo", "stars": 3, "forks": 1, "first_seen": seen}
    gone = {"repository": "octo/gone", "owner": "octo", "url": f"{daemon}/gone", "stars": 9}
    left_out = {"repository": "ada/x", "owner": "ada", "url": f"{daemon}/demo", "stars": 1}
    no_url = {"repository": "eve/x", "owner": "eve", "url": "../x", "stars": 0, "fork_of": "octo/demo"}
    folder = listed(tmp_path / "list", left_out, demo, gone, no_url)
    warned: list[str] = []
    reading = Reading(skip_bad=True, warn=warned.append, removals=Removals(owners=frozenset({"ada"})))
    rows = read(f"repositories:{folder}", reading)
    assert {(row["repository"], row["owner"], row["stars"], row["forks"], row["first_seen"]) for row in rows} == {
        ("octo/demo", "octo", 3, 1, seen)
    }
    assert {row["commit"] for row in rows} == {git(project, "rev-parse", "trunk")}
    assert reading.skipped == {"vanished_repository": 1, "removed_owner": 1, "no_url": 1, "binary": 1}
    assert [words in line for words, line in zip(("/gone", "'../x' is no URL"), warned, strict=True)] == [True, True]
    first = Reading(skip_bad=True)
    assert (read(f"repositories:1:{folder}", first), first.skipped) == ([], {"vanished_repository": 1})


def test_a_list_may_be_a_text_file(project: Path, daemon: str, read: Callable[..., Rows], tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text(f"# ours\n\n{daemon}/demo\n{daemon}/gone\n")
    assert {row["repository"] for row in read(f"repositories:1:{tmp_path}/list.txt")} == {"demo"}
    with pytest.raises(InputError, match="/gone"):
        read(f"repositories:{tmp_path}/list.txt")
    (tmp_path / "list.txt").write_bytes(b"\xff\xfe")
    for name, message in (("list.txt", "cannot be read as UTF-8"), ("none", "no such list")):
        with pytest.raises(InputError, match=message):
            read(f"repositories:{tmp_path}/{name}")
    put_manifest(tmp_path, {"kind": "raw", "files": []})
    with pytest.raises(InputError, match="a dataset of raw, wanted repositories"):
        read(f"repositories:{tmp_path}")
