"""Which one of several identical files is kept?

The rule: a permissive licence first, then more stars, more forks, the earliest date, then repository and path in
alphabetical order. What is unknown comes last. The account of ids and ranks is kept on disk, so memory stays flat.

Not here: near-duplicates, which come with the full pipeline.
"""

from __future__ import annotations

RANK_COLUMNS = ("content_id", "license_type", "stars", "forks", "first_seen", "repository", "path")
_LATER_THAN_ALL = 1 << 62

_BETTER = """
INSERT INTO best VALUES (?, ?, ?, ?, ?, ?, ?, ?, 1)
ON CONFLICT (content_id) DO UPDATE SET
    files = files + 1,
    (license, stars, forks, first_seen, repository, path, row) = (
        SELECT excluded.license, excluded.stars, excluded.forks, excluded.first_seen, excluded.repository, excluded.path, excluded.row
        WHERE (excluded.license, excluded.stars, excluded.forks, excluded.first_seen, excluded.repository, excluded.path, excluded.row)
            < (license, stars, forks, first_seen, repository, path, row)
        UNION ALL SELECT license, stars, forks, first_seen, repository, path, row LIMIT 1
    )
"""
