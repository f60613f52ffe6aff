"""What does an attribution say of the texts that people paste? On the real index, and on small ones made for a case.

Golden answers stand in tests/golden as readable text; UPDATE_GOLDEN=1 writes them anew, for a person to read in the diff.
"""

from __future__ import annotations

import os
import random
import re
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from indexer.answers import OFFSET_UNITS, Attribution, OffsetUnit
from indexer.index import Index
from indexer.text.keywords import KEYWORDS
from tests.indexer.conftest import RealIndex, build
from tests.reference import evidence

GOLDEN = Path(__file__).resolve().parents[2] / "golden"

# Written for these tests; what it copies stands in no package.
CARRIER = '''\
class Harbour:
    """Ships by berth."""

    def __init__(self, berths: int) -> None:
        self.free = list(range(berths))
        self.ships: dict[str, int] = {}

    def moor(self, ship: str, draught: float, tide: float) -> int:
        if draught > tide + 4.5:
            raise ValueError(f"{ship} draws too much: {draught}")
        berth = self.free.pop(0)
        self.ships[ship] = berth
        for other, place in sorted(self.ships.items()):
            if place > berth and other != ship:
                print("beyond", other, place)
        return berth

    def sail(self, ship: str) -> None:
        self.free.append(self.ships.pop(ship))
        self.free.sort(reverse=True)
'''

OWN = '''\
def knot_speed(samples, window, calm=0.25):
    """Median of windowed displacement over gust-free samples."""
    kept = [s for s in samples if abs(s.gust - s.mean_gust) < calm]
    buckets = {}
    for index, sample in enumerate(kept):
        buckets.setdefault(index // window, []).append(sample.displacement)
    medians = sorted(sum(b) / (1 + len(b)) for b in buckets.values())
    return medians[len(medians) // 2] if medians else float("nan")
'''


def function_of(text: str, name: str, lines: int) -> tuple[str, int]:
    """Some lines of a file from `def name` on, and the 1-based line at which they begin."""
    all_lines = text.splitlines(keepends=True)
    begin = next(i for i, line in enumerate(all_lines) if re.match(rf"\s*(async )?def {name}\b", line))
    return "".join(all_lines[begin : begin + lines]), begin + 1


def row_of(real: RealIndex, repository: str, path: str) -> dict[str, str]:
    return next(row for row in real.rows if row["repository"] == repository and row["path"] == path)


FUNCTIONS = [
    ("pypi/h11", "h11/_connection.py", "start_next_cycle", 12),
    ("pypi/httpx", "httpx/_utils.py", "get_environment_proxies", 12),
    ("pypi/starlette", "starlette/routing.py", "compile_path", 12),
    ("pypi/jinja2", "jinja2/lexer.py", "count_newlines", 12),
]


@pytest.mark.parametrize(("repository", "path", "name", "lines"), FUNCTIONS, ids=str)
def test_a_function_reindented_without_blank_lines_comes_back_first(
    real: RealIndex, repository: str, path: str, name: str, lines: int
) -> None:
    row = row_of(real, repository, path)
    code, line = function_of(row["content"], name, lines)
    moved = textwrap.indent(textwrap.dedent("\n".join(piece for piece in code.splitlines() if piece.strip())), "\t\t")
    answer = real.index.attribute(moved)
    best = answer.sources[0]
    assert (answer.status, best.repository, best.path, best.commit) == ("found", repository, path, row["commit"])
    last = line + max(i for i, piece in enumerate(code.splitlines()) if piece.strip())
    assert (best.start_line, best.end_line, best.kind) == (line, last, "exact")
    assert best.url.endswith(f"#L{line}-L{last}")
    assert len(answer.spans) == 1 and answer.spans[0].significant and answer.coverage == 1.0


@pytest.mark.parametrize(("repository", "path", "name", "lines"), FUNCTIONS, ids=str)
def test_two_lines_changed_in_the_middle_are_one_source_with_two_spans(
    real: RealIndex, repository: str, path: str, name: str, lines: int
) -> None:
    row = row_of(real, repository, path)
    code, line = function_of(row["content"], name, 24)
    pieces = code.splitlines()
    pieces[11:13] = ["        quay = moored_at[tide_table(7)]", "        harbour.signal(quay, lamp=3)"]
    answer = real.index.attribute("\n".join(pieces))
    best = answer.sources[0]
    assert (best.repository, best.path, best.kind) == (repository, path, "edited")
    assert [match.span for match in best.matches] == [0, 1] and len(answer.spans) == 2
    assert best.start_line == line and best.end_line <= line + 23 and 0.5 < best.similarity < 1
    assert sum(source.path == path and source.repository == repository for source in answer.sources) == 1


def test_a_function_written_for_the_test_is_not_found(real: RealIndex) -> None:
    for text in (OWN, CARRIER):
        answer = real.index.attribute(text)
        assert (answer.status, answer.spans, answer.sources, answer.score, answer.notice) == ("none", (), (), 0.0, "")
        assert real.index.membership(text).status == "none"


@pytest.mark.parametrize("text", ["", " \n\t", "a b c d e f g h i", "return x + y * 2 # nine"])
def test_too_few_tokens_are_said_to_be_too_few(real: RealIndex, text: str) -> None:
    answer, member = real.index.attribute(text), real.index.membership(text)
    assert (answer.status, answer.guarantee_tokens, answer.spans) == ("too_short", 20, ())
    assert (member.status, member.guarantee_tokens, member.member) == ("too_short", 33, False)


def renamed_carrier() -> tuple[str, dict[str, str]]:
    """The carrier with other names, and what they were."""
    names = {"Harbour": "Depot", "berths": "slots", "moor": "park", "ship": "van", "draught": "height", "tide": "limit", "berth": "slot",
             "ships": "vans", "other": "parked", "place": "bay", "sail": "leave", "free": "open_slots"}  # fmt: skip
    return re.sub(r"\b\w+\b", lambda match: names.get(match[0], match[0]), CARRIER.split('"""Ships by berth."""')[1]), names


def test_renamed_identifiers_come_back_with_their_names(index_of: Callable[..., Index]) -> None:
    text, names = renamed_carrier()
    text = text.replace('f"{van} draws too much: {height}"', 'f"{ship} draws too much: {draught}"')
    answer = index_of([OWN, CARRIER]).attribute(text)
    best = answer.sources[0]
    assert (answer.status, best.path, best.kind) == ("found", "file1.py", "renamed")
    assert [span.kind for span in answer.spans] == ["renamed"] and answer.coverage > 0.95
    assert best.matches[0].names == {name: to for name, to in names.items() if name not in ("Harbour",)}


def test_a_renaming_whose_literals_say_something_else_weighs_less(index_of: Callable[..., Index]) -> None:
    text, _ = renamed_carrier()
    other = text.replace("draws too much", "mostly harmless").replace('"beyond"', '"gate"').replace("4.5", "9.5")
    assert other.count("harmless") == other.count("gate") == other.count("9.5") == 1
    index = index_of([CARRIER])
    same, different = index.attribute(text), index.attribute(other)
    assert [span.kind for span in different.spans] == [span.kind for span in same.spans] == ["renamed"]
    assert different.score < same.score


def test_names_that_do_not_map_one_to_one_are_no_renaming(index_of: Callable[..., Index]) -> None:
    """Two names merged into one make another program."""
    body = CARRIER.split("def moor")[1]
    merged = re.sub(r"\b(berth|place|other|ship)\b", "thing", body)
    answer = index_of([CARRIER]).attribute(merged)
    faults = evidence.faults(answer, merged, {source.document_id: CARRIER for source in answer.sources}, frozenset(KEYWORDS))
    assert not faults
    assert answer.coverage < 0.9


def test_kinds_asked_for_are_the_only_ones(index_of: Callable[..., Index]) -> None:
    index, (renamed, _) = index_of([CARRIER]), renamed_carrier()
    assert index.attribute(renamed, kinds=["exact"]).status == "none"
    assert {span.kind for span in index.attribute(renamed, kinds=["renamed"]).spans} == {"renamed"}
    assert {span.kind for span in index.attribute(CARRIER, kinds=["exact"]).spans} == {"exact"}


@pytest.fixture(scope="module")
def carrier(tmp_path_factory: pytest.TempPathFactory) -> Index:
    """An index of the carrier alone."""
    return build(tmp_path_factory.mktemp("carrier") / "carrier.index", [{"content": CARRIER, "repository": "o/r", "path": "harbour.py"}])


@pytest.mark.parametrize("unit", OFFSET_UNITS)
@pytest.mark.parametrize("before", ["", "# 😀 é\r\n", "\ufeff# \u00a0中\r", "x = '\ud83d'\n", "# \ud83d\ude00 pair\n", "\x00\n"])
def test_offsets_are_counted_in_the_unit_asked_for(carrier: Index, unit: OffsetUnit, before: str) -> None:
    text = before + CARRIER + "# 🏴 after\n"
    answer = carrier.attribute(text, offset_unit=unit)
    span = answer.spans[0]
    assert answer.offset_unit == unit

    def units(part: str) -> int:
        return (
            len(part)
            if unit == "utf-32"
            else len(part.encode("utf-16-le" if unit == "utf-16" else unit, "surrogatepass")) // (1 + (unit == "utf-16"))
        )

    assert (span.start, span.end) == (units(before), units(before + CARRIER.rstrip()))
    first = before.replace("\r\n", "\n").replace("\r", "\n").count("\n") + 1
    assert (span.start_line, span.end_line) == (first, first + CARRIER.count("\n") - 1)
    member = carrier.membership(text, offset_unit=unit)
    assert member.member and member.spans[0].start >= span.start and member.spans[0].end <= span.end


def test_every_document_that_holds_the_text_is_counted(index_of: Callable[..., Index]) -> None:
    other = [f"{OWN}\nextra_{i} = {i}\n" for i in range(30)]
    answer = index_of([CARRIER, *[f"# {i}\n{CARRIER}" for i in range(11)], *other]).attribute(CARRIER)
    span = answer.spans[0]
    assert (span.files, span.repositories, span.owners, span.capped) == (12, 12, 12, False)
    assert answer.sources[0].copies_total == 11 and len(answer.sources[0].copies) == 11


def test_a_run_hidden_by_thousands_that_share_its_middle_is_found(index_of: Callable[..., Index]) -> None:
    """The guarantee wins over every cap: common code must not hide the one place that holds all of it, or the answer says `partial`."""
    chance = random.Random(2)
    middle = "if value is None : return default . get ( key , other )"
    common = [f"a{chance.random()} ( b{chance.random()} ) ; {middle} ; c{chance.random()} + d{chance.random()}" for _ in range(1500)]
    wanted = f"first second third {middle} fourth fifth sixth"
    index = index_of([*common[:1400], f"{OWN}\n{wanted}\n{OWN[::-1]}", *common[1400:]])
    answer = index.attribute(wanted)
    assert answer.status in ("found", "partial")
    assert any(source.path == "file1400.py" for source in answer.sources) or answer.partial


def test_a_source_seen_in_part_says_partial_not_found(index_of: Callable[..., Index]) -> None:
    answer = index_of([CARRIER]).attribute(CARRIER + OWN, timeout_ms=1)
    assert answer.status in ("found", "partial") and (answer.status == "partial") == (answer.partial is not None)


def shown(answer: Attribution, text: str) -> str:
    """An answer as a person reads it."""
    lines = [f"{answer.status}, {answer.tokens} tokens, coverage {answer.coverage:.2f}"]
    for i, span in enumerate(answer.spans):
        common = f"{span.files} files, {span.repositories} repositories"
        lines.append(
            f"span {i}: lines {span.start_line}-{span.end_line}, {span.tokens} tokens, {span.kind}, {common}, sources {list(span.sources)}"
        )
        lines += [f"  | {line}" for line in text[span.start : span.end].splitlines()]
    for source in answer.sources:
        lines.append(
            f"{source.repository} {source.path}:{source.start_line}-{source.end_line} {source.kind}, similarity {source.similarity:.2f}"
        )
        for match in source.matches:
            names = "" if match.names is None else f" {match.names}"
            lines.append(f"  span {match.span} at {match.start_line}-{match.end_line} {match.kind}{names}")
        lines += [f"  copy {copy.repository} {copy.path}:{copy.start_line}-{copy.end_line}" for copy in source.copies]
    return "\n".join(lines) + "\n"


def edited() -> str:
    return CARRIER.replace(
        "        berth = self.free.pop(0)\n        self.ships[ship] = berth\n",
        "        quay = self.pick(draught, 3)\n        quay.take(ship, tide)\n",
    )


GOLDENS: dict[str, Callable[[], str]] = {
    "copied": lambda: CARRIER,
    "reindented": lambda: textwrap.indent("\n".join(line for line in CARRIER.splitlines() if line), "      "),
    "edited": edited,
    "renamed": lambda: renamed_carrier()[0],
    "inside other code": lambda: OWN.replace("    buckets = {}\n", "    buckets = {}\n" + CARRIER.split("\n\n")[2] + "\n"),
    "two sources": lambda: CARRIER.split("\n\n")[2] + "\n\n" + OWN.split("    buckets", maxsplit=1)[0],
}


@pytest.mark.parametrize("name", GOLDENS)
def test_golden_answers(index_of: Callable[..., Index], name: str) -> None:
    documents = [OWN.replace("kept", "remaining"), "import os\n\n" + CARRIER, f"# vendored\n{CARRIER}\nEND = 1\n"]
    if name == "two sources":
        documents[0] = OWN
    text = GOLDENS[name]()
    said = shown(index_of(documents).attribute(text), text)
    file = GOLDEN / f"{name.replace(' ', '_')}.txt"
    if os.environ.get("UPDATE_GOLDEN"):
        file.write_text(said)
    assert said == file.read_text()
