"""Do the shared fixtures keep their promises: nobody's own index is touched, and the small index is a real one?"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

import wherefrom
from indexer.errors import IndexNotFound
from indexer.location import default_location, state_file


def test_no_index_of_the_user_is_in_reach(tmp_path: Path) -> None:
    with pytest.raises(IndexNotFound, match="no index is set"):
        default_location({"HOME": str(tmp_path)})
    assert "WHEREFROM_INDEX" not in os.environ
    assert "wherefrom-tests-" in str(state_file(os.environ))
    assert "wherefrom-tests-" in str(Path.home())


def test_small_index_holds_every_row_and_knows_where_its_code_stands(small_index: Any) -> None:
    row = max(small_index.rows, key=lambda row: len(row["content"]))
    lines = row["content"].split("\n")
    middle = len(lines) // 2
    with wherefrom.open(small_index.location) as index:
        assert index.info.documents == len(small_index.rows) > 200
        source = index.attribute("\n".join(lines[middle : middle + 30])).sources[0]
    assert (source.repository, source.commit, source.path) == (row["repository"], row["commit"], row["path"])
    assert source.start_line <= middle + 15 <= source.end_line
