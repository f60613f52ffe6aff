"""Has each query of the search bench one right file, and is StarCoder's scheme rebuilt as it was published?"""

from __future__ import annotations

from tests.bench.corpus import Row
from tests.bench.peers.starcoder_search import trigrams
from tests.bench.search_items import make_items

SHARED = "def shared_function(argument):\n    return compute_something(argument)\n\n\n"
ROWS = [
    Row(
        i,
        f"pypi/package{i}@1.0",
        f"module_{name}.py",
        "Python",
        SHARED
        + f"def handle_{name}(request):\n    # the {name} handler answers what nobody else will\n"
        + f"    outcome_{name} = prepare{name.title()}AnswerNow(request, shared_function)\n"
        + f"    return outcome_{name}[0] + request.size - 1\n",
    )
    for i, name in enumerate(("alpha", "beta", "gamma", "delta"))
]


def test_each_query_has_one_right_file_and_the_same_again() -> None:
    items = make_items(ROWS, seed=3, n_each=4)
    assert items == make_items(ROWS, seed=3, n_each=4) != make_items(ROWS, seed=4, n_each=4)
    assert {item.kind for item in items} == {"function", "identifiers", "camel", "line", "comment"}
    for item in items:
        (name,) = (name for name in ("alpha", "beta", "gamma", "delta") if item.place[1] == f"module_{name}.py")
        assert item.query != "shared_function" and (name in item.query.lower() or item.kind == "line")


def test_trigrams_are_of_folded_characters_with_white_space() -> None:
    assert trigrams("Aé b").replace("\ue020", "_").split() == ["ae_", "e_b"]
    assert trigrams("ab") == ""
