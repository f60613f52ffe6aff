"""Many texts in one request: answers in order, a problem where a line is bad, a last line that counts."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager

import httpx
import pytest
from fastapi import FastAPI

from indexer.answers import to_json
from indexer.index import Index
from search_api.app import create_app
from search_api.settings import Settings
from tests.limits import HANG_SECONDS

Serve = Callable[[FastAPI], AbstractContextManager[str]]
LINES = {"Content-Type": "application/x-ndjson"}


def ask(http: httpx.Client, path: str, lines: list[object]) -> list[dict]:
    """The lines of the answer; a line that is bytes is sent as it is."""
    body = b"\n".join(line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines)
    response = http.post(path, content=body, headers=LINES)
    assert (response.status_code, response.headers["content-type"]) == (200, "application/x-ndjson"), response.text
    assert response.content.endswith(b"\n")
    return [json.loads(line) for line in response.content.splitlines()]


def test_lines_are_answered_as_single_questions_are(http: httpx.Client, index: Index, function_text: str, fresh_text: str) -> None:
    texts = [function_text, fresh_text, "", "\ud83d", function_text.replace("\n", "\r\n")] * 20
    asked = [{"id": number, "text": text, "offset_unit": "utf-16"} for number, text in enumerate(texts)]
    *answers, end = ask(http, "/v1/membership/batch", asked)
    assert answers == [{"id": number, **to_json(index.membership(text, offset_unit="utf-16"))} for number, text in enumerate(texts)]
    assert end == {"end": True, "received": 100, "answered": 100}
    *answers, end = ask(http, "/v1/attribution/batch", [{**line, "limit": 2} for line in asked[:10]])
    expected = [index.attribute(text, offset_unit="utf-16", limit=2) for text in texts[:10]]
    assert answers == [{"id": number, **to_json(answer)} for number, answer in enumerate(expected)]
    assert end == {"end": True, "received": 10, "answered": 10}


@pytest.mark.parametrize("path", ["/v1/membership/batch", "/v1/attribution/batch"])
def test_a_bad_line_has_its_own_problem_and_the_rest_go_on(http: httpx.Client, function_text: str, path: str) -> None:
    bad = [
        (b"{broken", None, "not-json", None), (b'{"id": "u", "text": "\xff"}', None, "not-utf-8", None),
        (b"[]", None, "invalid-request", "line"), ({"id": "n", "text": 5}, "n", "invalid-request", "text"),
        ({"text": "a"}, None, "invalid-request", "id"), ({"id": {"a": 1}, "text": "a"}, None, "invalid-request", "id"),
        ({"id": True, "text": "a"}, None, "invalid-request", "id"), ({"id": 7, "text": "a", "txet": ""}, 7, "invalid-request", "txet"),
    ]  # fmt: skip
    lines = [line for broken, *_ in bad for line in (broken, b"  ", {"id": "good", "text": function_text})]
    *answers, end = ask(http, path, lines)
    assert end == {"end": True, "received": 2 * len(bad), "answered": len(bad)}
    assert all(answer["id"] == "good" and answer["status"] == "found" for answer in answers[1::2])
    for number, (answer, (_, name, kind, field)) in enumerate(zip(answers[::2], bad, strict=True)):
        assert (answer["id"], answer["line"], answer["problem"]["type"]) == (name, 3 * number + 1, f"/problems/{kind}")
        assert "status" not in answer and (not field or field in answer["problem"]["errors"][0]["field"])


def test_an_empty_batch_is_answered_with_its_end(http: httpx.Client) -> None:
    assert ask(http, "/v1/membership/batch", [b"", b"\r"]) == [{"end": True, "received": 0, "answered": 0}]


def test_too_many_lines_and_wrong_media_types_are_problems_of_the_request(index: Index, serve: Serve) -> None:
    with serve(create_app(index, Settings(max_batch_lines=3))) as url, httpx.Client(base_url=url, timeout=HANG_SECONDS) as http:
        line = b'{"id": 1, "text": ""}\n'
        assert len(ask(http, "/v1/membership/batch", [line] * 3)) == 4
        for content, headers, status in (
            (line * 4, LINES, 413), (line, {"Content-Type": "application/json"}, 415), (line, {**LINES, "Accept": "text/html"}, 406)
        ):  # fmt: skip
            response = http.post("/v1/membership/batch", content=content, headers=headers)
            assert (response.status_code, response.headers["content-type"]) == (status, "application/problem+json")


class Waiting:
    """An index whose attributions wait for the test, and which fails for the text "fault"."""

    def __init__(self, index: Index) -> None:
        self.location, self.info = index.location, index.info
        self.membership, self.refresh, self.is_instant = index.membership, index.refresh, True
        self._index = index
        self.begun, self.gate = threading.Semaphore(0), threading.Event()

    def attribute(self, text: str, **options: object) -> object:
        if text == "fault":
            raise ValueError("secret_marker")
        self.begun.release()
        assert self.gate.wait(HANG_SECONDS)
        return self._index.attribute(text, **options)  # type: ignore[arg-type]


def test_answers_travel_before_the_last_is_known(index: Index, serve: Serve) -> None:
    waiting = Waiting(index)
    app = create_app(waiting, Settings(concurrency=1))  # type: ignore[arg-type]
    with serve(app) as url, httpx.Client(base_url=url, timeout=HANG_SECONDS) as http:
        body = b'{"id": 1, "text": 5}\n{"id": 2, "text": "x"}\n{"id": 3, "text": "y"}'
        with http.stream("POST", "/v1/attribution/batch", content=body, headers=LINES) as response:
            lines = response.iter_lines()
            assert json.loads(next(lines))["problem"]["status"] == 422
            waiting.gate.set()
            rest = [json.loads(line) for line in lines]
    assert [line.get("status") for line in rest] == ["too_short", "too_short", None]
    assert rest[-1] == {"end": True, "received": 3, "answered": 2}


def test_lines_that_are_late_say_so(index: Index, serve: Serve) -> None:
    waiting = Waiting(index)
    app = create_app(waiting, Settings(concurrency=1, batch_timeout_ms=200))  # type: ignore[arg-type]
    with serve(app) as url, httpx.Client(base_url=url, timeout=HANG_SECONDS) as http:
        *late, end = ask(http, "/v1/attribution/batch", [{"id": 1, "text": "x"}, {"id": 2, "text": "y"}])
        waiting.gate.set()
    assert [line["problem"]["status"] for line in late] == [504, 504]
    assert end == {"end": True, "received": 2, "answered": 0}


def test_a_fault_is_one_lines_problem_and_its_message_stays_inside(index: Index, serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    waiting = Waiting(index)
    waiting.gate.set()
    with serve(create_app(waiting, Settings())) as url, httpx.Client(base_url=url, timeout=HANG_SECONDS) as http:  # type: ignore[arg-type]
        fault, good, end = ask(http, "/v1/attribution/batch", [{"id": 1, "text": "fault"}, {"id": 2, "text": "x"}])
    assert fault["problem"]["type"] == "/problems/internal" and good["status"] == "too_short"
    assert end["answered"] == 1 and "secret_marker" not in caplog.text + str(fault)


def test_more_batches_than_places_are_429_and_a_batch_that_is_left_gives_its_place_back(index: Index, serve: Serve) -> None:
    waiting = Waiting(index)
    with serve(create_app(waiting, Settings(concurrency=1))) as url, httpx.Client(base_url=url, timeout=HANG_SECONDS) as http:  # type: ignore[arg-type]
        body = b'{"id": 1, "text": 5}\n{"id": 2, "text": "x"}\n'
        with http.stream("POST", "/v1/attribution/batch", content=body, headers=LINES) as response:
            lines = response.iter_lines()
            assert json.loads(next(lines))["id"] == 1
            refused = http.post("/v1/membership/batch", content=b"", headers=LINES)
            assert refused.status_code == 429 and int(refused.headers["retry-after"]) >= 1
            assert http.post("/v1/membership", json={"text": ""}).status_code == 200
        waiting.gate.set()
        deadline = time.monotonic() + HANG_SECONDS
        while (last := http.post("/v1/membership/batch", content=b"", headers=LINES).status_code) == 429 and time.monotonic() < deadline:
            time.sleep(0.01)  # the server hears of the disconnection when it sends next
        assert last == 200


def test_a_cut_off_answer_is_an_error_of_the_client() -> None:
    from indexer.answers import Membership
    from search_api.batch_exchange import batches

    (asked,) = batches(Membership, "/v1/membership/batch", ["a"], {"offset_unit": "utf-8"}, "http://x")
    for body in (b"", b'{"id": 0}\n', b'{"end": true, "received": 1, "answered": 1}\n', b'{"id": 0}\n{"end": tr', b"[]"):
        with pytest.raises(ValueError):
            asked.read(body)


def test_the_client_splits_many_texts_into_bounded_requests() -> None:
    from indexer.answers import Membership
    from search_api.batch_exchange import batches

    texts = ["x" * 700_000] * 5 + ["y"] * 450
    asked = list(batches(Membership, "/p", texts, {"offset_unit": "utf-8"}, "http://x"))
    counts = [len((one.content or b"").splitlines()) for one in asked]
    assert sum(counts) == 455 and max(counts) <= 200 and all(len(one.content or b"") < 2_200_000 for one in asked)
