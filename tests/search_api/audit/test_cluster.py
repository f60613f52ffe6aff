"""An audit against a cluster finds what one against the folder of the same corpus does, and keeps its answers a generation."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from indexer.corpus import REPOSITORIES_SCHEMA, conform
from search_api.audit import asking
from search_api.audit.audit import Outcome, Request, run
from search_api.audit.reports import notice
from search_api.audit.scan import Progress

NOW = datetime.datetime(2024, 7, 1, tzinfo=datetime.UTC)


@pytest.fixture(scope="module")
def build(elasticsearch: str, corpus_rows: list[dict[str, Any]]) -> Callable[[], Any]:
    """Makes a generation of the corpus's index in the cluster, and opens it."""
    from indexer.stores.elastic.index import ClusterIndex
    from indexer.stores.elastic.writer import build_cluster_index

    location = f"es+{elasticsearch}/audited"
    first = {str(row["repository"]): row for row in reversed(corpus_rows)}
    texts = {"copyright_lines": ["Copyright (c) 2001 A. Holder"], "license_texts": [{"path": "LICENSE", "text": "You may use this.\n"}]}
    table = [{name: (row | texts).get(name) for name in REPOSITORIES_SCHEMA.names} for row in first.values()]

    def made() -> Any:
        batches = [conform(batch) for batch in pa.Table.from_pylist(corpus_rows).to_batches(max_chunksize=64)]
        repositories = [pa.RecordBatch.from_pylist(table, REPOSITORIES_SCHEMA)]
        build_cluster_index(location, batches, repositories=repositories, name="packages", version="1", date="2024-06-07")
        return ClusterIndex.open(location)

    return made


@pytest.fixture(scope="module")
def cluster(build: Callable[[], Any]) -> Iterator[Any]:
    with build() as index:
        yield index


def test_the_findings_are_those_of_the_folder(
    cluster: Any, project: Path, audit: Callable[..., Outcome], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By processes, as of more files; the notice has the licence texts that the cluster stores."""
    monkeypatch.setattr(asking, "FEW", 1)
    one = audit(project, index=cluster, cache_folder=tmp_path, jobs=2, paths=("src",))
    other = audit(project, paths=("src",))
    assert len(other.audit.findings) >= 3
    assert one.audit.findings == other.audit.findings and one.audit.files == other.audit.files
    texts = [notice.render(outcome) for outcome in (one, other)]
    assert texts[0] == texts[1] and "You may use this." in texts[0]


def test_answers_are_kept_until_there_is_a_new_generation(
    cluster: Any, build: Callable[[], Any], content: Callable[[str], str], put: Any, tmp_path: Path
) -> None:
    put(tmp_path / "project/filling.py", content("src/wrapping.py"))

    def cached(index: Any) -> tuple[int, Any]:
        told = Progress()
        outcome = run(index, Request((tmp_path / "project",), now=NOW, cache_folder=tmp_path / "kept"), told)
        return told.cached, outcome.audit

    first, again = cached(cluster), cached(cluster)
    assert (first[0], again[0]) == (0, 1) and first[1] == again[1]
    with build() as newer:
        assert cached(newer)[0] == 0 and cached(newer)[0] == 1
