"""A server over a cluster: every route answers as over a folder, a new generation is followed, and a cluster that is away is waited for."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, closing, suppress
from pathlib import Path
from typing import Any, NoReturn

import httpx
import pyarrow as pa
import pytest
from fastapi import FastAPI

from indexer.bloom.portable import PortableFilter
from indexer.corpus import REPOSITORIES_SCHEMA, conform
from indexer.errors import BackendUnavailable
from indexer.stores.elastic.cluster import connect
from indexer.stores.elastic.settings import place_of
from search_api import served
from search_api.app import create_app
from search_api.served import ServedIndex
from search_api.settings import Settings
from tests.limits import HANG_SECONDS

OURS = ("index", "generation", "cursor", "false_positive_rate")  # what each store has of its own


class Road:
    """The way from a port of this test's own to the cluster; it can be closed and opened again."""

    def __init__(self, target: tuple[str, int]) -> None:
        self._target = target
        self._ends: list[socket.socket] = []
        self._ends_change = threading.Lock()
        self._place = _bound(0)  # never listens: while the door is closed nobody else gets the port
        self.port: int = self._place.getsockname()[1]
        self._door: socket.socket | None = None

    def open(self) -> None:
        """Lets requests through from now on."""
        self._door = _bound(self.port)
        self._door.listen()
        threading.Thread(target=self._let_in, args=(self._door,), daemon=True).start()

    def close(self) -> None:
        """Ends every connection; none is taken until it is opened again."""
        with self._ends_change:
            ends = [*([self._door] if self._door else []), *self._ends]
            self._door = None
            self._ends.clear()
        for end in ends:
            with closing(end), suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _let_in(self, door: socket.socket) -> None:
        while True:
            try:
                near, _ = door.accept()
                far = socket.create_connection(self._target)
            except OSError:
                return
            with self._ends_change:
                if self._door is not door:
                    near.close()
                    far.close()
                    return
                self._ends += [near, far]
            for source, target in ((near, far), (far, near)):
                threading.Thread(target=self._carry, args=(source, target), daemon=True).start()

    def leave(self) -> None:
        """Gives the port back."""
        self._place.close()

    @staticmethod
    def _carry(source: socket.socket, target: socket.socket) -> None:
        try:
            while data := source.recv(1 << 16):
                target.sendall(data)
        except OSError:
            pass
        finally:
            source.close()
            target.close()


def _bound(port: int) -> socket.socket:
    """A socket at a port of the loopback interface that others of ours may stand at too."""
    bound = socket.socket()
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    bound.bind(("127.0.0.1", port))
    return bound


@pytest.fixture(scope="module")
def road(elasticsearch: str) -> Iterator[Road]:
    url = httpx.URL(elasticsearch)
    made = Road((url.host, url.port or 80))
    made.open()
    yield made
    made.close()
    made.leave()


def _build(location: str, rows: list[dict[str, object]], version: str) -> None:
    from indexer.stores.elastic.writer import build_cluster_index

    described = {name: next(row for row in rows if row["repository"] == name) for name in dict.fromkeys(row["repository"] for row in rows)}
    texts = {"license_texts": [{"path": "LICENSE.txt", "text": "Redistribution and use in source and binary forms\n"}]}
    table = [{name: (row | texts).get(name) for name in REPOSITORIES_SCHEMA.names} for row in described.values()]
    build_cluster_index(
        location,
        [conform(pa.RecordBatch.from_pylist(rows))],
        repositories=[pa.RecordBatch.from_pylist(table, REPOSITORIES_SCHEMA)],
        name="packages",
        version=version,
        date="2026-11-01",
    )


@pytest.fixture(scope="module")
def cluster_location(elasticsearch: str, road: Road, rows: list[dict[str, object]]) -> str:
    """Of the same rows as the folder's index, reached by the road."""
    _build(f"es+{elasticsearch}/served", rows, "1.0")
    return f"es+http://127.0.0.1:{road.port}/served"


@pytest.fixture(scope="module")
def over_cluster(cluster_location: str, serve: Callable[..., AbstractContextManager[str]]) -> Iterator[httpx.Client]:
    with (
        serve(create_app(cluster_location, Settings(refresh_seconds=0))) as address,
        httpx.Client(base_url=address, timeout=HANG_SECONDS) as http,
    ):
        yield http


def _common(value: Any) -> Any:
    """An answer without what each store has of its own."""
    if isinstance(value, dict):
        return {name: _common(each) for name, each in value.items() if name not in OURS}
    return [_common(each) for each in value] if isinstance(value, list) else value


def test_every_route_answers_as_over_a_folder(http: httpx.Client, over_cluster: httpx.Client, function_text: str, corpus: Any) -> None:
    document = corpus.document_id("pypi/rich", "rich/text.py")
    for path in (
        "/v1/index", f"/v1/documents/{document}", f"/documents/{document}", f"/v1/documents/{'0' * 24}", "/v1/repositories",
        "/v1/repositories?owner=EVIL", "/v1/legal?repository=pypi/click", "/v1/files?repository=pypi/click&limit=7",
        "/v1/files?repository=no/such", "/readyz", "/healthz",
    ):  # fmt: skip
        one, other = over_cluster.get(path), http.get(path)
        assert one.status_code == other.status_code, path
        assert _common(one.json()) == _common(other.json()) if "json" in other.headers["content-type"] else one.text == other.text, path
    for path, body in (
        ("/v1/membership", {"text": function_text}),
        ("/v1/attribution", {"text": function_text, "offset_unit": "utf-16", "use": "distributed"}),
        ("/v1/attribution", {"text": function_text, "exclude": [{"repository": "pypi/click"}]}),
        ("/overlap", {"document": function_text}),
        ("/v1/attribution", {"text": function_text, "limit": 0}),
    ):
        one, other = over_cluster.post(path, json=body), http.post(path, json=body)
        assert one.status_code == other.status_code, path
        assert _common(one.json()) == _common(other.json()), path
    found, expected = (client.get("/v1/search", params={"q": "parse lang:Python"}).json() for client in (over_cluster, http))
    assert found["total"] == expected["total"] and found["facets"] == expected["facets"]


def test_batches_and_fingerprints_are_answered(http: httpx.Client, over_cluster: httpx.Client, function_text: str) -> None:
    lines = "".join(f'{{"id": {n}, "text": {httpx.Response(200, json=function_text).text}}}\n' for n in range(3)).encode()
    for path in ("/v1/membership/batch", "/v1/attribution/batch"):
        answers = [
            client.post(path, content=lines, headers={"content-type": "application/x-ndjson"}).text for client in (over_cluster, http)
        ]
        assert answers[0].count('"found"') == answers[1].count('"found"') == 3 and '"answered":3' in answers[0].replace(" ", "")
    asked = over_cluster.post("/v1/attribution/fingerprints", json={"fingerprints": [1, 2, 3]})
    assert asked.status_code == 200 and asked.json()["counts"] == [0, 0, 0]


def test_the_filter_is_that_of_a_folder(http: httpx.Client, over_cluster: httpx.Client, tmp_path: Path) -> None:
    files = []
    for name, client in (("cluster", over_cluster), ("folder", http)):
        answer = client.get("/v1/filter")
        assert answer.status_code == 200 and client.get("/v1/filter", headers={"Range": "bytes=0-7"}).content == answer.content[:8]
        (tmp_path / name).write_bytes(answer.content)
        with PortableFilter.open(tmp_path / name) as portable:
            assert portable.verify() == []
            files.append(portable.info)
    assert (files[0].sha256, files[0].n_keys, files[0].parts) == (files[1].sha256, files[1].n_keys, files[1].parts)


def _await_filter(client: httpx.Client, text: str) -> None:
    """Until membership is answered by the filter: look-ups err a thousand million times less."""
    deadline = time.monotonic() + HANG_SECONDS
    while client.post("/v1/membership", json={"text": text}).json()["false_positive_rate"] <= 1e-9:
        assert time.monotonic() < deadline, "the filter never came"
        time.sleep(0.05)


def test_a_cluster_that_is_away_is_503_until_it_is_back(over_cluster: httpx.Client, road: Road, function_text: str) -> None:
    assert over_cluster.get("/readyz").status_code == 200
    _await_filter(over_cluster, "\n".join(f"zqx_{i} = quuxify_{i}(wibble_{i * 7}, {i}.{i}) ^ flarn_{i}" for i in range(6)))
    road.close()
    assert over_cluster.get("/readyz").status_code == 503 and over_cluster.get("/healthz").status_code == 200
    away = over_cluster.post("/v1/attribution", json={"text": function_text})
    assert (away.status_code, away.json()["type"]) == (503, "/problems/index-unavailable") and "Retry-After" in away.headers
    assert over_cluster.post("/v1/membership", json={"text": function_text}).json()["member"]  # the filter is here
    assert over_cluster.get("/v1/repositories").status_code == 503
    road.open()
    assert over_cluster.get("/readyz").status_code == 200
    assert over_cluster.post("/v1/membership", json={"text": function_text}).json()["member"]


def test_a_server_started_without_its_cluster_answers_once_there_is_one(
    road: Road, cluster_location: str, serve: Callable[[FastAPI], AbstractContextManager[str]]
) -> None:
    road.close()
    with serve(create_app(cluster_location, Settings())) as address:
        assert httpx.get(f"{address}/readyz", timeout=HANG_SECONDS).status_code == 503
        road.open()
        assert httpx.get(f"{address}/readyz", timeout=HANG_SECONDS).status_code == 200


class _Counted:
    """A lock that tells once so many threads have come to it."""

    def __init__(self, n: int) -> None:
        self._lock, self._left, self.all_came = threading.Lock(), n, threading.Event()
        self._counting = threading.Lock()

    def __enter__(self) -> None:
        with self._counting:
            self._left -= 1
            if not self._left:
                self.all_came.set()
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()


def test_those_who_wait_while_another_one_tries_in_vain_do_not_try_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    index, came, tried = ServedIndex("es+http://127.0.0.1:1/name", 5), _Counted(6), list[str]()

    def in_vain(location: str) -> NoReturn:
        tried.append(location)
        assert came.all_came.wait(HANG_SECONDS)
        raise BackendUnavailable("no answer")

    monkeypatch.setattr(served, "_open", in_vain)
    monkeypatch.setattr(index, "_lock", came)
    with ThreadPoolExecutor(6) as pool:
        asked = [pool.submit(index.get) for _ in range(6)]
        assert [type(each.exception()) for each in asked] == [BackendUnavailable] * 6
    assert len(tried) == 1


def test_a_cluster_that_never_answers_is_503(
    serve: Callable[[FastAPI], AbstractContextManager[str]], monkeypatch: pytest.MonkeyPatch, function_text: str
) -> None:
    monkeypatch.setenv("WHEREFROM_ELASTICSEARCH_TIMEOUT_MS", "500")
    with socket.create_server(("127.0.0.1", 0), backlog=64) as door:  # its kernel takes connections, and nobody ever answers
        app = create_app(f"es+http://127.0.0.1:{door.getsockname()[1]}/name", Settings(concurrency=4))
        with serve(app) as address, httpx.Client(base_url=address, timeout=HANG_SECONDS) as http, ThreadPoolExecutor(6) as pool:
            asked = [pool.submit(http.post, f"/v1/{which}", json={"text": function_text}) for which in ("attribution", "membership") * 3]
            answers = [each.result() for each in asked]
            assert {(answer.status_code, answer.json()["type"]) for answer in answers} == {(503, "/problems/index-unavailable")}
            assert all("Retry-After" in answer.headers and "in time" in answer.json()["detail"] for answer in answers)
            assert http.get("/healthz").status_code == 200 and http.get("/readyz").status_code == 503


def test_a_new_generation_is_followed_without_a_restart(
    elasticsearch: str, over_cluster: httpx.Client, rows: list[dict[str, object]], function_text: str
) -> None:
    before = over_cluster.get("/v1/index").json()
    _build(f"es+{elasticsearch}/served", [row for row in rows if row["repository"] != "pypi/click"], "2.0")
    after = over_cluster.get("/v1/index").json()
    assert after["generation"] == before["generation"] + 1 and after["version"] == "2.0"
    assert not over_cluster.post("/v1/membership", json={"text": function_text}).json()["member"]
    assert "pypi/click" not in over_cluster.get("/v1/repositories").text


def test_an_index_deleted_under_the_server_is_503_until_it_is_built_anew(
    elasticsearch: str, over_cluster: httpx.Client, rows: list[dict[str, object]], function_text: str
) -> None:
    client = connect(place_of(f"es+{elasticsearch}/served"))
    for index in client.indices.get(index="served-*"):
        client.indices.delete(index=index)
    gone = over_cluster.post("/v1/attribution", json={"text": function_text})
    assert (gone.status_code, gone.json()["type"]) == (503, "/problems/index-unavailable") and "Retry-After" in gone.headers
    asked = over_cluster.post("/v1/membership", json={"text": function_text})  # of the filter of the last generation, if that has arrived
    said = asked.json()
    assert not said["member"] if asked.status_code == 200 else said["type"] == "/problems/index-unavailable", said
    assert over_cluster.get(f"/v1/documents/{'0' * 24}").status_code == 503 and over_cluster.get("/readyz").status_code == 503
    _build(f"es+{elasticsearch}/served", rows, "3.0")
    assert over_cluster.get("/readyz").status_code == 200
    assert over_cluster.post("/v1/membership", json={"text": function_text}).json()["member"]
