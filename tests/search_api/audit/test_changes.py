"""Only what is new: lines since a revision, lines about to be committed."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from indexer.errors import InputError
from search_api.audit.audit import Outcome
from search_api.audit.settings import Settings, Suppress

Audit = Callable[..., Outcome]


@pytest.fixture
def stretches(content: Callable[[str], str]) -> tuple[str, str]:
    """Two stretches of code that the index knows."""
    lines = content("click/parser.py").splitlines(keepends=True)
    other = content("httpx/_decoders.py").splitlines(keepends=True)
    return "".join(lines[120:170]), "".join(other[40:100])


@pytest.fixture
def repository(tmp_path: Path, git: Any, put: Any, stretches: tuple[str, str], made_up: Callable[..., str]) -> Path:
    """A repository whose first commit holds the first stretch already."""
    put(tmp_path / "old.py", made_up(20) + stretches[0])
    put(tmp_path / "a name with spaces é.py", made_up(10, 5))
    git("add", ".")
    git("commit", "-q", "-m", "first")
    return tmp_path


def test_diff_sees_only_new_lines(repository: Path, audit: Audit, put: Any, stretches: Any, made_up: Any) -> None:
    put(repository / "old.py", made_up(3, 9) + made_up(20) + stretches[0] + made_up(3, 8))
    put(repository / "a name with spaces é.py", made_up(10, 5) + stretches[1])
    found = audit(repository, revision="HEAD").audit
    assert {finding.path for finding in found.findings} == {"a name with spaces é.py"}
    assert found.findings[0].start_line >= 10 and found.scope == "diff HEAD"
    assert {finding.path for finding in audit(repository).audit.findings} == {"a name with spaces é.py", "old.py"}


def test_files_that_git_does_not_know_yet_are_new_as_a_whole(repository: Path, audit: Audit, put: Any, stretches: Any) -> None:
    put(repository / "deep/new.py", stretches[1])
    assert {finding.path for finding in audit(repository, revision="HEAD").audit.findings} == {"deep/new.py"}


def test_staged_sees_what_git_would_commit_and_not_the_working_file(
    repository: Path, audit: Audit, git: Any, put: Any, stretches: Any, made_up: Any
) -> None:
    put(repository / "staged.py", stretches[1])
    git("add", "staged.py")
    put(repository / "staged.py", made_up(10))
    put(repository / "not_staged.py", stretches[1])
    assert {finding.path for finding in audit(repository, staged=True).audit.findings} == {"staged.py"}


def test_what_the_settings_leave_out_is_left_out_of_changes_too(repository: Path, audit: Audit, git: Any, put: Any, stretches: Any) -> None:
    put(repository / "data/new.py", stretches[1])
    settings = Settings(exclude=("data/",), suppress=(Suppress(None, "old.py", "known", datetime.date(2030, 1, 1)),))
    changed = audit(repository, settings, revision="HEAD").audit
    assert changed.findings == () and changed.counts.ignored == 1
    assert changed.warnings == (), "what a part of the project does not show may stand elsewhere in it"
    git("add", ".")
    assert audit(repository, settings, staged=True).audit.findings == ()


def test_staged_works_before_the_first_commit(tmp_path: Path, audit: Audit, git: Any, put: Any, stretches: Any) -> None:
    put(tmp_path / "first.py", stretches[0])
    git("add", ".")
    assert {finding.path for finding in audit(tmp_path, staged=True).audit.findings} == {"first.py"}


def test_a_folder_inside_the_repository_limits_the_question(repository: Path, audit: Audit, put: Any, stretches: Any) -> None:
    put(repository / "in/a.py", stretches[1])
    put(repository / "out/b.py", stretches[1])
    assert {finding.path for finding in audit(repository, revision="HEAD", paths=("in",)).audit.findings} == {"in/a.py"}


@pytest.mark.parametrize("revision", ["nowhere", "--output=x"])
def test_an_unknown_revision_is_an_input_error(repository: Path, audit: Audit, revision: str) -> None:
    with pytest.raises(InputError, match="revision"):
        audit(repository, revision=revision)


def test_a_folder_outside_git_is_an_input_error(tmp_path: Path, audit: Audit) -> None:
    with pytest.raises(InputError, match="not in a git repository"):
        audit(tmp_path, revision="HEAD")
