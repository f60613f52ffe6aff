"""What the corpus holds, page by page; answers that can be kept; the filter's file in pieces; schemas that validate."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import httpx
import jsonschema
import pytest
from fastapi import FastAPI

from indexer.answers import to_json
from indexer.bloom.portable import PortableFilter
from indexer.index import Index
from indexer.licences.legal import Legal
from search_api.app import create_app
from search_api.client import Client
from search_api.sending import accepts_gzip, matches
from search_api.settings import Settings
from tests.limits import HANG_SECONDS


def test_files_of_a_repository_are_listed_page_by_page(http: httpx.Client, client: Client, index: Index, corpus) -> None:
    paths: list[str] = []
    cursor, total = None, 0
    while cursor or not paths:
        page = http.get("/v1/files", params={"repository": "PyPI/click", "limit": 5, **({"cursor": cursor} if cursor else {})}).json()
        paths += [file["path"] for file in page["files"]]
        cursor, total = page["cursor"], page["total"]
    assert sorted(paths) == sorted(path for repository, path in corpus.contents if repository == "pypi/click") and total == len(paths)
    first = client.files("pypi/click", limit=1)
    assert first == index.files("pypi/click", limit=1)
    assert index.document(first.files[0].document_id).content_id == first.files[0].content_id
    assert http.get("/v1/files", params={"repository": "no/such"}).json()["files"] == []
    assert http.get("/v1/files", params={"repository": "pypi/rich", "cursor": first.cursor}).status_code == 422


def test_a_repository_is_given_with_the_texts_that_must_go_with_its_code(http: httpx.Client, client: Client, index: Index) -> None:
    texts = client.legal("PyPI/Click")
    assert texts == index.legal("pypi/click") and "Redistribution and use" in texts.license_texts[0].text
    assert http.get("/v1/legal", params={"repository": "no/such"}).json() == to_json(Legal())
    assert [http.get(f"/v1/legal{query}").status_code for query in ("", "?repository=pypi/click&of=x")] == [422] * 2


@pytest.mark.parametrize(
    "path", ["/v1/files?repository=pypi/click&version=", "/v1/legal?repository=pypi/click&version=", "/v1/repositories?version="]
)
def test_another_version_is_404_and_the_right_one_is_answered(http: httpx.Client, path: str) -> None:
    refused = http.get(path + "9.9")
    assert (refused.status_code, refused.json()["type"]) == (404, "/problems/version-not-found") and "1.0" in refused.json()["detail"]
    assert http.get(path + "1.0").status_code == 200


def test_what_has_not_changed_is_304(http: httpx.Client, corpus) -> None:
    document_id = corpus.document_id("pypi/rich", "rich/text.py")
    for path in (
        "/v1/index",
        f"/v1/documents/{document_id}",
        "/v1/files?repository=pypi/rich",
        "/v1/repositories",
        "/v1/legal?repository=pypi/rich",
        "/v1/schemas/Attribution",
    ):
        first = http.get(path).raise_for_status()
        assert first.headers["cache-control"] == "no-cache"
        again = http.get(path, headers={"If-None-Match": f'"other", {first.headers["etag"]}'})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
        assert http.get(path, headers={"If-None-Match": '"other"'}).status_code == 200


@pytest.mark.parametrize(
    ("header", "taken"),
    [
        ("gzip", True), ("br, gzip;q=0.5", True), ("*", True), ("*;q=0", False), ("gzip;q=0", False), ("gzip; q=0.00", False),
        ("", False), ("br", False),
    ],
)  # fmt: skip
def test_gzip_is_sent_to_whom_takes_it(http: httpx.Client, corpus, header: str, taken: bool) -> None:
    assert accepts_gzip(header) is taken
    path = f"/v1/documents/{corpus.document_id('pypi/rich', 'rich/text.py')}"
    with http.stream("GET", path, headers={"Accept-Encoding": header}) as response:
        raw = b"".join(response.iter_raw())
    assert (response.headers.get("content-encoding") == "gzip") is taken
    assert (response.headers["vary"], int(response.headers["content-length"])) == ("Accept-Encoding", len(raw))
    assert (gzip.decompress(raw) if taken else raw) == http.get(path).content


def test_etags_are_compared_weakly() -> None:
    assert matches('W/"a"', '"a"') and matches("*", '"a"') and matches('"b" , "a"', 'W/"a"')
    assert not matches("", '"a"') and not matches('"ab"', '"a"')


def test_the_filter_is_served_whole_in_pieces_and_not_again(http: httpx.Client, index: Index, tmp_path: Path, function_text: str) -> None:
    whole = http.get("/v1/filter").raise_for_status()
    tag = whole.headers["etag"]
    assert not tag.startswith("W/") and int(whole.headers["content-length"]) == len(whole.content)
    (tmp_path / "corpus.filter").write_bytes(whole.content)
    with PortableFilter.open(tmp_path / "corpus.filter") as portable:
        assert portable.verify() == [] and portable.membership(function_text) == index.membership(function_text)
    for asked, begin, end in (
        ("bytes=0-99", 0, 100),
        ("bytes=4096-", 4096, None),
        ("bytes=-10", -10, None),
        ("bytes=5-9999999999", 5, None),
    ):
        piece = http.get("/v1/filter", headers={"Range": asked, "If-Range": tag})
        assert (piece.status_code, piece.content, piece.headers["etag"]) == (206, whole.content[begin:end], tag)
    for headers in (
        {"Range": "bytes=0-9", "If-Range": '"old"'},
        {"Range": "lines=1-2"},
        {"Range": "bytes=9-1"},
        {"Range": "bytes=0-1,5-6"},
    ):
        assert http.get("/v1/filter", headers=headers).status_code == 200
    past = http.get("/v1/filter", headers={"Range": f"bytes={len(whole.content)}-"})
    assert (past.status_code, past.json()["type"]) == (416, "/problems/range-not-satisfiable")
    assert past.headers["content-range"] == f"bytes */{len(whole.content)}"
    assert http.get("/v1/filter", headers={"If-None-Match": tag}).status_code == 304
    head = http.head("/v1/filter")
    assert (head.status_code, head.content, head.headers["content-length"], head.headers["etag"]) == (
        200,
        b"",
        str(len(whole.content)),
        tag,
    )


def test_the_filters_file_follows_the_index_and_goes_with_the_server(
    location: str, serve: Callable[[FastAPI], AbstractContextManager[str]], tmp_path: Path
) -> None:
    from shutil import copytree

    from indexer.stores.local.removal import remove

    folder = tmp_path / "i.index"
    copytree(location, folder)
    settings = Settings(filter_folder=str(tmp_path / "filters"), refresh_seconds=0)
    with serve(create_app(str(folder), settings)) as url:
        first = httpx.get(f"{url}/v1/filter", timeout=HANG_SECONDS).raise_for_status()
        assert len(list((tmp_path / "filters").rglob("*.filter"))) == 1
        remove(folder, owners=["rich"])
        assert httpx.get(f"{url}/v1/index", timeout=HANG_SECONDS).json()["generation"] == 2
        second = httpx.get(f"{url}/v1/filter", headers={"If-None-Match": first.headers["etag"]}, timeout=HANG_SECONDS)
        assert second.status_code == 200 and second.headers["etag"] != first.headers["etag"]
    assert list((tmp_path / "filters").iterdir()) == []


def test_answers_are_what_the_published_schemas_say(http: httpx.Client, index: Index, function_text: str, corpus) -> None:
    listed = http.get("/v1/schemas").raise_for_status().json()["schemas"]
    schemas = {name: http.get(path).raise_for_status().json() for name, path in listed.items()}
    for name, schema in schemas.items():
        jsonschema.Draft202012Validator.check_schema(schema)
        assert schema["$id"] == f"/v1/schemas/{name}"
    answers = {
        "IndexInfo": index.info,
        "Membership": index.membership(function_text),
        "Attribution": index.attribute(function_text.replace("_Option", "_Choice")),
        "Document": index.document(corpus.document_id("pypi/rich", "rich/text.py")),
        "SearchPage": index.search("parser lang:Python"),
        "RepositoryPage": index.repositories(limit=2),
        "FilePage": index.files("pypi/rich", limit=2),
        "Legal": index.legal("pypi/rich"),
        "Candidates": index.candidates([1, 2, 3]),
    }
    for name, answer in answers.items():
        jsonschema.validate(to_json(answer), schemas[name])
    jsonschema.validate(http.get("/nope").json(), schemas["ProblemDocument"])
    assert http.get("/v1/schemas/nope").status_code == 404
