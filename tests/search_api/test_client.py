"""The client gives what the index gives, and the index's errors, over a real server."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

import wherefrom
from indexer.answers import Attribution, Extent, IndexInfo, Match, Membership, Source, to_json
from indexer.errors import BackendUnavailable, DocumentNotFound, InputError, QueryError, TimedOut
from indexer.index import Index
from search_api.client import Client
from search_api.from_json import from_json


def texts(function_text: str, fresh_text: str) -> list[str | bytes]:
    return [
        function_text, fresh_text, "", "a b c", "\0" + function_text, "s = '\U0001f600\U0001f600'\r\n" + function_text,
        "\ud83d = 1\n" + function_text, function_text.encode(), b"",
    ]  # fmt: skip


@pytest.mark.parametrize("unit", ["utf-8", "utf-16", "utf-32"])
def test_answers_equal_those_of_the_local_index(client: Client, index: Index, function_text: str, fresh_text: str, unit) -> None:
    for text in texts(function_text, fresh_text):
        assert client.membership(text, offset_unit=unit) == index.membership(text, offset_unit=unit)
        assert client.attribute(text, offset_unit=unit, limit=3) == index.attribute(text, offset_unit=unit, limit=3)


def test_many_keep_their_order(client: Client, index: Index, function_text: str, fresh_text: str) -> None:
    many = texts(function_text, fresh_text)
    assert client.membership_many(many, min_tokens=40) == index.membership_many(many, min_tokens=40)
    assert client.attribute_many(many, limit=2) == index.attribute_many(many, limit=2)


def test_search_documents_and_repositories_equal_the_local_ones(client: Client, index: Index, corpus) -> None:
    page = client.search("parser", language="Python", limit=2)
    assert page == index.search("parser", language="Python", limit=2)
    assert client.search("parser", language="Python", limit=2, cursor=page.cursor).hits[0] not in page.hits
    document_id = corpus.document_id("pypi/rich", "rich/text.py")
    assert client.document(document_id) == index.document(document_id)
    assert client.repositories(owner="rich") == index.repositories(owner="rich")
    assert client.repositories(limit=2) == index.repositories(limit=2)
    assert client.info == index.info


def test_bytes_that_are_not_utf8_are_read_as_latin1(client: Client, function_text: str) -> None:
    raw = b"# caf\xe9\n" + function_text.encode()
    for unit in ("utf-8", "utf-32"):
        answer = client.attribute(raw, offset_unit=unit)
        assert answer.offset_unit == unit
        assert raw[answer.spans[0].start : answer.spans[0].end].decode() in function_text, "one byte is one code point"


def test_wherefrom_open_gives_a_client_for_a_url(url: str, function_text: str) -> None:
    with wherefrom.open(url + "/") as index:
        assert isinstance(index, Client)
        assert index.attribute(function_text).status == "found"


def test_errors_are_those_of_the_index(client: Client) -> None:
    with pytest.raises(DocumentNotFound):
        client.document("../index")
    with pytest.raises(QueryError) as query:
        client.search('good "never closed')
    assert query.value.column == 6
    with pytest.raises(InputError, match="limit"):
        client.search("a", limit=0)
    with pytest.raises(InputError, match="larger than"):
        client.membership("x" * 11_000_000)
    with pytest.raises(InputError, match="wherefrom verify"):
        client.verify()


def test_unreachable_server_is_backend_unavailable() -> None:
    with pytest.raises(BackendUnavailable, match=r"127\.0\.0\.1:9"):
        Client.open("http://127.0.0.1:9")
    with pytest.raises((InputError, BackendUnavailable)):
        Client.open("http://[")


def test_server_that_is_not_wherefrom_is_named(url: str) -> None:
    with pytest.raises(BackendUnavailable, match="URL"):
        Client.open(url + "/docs?")


INFO = IndexInfo("n", "1", "2026-11-01", 1, "spec", 3)
Reply = tuple[int, dict[str, str], object]


@contextmanager
def replying(*replies: Reply) -> Iterator[tuple[str, list[str]]]:
    """A loopback server that gives these replies, one a request, the last one for ever."""
    left, asked = list(replies), []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            status, headers, body = left.pop(0) if len(left) > 1 else left[0]
            content = json.dumps(body).encode()
            self.send_response(status)
            for name, value in {"Content-Length": str(len(content)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        running.daemon_threads = True
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{running.server_address[1]}", asked
        finally:
            running.shutdown()
            thread.join()


def problem(status: int, name: str) -> Reply:
    return status, {}, {"type": f"/problems/{name}", "title": "t", "status": status, "detail": "d"}


def test_busy_and_unready_servers_are_asked_again() -> None:
    with replying(problem(429, "too-many-requests"), problem(503, "index-unavailable"), (200, {}, to_json(INFO))) as (url, asked):
        with Client.open(url, backoff_s=0.001) as client:
            assert client.info == INFO
        assert len(asked) == 3


@pytest.mark.parametrize(
    ("reply", "kind", "requests"),
    [
        (problem(503, "index-unavailable"), BackendUnavailable, 3),
        (problem(429, "too-many-requests"), BackendUnavailable, 3),
        (problem(504, "timed-out"), TimedOut, 1),
        (problem(413, "too-large"), InputError, 1),
        (problem(500, "internal"), BackendUnavailable, 1),
        ((502, {}, "bad gateway"), BackendUnavailable, 1),
        ((200, {}, {"name": "x"}), BackendUnavailable, 1),
        ((200, {}, []), BackendUnavailable, 1),
    ],
)
def test_problem_becomes_the_error_it_stands_for(reply: Reply, kind: type[Exception], requests: int) -> None:
    with replying(reply) as (url, asked):
        with pytest.raises(kind) as raised:
            Client.open(url, retries=2, backoff_s=0.001)
        assert type(raised.value) is kind and url in str(raised.value)
        assert len(asked) == requests


def source(**changes: object) -> Source:
    match = Match(0, 1, 2, "renamed", 0.5, {"a": "b"})
    values = Source(
        "id", "r", None, "p", None, 1, 2, None, ("MIT",), "MIT", "permissive", "u", None, None, None, "exact", 1.0, 2.0, (match,)
    )  # fmt: skip
    return dataclasses.replace(values, **changes)


def test_from_json_is_the_inverse_of_to_json() -> None:
    answer = Attribution("found", 3, 20, 1.0, 0.5, (), (source(copies=(source(), source(path="q"))),), ("o",), "n", None, "utf-8", INFO)
    assert from_json(Attribution, json.loads(json.dumps(to_json(answer)))) == answer


def test_from_json_ignores_what_a_later_server_adds() -> None:
    assert from_json(Extent, {"start": 1, "end": 2, "colour": "red"}) == Extent(1, 2)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda data: data.pop("tokens"), "tokens: missing"),
        (lambda data: data.update(tokens="3"), "tokens: got str, wanted int"),
        (lambda data: data.update(tokens=True), "tokens: got bool, wanted int"),
        (lambda data: data["spans"].append({"start": 1}), "spans.0.end: missing"),
        (lambda data: data.update(index=None), "index: got NoneType, wanted dict"),
    ],
)
def test_from_json_names_what_does_not_fit(change: Callable[[dict], object], said: str) -> None:
    data = to_json(Membership("none", 3, 33, False, 0, 0.0, (), 0.0, "utf-8", INFO))
    change(data)
    with pytest.raises(ValueError, match=said):
        from_json(Membership, data)


def test_importing_the_client_imports_nothing_heavy() -> None:
    program = "import search_api.client, sys; print(*sys.modules)"
    loaded = set(subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split())
    assert "search_api.client" in loaded
    assert not loaded & {"numba", "fastapi", "starlette", "pydantic", "gradio", "pyarrow", "numpy", "tantivy", "uvicorn", "jinja2"}
