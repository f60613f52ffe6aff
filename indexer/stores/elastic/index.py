"""An index in a cluster, as its users hold it: membership, attribution, search, documents.

Not here: the same for a folder (`indexer.index`), writing (`writer`).
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from elasticsearch import Elasticsearch
from numpy.typing import NDArray

from indexer.answers import (
    Attribution,
    Candidates,
    Document,
    Exclusion,
    FilePage,
    IndexInfo,
    Membership,
    OffsetUnit,
    RepositoryPage,
    SearchPage,
    SpanKind,
    Use,
    Verification,
)
from indexer.attribution.query import as_utf8
from indexer.bloom import asking
from indexer.bloom.portable import FilterInfo
from indexer.errors import DocumentNotFound, IndexCorrupt, IndexNotFound, IndexTooNew, SpecMismatch
from indexer.fingerprint.spec import SPEC
from indexer.fingerprint.winnow import Fingerprints
from indexer.index import ask_of, least_tokens, without_nothing
from indexer.licences.legal import Legal
from indexer.query import pasted
from indexer.query.tree import FieldName
from indexer.stores.elastic import questions
from indexer.stores.elastic.attribution import attribute
from indexer.stores.elastic.cluster import Until, connect, errors_of, within
from indexer.stores.elastic.files import candidates, file_page
from indexer.stores.elastic.filter_copy import Copy, FilterCopy
from indexer.stores.elastic.filter_making import at_hand, export
from indexer.stores.elastic.mapping import FORMAT_VERSION, altered_fields, meta_in, meta_of, terms_of
from indexer.stores.elastic.questions import Generation, Terms
from indexer.stores.elastic.repositories import legal, repository_page
from indexer.stores.elastic.search import search_page
from indexer.stores.elastic.settings import Place, place_of
from indexer.stores.elastic.verify import verify

_AT_ONCE = 4 * (os.cpu_count() or 1)  # questions of attribute_many: they wait for the cluster more than they compute
_FOLLOWING_MS = 5000  # for seeing whether there is a new generation, or whether anybody answers: somebody waits for more than that
Value = TypeVar("Value")
_OF_THE_TIME = 0.8  # of a question is for verification; the cluster counts afterwards
_NUMBERS = ("documents", "removed_documents", "repositories", "tokens", "text_bytes", "fingerprints")


class ClusterIndex:
    """An opened index in a cluster. Threads may share it; it stays with one generation until `refresh`."""

    def __init__(self, place: Place, client: Elasticsearch, generation: Generation) -> None:
        self.location = place.location
        self._place = place
        self._client = client
        self._generation = generation
        self._filter = FilterCopy(place.filters)

    @classmethod
    def open(cls, location: str) -> ClusterIndex:
        """Finds the generation that the name stands for. Raises InputError, UnusableIndex, BackendUnavailable."""
        place = place_of(location)
        client = connect(place)
        return cls(place, client, current(place, client, place.timeout_ms))

    def __enter__(self) -> ClusterIndex:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connections."""
        self._filter.close()
        self._client.close()

    def refresh(self) -> None:
        """Follows a new generation, if there is one."""
        self._generation = current(self._place, self._client, min(_FOLLOWING_MS, self._place.timeout_ms))

    @property
    def is_instant(self) -> bool:
        """Whether membership takes microseconds: where the filter is here, and knows no document that was removed."""
        generation = self._generation
        copy = self._filter.of(generation)
        return copy is not None and copy.is_exact(generation)

    @property
    def info(self) -> IndexInfo:
        """Name, version, date, generation, spec, number of documents."""
        return self._generation.info

    def membership(self, text: str | bytes, *, offset_unit: OffsetUnit = "utf-32", min_tokens: int | None = None) -> Membership:
        """Whether the text is in the corpus: by the filter once it is here, beside removals by live postings too; until then by its
        fingerprints' terms. Raises InputError for a bad option, BackendUnavailable."""
        generation, least = self._generation, least_tokens(offset_unit, min_tokens)
        asked = (as_utf8(text), offset_unit, least, generation.info)
        copy = self._filter.of(generation)
        if copy is not None and copy.is_exact(generation):
            return asking.membership(copy.blooms, *asked)
        keys = sum(bloom.n_keys for bloom in copy.blooms) if copy is not None else generation.fingerprints
        rate = keys / 2**48  # that another fingerprint is equal by chance
        return asking.membership_by(_held(generation.within(), copy), rate, *asked)

    def membership_many(
        self, texts: Iterable[str | bytes], *, offset_unit: OffsetUnit = "utf-32", min_tokens: int | None = None
    ) -> list[Membership]:
        """`membership` of each text, in order."""
        return _each(lambda text: self.membership(text, offset_unit=offset_unit, min_tokens=min_tokens), texts)

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
        """Where the text comes from, as `Index.attribute` says. Raises InputError for a bad option, BackendUnavailable."""
        ask = ask_of(offset_unit, limit, kinds, sensitivity, timeout_ms)
        without_nothing(exclude)
        most = self._place.timeout_ms if timeout_ms is None else min(timeout_ms, self._place.timeout_ms)
        ask = replace(ask, timeout_ms=max(1, int(_OF_THE_TIME * most)))
        answer = attribute(self._generation.within(timeout_ms), text, ask, exclude)
        if use is None and project_license is None:
            return answer
        from indexer.licences.asked import asked  # noqa: PLC0415 - reads tables that most questions do not need

        return replace(answer, obligations=asked(answer.sources, use, project_license))

    def attribute_many(self, texts: Iterable[str | bytes], **options: Any) -> list[Attribution]:
        """`attribute` of each text with the same options, in order."""
        return _each(lambda text: self.attribute(text, **options), texts)

    def document(self, document_id: str) -> Document:
        """A document with its content. Raises DocumentNotFound, BackendUnavailable."""
        found = self._generation.within().document(document_id) if document_id else None
        if found is None:
            raise DocumentNotFound(
                f"no document {document_id!r} in {self.info.name}; ids are 24 hex digits, as `sources[].document_id` gives them"
            )
        return Document(**(found.row | {"content": found.content, "licenses": tuple(found.row["licenses"])}))

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

        Raises QueryError, InputError, BackendUnavailable.
        """
        if pasted.is_pasted(query):
            return pasted.page(query, self.attribute(query), self.info)
        filters: dict[FieldName, str | None] = {"language": language, "license": license, "repository": repository, "owner": owner}
        return search_page(self._generation.within(), query, filters, limit, cursor)

    def repositories(self, *, owner: str | None = None, limit: int = 100, cursor: str | None = None) -> RepositoryPage:
        """Repositories of an owner (case does not matter), or all, in alphabetical order. Raises InputError, BackendUnavailable."""
        return repository_page(self._generation.within(), owner, limit, cursor)

    def legal(self, repository: str) -> Legal:
        """The licence texts, notices and copyright lines stored of a repository; empty where there are none. Raises BackendUnavailable."""
        return legal(self._generation.within(), repository)

    def files(self, repository: str, *, limit: int = 100, cursor: str | None = None) -> FilePage:
        """The files of one repository (case does not matter), without contents. Raises InputError, BackendUnavailable."""
        return file_page(self._generation.within(), repository, limit, cursor)

    def candidates(self, fingerprints: Sequence[int], *, limit: int = 20) -> Candidates:
        """Files that hold some fingerprints of the exact channel; for whoever keeps the text and verifies it. Raises InputError."""
        return candidates(self._generation.within(), fingerprints, limit)

    def check(self) -> None:
        """Asks every shard, for nothing. Raises UnusableIndex, BackendUnavailable where questions would not be answered."""
        nothing = {"size": 0, "query": {"match_none": {}}}
        self._generation.within(_FOLLOWING_MS).search([nothing], by_idf=True)  # else no shard would be asked, as none can have a hit

    def verify(self, progress: Callable[[int], None] | None = None) -> Verification:
        """Reads every document and every piece of the filter and compares them with their checksums; `progress(bytes)`. The cluster
        checks its own files."""
        return verify(self._generation, progress)

    @property
    def filter_is_at_hand(self) -> bool:
        """Whether the membership filter can be exported without reading every text, and is not larger than may be fetched."""
        with errors_of(self._place):
            return at_hand(self._generation.within())

    def export_filter(self, out: Path, as_of: str) -> FilterInfo:
        """Writes the membership filter as one file, the one that a folder's index of the same documents gives; `as_of` is the present,
        ISO 8601. Beside removals every document is read for it. Raises IndexNotFound where there is none, IndexCorrupt, OutOfSpace,
        InputError, BackendUnavailable."""
        with errors_of(self._place):
            return export(self._generation, out, as_of)

    def describe(self) -> dict[str, Any]:
        """What the index holds and how many bytes it takes, replicas not counted."""
        generation = self._generation.within()
        with errors_of(self._place):
            meta = meta_of(generation.client, generation.index)
            stats = generation.client.indices.stats(index=generation.index, metric="store")["_all"]["primaries"]["store"]
        numbers = {name: meta[name] for name in _NUMBERS if name != "documents"}
        return {"location": self.location, **asdict(self.info), **numbers, "index_bytes": int(stats["size_in_bytes"])}


def _each(ask: Callable[[Any], Value], texts: Iterable[str | bytes]) -> list[Value]:
    """The answers in order, or the first error: what has not begun by then is not asked any more."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        try:
            return list(pool.map(ask, texts))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _held(generation: Generation, copy: Copy | None) -> Callable[[Fingerprints], NDArray[np.bool_]]:
    """Which fingerprints live documents hold; the cluster is asked for those that the filter, if there is one, may hold."""

    def held(prints: Fingerprints) -> NDArray[np.bool_]:
        hits = np.full(len(prints), copy is None)
        for bloom in copy.blooms if copy is not None else ():
            hits |= bloom.may_contain(prints.values)
        unsure = np.flatnonzero(hits)
        terms = Terms(["exact"] * len(unsure), terms_of(prints.values[unsure]), prints.keys[unsure])
        hits[unsure] = questions.count(generation, terms, [], repositories=False)[0] > 0
        return hits

    return held


def current(place: Place, client: Elasticsearch, timeout_ms: int | None = None) -> Generation:
    """The generation that a name stands for now: the alias is resolved once, so a later one does not mix with it."""
    asked = within(client, Until(time.monotonic() + (timeout_ms or place.timeout_ms) / 1000)).indices
    with errors_of(place):
        if not asked.exists_alias(name=place.name):
            raise IndexNotFound(f"{place.location}: no index here; build one with wherefrom index -o {place.location}")
        index, *others = sorted(asked.get_alias(name=place.name))
        mappings = asked.get_mapping(index=index)[index]["mappings"]
    meta = meta_in(mappings)
    problem = f"{place.location}: index {index}"
    if others:
        raise IndexCorrupt(f"{problem} shares the name with {', '.join(others)}; take the alias from all but one, or rebuild it")
    if not isinstance(meta.get("format"), int) or not meta.get("complete"):
        raise IndexCorrupt(f"{problem} was not made by wherefrom, or its description is gone; rebuild it with wherefrom index")
    if meta["format"] < FORMAT_VERSION:
        raise SpecMismatch(f"{problem}: format {meta['format']}, this reader takes {FORMAT_VERSION}; rebuild it with wherefrom index")
    if meta["format"] > FORMAT_VERSION:
        raise IndexTooNew(f"{problem}: format {meta['format']}, this reader takes {FORMAT_VERSION}; upgrade wherefrom")
    if meta["spec"] != SPEC.name:
        raise SpecMismatch(f"{problem}: fingerprints of {meta['spec']}, this reader makes {SPEC.name}; rebuild it with wherefrom index")
    if altered := altered_fields(mappings):
        raise IndexCorrupt(f"{problem}: the mapping lacks {', '.join(altered)} as written; rebuild it with wherefrom index")
    info = IndexInfo(**{each.name: meta[each.name] for each in fields(IndexInfo)})
    removed, covered_from = meta["removed_documents"], meta.get("covered_from", 0)
    return Generation(client, place, index, info, meta["repositories"], meta["fingerprints"], removed, covered_from, meta.get("shards", 1))
