"""Can a segment be read back, by the engine and by a reader written from FORMAT.md alone? And do its kernels equal their twins?"""

from __future__ import annotations

import random
import zlib
from collections import defaultdict
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.fingerprint.spec import SPEC, Channel
from indexer.index import Index
from indexer.segment import build_kernels, kernels
from indexer.text.keywords import KEYWORDS
from tests.indexer.conftest import build, package_rows
from tests.reference import fingerprints as print_twin
from tests.reference import segment as twin
from tests.reference import tokens as token_twin

CHANNELS = pytest.mark.parametrize("channel", [SPEC.exact, SPEC.renamed], ids=lambda channel: channel.name)


def decompress(frame: bytes, size: int) -> bytes:
    return pa.decompress(frame, size, "zstd", asbytes=True)  # type: ignore[no-any-return]


@settings(max_examples=40)
@given(st.binary(max_size=4096 * 2), st.integers(0, 1))
def test_page_sums_are_those_of_zlib(data: bytes, page: int) -> None:
    padded = data.ljust(8192, b"\x5a")
    words = np.frombuffer(padded, "<u8")
    expected = zlib.crc32(padded[page * 4096 : (page + 1) * 4096])
    assert kernels.page_crc(words, page) == expected
    assert kernels.page_crc.py_func(words, page) == expected


@settings(max_examples=60)
@given(st.lists(st.integers(0, 2**63 - 1) | st.integers(0, 300), max_size=20))
def test_varints_round_trip(values: list[int]) -> None:
    out, at = np.zeros(len(values) * 10 + 1, np.uint8), 0
    for value in values:
        before, at = at, build_kernels.write_varint(out, at, np.uint64(value))
        assert at - before == build_kernels.varint_size(np.uint64(value)) == build_kernels.varint_size.py_func(np.uint64(value))
    i = j = k = 0
    for value in values:
        got, i = kernels.read_varint(out, i)
        plain, k = kernels.read_varint.py_func(out, k)
        theirs, j = twin.varint(out.tobytes(), j)
        assert got == theirs == plain == value
    assert i == j == k == at


@settings(max_examples=60)
@given(st.lists(st.integers(0, 2**64 - 1) | st.integers(0, 3).map(lambda top: top << 62 | 5 << 16) | st.integers(0, 2**34), max_size=60))
def test_partition_and_sort_are_a_stable_sort(keys: list[int]) -> None:
    array, positions = np.array(keys, np.uint64), np.arange(len(keys), dtype=np.int64)
    compiled = (build_kernels.partition, build_kernels.sort_pairs)
    for partition, sort in (compiled, tuple(kernel.py_func for kernel in compiled))[: 1 + (len(keys) % 8 == 1)]:
        counts, out = np.empty(256, np.int64), np.empty(2 * len(keys), np.uint64)
        partition(array, positions, counts, out)
        assert counts.tolist() == [sum(key >> 56 == top for key in keys) for top in range(256)]
        begin, found = 0, []
        for count in filter(None, counts.tolist()):
            some, where = out[begin : begin + count].copy(), out[begin + count : begin + 2 * count].copy()
            assert some.tolist() == [keys[i] for i in where.tolist()]
            sort(some, where, np.empty_like(some), np.empty_like(where))
            found += where.tolist()
            begin += 2 * count
        assert found == sorted(range(len(keys)), key=lambda i: keys[i] >> 16)


@settings(max_examples=60)
@given(st.lists(st.lists(st.text("a\n\r", max_size=9), min_size=1, max_size=4), min_size=1, max_size=6), st.integers(1, 20))
def test_pieces_share_blocks_unless_they_go_on_with_a_document(documents: list[list[str]], most: int) -> None:
    data = np.frombuffer("".join(map("".join, documents)).encode(), np.uint8)
    offsets = np.cumsum([0, *(len("".join(pieces)) for pieces in documents)])
    sizes = [len(piece) for pieces in documents for piece in pieces]
    pieces, docs = np.cumsum([0, *sizes]), np.array([d for d, pieces in enumerate(documents) for _ in pieces])
    blocks: list[list[int]] = []  # the plain way
    for p in range(len(docs)):
        goes_on = p > 0 and docs[p] == docs[p - 1]
        if not blocks or goes_on or sum(sizes[q] for q in [*blocks[-1], p]) > most:
            blocks.append([])
        blocks[-1].append(p)
    for kernel in (build_kernels.pack_pieces, build_kernels.pack_pieces.py_func):
        block_of, begins, first_docs, lines = (np.empty(len(docs), np.int64) for _ in range(4))
        n = kernel(data, offsets, pieces, docs, most, block_of, begins, first_docs, lines)
        assert block_of.tolist() == [b for b, members in enumerate(blocks) for _ in members]
        assert begins[:n].tolist() == [pieces[members[0]] for members in blocks]
        assert first_docs[:n].tolist() == [docs[members[0]] for members in blocks]
        counted = [build_kernels.count_line_ends(data, offsets[docs[members[0]]], pieces[members[0]]) for members in blocks]
        assert lines[:n].tolist() == counted


@settings(max_examples=60)
@given(st.lists(st.integers(0, 50), min_size=1, max_size=1200).map(sorted), st.lists(st.integers(0, 60), max_size=20).map(sorted))
def test_the_last_element_at_most_equals_counting(column: list[int], values: list[int]) -> None:
    data = np.zeros((len(column) * 8 // 4096 + 1) * 512, np.uint64)
    data[: len(column)] = column
    pages = len(data) // 512
    sums = np.array([zlib.crc32(data[page * 512 : (page + 1) * 512].tobytes()) for page in range(pages)], np.uint32)
    expected = [sum(element <= value for element in column) - 1 for value in values]
    out = np.empty(len(values), np.int64)
    assert kernels.find_last_many(data, np.zeros(pages, np.uint8), sums, 0, len(column), np.array(values, np.uint64), out) == -1
    assert out.tolist() == expected
    assert kernels.find_last_many.py_func(data, np.zeros(pages, np.uint8), sums, 0, len(column), np.array(values, np.uint64), out) == -1
    assert out.tolist() == expected


@settings(max_examples=60)
@given(st.text(alphabet="a\n\r ", max_size=40), st.integers(0, 40), st.integers(0, 40))
def test_line_ends_are_counted_where_they_finish(text: str, one: int, other: int) -> None:
    begin, end = sorted((min(one, len(text)), min(other, len(text))))
    expected = sum(text[i] == "\n" or (text[i] == "\r" and text[i + 1 : i + 2] != "\n") for i in range(begin, end))
    data = np.frombuffer(text.encode(), np.uint8)
    assert build_kernels.count_line_ends(data, begin, end) == build_kernels.count_line_ends.py_func(data, begin, end) == expected


class Made:
    """A small real index, its documents, and its segment file as both readers see it."""

    def __init__(self, folder: Path) -> None:
        rows = [*package_rows("pluggy"), *package_rows("iniconfig")]
        long = "\n".join(f"row_{i} = [{', '.join(str(i * j) for j in range(12))}]  # 'quoted' \r" for i in range(900))
        rows.append({"content": long, "repository": "made/long", "path": "long.py"})
        rows.append({"content": "", "repository": "made/empty", "path": "empty.py"})
        rows += [
            {"content": f"{rows[2]['content'][:900]}\nlast = {i}\n", "repository": f"made/copy{i % 7}", "path": f"{i}.py"}
            for i in range(14)
        ]
        self.rows: list[dict[str, Any]] = rows
        self.index: Index = build(folder, rows)
        self.segment = self.index._snapshot.segments[0]
        self.file = twin.Container.parse((folder / "segment-000001").read_bytes())
        self.filter = twin.Container.parse((folder / "segment-000001.filter").read_bytes())


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return Made(tmp_path_factory.mktemp("made") / "made.index")


def test_every_document_is_read_back(made: Made) -> None:
    for doc, row in enumerate(made.rows):
        expected = row["content"].encode()
        assert made.segment.content(doc) == expected
        assert twin.content(made.file, doc, decompress) == expected
        stored = twin.row(made.file, doc, decompress)
        assert stored == made.segment.row(doc)
        assert (stored["path"], stored["repository"], stored["size"]) == (row["path"], row["repository"], len(expected))
        assert made.segment.find(stored["document_id"]) is not None


def codes_of(text: str, channel: Channel) -> tuple[list[int], list[int]]:
    """The codes of a channel's stream, and the exact token each begins at."""
    if channel.renamed:
        stream = token_twin.renamed(text, frozenset(KEYWORDS))
        return [element.code for element in stream], [element.token for element in stream]
    hashes = token_twin.hashes(text)
    return hashes, list(range(len(hashes)))


@CHANNELS
def test_both_readers_find_exactly_the_postings_of_the_twins(made: Made, channel: Channel) -> None:
    expected, repositories = defaultdict(list), defaultdict(set)
    base = 0
    for row in made.rows:
        codes, tokens = codes_of(row["content"], channel)
        for one in print_twin.fingerprints(codes, channel.k, channel.window, channel.reach, renamed=channel.renamed, capped=True):
            expected[one.value].append((base + tokens[one.position], one.right, one.left))
            repositories[one.value].add(row["repository"])
        base += len(token_twin.tokens(row["content"]))
    values = np.array(sorted(expected), np.uint64)
    assert np.concatenate(list(made.segment.fingerprints(channel))).tolist() == values.tolist()
    found = made.segment.look_up(channel, values << np.uint64(16), 10**6, filtered=False)
    assert found.counts.tolist() == [len(expected[value]) for value in values.tolist()]
    pairs = list(zip(found.queries.tolist(), found.positions.tolist(), strict=True))
    assert pairs == [(i, position) for i, value in enumerate(values.tolist()) for position, _, _ in expected[value]]
    chance = random.Random(3)
    for value in chance.sample(sorted(expected), 400) + [value for value in expected if len(expected[value]) > 8]:
        known = twin.postings(made.file, channel.name, value)
        assert [position for position, _, _ in known] == [position for position, _, _ in expected[value]]
        assert twin.holders(made.file, channel.name, value) == len(repositories[value])
        if len(known) > 8:
            assert known == expected[value]


@CHANNELS
def test_fingerprints_that_no_document_has_are_not_found(made: Made, channel: Channel) -> None:
    held = set(np.concatenate(list(made.segment.fingerprints(channel))).tolist())
    chance = random.Random(4)
    strangers = [value for _ in range(2000) if (value := chance.getrandbits(48)) not in held]
    strangers += [value ^ 1 for value in sorted(held)[:200] if value ^ 1 not in held]
    found = made.segment.look_up(channel, np.array(strangers, np.uint64) << np.uint64(16), 100, filtered=False)
    assert not found.counts.any() and not len(found.positions)
    assert all(twin.postings(made.file, channel.name, value) == [] for value in strangers[:200])


def test_a_context_that_agrees_on_neither_side_is_left_out(made: Made) -> None:
    """Of a long list only postings with the query's right or left context come back; of a short one all."""
    values = sorted(np.concatenate(list(made.segment.fingerprints(SPEC.exact))).tolist())
    checked = 0
    for value in values:
        known = twin.postings(made.file, "exact", value)
        for right, left in {(known[0][1] or 9, known[0][2] or 9), (known[-1][1] or 9, 0), (0, 0)}:
            key = np.array([value << 16 | right << 8 | left], np.uint64)
            agree = [p for p, r, le in known if len(known) <= 8 or (right and r == right) or (left and le == left)]
            assert made.segment.look_up(SPEC.exact, key, 10**6).positions.tolist() == agree
            checked += len(known) > 8
    assert checked > 20


def test_a_region_is_a_stretch_of_its_document(made: Made) -> None:
    chance = random.Random(6)
    for doc, row in enumerate(made.rows):
        first, last = made.segment.token_range(doc)
        tokens, text = token_twin.tokens(row["content"]), row["content"]
        assert last - first == len(tokens)
        for _ in range(6 if tokens else 0):
            begin, end = sorted(chance.randint(0, len(tokens)) for _ in range(2))
            region = made.segment.region(doc, first + begin, first + max(end, begin + 1))
            data = text.encode()
            assert data[region.first_byte : region.first_byte + len(region.data)] == region.data
            before = data[: region.first_byte].decode()
            assert region.first_token == first + len(token_twin.tokens(before))
            assert region.first_line == sum(c == "\n" or (c == "\r" and text[i + 1 : i + 2] != "\n") for i, c in enumerate(before))
            in_region = len(token_twin.tokens(region.data.decode()))
            assert region.first_token <= first + begin and first + max(end, begin + 1) <= max(
                region.first_token + in_region, first + begin + 1
            )


def test_the_filter_is_that_of_the_twin(made: Made) -> None:
    from tests.reference import bloom

    blocks = made.filter.section("blocks")
    held = np.concatenate(list(made.segment.fingerprints(SPEC.exact))).tolist()
    again = bytearray(len(blocks))
    for value in held:
        bloom.insert(again, value)
    assert bytes(again) == blocks
    assert made.filter.header["n_keys"] == len(held) and made.filter.header["n_blocks"] == len(blocks) // 32


@pytest.mark.skipif(not Path("/proc/self/smaps").exists(), reason="only Linux tells what is resident")
def test_reading_all_fingerprints_leaves_them_out_of_memory(made: Made) -> None:
    def resident() -> int:
        """Bytes of the segment's file in this process's memory."""
        mappings = Path("/proc/self/smaps").read_text("utf-8").split(str(made.segment.file.path))[1:]
        return sum(int(mapping.split("Rss:")[1].split()[0]) * 1024 for mapping in mappings)

    begin, end = made.segment.file.section("exact.entries")
    assert int(made.segment.file.bytes.sum()) > 0  # maps every page
    before = resident()
    assert len(np.concatenate(list(made.segment.fingerprints(SPEC.exact)))) == (end - begin) // 8
    assert before - resident() >= end - begin - 2 * (1 << 12)


def test_look_ups_run_by_python_give_the_same(made: Made) -> None:
    values = np.concatenate(list(made.segment.fingerprints(SPEC.exact)))[::37] << np.uint64(16)
    compiled = made.segment.look_up(SPEC.exact, values, 100, filtered=False)
    plain = {name: getattr(kernels, name).py_func for name in ("look_up", "find_entry")}
    with mock.patch.multiple(kernels, **plain):
        python = made.segment.look_up(SPEC.exact, values, 100, filtered=False)
    assert python.positions.tolist() == compiled.positions.tolist() and python.counts.tolist() == compiled.counts.tolist()
