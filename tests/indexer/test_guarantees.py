"""Does the engine find everything that it promises to find, and is everything that it says true? On runs cut from a real corpus.

TEST_RUNS=10000 sets how many runs are cut (1,500 otherwise).
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from indexer.answers import GUARANTEE_TOKENS, GUARANTEE_TOKENS_MEMBERSHIP
from indexer.text.keywords import KEYWORDS
from tests.indexer.conftest import RealIndex
from tests.reference import evidence

RUNS = int(os.environ.get("TEST_RUNS", "1500"))
GAPS = (" ", "  ", "\n", "\r\n", "\r", "\t", "\n\n    ", "\u00a0", "\u200b", "\f", "\ufeff", "\u3000 ")
NAMES = frozenset(KEYWORDS)


@dataclass(frozen=True)
class Cut:
    """Some tokens of a document as a text of their own; `where` names it in a failure."""

    text: str
    tokens: int
    where: str


def cuts(real: RealIndex, seed: int, runs: int, least: int, *, reflow: bool) -> Iterator[Cut]:
    """Random runs of at least `least` tokens: half of them as short as that, a tenth each at the start and end of a file."""
    chance = random.Random(seed)
    rows = [row for row in real.rows if len(row["content"]) < 200_000]
    while runs:
        row = chance.choice(rows)
        read = evidence.read(row["content"])
        length = least if chance.random() < 0.5 else least + int(chance.expovariate(1 / 60))
        if len(read.tokens) < length:
            continue
        begin = chance.choice([0] + [len(read.tokens) - length] + [chance.randint(0, len(read.tokens) - length) for _ in range(8)])
        some = read.tokens[begin : begin + length]
        text = reflowed(chance, read.text, some) if reflow else read.text[some[0].start : some[-1].end]
        runs -= 1
        yield Cut(text, length, f"{row['path']} tokens {begin}..{begin + length}")


def reflowed(chance: random.Random, text: str, some: list[evidence.Token]) -> str:
    """The same tokens with other white space: all of it changed, and some put in where there was none."""
    out = [some[0].text]
    for before, token in zip(some, some[1:], strict=False):
        apart = before.end < token.start
        out += [chance.choice(GAPS) if apart or chance.random() < 0.2 else "", token.text]
    return "".join(out)


@pytest.mark.parametrize("reflow", [False, True], ids=["as it stands", "reflowed"])
def test_attribution_finds_every_shared_run(real: RealIndex, reflow: bool) -> None:
    missed = []
    for cut in cuts(real, 11 + reflow, RUNS // 2, GUARANTEE_TOKENS, reflow=reflow):
        answer = real.index.attribute(cut.text)
        whole = (0, len(cut.text))
        if answer.status != "found" or not any((span.start, span.end) == whole for span in answer.spans):
            missed.append(f"{cut.where}: {answer.status} {[(s.start, s.end) for s in answer.spans]} of {whole}")
    assert not missed, f"{len(missed)} of {RUNS // 2}: " + "\n".join(missed[:20])


@pytest.mark.parametrize("reflow", [False, True], ids=["as it stands", "reflowed"])
def test_membership_finds_every_shared_run(real: RealIndex, reflow: bool) -> None:
    missed = [
        cut.where
        for cut in cuts(real, 21 + reflow, RUNS // 2, GUARANTEE_TOKENS_MEMBERSHIP, reflow=reflow)
        if not real.index.membership(cut.text).member
    ]
    assert not missed, f"{len(missed)} of {RUNS // 2}: {missed[:20]}"


def test_every_span_stands_in_its_sources_as_the_answer_says(real: RealIndex) -> None:
    wrong = []
    for cut in cuts(real, 31, RUNS // 5, GUARANTEE_TOKENS, reflow=True):
        answer = real.index.attribute(cut.text)
        wrong += [f"{cut.where}: {fault}" for fault in evidence.faults(answer, cut.text, real.contents, NAMES)]
    assert not wrong, f"{len(wrong)}: " + "\n".join(wrong[:20])
