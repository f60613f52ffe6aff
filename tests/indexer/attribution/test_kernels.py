"""Do the kernels of attribution say what their naive twins say, compiled and not?"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from indexer.attribution import (
    candidate_kernels,
    chain_kernels,
    offset_kernels,
    query_kernels,
    reach_kernels,
    run_kernels,
    significance_kernels,
    source_kernels,
    verify_kernels,
)
from indexer.attribution.query import Query
from indexer.fingerprint.kernels import kgram_hashes
from tests.reference import chains

MODULES = (
    candidate_kernels, chain_kernels, offset_kernels, query_kernels, reach_kernels, run_kernels, significance_kernels, source_kernels,
    verify_kernels,
)  # fmt: skip
K, SUFFICES, SUFFICES_RENAMED, GAP, LOOSE = 3, 6, 8, 12, 2
RULES = (K, K, SUFFICES, SUFFICES_RENAMED, 1000, 5000, 1000, 50, GAP, LOOSE, 2)
codes = st.lists(st.integers(0, 3), max_size=40).map(lambda values: np.array(values, np.uint64) * np.uint64(2))
names = st.lists(st.integers(0, 7), max_size=30).map(lambda values: np.array(values, np.uint64))


@pytest.fixture(params=["compiled", "plain"])
def either(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every kernel as numba compiled it, then as Python runs it."""
    if request.param == "plain":
        for module in MODULES:
            for name, kernel in vars(module).copy().items():
                if hasattr(kernel, "py_func"):
                    monkeypatch.setattr(module, name, kernel.py_func)
    with np.errstate(over="ignore"):
        yield


each = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
pytestmark = pytest.mark.usefixtures("either")


def grams_of(stream: np.ndarray[Any, np.dtype[np.uint64]], renamed: bool) -> np.ndarray[Any, np.dtype[np.uint64]]:
    out = np.empty(max(0, len(stream) - K + 1), np.uint64)
    kgram_hashes(stream, 0, len(stream), K, renamed, out)
    return out


@each
@given(codes, codes)
def test_exact_runs_are_all_maximal_ones(a: Any, b: Any) -> None:
    grams, out = grams_of(a, False), np.empty((5000, 3), np.int64)
    n, is_all = run_kernels.find_exact(a, grams, *query_kernels.chain_grams(grams), b, grams_of(b, False), 1000, out)
    assert {tuple(row) for row in out[:n].tolist()} == chains.exact_runs(a.tolist(), b.tolist(), K)
    assert is_all and n == len(chains.exact_runs(a.tolist(), b.tolist(), K))


@each
@given(names, names)
def test_renamed_runs_map_one_to_one_and_cover_every_shared_k_gram(a: Any, b: Any) -> None:
    grams, out = grams_of(a, True), np.empty((5000, 4), np.int64)
    mine = a, *run_kernels.occurrences(a), grams, *query_kernels.chain_grams(grams)
    n, _ = run_kernels.find_renamed(*mine, b, *run_kernels.occurrences(b), grams_of(b, True), K, 1000, out)
    covered = set()
    for i, j, length, changed in out[:n].tolist():
        mine, theirs = a[i : i + length].tolist(), b[j : j + length].tolist()
        assert length >= K and chains.maps_one_to_one(mine, theirs)
        assert changed == sum(x != y for x, y in zip(mine, theirs, strict=True))
        covered |= {(i + t, j + t) for t in range(length - K + 1)}
    for i, j in itertools.product(range(len(a) - K + 1), range(len(b) - K + 1)):
        if chains.maps_one_to_one(a[i : i + K].tolist(), b[j : j + K].tolist()):
            assert (i, j) in covered


@each
@given(names, names, st.integers(K, 7), st.data())
def test_no_long_renamed_run_is_where_none_may_be(a: Any, b: Any, least: int, data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(a)))
    b = np.concatenate((b, a[cut:] ^ np.uint64(data.draw(st.sampled_from((0, 2))))))  # the rest of the text with its names exchanged
    grams, out = grams_of(a, True), np.empty((5000, 4), np.int64)
    mine, theirs = (a, *run_kernels.occurrences(a), grams, *query_kernels.chain_grams(grams)), (b, *run_kernels.occurrences(b))
    may = run_kernels.may_hold_renamed(*mine, *theirs, K, least)
    n, _ = run_kernels.find_renamed(*mine, *theirs, grams_of(b, True), K, 1000, out)
    assert may or not (out[:n, 2] >= least).any()
    assert may <= bool(set(grams.tolist()) & set(grams_of(b, True).tolist()))


@each
@given(names, st.data())
def test_blanks_are_changed_names_that_a_run_holds_once(a: Any, data: st.DataObject) -> None:
    b = np.array([code | data.draw(st.sampled_from((0, 8 * (code & 1)))) for code in a.tolist()], np.uint64)
    first = data.draw(st.integers(0, len(a)))
    n = data.draw(st.integers(0, len(a) - first))
    tokens, blanks = np.arange(100, 100 + len(a)), np.empty(len(a), np.int64)
    got = run_kernels.find_blanks(a, *run_kernels.occurrences(a), b, first, first, n, tokens, blanks, 0)
    run = a[first : first + n].tolist()
    assert blanks[:got].tolist() == [100 + first + t for t in range(n) if run[t] != b[first + t] and run.count(run[t]) == 1]


@each
@given(st.lists(st.integers(0, 1), max_size=4), st.lists(st.integers(0, 1), max_size=4))
def test_a_literal_proves_nothing_where_the_document_has_another(mine: list[int], theirs: list[int]) -> None:
    a, b = np.array([9, *mine], np.uint64), np.array([9, 9, *theirs], np.uint64)
    blanks = np.zeros(9, np.int64)
    n = run_kernels.find_differing(a, 1, len(a), b, 2, len(b), blanks, 1)
    assert blanks[1:n].tolist() == ([] if mine == theirs else list(range(1, len(a))))


@st.composite
def run_lists(draw: st.DrawFn, *, renamed: bool = False) -> list[chains.Run]:
    """Distinct runs of one diagonal each, the longest first."""
    places = draw(st.sets(st.tuples(st.integers(0, 60), st.integers(0, 60), st.integers(K, 25)), max_size=8))
    flags = {place: draw(st.booleans()) for place in sorted(places)}
    runs = [chains.Run(i, i + n, j, j + n, renamed, renamed and flags[i, j, n]) for i, j, n in sorted(places)]
    return sorted(runs, key=lambda run: -run.tokens)


element_lists = st.sets(st.integers(0, 90), max_size=90).map(sorted)  # the tokens at which elements of a renamed stream begin


def rows_of(runs: list[chains.Run]) -> Any:
    rows = [(run.begin, run.end, run.other, run.other_end, run.renamed, run.recurring, 0, 0) for run in runs]
    return np.array(rows, np.int64).reshape(-1, chain_kernels.COLUMNS)


def runs_of(rows: Any) -> list[chains.Run]:
    return [chains.Run(*row[:4], bool(row[4]), bool(row[5])) for row in rows.tolist()]


@each
@given(run_lists(), run_lists(renamed=True), element_lists, element_lists)
def test_renamed_runs_give_way_as_the_twin_says(
    exact: list[chains.Run], renamed: list[chains.Run], mine: list[int], theirs: list[int]
) -> None:
    elements = np.array(mine, np.int32), np.array(theirs, np.int32)
    got = chain_kernels.settle(rows_of(exact), rows_of(renamed), SUFFICES, SUFFICES_RENAMED, *elements)
    assert runs_of(got) == chains.settled(exact, renamed, SUFFICES, SUFFICES_RENAMED, mine, theirs)


def test_an_exact_run_that_repeats_elsewhere_in_a_renamed_one_is_no_part_of_it() -> None:
    every = np.arange(200, dtype=np.int32)
    renamed, there, elsewhere = chains.Run(0, 60, 0, 60, True), chains.Run(5, 45, 5, 45), chains.Run(5, 45, 15, 55)
    for exact, left in ((there, [there, chains.Run(45, 60, 45, 60, True)]), (elsewhere, [elsewhere, renamed])):
        assert runs_of(chain_kernels.settle(rows_of([exact]), rows_of([renamed]), 10, 10, every, every)) == left
        recurring = replace(renamed, recurring=True)  # whatever is inside it gives way
        assert runs_of(chain_kernels.settle(rows_of([exact]), rows_of([recurring]), 10, 10, every, every)) == [recurring]


@each
@given(run_lists())
def test_chains_are_those_of_the_twin(runs: list[chains.Run]) -> None:
    nothing = np.empty(0, np.int32)
    rows, ends = chain_kernels.chain_up(rows_of(runs), np.arange(200), RULES, nothing, nothing)
    bounds = [0, *ends.tolist()]
    got = [rows[begin:end] for begin, end in itertools.pairwise(bounds)]
    wanted = chains.chains(runs, k=K, suffices=SUFFICES, longest_gap=GAP, loose=LOOSE, most_chains=50)
    assert [runs_of(chain) for chain in got] == wanted
    for chain in got:
        if len(chain):
            assert chain_kernels.similarity(chain, np.arange(200)) == chains.similarity(runs_of(chain))


@each
@given(run_lists(), st.lists(st.integers(0, 9), min_size=100, max_size=100), st.integers(1, 60))
def test_no_finding_is_where_none_may_be(runs: list[chains.Run], weights: list[int], least: int) -> None:
    nothing, none = np.empty(0, np.int32), np.empty(0, np.int64)
    sums = np.cumsum([0.0, *weights])
    rows, ends = chain_kernels.chain_up(rows_of(runs), np.arange(200), RULES, nothing, nothing)
    is_finding = any(run.tokens >= SUFFICES for run in runs_of(rows))
    for begin, end in itertools.pairwise([0, *ends.tolist()]):
        is_finding |= chain_kernels.strength(rows[begin:end], none, sums, sums, 1.0, 100, 1.5, 0.3) >= least
    may = chain_kernels.may_be_finding(rows_of(runs), none, sums, sums, SUFFICES, SUFFICES_RENAMED, least, 1.5)
    assert may or not is_finding
    of_all = sum((sums[run.end] - sums[run.begin]) ** 1.5 for run in runs) ** (1 / 1.5)
    assert may == (any(run.tokens >= SUFFICES for run in runs) or of_all > least - 1e-9)


@each
@given(st.sets(st.integers(0, 60)).map(sorted), st.sets(st.integers(0, 90), min_size=1).map(sorted), st.data())
def test_fingerprints_inside_are_held_and_end_where_the_stretch_does(positions: list[int], tokens: list[int], data: st.DataObject) -> None:
    begin, end = sorted((data.draw(st.integers(0, 90)), data.draw(st.integers(0, 90))))
    counts = data.draw(st.lists(st.integers(0, 2), min_size=2 + len(positions), max_size=2 + len(positions)))
    for elements in ([], tokens):
        low, high = (sum(token < edge for token in elements) if elements else edge for edge in (begin, end))
        wanted = [2 + p for p, position in enumerate(positions) if low <= position <= high - K and counts[2 + p]]
        given_as = np.array(positions, np.int64), np.array(elements, np.int32), 2, begin, end, K, np.array(counts, np.int64)
        assert source_kernels.held_inside(*given_as).tolist() == wanted


@each
@given(st.lists(st.integers(-5, 5), max_size=70))
def test_order_is_stable(values: list[int]) -> None:
    wanted = sorted(range(len(values)), key=lambda i: values[i])
    for kernels in (candidate_kernels, chain_kernels):
        assert kernels.order_of(np.array(values, np.int64)).tolist() == wanted


@each
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(-30, 300), st.integers(0, 5), st.booleans()), max_size=40))
def test_groups_hold_neighbouring_diagonals_and_count_a_fingerprint_once(hits: list[tuple[int, int, int, bool]]) -> None:
    hits = sorted(hits, key=lambda hit: hit[:2])
    first, weights = np.array([0, 1, 1, 3, 4, 4]), np.array([1.0, 2.0, 9.0, 4.0, 8.0, 16.0])
    docs, diagonals, prints = (np.array([hit[column] for hit in hits], np.int64) for column in range(3))
    flags = np.array([candidate_kernels.AGREES if hit[3] else 0 for hit in hits], np.uint8)
    begins, ends, scores = np.empty(len(hits), np.int64), np.empty(len(hits), np.int64), np.empty(len(hits))
    n = candidate_kernels.cluster(docs, diagonals, prints, flags, first, weights, 50, begins, ends, scores)
    wanted: list[list[tuple[int, int, int, bool]]] = []
    for hit in hits:
        if wanted and wanted[-1][-1][0] == hit[0] and hit[1] - wanted[-1][-1][1] <= 50:
            wanted[-1].append(hit)
        else:
            wanted.append([hit])
    assert [hits[b:e] for b, e in zip(begins[:n], ends[:n], strict=True)] == wanted
    for group, score in zip(wanted, scores[:n], strict=True):
        seen = {int(first[hit[2]]): hit[3] for hit in reversed(group)}
        assert score == pytest.approx(sum(weights[value] * (1 + candidate_kernels.TIE * agrees) for value, agrees in seen.items()))


@each
@given(st.lists(st.integers(0, 6), max_size=60))
def test_repeats_weigh_less(values: list[int]) -> None:
    hashes, counted = np.array(values, np.uint64), Counter(values)
    assert query_kernels.first_of_value(hashes).tolist() == [values.index(value) for value in values]
    wanted = [(1 + np.log(counted[value])) / counted[value] for value in values]
    assert query_kernels.freshness(hashes).tolist() == pytest.approx(wanted)


@each
@given(st.lists(st.tuples(st.integers(1, 9), st.integers(0, 40)), max_size=12), st.integers(1, 80))
def test_rarity_lies_between_that_of_the_neighbours(prints: list[tuple[int, int]], n_tokens: int) -> None:
    positions = np.cumsum([step for step, _ in prints], dtype=np.int64)
    holders = np.array([count for _, count in prints], np.int64)
    fresh, held = np.linspace(0.5, 1.0, n_tokens), holders > 0
    rare = np.maximum(0.02, 1 - 0.4 * np.log(np.maximum(holders, 1)))
    spread = np.interp(np.arange(n_tokens), positions[held] + 4.0, rare[held]) if held.any() else np.full(n_tokens, 0.3)
    got = significance_kernels.weigh(positions, 4.0, holders, fresh, 0.4, 0.02, 0.3, 0.7)
    assert got.tolist() == pytest.approx(np.append(0, np.cumsum(spread * fresh * 0.7)).tolist())


@each
@given(st.lists(st.tuples(st.integers(1, 13), st.integers(0, 2)), min_size=1, max_size=6), st.integers(20, 60), st.data())
def test_a_stretch_is_open_where_no_single_run_holds_what_its_fingerprints_allow(
    steps: list[tuple[int, int]], n_tokens: int, data: st.DataObject
) -> None:
    windows = [0, *itertools.accumulate(step for step, _ in steps[:-1])]
    windows = [window for window in windows if window + 20 <= n_tokens] or [0]
    counts = [count for _, count in steps[: len(windows)]]
    runs = data.draw(st.lists(st.tuples(st.integers(0, n_tokens - 1), st.integers(1, n_tokens)), max_size=4))
    runs = [(begin, min(n_tokens, begin + length)) for begin, length in runs]
    reach = np.array([max([end for begin, end in runs if begin <= t < end], default=0) for t in range(n_tokens)], np.int64)

    def is_open(first: int, last: int) -> bool:
        end = n_tokens if last == len(windows) - 1 else min(n_tokens, windows[last + 1] - 1 + 20)
        return not any(run[0] <= windows[first] and end <= run[1] for run in runs)

    no_tokens = np.empty(0, np.int32)
    held = [list(group) for is_held, group in itertools.groupby(range(len(windows)), lambda p: counts[p] > 0) if is_held]
    wanted = 1 if any(is_open(group[0], group[-1]) for group in held) else 0
    wanted = 2 if any(counts[p] and is_open(p, p) for p in (0, len(windows) - 1)) else wanted
    assert reach_kernels.open_stretches(np.array(windows, np.int64), no_tokens, np.array(counts, np.int64), reach, 20, reach[:0]) == wanted


@each
@given(st.text("aé\U0001f600\r\n", max_size=40))
def test_lines_and_units_are_those_of_python(text: str) -> None:
    data = np.frombuffer(text.encode(), np.uint8)
    starts = [0]
    for i, character in enumerate(text):
        if character == "\n" or (character == "\r" and text[i + 1 : i + 2] != "\n"):
            starts.append(len(text[: i + 1].encode()))
    assert offset_kernels.line_starts(data).tolist() == starts
    pairs = [(first, last) for first in range(len(data)) for last in range(first, len(data))]
    for ordered in (pairs, pairs[::-1]):
        firsts, lasts = np.array(ordered, np.int64).reshape(-1, 2).T
        wanted = [[sum(start <= byte for start in starts) for byte in pair] for pair in ordered]
        assert source_kernels.lines_of(data, firsts, lasts).tolist() == wanted
    for utf_16 in (False, True):
        got = offset_kernels.units_before(data, utf_16)
        for i in range(len(text) + 1):
            before = text[:i]
            assert got[len(before.encode())] == (len(before.encode("utf-16-le")) // 2 if utf_16 else i)


@each
@given(names, st.lists(st.integers(1, 3), min_size=30, max_size=30), st.integers(0, 5), st.data())
def test_what_was_renamed_is_told_as_element_by_element(theirs: Any, steps: list[int], before: int, data: st.DataObject) -> None:
    mine = np.array([code ^ data.draw(st.sampled_from((0, 0, 2, 4))) for code in theirs.tolist()], np.uint64)
    tokens = np.cumsum([3, *steps])[: len(mine)]
    others = np.cumsum([0, *([2] * before), *reversed(steps)])[: before + len(mine)]
    other_codes = np.append(np.zeros(before, np.uint64), theirs)
    if not len(mine):
        return
    run = tokens[0], others[before]
    first = data.draw(st.integers(0, len(mine) - 1))
    last = data.draw(st.integers(first + 1, len(mine)))
    low, high = tokens[first], tokens[last] if last < len(mine) else tokens[-1] + 1
    wanted: dict[int, list[int]] = {}
    for i in range(first, last):
        if mine[i] != theirs[i] and mine[i] % 2 and theirs[i] % 2:
            wanted.setdefault(int(theirs[i]), [others[before + i], tokens[i]])
    assert source_kernels.renamed_pairs(tokens, mine, others, other_codes, *run, low, high).tolist() == list(wanted.values())
    end = others[before + last] if before + last < len(others) else 999
    for start in range(low, tokens[first + 1] if first + 1 < len(mine) else low + 1):  # inside the first element
        assert source_kernels.renamed_range(tokens, others, 999, *run, start, high) == (others[before + first], end)


@each
@given(st.lists(st.sets(st.integers(0, 12), min_size=1), min_size=1, max_size=8), st.randoms(use_true_random=False))
def test_copies_hold_nearly_the_same_tokens_as_the_first_of_their_group(held: list[set[int]], random: Any) -> None:
    order = list(range(len(held)))
    random.shuffle(order)
    runs = [[(t, t + 1) for t in sorted(tokens)] for tokens in held]
    begins, ends = np.array(list(itertools.chain(*runs)), np.int64).T
    bounds = np.cumsum([0, *map(len, runs)])
    leaders: list[int] = []
    wanted = {}
    for one in order:
        same = (g for g, first in enumerate(leaders) if len(held[one] & held[first]) >= 0.7 * len(held[one] | held[first]))
        wanted[one] = next(same, len(leaders))
        if wanted[one] == len(leaders):
            leaders.append(one)
    got = source_kernels.group_copies(begins, ends, bounds, np.array(order), 0.7)
    assert got.tolist() == [wanted[one] for one in range(len(held))]


@pytest.mark.parametrize("module", (query_kernels, candidate_kernels, run_kernels, verify_kernels), ids=lambda module: module.__name__)
def test_the_cache_knows_the_state_of_kernels_of_other_files_and_no_object_of_this_process(module: ModuleType) -> None:
    """The values of free variables are in the key of numba's cache. A kernel among them would differ in every process."""
    plain = [getattr(kernel, "py_func", kernel) for kernel in vars(module).values()]
    stamped = [kernel for kernel in plain if getattr(kernel, "__closure__", None) and kernel.__module__ == module.__name__]
    assert len(stamped) >= 2
    for kernel in stamped:
        assert [cell.cell_contents for cell in kernel.__closure__] == [module.STAMP]


def test_a_text_is_read_alike_compiled_and_not() -> None:
    text = "def f(a, b):\n    return a + b * f(b, a)  # 'é' \"x y\"\n" * 4
    query = Query.of(text)
    assert len(query) == 4 * len(Query.of(text[: len(text) // 4])) and len(query.exact.keys) and len(query.renamed.keys)
