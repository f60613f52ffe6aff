"""Which changes of one file does a repository's history, or an export of histories, hold?

    git:checkout/project, git:URL     blobless; only the contents that are used are downloaded
    bigquery:'commits-*.json.gz'      rows of `github_repos.commits`, whose `difference` was joined with `old_contents` and
                                      `new_contents`: the export itself has none, and a row without them is counted

Not here: which changes are kept and how they are written (`curation.commits.dataset`).
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from curation.events.reading import event_files, json_lines
from curation.languages import is_binary_name
from curation.origin import Licence, Reading, licence
from curation.sources.git import clone_to_read, is_url, legal_blobs, repository_origin
from curation.sources.git_plumbing import Blobs, run_git
from indexer.errors import InputError

MAX_CONTENT_BYTES = 1_000_000
MAX_COMMITS = 10_000  # of one repository, the newest
_READ_BYTES = 1 << 20
_LINK_OR_SUBMODULE = ("120000", "160000")


@dataclass(frozen=True, slots=True)
class Change:
    """One file before and after a commit that changed no other. `author` is a name and address as the commit has them."""

    repository: str
    under: Licence
    commit: str
    author: str
    seconds: int
    message: str
    path: str
    before: bytes
    after: bytes


def changes(name: str, reading: Reading, max_commits: int = MAX_COMMITS) -> Iterator[Change]:
    """The changes a SOURCE string leads to, newest first. Raises InputError for a source that has no commits."""
    kind, _, location = name.partition(":")
    if kind == "git" and location:
        yield from _git_changes(location, reading, max_commits)
    elif kind == "bigquery" and location:
        for path in event_files(location):
            for number, row in json_lines(path, reading):
                yield from _exported(row, f"{path}:{number}", reading)
    else:
        raise InputError(f"{name}: commits come from git:PATH|URL and bigquery:GLOB")


def _git_changes(location: str, reading: Reading, max_commits: int) -> Iterator[Change]:
    with tempfile.TemporaryDirectory(prefix="wherefrom-commits-") as scratch:
        if not is_url(location):
            if not Path(location).is_dir():
                raise InputError(f"git:{location}: no such folder; name a local repository or a URL to clone")
            yield from _history(location, Path(location), reading, max_commits)
            return

        def wanted(repository: Path) -> Iterator[str]:
            yield from legal_blobs(repository)
            for edit in _edits(repository, max_commits, Reading()):
                yield from (edit.before, edit.after)

        # one more than is read: the oldest commit of a shallow clone seems to add every file
        if repository := clone_to_read(location, Path(scratch), reading, wanted, max_commits + 1):
            yield from _history(location, repository, reading, max_commits, location)


@dataclass(frozen=True, slots=True)
class _Edit:
    commit: str
    path: str
    before: str
    after: str


def _history(location: str, repository: Path, reading: Reading, max_commits: int, url: str | None = None) -> Iterator[Change]:
    with Blobs(repository) as blobs:
        origin = repository_origin(location, repository, blobs, url)
        for edit in _edits(repository, max_commits, reading):
            record = blobs.read(edit.commit, MAX_CONTENT_BYTES)
            before, after = blobs.read(edit.before, MAX_CONTENT_BYTES), blobs.read(edit.after, MAX_CONTENT_BYTES)
            if record is None or before is None or after is None:
                reading.skip("commit_too_large")
                continue
            author, seconds, message = _parsed(record)
            yield Change(origin.repository, origin.licence, edit.commit, author, seconds, message, edit.path, before, after)


def _edits(repository: Path, max_commits: int, reading: Reading) -> Iterator[_Edit]:
    """The commits that change one file and nothing else; others are counted. Merges are not looked at."""
    with tempfile.TemporaryFile() as commits, tempfile.TemporaryFile() as listing:
        run_git(repository, "rev-list", "--no-merges", f"--max-count={max_commits}", "HEAD", output=commits)
        commits.seek(0)
        options = ("--stdin", "-r", "-z", "--root", "--no-renames", "--no-abbrev", "--raw", "--no-ext-diff", "--no-textconv")
        run_git(repository, "diff-tree", *options, output=listing, source=commits)
        for commit, entries in _listed(listing):
            if len(entries) != 1 or entries[0][0].split()[4] != "M":
                reading.skip("commit_of_many_files" if len(entries) > 1 else "commit_without_before_and_after")
                continue
            (old_mode, new_mode, before, after, _), path = entries[0][0].split(), entries[0][1]
            if is_binary_name(path) or {old_mode, new_mode} & {*_LINK_OR_SUBMODULE} or before == after:
                reading.skip("commit_of_no_text")
            else:
                yield _Edit(commit, path, before, after)


def _listed(listing: IO[bytes]) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """(commit, [(what changed, path)]) of `diff-tree --stdin -z`: every field ends in NUL, and those of a change begin with a colon."""
    commit, change = "", None
    entries: list[tuple[str, str]] = []
    for token in _tokens(listing):
        if change is not None:
            if len(entries) < 2:  # more are not looked at
                entries.append((change, token))
            change = None
        elif token.startswith(":"):
            change = token[1:]
        else:
            if commit:
                yield commit, entries
            commit, entries = token, []
    if commit:
        yield commit, entries


def _tokens(listing: IO[bytes]) -> Iterator[str]:
    listing.seek(0)
    rest = b""
    while data := listing.read(_READ_BYTES):
        *whole, rest = (rest + data).split(b"\0")
        yield from (token.decode("utf-8", "replace") for token in whole)


def _parsed(record: bytes) -> tuple[str, int, str]:
    """Author, time and message of a commit object."""
    header, _, message = record.decode("utf-8", "replace").partition("\n\n")
    found = re.search(r"^author (.*) (-?\d+) [+-]\d+$", header, re.MULTILINE)
    return (found[1], int(found[2]), message) if found else ("", 0, message)


def _exported(row: Any, where: str, reading: Reading) -> Iterator[Change]:
    row = row if isinstance(row, dict) else {}
    names, difference, author = row.get("repo_name"), row.get("difference"), row.get("author")
    repository = names[0] if isinstance(names, list) and names else names
    if not (
        isinstance(repository, str) and isinstance(row.get("commit"), str) and isinstance(difference, list) and isinstance(author, dict)
    ):
        reading.bad(InputError(f"{where}: no commit (wanted commit, repo_name, author and difference); take it out"), "no_commit")
        return
    if len(difference) != 1 or not isinstance(difference[0], dict):
        reading.skip("commit_of_many_files" if difference else "commit_without_before_and_after")
        return
    edit = difference[0]
    before, after, path = edit.get("old_contents"), edit.get("new_contents"), edit.get("new_path")
    if not (isinstance(before, str) and isinstance(after, str) and isinstance(path, str)):
        reading.skip("commit_without_contents")
        return
    who = f"{author.get('name', '')} <{author.get('email', '')}>"
    under = licence(row["license"] if isinstance(row.get("license"), str) else None, "repository")
    stated = str(author.get("time_sec"))
    yield Change(
        repository=repository,
        under=under,
        commit=row["commit"],
        author=who,
        seconds=int(stated) if stated.isdigit() else 0,
        message=str(row.get("message") or row.get("subject") or ""),
        path=path,
        before=before.encode("utf-8", "replace"),
        after=after.encode("utf-8", "replace"),
    )
