"""What cannot be answered gets a problem document, whatever was sent and wherever."""

from __future__ import annotations

import asyncio
import base64
import json
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from indexer.index import Index
from search_api.app import create_app
from search_api.problems import TYPES
from search_api.settings import Settings
from tests.limits import HANG_SECONDS

Serve = Callable[[FastAPI], AbstractContextManager[str]]
JSON = {"Content-Type": "application/json"}


def check_problem(response: httpx.Response, status: int, name: str) -> dict:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    document = response.json()
    assert (document["type"], document["status"]) == (f"/problems/{name}", status)
    assert document["title"] and document["detail"]
    return document


@pytest.mark.parametrize(
    ("body", "name"),
    [
        (b'{"text": "\xff"}', "not-utf-8"),
        (b'{"text": "\xed\xa0\x80"}', "not-utf-8"),
        ('{"text": "a"}'.encode("utf-16"), "not-utf-8"),
        (b"", "not-json"),
        (b'{"text": ', "not-json"),
        (b'{"text": NaN}', "not-json"),
        (b"[" * 100_000, "not-json"),
        (b'{"min_tokens": ' + b"9" * 5000 + b"}", "not-json"),
    ],
)
def test_body_that_is_not_utf8_or_not_json_is_400(http: httpx.Client, body: bytes, name: str) -> None:
    if body == b"":
        check_problem(http.post("/v1/membership", content=body, headers=JSON), 422, "invalid-request")
        return
    check_problem(http.post("/v1/membership", content=body, headers=JSON), 400, name)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "text"),
        ({"text": 5}, "text"),
        ({"text": "a", "txet": "b"}, "txet"),
        ({"text": "a", "offset_unit": "utf-7"}, "offset_unit"),
        ({"text": "a", "limit": 0}, "limit"),
        ({"text": "a", "limit": "5"}, "limit"),
        ({"text": "a", "sensitivity": 2}, "sensitivity"),
        ({"text": "a", "kinds": ["exact", "other"]}, "kinds.1"),
        ({"text": "a", "timeout_ms": -1}, "timeout_ms"),
        ([1], "body"),
    ],
)
def test_wrong_field_is_422_and_named(http: httpx.Client, body: object, field: str) -> None:
    document = check_problem(http.post("/v1/attribution", json=body), 422, "invalid-request")
    assert field in [error["field"] for error in document["errors"]]


def test_numbers_that_no_machine_counts_with_are_422(http: httpx.Client) -> None:
    text = "def f(a, b): return a + b\n" * 20
    assert http.post("/v1/membership", json={"text": text, "min_tokens": 1 << 64}).status_code == 422
    assert http.post("/v1/attribution", json={"text": text, "timeout_ms": 1 << 4000}).status_code == 200
    forged = base64.urlsafe_b64encode(json.dumps([1 << 70, 1, ""]).encode()).decode()
    assert http.get("/v1/repositories", params={"cursor": forged}).status_code == 422
    nested = base64.urlsafe_b64encode(b"[" * 5000).decode()
    assert http.get("/v1/repositories", params={"cursor": nested}).status_code == 422


def test_unknown_query_parameter_is_422(http: httpx.Client) -> None:
    document = check_problem(http.get("/v1/search?q=a&lang=Python"), 422, "invalid-request")
    assert document["errors"][0]["field"] == "lang"


def test_query_string_that_is_not_utf8_is_400(http: httpx.Client) -> None:
    check_problem(http.get("/v1/search?q=%ff"), 400, "not-utf-8")


def test_query_that_does_not_parse_is_422_with_its_column(http: httpx.Client) -> None:
    document = check_problem(http.post("/v1/search", json={"q": 'good "never closed'}), 422, "invalid-query")
    assert document["column"] == 6


@pytest.mark.parametrize("path", ["/nope", "/v1/nope", "/v1/membership/", "/problems/nope"])
def test_unknown_path_is_404(http: httpx.Client, path: str) -> None:
    check_problem(http.get(path), 404, "not-found")


@pytest.mark.parametrize(
    "path",
    ["/v1/documents/000000000000000000000000", "/documents/nope", "/v1/documents/%00%f0%9f%98%80", "/v1/documents/", "/v1/documents/a/b"],
)
def test_unknown_document_is_404(http: httpx.Client, path: str) -> None:
    check_problem(http.get(path), 404, "document-not-found")


def test_wrong_method_is_405_and_lists_the_right_ones(http: httpx.Client) -> None:
    response = http.get("/v1/membership")
    check_problem(response, 405, "method-not-allowed")
    assert response.headers["allow"] == "POST"
    assert http.delete("/q").headers["allow"] == "GET, POST"


def test_accept_that_excludes_json_is_406(http: httpx.Client) -> None:
    check_problem(http.get("/v1/index", headers={"Accept": "text/html, application/json;q=0"}), 406, "not-acceptable")
    for accept in ("*/*", "text/html, application/*;q=0.1", "application/json"):
        assert http.get("/v1/index", headers={"Accept": accept}).status_code == 200


def test_other_media_types_are_415(http: httpx.Client) -> None:
    check_problem(http.post("/v1/membership", data={"text": "a"}), 415, "unsupported-media-type")
    check_problem(http.post("/overlap", content=b"{}", headers={**JSON, "Content-Encoding": "gzip"}), 415, "unsupported-media-type")
    assert http.post("/overlap", content=b'{"document": ""}').status_code == 200, "no Content-Type at all is taken for JSON"


def test_every_problem_type_has_its_page(http: httpx.Client) -> None:
    listed = http.get("/problems").raise_for_status().text
    for kind in TYPES:
        page = http.get(kind.uri).raise_for_status()
        assert kind.uri in page.text and kind.uri in listed


@contextmanager
def small_server(
    index: Index | str, serve: Serve, mounted: Starlette | None = None, **settings: int
) -> Iterator[tuple[FastAPI, httpx.Client]]:
    app = create_app(index, Settings(**settings))
    if mounted:
        app.mount("/", mounted)
    with serve(app) as url, httpx.Client(base_url=url, timeout=HANG_SECONDS) as http:
        yield app, http


@pytest.mark.parametrize("path", ["/v1/membership", "/overlap", "/healthz", "/nope", "/gradio_api/upload"])
@pytest.mark.parametrize("chunked", [False, True])
def test_body_over_the_limit_is_413_on_every_route(index: Index, serve: Serve, path: str, chunked: bool) -> None:
    async def swallow(request: Request) -> PlainTextResponse:
        try:
            return PlainTextResponse(f"read {len(await request.body())}")
        except Exception:  # an app that hides the error must not hide the limit
            return PlainTextResponse("hidden")

    page = Starlette(routes=[Route("/{rest:path}", swallow, methods=["GET", "POST"])])
    with small_server(index, serve, page, max_body_bytes=4096) as (_, http):
        body = b'{"text": "' + b"x" * 5000 + b'"}'
        content = (body[start : start + 100] for start in range(0, len(body), 100)) if chunked else body
        response = http.post(path, content=content, headers=JSON)
        if path == "/healthz" and chunked:  # refused for its method before the body was read
            check_problem(response, 405, "method-not-allowed")
        else:
            assert check_problem(response, 413, "too-large")["max_bytes"] == 4096
        assert http.get("/healthz").status_code == 200


def test_body_at_the_limit_is_answered(index: Index, serve: Serve) -> None:
    with small_server(index, serve, max_body_bytes=4096) as (_, http):
        frame = len(b'{"document": ""}')
        assert http.post("/overlap", content=b'{"document": "%s"}' % (b"x" * (4096 - frame)), headers=JSON).status_code == 200
        check_problem(http.post("/overlap", content=b'{"document": "%s"}' % (b"x" * (4097 - frame)), headers=JSON), 413, "too-large")


def test_ten_megabytes_of_text_are_413_and_the_connection_survives(http: httpx.Client) -> None:
    check_problem(http.post("/v1/attribution", json={"text": "def f(): pass\n" * 800_000}), 413, "too-large")


def test_client_that_asks_before_sending_too_much_is_told_no(url: str) -> None:
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=HANG_SECONDS) as connection:
        head = ("POST /overlap HTTP/1.1", "Host: x", "Content-Type: application/json", "Content-Length: 99999999", "Expect: 100-continue")
        connection.sendall("\r\n".join((*head, "", "")).encode())
        assert connection.makefile("rb").readline().startswith(b"HTTP/1.1 413 ")


def test_mounted_page_hides_neither_404_nor_405(index: Index, serve: Serve) -> None:
    async def page(_: Request) -> PlainTextResponse:
        return PlainTextResponse("the page")

    with small_server(index, serve, Starlette(routes=[Route("/{rest:path}", page)])) as (_, http):
        assert http.get("/").text == "the page"
        check_problem(http.get("/v1/nope"), 404, "not-found")
        check_problem(http.get("/v1/membership"), 405, "method-not-allowed")


@contextmanager
def busy(app: FastAPI) -> Iterator[None]:
    """The engine's only thread at work until the block ends."""
    begun, gate = threading.Event(), threading.Event()

    def hold(_: Index) -> bool:
        begun.set()
        return gate.wait(HANG_SECONDS)

    with ThreadPoolExecutor(1) as pool:
        held = pool.submit(lambda: asyncio.run(app.state.workers.ask(hold)))
        try:
            assert begun.wait(HANG_SECONDS)
            yield
        finally:
            gate.set()
            assert held.result(HANG_SECONDS)


def test_over_the_concurrency_bound_is_429_while_health_answers(index: Index, serve: Serve) -> None:
    with small_server(index, serve, concurrency=1, max_waiting=0, timeout_ms=int(HANG_SECONDS * 1000)) as (app, http):
        with busy(app):
            response = http.post("/v1/attribution", json={"text": "a"})
            check_problem(response, 429, "too-many-requests")
            assert int(response.headers["retry-after"]) >= 1
            assert http.post("/v1/membership", json={"text": "a"}).status_code == 200, "nobody's check waits behind other questions"
            assert http.get("/healthz").status_code == 200
            assert http.get("/readyz").status_code == 200
            assert "wherefrom_engine_pending 1.0" in http.get("/metrics").text
        assert http.post("/v1/attribution", json={"text": "a"}).status_code == 200


def test_waiting_longer_than_the_limit_is_504_and_leaves_no_trace(index: Index, serve: Serve) -> None:
    with small_server(index, serve, concurrency=1, max_waiting=5, timeout_ms=400) as (app, http):
        release = threading.Event()
        begun = threading.Event()
        with ThreadPoolExecutor(1) as pool:

            def hold(_: Index) -> None:
                begun.set()
                release.wait(HANG_SECONDS)

            late = pool.submit(lambda: asyncio.run(app.state.workers.ask(hold)))
            assert begun.wait(HANG_SECONDS)
            check_problem(http.post("/v1/attribution", json={"text": "a"}), 504, "timed-out")
            release.set()
            assert late.exception(HANG_SECONDS) is None or late.exception(HANG_SECONDS).status_code == 504
        assert http.post("/v1/membership", json={"text": "a"}).status_code == 200
        app.state.workers.close()  # waits for the thread that was held
        assert app.state.workers.pending == 0


def test_missing_index_is_503_until_it_is_there(serve: Serve, location: str, tmp_path: Path) -> None:
    place = tmp_path / "later.index"
    with small_server(str(place), serve) as (_, http):
        response = http.post("/v1/membership", json={"text": "a"})
        document = check_problem(response, 503, "index-unavailable")
        assert str(tmp_path) not in document["detail"], "a client learns no path of the server"
        assert response.headers["retry-after"]
        check_problem(http.get("/readyz"), 503, "index-unavailable")
        assert http.get("/healthz").status_code == 200
        place.symlink_to(location)
        assert http.get("/readyz").status_code == 200
        assert http.post("/v1/membership", json={"text": "a"}).status_code == 200


def test_engine_errors_never_reach_the_client_as_a_traceback(serve: Serve, index: Index, caplog: pytest.LogCaptureFixture) -> None:
    app = create_app(index, Settings())

    @app.get("/boom/{name}")
    async def boom(name: str) -> None:
        raise ValueError(f"secret {name}")

    with serve(app) as url:
        document = check_problem(httpx.get(f"{url}/boom/secret_marker?q=secret_marker", timeout=HANG_SECONDS), 500, "internal")
    assert "secret" not in str(document) and "secret" not in caplog.text
    assert document["instance"].removeprefix("urn:uuid:") in caplog.text, "the log has the place under the id"
