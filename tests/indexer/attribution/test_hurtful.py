"""Do texts that hurt get an answer in bounded time?"""

from __future__ import annotations

import random
import time
from collections.abc import Callable

import pytest

from tests.indexer.conftest import RealIndex

MOST_SECONDS = 20.0


def whole_corpus_on_one_line(real: RealIndex) -> str:
    text = " ".join(row["content"] for row in real.rows[::3])
    return " ".join(text.split())[:5_000_000]


HURTFUL: dict[str, Callable[[RealIndex], str]] = {
    "5 MB of the corpus on one line": whole_corpus_on_one_line,
    "5 MB of one statement": lambda real: "self.value = value; " * 250_000,
    "the same token 200,000 times": lambda real: "0, " * 100_000,
    "one name 200,000 times": lambda real: "self " * 200_000,
    "random bytes": lambda real: random.Random(1).randbytes(2_000_000).decode("latin-1"),
    "deep nesting": lambda real: "[" * 200_000 + "]" * 200_000,
    "one token of 5 MB": lambda real: "x" * 5_000_000,
    "every file's first lines": lambda real: "\n".join("\n".join(row["content"].splitlines()[:12]) for row in real.rows),
    "a licence header a thousand times": lambda real: (
        "\n".join(row["content"][:800] for row in real.rows if "Mozilla" in row["content"][:800]) * 8
    ),
    "unclosed quotes": lambda real: "x = 'a\\" * 300_000,
}


@pytest.mark.parametrize("name", HURTFUL)
def test_a_hurtful_text_is_answered_in_time(real: RealIndex, name: str, record_property: Callable[[str, object], None]) -> None:
    text = HURTFUL[name](real)
    begun = time.monotonic()
    answer = real.index.attribute(text)
    attributed = time.monotonic() - begun
    member = real.index.membership(text)
    answered = time.monotonic() - begun - attributed
    record_property("seconds", (attributed, answered))
    assert answer.tokens == member.tokens
    assert attributed < MOST_SECONDS and answered < MOST_SECONDS, f"attribute {attributed:.1f} s, membership {answered:.1f} s"


def test_a_time_limit_is_kept(real: RealIndex) -> None:
    text = whole_corpus_on_one_line(real)[:1_000_000]
    begun = time.monotonic()
    answer = real.index.attribute(text, timeout_ms=200)
    assert time.monotonic() - begun < 5
    assert answer.status == "partial" and answer.partial and "timeout_ms" in answer.partial.reasons
