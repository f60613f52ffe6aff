"""Does the filter never miss, and is it wrong no more often than it says: for a look-up and for a whole answer?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.answers import Membership
from indexer.bloom import kernels
from indexer.bloom.filter import BloomFilter, blocks_for, false_positive_rate
from indexer.fingerprint.spec import SPEC
from indexer.index import Index
from tests.reference import bloom as twin

ALLOWED = 1.3  # measured beside stated


@settings(max_examples=30)
@given(st.lists(st.integers(0, 2**48 - 1), max_size=200), st.lists(st.integers(0, 2**48 - 1), max_size=50), st.integers(1, 40))
def test_blocks_and_look_ups_equal_their_twin(keys: list[int], others: list[int], n_blocks: int) -> None:
    blocks = bytearray(32 * n_blocks)
    for key in keys:
        twin.insert(blocks, key)
    asked = np.array(keys + others, np.uint64)
    for insert, may_contain in ((kernels.insert, kernels.may_contain), (kernels.insert.py_func, kernels.may_contain.py_func)):
        halves, out = np.zeros(8 * n_blocks, np.uint32), np.zeros(len(asked), np.bool_)
        with np.errstate(over="ignore"):
            insert(halves, n_blocks, asked[: len(keys)])
            may_contain(halves, n_blocks, asked, out)
        assert halves.tobytes() == bytes(blocks)
        assert out.tolist() == [twin.may_contain(bytes(blocks), int(key)) for key in asked]
    assert all(twin.may_contain(bytes(blocks), key) for key in keys)


def random_keys(seed: int, n: int) -> np.ndarray[Any, np.dtype[np.uint64]]:
    return np.unique(np.random.default_rng(seed).integers(0, 1 << 48, n, dtype=np.uint64))


@pytest.mark.parametrize("rate", [0.05, 0.004, 0.0005])
def test_a_filter_never_misses_and_keeps_its_rate(tmp_path: Path, rate: float) -> None:
    keys = random_keys(1, 60_000)
    BloomFilter.build(tmp_path / "a.filter", [keys[:20_000], keys[20_000:]], len(keys), SPEC.name, rate)
    opened = BloomFilter.open(tmp_path / "a.filter", SPEC.name)
    assert opened.may_contain(keys).all()
    assert opened.false_positive_rate <= rate
    strangers = np.setdiff1d(random_keys(2, 400_000 if rate > 0.001 else 1_000_000), keys)
    measured = opened.may_contain(strangers).mean()
    assert opened.false_positive_rate / ALLOWED <= measured <= opened.false_positive_rate * ALLOWED


@settings(max_examples=40)
@given(st.integers(1, 10**7), st.sampled_from([0.2, 0.05, 0.004, 1e-4]))
def test_a_filter_is_no_larger_than_its_rate_needs(n_keys: int, rate: float) -> None:
    blocks = blocks_for(n_keys, rate)
    assert false_positive_rate(n_keys, blocks) <= rate
    assert blocks == 1 or false_positive_rate(n_keys, blocks - 1) > rate


def test_an_empty_filter_contains_nothing(tmp_path: Path) -> None:
    BloomFilter.build(tmp_path / "a.filter", [], 0, SPEC.name)
    assert not BloomFilter.open(tmp_path / "a.filter", SPEC.name).may_contain(random_keys(3, 1000)).any()


@dataclass(frozen=True)
class Crowded:
    """An index whose filter was built again, over its own fingerprints and many more, at a high rate."""

    index: Index
    rate: float


@pytest.fixture
def crowded(tmp_path: Path, index_of: Callable[..., Index], request: pytest.FixtureRequest) -> Crowded:
    index_of(["a = b\n"])
    keys = random_keys(5, 60_000)
    BloomFilter.build(tmp_path / "made.index" / "segment-000001.filter", [keys], len(keys), SPEC.name, request.param)
    return Crowded(Index.open(tmp_path / "made.index"), request.param)


def foreign_texts(n: int, words: int) -> list[str]:
    """Texts of random words that no corpus holds."""
    chance = np.random.default_rng(8)
    return [" ".join(f"w{value:x}" for value in chance.integers(0, 1 << 60, words)) for _ in range(n)]


@pytest.mark.parametrize(
    ("crowded", "words", "min_tokens"), [(0.1, 200, 33), (0.2, 120, 33), (0.2, 200, 45), (0.1, 60, 20)], indirect=["crowded"]
)
def test_a_whole_answer_is_wrong_as_often_as_it_says(crowded: Crowded, words: int, min_tokens: int) -> None:
    """Texts never inserted: how many are called members, and how many the answers say would be."""
    answers: list[Membership] = [crowded.index.membership(text, min_tokens=min_tokens) for text in foreign_texts(3000, words)]
    members = sum(answer.member for answer in answers)
    stated = sum(answer.false_positive_rate for answer in answers)
    assert members >= 60, "too few to measure"
    assert stated / ALLOWED <= members <= stated * ALLOWED, f"{members} members, {stated:.1f} stated"


def test_a_text_of_the_corpus_is_a_member_at_any_rate(index_of: Callable[..., Index]) -> None:
    texts = [text + " " + " ".join(str(i) for i in range(30)) for text in foreign_texts(40, 60)]
    index = index_of(texts)
    assert all(index.membership(text).member for text in texts)
