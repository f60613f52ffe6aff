"""Which files an audit reads, which it leaves out, and that it says so."""

from __future__ import annotations

import os
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from indexer.errors import InputError
from search_api.audit.audit import Outcome
from search_api.audit.files import Entry, Ignored, Skipped, entries
from search_api.audit.settings import Settings

Audit = Callable[..., Outcome]


def listed(folder: Path, monkeypatch: pytest.MonkeyPatch, exclude: tuple[str, ...] = ()) -> tuple[list[str], dict[str, str], int]:
    """Names of the files to read, reasons of those that are not, how many were ignored."""
    monkeypatch.chdir(folder)
    ignored = Ignored()
    found = list(entries([Path()], exclude, ignored))
    read = [entry.path for entry in found if isinstance(entry, Entry)]
    return read, {entry.path: entry.reason for entry in found if isinstance(entry, Skipped)}, ignored.count


def test_gitignore_files_are_respected_the_innermost_deciding(tmp_path: Path, git: Any, put: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    git("status")
    put(tmp_path / ".gitignore", "*.log\n/build/\n")
    put(tmp_path / ".git/info/exclude", "private.py\n")
    put(tmp_path / "sub/.gitignore", "!kept.log\nlocal.py\n")
    for name in ("a.py", "x.log", "build/b.py", "sub/build/c.py", "sub/kept.log", "sub/local.py", "private.py"):
        put(tmp_path / name, "x = 1\n")
    read, _, ignored = listed(tmp_path, monkeypatch)
    assert read == [".gitignore", "a.py", "sub/.gitignore", "sub/build/c.py", "sub/kept.log"]
    assert ignored == 4
    inside, _, _ = listed(tmp_path / "sub", monkeypatch)
    assert inside == [".gitignore", "build/c.py", "kept.log"], "rules of folders above hold below"


def test_settings_leave_out_more(tmp_path: Path, put: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("src/a.py", "tests/data/b.py", "docs/c.md"):
        put(tmp_path / name, "x\n")
    assert listed(tmp_path, monkeypatch, ("tests/data/", "*.md"))[0] == ["src/a.py"]


def test_links_are_named_and_never_followed(tmp_path: Path, put: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path / "project/a/b.py", "x\n")
    put(tmp_path / "outside.py", "x\n")
    (tmp_path / "project/a/loop").symlink_to(tmp_path / "project")
    (tmp_path / "project/out.py").symlink_to(tmp_path / "outside.py")
    (tmp_path / "project/nowhere").symlink_to("nothing")
    read, skipped, _ = listed(tmp_path / "project", monkeypatch)
    assert read == ["a/b.py"]
    assert skipped == {"a/loop": "link", "out.py": "link", "nowhere": "link"}


def test_what_is_no_regular_file_is_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert listed(tmp_path, monkeypatch)[1] == {"pipe": "special file"}


def test_an_archive_is_audited_without_being_unpacked(audit: Audit, tmp_path: Path, content: Any) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("pkg/parsing.py", content("click/parser.py"))
    found = audit(tmp_path, paths=("a.zip",)).audit
    assert [(finding.path, finding.scope) for finding in found.findings] == [("a.zip/pkg/parsing.py", "file")]
    inside = audit(tmp_path, paths=(".",)).audit
    assert inside.exit_code == 4 and "archive" in inside.problems[0], "one that was only met is not passed over in silence"


def test_an_archive_bomb_is_refused(audit: Audit, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "bomb.tar.gz", "w:gz") as archive:
        big = tmp_path / "zeros"
        with open(big, "wb") as file:
            file.truncate(300_000_000)
        archive.add(big, "zeros.py")
    big.unlink()
    with pytest.raises(InputError, match=r"bomb\.tar\.gz.*limit"):
        audit(tmp_path, paths=("bomb.tar.gz",))


def test_a_path_that_is_not_there_is_an_input_error(audit: Audit, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nothing\.py: no such file"):
        audit(tmp_path, paths=("nothing.py",))


def test_files_that_cannot_be_scanned_are_listed_and_make_the_audit_incomplete(audit: Audit, tmp_path: Path, put: Any) -> None:
    put(tmp_path / "short.py", "x = 1\n")
    (tmp_path / "binary.bin").write_bytes(b"\0\1\2")
    clean = audit(tmp_path).audit
    assert {file.path: (file.state, file.reasons) for file in clean.files} == {
        "short.py": ("too_short", ()),
        "binary.bin": ("not_scanned", ("binary",)),
    }
    assert clean.exit_code == 0, "a picture holds no code; a file of three tokens is named"
    put(tmp_path / "large.py", "x = 1\n" * 100)
    large = audit(tmp_path, Settings(max_file_bytes=100)).audit
    assert large.exit_code == 4
    assert any("large.py" in problem and "too large" in problem for problem in large.problems)


def test_an_unreadable_file_makes_the_audit_incomplete(audit: Audit, tmp_path: Path, put: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path / "secret.py", "x = 1\n" * 30)
    real = Path.read_bytes

    def refuse(self: Path) -> bytes:
        if self.name == "secret.py":
            raise PermissionError(13, "Permission denied")
        return real(self)

    monkeypatch.setattr(Path, "read_bytes", refuse)  # the tests may run as root, whom no mode stops
    found = audit(tmp_path).audit
    assert found.exit_code == 4 and found.files[0].reasons == ("unreadable: Permission denied",)
