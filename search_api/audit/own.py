"""Is a source our own code? By what the settings name, and what git remotes and package manifests say.

Inferred are repositories and packages, never a whole owner: that two projects have one owner does not give them one licence.

Not here: what remains of a finding without its own sources (`search_api.audit.findings`).
"""

from __future__ import annotations

import json
import subprocess
import tomllib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pathspec import GitIgnoreSpec

from curation.metadata import github_repository
from indexer.answers import Attribution, Document, Exclusion, Source
from search_api.audit import settings

_OWN_LINKS = frozenset({"repository", "source", "source code", "code", "github", "homepage"})  # a link of another name may be anybody's


@dataclass(frozen=True, slots=True)
class OwnCode:
    """What the index is asked to leave out, and patterns of paths in the project that need no source."""

    exclusions: tuple[Exclusion, ...]
    paths: GitIgnoreSpec
    content_ids: frozenset[str]

    @classmethod
    def of(cls, given: settings.Own, inferred: Iterable[str] = ()) -> OwnCode:
        """From the settings, and repositories that were inferred."""
        repositories = dict.fromkeys(name.lower() for name in (*given.repositories, *inferred))
        blobs = frozenset(blob.lower() for blob in given.content_ids)
        exclusions = (
            *(Exclusion(owner=owner.lower()) for owner in given.owners),
            *(Exclusion(repository=name) for name in repositories),
            *(Exclusion(content_id=blob) for blob in sorted(blobs)),
        )
        return cls(exclusions, GitIgnoreSpec.from_lines(given.paths), blobs)

    def holds_file(self, path: str, blob_id: str) -> bool:
        """Whether a file of the project needs no source: the settings say that it is ours."""
        return blob_id in self.content_ids or bool(self.paths.match_file(path))


@dataclass(frozen=True, slots=True)
class OurSpan:
    """Code points [start, end) of a file that a document of ours holds, and copies of it elsewhere that say nothing else."""

    start: int
    end: int
    document_id: str
    copies: tuple[str, ...]


def our_spans(answer: Attribution, exclusions: Iterable[Exclusion]) -> tuple[OurSpan, ...]:
    """Where documents of ours hold a text. What is folded under one of ours as its likely original is a copy of it."""
    known = tuple(exclusions)
    found = []
    for source in answer.sources if known else ():
        copies = tuple(copy.document_id for copy in source.copies) if is_ours(source, known) else ()
        for one in (source, *source.copies):
            if is_ours(one, known):
                found += [OurSpan(answer.spans[m.span].start, answer.spans[m.span].end, one.document_id, copies) for m in one.matches]
    return tuple(found)


def is_ours(source: Source, exclusions: Iterable[Exclusion]) -> bool:
    """Whether one of the exclusions names a source, by owner, repository or content."""
    owner = (source.owner or source.repository.partition("/")[0]).lower()
    content_id = (source.swhid or "").removeprefix("swh:1:cnt:").partition(";")[0]
    return any(
        one.owner in (None, owner) and one.repository in (None, source.repository.lower()) and one.content_id in (None, content_id)
        for one in exclusions
    )


def is_copy(theirs: Source, ours: Iterable[OurSpan], document: Callable[[str], Document]) -> bool:
    """Whether a source is a copy of ours: folded under it, or known to be younger. What is unknown proves nothing."""
    holding = list(ours)
    if any(theirs.document_id in one.copies for one in holding):
        return True
    date = document(theirs.document_id).first_seen if holding else None
    if date is None:
        return False
    return any((mine := document(one.document_id).first_seen) is not None and mine < date for one in holding)


def inferred(folders: Iterable[Path]) -> Iterator[str]:
    """Repositories and packages that the folders are: git remotes, pyproject.toml, package.json, Cargo.toml, go.mod."""
    for folder in folders:
        yield from _remotes(folder)
        yield from _manifests(folder)


def _remotes(folder: Path) -> Iterator[str]:
    command = ["git", "-C", str(folder), "config", "--get-regexp", r"remote\..*\.url"]
    try:
        listed = subprocess.run(command, capture_output=True, text=True, check=False, errors="replace").stdout  # noqa: S603 - no shell
    except OSError:
        return
    for line in listed.splitlines():
        url = line.partition(" ")[2]
        if github := github_repository(url):
            yield "/".join(github)
        elif path := url.rstrip("/").removesuffix(".git").replace(":", "/").split("/")[-2:]:
            yield "/".join(path)


def _manifests(folder: Path) -> Iterator[str]:
    project = manifest(folder, "pyproject.toml")
    for table in (project.get("project", {}), project.get("tool", {}).get("poetry", {})):
        if isinstance(table.get("name"), str):
            yield "pypi/" + table["name"].lower()
        urls = table.get("urls")
        named = urls.items() if isinstance(urls, dict) else ()
        yield from _github(*(url for name, url in named if name.lower() in _OWN_LINKS), table.get("repository"))
    package = manifest(folder, "package.json")
    if isinstance(package.get("name"), str):
        yield "npm/" + package["name"]
    stated = package.get("repository")
    yield from _github(stated.get("url") if isinstance(stated, dict) else stated)
    yield from _github(manifest(folder, "Cargo.toml").get("package", {}).get("repository"))
    try:
        first = (folder / "go.mod").read_text("utf-8", "replace").partition("\n")[0].split()
    except OSError:
        return
    yield from _github(*(f"https://{name}" for name in first[1:2]))


def _github(*urls: Any) -> Iterator[str]:
    for url in urls:
        if isinstance(url, str) and (found := github_repository(url)):
            yield "/".join(found)


def manifest(folder: Path, name: str) -> dict[str, Any]:
    """A package manifest's content; {} where it is not there or damaged, which is no fault of an audit."""
    try:
        text = (folder / name).read_text("utf-8")
        parsed = json.loads(text) if name.endswith(".json") else tomllib.loads(text)
    except (OSError, ValueError):
        return {}
    return parsed if isinstance(parsed, dict) else {}
