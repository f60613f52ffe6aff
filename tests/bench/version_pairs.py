"""Which of two versions of a file is kept, when one of them has more stars, an earlier date, another licence?

Not here: whether the two are found (`near_duplicates`).
"""

from __future__ import annotations

import tempfile
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from curation.near_duplicates.clusters import cluster
from curation.near_duplicates.settings import NearDuplicateSettings
from curation.near_duplicates.signing import signatures
from curation.near_duplicates.tables import signed
from curation.near_duplicates.texts import NumberedTexts
from indexer.corpus import FILES_SCHEMA
from tests.bench.report import table

N_PAIRS = 50
SETTINGS = NearDuplicateSettings()
BOTH = ["permissive", "permissive"]
# what is said of the earlier and of the later version, and which of them is to be kept
CASES: dict[str, tuple[dict[str, list[Any]], int]] = {
    "dates of the releases alone": ({"license_type": BOTH, "stars": [5, 5]}, 0),
    "more stars for the later": ({"license_type": BOTH, "stars": [5, 6]}, 1),
    "more forks for the later": ({"license_type": BOTH, "stars": [5, 5], "forks": [1, 2]}, 1),
    "more stars for the earlier, which is not permissive": ({"license_type": ["copyleft", "permissive"], "stars": [9, 1]}, 1),
}


def representatives(file: Path, names: list[str]) -> str:
    """Tells for how many pairs the right version is kept: of clusters (`names` by row) of two releases' versions of one path."""
    pairs = _version_pairs(file, names)
    taken = pq.read_table(file).take([row for pair in pairs for row in pair])
    dates = [datetime(year, 1, 1, tzinfo=UTC) for year in (2000, 2001)]  # releases are read in their order
    rows = []
    for case, (facts, right) in CASES.items():
        kept = _kept(taken, {name: values * len(pairs) for name, values in (facts | {"first_seen": dates}).items()})
        n = sum(kept[2 * i + right] and not kept[2 * i + 1 - right] for i in range(len(pairs)))
        rows.append([case, ("the earlier", "the later")[right], f"{n} of {len(pairs)}"])
    told = f"{len(pairs)} clusters of two versions of one path from two releases; stars, forks, dates and licences are planted.\n"
    return f"{told}\n{table(['', 'kept is', 'right'], rows)}"


def _version_pairs(file: Path, names: list[str]) -> list[list[int]]:
    """Clusters that are two versions of one path, spread over all of them."""
    columns = pq.read_table(file, columns=["repository", "path", "commit"]).to_pylist()
    members = defaultdict(list)
    for row, name in enumerate(names):
        members[name].append(row)
    pairs = [rows for rows in members.values() if len(rows) == 2 and _is_one_path(*(columns[row] for row in rows))]
    return pairs[:: max(1, len(pairs) // N_PAIRS)][:N_PAIRS]


def _is_one_path(a: dict[str, str], b: dict[str, str]) -> bool:
    return (a["repository"], a["path"]) == (b["repository"], b["path"]) and a["commit"] != b["commit"]


def _kept(taken: pa.Table, changed: dict[str, list[Any]]) -> list[bool]:
    """Whether each row is the representative."""
    for name, values in changed.items():
        taken = taken.set_column(
            FILES_SCHEMA.get_field_index(name), FILES_SCHEMA.field(name), pa.array(values, FILES_SCHEMA.field(name).type)
        )
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "files.parquet")
        pq.write_table(taken, file)
        batch = taken.combine_chunks().to_batches()[0]
        rows = [signed(batch, pa.array(range(batch.num_rows)), signatures(batch, SETTINGS))]
        table_of = cluster(lambda: rows, SETTINGS, Path(folder), NumberedTexts((file,))).table
        return list(pq.read_table(table_of).column("representative").to_pylist())
