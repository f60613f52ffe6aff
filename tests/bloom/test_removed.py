"""Does a filter that is exported after a removal know nothing of what was removed, and everything of what was not?"""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from pybloom_live import BloomFilter

from indexer.answers import Membership
from indexer.bloom import asking, standalone
from indexer.bloom.export import export_portable, export_pybloom
from indexer.bloom.portable import PortableFilter
from indexer.build import build_index
from indexer.corpus import conform
from indexer.index import Index
from indexer.stores.local.removal import remove
from tests.bloom.conftest import AS_OF

SHARED = "\n".join(f"shared_{i} = common({i}, of={i}) + every[{i}]" for i in range(8))


def own(n: int) -> str:
    """Text that one repository alone has."""
    return "\n".join(f"value_{n}_{i} = make_{n}_{i}({i} * {n}, other_{n}={i})" for i in range(8))


@pytest.fixture(scope="module")
def removed(tmp_path_factory: pytest.TempPathFactory) -> Index:
    """Nine repositories, of which three were removed."""
    folder = tmp_path_factory.mktemp("removed") / "nine.index"
    rows = [{"content": f"{own(n)}\n{SHARED}\n", "repository": f"o/r{n}", "path": f"{n}.py"} for n in range(9)]
    build_index(folder, [conform(pa.RecordBatch.from_pylist(rows))], name="nine", version="1", date="2026-11-01", full_text=False)
    remove(folder, repositories=["o/r0", "o/r4", "o/r8"])
    return Index.open(folder)


def without_rate(answer: Membership) -> tuple[object, ...]:
    return answer.status, answer.tokens, answer.longest_run, answer.coverage, answer.spans, answer.index


def test_the_portable_file_answers_as_the_index_does(removed: Index, tmp_path: Path) -> None:
    snapshot = removed._snapshot
    assert snapshot.has_tombstones
    info = export_portable(snapshot.filters, removed.info, AS_OF, tmp_path / "out", snapshot.segments)
    assert info.n_keys < snapshot.filters[0].n_keys and info.false_positive_rate < snapshot.filters[0].false_positive_rate
    with PortableFilter.open(tmp_path / "out") as opened:
        for n in range(9):
            for text in (own(n), f"{own(9)}\n{own(n)}\n{own(10)}", SHARED):
                answer = opened.membership(text)
                assert without_rate(answer) == without_rate(removed.membership(text))
                assert answer.member == (text is SHARED or n not in (0, 4, 8))
        assert opened.verify() == []


def test_the_index_does_not_ask_its_filters_alone(removed: Index) -> None:
    """They still hold what was removed: the answer comes from the live postings, at a lower rate of false positives."""
    by_filter = asking.membership(removed._snapshot.filters, own(4).encode(), "utf-32", 33, removed.info)
    answer = removed.membership(own(4))
    assert by_filter.member and not answer.member and answer.false_positive_rate < by_filter.false_positive_rate


def test_a_file_for_pybloom_live_knows_only_what_is_left(removed: Index, tmp_path: Path) -> None:
    shape = export_pybloom(removed._snapshot.segments, removed.info, AS_OF, tmp_path / "out")
    with (tmp_path / "out").open("rb") as file:
        corpus = BloomFilter.fromfile(file)
    live = {value for n in (1, 2, 3, 5, 6, 7) for value, _, _ in standalone.fingerprints(f"{own(n)}\n{SHARED}\n")}
    assert shape.count == len(live) and all(str(value) in corpus for value in live)
    for n in range(9):
        found = standalone.fingerprints(own(n))
        longest = standalone.longest_run([str(value) in corpus for value, _, _ in found], found, len(standalone.tokens(own(n))))
        assert (longest >= standalone.MIN_TOKENS) == (n not in (0, 4, 8))
