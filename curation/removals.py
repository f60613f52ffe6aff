"""What was asked to be left out?

A removals file is JSON Lines, one request a line: exactly one of `repository`, `owner`, `content_id`, `author`, and if wanted
`reason` and `requested` (a date), which are for people.

    {"repository": "ada/engine", "reason": "asked by its owner", "requested": "2026-03-01"}
    {"owner": "grace"}
    {"content_id": "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"}
    {"author": "linus@example.org"}

Case does not matter, as on GitHub. While a dataset is collected, authors are known by their accounts; what was published numbers
them, so there they are found through the steward's key (`Removals.with_key`). A thread goes whole where a removed author speaks, or
is called by @login or address, since others answer and quote them; so does a commit whose trailers name one. Files know no authors.

Not here: which rows of a dataset fall under it (`curation.removed_rows`), who may read the key (`curation.steward`), removing from an
index (`indexer.stores.local.removal`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

from indexer.errors import InputError

KINDS = ("repository", "owner", "content_id", "author")
_FIELDS = frozenset({*KINDS, "reason", "requested"})
_FORMS = {"repository": r"[^\s:]+", "owner": r"[^\s:/]+", "content_id": r"[0-9a-f]{40}", "author": r"\S.*"}
_WANTED = {"repository": "a name such as owner/name", "owner": "a name", "content_id": "40 hex digits", "author": "a name or address"}
# @login, also in Markdown's _italics_; an address
_CALLED = re.compile(r"(?<![^\W_])@([A-Za-z0-9](?:[\w-]*[A-Za-z0-9])?(?:\[bot\])?)|([\w.+-]+@[\w-]+(?:\.[\w-]+)+)")
_NO_REPLY = "@users.noreply.github.com"  # LOGIN or NUMBER+LOGIN stands before it
_VERSION = re.compile(r"[-_]\d.*$|\.(git|dsc|jsonl|parquet|tgz|tar\.\w+|whl|zip)$")
Place = tuple[str, str, str]  # dataset, place, number


@dataclass(frozen=True, slots=True)
class Removals:
    """Who and what is left out, all in lower case. `places` is where the authors speak, None while no key was read."""

    repositories: frozenset[str] = frozenset()
    owners: frozenset[str] = frozenset()
    content_ids: frozenset[str] = frozenset()
    authors: frozenset[str] = frozenset()
    places: frozenset[Place] | None = None

    @classmethod
    def read(cls, path: str | Path) -> Removals:
        """Reads a removals file. Raises InputError with file and line for what is no request."""
        named: dict[str, set[str]] = {kind: set() for kind in KINDS}
        for kind, name in _requests(Path(path)):
            named[kind].add(name)
        repositories, owners, content_ids, authors = (frozenset(named[kind]) for kind in KINDS)
        return cls(repositories, owners, content_ids, authors)

    def with_key(self, steward: Path, why: str) -> Removals:
        """These removals, with what a steward's key says of the authors, beside other keys read before; the look is logged."""
        if not self.authors:
            return self
        from curation.steward import places_of_any  # noqa: PLC0415 - pyarrow, which an audit does without

        found = frozenset((alias.dataset, alias.place, alias.number) for alias in places_of_any(steward, self.authors, why))
        return replace(self, places=(self.places or frozenset()) | found)

    def reason(self, repository: str | None, owner: str | None, content_id: str | None, authors: Iterable[str] = ()) -> str | None:
        """Why a row is left out ("removed_repository", "removed_owner", "removed_content_id", "removed_author"), None where it stays.

        A repository's owner is also what stands before its slash, whatever its metadata says; "engine" of the owner ada is ada/engine.
        """
        name = (repository or "").lower()
        if name in self.repositories or (owner and f"{owner}/{name}".lower() in self.repositories):
            return "removed_repository"
        if (owner or "").lower() in self.owners or ("/" in name and name.partition("/")[0] in self.owners):
            return "removed_owner"
        if content_id is not None and content_id.lower() in self.content_ids:
            return "removed_content_id"
        return "removed_author" if any(map(self.is_author, authors)) else None

    def owns(self, url: str) -> bool:
        """Whether a part of a URL's path is a removed owner: hosts differ in where an owner stands."""
        return not self.owners.isdisjoint(part.lstrip("~") for part in re.split(r"[/:]", url.lower())[:-1])

    def is_author(self, account: str) -> bool:
        """Whether an account, or an author such as "Ada <a@b.org>", is to be left out."""
        return bool(self.authors) and not self.authors.isdisjoint(names_of(account.lower()))

    def calls(self, text: str) -> bool:
        """Whether a text names a removed author as @login or by address. "Thanks, @Ada!" -> True where ada is removed"""
        called = (login or address.strip("_") for login, address in _CALLED.findall(text)) if self.authors else ()
        return any(map(self.is_author, called))

    def named_in(self, place: str) -> bool:
        """Whether a path or URL has a removed owner or repository among its words, a version after it or not.
        "npm:/srv/rich-13.0.tgz" -> True where pypi/rich is removed: rather one place too many than one that names somebody."""
        words = {_VERSION.sub("", word) for word in re.split(r"[/:@=~]", place.lower())}
        parts = (repository.replace("@", "").split("/") for repository in self.repositories)
        names = self.owners.union(*({each[-1], "-".join(each[1:])} for each in parts))
        return not names.isdisjoint({*words, *(word.replace("_", "-") for word in words)})

    def stated(self) -> dict[str, int]:
        """How many of each kind were asked for: a manifest is public and names nobody."""
        named = (self.repositories, self.owners, self.content_ids, self.authors)
        return {kind: len(names) for kind, names in zip(KINDS, named, strict=True) if names}


NOBODY = Removals()


def names_of(account: str) -> tuple[str, ...]:
    """What an account, in lower case, may be called. "ada <a@b.org>" -> itself, "ada", "a@b.org"; GitHub's 7+ada@users.noreply.github.com
    is ada too."""
    name, bracket, address = account.partition("<")
    names = (account, name.strip(), address.rstrip(">")) if bracket else (account,)
    return *names, *(each.removesuffix(_NO_REPLY).rpartition("+")[2] for each in names if each.endswith(_NO_REPLY))


def _requests(path: Path) -> Iterator[tuple[str, str]]:
    try:
        lines = path.read_bytes().decode("utf-8-sig").split("\n")
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); name a removals file") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 (byte {error.start}); a removals file is JSON Lines in UTF-8") from error
    for number, line in enumerate(lines, start=1):
        if line.strip():
            yield _request(line, f"{path}:{number}")


def _request(line: str, where: str) -> tuple[str, str]:
    try:
        request = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InputError(f'{where}: not JSON ({error}); wanted one object a line, such as {{"owner": "ada"}}') from error
    if not isinstance(request, dict):
        raise InputError(f'{where}: got {type(request).__name__}, wanted an object such as {{"owner": "ada"}}')
    if unknown := sorted(set(request) - _FIELDS):
        raise InputError(f"{where}: unknown field {', '.join(unknown)}; wanted {', '.join(KINDS)}, reason, requested")
    kinds = [kind for kind in KINDS if kind in request]
    if len(kinds) != 1:
        raise InputError(f"{where}: got {', '.join(kinds) or 'none'}, wanted exactly one of {', '.join(KINDS)}; write one request a line")
    kind, name = kinds[0], request[kinds[0]]
    if not isinstance(name, str) or not re.fullmatch(_FORMS[kind], folded := name.strip().lower()):
        raise InputError(f"{where}: {kind} is {name!r}, wanted {_WANTED[kind]}")
    _check_notes(request, where)
    return kind, folded


def _check_notes(request: dict[str, Any], where: str) -> None:
    if not isinstance(request.get("reason", ""), str):
        raise InputError(f"{where}: reason is {request['reason']!r}, wanted text")
    try:
        date.fromisoformat(request.get("requested", "2000-01-01"))
    except (TypeError, ValueError):
        raise InputError(f"{where}: requested is {request['requested']!r}, wanted a date such as 2026-03-01") from None
