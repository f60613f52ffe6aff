"""Are answers judged by the rules that the benchmark states?"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.bench.corpus import Row
from tests.bench.judge import Judge, Truth, line_overlap, score_threshold, truth
from tests.bench.queries import Query

ROWS = [Row(number, f"py/package{number}@1", "a.py", "Python", "") for number in range(6)]


def query(qid: int, kind: str, truth: list[int]) -> Query:
    """A query cut from lines 11 to 20 of the first file of its truth."""
    row = ROWS[truth[0]] if truth else Row(0, "py/other@1", "b.py", "Python", "")
    return Query(qid, kind, qid, f"text {qid}", row.repo, row.path, row.lang, 11, 20, truth, 0.0)


def answer(qid: int, score: float, ranked: list[list[tuple[int, int, int]]]) -> dict[str, Any]:
    """What a worker writes for one query."""
    return {"qid": qid, "score": score, "seconds": 0.001, "ranked": ranked}


def test_threshold_lets_at_most_one_percent_of_negatives_through() -> None:
    scores = np.random.default_rng(5).permutation(np.arange(1000.0))
    assert (scores > score_threshold(scores)).sum() == 10


def test_threshold_among_ties_lets_fewer_through_rather_than_more() -> None:
    scores = np.array([7.0] * 30 + [0.0] * 970)
    assert (scores > score_threshold(scores)).sum() == 0


@pytest.mark.parametrize(
    ("reported", "true", "overlap"),
    [((1, 10), (1, 10), 1.0), ((1, 10), (6, 15), 1 / 3), ((1, 5), (6, 9), 0.0), ((3, 4), (1, 10), 0.2)],
)
def test_line_overlap_is_intersection_over_union(reported: tuple[int, int], true: tuple[int, int], overlap: float) -> None:
    assert line_overlap(reported, true) == pytest.approx(overlap)


def judged(answers: list[dict[str, Any]], queries: list[Query]) -> Any:
    """Figures of set P0, the only one these tests fill beside N."""
    return (
        Judge(queries, {(row.repo, row.path): row.id for row in ROWS})
        .figures("engine", {"names_files": True, "answers": answers})
        .sets["P0"]
    )


def test_common_snippets_count_in_the_general_recall_only() -> None:
    queries = [query(0, "P0", [0]), query(1, "P0", [0, 1, 2, 3]), query(2, "N", [])]
    figures = judged([answer(0, 5.0, []), answer(1, 1.0, []), answer(2, 2.0, [])], queries)
    assert (figures.recall, figures.n_rare, figures.recall_rare) == (0.5, 1, 1.0)


def test_right_file_counts_when_a_copy_is_folded_under_the_first() -> None:
    queries = [query(0, "P0", [0]), query(1, "P0", [1]), query(2, "N", [])]
    under_first = answer(0, 1.0, [[(4, 1, 2), (0, 11, 20)]])
    second = answer(1, 1.0, [[(4, 1, 2)], [(1, 11, 15)]])
    figures = judged([under_first, second, answer(2, 0.0, [])], queries)
    assert (figures.first, figures.in_ten, figures.lines) == (0.5, 1.0, pytest.approx(0.75))


def test_a_file_beyond_the_tenth_place_is_not_found() -> None:
    queries = [query(0, "P0", [0]), query(1, "N", [])]
    figures = judged([answer(0, 1.0, [[(4, 1, 2)]] * 10 + [[(0, 11, 20)]]), answer(1, 0.0, [])], queries)
    assert (figures.first, figures.in_ten, figures.lines) == (0.0, 0.0, None)


def test_times_are_told_for_long_texts_and_for_texts_that_nothing_is_found_for_apart() -> None:
    queries = [query(0, "P0", [0]), query(1, "P6", [0]), query(2, "P4", [0]), query(3, "N", [])]
    answers = [answer(qid, 0.0, []) | {"seconds": seconds} for qid, seconds in enumerate((0.001, 0.003, 0.5, 0.0001))]
    times = Judge(queries, {(row.repo, row.path): row.id for row in ROWS}).times(answers)
    assert times["P0 to P3, P5, P6"].p50 == pytest.approx(2.0)
    assert times["P4"].p50 == pytest.approx(500.0)
    assert times["N"].p99 == pytest.approx(0.1)


def test_a_check_counts_statements_faults_and_answers_that_are_not_the_measured_ones() -> None:
    measured = {"answers": [answer(0, 1.0, [[(4, 1, 2)]]), answer(1, 2.0, [])]}
    first = answer(0, 1.0, [[(4, 1, 2)]]) | {"claims": 3, "faults": ["not there"]}
    other = answer(1, 2.5, []) | {"claims": 4, "faults": []}
    assert truth(measured, [first, other]) == Truth(claims=7, faults=("query 0: not there",), differing=1)
