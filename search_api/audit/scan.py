"""What does the index say of each file? One pass over the files: read, decode, look into the cache, ask.

Every file is attributed whole. The membership filter is no gate here: it answers for exact runs of 33 tokens, attribution for 20
and for renamed code, so a file that the filter lets pass may hold a finding.

Not here: which files (`search_api.audit.files`), what an answer means for the project (`search_api.audit.findings`).
"""

from __future__ import annotations

import codecs
import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from curation.decoding import decode
from indexer.answers import Attribution, Exclusion
from indexer.errors import InputError, TimedOut
from search_api.audit.asking import LIMIT, answers
from search_api.audit.cache import Cache
from search_api.audit.files import Entry, Skipped
from search_api.audit.own import OurSpan, our_spans
from search_api.audit.settings import MAX_FILE_BYTES

if TYPE_CHECKING:
    from indexer.stored import StoredIndex
    from search_api.client import Client

_OPTIONS = f"limit={LIMIT}"
_CODECS = {"UTF-8-SIG": "utf-8", "UTF-16LE": "utf-16-le", "UTF-16BE": "utf-16-be", "UTF-32LE": "utf-32-le", "UTF-32BE": "utf-32-be"}
_MARKS = {
    "UTF-8-SIG": codecs.BOM_UTF8,
    "UTF-16LE": codecs.BOM_UTF16_LE,
    "UTF-16BE": codecs.BOM_UTF16_BE,
    "UTF-32LE": codecs.BOM_UTF32_LE,
    "UTF-32BE": codecs.BOM_UTF32_BE,
}


@dataclass(frozen=True, slots=True)
class Scanned:
    """A file and what the index says of it beside our own code, which is in `ours`; without `answer` it was not scanned, for `reason`."""

    entry: Entry | Skipped
    text: str = ""
    encoding: str = "UTF-8"
    blob_id: str = ""
    sha1: str = ""
    answer: Attribution | None = None
    ours: tuple[OurSpan, ...] = ()
    reason: str | None = None

    @property
    def lines(self) -> frozenset[int] | None:
        """The lines that count; None: all."""
        return self.entry.lines if isinstance(self.entry, Entry) else None

    def byte_offset(self, offset: int) -> int:
        """Code points -> the file's own bytes."""
        return len(_MARKS.get(self.encoding, b"")) + len(self.text[:offset].encode(self.codec))

    @property
    def codec(self) -> str:
        """The file's encoding as Python calls it, without a mark."""
        return _CODECS.get(self.encoding, self.encoding)

    def encoded(self, text: str) -> bytes:
        """Another text in the file's encoding, mark included; what it cannot express becomes a question mark."""
        return _MARKS.get(self.encoding, b"") + text.encode(self.codec, "replace")


@dataclass(slots=True)
class Progress:
    """How far a scan is; `told` is called after each file. `cached` counts files that nobody had to be asked about."""

    told: Callable[[Progress], None] = lambda _progress: None
    files: int = 0
    cached: int = 0

    def done(self, was_cached: bool) -> None:
        """One file more."""
        self.files += 1
        self.cached += was_cached
        self.told(self)


def scan(
    index: StoredIndex | Client,
    entries: Iterable[Entry | Skipped],
    cache: Cache,
    *,
    exclude: tuple[Exclusion, ...] = (),
    jobs: int = 1,
    max_file_bytes: int = MAX_FILE_BYTES,
    progress: Progress | None = None,
) -> Iterator[Scanned]:
    """Every entry with its answer, in order. Raises what ends the whole scan; what was answered until then is in the cache."""
    told, asked = progress or Progress(), index.info
    for read, answer in answers(index, _unanswered(entries, cache, exclude, max_file_bytes), exclude, jobs):
        told.done(read.answer is not None)
        if answer is None:
            yield read
        elif isinstance(answer, tuple):
            found, without_ours = answer
            if found.index == asked:  # not that of a generation which came meanwhile
                cache.put(read.text, _OPTIONS, found)
            if without_ours is not None and without_ours.index == asked:
                cache.put(read.text, f"{_OPTIONS} {exclude}", without_ours)
            yield _answered(read, found, without_ours, exclude)
        else:
            yield Scanned(read.entry, reason="timed out" if isinstance(answer, TimedOut) else f"refused: {answer}")


def _unanswered(
    entries: Iterable[Entry | Skipped], cache: Cache, exclude: tuple[Exclusion, ...], max_file_bytes: int
) -> Iterator[tuple[Scanned, str | None]]:
    """Each entry as read, with its text where somebody has to be asked about it."""
    for entry in entries:
        read = _read(entry, max_file_bytes)
        if read.reason is None and (found := cache.get(read.text, _OPTIONS)):
            has_ours = bool(our_spans(found, exclude))
            without_ours = cache.get(read.text, f"{_OPTIONS} {exclude}") if has_ours else None
            if without_ours or not has_ours:
                read = _answered(read, found, without_ours, exclude)
        yield read, read.text if read.reason is None and read.answer is None else None


def _answered(read: Scanned, found: Attribution, without_ours: Attribution | None, exclude: tuple[Exclusion, ...]) -> Scanned:
    return replace(read, answer=without_ours or found, ours=our_spans(found, exclude) if without_ours else ())


def _read(entry: Entry | Skipped, max_file_bytes: int) -> Scanned:
    """The entry's text, or why it has none."""
    if isinstance(entry, Skipped):
        return Scanned(entry, reason=entry.reason)
    if entry.size > max_file_bytes:
        return Scanned(entry, reason=f"too large: {entry.size} bytes, the limit is {max_file_bytes}")
    try:
        content = entry.read()
    except OSError as error:
        return Scanned(entry, reason=f"unreadable: {error.strerror}")
    except InputError as error:
        return Scanned(entry, reason=f"unreadable: {error}")
    decoded = decode(content)
    if decoded is None:
        return Scanned(entry, reason="binary")
    return Scanned(entry, decoded.text, decoded.encoding, _blob_id(content), hashlib.sha1(content, usedforsecurity=False).hexdigest())


def _blob_id(content: bytes) -> str:
    """The git blob SHA-1, which the corpus calls a content's id."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def is_incomplete(reason: str) -> bool:
    """Whether a file that was not scanned for this reason should have been: it may hold code."""
    return reason.startswith(("too large", "unreadable", "timed out", "refused", "archive"))
