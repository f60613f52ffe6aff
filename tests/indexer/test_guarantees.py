"""Does the engine find everything that it promises to find, and is everything that it says true? On runs cut from a real corpus.

TEST_RUNS=10000 sets how many runs are cut (1,500 otherwise).
"""

from __future__ import annotations

import itertools
import os
import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pytest

from indexer.answers import GUARANTEE_TOKENS, GUARANTEE_TOKENS_MEMBERSHIP, GUARANTEE_TOKENS_RENAMED
from indexer.text.keywords import KEYWORDS
from tests.indexer.conftest import RealIndex, build
from tests.reference import evidence
from tests.reference.tokens import renamed

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
    for before, token in itertools.pairwise(some):
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


def surrounded(chance: random.Random, cut: Cut) -> tuple[str, int, int]:
    """The cut between code that is in no corpus, and where it begins and ends there."""
    before, after = (" ".join(f"{chance.choice('()+=.,')} zq{chance.randrange(10**9)}" for _ in range(20)) for _ in range(2))
    return f"{before}\n{cut.text}\n{after}", len(before) + 1, len(before) + 1 + len(cut.text)


def test_attribution_finds_a_run_inside_other_code(real: RealIndex) -> None:
    chance, missed = random.Random(41), []
    for cut in cuts(real, 42, RUNS // 5, GUARANTEE_TOKENS, reflow=False):
        text, begin, end = surrounded(chance, cut)
        answer = real.index.attribute(text)
        if not any(span.start <= begin and span.end >= end for span in answer.spans):
            missed.append(f"{cut.where}: {answer.status} {[(s.start, s.end, s.kind) for s in answer.spans]} of {(begin, end)}")
    assert not missed, f"{len(missed)} of {RUNS // 5}: " + "\n".join(missed[:20])


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> RealIndex:
    """Tables of numbers, in which k-grams have far more places than an index keeps of a document."""
    chance = random.Random(81)
    numbers = [[(i, [(j, chance.choice((0, 0, 0, 1, 2, 3))) for j in range(64)]) for i in range(64)] for _ in range(3)]
    lines = [[f"    {i}: {{" + ", ".join(f"{j}: {n}" for j, n in row) + "}," for i, row in table] for table in numbers]
    rows = [{"content": "\n".join(each), "repository": f"o/r{i}", "path": f"table{i}.py"} for i, each in enumerate(lines)]
    folder = tmp_path_factory.mktemp("tables") / "tables.index"
    return RealIndex(build(folder, rows), folder, rows, {})


def test_attribution_finds_every_run_of_tables(tables: RealIndex) -> None:
    missed = []
    for cut in cuts(tables, 82, RUNS // 5, GUARANTEE_TOKENS, reflow=False):
        answer = tables.index.attribute(cut.text)
        if not any((span.start, span.end) == (0, len(cut.text)) for span in answer.spans):
            missed.append(f"{cut.where}: {answer.status} {[(s.start, s.end) for s in answer.spans]} of {(0, len(cut.text))}")
    assert not missed, f"{len(missed)} of {RUNS // 5}: " + "\n".join(missed[:20])


def test_membership_finds_a_run_inside_other_code(real: RealIndex) -> None:
    chance = random.Random(43)
    asked = [(cut, surrounded(chance, cut)[0]) for cut in cuts(real, 44, RUNS // 5, GUARANTEE_TOKENS_MEMBERSHIP, reflow=False)]
    missed = [(cut.where, answer.longest_run) for cut, text in asked if not (answer := real.index.membership(text)).member]
    assert not missed, f"{len(missed)} of {RUNS // 5} (with their longest run): {missed[:20]}"


def renamed_cuts(real: RealIndex, seed: int, runs: int) -> Iterator[Cut]:
    """Runs of 25 and more tokens of the renamed stream, cut between its elements, every identifier given a new name."""
    chance = random.Random(seed)
    rows = [row for row in real.rows if len(row["content"]) < 200_000]
    while runs:
        row = chance.choice(rows)
        stream, read = evidence.renamed_stream(row["content"], NAMES), evidence.read(row["content"])
        length = GUARANTEE_TOKENS_RENAMED + (0 if chance.random() < 0.5 else int(chance.expovariate(1 / 60)))
        if len(stream) < length:
            continue
        begin = chance.randint(0, len(stream) - length)
        some = stream[begin : begin + length]
        stop = stream[begin + length].token if begin + length < len(stream) else len(read.tokens)
        text = renamed_text(read, some, stop)
        if [r.code & 1 for r in renamed(text, NAMES)] != [r.code & 1 for r in some]:
            continue  # a quote of the cut pairs otherwise than in the file, so the streams differ
        runs -= 1
        yield Cut(text, length, f"{row['path']} tokens {some[0].token}..{stop}")


def renamed_text(read: evidence.Text, some: Sequence[evidence.Renamed], stop: int) -> str:
    """The tokens of some elements of the stream, with name 0, name 1, ... for the identifiers in order of their first use."""
    given: dict[str, str] = {}
    out, at = [], read.tokens[some[0].token].start
    for element in some:
        token = read.tokens[element.token]
        if element.name is not None:
            out += [read.text[at : token.start], given.setdefault(element.name, f"given_{len(given)}")]
            at = token.end
    return "".join(out) + read.text[at : read.tokens[stop - 1].end]


def test_attribution_finds_every_renamed_run(real: RealIndex) -> None:
    missed = []
    for cut in renamed_cuts(real, 51, RUNS // 5):
        answer = real.index.attribute(cut.text)
        # Where exact stretches explain half of it and no changed name recurs, they are reported instead: an edit, not a renaming.
        exact = sum(span.tokens for span in answer.spans if span.kind == "exact" and span.tokens >= GUARANTEE_TOKENS)
        whole = any((span.start, span.end) == (0, len(cut.text)) for span in answer.spans)
        names = re.findall(r"\bgiven_\d+\b", cut.text)
        # What a better source covers of it is told of that one; then it is among the sources.
        told = {one.path for source in answer.sources for one in (source, *source.copies)}
        is_edit = exact * 2 >= answer.tokens and len(set(names)) == len(names)
        if not whole and not is_edit and cut.where.partition(" tokens ")[0] not in told:
            covered = sum(span.end - span.start for span in answer.spans)
            missed.append(f"{cut.where}, {cut.tokens} renamed: {answer.status} {answer.partial} covers {covered} of {len(cut.text)}")
    assert not missed, f"{len(missed)} of {RUNS // 5}: " + "\n".join(missed[:20])


def test_a_renamed_span_names_what_was_renamed(real: RealIndex) -> None:
    wrong = []
    for cut in renamed_cuts(real, 61, RUNS // 10):
        answer = real.index.attribute(cut.text)
        wrong += [f"{cut.where}: {fault}" for fault in evidence.faults(answer, cut.text, real.contents, NAMES)]
    assert not wrong, f"{len(wrong)}: " + "\n".join(wrong[:10])


def test_no_span_can_be_extended(real: RealIndex) -> None:
    chance, found = random.Random(71), []
    for cut in cuts(real, 72, RUNS // 5, GUARANTEE_TOKENS, reflow=False):
        text = surrounded(chance, cut)[0] if chance.random() < 0.5 else cut.text + "\n" + chance.choice(real.rows)["content"][:2000]
        found += [f"{cut.where}: {fault}" for fault in evidence.not_maximal(real.index.attribute(text), text, real.contents)]
    assert not found, f"{len(found)}: " + "\n".join(found[:20])


def test_every_span_stands_in_its_sources_as_the_answer_says(real: RealIndex) -> None:
    wrong = []
    for cut in cuts(real, 31, RUNS // 5, GUARANTEE_TOKENS, reflow=True):
        answer = real.index.attribute(cut.text)
        wrong += [f"{cut.where}: {fault}" for fault in evidence.faults(answer, cut.text, real.contents, NAMES)]
    assert not wrong, f"{len(wrong)}: " + "\n".join(wrong[:20])
