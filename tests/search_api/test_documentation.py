"""Every route, field and setting is documented, and the document is a valid one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from search_api.settings import Settings
from tests.limits import HANG_SECONDS

ROUTES = {
    "/v1/membership": {"post"}, "/v1/attribution": {"post"}, "/v1/search": {"get", "post"}, "/v1/documents/{document_id}": {"get"},
    "/documents/{document_id}": {"get"}, "/v1/repositories": {"get"}, "/v1/index": {"get"}, "/overlap": {"post"}, "/q": {"get", "post"},
    "/quip": {"post"}, "/healthz": {"get"}, "/readyz": {"get"}, "/metrics": {"get"}, "/docs": {"get"}, "/problems": {"get"},
    "/problems/{name}": {"get"}, "/v1/membership/batch": {"post"}, "/v1/attribution/batch": {"post"}, "/v1/files": {"get"},
    "/v1/attribution/fingerprints": {"post"}, "/v1/filter": {"get"}, "/v1/schemas": {"get"}, "/v1/schemas/{name}": {"get"},
    "/v1/legal": {"get"},
}  # fmt: skip


@pytest.fixture(scope="module")
def api(url: str) -> dict[str, Any]:
    return httpx.get(f"{url}/openapi.json", timeout=HANG_SECONDS).raise_for_status().json()  # type: ignore[no-any-return]


def operations(api: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in api["paths"].items():
        for method, operation in methods.items():
            yield f"{method} {path}", operation


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for item in node.values():
            yield from references(item)
    elif isinstance(node, list):
        for item in node:
            yield from references(item)


def body_of(operation: dict[str, Any], schemas: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Media type and schema of a body; of a batch: the schema of a line."""
    ((media_type, content),) = operation["requestBody"]["content"].items()
    schema = content["schema"]
    return media_type, schemas[schema.get("x-line-schema", schema)["$ref"].rpartition("/")[2]]


def test_the_routes_are_those_of_the_contract(api: dict[str, Any]) -> None:
    assert {path: set(methods) for path, methods in api["paths"].items()} == ROUTES


def test_every_route_is_described_and_has_an_example(api: dict[str, Any]) -> None:
    schemas = api["components"]["schemas"]
    for name, operation in operations(api):
        assert operation.get("description"), name
        for parameter in operation.get("parameters", ()):
            assert parameter.get("description"), f"{name} {parameter['name']}"
            assert parameter["schema"].get("examples"), f"{name} {parameter['name']}"
        if "requestBody" in operation:
            assert body_of(operation, schemas)[1]["examples"], name


def test_every_field_is_described_and_has_an_example(api: dict[str, Any]) -> None:
    for name, schema in api["components"]["schemas"].items():
        for field, described in schema.get("properties", {}).items():
            assert "$ref" in described or (described.get("description") and "examples" in described), f"{name}.{field}"


def test_every_reference_leads_somewhere_and_every_schema_is_used(api: dict[str, Any]) -> None:
    schemas = api["components"]["schemas"]
    named = {reference.removeprefix("#/components/schemas/") for reference in references(api)}
    assert named == set(schemas)


def test_operation_ids_are_unique(api: dict[str, Any]) -> None:
    ids = [operation["operationId"] for _, operation in operations(api)]
    assert len(ids) == len(set(ids))


def test_the_examples_of_the_bodies_are_answered(api: dict[str, Any], http: httpx.Client) -> None:
    schemas = api["components"]["schemas"]
    for path, methods in api["paths"].items():
        if "post" in methods:
            media_type, schema = body_of(methods["post"], schemas)
            for example in schema["examples"]:
                response = http.post(path, content=json.dumps(example), headers={"Content-Type": media_type})
                assert response.status_code == 200 and b'"problem"' not in response.content, path


def test_docs_page_shows_every_route_and_asks_no_other_host(http: httpx.Client, api: dict[str, Any]) -> None:
    page = http.get("/docs").raise_for_status()
    assert all(f"{name.partition(' ')[0].upper()} {name.partition(' ')[2]}" in page.text for name, _ in operations(api))
    assert "src=" not in page.text and "default-src 'none'" in page.headers["content-security-policy"]


def test_every_setting_is_described_and_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert all(field.description for field in Settings.model_fields.values())
    monkeypatch.setenv("WHEREFROM_MAX_BODY_BYTES", "2048")
    monkeypatch.setenv("WHEREFROM_CORS_ORIGINS", '["https://example.org"]')
    settings = Settings()
    assert (settings.max_body_bytes, settings.cors_origins) == (2048, ("https://example.org",))
    assert Settings(max_body_bytes=4096).max_body_bytes == 4096


def test_other_origins_are_refused_unless_set(index, serve, http: httpx.Client) -> None:
    from search_api.app import create_app

    origin = {"Origin": "https://example.org"}
    assert "access-control-allow-origin" not in http.get("/v1/index", headers=origin).headers
    with serve(create_app(index, Settings(cors_origins=("https://example.org",)))) as url:
        for path in ("/v1/index", "/nope"):
            assert (
                httpx.get(url + path, headers=origin, timeout=HANG_SECONDS).headers["access-control-allow-origin"] == "https://example.org"
            )
