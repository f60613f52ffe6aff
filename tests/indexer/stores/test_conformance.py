"""One index in a folder and one in a cluster, of the same files: each answers as it should, and both alike."""

from __future__ import annotations

import dataclasses
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import wherefrom
from indexer.answers import Attribution, Exclusion
from indexer.attribution.candidates import Finder
from indexer.attribution.query import Query
from indexer.corpus import REPOSITORIES_SCHEMA, conform, content_id, document_id
from indexer.errors import DocumentNotFound, InputError
from indexer.fingerprint.spec import SPEC
from indexer.fingerprint.winnow import fingerprint_exact
from indexer.index import Index
from indexer.licences.legal import Legal
from indexer.query.match import matches_literals
from indexer.query.parse import parse
from indexer.stores.local.snapshot import Snapshot
from indexer.text.tokens import tokenize
from tests.conftest import SmallIndex

QUERIES = (
    "parse header", "connectionPool", "pool*", '"self._pool = "', '"def __init__(self"', "lang:python -path:tests pool*",
    'owner:pypi "h11"', "readTimeout OR writeTimeout", "license:MIT stream", "path:_sync/*", "path:h11/_*.py repo:h11",
    "-lang:python", "(header OR body) -pool", '-"self._pool = " pool', "repository:pypi/* lang:*thon retry", "nothing_has_this_word",
    r"/\bdef\s+header\w*\(/", r"-/\bdef\s+header\w*\(/ header",
)  # fmt: skip


@pytest.fixture(scope="module")
def folder(small_index: SmallIndex) -> Iterator[Index]:
    with Index.open(small_index.location) as index:
        yield index


@pytest.fixture(scope="module")
def cluster(elasticsearch: str, small_corpus: list[dict[str, Any]], small_repositories: list[dict[str, Any]]) -> Iterator[Any]:
    from indexer.stores.elastic.writer import build_cluster_index

    location = f"es+{elasticsearch}/conformance"
    batches = [conform(batch) for batch in pa.Table.from_pylist(small_corpus).to_batches(max_chunksize=64)]
    table = pa.RecordBatch.from_pylist(small_repositories, REPOSITORIES_SCHEMA)
    build_cluster_index(location, batches, repositories=[table], name="small", version="1", date="2024-06-07")
    with wherefrom.open(location) as index:
        yield index


@pytest.fixture(params=["folder", "cluster"])
def index(request: pytest.FixtureRequest) -> Any:
    """Either store."""
    return request.getfixturevalue(request.param)


def _snippets(rows: list[dict[str, Any]], n: int, lines: int, seed: int) -> Iterator[tuple[dict[str, Any], str]]:
    chance = random.Random(seed)
    for row in chance.sample(rows, n):
        all_lines = row["content"].splitlines(keepends=True)
        begin = chance.randrange(max(1, len(all_lines) - lines))
        yield row, "".join(all_lines[begin : begin + lines])


def _without_index(answer: Attribution) -> Attribution:
    return dataclasses.replace(answer, index=None)  # type: ignore[arg-type]


def test_a_copied_stretch_is_found_whole_in_its_file(index: Any, small_corpus: list[dict[str, Any]]) -> None:
    for row, text in _snippets(small_corpus, 12, 40, seed=1):
        answer = index.attribute(text)
        if answer.status == "too_short":
            continue
        assert answer.status == "found" and answer.coverage > 0.99
        places = {(place.repository, place.path) for source in answer.sources for place in (source, *source.copies)}
        assert (row["repository"], row["path"]) in places
        assert index.membership(text).member or answer.tokens < 33


def test_a_whole_long_file_is_found(index: Any, small_corpus: list[dict[str, Any]]) -> None:
    row = max(small_corpus, key=lambda row: len(row["content"]))
    answer = index.attribute(row["content"])
    assert answer.coverage > 0.99 and answer.sources[0].path == row["path"]


def test_fresh_and_short_texts(index: Any) -> None:
    fresh = "\n".join(f"zqx_{i} = quuxify_{i}(wibble_{i * 7}, {i}.{i}) ^ flarn_{i}" for i in range(30))
    assert index.attribute(fresh).status == "none" and index.membership(fresh).status == "none"
    assert index.attribute("x = 1").status == "too_short" and index.membership("x = 1").status == "too_short"


def test_what_is_excluded_is_neither_source_nor_counted(index: Any, folder: Index, small_corpus: list[dict[str, Any]]) -> None:
    row = next(row for row in small_corpus if row["path"].endswith("h11/_connection.py"))
    text = "".join(row["content"].splitlines(keepends=True)[100:140])
    for exclusion in (
        Exclusion(owner="PYPI"),
        Exclusion(repository="pypi/h11"),
        Exclusion(repository="pypi/h11", path="h11/"),
        Exclusion(path="h11/_connection.py"),
        Exclusion(content_id=content_id(row["content"].encode())),
    ):
        answer = index.attribute(text, exclude=[exclusion])
        places = [(place.repository, place.path) for source in answer.sources for place in (source, *source.copies)]
        assert ("pypi/h11", "h11/_connection.py") not in places
        assert _without_index(answer) == _without_index(folder.attribute(text, exclude=[exclusion]))
    assert index.attribute(text, exclude=[Exclusion(path="h11/_connection.p")]).sources[0].path == "h11/_connection.py"


def test_documents_come_back_as_they_were(index: Any, small_corpus: list[dict[str, Any]]) -> None:
    row = small_corpus[7]
    name = document_id(row["repository"], row["path"], content_id(row["content"].encode()))
    document = index.document(name)
    assert (document.content, document.path, document.commit) == (row["content"], row["path"], row["commit"])
    with pytest.raises(DocumentNotFound):
        index.document("0" * 24)


@pytest.mark.parametrize("query", QUERIES)
def test_search_finds_what_the_texts_hold(index: Any, query: str) -> None:
    tree = parse(query)
    for hit in index.search(query, limit=20).hits:
        assert matches_literals(index.document(hit.document_id).content, tree)


def test_pages_follow_each_other_without_gap_or_repeat(index: Any) -> None:
    whole = [hit.document_id for hit in index.search("header", limit=100).hits]
    paged, cursor = [], None
    while True:
        page = index.search("header", limit=7, cursor=cursor)
        paged += [hit.document_id for hit in page.hits]
        cursor = page.cursor
        if cursor is None:
            break
    assert paged == whole and page.total == len(whole) > 7
    with pytest.raises(InputError, match="not one of this question"):
        index.search("other", cursor=index.search("header", limit=1).cursor)


def test_bad_options_are_refused(index: Any) -> None:
    for options in ({"offset_unit": "bytes"}, {"limit": 0}, {"kinds": ["fuzzy"]}, {"exclude": [Exclusion()]}):
        with pytest.raises(InputError):
            index.attribute("def f(): pass", **options)
    with pytest.raises(InputError):
        index.search("x", limit=1000)


def test_the_index_is_sound_and_says_what_it_holds(index: Any, small_corpus: list[dict[str, Any]]) -> None:
    report = index.verify()
    assert report.problems == () and report.documents == len(small_corpus) == index.info.documents
    described = index.describe()
    assert described["text_bytes"] == sum(len(row["content"].encode()) for row in small_corpus)


def test_both_stores_attribute_alike(folder: Index, cluster: Any, small_corpus: list[dict[str, Any]]) -> None:
    texts = [text for lines, seed in ((40, 2), (8, 3), (120, 4)) for _, text in _snippets(small_corpus, 12, lines, seed)]
    renamed = [text.replace("self", "this").replace("response", "answer").replace("request", "question") for text in texts[:12]]
    apart = [a + b for a, b in zip(texts[:12], reversed(texts[12:24]), strict=True)]
    for text in (*texts, *renamed, *apart):
        assert _without_index(cluster.attribute(text)) == _without_index(folder.attribute(text))


def test_of_an_explained_text_no_files_are_read_that_are_no_likely_copies(
    elasticsearch: str, small_corpus: list[dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from indexer.build import build_index
    from indexer.stores.elastic import attribution
    from indexer.stores.elastic.writer import build_cluster_index

    lines = [f"total_{i} = weigh_{i}(parcel, {i}) + fee_{i * 7}" for i in range(60)]
    begun = ["\n".join(lines)]
    begun += ["\n".join([*lines[4 * n : 4 * n + 20], *(f"shelf_{n}_{i} = lift_{n * i}(crate)" for i in range(30))]) for n in range(10)]
    rows = [_row(small_corpus[0], f"{number}.py", content) for number, content in enumerate(begun)]
    options = {"name": "small", "version": "1", "date": "2024-06-07"}
    build_index(tmp_path / "i", [conform(pa.RecordBatch.from_pylist(rows))], **options)  # type: ignore[arg-type]
    build_cluster_index(f"es+{elasticsearch}/explained", [conform(pa.RecordBatch.from_pylist(rows))], **options)  # type: ignore[arg-type]
    read: list[int] = []
    made = attribution.segment_of
    monkeypatch.setattr(attribution, "segment_of", lambda texts, asked: read.append(len(texts)) or made(texts, asked))
    with Index.open(tmp_path / "i") as folder, wherefrom.open(f"es+{elasticsearch}/explained") as cluster:
        whole, apart = begun[0], "\n".join(lines[:12] + ["unheard_of = never_seen()"] * 40)
        assert _without_index(cluster.attribute(whole)) == _without_index(folder.attribute(whole))
        assert read == [2]
        assert _without_index(cluster.attribute(apart)) == _without_index(folder.attribute(apart))
        assert sum(read) > 4  # what else holds these lines may hold more of the others


def _row(like: dict[str, Any], path: str, content: str) -> dict[str, Any]:
    same = content_id(content.encode())
    return like | {"path": path, "content": content, "content_id": same, "document_id": document_id(like["repository"], path, same)}


def test_places_are_counted_as_a_folder_counts_them(folder: Index, cluster: Any, small_corpus: list[dict[str, Any]]) -> None:
    from indexer.stores.elastic.questions import Terms
    from indexer.stores.elastic.survey import Survey

    for _, text in _snippets(small_corpus, 10, 40, seed=9):
        query = Query.of(text)
        finder = Finder(Snapshot.open(Path(folder.location)).segments, query)
        survey = Survey.of(cluster._generation, Terms.of(query), [])
        assert survey.postings.tolist() == finder.counts.tolist() and survey.holders.tolist() == finder.repositories.tolist()


def test_the_dictionaries_of_all_shards_are_asked(
    folder: Index, elasticsearch: str, small_corpus: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    from indexer.stores.elastic.questions import Terms, in_dictionaries
    from indexer.stores.elastic.writer import build_cluster_index

    monkeypatch.setenv("WHEREFROM_ELASTICSEARCH_SHARDS", "3")
    location = f"es+{elasticsearch}/shards"
    build_cluster_index(location, [conform(pa.RecordBatch.from_pylist(small_corpus))], name="small", version="1", date="2024-06-07")
    with wherefrom.open(location) as cluster:
        for _, text in _snippets(small_corpus, 4, 40, seed=9):
            query = Query.of(text)
            counts = Finder(Snapshot.open(Path(folder.location)).segments, query).counts
            files, postings = in_dictionaries(cluster._generation, Terms.of(query))  # type: ignore[union-attr]
            assert postings.tolist() == counts.tolist() and (files <= postings).all()
            assert _without_index(cluster.attribute(text)) == _without_index(folder.attribute(text))


def test_both_stores_agree_on_membership(folder: Index, cluster: Any, small_corpus: list[dict[str, Any]]) -> None:
    for _, text in _snippets(small_corpus, 20, 30, seed=5):
        mixed = text + "\nunheard_of = never_seen(before, at_all)\n" + text[: len(text) // 2]
        one, other = cluster.membership(mixed), folder.membership(mixed)
        assert (one.status, one.spans, one.longest_run, one.coverage) == (other.status, other.spans, other.longest_run, other.coverage)


@pytest.mark.parametrize("query", QUERIES)
def test_both_stores_search_alike(folder: Index, cluster: Any, query: str) -> None:
    one, other = cluster.search(query, limit=100), folder.search(query, limit=100)
    assert (one.total, one.total_capped) == (other.total, other.total_capped)
    snippets = {hit.document_id: hit.snippets for hit in one.hits}
    assert snippets == {hit.document_id: hit.snippets for hit in other.hits}
    assert {name: set(counts) for name, counts in one.facets.items()} == {name: set(counts) for name, counts in other.facets.items()}
    assert [hit.document_id for hit in one.hits][:3] == [hit.document_id for hit in other.hits][:3]


def test_repositories_and_their_files_are_listed_page_by_page(index: Any, small_corpus: list[dict[str, Any]]) -> None:
    expected = Counter(row["repository"] for row in small_corpus)
    for owner in (None, "PyPI"):
        listed, cursor = [], None
        while cursor or not listed:
            page = index.repositories(owner=owner, limit=3, cursor=cursor)
            listed += [(each.repository, each.files) for each in page.repositories]
            cursor = page.cursor
        assert listed == sorted(expected.items()) and page.total == len(expected)
    assert index.repositories(owner="nobody").repositories == ()
    paths, cursor = [], None
    while cursor or not paths:
        files = index.files("PyPI/h11", limit=4, cursor=cursor)
        paths += [file.path for file in files.files]
        cursor = files.cursor
    assert paths == [row["path"] for row in small_corpus if row["repository"] == "pypi/h11"] and files.total == len(paths)
    with pytest.raises(InputError, match="not one of this question"):
        index.files("pypi/h11", cursor=index.repositories(limit=1).cursor)


def test_legal_texts_come_back_as_they_were(index: Any) -> None:
    texts = index.legal("PyPI/H11")
    assert [(text.path, text.text) for text in texts.license_texts] == [("LICENSE", "Do with pypi/h11 as you like.\n")]
    assert texts.copyright_lines == ("Copyright A. Holder",) and index.legal("no/such") == Legal()


def test_both_stores_list_alike(folder: Index, cluster: Any) -> None:
    one, other = cluster.repositories(), folder.repositories()
    assert (one.repositories, one.total, one.cursor) == (other.repositories, other.total, other.cursor)
    assert cluster.files("pypi/click").files == folder.files("pypi/click").files


def test_who_holds_some_fingerprints_is_told_alike(folder: Index, cluster: Any, small_corpus: list[dict[str, Any]]) -> None:
    for row, text in _snippets(small_corpus, 6, 60, seed=6):
        data = np.frombuffer(text.encode(), np.uint8)
        prints = fingerprint_exact(tokenize(data, np.array([0, len(data)])), SPEC.exact, capped=True).values.tolist()
        one, other = cluster.candidates(prints), folder.candidates(prints)
        assert [count > 0 for count in one.counts] == [count > 0 for count in other.counts] and one.partial == other.partial
        for answer in (one, other):
            assert any((each.file.repository, each.file.path) == (row["repository"], row["path"]) for each in answer.candidates)
        held = {position for each in one.candidates for position in each.fingerprints}
        assert one.partial or held == {position for position, count in enumerate(one.counts) if count}
