"""What goes wrong with an index in a cluster that works otherwise: each is a clear error, and what stood before stands."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from zlib import crc32

import pyarrow as pa
import pytest
from elasticsearch import Elasticsearch

import wherefrom
from indexer.corpus import conform
from indexer.errors import IndexCorrupt, IndexNotFound, InputError, OutOfSpace
from indexer.stores.elastic import bulk
from indexer.stores.elastic.cluster import connect
from indexer.stores.elastic.index import ClusterIndex
from indexer.stores.elastic.mapping import SIMILARITIES, mapping, new_meta
from indexer.stores.elastic.removal import remove
from indexer.stores.elastic.settings import place_of
from indexer.stores.elastic.writer import build_cluster_index
from tests.limits import HANG_SECONDS

CONTENTS = ["".join(f"{name}_{i} = make_{name}({i}, other_{name}={i * 3})\n" for i in range(12)) for name in ("apple", "pear", "plum")]


@pytest.fixture
def location(elasticsearch: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """A name of the test's own, removed afterwards."""
    name = f"fault-{crc32(request.node.nodeid.encode()):08x}"
    yield f"es+{elasticsearch}/{name}"
    client = connect(place_of(f"es+{elasticsearch}/{name}"))
    for index in client.indices.get(index=f"{name}*"):
        client.indices.delete(index=index)


@pytest.fixture
def client(location: str) -> Elasticsearch:
    return connect(place_of(location))


@pytest.fixture
def name(location: str) -> str:
    return place_of(location).name


def _batches(contents: list[str]) -> list[pa.RecordBatch]:
    rows = [{"content": text, "repository": f"owner{i}/repo", "path": f"file{i}.py"} for i, text in enumerate(contents)]
    return [conform(batch) for batch in pa.Table.from_pylist(rows).to_batches()]


def _build(location: str, batches: Any = None) -> ClusterIndex:
    build_cluster_index(location, batches or _batches(CONTENTS), name="t", version="1", date="2024-06-07")
    return ClusterIndex.open(location)


def _seen(index: ClusterIndex) -> list[str]:
    return [index.attribute(text).status for text in CONTENTS]


def _interrupted(happening: Callable[[], object]) -> Iterator[pa.RecordBatch]:
    """Batches, and something that happens when some of them are on their way."""
    yield from _batches([f"{CONTENTS[0]}\nbefore = {i}\n" for i in range(600)])
    happening()
    yield from _batches([f"{CONTENTS[1]}\nafter = {i}\n" for i in range(600)])


def test_an_index_that_lacks_a_field_is_refused(client: Elasticsearch, location: str, name: str) -> None:
    """Otherwise nothing would be found, without an error."""
    described = new_meta("t", "1", "2024-06-07", 1) | {"complete": True, "documents": 0, "repositories": 0, "fingerprints": 0}
    for field, change in (("exact", None), ("words", {"type": "text"}), ("number", {"type": "keyword"})):
        made = mapping(described)
        properties = {each: kind for each, kind in made["properties"].items() if each != field} | ({field: change} if change else {})
        mappings, settings = made | {"properties": properties}, {"similarity": SIMILARITIES}
        client.indices.create(index=f"{name}-g000001", mappings=mappings, settings=settings, aliases={name: {}})
        with pytest.raises(IndexCorrupt, match=f"lacks {field}"):
            ClusterIndex.open(location)
        client.indices.delete(index=f"{name}-g000001")


def test_a_name_that_stands_for_a_foreign_index_is_refused_and_left_alone(client: Elasticsearch, location: str, name: str) -> None:
    client.indices.create(index=f"{name}-foreign", aliases={name: {}})
    client.index(index=f"{name}-foreign", id="1", document={"a": 1}, refresh=True)
    with pytest.raises(IndexCorrupt, match="not made by wherefrom"):
        ClusterIndex.open(location)
    with pytest.raises(InputError, match="another program"):
        _build(location)
    with pytest.raises(IndexCorrupt, match="not made by wherefrom"):
        remove(location, owners=["owner0"])
    assert list(client.indices.get_alias(name=name)) == [f"{name}-foreign"] and client.count(index=name)["count"] == 1
    assert list(client.indices.get(index=f"{name}*")) == [f"{name}-foreign"]


def test_a_name_that_stands_for_two_indexes_is_refused(client: Elasticsearch, location: str, name: str) -> None:
    _build(location)
    client.indices.create(index=f"{name}-other", aliases={name: {}})
    with pytest.raises(IndexCorrupt, match=f"shares the name with {name}-other"):
        ClusterIndex.open(location)


def test_an_index_that_is_full_answers_on(client: Elasticsearch, location: str, name: str) -> None:
    """As the cluster sets it when a disk is nearly full; what is removed is deleted even so."""
    index = _build(location)
    client.indices.put_settings(index=f"{name}-g000001", settings={"index.blocks.read_only_allow_delete": True})
    assert _seen(index) == ["found"] * 3 and index.verify().problems == ()
    assert index.search("make_apple").hits
    client.indices.put_settings(index=f"{name}-g000001", settings={"index.blocks.read_only_allow_delete": None})


def test_a_disk_that_fills_up_while_loading_is_an_error_and_the_same_build_goes_on(
    client: Elasticsearch, location: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "_PAUSES", (HANG_SECONDS,))  # nobody waits for room to come
    index, begun = _build(location), time.monotonic()

    def block(value: bool | None) -> None:
        client.indices.put_settings(index=f"{name}-l000002", settings={"index.blocks.read_only_allow_delete": value})

    with pytest.raises(OutOfSpace, match="want of disk"):
        _build(location, _interrupted(lambda: block(True)))
    assert time.monotonic() - begun < HANG_SECONDS
    assert _seen(index) == ["found"] * 3 and ClusterIndex.open(location).info.generation == 1
    block(None)
    after = _build(location, _interrupted(lambda: None))
    assert (after.info.generation, after.info.documents) == (2, 1200) and after.verify().problems == ()


def test_an_index_deleted_while_it_is_loaded_is_an_error_and_leaves_what_stood(client: Elasticsearch, location: str, name: str) -> None:
    """The cluster makes a new one for the documents that come after, with a mapping of its own: that must not become the answer."""
    _build(location)
    with pytest.raises(IndexNotFound, match="deleted while it was loaded"):
        _build(location, _interrupted(lambda: client.indices.delete(index=f"{name}-l000002")))
    assert _seen(ClusterIndex.open(location)) == ["found"] * 3


def test_a_document_of_a_deleted_index_is_not_said_to_be_missing(client: Elasticsearch, location: str, name: str) -> None:
    index = _build(location)
    client.indices.delete(index=f"{name}-g000001")
    with pytest.raises(IndexNotFound, match="build one"):
        index.document("0" * 24)


@pytest.mark.parametrize(
    "arguments", [["check", "FILE", "--index"], ["merge"], ["index", "dir:FILE", "-o"], ["serve", "--port", "0", "--index"]]
)
def test_a_password_in_a_location_is_refused_and_not_shown(arguments: list[str], tmp_path: Path) -> None:
    file = tmp_path / "file.py"
    file.write_text("x = 1\n")
    command = [each.replace("FILE", str(file)) for each in arguments]
    done = subprocess.run(
        [sys.executable, str(wherefrom.__file__), *command, "es+http://me:hush/hush@127.0.0.1:1/name"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2 and "hush" not in done.stdout + done.stderr
    assert "WHEREFROM_ELASTICSEARCH_PASSWORD" in done.stderr
