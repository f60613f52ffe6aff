"""Pages of a search, in a folder and in a cluster: copies are one hit, and the next page goes on where the last ended, whatever changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import wherefrom
from indexer.answers import SearchPage
from indexer.corpus import conform
from indexer.errors import InputError
from indexer.index import Index

NAMED = {"name": "a", "version": "1", "date": "2024-06-07"}
COPIED = "def shared_word():\n    return 'the same everywhere'\n"


def _batches(rows: list[dict[str, Any]]) -> list[pa.RecordBatch]:
    return [conform(batch) for batch in pa.Table.from_pylist(rows).to_batches()]


def _row(number: int, times: int, repository: str = "r/own") -> dict[str, Any]:
    """A file in which the word stands so many times."""
    content = "needle " * times + " ".join(f"other_{number}_{i}" for i in range(40)) + "\n"
    return {"content": content, "repository": repository, "path": f"{number}.py"}


ROWS = [_row(number, 1 + number % 5, f"r/{'ab'[number % 2]}") for number in range(24)]
COPIES = [{"content": COPIED, "repository": f"copy/{i % 3}", "path": f"{i}/shared.py"} for i in range(70)]


@dataclass(frozen=True)
class Store:
    """An index that may change."""

    index: Any
    add: Callable[[list[dict[str, Any]]], None]
    remove: Callable[[str], None]


def _folder(tmp_path: Path) -> Store:
    from indexer.add import add_documents
    from indexer.build import build_index
    from indexer.stores.local.removal import remove

    place = tmp_path / "pages.index"
    build_index(place, _batches([*ROWS, *COPIES]), **NAMED)
    index = Index.open(place)
    return Store(index, lambda rows: add_documents(place, _batches(rows)), lambda name: remove(place, documents=[name]))


def _cluster(elasticsearch: str) -> Store:
    from indexer.add import add_documents
    from indexer.stores.elastic.removal import remove
    from indexer.stores.elastic.writer import build_cluster_index

    location = f"es+{elasticsearch}/pages"
    build_cluster_index(location, _batches([*ROWS, *COPIES]), **NAMED)
    return Store(
        wherefrom.open(location),
        lambda rows: add_documents(location, _batches(rows)),
        lambda name: remove(location, documents=[name]),
    )


@pytest.fixture(params=["folder", "cluster"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    made = _folder(tmp_path) if request.param == "folder" else _cluster(request.getfixturevalue("elasticsearch"))
    with made.index:
        yield made


def _paths(page: SearchPage) -> list[str]:
    return [hit.path for hit in page.hits]


def test_equal_files_are_one_hit_and_repositories_stand_together(store: Store) -> None:
    page = store.index.search("shared_word", limit=10)
    (hit,) = page.hits
    assert (page.total, hit.copies_total, len(hit.copies), page.cursor) == (70, 69, 10, None)
    assert {copy.repository for copy in hit.copies} <= {"copy/0", "copy/1", "copy/2"}
    assert len({hit.document_id, *(copy.document_id for copy in hit.copies)}) == 11
    page = store.index.search("needle OR shared_word", limit=30)
    assert len(page.hits) == 25 and sum(1 + hit.copies_total for hit in page.hits) == page.total == 94
    assert [group.repository for group in page.groups] == list(dict.fromkeys(hit.repository for hit in page.hits))
    assert all(page.hits[i].repository == group.repository for group in page.groups for i in group.hits)
    assert sorted(i for group in page.groups for i in group.hits) == list(range(25))


def test_a_text_is_not_shown_again_on_the_next_page(store: Store) -> None:
    store.add([{"content": "shared_word = 1\n" * 3, "repository": "r/own", "path": "own.py"}])
    store.index.refresh()
    first = store.index.search("shared_word", limit=1)
    following = store.index.search("shared_word", limit=1, cursor=first.cursor)
    assert sorted(_paths(first) + _paths(following))[1] == "own.py" and following.cursor is None
    assert first.hits[0].copies_total + following.hits[0].copies_total == 69


def test_pages_go_on_in_an_index_that_changes(store: Store) -> None:
    whole = _paths(store.index.search("needle", limit=100))
    first = store.index.search("needle", limit=8)
    store.add([_row(100, 9), _row(101, 1)])
    store.remove(first.hits[3].document_id)
    store.index.refresh()
    second = store.index.search("needle", limit=8, cursor=first.cursor)
    store.remove(second.hits[-1].document_id)
    store.index.refresh()
    third = store.index.search("needle", limit=100, cursor=second.cursor)
    shown = [*_paths(first), *_paths(second), *_paths(third)]
    assert second.index.generation > first.index.generation
    new = [path for path in shown if path not in whole]  # one that ranks high is behind us, unless its segment scores otherwise
    assert [path for path in shown if path in whole] == whole and new in (["101.py"], ["100.py", "101.py"], ["101.py", "100.py"])


def test_a_cursor_belongs_to_its_question(store: Store) -> None:
    cursor = store.index.search("needle", limit=2).cursor
    for other, options in (("shared_word", {}), ("needle", {"repository": "r/a"})):
        with pytest.raises(InputError, match="not one of this question"):
            store.index.search(other, cursor=cursor, **options)
