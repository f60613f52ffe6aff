"""Which licence texts, notices and copyright lines does an index hold of a repository?

Not here: the list of repositories (`indexer.stores.local.search`).
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from indexer.errors import IndexCorrupt
from indexer.licences.legal import Legal, NamedText
from indexer.stores.local.snapshot import Snapshot

LEGAL_COLUMNS = ["repository", "license_texts", "notice_texts", "copyright_lines"]


def legal(snapshot: Snapshot, repository: str) -> Legal:
    """The texts of the newest row of a repository. Raises IndexCorrupt. Reads the tables: tens of milliseconds for thousands of rows."""
    for table in reversed(snapshot.tables):
        try:
            rows = pq.read_table(pa.BufferReader(table.content()), columns=LEGAL_COLUMNS)
        except (pa.ArrowException, OSError) as error:
            raise IndexCorrupt(f"{table.path}: not a table of repositories ({error}); rebuild the index with wherefrom index") from error
        found = rows.filter(pc.equal(pc.utf8_lower(rows["repository"]), repository.lower())).to_pylist()
        if found:
            return legal_of(found[-1])
    return Legal()


def legal_of(row: dict[str, list[dict[str, str]] | list[str] | None]) -> Legal:
    """What a row of repositories says."""
    named = {name: tuple(NamedText(**text) for text in row[name] or () if isinstance(text, dict)) for name in LEGAL_COLUMNS[1:3]}
    return Legal(**named, copyright_lines=tuple(str(line) for line in row["copyright_lines"] or ()))
