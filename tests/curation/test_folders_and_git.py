import errno
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from curation.origin import Reading, without_secrets
from curation.sources import git_plumbing
from indexer.corpus import content_id
from indexer.errors import InputError

Rows = list[dict[str, Any]]


def git(folder: Path, *arguments: str) -> str:
    settings = ("-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "init.defaultBranch=main", "-c", "commit.gpgsign=false")
    done = subprocess.run(["git", *settings, "-C", str(folder), *arguments], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def project(tmp_path: Path, mit_text: str) -> Path:
    """A repository with a licence, a nested file, a link, a binary and a file that is not committed."""
    root = tmp_path / "project"
    (root / "src").mkdir(parents=True)
    (root / "src" / "größe.py").write_bytes("# größe\r\nx = 1\n".encode("latin-1"))
    (root / "main.c").write_text("int main(void) { return 0; }\n")
    (root / "LICENSE").write_text(mit_text)
    (root / "blob.dat2").write_bytes(b"\0\1\2")
    (root / "link.py").symlink_to("main.c")
    git(root, "init", "-q")
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "first")
    (root / "untracked.py").write_text("y = 2\n")
    return root


def test_a_commit_s_files_come_with_commit_and_pinned_link(project: Path, read: Callable[..., Rows]) -> None:
    git(project, "remote", "add", "origin", "git@github.com:octo/demo.git")
    reading = Reading()
    rows = {row["path"]: row for row in read(f"git:{project}", reading)}
    head = git(project, "rev-parse", "HEAD")
    assert list(rows) == ["LICENSE", "main.c", "src/größe.py"]
    row = rows["src/größe.py"]
    assert (row["repository"], row["owner"], row["commit"]) == ("octo/demo", "octo", head)
    assert row["url"] == f"https://github.com/octo/demo/blob/{head}/src/gr%C3%B6%C3%9Fe.py"
    assert (row["encoding"], row["content"]) == ("ISO-8859-1", "# größe\r\nx = 1\n")
    assert row["content_id"] == content_id((project / "src/größe.py").read_bytes()) == git(project, "rev-parse", "HEAD:src/größe.py")
    assert (row["license_expression"], row["license_evidence"]) == ("MIT", "license_file")
    assert reading.skipped == {"link": 1, "binary": 1}


def test_what_is_committed_counts_and_not_what_lies_in_the_folder(project: Path, read: Callable[..., Rows]) -> None:
    (project / "main.c").write_text("changed\n")
    assert {row["path"]: row["content"] for row in read(f"git:{project}")}["main.c"] == "int main(void) { return 0; }\n"


def test_a_repository_without_a_remote_has_its_folder_s_name_and_no_link(project: Path, read: Callable[..., Rows]) -> None:
    row = read(f"git:{project}")[0]
    assert (row["repository"], row["owner"], row["url"]) == ("project", None, None)


def test_a_url_is_cloned(project: Path, read: Callable[..., Rows]) -> None:
    bare = project.parent / "served.git"
    git(project.parent, "clone", "-q", "--bare", str(project), str(bare))
    rows = read(f"git:file://{bare}")
    assert [(row["repository"], row["path"]) for row in rows] == [
        ("served", "LICENSE"),
        ("served", "main.c"),
        ("served", "src/größe.py"),
    ]


def test_hooks_and_filters_of_a_repository_do_not_run(project: Path, tmp_path: Path, read: Callable[..., Rows]) -> None:
    trap = tmp_path / "ran"
    script = f"#!/bin/sh\ntouch {trap}\ncat\n"
    (project / ".gitattributes").write_text("*.c filter=evil diff=evil text eol=crlf\n")
    git(project, "add", ".gitattributes")
    git(project, "commit", "-q", "-m", "second")
    for hook in ("post-checkout", "reference-transaction", "post-index-change", "fsmonitor-watchman"):
        (project / ".git" / "hooks" / hook).write_text(script)
        (project / ".git" / "hooks" / hook).chmod(0o755)
    for setting in ("filter.evil.smudge", "filter.evil.process", "diff.evil.textconv", "core.fsmonitor", "core.sshCommand", "core.pager"):
        git(project, "config", setting, f"touch {trap}")
    rows = {row["path"]: row["content"] for row in read(f"git:{project}")}
    assert rows["main.c"] == "int main(void) { return 0; }\n"
    assert not trap.exists()


def test_a_lazy_clone_does_not_fetch_what_is_missing(project: Path, tmp_path: Path, read: Callable[..., Rows]) -> None:
    trap = tmp_path / "ran"
    blob = git(project, "rev-parse", "HEAD:main.c")
    (project / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    git(project, "config", "remote.origin.url", f"ext::sh -c 'touch {trap}'")
    git(project, "config", "remote.origin.promisor", "true")
    git(project, "config", "extensions.partialClone", "origin")
    git(project, "config", "protocol.ext.allow", "always")
    with pytest.raises(InputError, match=blob):
        read(f"git:{project}")
    assert not trap.exists()


@pytest.mark.parametrize("spoil", ["empty", "plain", "inside"])
def test_what_is_no_repository_with_a_commit_is_refused(spoil: str, tmp_path: Path, project: Path, read: Callable[..., Rows]) -> None:
    folder = tmp_path / "other"
    folder.mkdir()
    if spoil == "empty":
        git(folder, "init", "-q")
    with pytest.raises(InputError, match="git says"):
        read(f"git:{project / 'src' if spoil == 'inside' else folder}")


def test_a_missing_folder_and_an_unreachable_url_are_named(tmp_path: Path, read: Callable[..., Rows]) -> None:
    with pytest.raises(InputError, match="git:nowhere: no such folder"):
        read("git:nowhere")
    with pytest.raises(InputError, match=r"nothing\.git: git says"):
        read(f"git:file://{tmp_path}/nothing.git")


def test_a_git_that_does_not_answer_is_given_up(project: Path, read: Callable[..., Rows], monkeypatch: pytest.MonkeyPatch) -> None:
    fake = project.parent / "bin"
    fake.mkdir()
    real = subprocess.run(["sh", "-c", "command -v git"], capture_output=True, text=True, check=True).stdout.strip()
    (fake / "git").write_text(f'#!/bin/sh\ncase "$*" in *cat-file*) exec sleep 600;; esac\nexec {real} "$@"\n')
    (fake / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{fake}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(git_plumbing, "_TIMEOUT_S", 0.5)
    with pytest.raises(InputError, match="no answer"):
        read(f"git:{project}")


def test_large_file_pointers_and_submodules_are_counted(project: Path, read: Callable[..., Rows]) -> None:
    (project / "w.model").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n")
    git(project, "update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},sub")
    git(project, "add", "w.model")
    git(project, "commit", "-q", "-m", "second")
    reading = Reading()
    assert "w.model" not in {row["path"] for row in read(f"git:{project}", reading)}
    assert (reading.skipped["lfs_pointer"], reading.skipped["submodule"]) == (1, 1)


def test_a_folder_gives_what_lies_in_it(project: Path, read: Callable[..., Rows]) -> None:
    git(project, "remote", "add", "origin", "https://github.com/octo/demo")
    reading = Reading()
    rows = {row["path"]: row for row in read(f"dir:{project}", reading)}
    assert list(rows) == ["LICENSE", "main.c", "untracked.py", "src/größe.py"]
    row = rows["untracked.py"]
    assert (row["repository"], row["owner"], row["commit"], row["url"]) == ("octo/demo", "octo", None, None)
    assert (row["license_expression"], row["source"]) == ("MIT", "dir")
    assert reading.skipped == {"link": 1, "binary": 1}


def test_a_folder_s_odd_files_are_counted(tmp_path: Path, read: Callable[..., Rows]) -> None:
    root = tmp_path / "odd"
    root.mkdir()
    (root / "empty.py").touch()
    (root / "large.py").write_bytes(b"x" * 5_000_001)
    (root / "fits.py").write_bytes(b"x" * 5_000_000)
    os.mkfifo(root / "pipe.py")
    (root / os.fsdecode(b"caf\xe9.py")).write_text("x = 1\n")
    reading = Reading()
    assert [row["path"] for row in read(f"dir:{root}", reading)] == ["caf\ufffd.py", "fits.py"]
    assert reading.skipped == {"empty": 1, "too_large": 1, "special_file": 1}


def test_an_unreadable_file_is_an_error_unless_it_may_be_skipped(
    tmp_path: Path, read: Callable[..., Rows], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.py").write_text("x = 1\n")
    (tmp_path / "b.py").write_text("y = 2\n")
    really_read = Path.read_bytes

    def broken_disk(path: Path) -> bytes:  # permissions would not stop root
        if path.name == "a.py":
            raise OSError(errno.EIO, "Input/output error")
        return really_read(path)

    monkeypatch.setattr(Path, "read_bytes", broken_disk)
    with pytest.raises(InputError, match=r"a\.py: cannot be read \(Input/output error\).*--skip-bad"):
        read(f"dir:{tmp_path}")
    warned: list[str] = []
    reading = Reading(skip_bad=True, warn=warned.append)
    assert [row["path"] for row in read(f"dir:{tmp_path}", reading)] == ["b.py"]
    assert reading.skipped == {"unreadable": 1}
    assert "a.py" in warned[0]


@pytest.mark.parametrize("name", ["src", "nonsense:x", "dir:", "dir", "python:x"])
def test_what_is_no_source_is_refused_with_the_kinds_there_are(name: str, read: Callable[..., Rows]) -> None:
    with pytest.raises(InputError, match="wanted one of dir:PATH"):
        read(name)


def test_passwords_in_urls_are_not_written_down() -> None:
    assert without_secrets("git:https://user:token@example.org/o/n") == "git:https://example.org/o/n"
