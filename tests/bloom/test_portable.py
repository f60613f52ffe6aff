"""Does the filter as one file answer as the index does, without the engine, and never from damaged bytes?"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import zlib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from indexer.answers import OFFSET_UNITS, OffsetUnit, to_json
from indexer.bloom import asking, standalone
from indexer.bloom.export import export_portable
from indexer.bloom.filter import BloomFilter
from indexer.bloom.portable import PortableFilter, age_in_days
from indexer.errors import IndexCorrupt, IndexNotFound, IndexTooNew, InputError, OutOfSpace, SpecMismatch, WherefromError
from indexer.fingerprint.spec import SPEC
from indexer.index import Index
from tests.bloom.conftest import AS_OF
from tests.reference import bloom as twin
from tests.reference.segment import Container

PAGE = 4096


@pytest.mark.parametrize("unit", OFFSET_UNITS)
@pytest.mark.parametrize("least", [None, 1, 60])
def test_answers_are_those_of_the_index(
    index: Index, portable: PortableFilter, snippets: list[str], unit: OffsetUnit, least: int | None
) -> None:
    answers = [index.membership(text, offset_unit=unit, min_tokens=least) for text in snippets]
    assert [portable.membership(text, offset_unit=unit, min_tokens=least) for text in snippets] == answers
    assert {answer.status for answer in answers} == {"found", "none", "too_short"}


def test_bytes_of_any_encoding_are_answered_alike(index: Index, portable: PortableFilter, snippets: list[str]) -> None:
    for data in (b"# caf\xe9 \x00\xff\n" + snippets[5].encode(), snippets[5].encode("utf-16"), b"\xef\xbb\xbf" + snippets[6].encode()):
        answer = portable.membership(data)
        assert answer == index.membership(data) and answer.member


def filters_of(folder: Path, texts: list[str]) -> list[BloomFilter]:
    """A filter a text, of different sizes and rates."""
    found = []
    for number, text in enumerate(texts):
        keys = np.unique(np.array([value for value, _, _ in standalone.fingerprints(text)], np.uint64))
        BloomFilter.build(folder / f"{number}", [keys], len(keys), SPEC.name, (0.004, 0.05, 0.2)[number % 3])
        found.append(BloomFilter.open(folder / f"{number}", SPEC.name))
    return found


def test_several_filters_in_one_file_answer_as_they_do_together(index: Index, snippets: list[str], tmp_path: Path) -> None:
    filters = filters_of(tmp_path, [*snippets[3:8], ""])
    export_portable(filters, index.info, AS_OF, tmp_path / "out")
    with PortableFilter.open(tmp_path / "out") as opened:
        assert opened.info.parts == len(filters) and opened.info.n_keys == sum(bloom.n_keys for bloom in filters)
        for text in snippets:
            assert opened.membership(text) == asking.membership(filters, text.encode(), "utf-32", 33, index.info)
        assert opened.verify() == []


def test_an_index_of_nothing_has_a_filter_of_nothing(index: Index, snippets: list[str], tmp_path: Path) -> None:
    export_portable([], index.info, AS_OF, tmp_path / "out")
    with PortableFilter.open(tmp_path / "out") as opened:
        assert not any(opened.membership(text).member for text in snippets)


def test_it_is_what_the_document_of_its_format_says(portable_path: Path, snippets: list[str]) -> None:
    """Read by the container's twin and the filter's, which know FORMAT.md alone."""
    file = Container.parse(portable_path.read_bytes())
    first, length, n_keys = (int.from_bytes(file.section("parts")[at : at + 8], "little") for at in (0, 8, 16))
    assert n_keys == file.header["n_keys"] and first % PAGE == 0
    blocks = file.data[first : first + length]
    assert all(twin.may_contain(blocks, value) for value, _, _ in standalone.fingerprints(snippets[3]))


def test_it_says_of_which_index_and_when(index: Index, portable: PortableFilter) -> None:
    info = portable.info
    assert info.index == index.info and (info.as_of, info.layout, info.parts) == (AS_OF, "split-block", 1)
    assert info.bytes == portable.file.path.stat().st_size
    assert age_in_days(info, datetime(2026, 11, 4, tzinfo=UTC)) == pytest.approx(2.5)


def test_two_exports_of_one_index_are_the_same_bytes(index: Index, portable_path: Path, tmp_path: Path) -> None:
    export_portable(index._snapshot.filters, index.info, AS_OF, tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == portable_path.read_bytes()


def test_an_export_that_fails_leaves_what_was_there(index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import errno
    import os

    (tmp_path / "out").write_bytes(b"before")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "no space")

    with monkeypatch.context() as patched, pytest.raises(OutOfSpace, match="no space left"):
        patched.setattr(os, "fsync", full)
        export_portable(index._snapshot.filters, index.info, AS_OF, tmp_path / "out")
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("out", b"before")]
    with pytest.raises(InputError, match="cannot be written"):
        export_portable(index._snapshot.filters, index.info, AS_OF, tmp_path / "none" / "out")


def ask_and_verify(path: Path, text: str) -> tuple[Any, list[str]]:
    with PortableFilter.open(path) as opened:
        problems = opened.verify()
        return opened.membership(text), problems


def test_a_flipped_bit_is_found_by_verify_and_never_gives_another_answer(portable_path: Path, snippets: list[str], tmp_path: Path) -> None:
    data = portable_path.read_bytes()
    right, problems = ask_and_verify(portable_path, snippets[3])
    assert right.member and problems == []
    chance = random.Random(4)
    header_end = 24 + int.from_bytes(data[12:16], "little")
    places = [*range(0, header_end, 9), *(chance.randrange(len(data)) for _ in range(300)), len(data) - 1]
    errors = 0
    for place in places:
        (tmp_path / "bad").write_bytes(data[:place] + bytes([data[place] ^ 1 << chance.randrange(8)]) + data[place + 1 :])
        try:
            answer, problems = ask_and_verify(tmp_path / "bad", snippets[3])
            assert problems, f"byte {place}"
            assert answer == right
        except (IndexCorrupt, IndexTooNew):
            errors += 1
    assert errors > len(places) // 3


def test_a_file_that_was_cut_or_grew_is_refused(portable_path: Path, tmp_path: Path) -> None:
    data = portable_path.read_bytes()
    sections = [
        place
        for begin, length in json.loads(data[24 : 24 + int.from_bytes(data[12:16], "little")])["sections"].values()
        for place in (begin, begin + length)
    ]
    for size in (0, 1, 23, 24, PAGE - 1, PAGE, *sections, len(data) - 1):
        (tmp_path / "cut").write_bytes(data[:size])
        with pytest.raises(IndexCorrupt):
            PortableFilter.open(tmp_path / "cut")
    (tmp_path / "cut").write_bytes(data + b"\0")
    with pytest.raises(IndexCorrupt, match="truncated"):
        PortableFilter.open(tmp_path / "cut")


def rewritten(path: Path, out: Path, change: Callable[[dict[str, Any]], Any], version: int = 1) -> Path:
    """The file with another header, its checksum right."""
    data = bytearray(path.read_bytes())
    text = json.dumps(change(json.loads(data[24 : 24 + int.from_bytes(data[12:16], "little")]))).encode()
    data[:PAGE] = (
        data[:8]
        + version.to_bytes(4, "little")
        + len(text).to_bytes(4, "little")
        + zlib.crc32(text).to_bytes(4, "little")
        + bytes(4)
        + text
    ).ljust(PAGE, b"\0")
    out.write_bytes(data)
    return out


def test_other_versions_specs_and_kinds_are_refused_by_name(portable_path: Path, index: Index, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(IndexTooNew, match="version 2, this reader takes"):
        PortableFilter.open(rewritten(portable_path, out, lambda header: header, version=2))
    with pytest.raises(SpecMismatch, match="other-2"):
        PortableFilter.open(rewritten(portable_path, out, lambda header: header | {"index": header["index"] | {"spec": "other-2"}}))
    with pytest.raises(IndexCorrupt, match="holds a filter, wanted a portable-filter"):
        PortableFilter.open(index._snapshot.filters[0].file.path)
    with pytest.raises(IndexNotFound, match="filter export"):
        PortableFilter.open(tmp_path / "none")
    (tmp_path / "text").write_text("no filter\n" * 1000)
    with pytest.raises(IndexCorrupt, match="filter import"):
        PortableFilter.open(tmp_path / "text")


HOSTILE: list[Callable[[dict[str, Any]], Any]] = [
    lambda header: [header],
    lambda header: None,
    lambda header: {**header, "index": None},
    lambda header: {**header, "index": {"name": "x"}},
    lambda header: {name: value for name, value in header.items() if name != "sections"},
    lambda header: {**header, "sections": {"parts": [0, PAGE]}},
    lambda header: {**header, "sections": {"parts": [PAGE, 1 << 70]}},
    lambda header: {**header, "sections": {"parts": [-PAGE, PAGE]}},
    lambda header: {**header, "sections": {"parts": ["a", "b"]}},
    lambda header: {**header, "sections": {"parts": [PAGE, 33]}},
    lambda header: {**header, "sections": {"parts": [2 * PAGE, 32]}},
    lambda header: {**header, "checksums": -PAGE},
    lambda header: {**header, "checksums": "many"},
    lambda header: {**header, "checksums": header["checksums"] - PAGE},
    lambda header: {**header, "size": None},
    lambda header: {**header, "layout": "pickle"},
    lambda header: {**header, "layout": "pybloom"},
    lambda header: {**header, "as_of": "yesterday"},
    lambda header: {**header, "as_of": 5},
    lambda header: {**header, "false_positive_rate": "none"},
    lambda header: {**header, "false_positive_rate": 7},
]


@pytest.mark.parametrize("change", HOSTILE, ids=range(len(HOSTILE)))
def test_a_header_made_to_mislead_is_an_error_in_words(
    portable_path: Path, tmp_path: Path, change: Callable[[dict[str, Any]], Any]
) -> None:
    out = rewritten(portable_path, tmp_path / "out", change)
    with pytest.raises(IndexCorrupt), PortableFilter.open(out) as opened:
        opened.membership("a b c d " * 100)


@pytest.mark.parametrize(("option", "said"), [({"min_tokens": 0}, "min_tokens is 0"), ({"offset_unit": "utf-7"}, "utf-7")])
def test_a_bad_option_is_named(portable: PortableFilter, option: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        portable.membership("a", **option)


def test_asking_loads_nothing_compiled(portable_path: Path, snippets: list[str], index: Index, tmp_path: Path) -> None:
    """In a Python without any installed package."""
    (tmp_path / "text").write_text(snippets[3])
    root = Path(__file__).parents[2]
    program = (
        f"import sys; sys.path.insert(0, {str(root)!r})\n"
        "from pathlib import Path\nimport json\nfrom indexer.bloom.portable import PortableFilter\nfrom indexer.answers import to_json\n"
        "answer = PortableFilter.open(Path(sys.argv[1])).membership(Path(sys.argv[2]).read_bytes())\n"
        "print(json.dumps([to_json(answer), sorted(sys.modules)]))"
    )
    run = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program, portable_path, tmp_path / "text"], capture_output=True, text=True, check=True
    )
    answer, modules = json.loads(run.stdout)
    assert answer == to_json(index.membership(snippets[3]))
    assert {module.partition(".")[0] for module in modules} <= {*sys.stdlib_module_names, "indexer", "__main__"}


def test_every_error_is_one_of_ours(portable_path: Path, tmp_path: Path) -> None:
    """Random bytes in the first pages, checksums right or wrong."""
    chance = random.Random(11)
    data = portable_path.read_bytes()
    for _ in range(200):
        begin = chance.randrange(2 * PAGE)
        (tmp_path / "bad").write_bytes(data[:begin] + chance.randbytes(chance.randrange(1, 60)) + data[begin + 60 :])
        try:
            ask_and_verify(tmp_path / "bad", "a b c d e f g h i j " * 9)
        except WherefromError:
            continue
