"""How are an agent's files audited? Contents that it sends, or, where agent and server share a machine, paths inside its roots.

Not here: the audit (`search_api.audit.audit`), the other tools (`search_api.mcp`).
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from pydantic import BaseModel, Field

from indexer.answers import Use
from indexer.errors import InputError
from search_api.audit import settings as audit_settings
from search_api.audit.audit import Request, run
from search_api.audit.model import Audit
from search_api.audit.settings import Own, Settings

if TYPE_CHECKING:
    from indexer.stored import StoredIndex
    from search_api.client import Client

MOST_FILES = 200
MOST_CHARACTERS = 2_000_000


class FileContent(BaseModel):
    """A file that an agent sends."""

    path: str = Field(description="Its path in the project, with / between folders.", examples=["src/a.py"])
    content: str = Field(description="Its text.", examples=["import os\n"])


def audit_contents(index: StoredIndex | Client, files: Sequence[FileContent], use: Use, project_license: str | None) -> Audit:
    """The audit of some contents, in a folder of its own that is gone afterwards. Raises InputError."""
    if len(files) > MOST_FILES or sum(len(file.content) for file in files) > MOST_CHARACTERS:
        raise InputError(f"at most {MOST_FILES} files of {MOST_CHARACTERS} characters together; ask in several calls")
    with tempfile.TemporaryDirectory(prefix="wherefrom-mcp-") as name:
        folder = Path(name)
        for file in files:
            place = folder / _inside(file.path)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(file.content, "utf-8", newline="")
        settings = Settings(use=use, project_license=project_license, own=Own(infer=False))
        return run(index, Request((folder,), settings)).audit


def _inside(path: str) -> PurePosixPath:
    """The path, if it stays inside the folder. Raises InputError."""
    given = PurePosixPath(path)
    if given.is_absolute() or ".." in given.parts or not given.parts or "\0" in path or any(len(part) > 200 for part in given.parts):
        raise InputError(f"{path!r}: wanted a relative path without '..', such as src/a.py")
    return given


def audit_paths(
    index: StoredIndex | Client, paths: Sequence[str], roots: Sequence[str], use: Use | None, project_license: str | None
) -> Audit:
    """The audit of files and folders inside the client's roots, with the settings that stand there. Raises InputError."""
    folders = [Path(unquote(urlsplit(root).path)).resolve() for root in roots if urlsplit(root).scheme == "file"]
    if not folders:
        raise InputError("the client names no folder as a root; name one there, or send the contents of the files")
    places = [_allowed(path, folders) for path in paths]
    found = audit_settings.find(places[0] if places[0].is_dir() else places[0].parent)
    settings = audit_settings.read(found) if found and any(found.is_relative_to(folder) for folder in folders) else Settings()
    settings = replace(settings, use=use or settings.use, project_license=project_license or settings.project_license)
    return run(index, Request(tuple(places), settings)).audit


def _allowed(path: str, folders: Sequence[Path]) -> Path:
    """The path, links resolved; relative ones belong to the first root. Raises InputError where it lies outside."""
    place = (folders[0] / path).resolve()
    if not any(place.is_relative_to(folder) for folder in folders):
        raise InputError(f"{path}: lies outside the client's roots")
    return place
