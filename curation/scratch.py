"""How does an account that may outgrow memory stay on disk while a run lasts?

Not here: what is kept in it (`curation.ledger`, `curation.duplicates`).
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

_CACHE_KIB = 65_536


def open_scratch(file: Path) -> sqlite3.Connection:
    """A new SQLite database for the length of one run: no journal, no flush to disk, a bounded cache.

    It may be used from several threads, one at a time.
    """
    database = sqlite3.connect(file, check_same_thread=False)
    for setting in ("journal_mode = OFF", "synchronous = OFF", f"cache_size = -{_CACHE_KIB}", "temp_store = FILE"):
        database.execute(f"PRAGMA {setting}")
    return database
