"""Published Data Portraits clients get what they expect, without the faults of the reference server."""

from __future__ import annotations

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.answers import Extent
from search_api.compat import disjoint


def utf16(text: str, start: int, end: int) -> str:
    return text.encode("utf-16-le")[2 * start : 2 * end].decode("utf-16-le")


def test_overlap_spans_are_utf16_sorted_and_disjoint(http: httpx.Client, function_text: str, fresh_text: str) -> None:
    text = f"s = '\U0001f600\U0001f600'\r\n{function_text}{fresh_text}\U0001f600\n{function_text}".replace("\n", "\r\n")
    answer = http.post("/overlap", json={"document": text, "extra": 1}).raise_for_status().json()
    assert set(answer) == {"spans", "segments", "raw_segments"}
    ends = [place for span in answer["spans"] for place in span]
    assert len(answer["spans"]) >= 2 and ends == sorted(ends)
    assert [utf16(text, *span) for span in answer["spans"]] == answer["raw_segments"]
    assert [" ".join(raw.split()) for raw in answer["raw_segments"]] == answer["segments"]
    assert all("zebra_10" not in raw for raw in answer["raw_segments"]), "no chain walks past a miss"


@pytest.mark.parametrize("document", ["", " ", "x", "\t\n", "import os\n", "\0"])
def test_overlap_of_short_text_is_empty_and_200(http: httpx.Client, document: str) -> None:
    response = http.post("/overlap", json={"document": document})
    assert (response.status_code, response.json()) == (200, {"spans": [], "segments": [], "raw_segments": []})


def test_overlap_reads_what_the_editor_plugin_sends(http: httpx.Client, function_text: str) -> None:
    window = function_text[117:617]  # 250 characters each side of a cursor, mid-token at both ends
    answer = http.post("/overlap", json={"document": window}, headers={"Content-Type": "application/json"}).raise_for_status().json()
    assert all(0 <= start < end <= len(window) for start, end in answer["spans"])


@pytest.mark.parametrize("body", [{}, {"document": 1}, {"document": None}, [], "text"])
def test_overlap_without_a_document_is_422(http: httpx.Client, body: object) -> None:
    response = http.post("/overlap", json=body)
    assert (response.status_code, response.headers["content-type"]) == (422, "application/problem+json")


def test_q_by_get_and_post(http: httpx.Client, function_text: str, fresh_text: str) -> None:
    text = function_text + fresh_text
    answer = http.post("/q", json={"document": text, "seq_id": {"any": [1]}}).raise_for_status().json()
    fields = "idx doc segments is_member chains chain_idxs longest_chain expected_longest badness width seq_id"
    assert " ".join(answer) == fields
    assert (answer["idx"], answer["doc"], answer["segments"], answer["seq_id"]) == (0, text, None, {"any": [1]})
    assert len(answer["is_member"]) == len(text) - answer["width"] + 1
    assert any(answer["is_member"]) and not answer["is_member"][-1]
    assert answer["longest_chain"] == len(answer["chain_idxs"][0]) > 0
    for chain, places in zip(answer["chains"], answer["chain_idxs"], strict=True):
        assert chain == [text[place : place + answer["width"]] for place in places]
        assert all(answer["is_member"][place] for place in places)
    by_query = http.get("/q", params={"document": text[:500], "seq_id": "7"}).raise_for_status().json()
    by_body = http.request("GET", "/q", json={"document": text[:500], "seq_id": "7"}).raise_for_status().json()
    assert by_query == by_body and by_query["seq_id"] == "7"
    assert http.get("/q").status_code == 422


def test_quip_reports_each_document(http: httpx.Client, function_text: str, fresh_text: str) -> None:
    body = {"documents": [function_text, "short", fresh_text], "format_quotes": True}
    quoted, short, fresh = http.post("/quip", json=body).raise_for_status().json()
    assert quoted["quip_report"]["quip_25_beta"] > 0.8 and "[" in quoted["quote_text"]
    assert short["quip_report"] == {"too_short": True, "numerator": 0, "denominator": 0, "quip_25_beta": None}
    assert fresh["quip_report"]["numerator"] == 0 and fresh["quote_text"] == fresh_text
    assert http.post("/quip", json={"documents": ["x" * 150_000] * 2}).status_code == 413


@given(st.lists(st.tuples(st.integers(0, 200), st.integers(0, 200))))
def test_disjoint_keeps_exactly_the_covered_places(pairs: list[tuple[int, int]]) -> None:
    spans = disjoint(Extent(start, end) for start, end in pairs)
    ends = [place for span in spans for place in span]
    assert ends == sorted(ends) and all(start < end for start, end in spans)
    assert {place for span in spans for place in range(*span)} == {place for pair in pairs for place in range(*pair)}
