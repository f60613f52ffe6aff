"""Where do packages, corpora and indexes stay between runs? In `bench-data/` where there is one, else in the user's cache folder."""

from __future__ import annotations

import os
from pathlib import Path


def data_folder() -> Path:
    """The folder that `--data` stands for where it is not given."""
    here = Path("bench-data")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return here if here.is_dir() else cache / "wherefrom-bench"
