"""Whatever is sent, the API answers as its description says: a few hundred cases here, twenty thousand by `make api-cases`."""

from __future__ import annotations

from tests.api_cases import run


def test_cases_made_of_the_description_get_described_answers(url: str) -> None:
    done = run(url, examples=10, seed=1, phases="examples,fuzzing")
    assert done.kept, done.said
    assert done.cases >= 200
