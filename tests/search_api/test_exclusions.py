"""What a question excludes is not there for it: no source, no copy, in no count, and it hides nobody else."""

from __future__ import annotations

from pathlib import Path

import httpx
import pyarrow as pa
import pytest

from indexer.answers import Exclusion, to_json
from indexer.build import build_index
from indexer.corpus import conform
from indexer.errors import InputError
from indexer.index import Index


def row(repository: str, path: str, content: str) -> dict[str, object]:
    return {"content": content, "repository": repository, "owner": repository.partition("/")[0], "path": path, "commit": "1"}


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Index:
    """Our file, forty forks of it, a fork elsewhere, and a library that a part of it was copied from."""
    body = "".join(f"value_{n} = compute_{n}(first_{n}, second_{n}) + offset[{n}]\n" for n in range(40))
    library = "".join(f"library_{n}(alpha_{n}) << beta_{n} % {n}\n" for n in range(8))
    rows = [row("Ours/app", "src/app.py", body + library)]
    rows += [row(f"ours/fork{n}", "src/app.py", body + library) for n in range(40)]
    rows += [row("other/app", "vendor/app.py", body + library), row("lib/lib", "lib/core.py", "import os\n" + library + "end = 1\n")]
    folder = tmp_path_factory.mktemp("copied") / "copied.index"
    build_index(folder, [conform(pa.RecordBatch.from_pylist(rows))], name="copied", version="1", date="2026-11-01", full_text=False)
    return Index.open(folder)


@pytest.fixture(scope="module")
def text(copied: Index) -> str:
    (file,) = copied.files("ours/app").files
    return copied.document(file.document_id).content


def places(answer) -> set[str]:
    return {place.repository for source in answer.sources for place in (source, *source.copies)}


def test_without_exclusions_our_own_code_is_what_is_found(copied: Index, text: str) -> None:
    assert "Ours/app" in places(copied.attribute(text)) and "lib/lib" not in places(copied.attribute(text))


def test_an_owner_is_excluded_with_all_forks_and_what_they_hid_comes_up(copied: Index, text: str) -> None:
    answer = copied.attribute(text, exclude=[Exclusion(owner="OURS")])
    assert {source.repository for source in answer.sources} == {"other/app"}
    assert {span.files for span in answer.spans} == {1}, "counts are those of the others"
    rest = copied.attribute(text, exclude=[Exclusion(owner="ours"), Exclusion(repository="Other/App")])
    assert places(rest) == {"lib/lib"} and rest.status == "found", "a source that ours explained away is found"
    everyone = [Exclusion(owner=name) for name in ("ours", "other", "lib")]
    assert copied.attribute(text, exclude=everyone).status == "none"


@pytest.mark.parametrize(
    ("exclusion", "left"),
    [
        (Exclusion(path="src"), {"other/app"}),
        (Exclusion(path="src/"), {"other/app"}),
        (Exclusion(path="src/app.py"), {"other/app"}),
        (Exclusion(owner="ours", path="src/app"), None),
        (Exclusion(owner="nobody"), None),
        (Exclusion(repository="other/app", path="src"), None),
    ],
)
def test_everything_that_an_exclusion_says_must_hold(copied: Index, text: str, exclusion: Exclusion, left: set[str] | None) -> None:
    answer = copied.attribute(text, exclude=[exclusion])
    assert answer == copied.attribute(text) if left is None else places(answer) == left


def test_a_content_is_excluded_wherever_it_stands(copied: Index, text: str) -> None:
    (file,) = copied.files("other/app").files
    answer = copied.attribute(text, exclude=[Exclusion(content_id=file.content_id)])
    assert places(answer) == {"lib/lib"}
    assert copied.attribute_many([text, text], exclude=[Exclusion(content_id=file.content_id)]) == [answer, answer]


def test_an_exclusion_that_names_nothing_is_refused(copied: Index, text: str, http: httpx.Client) -> None:
    with pytest.raises(InputError, match="names nothing"):
        copied.attribute(text, exclude=[Exclusion()])
    assert http.post("/v1/attribution", json={"text": "a", "exclude": [{}]}).status_code == 422


def test_the_api_and_the_client_take_exclusions(http: httpx.Client, client, index: Index, function_text: str) -> None:
    exclude = [Exclusion(repository="pypi/click", path="click/parser.py")]
    expected = index.attribute(function_text, exclude=exclude)
    assert all(source.path != "click/parser.py" for source in expected.sources)
    body = {"text": function_text, "exclude": [{"repository": "pypi/click", "path": "click/parser.py"}]}
    assert http.post("/v1/attribution", json=body).json() == to_json(expected)
    assert client.attribute(function_text, exclude=exclude) == expected
    assert client.attribute_many([function_text], exclude=exclude) == [expected]


def test_a_removed_document_stays_removed_beside_exclusions(tmp_path: Path, copied: Index, text: str) -> None:
    from shutil import copytree

    from indexer.stores.local.removal import remove

    folder = tmp_path / "fewer.index"
    copytree(copied.location, folder)
    remove(folder, owners=["other"])
    fewer = Index.open(folder)
    assert places(fewer.attribute(text, exclude=[Exclusion(owner="ours")])) == {"lib/lib"}
    assert fewer.files("other/app").files == ()
