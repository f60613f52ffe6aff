"""Loading a cluster that is cut off, put off or refused: what is there in the end, and what readers see meanwhile."""

from __future__ import annotations

import random
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from zlib import crc32

import httpx
import pytest

from indexer.errors import BackendUnavailable, IndexNotFound
from indexer.stores.elastic import bulk, writer
from indexer.stores.elastic.cluster import connect
from indexer.stores.elastic.generations import loading_of
from indexer.stores.elastic.index import ClusterIndex
from indexer.stores.elastic.kept import KEPT, kept_of
from indexer.stores.elastic.mapping import meta_of
from indexer.stores.elastic.settings import PREFIX, Place, place_of
from indexer.stores.elastic.unfinished import InputChanged
from tests.indexer.killing import writing_process
from tests.indexer.stores import loading
from tests.limits import HANG_SECONDS


@pytest.fixture
def location(elasticsearch: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """A name of the test's own; all that begins with it is removed afterwards."""
    name = f"load-{crc32(request.node.nodeid.encode()):08x}"
    yield f"es+{elasticsearch}/{name}"
    client = connect(place_of(f"es+{elasticsearch}/{name}"))
    for index in client.indices.get(index=f"{name}*"):
        client.indices.delete(index=index)


def _stored(location: str, index: str) -> dict[str, Any]:
    """Each document's number and what is kept of it, by its id."""
    client = connect(place_of(location))
    client.indices.refresh(index=index)
    answer = client.search(index=index, size=10_000, sort=[{"number": "asc"}], docvalue_fields=[KEPT])
    return {hit["_id"]: (hit["sort"][0], kept_of(hit)) for hit in answer["hits"]["hits"]}


def _index(location: str, number: int = 1) -> str:
    return f"{place_of(location).name}-g{number:06d}"


def _loading(location: str) -> str:
    return loading_of(_index(location))


def test_a_killed_load_goes_on_where_it_was(location: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"{PREFIX}FILTER_MB", "0")  # both are asked by look-ups
    unbroken = location + "-unbroken"
    chance = random.Random(5)
    with writing_process("tests.indexer.stores.loading") as ask:
        found = []
        for batches in (3, 6, 9):  # of ten: between two of them are more bulks than are ever under way
            assert ask(f"{tmp_path} load {location} 1 {batches} whole") == "killed"
            found.append(len(_stored(location, _loading(location))))
            with pytest.raises(IndexNotFound):
                ClusterIndex.open(location)
        assert found[0] > 0 and found == sorted(set(found)) and found[-1] < loading.DOCUMENTS - 20
        assert ask(f"{tmp_path} load {location} 1 -1 whole").startswith("done")
        assert ask(f"{tmp_path} load {unbroken} 1 -1 whole").startswith("done")
    stored = _stored(location, _index(location))
    assert stored == _stored(unbroken, _index(unbroken)) and len(stored) == loading.DOCUMENTS - 20
    client = connect(place_of(location))
    assert meta_of(client, _index(location)) == meta_of(client, _index(unbroken))
    with ClusterIndex.open(location) as one, ClusterIndex.open(unbroken) as other:
        assert one.verify().problems == ()
        assert one.repositories().repositories == other.repositories().repositories
        for row in chance.sample(loading.rows(1), 5):
            assert one.attribute(row["content"]) == other.attribute(row["content"])
            assert one.membership(row["content"]) == other.membership(row["content"])


def test_what_is_cut_off_once_all_are_loaded_goes_on(location: str, monkeypatch: pytest.MonkeyPatch) -> None:
    client, become, made_of = connect(place_of(location)), writer.become, list[str]()

    def cut_off(_: Any, place: Place, index: str) -> None:
        """Becomes a generation, which nobody hears of the first time."""
        (loaded,) = client.indices.get(index=loading_of(index)).values()
        made_of.append(loaded["settings"]["index"]["uuid"])
        become(client, place, index)
        if len(made_of) == 1:
            raise BackendUnavailable("gone")

    monkeypatch.setattr(writer, "become", cut_off)
    with pytest.raises(BackendUnavailable, match="gone"):
        loading.load(location, 1)
    loading.load(location, 1)
    assert made_of[0] == made_of[1]  # nothing was loaded anew
    with ClusterIndex.open(location) as index:
        assert index.info.documents == loading.DOCUMENTS - 20 and index.verify().problems == ()
    name = place_of(location).name
    assert list(client.indices.get(index=[f"{name}-g*", f"{name}-l*"])) == [_index(location)]


def test_another_input_starts_clean(location: str, tmp_path: Path) -> None:
    with writing_process("tests.indexer.stores.loading") as ask:
        assert ask(f"{tmp_path} load {location} 1 7 whole") == "killed"
        assert _stored(location, _loading(location))
        with pytest.raises(InputChanged, match="another input"):
            loading.load(location, 2)
        assert ask(f"{tmp_path} load {location} 1 7 whole") == "killed"
    left = set(_stored(location, _loading(location)))
    loading.build_cluster_index(location, loading.batches_of(loading.rows(2)[:300]), name="l", version="2", date="2024-06-07")
    with ClusterIndex.open(location) as index:
        assert index.info.generation == 2 and index.info.documents == 300
    assert not left & set(_stored(location, _index(location, 2)))
    name = place_of(location).name
    assert list(connect(place_of(location)).indices.get(index=[f"{name}-g*", f"{name}-l*"])) == [_index(location, 2)]


class _Busy(BaseHTTPRequestHandler):
    """Hands requests on to the server `beyond`, but puts off as many bulks as `puts_off` says."""

    beyond = ""
    puts_off: list[int]
    protocol_version = "HTTP/1.1"

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if "_bulk" in self.path and self.puts_off:
            status, kind, data = self.puts_off.pop(), "application/json", b'{"error": {"type": "es_rejected_execution_exception"}}'
        else:
            sent = {name: self.headers[name] for name in ("Content-Type", "Accept") if self.headers[name]}
            answer = httpx.request(self.command, self.beyond + self.path, content=body, headers=sent, timeout=HANG_SECONDS)
            status, kind, data = answer.status_code, answer.headers.get("Content-Type", "application/json"), answer.content
        self.send_response(status)
        for name, value in (("Content-Type", kind), ("X-Elastic-Product", "Elasticsearch"), ("Content-Length", str(len(data)))):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(b"" if self.command == "HEAD" else data)

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _answer

    def log_message(self, *_: object) -> None:
        """Nothing is said."""


def test_a_busy_cluster_is_waited_for_longer_and_longer(location: str, elasticsearch: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert list(bulk._PAUSES) == sorted(bulk._PAUSES)
    monkeypatch.setattr(bulk, "_PAUSES", (0.01, 0.02, 0.03, 0.04))
    puts_off = [503, 429, 429]
    handler = type("Handler", (_Busy,), {"beyond": elasticsearch, "puts_off": puts_off})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        place = place_of(f"es+http://127.0.0.1:{server.server_port}/{place_of(location).name}")
        client = connect(place)
        bulk.load(client, "x" + place.name, place, ({"_op_type": "index", "_id": str(i), "n": i} for i in range(50)))
        client.close()
        server.shutdown()
    assert puts_off == []
    direct = connect(place_of(location))
    direct.indices.refresh(index="x" + place.name)
    assert direct.count(index="x" + place.name)["count"] == 50
    direct.indices.delete(index="x" + place.name)


def test_every_refused_document_is_named(location: str) -> None:
    place = place_of(location)
    client = connect(place)
    client.indices.create(index=place.name, mappings={"dynamic": "strict", "properties": {"n": {"type": "long"}}})
    documents = [{"_op_type": "index", "_id": f"d{i}", "n": "no number" if i in (3, 17, 18) else i} for i in range(30)]
    with pytest.raises(BackendUnavailable, match=r"refused 3 documents: d3 \(\w+\), d17 \(\w+\), d18 \(\w+\)"):
        bulk.load(client, place.name, place, documents)
    client.indices.refresh(index=place.name)
    assert client.count(index=place.name)["count"] == 27
