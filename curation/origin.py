"""What is known about a file and the place it comes from, before it becomes a row?

A source is a function `(Reading) -> Iterator[SourceFile]`; every file carries its Origin, the repository or package, so
that the table of repositories follows from the files and needs no second pass.

Not here: how files become record batches (`curation.batches`), how each kind of source reads (`curation.sources`).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache

from curation.licence_texts import NO_TEXTS, LegalTexts
from curation.removals import NOBODY, Removals
from indexer.errors import WherefromError
from indexer.licences.categories import license_ids, license_type

MAX_FILE_BYTES = 5_000_000  # larger files are data, not source: skipped and counted


_HINT = " (--skip-bad goes on without it)"


@dataclass(frozen=True, slots=True)
class Licence:
    """A licence and how it became known (`tag`, `header`, `license_file`, `package`, `repository`; None: nothing found)."""

    ids: tuple[str, ...]
    expression: str | None
    type: str
    evidence: str | None


@lru_cache(1 << 14)
def licence(expression: str | None, evidence: str | None) -> Licence:
    """The licence of an SPDX expression, None where nothing is known. "MIT OR Apache-2.0" -> ids ("MIT", "Apache-2.0"), type permissive."""
    return Licence(license_ids(expression), expression, license_type(expression), evidence)


@dataclass(frozen=True, slots=True)
class Origin:
    """The repository or package that files come from. `link` is a pinned URL with `{path}` in it,
    `url` the pinned page of the whole tree, where the host has them."""

    repository: str
    source: str
    licence: Licence
    owner: str | None = None
    commit: str | None = None
    purl: str | None = None
    project_url: str | None = None
    link: str | None = None
    url: str | None = None
    stars: int | None = None
    forks: int | None = None
    is_fork: bool | None = None
    first_seen: datetime | None = None
    texts: LegalTexts = NO_TEXTS


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file as found: `content` is its bytes, or text where the source stores decoded text.

    What a source states (`content_id`, `size`, `encoding`, `language`, ...) wins over what is worked out from path and bytes.
    """

    origin: Origin
    path: str
    content: bytes | str
    content_id: str | None = None
    size: int | None = None
    encoding: str | None = None
    language: str | None = None
    url: str | None = None
    is_vendored: bool | None = None
    is_generated: bool | None = None
    is_test: bool | None = None
    cluster_id: str | None = None
    licence: Licence | None = None  # where the source knows it file by file
    original_content_id: str | None = None  # where it was redacted already


@dataclass(frozen=True, slots=True)
class CloneLimits:
    """What cloning one repository, or downloading one package, may cost before it is given up."""

    seconds: float = 600.0
    n_bytes: int = 2_000_000_000  # of what is kept on disk


def _ignore(_message: str) -> None:
    """Nobody listens."""


@dataclass(slots=True)
class Reading:
    """The account of one run over sources: what was skipped and why, what to leave out, and what to do with unreadable input."""

    skip_bad: bool = False
    warn: Callable[[str], None] = _ignore
    skipped: Counter[str] = field(default_factory=Counter)
    clone: CloneLimits = CloneLimits()
    contents: Callable[[str], bytes | None] | None = None  # by blob id, for tables that name blobs only
    removals: Removals = NOBODY  # what was asked to be left out
    noted: Counter[str] = field(default_factory=Counter)  # odd, and taken all the same

    def skip(self, reason: str) -> None:
        """Counts one file that is left out on purpose."""
        self.skipped[reason] += 1

    def note(self, what: str) -> None:
        """Counts one file that is taken although something about it is odd."""
        self.noted[what] += 1

    def bad(self, error: WherefromError, reason: str = "unreadable") -> None:
        """Input that cannot be read: raised, or named, counted and skipped where the user asked for that."""
        if not self.skip_bad:
            raise error if str(error).endswith(_HINT) else type(error)(f"{error}{_HINT}")
        self.skipped[reason] += 1
        self.warn(str(error))


Source = Callable[[Reading], Iterator[SourceFile]]


def without_secrets(name: str) -> str:
    """A SOURCE string fit to be written down. "git:https://user:token@host/x" -> "git:https://host/x" """
    return re.sub(r"//[^/@\s]+@", "//", name)
