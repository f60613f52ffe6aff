"""The /v1 routes answer what the index answers."""

from __future__ import annotations

import dataclasses
import json

import httpx
import pytest

from indexer import answers
from indexer.answers import to_json
from indexer.index import Index
from search_api import corpus_schemas, questions, schemas

MIRRORED = {
    **dict.fromkeys(("IndexInfo", "Partial", "Extent", "Membership", "Span", "Match", "Source", "Attribution"), schemas),
    **dict.fromkeys(
        ("Document", "Snippet", "Copy", "Hit", "HitGroup", "FacetCount", "SearchPage", "Repository", "RepositoryPage"), corpus_schemas
    ),
    **dict.fromkeys(("File", "FilePage", "Candidate", "Candidates"), corpus_schemas),
    "Exclusion": questions,
}


@pytest.mark.parametrize("name", MIRRORED)
def test_schema_has_the_fields_of_the_value_type_in_order(name: str) -> None:
    value_type, model = getattr(answers, name), getattr(MIRRORED[name], name)
    assert list(model.model_fields) == [field.name for field in dataclasses.fields(value_type)]


def test_every_value_type_but_verification_has_a_schema() -> None:
    value_types = {name for name, item in vars(answers).items() if dataclasses.is_dataclass(item)}
    assert value_types - {"Verification"} == set(MIRRORED)


@pytest.mark.parametrize("unit", ["utf-8", "utf-16", "utf-32"])
def test_attribution_finds_a_pasted_function_with_its_source(http: httpx.Client, index: Index, function_text: str, unit: str) -> None:
    answer = http.post("/v1/attribution", json={"text": "# \U0001f600\n" + function_text, "offset_unit": unit}).raise_for_status().json()
    assert answer == to_json(index.attribute("# \U0001f600\n" + function_text, offset_unit=unit))
    schemas.Attribution.model_validate(answer)
    assert (answer["status"], answer["offset_unit"]) == ("found", unit)
    best = answer["sources"][answer["spans"][0]["sources"][0]]
    assert (best["repository"], best["path"], best["licenses"]) == ("pypi/click", "click/parser.py", ["BSD-3-Clause"])


def test_attribution_of_fresh_code_is_none(http: httpx.Client, fresh_text: str) -> None:
    answer = http.post("/v1/attribution", json={"text": fresh_text}).raise_for_status().json()
    assert (answer["status"], answer["spans"], answer["sources"]) == ("none", [], [])


def test_short_text_is_too_short(http: httpx.Client) -> None:
    for route in ("/v1/attribution", "/v1/membership"):
        assert http.post(route, json={"text": "a b c"}).raise_for_status().json()["status"] == "too_short"
        assert http.post(route, json={"text": ""}).raise_for_status().json()["status"] == "too_short"


def test_membership_is_what_the_index_says(http: httpx.Client, index: Index, function_text: str) -> None:
    answer = http.post("/v1/membership", json={"text": function_text, "min_tokens": 60}).raise_for_status().json()
    assert answer == to_json(index.membership(function_text, min_tokens=60))
    assert answer["member"] is True
    schemas.Membership.model_validate(answer)


def test_limit_and_kinds_reach_the_engine(http: httpx.Client, index: Index, function_text: str) -> None:
    body = {"text": function_text, "limit": 1, "kinds": ["exact"], "sensitivity": 0.1}
    answer = http.post("/v1/attribution", json=body).raise_for_status().json()
    assert answer == to_json(index.attribute(function_text, limit=1, kinds=["exact"], sensitivity=0.1))
    assert len(answer["sources"]) <= 1


def test_use_and_project_license_are_answered_with_obligations_and_conflicts(http: httpx.Client, client, index: Index, corpus) -> None:
    text = corpus.contents["evil/<b>repo</b>", 'src/"><script>alert(1)</script>.js']
    body = {"text": text, "use": "distributed", "project_license": "Apache-2.0"}
    answer = http.post("/v1/attribution", json=body).raise_for_status().json()
    expected = index.attribute(text, use="distributed", project_license="Apache-2.0")
    assert answer == to_json(expected) and client.attribute(text, use="distributed", project_license="Apache-2.0") == expected
    assert any(sentence.startswith("GPL-3.0-only: ") for sentence in answer["obligations"])
    assert "does not go with Apache-2.0" in answer["obligations"][-1]
    assert index.attribute(text).obligations == ()
    for wrong in ({"use": "fun"}, {"project_license": "No Such Licence"}):
        assert http.post("/v1/attribution", json={"text": text, **wrong}).status_code == 422


def test_search_by_get_and_post_agree_and_page(http: httpx.Client) -> None:
    first = http.get("/v1/search", params={"q": "parser", "limit": 3, "repository": "pypi/click"}).raise_for_status().json()
    assert first == http.post("/v1/search", json={"q": "parser", "limit": 3, "repository": "pypi/click"}).raise_for_status().json()
    corpus_schemas.SearchPage.model_validate(first)
    assert len(first["hits"]) == 3 and {hit["repository"] for hit in first["hits"]} == {"pypi/click"}
    params = {"q": "parser", "limit": "3", "repository": "pypi/click", "cursor": first["cursor"]}
    second = http.get("/v1/search", params=params).raise_for_status().json()
    ids = [hit["document_id"] for hit in first["hits"] + second["hits"]]
    assert len(set(ids)) == len(ids) > 3


def test_document_is_the_stored_file(http: httpx.Client, corpus, index: Index) -> None:
    document_id = corpus.document_id("pypi/click", "click/parser.py")
    answer = http.get(f"/v1/documents/{document_id}").raise_for_status().json()
    assert answer == to_json(index.document(document_id))
    assert answer["content"] == corpus.contents["pypi/click", "click/parser.py"]
    corpus_schemas.Document.model_validate(answer)


def test_repositories_are_listed_by_owner_and_paged(http: httpx.Client) -> None:
    page = http.get("/v1/repositories", params={"limit": 2}).raise_for_status().json()
    corpus_schemas.RepositoryPage.model_validate(page)
    rest = http.get("/v1/repositories", params={"limit": 100, "cursor": page["cursor"]}).raise_for_status().json()
    names = [each["repository"] for each in page["repositories"] + rest["repositories"]]
    assert names == sorted(names) and {"pypi/click", "pypi/httpx", "pypi/rich"} < set(names)
    own = http.get("/v1/repositories", params={"owner": "rich"}).raise_for_status().json()
    assert [each["repository"] for each in own["repositories"]] == ["pypi/rich"]


def test_index_says_which_one_it_is(http: httpx.Client, index: Index) -> None:
    assert http.get("/v1/index").raise_for_status().json() == to_json(index.info)


@pytest.mark.parametrize("route", ["/v1/membership", "/v1/attribution", "/overlap"])
@pytest.mark.parametrize("escape", [r"\ud83d", r"\udc00\ud83d", r"\u0000", r"\ufeff\u200b"])
def test_lone_surrogates_and_nul_are_answered(http: httpx.Client, function_text: str, route: str, escape: str) -> None:
    text = json.dumps(function_text)[1:-1]
    field = "document" if route == "/overlap" else "text"
    body = f'{{"{field}": "{escape} = 1\\n{text} + {escape}"}}'.encode("ascii")
    response = http.post(route, content=body, headers={"Content-Type": "application/json"})
    assert response.status_code == 200
    response.content.decode("ascii")
    assert response.json()["spans"], "the function around it is still found"


def test_surrogates_in_a_search_are_answered(http: httpx.Client) -> None:
    response = http.post("/v1/search", content=rb'{"q": "parser \ud83d"}', headers={"Content-Type": "application/json"})
    assert response.status_code in (200, 422)
    response.content.decode("ascii")


def test_offsets_cut_the_same_text_in_every_unit(http: httpx.Client, function_text: str) -> None:
    text = "s = '\U0001f600\u00e9'\r\n" + function_text.replace("\n", "\r\n")
    cut = {}
    for unit, codec, width in (("utf-8", "utf-8", 1), ("utf-16", "utf-16-le", 2), ("utf-32", "utf-32-le", 4)):
        answer = http.post("/v1/attribution", json={"text": text, "offset_unit": unit}).raise_for_status().json()
        units = text.encode(codec)
        cut[unit] = [units[width * span["start"] : width * span["end"]].decode(codec) for span in answer["spans"]]
    assert cut["utf-8"] == cut["utf-16"] == cut["utf-32"] != []
