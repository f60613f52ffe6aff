"""The client for event loops gives what the index gives, and asks again where the server is busy."""

from __future__ import annotations

import asyncio
import inspect
import subprocess
import sys

import httpx
import pytest

from indexer.errors import BackendUnavailable, DocumentNotFound, InputError, QueryError, TimedOut
from indexer.index import Index
from search_api.async_client import AsyncClient
from search_api.client import Client
from search_api.exchange import Retries


def test_answers_equal_those_of_the_local_index(url: str, index: Index, function_text: str, fresh_text: str, corpus) -> None:
    async def ask() -> None:
        async with await AsyncClient.open(url) as client:
            assert client.info == index.info
            texts = [function_text, fresh_text, "", "\ud83d = 1\n" + function_text, b"# caf\xe9\n" + function_text.encode()]
            together = await asyncio.gather(*(client.attribute(text, offset_unit="utf-8", limit=3) for text in texts))
            assert together[:4] == [index.attribute(text, offset_unit="utf-8", limit=3) for text in texts[:4]]
            assert await client.attribute_many(texts, offset_unit="utf-8", limit=3) == together
            assert await client.membership(function_text, min_tokens=40) == index.membership(function_text, min_tokens=40)
            assert await client.membership_many([function_text] * 300) == [index.membership(function_text)] * 300
            assert await client.search("parser", limit=2) == index.search("parser", limit=2)
            document_id = corpus.document_id("pypi/rich", "rich/text.py")
            assert await client.document(document_id) == index.document(document_id)
            assert await client.repositories(limit=2) == index.repositories(limit=2)
            assert await client.files("pypi/rich", limit=2) == index.files("pypi/rich", limit=2)
            assert await client.legal("pypi/rich") == index.legal("pypi/rich")
            assert await client.candidates([1, 2]) == index.candidates([1, 2])
            with pytest.raises(DocumentNotFound):
                await client.document("nope")
            with pytest.raises(QueryError):
                await client.search('good "never closed')
            with pytest.raises(InputError, match="text 1: limit"):
                await client.attribute_many(["a", "b"], limit=0)
            with pytest.raises(InputError, match="larger than"):
                await client.membership_many(["a", "b" * 11_000_000])

    asyncio.run(ask())


def replies(*statuses: int | type[Exception]) -> tuple[AsyncClient, list[str]]:
    """A client whose transport gives these, one a request, the last one for ever."""
    left, asked = list(statuses), []

    def reply(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        status = left.pop(0) if len(left) > 1 else left[0]
        if not isinstance(status, int):
            raise status("made up")
        index = {"name": "n", "version": "1", "date": "2026-11-01", "generation": 1, "spec": "s", "documents": 3}
        problem = {"type": "/problems/x", "title": "t", "status": status, "detail": "d"}
        return httpx.Response(status, json=index if status == 200 else problem)

    http = httpx.AsyncClient(transport=httpx.MockTransport(reply), base_url="http://x")
    return AsyncClient(http, "http://x", Retries(2, 0.001)), asked


def test_busy_and_unready_servers_are_asked_again() -> None:
    client, asked = replies(429, httpx.RemoteProtocolError, 200)
    asyncio.run(client.refresh())
    assert client.info.name == "n" and len(asked) == 3


@pytest.mark.parametrize(
    ("status", "kind", "requests"),
    [
        (503, BackendUnavailable, 3), (429, BackendUnavailable, 3), (504, TimedOut, 1), (401, InputError, 1), (500, BackendUnavailable, 1),
        (httpx.ConnectError, BackendUnavailable, 1), (httpx.ReadTimeout, TimedOut, 1), (httpx.RemoteProtocolError, BackendUnavailable, 3),
    ],
)  # fmt: skip
def test_failures_become_the_errors_of_the_index(status: int | type[Exception], kind: type[Exception], requests: int) -> None:
    client, asked = replies(status)
    with pytest.raises(kind):
        asyncio.run(client.refresh())
    assert len(asked) == requests


def test_it_has_the_questions_of_the_client_with_the_same_options() -> None:
    aside = {"fetch_filter", "describe", "verify"}
    names = {name for name in vars(Client) if not name.startswith("_")} - aside
    assert names == {name for name in vars(AsyncClient) if not name.startswith("_")}
    for name in names - {"open", "info"}:
        assert inspect.signature(getattr(Client, name)) == inspect.signature(getattr(AsyncClient, name)), name


def test_importing_it_imports_nothing_heavy() -> None:
    program = "import search_api.async_client, search_api.private, sys; print(*sys.modules)"
    loaded = set(subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split())
    assert not loaded & {"numba", "fastapi", "starlette", "pydantic", "gradio", "pyarrow", "numpy", "tantivy", "uvicorn", "jinja2"}
