"""An index in a folder, as its users hold it: membership, attribution, search, documents."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

from indexer.answers import (
    GUARANTEE_TOKENS_MEMBERSHIP,
    OFFSET_UNITS,
    Attribution,
    Candidates,
    Document,
    Exclusion,
    FilePage,
    IndexInfo,
    Membership,
    OffsetUnit,
    Partial,
    RepositoryPage,
    SearchPage,
    SpanKind,
    Use,
    Verification,
)
from indexer.attribution.attribute import Ask, attribute
from indexer.attribution.query import as_utf8
from indexer.bloom import asking
from indexer.bloom.export import export_portable
from indexer.bloom.portable import FilterInfo
from indexer.errors import DocumentNotFound, InputError
from indexer.licences.legal import Legal
from indexer.query import pasted
from indexer.query.tree import FieldName
from indexer.segment.excluded import Excluding
from indexer.stores.local.files import candidates, file_page
from indexer.stores.local.legal import legal
from indexer.stores.local.manifest import Manifest
from indexer.stores.local.search import repository_page, search_page
from indexer.stores.local.snapshot import Snapshot

DEFAULT_MIN_TOKENS = GUARANTEE_TOKENS_MEMBERSHIP
MOST_MIN_TOKENS = 1 << 31  # no text has as many
MOST_ROUNDS = 16  # of asking without what was met
SOURCES_A_ROUND = 50


class Index:
    """An opened index folder. Threads may share it; `refresh` follows a generation that was written since."""

    def __init__(self, location: str, snapshot: Snapshot) -> None:
        self.location = location
        self._snapshot = snapshot
        self._last_without: tuple[Snapshot, tuple[Exclusion, ...], Excluding] | None = None

    @classmethod
    def open(cls, location: str | Path) -> Index:
        """Opens an index folder. Raises IndexNotFound, IndexCorrupt, IndexTooNew, SpecMismatch. O(1); maps the files."""
        return cls(str(location), Snapshot.open(Path(location)))

    def __enter__(self) -> Index:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Lets go of the files; memory maps end when the last answer that uses them is gone."""

    def refresh(self) -> None:
        """Follows a new generation, if there is one."""
        if Manifest.read(Path(self.location)).info.generation != self.info.generation:
            self._snapshot = Snapshot.open(Path(self.location))

    @property
    def info(self) -> IndexInfo:
        """Name, version, date, generation, spec, number of documents."""
        return self._snapshot.manifest.info

    @property
    def is_instant(self) -> bool:
        """Whether membership takes microseconds: beside tombstones, whose documents the filter still knows, it looks further."""
        return not self._snapshot.has_tombstones

    def check(self) -> None:
        """Nothing to ask: a folder that is open answers."""

    def membership(self, text: str | bytes, *, offset_unit: OffsetUnit = "utf-32", min_tokens: int | None = None) -> Membership:
        """Whether the text is in the corpus, by the filter; beside tombstones by live postings too. Raises InputError for a bad option."""
        snapshot, least = self._snapshot, least_tokens(offset_unit, min_tokens)
        asked = (as_utf8(text), offset_unit, least, snapshot.manifest.info)
        if snapshot.has_tombstones:
            return asking.membership_by(snapshot.has_fingerprints, snapshot.false_positive_rate, *asked)
        return asking.membership(snapshot.filters, *asked)

    def membership_many(
        self, texts: Iterable[str | bytes], *, offset_unit: OffsetUnit = "utf-32", min_tokens: int | None = None
    ) -> list[Membership]:
        """`membership` of each text, in order, on all cores."""
        return _spread(lambda text: self.membership(text, offset_unit=offset_unit, min_tokens=min_tokens), texts)

    def attribute(
        self,
        text: str | bytes,
        *,
        offset_unit: OffsetUnit = "utf-32",
        limit: int = 10,
        kinds: Sequence[SpanKind] | None = None,
        sensitivity: float = 0.5,
        use: Use | None = None,
        project_license: str | None = None,
        exclude: Sequence[Exclusion] = (),
        timeout_ms: int | None = None,
    ) -> Attribution:
        """Where the text comes from: verified spans, ranked sources, licences, notice. Raises InputError for a bad option.

        `obligations` are told for a `use`, and for a `project_license` what does not go with it. The answer is that of an index without
        what `exclude` names.
        """
        snapshot, ask = self._snapshot, ask_of(offset_unit, limit, kinds, sensitivity, timeout_ms)
        if exclude:
            answer = self._attribute_without(snapshot, tuple(exclude), text, ask)
        else:
            answer = attribute(snapshot.segments, snapshot.manifest.info, text, ask)
        if use is None and project_license is None:
            return answer
        from indexer.licences.asked import asked  # noqa: PLC0415 - reads tables that most questions do not need

        return replace(answer, obligations=asked(answer.sources, use, project_license))

    def attribute_many(
        self,
        texts: Iterable[str | bytes],
        *,
        offset_unit: OffsetUnit = "utf-32",
        limit: int = 10,
        kinds: Sequence[SpanKind] | None = None,
        sensitivity: float = 0.5,
        use: Use | None = None,
        project_license: str | None = None,
        exclude: Sequence[Exclusion] = (),
        timeout_ms: int | None = None,
    ) -> list[Attribution]:
        """`attribute` of each text, in order, on all cores."""
        return _spread(
            lambda text: self.attribute(
                text,
                offset_unit=offset_unit,
                limit=limit,
                kinds=kinds,
                sensitivity=sensitivity,
                use=use,
                project_license=project_license,
                exclude=exclude,
                timeout_ms=timeout_ms,
            ),
            texts,
        )

    def _attribute_without(self, snapshot: Snapshot, exclude: tuple[Exclusion, ...], text: str | bytes, ask: Ask) -> Attribution:
        """The answer without what is excluded. What an exclusion names by path or content alone is found by asking until none is left."""
        without, info = self._without(snapshot, exclude), snapshot.manifest.info
        if not without.unlocated:
            return attribute(without.segments, info, text, ask)
        for _ in range(MOST_ROUNDS):
            if not without.met(attribute(without.segments, info, text, replace(ask, limit=max(ask.limit, SOURCES_A_ROUND)))):
                return attribute(without.segments, info, text, ask)
        answer = attribute(without.segments, info, text, ask)
        reasons = answer.partial.reasons if answer.partial else ()
        return replace(answer, status="partial", partial=Partial((*reasons, "exclude")))

    def _without(self, snapshot: Snapshot, exclude: tuple[Exclusion, ...]) -> Excluding:
        """The segments without what is excluded; kept for the next question, which mostly excludes the same."""
        kept = self._last_without
        if kept is None or kept[0] is not snapshot or kept[1] != exclude:
            without_nothing(exclude)
            kept = snapshot, exclude, Excluding.of(snapshot.segments, exclude)
            self._last_without = kept
        return kept[2]

    def candidates(self, fingerprints: Sequence[int], *, limit: int = 20) -> Candidates:
        """Files that hold some fingerprints of the exact channel; for whoever keeps the text and verifies it. Raises InputError."""
        return candidates(self._snapshot, fingerprints, limit)

    def document(self, document_id: str) -> Document:
        """A document with its content. Raises DocumentNotFound."""
        for segment in self._snapshot.segments:
            doc = segment.find(document_id)
            if doc is not None:
                row = segment.row(doc) | {"content": segment.content(doc).decode("utf-8", "replace")}
                return Document(**(row | {"licenses": tuple(row["licenses"])}))
        raise DocumentNotFound(
            f"no document {document_id!r} in {self.info.name}; ids are 24 hex digits, as `sources[].document_id` gives them"
        )

    def search(
        self,
        query: str,
        *,
        language: str | None = None,
        license: str | None = None,  # noqa: A002 - the field's name
        repository: str | None = None,
        owner: str | None = None,
        limit: int = 10,
        cursor: str | None = None,
    ) -> SearchPage:
        """Documents that a query of the search language finds, best first; of pasted lines of code their attribution instead.

        Raises QueryError, InputError for a bad cursor.
        """
        if pasted.is_pasted(query):
            return pasted.page(query, self.attribute(query), self.info)
        filters: dict[FieldName, str | None] = {"language": language, "license": license, "repository": repository, "owner": owner}
        return search_page(self._snapshot, query, filters, limit, cursor)

    def repositories(self, *, owner: str | None = None, limit: int = 100, cursor: str | None = None) -> RepositoryPage:
        """Repositories of an owner (case does not matter), or all, in alphabetical order. Raises InputError for a bad cursor."""
        return repository_page(self._snapshot, owner, limit, cursor)

    def legal(self, repository: str) -> Legal:
        """The licence texts, notices and copyright lines stored of a repository; empty where there are none."""
        return legal(self._snapshot, repository)

    def files(self, repository: str, *, limit: int = 100, cursor: str | None = None) -> FilePage:
        """The files of one repository (case does not matter), without contents. Raises InputError for a bad cursor."""
        return file_page(self._snapshot, repository, limit, cursor)

    @property
    def filter_is_at_hand(self) -> bool:
        """Whether the membership filter can be exported as it lies there, as a folder's can."""
        return True

    def export_filter(self, out: Path, as_of: str) -> FilterInfo:
        """Writes the membership filter as one file for testing offline; `as_of` is the present, ISO 8601. Raises OutOfSpace, InputError."""
        snapshot = self._snapshot
        return export_portable(snapshot.filters, snapshot.manifest.info, as_of, out, snapshot.segments)

    def describe(self) -> dict[str, Any]:
        """What the index holds and how many bytes each part takes."""
        return self._snapshot.describe()

    def verify(self, progress: Callable[[int], None] | None = None) -> Verification:
        """Reads every byte and compares it with its checksum; `progress(bytes)`."""
        return self._snapshot.verify(progress)


def least_tokens(offset_unit: OffsetUnit, min_tokens: int | None) -> int:
    """How long a run of hits makes a member. Raises InputError for options that no store takes."""
    _check_unit(offset_unit)
    least = DEFAULT_MIN_TOKENS if min_tokens is None else min_tokens
    if not 1 <= least <= MOST_MIN_TOKENS:
        raise InputError(f"min_tokens is {least}; it takes 1 to {MOST_MIN_TOKENS}")
    return least


def ask_of(offset_unit: OffsetUnit, limit: int, kinds: Sequence[SpanKind] | None, sensitivity: float, timeout_ms: int | None) -> Ask:
    """The options of an attribution. Raises InputError for what no store takes."""
    _check_unit(offset_unit)
    if limit < 1 or not 0 <= sensitivity <= 1 or (timeout_ms is not None and timeout_ms < 1):
        raise InputError(f"limit is {limit}, sensitivity {sensitivity}, timeout_ms {timeout_ms}; wanted at least 1, 0 to 1, at least 1")
    wanted: tuple[SpanKind, ...] = ("exact", "renamed") if kinds is None else tuple(kinds)
    if not wanted or any(kind not in ("exact", "renamed") for kind in wanted):
        raise InputError(f"kinds is {list(wanted)}; it takes exact, renamed or both")
    return Ask(offset_unit, limit, wanted, sensitivity, timeout_ms)


def without_nothing(exclude: Sequence[Exclusion]) -> None:
    """Raises InputError for an exclusion that names nothing: it would leave out everything."""
    if any(exclusion == Exclusion() for exclusion in exclude):
        raise InputError("an exclusion names nothing; give it an owner, repository, path or content_id")


def _check_unit(unit: str) -> None:
    if unit not in OFFSET_UNITS:
        raise InputError(f"offset_unit is {unit!r}; it takes {', '.join(OFFSET_UNITS)}")


def _spread(work: Callable[[str | bytes], Any], items: Iterable[str | bytes]) -> list[Any]:
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(work, items))
