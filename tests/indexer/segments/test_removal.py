"""Is a removed document gone from every answer at once, and does nothing else change?"""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from indexer.errors import DocumentNotFound, IndexCorrupt, IndexLocked, InputError, UnusableIndex
from indexer.fingerprint.spec import SPEC
from indexer.fingerprint.winnow import fingerprint_exact
from indexer.index import Index
from indexer.stores.local.manifest import write_lock
from indexer.stores.local.removal import remove
from indexer.text.tokens import tokenize
from tests.indexer.segments.conftest import everything, make

SHARED = "def common(alpha, beta):\n    return [alpha * beta for gamma in delta(alpha) if gamma is not beta and epsilon(gamma, zeta)]\n" * 2


def own(n: int) -> str:
    """Text of 60 tokens and more that no other number has."""
    return "\n".join(f"value_{n}_{i} = make_{n}_{i}({i} * {n}, other_{n}={i})" for i in range(8))


def row(n: int, *, shared: bool = True) -> dict[str, Any]:
    return {
        "content": own(n) + "\n" + (SHARED if shared else ""),
        "repository": f"Owner{n % 3}/Repo{n}",
        "path": f"src/file{n}.py",
        "language": "Python",
        "license_expression": "MIT",
    }


@pytest.fixture
def twelve(tmp_path: Path) -> Path:
    return make(tmp_path / "twelve.index", [row(n) for n in range(12)])


def test_a_removed_repository_is_in_no_answer(twelve: Path) -> None:
    before = Index.open(twelve)
    gone = before.attribute(own(4)).sources[0].document_id
    report = remove(twelve, repositories=["owner1/REPO4"])
    assert (report.documents, report.documents_left, report.not_found) == (1, 11, ())
    index = Index.open(twelve)
    assert index.info.documents == 11 and index.info.generation == before.info.generation + 1
    assert index.attribute(own(4), kinds=["exact"]).status == "none" and not index.membership(own(4)).member
    with pytest.raises(DocumentNotFound):
        index.document(gone)
    assert index.search("value_4_2").total == 0 and index.search("repository:owner1/repo4").total == 0
    assert "Owner1/Repo4" not in {one.repository for one in index.repositories().repositories} and index.repositories().total == 11
    assert index.verify().problems == () and index.verify().documents == 11
    assert index.membership(own(5)).member and index.attribute(own(5)).sources[0].repository == "Owner2/Repo5"


def test_what_others_share_with_it_stays_with_its_true_frequency(twelve: Path) -> None:
    remove(twelve, owners=["owner0"])
    index = Index.open(twelve)
    span = index.attribute(SHARED).spans[0]
    assert (span.files, span.repositories, span.owners, span.capped) == (8, 8, 2, False)
    sources = index.attribute(SHARED, limit=50).sources
    assert {one.owner for source in sources for one in (source, *source.copies)} == {"Owner1", "Owner2"}
    assert index.membership(SHARED).member
    page = index.search("common alpha")
    assert page.total == 8 and {(facet.value, facet.count) for facet in page.facets["owner"]} == {("Owner1", 4), ("Owner2", 4)}
    assert index.repositories(owner="OWNER0").total == 0


def test_a_removed_document_is_in_no_answer(twelve: Path) -> None:
    ids = [Index.open(twelve).attribute(own(n)).sources[0].document_id for n in (1, 2)]
    assert remove(twelve, documents=[*ids, "0" * 24]).not_found == ("0" * 24,)
    index = Index.open(twelve)
    assert [index.membership(own(n)).member for n in range(4)] == [True, False, False, True]
    assert [index.attribute(own(n), kinds=["exact"]).status for n in range(4)] == ["found", "none", "none", "found"]


def test_removals_add_up(twelve: Path) -> None:
    for n in range(12):
        assert remove(twelve, repositories=[f"owner{n % 3}/repo{n}"]).documents == 1
        index = Index.open(twelve)
        assert [index.membership(own(i)).member for i in range(12)] == [i > n for i in range(12)]
        assert (index.search("common").total, index.repositories().total, index.info.documents) == (11 - n, 11 - n, 11 - n)
    assert not index.membership(SHARED).member and index.attribute(SHARED).status == "none" and index.verify().problems == ()


def test_a_reader_goes_on_with_its_generation_and_follows_when_told(twelve: Path) -> None:
    index = Index.open(twelve)
    answers = everything(index, [own(4), SHARED])
    remove(twelve, repositories=["owner1/repo4"])
    assert everything(index, [own(4), SHARED]) == answers
    index.refresh()
    assert not index.membership(own(4)).member


def test_what_is_not_there_changes_nothing(twelve: Path) -> None:
    before = sorted(path.name for path in twelve.iterdir())
    report = remove(twelve, repositories=["owner1/none"], owners=["nobody"], documents=["x"])
    assert (report.documents, report.generation, report.not_found) == (0, 1, ("owner1/none", "nobody", "x"))
    assert sorted(path.name for path in twelve.iterdir()) == before
    with pytest.raises(InputError, match="name a repository, an owner or a document"):
        remove(twelve)


def test_a_second_writer_is_refused(twelve: Path) -> None:
    with write_lock(twelve), pytest.raises(IndexLocked, match="another process"):
        remove(twelve, repositories=["owner1/repo4"])


def test_an_index_without_full_text_forgets_too(tmp_path: Path) -> None:
    folder = make(tmp_path / "plain.index", [row(n) for n in range(3)], full_text=False)
    remove(folder, repositories=["owner1/repo1"])
    assert [Index.open(folder).membership(own(n)).member for n in range(3)] == [True, False, True]


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """1,500 documents that share a text; only two of them are not the owner's who leaves."""
    rows = [
        {"content": own(n) + "\n" + SHARED, "repository": f"{'o' if n in (0, 1499) else 'leaver'}/r{n}", "path": "f"} for n in range(1500)
    ]
    return make(tmp_path_factory.mktemp("many") / "many.index", rows, full_text=False)


def test_a_live_document_behind_a_thousand_removed_ones_is_found(many: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(many, tmp_path / "many.index"))
    capped = Index.open(folder).attribute(SHARED).spans[0]
    assert capped.capped and capped.files >= 1000
    assert remove(folder, owners=["leaver"]).documents == 1498
    index = Index.open(folder)
    answer = index.attribute(SHARED)
    span = answer.spans[0]
    assert (span.files, span.repositories, span.owners, span.capped) == (2, 2, 1, False)
    assert {one.repository for source in answer.sources for one in (source, *source.copies)} == {"o/r0", "o/r1499"}
    assert index.membership(SHARED).member
    remove(folder, owners=["o"])
    assert not Index.open(folder).membership(SHARED).member and Index.open(folder).attribute(SHARED).status == "none"


def test_look_ups_give_exactly_the_live_postings(many: Path, tmp_path: Path) -> None:
    """Beside a slow twin: all postings, and then those of removed documents taken out."""
    folder = Path(shutil.copytree(many, tmp_path / "many.index"))
    whole = Index.open(folder)._snapshot.segments[0]
    chance = random.Random(4)
    ids = [whole.row(doc)["document_id"] for doc in chance.sample(range(1500), 1100)]
    remove(folder, documents=ids)
    segment = Index.open(folder)._snapshot.segments[0]
    keys = fingerprint_exact(tokenize(np.frombuffer((SHARED + own(3) + own(700)).encode(), np.uint8)), SPEC.exact, capped=False).keys
    everywhere = whole.look_up(SPEC.exact, keys, 1 << 20, filtered=False)
    live = {int(doc) for doc in segment.live()}
    for most in (1, 5, 512, 5000):
        got = segment.look_up(SPEC.exact, keys, most, filtered=False)
        for k in range(len(keys)):
            all_positions = np.sort(everywhere.positions[everywhere.queries == k])
            docs = whole.documents_of(all_positions).tolist()
            wanted = [int(p) for p, doc in zip(all_positions, docs, strict=True) if doc in live]
            assert got.positions[got.queries == k].tolist() == wanted[:most]
            if most == 5000:
                assert (got.counts[k], got.repositories[k]) == (len(wanted), len({doc for doc in docs if doc in live}))
    held = segment.holds(SPEC.exact, keys)
    assert held.tolist() == [
        bool(set(whole.documents_of(np.sort(everywhere.positions[everywhere.queries == k])).tolist()) & live) for k in range(len(keys))
    ]
    assert held.any() and not held.all()


def damage(folder: Path, change: Callable[[bytearray], None]) -> Path:
    file = next(path for path in folder.iterdir() if ".removed-" in path.name)
    data = bytearray(file.read_bytes())
    change(data)
    file.write_bytes(data)
    return file


def test_a_flipped_bit_in_tombstones_is_found_and_never_a_wrong_answer(twelve: Path) -> None:
    remove(twelve, owners=["owner1"])
    texts = [*(own(n) for n in range(12)), SHARED]
    sound = everything(Index.open(twelve), texts)
    file = next(path for path in twelve.iterdir() if ".removed-" in path.name)
    data, chance = file.read_bytes(), random.Random(8)
    places = [*chance.sample(range(len(data) * 8), 60), 4096 * 8 + 1, 4096 * 8 + 4, 8192 * 8 + 9]
    for bit in places:
        damage(twelve, lambda copy, bit=bit: copy.__setitem__(bit // 8, copy[bit // 8] ^ 1 << bit % 8))  # type: ignore[misc]
        try:
            index = Index.open(twelve)
            assert index.verify().problems
            assert everything(index, texts) == sound
        except UnusableIndex as error:
            assert file.name in str(error)
        file.write_bytes(data)


@pytest.mark.parametrize("length", [0, 100, 4096, 4100, 12000])
def test_cut_tombstones_are_refused(twelve: Path, length: int) -> None:
    remove(twelve, owners=["owner1"])
    damage(twelve, lambda data: data.__delitem__(slice(length, None)))
    with pytest.raises(IndexCorrupt, match="removed-"):
        Index.open(twelve)


def test_tombstones_of_another_segment_are_refused(twelve: Path, tmp_path: Path) -> None:
    other = make(tmp_path / "other.index", [row(n) for n in range(5)])
    remove(other, owners=["owner1"])
    remove(twelve, owners=["owner1"])
    damage(twelve, lambda data: data.__setitem__(slice(None), next(p for p in other.iterdir() if ".removed-" in p.name).read_bytes()))
    with pytest.raises(IndexCorrupt, match="tombstones for 5 documents, its segment has 12"):
        Index.open(twelve)


def test_tombstones_round_trip_at_any_length(tmp_path: Path) -> None:
    from indexer.segment.removed import Removed

    chance = np.random.default_rng(3)
    for n in (1, 7, 8, 9, 4096 * 8 + 3):
        bits = chance.random(n) < 0.3
        Removed.write(tmp_path / str(n), bits, {"a/b": int(bits.sum())})
        opened = Removed.open(tmp_path / str(n), n)
        assert opened.count == bits.sum() and opened.repositories() == {"a/b": bits.sum()}
        assert (opened.bits() == bits).all() and (opened.includes(np.arange(n)) == bits).all()


def test_a_generation_that_was_replaced_is_verified_and_searched_as_it_was_opened(twelve: Path) -> None:
    index = Index.open(twelve)
    remove(twelve, owners=["owner1"])
    assert index.verify().problems == () and index.repositories().total == 12
    assert index.search("value*").total == 12 and Index.open(twelve).search("value*").total < 12
    index.refresh()
    assert index.verify().problems == ()


def test_a_file_system_without_links_gets_copies(twelve: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr("os.link", refuse)
    remove(twelve, owners=["owner1"])
    index = Index.open(twelve)
    assert index.verify().problems == () and index.search("common").total == 8


def test_damage_before_a_removal_is_not_sealed_in(twelve: Path) -> None:
    file = max((path for path in (twelve / "text-000001").iterdir() if path.suffix == ".pos"), key=lambda path: path.stat().st_size)
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 16
    file.write_bytes(data)
    before = {path.name for path in twelve.iterdir()}
    with pytest.raises(IndexCorrupt, match=r"\.pos: its checksum is not the one written"):
        remove(twelve, owners=["owner1"])
    assert {path.name for path in twelve.iterdir()} == before
    assert Index.open(twelve).verify().problems
