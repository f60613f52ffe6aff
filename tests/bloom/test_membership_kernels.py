"""Does the compiled test of a text say what its plain twin says, for any hits, filters and offsets?"""

from __future__ import annotations

import math
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.answers import OFFSET_UNITS, IndexInfo, OffsetUnit
from indexer.bloom import asking, membership, standalone
from indexer.bloom import membership_kernels as kernels
from indexer.bloom.filter import BloomFilter
from indexer.errors import IndexCorrupt
from indexer.fingerprint.spec import SPEC

GUARANTEE = SPEC.exact.guarantee
steps = st.lists(st.tuples(st.integers(1, 13), st.integers(0, 5)), max_size=40)


@settings(max_examples=300)
@given(steps, st.integers(0, 12), st.integers(1, 150), st.sampled_from([0.0, 0.004, 0.3, 1.0]))
def test_the_rate_of_an_answer_equals_its_twin(stepped: list[tuple[int, int]], rest: int, least: int, rate: float) -> None:
    values, windows = [value for _, value in stepped], np.cumsum([0, *(step for step, _ in stepped)]).tolist()[:-1]
    n_tokens = (windows[-1] if windows else 0) + GUARANTEE + rest
    wanted = membership.answer_rate(values, windows, n_tokens, SPEC.exact, least, rate)
    given_arrays = np.array(values, np.uint64), np.array(windows, np.int64)
    assert kernels.answer_rate(*given_arrays, len(values), n_tokens, GUARANTEE, least, rate) == wanted
    with mock.patch.object(kernels, "slot_of", kernels.slot_of.py_func):
        assert kernels.answer_rate.py_func(*given_arrays, len(values), n_tokens, GUARANTEE, least, rate) == wanted


def test_the_rate_is_that_of_looking_at_every_subset() -> None:
    """A short text, all 2^n outcomes of its look-ups weighed: equal neighbours share one outcome. Never too low."""
    values, positions, windows, n_tokens, rate = [1, 2, 2, 3, 5, 4], [2, 9, 14, 15, 27, 30], [0, 3, 10, 15, 16, 18], 45, 0.01
    for least in (1, 25, 33, 40, 60):
        total = 0.0
        for outcome in range(1 << 5):
            held = {value: bool(outcome >> i & 1) for i, value in enumerate(sorted(set(values)))}
            chance = math.prod(rate if hit else 1 - rate for hit in held.values())
            found = membership.runs([held[value] for value in values], positions, windows, n_tokens, SPEC.exact)
            total += chance * any(run.reach >= least for run in found)
        stated = membership.answer_rate(values, windows, n_tokens, SPEC.exact, least, rate)
        assert total <= stated * 1.000001 and stated == pytest.approx(total, rel=0.02)


def build(path: Path, texts: list[str], rate: float = 0.004) -> BloomFilter:
    keys = np.unique(np.array([value for text in texts for value, _, _ in standalone.fingerprints(text)], np.uint64))
    BloomFilter.build(path, [keys], len(keys), SPEC.name, rate)
    return BloomFilter.open(path, SPEC.name)


words = st.lists(st.sampled_from(["if", "x", "é", "\U0001f600", "=", "(", "\n", "z1"]), min_size=0, max_size=160).map(" ".join)
INFO = IndexInfo("n", "v", "d", 1, SPEC.name, 1)


@settings(max_examples=150)
@given(st.lists(words, min_size=1, max_size=3), words, st.sampled_from(OFFSET_UNITS), st.integers(1, 60))
def test_one_call_and_steps_and_twin_agree(
    tmp_path_factory: pytest.TempPathFactory, corpus: list[str], other: str, unit: OffsetUnit, least: int
) -> None:
    folder = tmp_path_factory.mktemp("filters")
    text = other + " " + corpus[0][len(corpus[0]) // 3 :] + " " + other
    one = build(folder / "all", corpus, 0.05)
    alone = asking.membership([one], text.encode(), unit, least, INFO)
    found, tokens = standalone.fingerprints(text), standalone.tokens(text)
    values, positions, windows = ([part[column] for part in found] for column in range(3))
    hits = one.may_contain(np.array(values, np.uint64)).tolist()
    all_runs = membership.runs(hits, positions, windows, len(tokens), SPEC.exact)
    runs = [run for run in all_runs if run.reach >= least]
    assert alone.longest_run == max((run.reach for run in all_runs), default=0)
    rate = membership.answer_rate(values, windows, len(tokens), SPEC.exact, least, membership.rate_of([one.false_positive_rate]))
    assert alone.false_positive_rate == rate
    by = asking.membership_by(
        lambda prints: one.may_contain(prints.values), 1 - (1 - one.false_positive_rate), text.encode(), unit, least, INFO
    )
    assert by == alone
    width = {"utf-8": lambda part: len(part.encode()), "utf-16": lambda part: len(part.encode("utf-16-le")) // 2, "utf-32": len}[unit]
    assert [(extent.start, extent.end) for extent in alone.spans] == [
        (width(text[: tokens[run.begin][0]]), width(text[: tokens[run.end - 1][1]])) for run in runs
    ]
    empty = build(folder / "none", [])
    twice = asking.membership([one, one, empty], text.encode(), unit, least, INFO)
    assert (twice.spans, twice.longest_run, twice.coverage, twice.tokens) == (alone.spans, alone.longest_run, alone.coverage, alone.tokens)
    assert twice.false_positive_rate >= alone.false_positive_rate
    assert not asking.membership([], text.encode(), unit, least, INFO).member


@pytest.mark.parametrize("n_filters", [1, 2])
def test_a_page_that_was_changed_is_an_error(tmp_path: Path, n_filters: int) -> None:
    text = " ".join(f"w{i}" for i in range(300))
    bloom = build(tmp_path / "a", [text])
    assert asking.membership([bloom] * n_filters, text.encode(), "utf-8", 33, INFO).member
    begin, _ = bloom.file.section("blocks")
    data = bytearray((tmp_path / "a").read_bytes())
    data[begin + 5] ^= 4
    (tmp_path / "b").write_bytes(data)
    with pytest.raises(IndexCorrupt, match=f"bytes {begin}"):
        asking.membership([BloomFilter.open(tmp_path / "b", SPEC.name)] * n_filters, text.encode(), "utf-8", 33, INFO)


def test_the_cache_knows_the_state_of_the_kernels_that_are_called() -> None:
    """numba puts the values of free variables into the key of its cache; the checksum must be one of them where other files are called."""
    for kernel in (kernels.fingerprints, kernels.look_up, kernels.ask):
        assert [cell.cell_contents for cell in kernel.py_func.__closure__] == [kernels.STAMP]
