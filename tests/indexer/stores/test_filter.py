"""The membership filter of an index in a cluster: the one of a folder, fetched, followed, damaged, and not there."""

from __future__ import annotations

import base64
import dataclasses
import logging
import os
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import pyarrow as pa
import pytest

from indexer.bloom import spill
from indexer.bloom.filter import BloomFilter
from indexer.bloom.spill import KeySpill, blocks
from indexer.build import build_index
from indexer.corpus import conform
from indexer.fingerprint.spec import SPEC
from indexer.index import Index
from indexer.stores.elastic import filter_copy, filter_making, filter_pieces
from indexer.stores.elastic.cluster import connect
from indexer.stores.elastic.index import ClusterIndex
from indexer.stores.elastic.merging import merge
from indexer.stores.elastic.removal import remove
from indexer.stores.elastic.settings import PREFIX, place_of
from indexer.stores.elastic.writer import build_cluster_index
from tests.limits import HANG_SECONDS

AS_OF = "2026-11-23T00:00:00+00:00"
NAMED = {"name": "f", "version": "1", "date": "2024-06-07"}


def _text(name: str, lines: int = 30) -> str:
    return "".join(f"{name}_{i} = make_{name}({i}, other_{name}={i * 3}) + {name}[{i}]\n" for i in range(lines))


def _batches(names: list[str]) -> list[pa.RecordBatch]:
    rows = [{"content": _text(name), "repository": f"{name}/repo", "path": f"{name}.py"} for name in names]
    return [conform(batch) for batch in pa.Table.from_pylist(rows).to_batches()]


FRUIT = ["apple", "pear", "plum", "fig", "lime"]


@pytest.fixture
def location(elasticsearch: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    """A name and a folder for filters of the test's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    name = f"filter-{crc32(request.node.nodeid.encode()):08x}"
    yield f"es+{elasticsearch}/{name}"
    client = connect(place_of(f"es+{elasticsearch}/{name}"))
    for index in client.indices.get(index=f"{name}*"):
        client.indices.delete(index=index)


@pytest.fixture
def build(location: str, monkeypatch: pytest.MonkeyPatch) -> Callable[..., ClusterIndex]:
    monkeypatch.setattr(filter_pieces, "PIECE_BYTES", 64)

    def make(names: list[str]) -> ClusterIndex:
        build_cluster_index(location, _batches(names), **NAMED)
        return ClusterIndex.open(location)

    return make


def _with_filter(index: ClusterIndex) -> ClusterIndex:
    """Once what is being fetched is here."""
    index._filter.of(index._generation)
    index._filter.wait(HANG_SECONDS)
    return index


def _questions() -> list[str]:
    mixed = [_text(a, 8) + "unheard = never(seen, before)\n" + _text(b, 12) for a, b in pairwise(FRUIT)]
    return [*map(_text, FRUIT), *mixed, _text("nobody"), "x = 1"]


def test_a_filter_made_by_way_of_the_disk_is_the_one_made_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chance = np.random.default_rng(7)
    prints = chance.integers(0, 1 << 48, 60_000, np.uint64)
    for n_keys in (0, 1, 5, 60_000):
        known = np.unique(prints[:n_keys])
        folder = tmp_path / str(n_keys)
        folders = [folder / "a", folder / "b"]
        for each, share in zip(folders, (known[::2], known[::3]), strict=True):
            each.mkdir(parents=True)
            keys = KeySpill(each)
            for part in (share, share[:9], known[1::2]):
                keys.add(part)
                keys.flush()
        BloomFilter.build(folder / "filter", [known], len(known), SPEC.name)
        bloom = BloomFilter.open(folder / "filter", SPEC.name)
        for slice_bytes in (spill.SLICE_BYTES, 1000):
            monkeypatch.setattr(spill, "SLICE_BYTES", slice_bytes)
            assert b"".join(blocks(folders, bloom.n_blocks)) == bloom.file.read("blocks", 0, bloom.n_blocks * 32)
            assert filter_making.count(folders) == len(known)


def test_the_exported_filter_is_that_of_a_folder_byte_for_byte(build: Callable[..., ClusterIndex], tmp_path: Path) -> None:
    cluster = build(FRUIT)
    build_index(tmp_path / "i", _batches(FRUIT), full_text=False, **NAMED)
    with Index.open(tmp_path / "i") as folder:
        folder.export_filter(tmp_path / "one", AS_OF)
    cluster.export_filter(tmp_path / "other", AS_OF)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()


def test_the_fetched_filter_answers_as_look_ups_and_as_a_folder(
    build: Callable[..., ClusterIndex], location: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = _with_filter(build(FRUIT))
    build_index(tmp_path / "i", _batches(FRUIT), full_text=False, **NAMED)
    monkeypatch.setenv(f"{PREFIX}FILTER_MB", "0")
    asked = _with_filter(ClusterIndex.open(location))
    assert here.is_instant and not asked.is_instant
    with Index.open(tmp_path / "i") as folder:
        for text in _questions():
            one, other = here.membership(text), asked.membership(text)
            assert one == folder.membership(text)
            assert dataclasses.replace(other, false_positive_rate=one.false_positive_rate) == one
    for index in (here, asked):
        index.close()


def test_a_filter_that_was_fetched_is_there_at_the_next_start(
    build: Callable[..., ClusterIndex], location: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _with_filter(build(FRUIT)).close()
    (kept,) = Path(os.environ["XDG_CACHE_HOME"], "wherefrom", "filters").iterdir()
    monkeypatch.setattr(filter_pieces, "_every", None)  # no piece is asked for
    index = _with_filter(ClusterIndex.open(location))
    assert index.is_instant and index.membership(_text("plum")).member and kept.stem == index._filter._copy.manifest.parts[0].sha256  # type: ignore[union-attr]


def test_replaced_filters_take_no_more_room_than_one_may(tmp_path: Path) -> None:
    now = time.time()
    for i, size in enumerate((40, 40, 40, 40)):
        path = tmp_path / f"{i}.filter"
        path.write_bytes(bytes(size))
        os.utime(path, (now - i, now - i))
    for name, age in (("9.filter.being-written", 10), ("8.filter.left-over", 40 * 86400)):
        (tmp_path / name).write_bytes(b"x")
        os.utime(tmp_path / name, (now - age, now - age))
    filter_copy._tidy(tmp_path, {"3.filter"}, 100)
    assert {path.name for path in tmp_path.iterdir()} == {"0.filter", "1.filter", "3.filter", "9.filter.being-written"}


def test_a_new_generation_is_followed_without_a_restart(build: Callable[..., ClusterIndex]) -> None:
    index = _with_filter(build(FRUIT))
    build(["quince", "mango"])
    assert index.membership(_text("apple")).member and index.membership(_text("apple")).index.generation == 1
    index.refresh()
    assert index.membership(_text("quince")).member and not index.membership(_text("apple")).member
    _with_filter(index)
    assert index.is_instant
    assert index.membership(_text("quince")).member and not index.membership(_text("apple")).member


def test_what_is_removed_is_no_member_though_the_filter_knows_it(build: Callable[..., ClusterIndex], location: str, tmp_path: Path) -> None:
    index = _with_filter(build(FRUIT))
    remove(location, repositories=["plum/repo"])
    index.refresh()
    _with_filter(index)
    assert not index.is_instant
    assert not index.membership(_text("plum")).member and index.membership(_text("pear")).member
    build_index(tmp_path / "i", _batches(FRUIT), full_text=False, **NAMED)
    from indexer.stores.local.removal import remove as remove_from_folder

    remove_from_folder(tmp_path / "i", repositories=["plum/repo"])
    with Index.open(tmp_path / "i") as folder:
        folder.export_filter(tmp_path / "one", AS_OF)
        for text in _questions():
            assert index.membership(text) == folder.membership(text)
    index.export_filter(tmp_path / "other", AS_OF)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()


def test_merging_frees_and_forgets_what_was_removed(build: Callable[..., ClusterIndex], location: str, tmp_path: Path) -> None:
    index = _with_filter(build(FRUIT))
    remove(location, repositories=["plum/repo"])
    report = merge(location)
    assert (report.documents, report.purged_documents, report.generation) == (4, 1, 3) and report.merged_segments
    again = merge(location)
    assert (again.merged_segments, again.purged_documents, again.generation) == (0, 0, 3)
    index.refresh()
    _with_filter(index)
    assert index.is_instant and index.verify().problems == ()
    assert not index.membership(_text("plum")).member and index.membership(_text("pear")).member
    left = [name for name in FRUIT if name != "plum"]
    build_index(tmp_path / "i", _batches(left), full_text=False, **NAMED)
    with Index.open(tmp_path / "i") as folder:
        assert folder.export_filter(tmp_path / "one", AS_OF).sha256 == index.export_filter(tmp_path / "other", AS_OF).sha256


def _damage(location: str, change: dict[str, Any] | None) -> None:
    """Changes the second piece, or takes it away."""
    place = place_of(location)
    client, where = connect(place), f"{place.name}-f000001"
    manifest = filter_pieces.manifest_of(client, place, f"{place.name}-g000001")
    name = f"{manifest.parts[0].key}-000001"
    if change is None:
        client.delete(index=where, id=name, refresh=True)
    else:
        client.index(index=where, id=name, document=change, refresh=True)


@pytest.mark.parametrize(
    ("change", "problem"), [({"data": base64.b64encode(bytes(64)).decode()}, "fails its checksum"), (None, "is missing")]
)
def test_a_damaged_piece_is_named_and_look_ups_answer(
    build: Callable[..., ClusterIndex], location: str, change: dict[str, Any] | None, problem: str, caplog: pytest.LogCaptureFixture
) -> None:
    index = build(FRUIT)
    assert index.verify().problems == ()
    _damage(location, change)
    (named,) = index.verify().problems
    assert f"{place_of(location).name}-f000001: piece 1 {problem}" in named
    with caplog.at_level(logging.WARNING):
        _with_filter(index)
    assert problem in caplog.text and "look-ups" in caplog.text
    assert not index.is_instant and index.membership(_text("plum")).member and not index.membership(_text("nobody")).member
    assert merge(location).merged_segments
    assert index.verify().problems == ()
    index.refresh()
    assert _with_filter(index).is_instant


def test_a_kept_file_with_a_flipped_bit_is_fetched_again_before_it_answers(
    build: Callable[..., ClusterIndex], caplog: pytest.LogCaptureFixture
) -> None:
    index = _with_filter(build(FRUIT))
    index.close()
    (kept,) = Path(os.environ["XDG_CACHE_HOME"], "wherefrom", "filters").iterdir()
    data = bytearray(kept.read_bytes())
    data[5000] ^= 1
    kept.write_bytes(data)
    with caplog.at_level(logging.WARNING):
        index = _with_filter(ClusterIndex.open(index.location))
    assert "fail" in caplog.text and "fetched again" in caplog.text
    assert index.is_instant and all(index.membership(_text(name)).member for name in FRUIT)
    assert (index._filter._copy.blooms[0].file.touched[1:] == 1).all()  # type: ignore[union-attr]


def test_an_index_without_a_filter_is_answered_by_look_ups(build: Callable[..., ClusterIndex], location: str) -> None:
    index = build(FRUIT)
    connect(place_of(location)).indices.delete(index=f"{place_of(location).name}-f000001")
    _with_filter(index)
    assert not index.is_instant and index.membership(_text("plum")).member
    assert "no filter" in index.verify().problems[0]
