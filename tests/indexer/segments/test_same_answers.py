"""Does an index answer the same however its documents came into it?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from indexer import build
from indexer import merge as merge_module
from indexer.add import add_documents
from indexer.index import Index
from indexer.merge import merge
from indexer.stores.local.removal import remove
from tests.indexer.conftest import batches_of
from tests.indexer.segments.conftest import EXTRA, KEPT, everything, found, make, tables_of

Rows = dict[str, list[dict[str, Any]]]


@pytest.fixture(scope="module")
def at_once(tmp_path_factory: pytest.TempPathFactory, rows_of: Rows) -> Path:
    return make(tmp_path_factory.mktemp("once") / "once.index", [row for name in KEPT for row in rows_of[name]])


@pytest.fixture(scope="module")
def in_steps(tmp_path_factory: pytest.TempPathFactory, rows_of: Rows) -> Path:
    """The same documents in their order, but in four additions, with others between them that are removed again."""
    folder = make(tmp_path_factory.mktemp("steps") / "steps.index", [*rows_of["h11"], *rows_of["httpx"], *rows_of["pluggy"]])
    for names in (("idna",), ("jinja2", "packaging"), ("click", "httpcore")):
        rows = [row for name in names for row in rows_of[name]]
        add_documents(folder, batches_of(rows), repositories=tables_of(rows))
    remove(folder, repositories=["PyPI/httpx"])
    index = Index.open(folder)
    gone = {f"pypi/{name}" for name in EXTRA}
    ids = [
        row["document_id"]
        for segment in index._snapshot.segments
        for row in map(segment.row, segment.live().tolist())
        if row["repository"] in gone
    ]
    remove(folder, documents=ids)
    return folder


def test_segments_and_tombstones_find_what_an_index_built_at_once_finds(at_once: Path, in_steps: Path, texts: list[str]) -> None:
    once, steps = Index.open(at_once), Index.open(in_steps)
    assert len(steps._snapshot.segments) == 4 and steps.describe()["removed_documents"] > 40
    assert steps.info.documents == once.info.documents
    wanted = found(once, texts)
    assert sum(answer[0] == "found" for answer in wanted) > len(texts) // 2
    assert [answer for answer in wanted if answer[0] != "found"]
    got = found(steps, texts)
    assert [(i, mine, theirs) for i, (mine, theirs) in enumerate(zip(got, wanted, strict=True)) if mine != theirs] == []
    mine, theirs = everything(steps, []), everything(once, [])
    assert mine["repositories"] == theirs["repositories"] and mine["repositories"]["total"] == len(KEPT)
    for one, other in zip(mine["search"], theirs["search"], strict=True):
        assert (one["total"], one["facets"]) == (other["total"], other["facets"])
        assert {hit["document_id"] for hit in one["hits"]} == {hit["document_id"] for hit in other["hits"]} or one["total"] > 50


def test_a_merged_index_answers_all_as_one_built_at_once(at_once: Path, in_steps: Path, texts: list[str], tmp_path: Path) -> None:
    import shutil

    folder = Path(shutil.copytree(in_steps, tmp_path / "merged.index"))
    before = Index.open(folder)
    wanted_before = found(before, texts[:10])
    report = merge(folder)
    assert (report.merged_segments, report.documents) == (4, before.info.documents) and report.purged_documents > 40
    assert report.index_bytes < report.index_bytes_before
    merged = Index.open(folder)
    assert merged.verify().problems == ()
    assert everything(merged, texts) == everything(Index.open(at_once), texts)
    for doc in range(0, merged.info.documents, 7):
        row = merged._snapshot.segments[0].row(doc)
        assert merged.document(row["document_id"]) == Index.open(at_once).document(row["document_id"])
    assert found(before, texts[:10]) == wanted_before  # a reader goes on with the files that it has open
    assert before.repositories(limit=1000).total == len(KEPT)
    once = {path.name.partition("-")[0]: path.stat().st_size for path in at_once.iterdir() if path.is_file()}
    assert {path.name.partition("-")[0]: path.stat().st_size for path in folder.iterdir() if path.is_file()}.keys() == once.keys()


def test_a_build_of_more_than_a_segment_holds_makes_several(
    at_once: Path, rows_of: Rows, texts: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [row for name in KEPT for row in rows_of[name]]
    with monkeypatch.context() as small:
        for module in (build, merge_module):
            small.setattr(module, "SEGMENT_BYTES", 300_000)
            small.setattr(module, "SEGMENT_DOCUMENTS", 300)
        small.setattr(build, "BATCH_BYTES", 40_000)
        folder = make(tmp_path / "several.index", [*rows, *rows[:9]])
        several = Index.open(folder)
        assert len(several._snapshot.segments) > 3 and several.info.documents == len(rows)
        assert several.info.generation == len(several._snapshot.segments)
        wanted, got = found(Index.open(at_once), texts), found(several, texts)
        assert [answer[:-1] for answer in got] == [answer[:-1] for answer in wanted] and several.verify().problems == ()
        assert all(one[-1] or not other[-1] for one, other in zip(got, wanted, strict=True))  # more filters, more false positives
        assert merge(folder).merged_segments == 0  # all but the last are more than half full
        extra = [row for name in EXTRA for row in rows_of[name]]
        added = add_documents(folder, batches_of([*extra, *rows[::7]]), repositories=tables_of(extra))
        assert added.documents == len(extra) and added.known == len(rows[::7])
        assert Index.open(folder).info.generation == added.generation > several.info.generation + 1
        remove(folder, repositories=[f"pypi/{name}" for name in EXTRA])
        assert merge(folder).merged_segments >= 2
        assert [answer[:-1] for answer in found(Index.open(folder), texts)] == [answer[:-1] for answer in wanted]
    merge(folder)
    assert everything(Index.open(folder), texts) == everything(Index.open(at_once), texts)


def test_what_is_merged_already_stays_as_it_is(at_once: Path) -> None:
    before = Index.open(at_once).info
    assert merge(at_once).merged_segments == 0
    assert Index.open(at_once).info == before
