"""Are Gradio's own routes under the server's limits, and is nobody's code kept?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.limits import HANG_SECONDS


@pytest.fixture
def http(served: Any) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=served.url, timeout=HANG_SECONDS) as client:
        yield client


@pytest.fixture
def trace_event(http: httpx.Client) -> int:
    """The number of the event behind the Trace button."""
    config = http.get("/config").json()
    (button,) = (each["id"] for each in config["components"] if each["props"].get("elem_id") == "wf-trace")
    (event,) = (each["id"] for each in config["dependencies"] if [button, "click"] in each["targets"])
    return int(event)


def ask(http: httpx.Client, event: int, body: str) -> httpx.Response:
    content = f'{{"data": [{body}], "fn_index": {event}, "session_hash": "t"}}'
    return http.post("/gradio_api/run/predict", content=content, headers={"Content-Type": "application/json"})


def test_an_upload_is_refused_and_leaves_nothing(http: httpx.Client, served: Any) -> None:
    answer = http.post("/gradio_api/upload", files={"files": ("code.py", b"a marker that was uploaded")})
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert not any(b"a marker that was uploaded" in file.read_bytes() for file in served.temporary.rglob("*") if file.is_file())


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/gradio_api/deep_link?session_hash=x"),
        ("GET", "/gradio_api/file=/etc/hostname"),
        ("GET", "/gradio_api/proxy=https://example.org/"),
        ("GET", "/gradio_api/runs"),
        ("GET", "/gradio_api/queue/data?session_hash=x"),
        ("GET", "/gradio_api/info"),
        ("GET", "/gradio_api/openapi.json"),
        ("GET", "/monitoring"),
        ("GET", "/svelte/svelte.js"),
        ("POST", "/gradio_api/queue/join"),
        ("POST", "/gradio_api/call/trace"),
        ("POST", "/gradio_api/run-history/connect"),
        ("POST", "/gradio_api/process_recording"),
        ("POST", "/gradio_api/component_server"),
        ("POST", "/login"),
        ("DELETE", "/"),
    ],
)
def test_routes_that_the_page_does_not_need_do_not_exist(http: httpx.Client, method: str, path: str) -> None:
    answer = http.request(method, path, json={} if method == "POST" else None)
    assert answer.status_code == 404
    assert answer.json()["type"] == "/problems/not-found"


def test_a_body_over_the_limit_is_413(http: httpx.Client, trace_event: int) -> None:
    answer = ask(http, trace_event, '"' + "x = 1 " * 200_000 + '"')
    assert answer.status_code == 413
    assert answer.json()["type"] == "/problems/too-large"


def test_the_page_may_speak_to_this_server_only(http: httpx.Client) -> None:
    policy = http.get("/").headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "http" not in policy


def test_telemetry_history_and_sharing_are_off(http: httpx.Client) -> None:
    config = http.get("/config").json()
    assert config["analytics_enabled"] is False
    assert config["run_history"] is False
    assert config["connect_heartbeat"] is False
    assert config["footer_links"] == []
    assert not config["mcp_server"]
    assert {each["api_visibility"] for each in config["dependencies"]} == {"private"}
    assert {each["queue"] for each in config["dependencies"]} == {False}


def test_the_api_stands_beside_the_page(http: httpx.Client) -> None:
    assert http.get("/v1/index").json()["name"] == "page-test"
    assert http.get("/v1/nothing").status_code == 404
    assert http.get("/overlap").status_code == 405
    assert "<gradio-app" in http.get("/").text
    assert http.head("/").status_code == 200


@pytest.mark.parametrize("body", ['"\\ud800 = \\udfff\\u0000"', "null", '""'])
def test_strange_texts_are_answered(http: httpx.Client, trace_event: int, body: str) -> None:
    answer = ask(http, trace_event, body)
    assert answer.status_code == 200
    assert "wf-status" in answer.json()["data"][0]


@pytest.mark.parametrize(
    "body",
    [
        '{"data": ["MARK"], "fn_index": 99}',
        '{"data": ["MARK", "MARK"], "fn_index": EVENT}',
        '{"data": [], "fn_index": EVENT}',
        '{"data": "MARK", "fn_index": EVENT}',
        '{"data": [{"path": "MARK", "meta": {"_type": "gradio.FileData"}}], "fn_index": EVENT}',
        '{"data": ["MARK"], "fn_index": EVENT, "batched": true}',
        '{"data": ["MARK"], "fn_index": true}',
        '{"data": ["MARK"',
        '["MARK"]',
        "[" * 100_000,
    ],
)
def test_what_the_page_would_not_ask_is_refused_without_a_trace(http: httpx.Client, trace_event: int, served: Any, body: str) -> None:
    marker = "wombat_in_a_malformed_request"
    content = body.replace("MARK", marker).replace("EVENT", str(trace_event))
    answer = http.post("/gradio_api/run/predict", content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422
    assert answer.json()["type"] == "/problems/invalid-request"
    log = served.output.with_suffix(".err").read_text()
    assert marker not in log + answer.text
    assert "Traceback" not in log


def test_nobodys_code_is_logged_or_left_on_disk(http: httpx.Client, trace_event: int, served: Any) -> None:
    marker = "quokka_that_nobody_should_find"
    assert ask(http, trace_event, f'"{marker} = 1; {"a + b + c + " * 20} 1"').status_code == 200
    http.get("/v1/search", params={"q": marker})
    written = [file for file in (*served.output.parent.rglob("*"),) if file.is_file()]
    assert served.output in written
    assert [file.name for file in written if marker.encode() in file.read_bytes()] == []
