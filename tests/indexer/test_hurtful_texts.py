"""Do texts that hurt cost bounded work and memory, and are they found like any other? As questions and as documents of an index.

What they cost in seconds is printed by `make bench-hurtful`, not asserted here.
"""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from indexer.answers import GUARANTEE_TOKENS
from indexer.attribution import candidate_kernels
from indexer.build import build_index
from indexer.fingerprint.kernels import MAX_POSITIONS
from indexer.index import Index
from indexer.segment.segment import Segment
from tests.hurtful_texts import HURTFUL, MB, as_document, hurtful_text
from tests.indexer.conftest import batches_of

PIECE = 3_000  # characters
MOST_COMPARED = 900  # documents: what the limits of indexer/attribution come to together
QUERY_BYTES_A_BYTE = 320  # of memory, for each byte of a text asked about, beyond QUERY_BYTES
QUERY_BYTES = 50 * MB
BUILD_BYTES = 1000 * MB


@dataclass
class Work:
    """What was asked of an index, counted where it reads."""

    fingerprints: int = 0
    postings: int = 0
    documents: int = 0


@dataclass
class Built:
    """The index of all texts, and the most memory that Python and numpy held while it was made."""

    index: Index
    peak_bytes: int


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    folder = tmp_path_factory.mktemp("hurtful") / "hurtful.index"
    rows = [{"content": as_document(hurtful_text(name)), "repository": f"owner/{i}", "path": name} for i, name in enumerate(HURTFUL)]
    batches = batches_of(rows)
    tracemalloc.start()
    build_index(folder, batches, name="hurtful", version="1", date="2024-06-07", full_text=True)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    with Index.open(folder) as index:
        yield Built(index, peak_bytes)


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Work:
    """Counts what segments are asked for from here on."""
    counted, gather, region = Work(), candidate_kernels.gather, Segment.region

    def counted_gather(file: Any, parts: Any, documents: Any, removed: Any, asked: Any, *rest: Any) -> Any:
        bad, groups = gather(file, parts, documents, removed, asked, *rest)
        counted.fingerprints += len(asked[0])
        counted.postings += len(groups[-1])
        return bad, groups

    def counted_region(self: Segment, *place: Any) -> Any:
        counted.documents += 1
        return region(self, *place)

    monkeypatch.setattr(candidate_kernels, "gather", counted_gather)
    monkeypatch.setattr(Segment, "region", counted_region)
    return counted


def test_building_of_them_takes_bounded_memory(built: Built) -> None:
    assert built.peak_bytes < BUILD_BYTES


def test_an_index_of_them_is_sound(built: Built) -> None:
    assert built.index.info.documents == len(HURTFUL)
    assert built.index.verify().problems == ()


@pytest.mark.parametrize("name", HURTFUL)
def test_a_whole_one_is_found_with_bounded_work(built: Built, work: Work, name: str) -> None:
    text = as_document(hurtful_text(name))
    tracemalloc.start()
    answer = built.index.attribute(text)
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    documents = len(HURTFUL)
    assert work.fingerprints <= 2 * answer.tokens  # once, and once more for lists that were cut
    assert work.postings <= MAX_POSITIONS * documents * work.fingerprints
    assert work.documents <= MOST_COMPARED
    assert peak_bytes <= QUERY_BYTES + QUERY_BYTES_A_BYTE * len(text.encode())
    if answer.tokens < GUARANTEE_TOKENS:
        assert answer.status == "too_short"
    else:
        assert work.documents and work.postings, "nothing was counted: the engine reads some other way now"
        assert (answer.status, answer.sources[0].path, answer.coverage) == ("found", name, 1.0)


@pytest.mark.parametrize("name", HURTFUL)
def test_a_piece_of_each_is_found(built: Built, work: Work, name: str) -> None:
    answer = built.index.attribute(as_document(hurtful_text(name))[-2 * PIECE : -PIECE])
    assert work.documents <= MOST_COMPARED
    if answer.tokens < GUARANTEE_TOKENS:
        assert answer.status == "too_short"
    else:
        assert answer.status == "found"
        assert answer.coverage > 0.99
        places = [place.path for source in answer.sources for place in (source, *source.copies)]
        assert name in places


@pytest.mark.parametrize("name", HURTFUL)
def test_membership_of_a_whole_one(built: Built, name: str) -> None:
    text = as_document(hurtful_text(name))
    tracemalloc.start()
    answer = built.index.membership(text)
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak_bytes <= QUERY_BYTES + QUERY_BYTES_A_BYTE * len(text.encode())
    assert answer.status == ("found" if answer.tokens >= answer.guarantee_tokens else "too_short")


@pytest.mark.parametrize("name", ["5 MB of random bytes", "every Unicode plane"])
def test_bytes_and_lone_surrogates_are_answered(built: Built, name: str) -> None:
    text = hurtful_text(name)
    assert built.index.attribute(text).status in ("found", "none", "partial")
    assert built.index.membership(text).tokens > GUARANTEE_TOKENS
