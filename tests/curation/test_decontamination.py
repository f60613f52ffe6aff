import builtins
import gzip
import json
import keyword
import os
import pickle
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import pyarrow as pa
import pytest

from curation.benchmark_problems import FieldNames
from curation.decontamination import Benchmarks, DecontaminationSettings, Match, benchmark_matches, report_rows
from indexer.corpus import conform
from indexer.errors import InputError

ROOT = Path(__file__).parents[2]

PARITY = {
    "task_id": "Small/0",
    "prompt": 'def sunken_parity(anchors, depth):\n    """ Given heavy anchors in a harbour, tell whether those below the depth\n'
    "    weigh an odd number of tonnes together.\n    >>> sunken_parity([3, 9, 4], 3)\n    True\n"
    '    """\n',
    "canonical_solution": "    weight = 0\n    for anchor in anchors:\n        if anchor > depth:\n            weight = weight + anchor\n"
    "    while weight > 1:\n        weight = weight - 2\n    return weight == 1\n",
    "entry_point": "sunken_parity",
}
PLUS = {"task_id": "Small/1", "prompt": "", "canonical_solution": "    return first + second\n", "entry_point": "plus"}
LIST = {"task_id": "Small/2", "prompt": "", "solution": f"    return {list(range(40))}\n"}
HOST = "import os\n\n\ndef walk(top):\n    for folder, _, names in os.walk(top):\n        yield from (folder + x for x in names)\n"


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., Benchmarks]:
    def benchmarks(*problems: dict[str, Any], names: FieldNames | None = None) -> Benchmarks:
        path = tmp_path / "Small.jsonl"
        path.write_text("\n".join(map(json.dumps, problems)) + "\n")
        return Benchmarks.read([path], names)

    return benchmarks


def batch(*contents: str | None) -> pa.RecordBatch:
    columns = {"content": pa.array(contents, pa.large_string()), "repository": ["o/n"] * len(contents), "path": ["a.py"] * len(contents)}
    return conform(pa.RecordBatch.from_pydict(columns))


def look(benchmarks: Benchmarks, content: str, settings: DecontaminationSettings | None = None) -> Match | None:
    return benchmark_matches(batch(HOST, content, HOST), benchmarks, settings)[1]


def rename(text: str) -> str:
    names = {name: f"q{number}" for number, name in enumerate(("sunken_parity", "anchors", "anchor", "depth", "weight"))}
    return re.sub(r"\w+", lambda word: names.get(word[0], word[0]), text)


def reformat(text: str) -> str:
    return re.sub(r"\n\s*", "\n\t ", text).replace(" = ", "=").replace(", ", ",")


WHOLE = PARITY["prompt"] + PARITY["canonical_solution"]


@pytest.mark.parametrize(
    ("text", "method", "field"),
    [
        (WHOLE, "exact", "prompt"),
        (WHOLE.upper(), "exact", "prompt"),
        (reformat(WHOLE), "exact", "prompt"),
        (PARITY["prompt"], "exact", "prompt"),
        (PARITY["canonical_solution"], "exact", "solution"),
        (rename(WHOLE), "renamed", "problem"),
        (rename(PARITY["canonical_solution"]), "renamed", "solution"),
        (reformat(rename(PARITY["canonical_solution"])), "renamed", "solution"),
    ],
)
def test_a_planted_problem_is_found_and_told(text: str, method: str, field: str, read: Callable[..., Benchmarks]) -> None:
    match = look(read(PARITY, PLUS), HOST + text + HOST)
    assert match is not None
    assert (match.benchmark, match.task_id, match.method) == ("Small", "Small/0", method)
    assert match.field == field or match.score == 1.0
    first = HOST.count("\n") + 1
    assert first <= match.start_line <= match.end_line <= first + text.count("\n")
    assert 0.25 < match.score <= 1.0


def test_lines_and_share_are_those_of_what_was_found(read: Callable[..., Benchmarks]) -> None:
    match = look(read(PARITY), HOST + PARITY["canonical_solution"])
    assert match == Match("Small", "Small/0", "solution", "exact", 7, 13, 1.0)
    assert str(match) == "Small Small/0: 100% of its solution (exact) in lines 7 to 13"


def test_files_without_a_problem_stay(read: Callable[..., Benchmarks]) -> None:
    assert benchmark_matches(batch(HOST, "", None, "x", "def depth(anchors): return anchors"), read(PARITY, PLUS, LIST)) == [None] * 5


def test_each_file_of_a_batch_is_judged_alone(read: Callable[..., Benchmarks]) -> None:
    half = WHOLE.index("weigh an odd")
    found = benchmark_matches(batch(WHOLE[:half], HOST, WHOLE, WHOLE[half + 200 :], WHOLE), read(PLUS, PARITY))
    alone = [benchmark_matches(batch(text), read(PLUS, PARITY))[0] for text in (WHOLE[:half], HOST, WHOLE, WHOLE[half + 200 :], WHOLE)]
    assert found == alone
    assert found[1] is None


def test_large_batches_are_looked_at_in_parts(read: Callable[..., Benchmarks]) -> None:
    benchmarks, large = read(PARITY), HOST * 20_000
    found = benchmark_matches(batch(WHOLE, large, WHOLE, "", large + WHOLE, HOST, WHOLE), benchmarks)
    assert [match is not None for match in found] == [True, False, True, False, True, False, True]
    assert found[4] is not None
    assert found[4].start_line > large.count("\n")


def test_pieces_scattered_over_a_file_do_not_add_up(read: Callable[..., Benchmarks]) -> None:
    lines = WHOLE.splitlines(keepends=True)
    rng = random.Random(1)
    filler = ["".join(f"v{rng.random()} = {rng.random()}\n" for _ in range(60)) for _ in lines]
    assert look(read(PARITY), WHOLE) is not None
    assert (
        look(read(PARITY), "".join(line + gap for line, gap in zip(lines, filler, strict=True)), DecontaminationSettings(min_bits=70))
        is None
    )


def test_a_list_of_numbers_is_common_and_the_whole_text_is_not(read: Callable[..., Benchmarks]) -> None:
    benchmarks = read(LIST)
    assert look(benchmarks, f"pages = {list(range(22))}\n") is None
    match = look(benchmarks, f"def f():\n{LIST['solution']}")
    assert match is not None
    assert match.score == 1.0


def test_what_many_problems_share_is_none_of_theirs(read: Callable[..., Benchmarks]) -> None:
    notice = "Solve the following riddle without any library and print whatever the captain's quarrelsome parrot demanded.\n"
    benchmarks = read(*({"prompt": f"{notice}word{n} lantern{n} barnacle{n} {WHOLE if n == 7 else ''}"} for n in range(60)))
    assert look(benchmarks, HOST + notice) is None
    match = look(benchmarks, HOST + notice + WHOLE)
    assert match is not None
    assert match.task_id == "8"


COMMON = {"task_id": "c", "solution": "if a:\n    return a\nif b:\n    return b\nif i:\n    return i\nreturn (a, b, i)\n"}


def test_a_text_of_common_tokens_is_found_as_a_substring_in_any_case(read: Callable[..., Benchmarks]) -> None:
    benchmarks, strict = read(COMMON), DecontaminationSettings(min_bits=1000, min_share_bits=1000, min_small_renamed_grams=1000)
    match = look(benchmarks, HOST + COMMON["solution"].upper(), strict)
    assert match is not None
    assert match.method == "substring"
    assert look(benchmarks, HOST + COMMON["solution"].replace("    ", "\t"), strict) is None


@pytest.mark.parametrize(
    ("content", "is_found"),
    [
        ("def plus(first, second):\n    return first + second\n", True),
        ("def Plus(a, b):\n    RETURN first+second;", True),
        ("def other(first, second):\n    return first + second\n", False),  # common by itself
        ("def plus(first, second):\n    return first - second\n", False),
        ("plus = 1\n" + "x = 2\n" * 200 + "return first + second\n", False),  # the name stands far off
        ("return first + second\n" + "plus = 1\n", False),
    ],
)
def test_a_short_solution_counts_whole_and_near_its_functions_name(content: str, is_found: bool, read: Callable[..., Benchmarks]) -> None:
    match = look(read(PARITY, PLUS), content)
    assert (match is not None) == is_found
    assert match is None or (match.task_id, match.method, match.start_line, match.score) == ("Small/1", "whole", 2, 1.0)


def test_a_short_solution_of_rare_tokens_counts_alone(read: Callable[..., Benchmarks]) -> None:
    benchmarks = read({"solution": "return tesseract(octahedron, zeppelin)"})
    assert look(benchmarks, "x\nreturn tesseract( octahedron,\n zeppelin )\n") == Match("Small", "1", "solution", "whole", 2, 3, 1.0)
    assert look(benchmarks, "return tesseract(octahedron, z)") is None
    assert benchmark_matches(batch("return tesseract(octahedron,", "zeppelin)"), benchmarks) == [None, None]


def test_a_report_says_which_file_and_why_and_holds_no_code(read: Callable[..., Benchmarks]) -> None:
    rows = batch(HOST, WHOLE)
    (told,) = report_rows(rows, benchmark_matches(rows, read(PARITY)))
    assert {"repository": "o/n", "path": "a.py", "benchmark": "Small", "task_id": "Small/0", "method": "exact"}.items() <= told.items()
    assert "anchor" not in json.dumps(told)


def test_benchmarks_cross_to_other_processes(read: Callable[..., Benchmarks]) -> None:
    benchmarks = read(PARITY, PLUS)
    moved = pickle.loads(pickle.dumps(benchmarks))
    rows = batch(WHOLE, HOST, "def plus(): return first + second")
    assert benchmark_matches(rows, moved) == benchmark_matches(rows, benchmarks)


@pytest.mark.parametrize(
    ("problem", "fields"),
    [
        ({"text": "a prompt", "code": "x"}, ["prompt", "solution", "problem"]),  # as MBPP
        ({"question": "a prompt", "solutions": '["x", "y"]'}, ["prompt", "solution", "solution", "problem"]),  # as APPS
        ({"question": "a prompt", "solutions": ["x", "y"]}, ["prompt", "solution", "solution", "problem"]),
        ({"prompt": "a prompt", "reference_code": "[x"}, ["prompt", "solution", "problem"]),  # as DS-1000
        ({"question": "a prompt"}, ["prompt"]),
        ({"prompt": " ", "answer": "x", "id": 7}, ["solution"]),
    ],
)
def test_fields_of_known_benchmarks_are_recognised(problem: dict[str, Any], fields: list[str], read: Callable[..., Benchmarks]) -> None:
    texts = read(problem).texts
    assert [text.field for text in texts] == fields
    assert {text.task_id for text in texts} == {str(problem.get("id", 1))}


def test_fields_can_be_named(read: Callable[..., Benchmarks]) -> None:
    texts = read({"a": "x", "b": "y", "prompt": "z"}, names=FieldNames(prompt=("a",), solution=("b",))).texts
    assert [text.lower for text in texts] == [b"x", b"y", b"x\ny"]


def test_gzip_is_read_whatever_the_name(tmp_path: Path) -> None:
    (tmp_path / "B.jsonl.gz").write_bytes(gzip.compress(json.dumps(PARITY).encode()))
    assert {text.benchmark for text in Benchmarks.read([tmp_path / "B.jsonl.gz"]).texts} == {"B"}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b'{"prompt": "x"}\n{"prompt"', r"B\.jsonl:2: not JSON"),
        (b"[1]", r"B\.jsonl:1: got list, wanted an object"),
        (b'{"prompt": "x"}\n\n{"q": "x"}', r"B\.jsonl:3: no text of a problem \(it has q\)"),
        (b"\n", r"B\.jsonl: no problem in it"),
        (b"\xff", r"B\.jsonl: not UTF-8"),
        (gzip.compress(b'{"prompt": "x"}', mtime=0)[:-9], r"B\.jsonl: cannot be read"),
        (None, r"B\.jsonl: cannot be read"),
    ],
)
def test_what_is_no_benchmark_is_named_with_file_and_line(data: bytes | None, message: str, tmp_path: Path) -> None:
    if data is not None:
        (tmp_path / "B.jsonl").write_bytes(data)
    with pytest.raises(InputError, match=message):
        Benchmarks.read([tmp_path / "B.jsonl"])


@pytest.mark.data_from_elsewhere
def test_every_problem_of_humaneval_is_found_in_real_files_renamed_and_reformatted_too(missing: Callable[[str, str], NoReturn]) -> None:
    path = Path(os.environ.get("WHEREFROM_TEST_HUMANEVAL", ROOT.parent / "shared" / "data" / "humaneval" / "HumanEval.jsonl.gz"))
    if not path.is_file():
        missing("HumanEval", "WHEREFROM_TEST_HUMANEVAL=path/to/HumanEval.jsonl.gz make test")
    benchmarks = Benchmarks.read([path])
    problems = [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]
    hosts = [text.read_text("utf-8") for text in sorted((ROOT / "indexer").rglob("*.py"))]
    rng = random.Random(3)
    for change in (str, reformat, _every_word_renamed, lambda text: reformat(_every_word_renamed(text))):
        planted = [f"{rng.choice(hosts)}\n{change(one['prompt'] + one['canonical_solution'])}\n{rng.choice(hosts)}" for one in problems]
        found = benchmark_matches(batch(*planted), benchmarks)
        assert [one["task_id"] for one, match in zip(problems, found, strict=True) if match is None] == []
    assert len(problems) == 164
    assert benchmark_matches(batch(*hosts), benchmarks) == [None] * len(hosts)


_KEPT = {*keyword.kwlist, *dir(builtins)}


def _every_word_renamed(text: str) -> str:
    """Every word but Python's own has another name, one to one, in prose too."""
    names: dict[str, str] = {}
    return re.sub(r"[A-Za-z_]\w*", lambda word: word[0] if word[0] in _KEPT else names.setdefault(word[0], f"w{len(names)}"), text)
