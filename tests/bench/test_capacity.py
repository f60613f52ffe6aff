"""Is docs/CAPACITY.md what its measurements give, and is every sum on it right?"""

from __future__ import annotations

import json
import math
import re
from typing import Any

import pytest

from tests.bench.capacity import RESULTS, TARGET, page

Results = list[dict[str, Any]]


@pytest.fixture
def results() -> Results:
    loaded: Results = json.loads(RESULTS.read_text("utf-8"))
    return loaded


def test_page_is_what_the_measurements_give(results: Results) -> None:
    assert TARGET.read_text("utf-8") == page(results), "docs/CAPACITY.md is out of date; run: make capacity"


def test_every_sum_is_right(results: Results) -> None:
    cells = [cell for line in page(results).splitlines() for cell in line.split(" | ") if " = " in cell]
    assert len(cells) >= 20
    assert [cell for cell in cells if not _is_right(cell.strip(" |"))] == []


def _is_right(cell: str) -> bool:
    """Units aside, whether the left side comes to the right one, as far as that is rounded. "⌈7 GB / 2 GB⌉ = 4" """
    left, _, right = re.sub(r"(?<=\d) (?:GB|MB/s|MB|kB|ms|h|million)\b|,", "", cell).rpartition(" = ")
    formula = left.replace("⌈", "math.ceil(").replace("⌉", ")").replace("×", "*").replace("^", "**")
    assert re.fullmatch(r"[\d\s.*/()]*(?:math\.ceil\([\d\s.*/]+\))?[\d\s.*/()]*", formula), cell
    found, digits = eval(formula, {"math": math}), len(right.partition(".")[2])
    return bool(abs(found - float(right)) <= max(0.51 * 10**-digits, 0.01 * abs(found)))


def test_a_wrong_sum_is_seen() -> None:
    assert _is_right("3,000 GB × 1.22 = 3,660 GB")
    assert not _is_right("3,000 GB × 1.22 = 3,960 GB")


def test_sizes_that_are_missing_are_named(results: Results) -> None:
    least = [one for one in results if one["gb"] == 0.1]
    text = page(least)
    assert "Not measured yet: folder at 0.5 GB, folder at 2.0 GB, cluster at 0.5 GB, cluster at 2.0 GB." in text
    assert "the worst case: one size alone was measured" in text


def test_growth_between_two_sizes_is_what_larger_corpora_are_reckoned_with(results: Results) -> None:
    least = [one for one in results if one["gb"] == 0.1]
    cluster = next(one for one in least if one["store"] == "cluster")
    grown = {"attribution_node_cpu_ms": cluster["attribution_node_cpu_ms"] * 4, "text_bytes": cluster["text_bytes"] * 16}
    assert "to the power 0.50" in page([*least, cluster | grown | {"gb": 2.0}])


def test_nothing_is_reckoned_from_nothing(results: Results) -> None:
    assert "Nothing: it needs measurements of both stores." in page([one for one in results if one["store"] == "folder"])
