"""Are near-duplicates those that the plain definition names, whoever comes first, however many meet, and release after release?"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import hypothesis
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.near_duplicates import bands, joining, signing_kernels
from curation.near_duplicates import joining_kernels as kernels
from curation.near_duplicates.bands import BandRecords
from curation.near_duplicates.clusters import Earlier, cluster
from curation.near_duplicates.settings import NearDuplicateSettings
from curation.near_duplicates.signing import band_keys, permutations, shingle_sets, signatures
from curation.near_duplicates.tables import keep_signatures, signed
from curation.near_duplicates.texts import KeptTexts, NumberedTexts
from indexer.corpus import FILES_SCHEMA, content_id
from indexer.errors import IndexCorrupt, InputError, SpecMismatch
from tests.reference.near_duplicates import components, jaccard, near_pairs, shingles

SETTINGS = NearDuplicateSettings()
ROOT = Path(__file__).parents[2]
CODE = st.lists(st.sampled_from(["a", "b", "if", "x_1", "Ärger", "+", "(", "\n", "\0", "日本", " "]), max_size=40).map(" ".join)


def table_of(texts: Sequence[str], **columns: Sequence[Any]) -> pa.Table:
    rows = {"content": texts, "content_id": [content_id(text.encode()) for text in texts], "repository": ["o/n"] * len(texts)}
    rows |= {"path": [f"{i:05d}.py" for i in range(len(texts))]} | columns
    fields = [pa.array(rows[field.name], field.type) if field.name in rows else pa.nulls(len(texts), field.type) for field in FILES_SCHEMA]
    return pa.Table.from_arrays(fields, schema=FILES_SCHEMA)


class Run:
    """A run over some texts in a folder of its own: its rows signed, its table, what the next run needs of it."""

    def __init__(
        self, folder: Path, table: pa.Table, earlier: Run | None = None, rows: int = 7, order: Callable[[list[Any]], None] | None = None
    ):
        folder.mkdir()
        self.file, self.kept = folder / "files.parquet", folder / "near_duplicates.parquet"
        pq.write_table(table, self.file, row_group_size=11)
        batches, first = [], 0
        for batch in table.to_batches(rows):
            batches.append(signed(batch, pa.array(range(first, first + batch.num_rows)), signatures(batch, SETTINGS)))
            first += batch.num_rows
        if order:
            order(batches)
        known = Earlier(earlier.kept, KeptTexts(earlier.kept, (earlier.file,))) if earlier else None
        self.result = cluster(lambda: batches, SETTINGS, folder, NumberedTexts((self.file,)), known)
        keep_signatures(lambda: batches, self.result.table, SETTINGS, self.kept)
        self.lines = sorted(pq.read_table(self.result.table).to_pylist(), key=lambda line: int(line["row"]))
        self.names = [line["cluster_id"] for line in self.lines]
        self.kept_rows = [line["row"] for line in self.lines if line["representative"]]

    def groups(self) -> set[frozenset[int]]:
        return {frozenset(i for i, name in enumerate(self.names) if name == one) for one in self.names}


def met(texts: Sequence[str], pairs: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Those of some pairs that share a band: the others nobody can find."""
    keys = band_keys(signatures(table_of(texts).to_batches()[0], SETTINGS).hashvalues, SETTINGS)
    return [(i, j) for i, j in pairs if (keys[i] == keys[j]).any()]


def words(seed: int, n: int) -> list[str]:
    draw = random.Random(seed)
    return [f"w{draw.randrange(10**6)}" for _ in range(n)]


def versions(seed: int, n: int, length: int = 300, most: int = 12) -> list[str]:
    """A text, and others that differ from it in up to `most` words."""
    draw, base, texts = random.Random(seed), words(seed, length), []
    for i in range(n):
        text = list(base)
        for _ in range(draw.randrange(most) if i else 0):
            text[draw.randrange(length)] = f"v{draw.randrange(10**6)}"
        texts.append(" ".join(text) + f" end{seed}_{i}")
    return texts


@pytest.fixture(scope="module")
def mixed() -> list[str]:
    """Families of versions, near each other to every degree, and the repository's own modules cut short."""
    own = [path.read_text("utf-8")[:4000] for path in sorted((ROOT / "curation").rglob("*.py"))[:40]]
    edited = [text.replace("self", "this") for text in own]
    families = [text for seed in range(25) for text in versions(seed, 6)]
    return list(dict.fromkeys([*families, *own, *edited, "", "too few words", "日本 語"]))


@given(st.lists(CODE, min_size=1, max_size=5), st.sampled_from([1, 2, 5]), st.sampled_from([1, 5, 9]))
def test_shingles_are_those_of_the_definition(texts: list[str], ngram: int, min_tokens: int) -> None:
    settings = replace(SETTINGS, ngram=ngram, min_tokens=min_tokens)
    expected = [shingles(text, ngram, min_tokens) for text in texts]
    ((hashes, offsets),) = shingle_sets(pa.array(texts, pa.large_string()), settings)
    found = [hashes[a:b] for a, b in pairwise(offsets)]
    assert [len(one) for one in found] == [len(one) for one in expected]
    assert all((np.diff(one.astype(object)) > 0).all() for one in found)
    for i, one in enumerate(found):
        for j, other in enumerate(found):
            assert len(np.intersect1d(one, other)) == len(expected[i] & expected[j])


@given(st.lists(CODE, min_size=1, max_size=3))
@hypothesis.settings(max_examples=20)
def test_compiled_signing_does_what_its_source_says(texts: list[str]) -> None:
    data = np.frombuffer("".join(texts).encode(), np.uint8)
    ends = np.cumsum([0, *(len(text.encode()) for text in texts)])
    ends.flags.writeable = False  # as Arrow's are: nothing has to be compiled anew
    results = []
    for shingle_kernel, sign_kernel in (
        (signing_kernels.shingle_sets, signing_kernels.sign),
        (signing_kernels.shingle_sets.py_func, signing_kernels.sign.py_func),
    ):
        out, offsets, values = np.zeros(len(data) + 2, np.uint64), np.empty(len(ends), np.int64), np.empty((len(texts), 4), np.uint32)
        with np.errstate(over="ignore"):
            n = shingle_kernel(data, ends, 2, 3, out, offsets)
            sign_kernel(out, offsets, *permutations(replace(SETTINGS, permutations=4, bands=2, rows=2)), values)
        results.append((out[:n].tolist(), offsets.tolist(), values.tolist()))
    assert results[0] == results[1]


def test_signatures_are_datasketches_own(mixed: list[str]) -> None:
    from datasketch import MinHash

    table = table_of([*mixed[::9], "too few words"])
    found = signatures(table.to_batches()[0], SETTINGS)
    ((hashes, offsets),) = shingle_sets(table.column("content"), SETTINGS)
    assert found.shingles.tolist() == np.diff(offsets).tolist()
    assert 0 in found.shingles
    for i, values in enumerate(found.hashvalues):
        theirs = MinHash(num_perm=256, seed=SETTINGS.seed, scheme="affine32", hashfunc=lambda value: value)
        theirs.update_batch([int(value) & 0xFFFFFFFF for value in hashes[offsets[i] : offsets[i + 1]]])
        ours = MinHash(hashvalues=values, seed=SETTINGS.seed, scheme="affine32")
        assert ours == theirs
    assert (permutations(SETTINGS) == theirs.permutations).all()


def test_texts_are_signed_alike_in_any_batch(mixed: list[str]) -> None:
    batch = table_of(mixed).to_batches()[0]
    whole = signatures(batch, SETTINGS)
    parts = [signatures(batch.slice(i, 13), SETTINGS) for i in range(0, batch.num_rows, 13)]
    assert (np.concatenate([part.hashvalues for part in parts]) == whole.hashvalues).all()
    assert (np.concatenate([part.shingles for part in parts]) == whole.shingles).all()


@given(st.lists(st.integers(0, 30), max_size=30), st.lists(st.integers(0, 30), max_size=30), st.sampled_from([0.1, 0.5, 0.7, 1.0]))
def test_similarity_is_exact(a: list[int], b: list[int], threshold: float) -> None:
    one, other = sorted(set(a)), sorted(set(b))
    sets = np.array(one + other, np.uint64)
    starts, sizes = np.array([0, len(one)]), np.array([len(one), len(other)])
    shared = len(set(one) & set(other))
    expected = bool(one and other) and shared / (len(one) + len(other) - shared) >= threshold
    for kernel in (kernels.are_similar, kernels.are_similar.py_func):
        assert kernel(sets, starts, sizes, 0, 1, threshold) == expected


def test_clusters_are_what_pairs_of_the_definition_connect(mixed: list[str], tmp_path: Path) -> None:
    pairs = near_pairs(mixed, 0.7)
    found = met(mixed, pairs)
    assert len(found) >= 0.99 * len(pairs) > 250
    run = Run(tmp_path / "run", table_of(mixed))
    assert run.groups() == components(len(mixed), found)
    assert run.result.clusters == len(run.kept_rows) == len(set(run.names))
    ids = [content_id(text.encode()) for text in mixed]
    assert all(name == min(ids[i] for i, other in enumerate(run.names) if other == name) for name in run.names)


def test_the_order_of_rows_and_batches_changes_nothing(mixed: list[str], tmp_path: Path) -> None:
    first = Run(tmp_path / "one", table_of(mixed))
    for seed in range(3):
        other = Run(tmp_path / f"{seed}", table_of(mixed), rows=40, order=random.Random(seed).shuffle)
        assert other.lines == first.lines
    back = list(reversed(range(len(mixed))))
    turned = Run(tmp_path / "turned", table_of(mixed).take(back))
    assert turned.names == [first.names[i] for i in back]
    assert [back[row] for row in reversed(turned.kept_rows)] == first.kept_rows


def headed(n: int, seed: int) -> list[str]:
    """Files of one long header and less of their own: many share bands and are not alike; each tenth has a version."""
    header = " ".join(words(seed, 140))
    own = [words(1000 * seed + i, 75) for i in range(n)]
    return [f"{header} {' '.join(one)}" for one in own] + [f"{header} {' '.join(one)} changed" for one in own[::10]]


def test_large_buckets_lose_no_pair_and_stay_below_every_pair(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = headed(200, 7)
    expected = components(len(texts), met(texts, near_pairs(texts, 0.7)))
    assert len(expected) == 200
    whole = Run(tmp_path / "whole", table_of(texts), rows=99)
    monkeypatch.setattr(joining, "LARGE", 4)
    monkeypatch.setattr(joining, "_PART_RECORDS", 30_000)
    cut = Run(tmp_path / "cut", table_of(texts), rows=99)
    assert whole.groups() == cut.groups() == expected
    assert cut.lines == whole.lines
    assert cut.result.compared < whole.result.compared / 2


def test_a_large_family_is_joined_without_comparing_every_pair(tmp_path: Path) -> None:
    run = Run(tmp_path / "run", table_of(versions(3, 600, most=4)), rows=100)
    assert len(set(run.names)) == 1
    assert run.result.compared < 600 * 5
    assert run.kept_rows == [0]


def test_pieces_that_are_too_large_are_cut_again(mixed: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = Run(tmp_path / "one", table_of(mixed))
    monkeypatch.setattr(bands, "PIECE_BYTES", 3000)
    monkeypatch.setattr(joining, "_SLICE_SHINGLES", 2000)
    monkeypatch.setattr(joining, "_RANGE_SHINGLES", 1000)
    assert Run(tmp_path / "two", table_of(mixed)).lines == first.lines


@hypothesis.settings(max_examples=20)
@given(st.lists(st.integers(0, 5).map(lambda key: (1 << 64) - 1 - key), max_size=40), st.integers(0, 2))
def test_buckets_hold_equal_keys(keys: list[int], split: int) -> None:
    with tempfile.TemporaryDirectory() as folder, BandRecords(Path(folder, "bands")) as records:
        for part in np.array_split(np.arange(len(keys)), split + 1):
            records.add(np.array(keys, np.uint64)[part], part)
        found = {frozenset(piece.members[a:b].tolist()) for piece in records.buckets() for a, b in pairwise(piece.offsets)}
    assert found == {frozenset(i for i, other in enumerate(keys) if other == key) for key in keys if keys.count(key) > 1}


def at(year: int) -> datetime:
    return datetime(year, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "ranks",
    [
        {"license_type": ["copyleft", "permissive"], "stars": [9, None]},
        {"stars": [3, 4], "forks": [9, 0]},
        {"stars": [None, 0]},
        {"stars": [1, 1], "forks": [1, 2], "first_seen": [at(2001), at(2002)]},
        {"first_seen": [at(2005), at(2004)]},
        {"repository": ["o/b", "o/a"]},
        {"path": ["b.py", "a.py"]},
    ],
)
@pytest.mark.parametrize("better_comes_first", [True, False])
def test_the_representative_is_chosen_by_rule(ranks: dict[str, list[Any]], better_comes_first: bool, tmp_path: Path) -> None:
    order = [1, 0] if better_comes_first else [0, 1]
    table = table_of(versions(5, 2, most=5), **ranks).take(order)
    run = Run(tmp_path / "run", table)
    assert len(set(run.names)) == 1
    assert run.kept_rows == [order.index(1)]


def test_files_too_short_to_compare_are_near_their_own_content_only(tmp_path: Path) -> None:
    run = Run(tmp_path / "run", table_of(["a b c d", "a b c d", "a b c e", ""]))
    assert [run.names[0] == run.names[1], len(set(run.names))] == [True, 3]


def test_clusters_keep_their_names_and_new_files_join_them(mixed: list[str], tmp_path: Path) -> None:
    old, new = mixed[1::2], mixed[::2]
    first = Run(tmp_path / "one", table_of(old))
    second = Run(tmp_path / "two", table_of(new + old), earlier=first)
    assert second.names[len(new) :] == first.names
    for group in components(len(new) + len(old), met(new + old, near_pairs(new + old, 0.7))):
        names = {second.names[i] for i in group if i >= len(new)}
        expected = {min(names)} if names else {min(content_id(new[i].encode()) for i in group)}
        assert {second.names[i] for i in group if i < len(new)} <= expected
    third = Run(tmp_path / "three", table_of(new), earlier=second)
    assert third.names == second.names[: len(new)]


def test_new_files_join_clusters_whose_files_are_not_given_again(tmp_path: Path) -> None:
    family = versions(11, 6, most=5)
    first = Run(tmp_path / "one", table_of(family[:2]))
    second = Run(tmp_path / "two", table_of([*family[2:], "some words that stand quite alone here"]), earlier=first)
    assert set(second.names[:4]) == set(first.names)
    assert second.names[4] not in first.names
    assert second.kept_rows == [0, 4]


def test_what_connects_two_earlier_clusters_joins_one_and_leaves_them_apart(tmp_path: Path) -> None:
    base = words(1, 60)
    ends = [" ".join(base), " ".join(base[10:] + words(2, 10))]
    between = " ".join(base[5:] + words(2, 10)[:5])
    assert jaccard(*map(shingles, ends)) < 0.7 <= min(jaccard(shingles(between), shingles(end)) for end in ends)
    first = Run(tmp_path / "one", table_of(ends))
    second = Run(tmp_path / "two", table_of([between, *ends]), earlier=first)
    assert len(set(first.names)) == 2
    assert second.names == [min(first.names), *first.names]


def test_signatures_of_other_settings_are_refused(tmp_path: Path) -> None:
    first = Run(tmp_path / "one", table_of(versions(1, 3)))
    with pytest.raises(SpecMismatch, match=r"near_duplicates\.parquet.*threshold"):
        cluster(lambda: [], replace(SETTINGS, threshold=0.8), tmp_path, NumberedTexts(()), Earlier(first.kept, KeptTexts(first.kept, ())))
    first.kept.write_bytes(first.kept.read_bytes()[:-9])
    with pytest.raises(IndexCorrupt, match="near_duplicates"):
        cluster(lambda: [], SETTINGS, tmp_path, NumberedTexts(()), Earlier(first.kept, KeptTexts(first.kept, ())))


def test_no_rows_make_no_clusters(tmp_path: Path) -> None:
    result = cluster(lambda: [], SETTINGS, tmp_path, NumberedTexts(()))
    assert (result.rows, result.clusters, pq.read_table(result.table).num_rows) == (0, 0, 0)


@pytest.mark.parametrize("wrong", [{"threshold": 0.0}, {"threshold": 1.5}, {"bands": 43}, {"ngram": 0}])
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        replace(SETTINGS, **wrong)
