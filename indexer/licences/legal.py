"""What does a repository say of its licence, in its own words? Licence and NOTICE texts, and who holds the copyright.

Not here: what a licence asks for (`indexer.licences.obligations`), where these texts are stored (`indexer.stores.local`).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class NamedText:
    """A file's path in its repository, and its text."""

    path: str
    text: str


@dataclass(frozen=True, slots=True)
class Legal:
    """The legal texts of one repository; empty where the index holds none."""

    license_texts: tuple[NamedText, ...] = ()
    notice_texts: tuple[NamedText, ...] = ()
    copyright_lines: tuple[str, ...] = ()
