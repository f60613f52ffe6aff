"""Keys are checked and never kept; who asks too often is told when to come back."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI, Request

from indexer.errors import InputError
from indexer.index import Index
from search_api import keys
from search_api.admission import Admission
from search_api.app import create_app
from search_api.client import Client
from search_api.problems import Problem
from search_api.settings import Settings
from tests.limits import HANG_SECONDS

Serve = Callable[[FastAPI], AbstractContextManager[str]]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "keys.json"


def make(file: Path, name: str = "ci", requests_per_minute: int | None = None) -> str:
    text, key = keys.new_key(name, "2026-11-01T00:00:00+00:00", requests_per_minute)
    keys.write(file, [*(keys.read(file) if file.exists() else ()), key])
    return text


def bearer(text: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {text}"}


def test_a_server_that_needs_keys_answers_those_alone_who_have_one(index: Index, serve: Serve, file: Path) -> None:
    text = make(file)
    with (
        serve(create_app(index, Settings(keys_file=str(file), require_key=True))) as url,
        httpx.Client(base_url=url, timeout=HANG_SECONDS) as http,
    ):
        guarded = [("POST", path) for path in ("/v1/membership", "/v1/attribution", "/v1/attribution/batch", "/overlap", "/q", "/quip")]
        guarded += [("GET", path) for path in ("/v1/index", "/v1/filter", "/v1/search?q=a", "/v1/documents/x", "/v1/files", "/v1/schemas")]
        for method, path in guarded:
            for headers in ({}, bearer("wf_00000000_x"), bearer(text + "x"), {"Authorization": f"Basic {text}"}, bearer("\xff")):
                refused = http.request(method, path, headers={name: value.encode("latin-1") for name, value in headers.items()})
                assert (refused.status_code, refused.headers["www-authenticate"]) == (401, 'Bearer realm="wherefrom"'), path
                assert refused.json()["type"] == "/problems/unauthorized"
            assert http.request(method, path, headers=bearer(text)).status_code != 401
        assert [http.get(path).status_code for path in ("/healthz", "/readyz", "/metrics", "/docs", "/problems", "/openapi.json")] == [
            200
        ] * 6
        with Client.open(url, key=text) as client:
            assert client.membership_many(["a"])[0].status == "too_short"
        with pytest.raises(InputError, match="key"):
            Client.open(url)


def test_a_revoked_key_ends_at_once_and_a_new_one_counts_at_once(index: Index, serve: Serve, file: Path) -> None:
    first = make(file)
    with serve(create_app(index, Settings(keys_file=str(file)))) as url, httpx.Client(base_url=url, timeout=HANG_SECONDS) as http:
        assert http.get("/v1/index").status_code == http.get("/v1/index", headers=bearer(first)).status_code == 200
        second = make(file, "other")
        assert http.get("/v1/index", headers=bearer(second)).status_code == 200
        keys.write(file, keys.read(file)[1:])
        assert http.get("/v1/index", headers=bearer(first)).status_code == 401, "a wrong key is refused where none is needed too"
        file.write_text("{")
        broken = http.get("/v1/index", headers=bearer(second))
        assert broken.status_code == 503 and str(file) not in broken.text


def test_a_key_is_nowhere_in_its_file_which_only_its_owner_reads(file: Path) -> None:
    text = make(file, requests_per_minute=5)
    (key,) = keys.read(file)
    assert text.rpartition("_")[2] not in file.read_text() and len(text) > 50
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert keys.find([key], text) == key and keys.find([key], text[:-1]) is None and keys.find([], text) is None


def test_who_asks_too_often_gets_429_and_the_seconds_to_wait(index: Index, serve: Serve, file: Path) -> None:
    slow, free = make(file, "slow", 12), make(file, "free", 0)
    app = stopped_app(index, Settings(keys_file=str(file), requests_per_minute_address=18))
    with serve(app) as url, httpx.Client(base_url=url, timeout=HANG_SECONDS) as http:
        assert [http.get("/v1/index").status_code for _ in range(4)] == [200, 200, 200, 429]
        assert [http.get("/v1/index", headers=bearer(slow)).status_code for _ in range(3)] == [200, 200, 429]
        assert [http.get("/v1/index", headers=bearer(free)).status_code for _ in range(30)] == [200] * 30
        refused = http.post("/v1/membership", json={"text": ""})
        assert (refused.json()["type"], 1 <= int(refused.headers["retry-after"]) <= 4) == ("/problems/too-many-requests", True)
        assert http.get("/healthz").status_code == 200


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def stopped_app(index: Index, settings: Settings) -> FastAPI:
    """An app for which no time passes, so that no bucket fills while the test runs."""
    app = create_app(index, settings)
    app.state.admission = Admission(settings, Clock())
    return app


def request(address: str) -> Request:
    return Request({"type": "http", "headers": [], "client": (address, 1), "path": "/", "query_string": b""})


def admitted(admission: Admission, address: str) -> bool:
    try:
        admission.admit(request(address))
    except Problem as problem:
        assert problem.status_code == 429
        return False
    return True


def test_the_bucket_fills_steadily_and_each_network_has_its_own() -> None:
    clock = Clock()
    admission = Admission(Settings(requests_per_minute_address=60), clock)
    assert [admitted(admission, "192.0.2.1") for _ in range(11)] == [True] * 10 + [False]
    assert admitted(admission, "192.0.2.2")
    clock.now = 1.5
    assert [admitted(admission, "192.0.2.1") for _ in range(2)] == [True, False]
    assert [admitted(admission, f"2001:db8::{n:x}") for n in range(11)] == [True] * 10 + [False], "a customer's whole network is one"
    assert admitted(admission, "2001:db8:0:1::1")


def test_a_batch_costs_what_its_lines_cost() -> None:
    clock = Clock()
    admission = Admission(Settings(requests_per_minute_address=60), clock)
    asked = request("192.0.2.1")
    admission.admit(asked)
    admission.charge(asked, 29)
    assert not admitted(admission, "192.0.2.1")
    clock.now = 20.9
    assert not admitted(admission, "192.0.2.1")
    clock.now = 21.1
    assert admitted(admission, "192.0.2.1")


def test_lines_of_a_batch_are_charged_over_http(index: Index, serve: Serve) -> None:
    with (
        serve(stopped_app(index, Settings(requests_per_minute_address=60))) as url,
        httpx.Client(base_url=url, timeout=HANG_SECONDS) as http,
    ):
        body = b'{"id": 1, "text": ""}\n' * 40
        assert http.post("/v1/membership/batch", content=body, headers={"Content-Type": "application/x-ndjson"}).status_code == 200
        refused = http.get("/v1/index")
        assert refused.status_code == 429 and int(refused.headers["retry-after"]) > 20


def test_forwarded_addresses_are_believed_of_trusted_proxies_alone(index: Index, serve: Serve) -> None:
    from search_api.server import server

    for proxies, statuses in (((), [200, 200, 429]), (("127.0.0.1",), [200, 200, 200])):
        settings = Settings(port=0, requests_per_minute_address=12, trusted_proxies=proxies)
        config = server(create_app(index, settings), settings, log_config=None).config
        with serve(stopped_app(index, settings), settings) as url:  # type: ignore[call-arg]
            said = [
                httpx.get(f"{url}/v1/index", headers={"X-Forwarded-For": f"192.0.2.{n}"}, timeout=HANG_SECONDS).status_code
                for n in range(3)
            ]
        assert said == statuses and config.proxy_headers is bool(proxies)


def test_pages_of_other_origins_may_send_keys_and_ranges_where_allowed(index: Index, serve: Serve) -> None:
    asked = {
        "Origin": "https://example.org",
        "Access-Control-Request-Method": "GET",
        "Access-Control-Request-Headers": "authorization, range",
    }
    with serve(create_app(index, Settings(cors_origins=("https://example.org",), require_key=True))) as url:
        assert httpx.options(f"{url}/v1/filter", headers=asked, timeout=HANG_SECONDS).status_code == 200
        refused = httpx.get(f"{url}/v1/index", headers={"Origin": "https://example.org"}, timeout=HANG_SECONDS)
        assert refused.status_code == 401 and refused.headers["access-control-allow-origin"] == "https://example.org"
        assert "etag" in refused.headers["access-control-expose-headers"].lower()


def test_the_commands_make_list_and_revoke(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import wherefrom

    def run(*arguments: str) -> tuple[int, str]:
        with pytest.raises(SystemExit) as ended:
            wherefrom.main(["keys", *arguments, "--file", str(file)])
        return int(str(ended.value.code or 0)), capsys.readouterr().out

    code, text = run("create", "ci \x1b[31m", "--requests-per-minute", "60")
    assert code == 0 and keys.find(keys.read(file), text.strip())
    made = json.loads(run("create", "two", "--json")[1])
    assert keys.find(keys.read(file), made["key"]) and "sha256" not in made
    listed = run("list")[1]
    assert made["id"] in listed and "60 a minute" in listed and "\x1b" not in listed and made["key"] not in listed
    assert [each["name"] for each in json.loads(run("list", "--json")[1])] == ["ci \x1b[31m", "two"]
    assert run("revoke", made["id"])[0] == 0 and keys.find(keys.read(file), made["key"]) is None
    assert run("revoke", made["id"])[0] == 2
