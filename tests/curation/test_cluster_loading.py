"""Do several workers load a cluster as one process does? Processes of this machine, and a small real Ray."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from curation.pipeline import index_sources
from curation.release_folder import Totals, write_files, write_manifest, write_repositories
from indexer.corpus import REPOSITORIES_SCHEMA, conform
from indexer.errors import InputError
from indexer.stores.elastic import filter_pieces
from indexer.stores.elastic.cluster import connect
from indexer.stores.elastic.index import ClusterIndex
from indexer.stores.elastic.kept import KEPT, kept_of
from indexer.stores.elastic.mapping import meta_of
from indexer.stores.elastic.settings import place_of
from tests.limits import HANG_SECONDS

ROOT = Path(__file__).parents[2]
FILES = 240


def _rows() -> list[dict[str, Any]]:
    chance = random.Random(3)
    made = [
        {
            "content": "\n".join(f"value_{doc}_{i} = make({i} * {doc}, other={chance.randrange(99)})" for i in range(12)),
            "repository": f"o{doc % 5}/r{doc % 30}",
            "path": f"f{doc}.py",
        }
        for doc in range(FILES)
    ]
    for i in range(0, FILES, 24):
        made[i] = made[FILES - 1 - i]  # twice, far apart
    return made


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One of several row groups."""
    folder = tmp_path_factory.mktemp("release")
    batches = [conform(batch) for batch in pa.Table.from_pylist(_rows()).to_batches(max_chunksize=40)]
    names = write_files(folder, batches, Totals())
    repositories = [{"repository": f"o{n % 5}/r{n}", "owner": f"o{n % 5}", "stars": n} for n in range(20)]  # ten more are not described
    write_repositories(folder, [pa.RecordBatch.from_pylist(repositories, REPOSITORIES_SCHEMA)])
    write_manifest(folder, names, {"name": "w", "version": "1"})
    return folder


@pytest.fixture(scope="module")
def locations(elasticsearch: str) -> Iterator[dict[str, str]]:
    """A name for each engine, removed afterwards."""
    yield {engine: f"es+{elasticsearch}/workers-{engine}" for engine in ("here", "processes", "ray")}
    client = connect(place_of(f"es+{elasticsearch}/workers"))
    for index in client.indices.get(index="workers-*"):
        client.indices.delete(index=index)


def _all_of(location: str) -> tuple[Any, ...]:
    """What an index holds: documents with their numbers, description, filter, repositories."""
    place = place_of(location)
    client, index = connect(place), f"{place.name}-g000001"
    answer = client.search(index=index, size=10_000, sort=[{"number": "asc"}], docvalue_fields=[KEPT])
    documents = [(hit["_id"], hit["sort"], kept_of(hit)) for hit in answer["hits"]["hits"]]
    manifest = filter_pieces.manifest_of(client, place, index)
    manifest = replace(manifest, parts=tuple(replace(part, key="") for part in manifest.parts))
    with ClusterIndex.open(location) as opened:
        assert opened.verify().problems == ()
        answers = [opened.attribute(row["content"]) for row in _rows()[::50]]
        return documents, meta_of(client, index), manifest, opened.repositories(), answers


@pytest.fixture(scope="module")
def built_here(release: Path, locations: dict[str, str]) -> tuple[Any, ...]:
    index_sources([str(release)], locations["here"], date="2024-06-07")
    return _all_of(locations["here"])


# A row group each; in a process of its own, since Ray leaves some behind for a moment.
_SMALL_SHARDS = (
    "import curation.cluster_loading as here; here._SHARD_BYTES, here._MEMORY = 1, 1_000_000; import wherefrom; wherefrom.main()"
)


def _command(options: list[str]) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(ROOT), "SOURCE_DATE_EPOCH": "1717718400"}
    command = [sys.executable, "-c", _SMALL_SHARDS, *options]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=HANG_SECONDS, env=environment)


@pytest.mark.parametrize("engine", ["processes", "ray"])
def test_workers_make_the_index_that_one_process_makes(
    engine: str, release: Path, locations: dict[str, str], built_here: tuple[Any, ...]
) -> None:
    options = ["index", str(release), "-o", locations[engine], "--engine", engine, "--json"]
    done = _command(options)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["documents"] == len(built_here[0]) == FILES - 10
    for one, other in zip(_all_of(locations[engine]), built_here, strict=True):
        assert one == other


def test_a_worker_that_fails_leaves_no_index(tmp_path: Path, locations: dict[str, str]) -> None:
    """The others are ended before it is deleted: a bulk of theirs would make it again."""
    rows = _rows()
    rows = [*rows[:20], *({**row, "content": "\n".join([row["content"]] * 100)} for row in rows[20:60])]  # takes the others longer
    rows[5]["repository"] = None
    names = write_files(tmp_path, [conform(batch) for batch in pa.Table.from_pylist(rows).to_batches(max_chunksize=20)], Totals())
    write_repositories(tmp_path, [])
    write_manifest(tmp_path, names, {"name": "w", "version": "1"})
    location = locations["processes"] + "-failing"
    done = _command(["index", str(tmp_path), "-o", location, "--engine", "processes"])
    assert done.returncode == 2 and "both" in done.stderr, done.stderr
    place = place_of(location)
    assert not connect(place).indices.get(index=f"{place.name}*")


def test_workers_are_for_releases_and_clusters(release: Path, tmp_path: Path, locations: dict[str, str]) -> None:
    with pytest.raises(InputError, match="is for clusters"):
        index_sources([str(release)], tmp_path / "i", date="2024-06-07", engine="processes")
    with pytest.raises(InputError, match="reads releases"):
        index_sources(["dir:."], locations["ray"] + "-none", date="2024-06-07", engine="processes")
