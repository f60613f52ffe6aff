"""Do we write what pybloom-live reads, and read what it writes, and nothing else?"""

from __future__ import annotations

import io
import json
import pickle
import random
import struct
from pathlib import Path

import pytest
from pybloom_live import BloomFilter, ScalableBloomFilter

from indexer.bloom import pybloom, standalone
from indexer.bloom.export import companion, export_pybloom, import_pybloom, origin_of
from indexer.bloom.portable import PortableFilter
from indexer.errors import InputError
from indexer.fingerprint.spec import SPEC
from indexer.index import Index
from tests.bloom.conftest import AS_OF


@pytest.fixture(scope="module")
def exported(index: Index, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pybloom") / "corpus.bloom"
    export_pybloom(index._snapshot.segments, index.info, AS_OF, path)
    return path


def keys_of(index: Index) -> list[int]:
    return sorted({value for segment in index._snapshot.segments for chunk in segment.fingerprints(SPEC.exact) for value in chunk.tolist()})


def read(path: Path) -> BloomFilter:
    with path.open("rb") as file:
        return BloomFilter.fromfile(file)


def test_an_export_is_byte_for_byte_what_pybloom_live_makes_of_the_same_keys(index: Index, exported: Path) -> None:
    theirs, ours = BloomFilter(read(exported).capacity, read(exported).error_rate), exported.read_bytes()
    for key in keys_of(index):
        theirs.add(str(key))
    written = io.BytesIO()
    theirs.tofile(written)
    assert ours == written.getvalue()


def test_pybloom_live_and_the_stand_alone_file_find_what_the_index_finds(index: Index, exported: Path, snippets: list[str]) -> None:
    corpus = read(exported)
    for text in snippets:
        found = standalone.fingerprints(text)
        longest = standalone.longest_run([str(value) in corpus for value, _, _ in found], found, len(standalone.tokens(text)))
        assert (longest >= standalone.MIN_TOKENS) == index.membership(text).member


def test_the_file_beside_an_export_says_where_it_comes_from(index: Index, exported: Path, tmp_path: Path) -> None:
    assert origin_of(exported) == (index.info, AS_OF)
    other = tmp_path / "other.bloom"
    other.write_bytes(exported.read_bytes()[:-1] + b"\xff")
    assert origin_of(other) is None
    companion(other).write_bytes(companion(exported).read_bytes())
    with pytest.raises(InputError, match="SHA-256"):
        origin_of(other)
    companion(other).write_text(json.dumps({"index": 5}))
    with pytest.raises(InputError, match="does not say"):
        origin_of(other)


def test_an_import_answers_as_the_filter_that_was_imported(index: Index, exported: Path, snippets: list[str], tmp_path: Path) -> None:
    before = exported.read_bytes()
    info = import_pybloom([exported], tmp_path / "out", index.info, AS_OF)
    corpus = read(exported)
    assert exported.read_bytes() == before and (info.layout, info.n_keys) == ("pybloom", corpus.count)
    with PortableFilter.open(tmp_path / "out") as opened:
        assert opened.verify() == []
        values = [value for text in snippets for value, _, _ in standalone.fingerprints(text)]
        assert [opened.may_contain(value) for value in values] == [str(value) in corpus for value in values]
        assert [opened.membership(text).member for text in snippets] == [index.membership(text).member for text in snippets]


@pytest.mark.parametrize(("capacity", "rate"), [(500, 0.01), (20_000, 0.1), (20_000, 0.0005), (40_000, 1e-9), (3_000, 1e-40), (200, 1e-6)])
def test_filters_of_every_hash_are_read_as_pybloom_live_reads_them(index: Index, tmp_path: Path, capacity: int, rate: float) -> None:
    """xxh128, sha1, sha256, sha384, sha512; one salt and several."""
    chance = random.Random(capacity)
    theirs = BloomFilter(capacity, rate)
    for _ in range(capacity):
        theirs.add(str(chance.getrandbits(48)))
    with (tmp_path / "a").open("wb") as file:
        theirs.tofile(file)
    info = import_pybloom([tmp_path / "a"], tmp_path / "out", index.info, None)
    asked = [chance.getrandbits(48) for _ in range(3000)]
    with PortableFilter.open(tmp_path / "out") as opened:
        found = [opened.may_contain(key) for key in asked]
    assert found == [str(key) in theirs for key in asked]
    assert info.as_of is None and sum(found) / 3000 <= info.false_positive_rate * 1.3 + 0.001


def test_a_scalable_filter_and_several_files_become_one(index: Index, exported: Path, tmp_path: Path) -> None:
    grown = ScalableBloomFilter(initial_capacity=300, error_rate=0.01)
    keys = [random.Random(2).getrandbits(48) + i for i in range(5000)]
    for key in keys:
        grown.add(str(key))
    with (tmp_path / "a").open("wb") as file:
        grown.tofile(file)
    info = import_pybloom([tmp_path / "a", exported], tmp_path / "out", index.info, None)
    assert info.parts == len(grown.filters) + 1 and len(grown.filters) > 2
    with PortableFilter.open(tmp_path / "out") as opened:
        assert all(opened.may_contain(key) for key in [*keys, *keys_of(index)[:3000]])


class Trap:
    """What an unpickler would run."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return exec, ("raise SystemExit('unpickled')",)


def _bad_files(good: bytes) -> dict[str, bytes]:
    rate, slices, bits, capacity, count = struct.unpack("<dQQQQ", good[:40])
    headers = {
        "no rate": (0.0, slices, bits, capacity, count),
        "rate of nan": (float("nan"), slices, bits, capacity, count),
        "no slices": (rate, 0, bits, capacity, count),
        "slices beyond reason": (rate, 1 << 60, 8, capacity, count),
        "product beyond 64 bits": (rate, 1 << 9, 1 << 58, capacity, count),
        "no bits": (rate, slices, 0, capacity, count),
    }
    scalable = struct.pack("<idQdl", 4, 0.9, 100, 0.01, 1)
    return {
        **{name: struct.pack("<dQQQQ", *fields) + good[40:] for name, fields in headers.items()},
        "empty": b"",
        "short": good[:39],
        "cut": good[:-1],
        "longer": good + b"\0",
        "pickle": pickle.dumps(Trap()),
        "scalable of none": struct.pack("<idQdl", 4, 0.9, 100, 0.01, 0),
        "scalable of millions": struct.pack("<idQdl", 4, 0.9, 100, 0.01, 1 << 30) + bytes(100),
        "scalable with a wrong length": scalable + struct.pack("<Q", len(good) + 1) + good,
        "scalable of rubbish": scalable + struct.pack("<Q", 50) + bytes(50),
    }


@pytest.mark.parametrize("name", _bad_files(bytes(40)))
def test_anything_else_is_refused_and_nothing_is_written(index: Index, tmp_path: Path, name: str) -> None:
    small = BloomFilter(100, 0.01)
    written = io.BytesIO()
    small.tofile(written)
    (tmp_path / "a").write_bytes(_bad_files(written.getvalue())[name])
    with pytest.raises(InputError, match="no BloomFilter"):
        import_pybloom([tmp_path / "a"], tmp_path / "out", index.info, None)
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_missing_file_is_named(index: Index, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        import_pybloom([tmp_path / "none"], tmp_path / "out", index.info, None)


def test_an_export_needs_no_hash_beyond_the_standard_library(exported: Path) -> None:
    shape = pybloom.Slices.parse(exported.read_bytes()[:40], exported.stat().st_size)
    assert shape and shape.bits_per_slice >= 1 << 15
