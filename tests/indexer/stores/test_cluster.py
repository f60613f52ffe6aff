"""An index in a cluster while it is built, replaced, damaged, named wrongly or gone; and questions larger than one request."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from zlib import crc32

import pyarrow as pa
import pytest

from indexer.corpus import REPOSITORIES_SCHEMA, conform
from indexer.errors import (
    AccessRefused,
    BackendUnavailable,
    DocumentNotFound,
    IndexCorrupt,
    IndexNotFound,
    IndexTooNew,
    InputError,
    OutOfSpace,
    SpecMismatch,
)
from indexer.index import Index
from indexer.stores.elastic.cluster import connect, ours
from indexer.stores.elastic.index import ClusterIndex
from indexer.stores.elastic.kept import KEPT
from indexer.stores.elastic.removal import remove
from indexer.stores.elastic.settings import PREFIX, place_of
from indexer.stores.elastic.writer import build_cluster_index

HEADER = "Permission is hereby granted to any person who obtains a copy of this software and its files to deal in it without any limit\n"


def _rows(contents: list[str]) -> list[dict[str, Any]]:
    return [{"content": text, "repository": f"owner{i}/repo", "path": f"file{i}.py"} for i, text in enumerate(contents)]


def _batches(contents: list[str]) -> list[pa.RecordBatch]:
    return [conform(batch) for batch in pa.Table.from_pylist(_rows(contents)).to_batches()]


def _text(name: str, lines: int = 12) -> str:
    return "".join(f"{name}_{i} = make_{name}({i}, other_{name}={i * 3})\n" for i in range(lines))


@pytest.fixture
def location(elasticsearch: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """A name of the test's own, removed afterwards."""
    name = f"test-{crc32(request.node.nodeid.encode()):08x}"
    yield f"es+{elasticsearch}/{name}"
    place = place_of(f"es+{elasticsearch}/{name}")
    for index in connect(place).indices.get(index=f"{name}-g*,{name}-r*"):
        connect(place).indices.delete(index=index)


@pytest.fixture
def build(location: str) -> Callable[..., ClusterIndex]:
    def make(contents: list[str]) -> ClusterIndex:
        named = [{"repository": row["repository"], "owner": row["repository"].partition("/")[0]} for row in _rows(contents)]
        table = pa.RecordBatch.from_pylist(
            [{name: row.get(name) for name in REPOSITORIES_SCHEMA.names} for row in named], REPOSITORIES_SCHEMA
        )
        build_cluster_index(location, _batches(contents), repositories=[table], name="t", version="1", date="2024-06-07")
        return ClusterIndex.open(location)

    return make


def _indexes(location: str) -> list[str]:
    place = place_of(location)
    return sorted(connect(place).indices.get(index=f"{place.name}-g*"))


def test_a_reader_stays_with_its_generation_until_it_refreshes(build: Callable[..., ClusterIndex]) -> None:
    old = build([_text("apple"), _text("pear")])
    new = "".join(f"while plum[{i}] < {i}:\n    del plum[{i}], kernel.stone\n    raise Unripe from {i}\n" for i in range(12))
    build([new])
    assert old.info.generation == 1 and old.attribute(_text("apple")).status == "found"
    assert old.attribute(new).status == "none"
    old.refresh()
    assert old.info.generation == 2 and old.info.documents == 1
    assert old.attribute(_text("apple")).status == "none" and old.attribute(new).status == "found"


def test_a_build_that_fails_leaves_what_stood(location: str, build: Callable[..., ClusterIndex]) -> None:
    build([_text("apple")])

    def broken() -> Iterator[pa.RecordBatch]:
        yield from _batches([_text("plum")])
        raise InputError("the source ends in the middle")

    with pytest.raises(InputError, match="in the middle"):
        build_cluster_index(location, broken(), name="t", version="2", date="2024-06-07")
    assert ClusterIndex.open(location).attribute(_text("apple")).status == "found"
    assert len(_indexes(location)) == 1


def test_what_a_killed_build_left_is_never_read_and_goes_with_the_next_build(location: str, build: Callable[..., ClusterIndex]) -> None:
    place = place_of(location)
    connect(place).indices.create(index=f"{place.name}-g000007")
    with pytest.raises(IndexNotFound):
        ClusterIndex.open(location)
    assert build([_text("apple")]).info.generation == 8
    assert _indexes(location) == [f"{place.name}-g000008"]


def test_a_document_that_comes_twice_is_there_once(build: Callable[..., ClusterIndex], location: str) -> None:
    batch = _batches([_text("apple"), _text("pear")])
    build_cluster_index(location, [*batch, *batch], name="t", version="1", date="2024-06-07")
    index = ClusterIndex.open(location)
    assert index.info.documents == 2 and index.verify().problems == ()


@pytest.mark.parametrize(
    ("change", "error"), [({"format": 99}, IndexTooNew), ({"spec": "wherefrom-0:x"}, SpecMismatch), ({"complete": False}, IndexCorrupt)]
)
def test_an_index_of_another_kind_is_refused(
    location: str, build: Callable[..., ClusterIndex], change: dict[str, Any], error: type[Exception]
) -> None:
    build([_text("apple")])
    client, (index,) = connect(place_of(location)), _indexes(location)
    meta = client.indices.get_mapping(index=index)[index]["mappings"]["_meta"]["wherefrom"]
    client.indices.put_mapping(index=index, meta={"wherefrom": meta | change})
    with pytest.raises(error, match=index):
        ClusterIndex.open(location)


def test_verify_names_a_document_that_was_damaged_or_is_another(location: str, build: Callable[..., ClusterIndex]) -> None:
    index = build([_text("apple"), _text("pear")])
    client, (name,) = connect(place_of(location)), _indexes(location)
    one, other = client.search(index=name, docvalue_fields=[KEPT], sort=["number"])["hits"]["hits"]
    frame = one["fields"][KEPT][0]
    damaged = b64decode(frame)[:-1] + bytes([b64decode(frame)[-1] ^ 1])
    for number, (hit, kept) in enumerate(((one, b64encode(damaged).decode()), (other, frame))):
        client.index(index=name, id=hit["_id"], document={"number": number, KEPT: kept}, refresh=True)
    problems = index.verify().problems
    assert len(problems) == 2 and one["_id"] in problems[0] and other["_id"] in problems[1]
    with pytest.raises(IndexCorrupt, match="wherefrom verify"):
        index.document(one["_id"])


def test_what_is_removed_is_gone_for_every_answer_at_once(location: str, build: Callable[..., ClusterIndex]) -> None:
    index = build([_text("apple"), _text("pear"), _text("plum"), _text("fig")])
    ids = {name: index.attribute(_text(name)).sources[0].document_id for name in ("apple", "pear", "plum", "fig")}
    report = remove(location, repositories=["OWNER0/repo", "no/such"], owners=["Owner1"], documents=[ids["plum"]])
    assert (report.documents, report.documents_left, report.generation, report.not_found) == (3, 1, 2, ("no/such",))
    for name in ("apple", "pear", "plum"):
        assert ids[name] not in [source.document_id for source in index.attribute(_text(name)).sources]
        assert not index.search(f"make_{name}").hits
        with pytest.raises(DocumentNotFound):
            index.document(ids[name])
    assert index.attribute(_text("fig")).sources[0].document_id == ids["fig"] and index.membership(_text("fig")).member
    assert index.files("owner0/repo").total == 0
    index.refresh()
    assert not any(index.membership(_text(name)).member for name in ("apple", "pear", "plum"))
    assert [each.repository for each in index.repositories().repositories] == ["owner3/repo"]
    assert (index.info.generation, index.info.documents, index.describe()["removed_documents"]) == (2, 1, 3)
    assert index.verify().problems == ()
    again = remove(location, repositories=["owner0/repo"])
    assert (again.documents, again.generation, again.not_found) == (0, 2, ("owner0/repo",))
    assert build([_text("apple")]).info.generation == 3
    with pytest.raises(InputError, match="nothing to remove"):
        remove(location)


def test_a_removal_that_was_cut_off_is_seen_and_ended_by_running_it_again(location: str, build: Callable[..., ClusterIndex]) -> None:
    index = build([_text("apple"), _text("pear"), _text("plum")])
    client, (name,) = connect(place_of(location)), _indexes(location)
    for each in ("apple", "pear"):  # as far as it came
        client.delete(index=name, id=index.attribute(_text(each)).sources[0].document_id, refresh=True)
    assert "removal or addition that was cut off" in index.verify().problems[0]
    report = remove(location, owners=["owner0", "owner1"])
    assert (report.documents, report.documents_left, report.generation) == (2, 1, 2)
    index.refresh()
    assert index.verify().problems == () and index.repositories().total == 1


def test_another_programs_index_is_not_taken(elasticsearch: str) -> None:
    client = connect(place_of(f"es+{elasticsearch}/foreign"))
    client.indices.create(index="foreign")
    try:
        with pytest.raises(InputError, match="another program"):
            build_cluster_index(f"es+{elasticsearch}/foreign", _batches([_text("a")]), name="t", version="1", date="2024-06-07")
        with pytest.raises(IndexNotFound):
            ClusterIndex.open(f"es+{elasticsearch}/foreign")
    finally:
        client.indices.delete(index="foreign")


def test_an_index_that_is_deleted_under_a_reader_is_an_error(location: str, build: Callable[..., ClusterIndex]) -> None:
    index = build([_text("apple")])
    connect(place_of(location)).indices.delete(index=_indexes(location)[0])
    for question in (lambda: index.attribute(_text("apple")), lambda: index.membership(_text("apple")), lambda: index.search("apple")):
        with pytest.raises(IndexNotFound):
            question()


def test_no_cluster_is_an_error_and_not_an_empty_answer() -> None:
    with pytest.raises(BackendUnavailable, match="no answer from the cluster"):
        ClusterIndex.open("es+http://127.0.0.1:1/name")


def test_the_runs_end_alone_is_found_past_every_cap(tmp_path: Path, build: Callable[..., ClusterIndex]) -> None:
    """Hundreds of files hold the same licence line, one alone what comes behind it; the cluster answers as a folder does."""
    from indexer.build import build_index

    contents = [HEADER + _text(f"thing{i}", 3) for i in range(200)]
    build_index(tmp_path / "i", _batches(contents), name="t", version="1", date="2024-06-07", full_text=False)
    cluster, folder = build(contents), Index.open(tmp_path / "i")
    for text in (HEADER + _text("thing171", 2), HEADER + _text("unheard", 4), HEADER):
        one, other = cluster.attribute(text), folder.attribute(text)
        assert one.spans[-1].end == other.spans[-1].end and one.status == other.status == "found"
        assert [span.files for span in one.spans] == [span.files for span in other.spans]
    assert cluster.attribute(HEADER + _text("thing171", 2)).sources[0].path == "file171.py"


@pytest.mark.parametrize(
    "location",
    ["es+http://host:9200", "es+http://host:9200/UPPER", "es+http://host:9200/a/b", "es+http://host:9200/-a", "es+http://:9200/a", "es+http://h:x/a",
     "es+http://h/a?b=c"],
)  # fmt: skip
def test_a_location_that_names_no_index_is_refused(location: str) -> None:
    with pytest.raises(InputError, match="HOST:PORT/NAME"):
        place_of(location, {"HOME": "/"})


def test_credentials_come_from_the_environment_and_are_not_shown() -> None:
    with pytest.raises(InputError, match="credentials in a location") as caught:
        place_of("es+https://me:hush@host:9200/name", {"HOME": "/"})
    assert "hush" not in str(caught.value)
    place = place_of("es+https://host/name", {f"{PREFIX}USER": "me", f"{PREFIX}PASSWORD": "hush", f"{PREFIX}SHARDS": "3"})
    assert (place.user, place.password, place.shards, place.location) == ("me", "hush", 3, "es+https://host:9200/name")
    assert "hush" not in repr(place)
    place = place_of("es+https://host/name", {f"{PREFIX}HOSTS": "b, c:9201,[::1]", f"{PREFIX}TIMEOUT_MS": "700"})
    assert place.others == ("https://b:9200", "https://c:9201", "https://[::1]:9200") and place.timeout_ms == 700
    for hosts in ("http://b:9200", "b:x", "me:hush@b", ":9200", "b/path"):
        with pytest.raises(InputError, match="HOSTS") as caught:
            place_of("es+https://host/name", {f"{PREFIX}HOSTS": hosts})
        assert "hush" not in str(caught.value)
    with pytest.raises(InputError, match="SHARDS"):
        place_of("es+https://host/name", {f"{PREFIX}SHARDS": "many"})


@pytest.mark.parametrize(
    ("status", "kind", "error"),
    [
        (401, "security_exception", AccessRefused),
        (403, "security_exception", AccessRefused),
        (403, "cluster_block_exception", OutOfSpace),
        (429, "cluster_block_exception", OutOfSpace),
        (503, "cluster_block_exception", BackendUnavailable),
        (404, "index_not_found_exception", IndexNotFound),
        (429, "es_rejected_execution_exception", BackendUnavailable),
        (503, "search_phase_execution_exception", BackendUnavailable),
    ],
)
def test_what_a_cluster_refuses_is_told_apart(status: int, kind: str, error: type[Exception]) -> None:
    assert isinstance(ours(place_of("es+http://host/name", {"HOME": "/"}), status, kind, "…"), error)
