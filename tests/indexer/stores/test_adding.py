"""An index in a cluster that grows: the same as a folder grown the same way, through kills, and for one writer at a time."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from threading import Event, Thread
from typing import Any
from zlib import crc32

import pyarrow as pa
import pytest

from indexer.add import add_documents
from indexer.build import build_index
from indexer.corpus import REPOSITORIES_SCHEMA, conform
from indexer.errors import IndexLocked, InputError
from indexer.index import Index
from indexer.stores.elastic import filter_making, filter_pieces, lock
from indexer.stores.elastic.cluster import connect
from indexer.stores.elastic.index import ClusterIndex
from indexer.stores.elastic.kept import KEPT, kept_of
from indexer.stores.elastic.lock import LOCKS, write_lock
from indexer.stores.elastic.mapping import meta_of
from indexer.stores.elastic.merging import merge
from indexer.stores.elastic.removal import remove
from indexer.stores.elastic.settings import PREFIX, place_of
from indexer.stores.elastic.unfinished import InputChanged
from indexer.stores.elastic.writer import build_cluster_index
from tests.indexer.killing import writing_process
from tests.indexer.stores import loading
from tests.limits import HANG_SECONDS

AS_OF = "2026-11-23T00:00:00+00:00"
NAMED = {"name": "a", "version": "1", "date": "2024-06-07"}
OLD, NEW = ["apple", "pear", "plum", "fig"], ["quince", "pear", "mango", "fig", "quince"]


def _text(name: str, lines: int = 20) -> str:
    return "".join(f"{name}_{i} = make_{name}({i}, other_{name}={i * 3}) + {name}[{i}]\n" for i in range(lines))


def _batches(names: list[str]) -> list[pa.RecordBatch]:
    """A file of each name; names of one initial share a repository."""
    rows = [{"content": _text(name), "repository": f"{name[0]}/repo", "path": f"{name}.py"} for name in names]
    return [conform(batch) for batch in pa.Table.from_pylist(rows).to_batches()]


def _repositories(names: list[str], stars: int) -> list[pa.RecordBatch]:
    rows = [{"repository": f"{initial}/repo", "owner": initial, "stars": stars} for initial in sorted({name[0] for name in names})]
    full = [{column: row.get(column) for column in REPOSITORIES_SCHEMA.names} for row in rows]
    return [pa.RecordBatch.from_pylist(full, REPOSITORIES_SCHEMA)]


@pytest.fixture
def location(elasticsearch: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    """A name and a folder for filters of the test's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv(f"{PREFIX}TIMEOUT_MS", "120000")  # the first questions may have to wait for kernels to be compiled
    name = f"grow-{crc32(request.node.nodeid.encode()):08x}"
    yield f"es+{elasticsearch}/{name}"
    client = connect(place_of(f"es+{elasticsearch}/{name}"))
    for index in client.indices.get(index=f"{name}*"):
        client.indices.delete(index=index)


@pytest.fixture(scope="module")
def standing(elasticsearch: str) -> Iterator[str]:
    """An index of OLD that tests leave as they found it, but for its generation."""
    location = f"es+{elasticsearch}/grow-standing"
    _build(location, OLD)
    yield location
    client = connect(place_of(location))
    for index in client.indices.get(index="grow-standing*"):
        client.indices.delete(index=index)


def _build(location: str, names: list[str]) -> ClusterIndex:
    build_cluster_index(location, _batches(names), repositories=_repositories(names, 1), **NAMED)
    return _with_filter(ClusterIndex.open(location))


def _add(location: str, names: list[str], **options: Any) -> Any:
    return add_documents(location, _batches(names), repositories=_repositories(names, 2), **options)


def _with_filter(index: ClusterIndex) -> ClusterIndex:
    """Once it has followed and what is being fetched is here."""
    index.refresh()
    index._filter.of(index._generation)
    index._filter.wait(HANG_SECONDS)
    return index


def _parts(location: str) -> tuple[filter_pieces.Part, ...]:
    place = place_of(location)
    return filter_pieces.manifest_of(connect(place), place, _index(location)).parts


def _index(location: str, number: int = 1) -> str:
    return f"{place_of(location).name}-g{number:06d}"


def test_a_cluster_grows_as_a_folder_does(location: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index = _build(location, OLD)
    build_index(tmp_path / "i", _batches(OLD), repositories=_repositories(OLD, 1), **NAMED)
    one, other = (
        _add(location, NEW, version="2"),
        add_documents(tmp_path / "i", _batches(NEW), repositories=_repositories(NEW, 2), version="2"),
    )
    assert (one.documents, one.known, one.generation) == (other.documents, other.known, other.generation) == (2, 3, 2)
    assert not index.membership(_text("quince")).member
    _with_filter(index)
    monkeypatch.setenv(f"{PREFIX}FILTER_MB", "0")
    asked = ClusterIndex.open(location)
    assert index.is_instant and index.verify().problems == () and not asked.is_instant
    with Index.open(tmp_path / "i") as folder:
        assert index.info == folder.info
        for name in {*OLD, *NEW, "nobody"}:
            text = _text(name, 15) + _text("apple", 9)
            assert index.attribute(text) == folder.attribute(text)
            member = folder.membership(text)
            assert replace(index.membership(text), false_positive_rate=0) == replace(member, false_positive_rate=0)
            assert replace(asked.membership(text), false_positive_rate=0) == replace(member, false_positive_rate=0)
            hits = [{hit.path for hit in each.search(f"make_{name}").hits} for each in (index, folder)]
            assert hits[0] == hits[1]
        assert index.repositories().repositories == folder.repositories().repositories
        assert index.files("p/repo").files == folder.files("p/repo").files
        counts = {"documents", "text_bytes", "tokens"}
        assert {name: index.describe()[name] for name in counts} == {name: folder.describe()[name] for name in counts}


def test_the_exported_filter_is_that_of_the_grown_folder_byte_for_byte(location: str, tmp_path: Path) -> None:
    index = _build(location, OLD)
    build_index(tmp_path / "i", _batches(OLD), full_text=False, **NAMED)
    new = ["quince", "pear", "mango"]
    _add(location, new)
    add_documents(tmp_path / "i", _batches(new))
    with Index.open(tmp_path / "i") as folder:
        folder.export_filter(tmp_path / "one", AS_OF)
        _with_filter(index).export_filter(tmp_path / "other", AS_OF)
        assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()
        assert index.membership(_text("mango")) == folder.membership(_text("mango"))
    remove(location, repositories=["q/repo"])
    _with_filter(index).export_filter(tmp_path / "without", AS_OF)
    assert not index.membership(_text("quince")).member and index.membership(_text("mango")).member
    assert (tmp_path / "without").read_bytes() != (tmp_path / "other").read_bytes()
    assert merge(location).purged_documents == 1 and len(_parts(location)) == 1
    index = _with_filter(index)
    assert index.is_instant and index.verify().problems == ()
    assert not index.membership(_text("quince")).member and index.membership(_text("mango")).member


def test_where_nothing_is_new_nothing_changes(standing: str) -> None:
    client, index = connect(place_of(standing)), ClusterIndex.open(standing)
    before, description = index.info, meta_of(client, _index(standing))
    report = _add(standing, ["pear", "fig"], version="2", date="2025-01-01")
    assert (report.documents, report.known, report.generation) == (0, 2, before.generation)
    index.refresh()
    assert index.info == before and meta_of(client, _index(standing)) == description


def test_a_document_removed_a_moment_ago_is_added_again(standing: str) -> None:
    index = ClusterIndex.open(standing)
    before = index.info.generation
    remove(standing, repositories=["p/repo"])
    report = _add(standing, OLD)
    assert (report.documents, report.known, report.generation) == (2, 2, before + 2)
    index.refresh()
    assert index.membership(_text("pear")).member and index.verify().problems == ()


def test_a_text_is_read_again_a_number_of_times_that_grows_with_the_logarithm() -> None:
    parts, read, most = [1000], 0, 0
    for _ in range(1000):
        kept = filter_making.kept_parts([filter_pieces.Part(0, keys, 1, (), "", "") for keys in parts])
        read += sum(parts[len(kept) :])
        parts = [*parts[: len(kept)], sum(parts[len(kept) :]) + 1]
        most = max(most, len(parts))
    assert sum(parts) == 2000 and most == filter_making.MOST_PARTS and read < 5 * 1000


def test_the_latest_of_many_parts_become_one(location: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filter_making, "MOST_PARTS", 3)
    names = [f"fruit{i}" for i in range(4)]
    index = _build(location, OLD)
    sizes = []
    for name in names:
        _add(location, [name], merge_small=name != names[2])
        sizes.append(len(_parts(location)))
    assert sizes == [2, 3, 4, 2]
    _with_filter(index)
    assert index.is_instant and index.verify().problems == ()
    assert all(index.membership(_text(name)).member for name in (*names, *OLD)) and not index.membership(_text("nobody")).member


def test_a_killed_addition_goes_on_where_it_was(location: str, tmp_path: Path) -> None:
    unbroken = location + "-unbroken"
    places = {where: place_of(where) for where in (location, unbroken)}
    for where in places:
        loading.build_cluster_index(where, loading.batches_of(loading.rows(1)[:300]), **NAMED)
    with writing_process("tests.indexer.stores.loading") as ask:
        assert ask(f"{tmp_path} add {location} 1 7 whole") == "killed"
    client = connect(places[location])
    with ClusterIndex.open(location) as index:
        assert index.info.documents == 300 and index.info.generation == 1
    client.indices.refresh(index=_index(location))
    left = client.count(index=_index(location))["count"]
    assert 300 < left < loading.DOCUMENTS - 20
    reports = [replace(loading.add(where, 1), seconds=0, index_bytes=0) for where in places]
    assert reports[0] == reports[1] and reports[0].documents == loading.DOCUMENTS - 320
    assert meta_of(client, _index(location)) == meta_of(client, _index(unbroken))
    assert _stored(location) == _stored(unbroken)
    assert [replace(part, key="") for part in _parts(location)] == [replace(part, key="") for part in _parts(unbroken)]
    with ClusterIndex.open(location) as index:
        assert index.verify().problems == ()


def _stored(location: str) -> list[Any]:
    answer = connect(place_of(location)).search(index=_index(location), size=10_000, sort=[{"number": "asc"}], docvalue_fields=[KEPT])
    return [(hit["_id"], hit["sort"], kept_of(hit)) for hit in answer["hits"]["hits"]]


def _cut_off(location: str, names: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """An addition that ends when everything but the description is done."""

    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("indexer.stores.elastic.adding.repositories_beside.add", stop)
        _add(location, names)


@pytest.mark.parametrize("most_parts", [1, 8])
def test_what_changes_the_index_next_undoes_what_an_addition_left(location: str, most_parts: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filter_making, "MOST_PARTS", most_parts)
    index = _build(location, OLD)
    _add(location, ["lime"])
    _cut_off(location, ["quince", "mango"], monkeypatch)
    assert any("addition that was cut off" in problem for problem in _with_filter(index).verify().problems)
    with pytest.raises(InputChanged, match="another input"):
        _add(location, ["mango", "quince"])
    assert _with_filter(index).verify().problems == () and index.info.documents == 5
    _cut_off(location, ["quince", "mango"], monkeypatch)
    assert remove(location, repositories=["f/repo"]).documents == 1
    assert _with_filter(index).verify().problems == () and index.info.documents == 4
    for name, is_there in (("quince", False), ("fig", False), ("lime", True), ("pear", True)):
        assert index.membership(_text(name)).member == is_there
    _add(location, ["quince"])
    index.refresh()
    assert [span.files for span in index.attribute(_text("quince")).spans] == [1]
    merge(location)
    assert _with_filter(index).is_instant and index.membership(_text("quince")).member and not index.membership(_text("mango")).member


def test_a_source_that_fails_leaves_the_index_as_it_was(standing: str) -> None:
    index = ClusterIndex.open(standing)

    def broken() -> Iterator[pa.RecordBatch]:
        yield from _batches(["quince"])
        raise InputError("the source ends in the middle")

    with pytest.raises(InputError, match="in the middle"):
        add_documents(standing, broken())
    index.refresh()
    assert index.verify().problems == () and index.info.documents == 4 and not index.membership(_text("quince")).member


def _writers(location: str) -> list[Callable[[], Any]]:
    return [lambda: _add(location, NEW), lambda: remove(location, owners=["p"]), lambda: merge(location)]


def test_a_second_writer_is_refused_and_told_whose_it_is(location: str) -> None:
    index, place = _build(location, OLD), place_of(location)
    with write_lock(connect(place), place, _index(location), "adding"):
        for write in _writers(location):
            with pytest.raises(IndexLocked, match=rf"{_index(location)}: process \d+ of {socket.gethostname()} is adding since .* UTC"):
                write()
        _build(location, OLD)  # of the next generation
    with write_lock(connect(place), place, place.name, "building an index"), pytest.raises(IndexLocked, match="is building an index"):
        _build(location, OLD)
    index.refresh()
    assert index.info.generation == 2
    for write in _writers(location):
        write()


def _left_by(location: str, **changes: Any) -> None:
    """A lock as a writer leaves it that ended without a word."""
    place = place_of(location)
    holder = replace(lock._Holder.new("adding"), **changes)
    connect(place).index(index=LOCKS, id=_index(location), document={"holder": asdict(holder)}, refresh=True)


def test_a_writer_that_is_gone_is_taken_over(standing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for changes in ({}, {"begun": "1"}, {"process": 1 << 30}):  # of this process, but for its thread; of one before with the same number
        _left_by(standing, **changes)
        assert remove(standing, owners=["nobody"]).documents == 0
    _left_by(standing, space="elsewhere")
    monkeypatch.setattr(lock, "_LOOK", 0.01)
    monkeypatch.setattr(lock, "_SILENT", 0.1)
    assert remove(standing, owners=["nobody"]).documents == 0
    assert not connect(place_of(standing)).exists(index=LOCKS, id=_index(standing))


def test_a_writer_elsewhere_that_gives_signs_of_life_is_not(standing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "_LOOK", 0.01)
    _left_by(standing, space="elsewhere")
    ended = Event()

    def live() -> None:
        while not ended.wait(0.05):
            _left_by(standing, space="elsewhere")

    thread = Thread(target=live)
    thread.start()
    try:
        with pytest.raises(IndexLocked, match="is adding"):
            remove(standing, owners=["nobody"])
    finally:
        ended.set()
        thread.join()
        connect(place_of(standing)).delete(index=LOCKS, id=_index(standing))


def test_a_writer_that_lost_its_lock_stops(standing: str) -> None:
    index, client = ClusterIndex.open(standing), connect(place_of(standing))
    before = index.info

    def robbed() -> Iterator[pa.RecordBatch]:
        yield from _batches(["quince"])
        client.delete(index=LOCKS, id=_index(standing))

    with pytest.raises(IndexLocked, match="another process"):
        add_documents(standing, robbed())
    index.refresh()
    assert index.info == before
    remove(standing, owners=["nobody"])
    index.refresh()
    assert index.verify().problems == ()


def test_an_index_that_is_replaced_while_it_grows_is_told(location: str) -> None:
    _build(location, OLD)

    def replaced() -> Iterator[pa.RecordBatch]:
        yield from _batches(["quince"])
        _build(location, ["mango"])

    with pytest.raises(Exception, match="was replaced while documents were added"):
        add_documents(location, replaced())
    with ClusterIndex.open(location) as index:
        assert (index.info.generation, index.info.documents) == (2, 1) and index.verify().problems == ()
