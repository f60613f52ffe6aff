"""What do readers see while a writer commits, and what is left of one that is killed?"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import pytest

from indexer.add import add_documents
from indexer.build import SEGMENT_BYTES
from indexer.errors import IndexLocked, IndexNotFound, InputError
from indexer.index import Index
from indexer.merge import MOST_SEGMENTS, merge, small_ones
from indexer.stores.local.manifest import Manifest, write_lock
from tests.indexer.conftest import batches_of
from tests.indexer.killing import writing_process
from tests.indexer.segments.conftest import everything, make, tables_of
from tests.indexer.segments.writing import rows_of_step, text_of, write
from tests.limits import HANG_SECONDS

KILLS = int(os.environ.get("TEST_KILLS", "12"))
ROOT = Path(__file__).resolve().parents[3]
ENVIRONMENT = os.environ | {"PYTHONPATH": str(ROOT)}


@pytest.fixture(scope="module")
def farm() -> Iterator[Callable[[str], str]]:
    """Tells the writing process a line, gives its answer."""
    with writing_process("tests.indexer.segments.writing") as ask:
        yield ask


def state(folder: Path, numbers: range) -> dict[str, Any]:
    """All that an index answers about the documents of these numbers, and that it is sound."""
    index = Index.open(folder)
    assert index.verify().problems == ()
    answers = everything(index, [text_of(number) for number in numbers])
    answers["hits"] = [[hit.repository for hit in index.search(f"value_{number}_3").hits] for number in numbers]
    answers["held"] = [index.membership(text_of(number)).member for number in numbers]
    named = {one.repository for one in index.repositories(limit=1000).repositories}
    assert named == {name for hits in answers["hits"] for name in hits}, "search and the list of repositories differ"
    assert answers["held"] == [bool(hits) for hits in answers["hits"]], "search and membership differ"
    return answers


def test_a_writer_killed_at_any_moment_leaves_the_last_generation(tmp_path: Path, farm: Callable[[str], str]) -> None:
    folder, chance = tmp_path / "killed.index", random.Random(23)
    write(folder, "build", 1)
    costs: dict[str, tuple[int, float]] = {}
    for step, kind in enumerate(("add", "remove", "merge", "build"), start=2):
        said, events, seconds = farm(f"{folder} {kind} {step} whole").split()
        assert said == "done"
        costs[kind] = int(events), float(seconds)
    killed = committed = 0
    for step in range(6, 6 + KILLS):
        kind = ("add", "remove", "merge", "add", "build")[step % 5]
        if kind == "merge":
            write(folder, "add", 1000 + step)  # there is something to merge
        numbers = range(max(0, step * 6 - 6), step * 6 + 4)
        generation, before = Index.open(folder).info.generation, state_of_all(folder, numbers)
        events, seconds = costs[kind]
        at_event = step % 3 > 0  # else at a time, which may come too late for a quick run
        how = f"audit {chance.randint(1, events)}" if at_event else f"after {chance.uniform(0, seconds):.4f}"
        said = farm(f"{folder} {kind} {step} {how}")
        assert said == "killed" or said.startswith("done"), f"{kind} {how}: {said}"
        killed += at_event and said == "killed"
        after = state_of_all(folder, numbers)
        if Index.open(folder).info.generation == generation:
            assert after == before, f"{kind} {how}"
        else:
            committed += 1
            if kind == "merge":
                assert held(after) == held(before)
        if chance.random() < 0.3:
            assert farm(f"{folder} add {2000 + step} whole").startswith("done")
            assert names(folder) == named(folder)
    assert killed >= KILLS // 3
    assert farm(f"{folder} add 3000 whole").startswith("done")
    assert farm(f"{folder} merge 0 whole").startswith("done")
    assert names(folder) == named(folder)
    assert Index.open(folder).verify().problems == ()


def state_of_all(folder: Path, numbers: range) -> dict[str, Any]:
    """As `state`, without comparing the names of repositories: other steps have some too."""
    index = Index.open(folder)
    assert index.verify().problems == ()
    answers = everything(index, [text_of(number) for number in numbers])
    answers["hits"] = [[hit.repository for hit in index.search(f"value_{number}_3").hits] for number in numbers]
    # What no segment holds is a member now and then, the more segments the more often; what one holds always is.
    assert all(one["member"] for one, hits in zip(answers["membership"], answers["hits"], strict=True) if hits)
    assert answers["repositories"]["total"] == answers["documents"] == index.search("value*").total
    return answers


def held(answers: dict[str, Any]) -> Any:
    """What of a state a merge may not change."""
    return answers["hits"], answers["documents"], answers["repositories"]


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def named(folder: Path) -> set[str]:
    return Manifest.read(folder).names() | {"lock"}


def test_readers_answer_while_another_process_commits(tmp_path: Path) -> None:
    folder = tmp_path / "busy.index"
    write(folder, "build", 0)
    always = [text_of(number) for number in (0, 5)]  # no removal names these
    writer = subprocess.Popen(
        [sys.executable, "-m", "tests.indexer.segments.writing", "loop", str(folder)],
        stdin=subprocess.PIPE,
        cwd=ROOT,
        env=ENVIRONMENT,
    )

    opened, generations, enough = [0] * 3, set[int](), threading.Event()
    until = time.monotonic() + HANG_SECONDS

    def read(reader: int) -> None:
        kept = Index.open(folder)
        while not enough.is_set() and writer.poll() is None and time.monotonic() < until:
            for index in (Index.open(folder), kept):
                assert [index.membership(text).member for text in always] == [True, True]
                assert index.attribute(always[0]).sources[0].repository == "o/r0"
                assert index.search("value_5_3").hits[0].repository == "o/r5"
                assert index.repositories(limit=1000).total == index.info.documents
                generations.add(index.info.generation)
            if opened[reader] % 3 == 0:
                kept.refresh()
            opened[reader] += 1
            if min(opened) >= 9 and len(generations) >= 15:
                enough.set()

    with ThreadPoolExecutor(3) as pool:
        readers = [pool.submit(read, reader) for reader in range(3)]
        for each in as_completed(readers):
            if each.exception():
                enough.set()
    writer.communicate()
    assert [each.exception() for each in readers] == [None] * 3
    assert writer.returncode == 0 and enough.is_set(), "the writer ended by itself, or nobody sees what it writes"


def test_an_addition_holds_what_is_new_and_says_what_was_there(tmp_path: Path) -> None:
    folder = make(tmp_path / "more.index", rows_of_step(0))
    both = [*rows_of_step(0)[:4], *rows_of_step(1), rows_of_step(1)[2]]
    report = add_documents(folder, batches_of(both), repositories=tables_of(both), version="2", date="2025-01-01")
    assert (report.documents, report.known, report.generation) == (6, 5, 2)
    index = Index.open(folder)
    assert (index.info.documents, index.info.version, index.info.date, index.info.name) == (12, "2", "2025-01-01", "made")
    assert state(folder, range(12))["repositories"]["total"] == 12
    assert {one.files for one in index.repositories().repositories} == {1}
    again = add_documents(folder, batches_of(both), version="3")
    assert (again.documents, again.known, again.generation) == (0, 11, 2) and Index.open(folder).info == index.info


def test_a_document_removed_may_be_added_again(tmp_path: Path) -> None:
    folder = make(tmp_path / "back.index", rows_of_step(0))
    write(folder, "remove", 1)  # r3 to r5, and r2
    assert state(folder, range(6))["held"] == [True, True, False, False, False, False]
    assert add_documents(folder, batches_of(rows_of_step(0)), repositories=tables_of(rows_of_step(0))).documents == 4
    assert all(state(folder, range(6))["held"])
    merge(folder)
    assert all(state(folder, range(6))["held"]) and Index.open(folder).info.documents == 6


def test_the_same_document_twice_in_one_build_is_held_once(tmp_path: Path) -> None:
    rows = [*rows_of_step(0), rows_of_step(0)[3], *rows_of_step(1), rows_of_step(0)[3], rows_of_step(1)[0]]
    folder = make(tmp_path / "twice.index", rows)
    index = Index.open(folder)
    assert index.info.documents == 12 and index.attribute(text_of(3), kinds=["exact"]).spans[0].files == 1
    assert index.search("value_3_3").total == 1 and index.attribute(text_of(3)).sources[0].copies == ()
    assert [one.files for one in index.repositories().repositories] == [1] * 12
    assert names(folder) == named(folder)


def test_a_repository_in_several_additions_is_listed_once_with_all_its_files(tmp_path: Path) -> None:
    rows = [{"content": text_of(n), "repository": "Big/One" if n % 2 else "big/one", "path": f"{n}.py"} for n in range(6)]
    folder = make(tmp_path / "fold.index", rows[:2])
    for begin in (2, 4):
        add_documents(folder, batches_of(rows[begin : begin + 2]), repositories=tables_of(rows[begin : begin + 2]))
    assert [one.files for one in Index.open(folder).repositories().repositories] == [6]
    document = Index.open(folder).attribute(text_of(3)).sources[0].document_id
    from indexer.stores.local.removal import remove

    remove(folder, documents=[document])
    assert [one.files for one in Index.open(folder).repositories().repositories] == [5]
    merge(folder)
    assert [one.files for one in Index.open(folder).repositories().repositories] == [5]
    assert len(Manifest.read(folder).repositories) == 1


def test_a_ninth_segment_makes_the_small_ones_merge(tmp_path: Path) -> None:
    folder = make(tmp_path / "many.index", rows_of_step(0))
    for step in range(1, MOST_SEGMENTS):
        assert add_documents(folder, batches_of(rows_of_step(step))).merged_segments == 0
    assert add_documents(folder, batches_of(rows_of_step(8)), merge_small=False).merged_segments == 0
    assert len(Manifest.read(folder).segments) == MOST_SEGMENTS + 1
    assert add_documents(folder, batches_of(rows_of_step(9))).merged_segments == MOST_SEGMENTS + 2
    assert len(Manifest.read(folder).segments) == 1 and names(folder) == named(folder)
    index = Index.open(folder)
    assert index.info.documents == 60 and all(index.membership(text_of(number)).member for number in range(60))


@pytest.mark.parametrize(
    ("sizes", "chosen"),
    [
        ([5] * 8, []),
        ([5] * 9, list(range(9))),
        ([900, 3, 1, 1, 1, 1, 1, 1, 1], [1, 2, 3, 4, 5, 6, 7, 8]),
        ([4**i * 10 for i in range(9)], [0, 1]),
        ([12**i for i in range(9)], [0, 1]),
        ([SEGMENT_BYTES] * 20, []),
        ([SEGMENT_BYTES, 5, *[SEGMENT_BYTES] * 9, *[5] * 8], [1, *range(11, 19)]),
        ([0] * 9, list(range(9))),
    ],
)
def test_small_segments_are_chosen_by_size(sizes: list[int], chosen: list[int]) -> None:
    assert small_ones(sizes) == chosen


def test_rewriting_grows_with_the_logarithm() -> None:
    sizes: list[int] = []
    rewritten = 0
    for _ in range(1000):
        sizes.append(1)
        if chosen := small_ones(sizes):
            total = sum(sizes[i] for i in chosen)
            rewritten += total
            sizes = [total if i == chosen[0] else size for i, size in enumerate(sizes) if i not in chosen[1:]]
    assert sum(sizes) == 1000 and len(sizes) <= MOST_SEGMENTS and rewritten < 1000 * 8


@pytest.mark.parametrize("kind", ["add", "remove", "merge"])
def test_a_second_writer_is_refused_and_no_index_is_made_where_none_is(tmp_path: Path, kind: str) -> None:
    folder = make(tmp_path / "one.index", rows_of_step(0))
    write(folder, "add", 1)
    with write_lock(folder), pytest.raises(IndexLocked, match="another process"):
        write(folder, kind, 2)
    with pytest.raises(IndexNotFound, match="build one with"):
        write(tmp_path / "none", kind, 1)
    assert not (tmp_path / "none").exists()


def test_a_source_that_fails_leaves_the_index_as_it_was(tmp_path: Path) -> None:
    folder = make(tmp_path / "kept.index", rows_of_step(0))
    before = names(folder)

    def batches() -> Iterator[Any]:
        yield from batches_of(rows_of_step(1))
        raise InputError("the source broke")

    with pytest.raises(InputError, match="the source broke"):
        add_documents(folder, batches())
    assert names(folder) == before and Index.open(folder).info.generation == 1
