"""What the tests of curation share: reading a source into rows, running the command, MIT's text."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from curation.batches import batches
from curation.origin import Reading
from curation.sources.naming import all_files, source
from tests.limits import HANG_SECONDS

Rows = list[dict[str, Any]]


@pytest.fixture
def read() -> Callable[..., Rows]:
    """read("dir:x", reading) -> the rows that a source gives."""

    def rows(name: str, reading: Reading | None = None) -> Rows:
        account = reading or Reading()
        return [row for batch in batches(all_files([source(name)], account), account) for row in batch.to_pylist()]

    return rows


@pytest.fixture
def wherefrom(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs the command in a process of its own, in tmp_path, with a home of its own."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("WHEREFROM_", "SOURCE_DATE_EPOCH", "XDG_"))}
    environment["HOME"] = str(tmp_path / "home")

    def run(*arguments: str, **extra: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "wherefrom", *arguments]
        return subprocess.run(
            command, cwd=tmp_path, env=environment | extra, capture_output=True, text=True, timeout=HANG_SECONDS, check=False
        )

    return run


@pytest.fixture
def mit_text() -> str:
    return (
        "MIT License\n\nCopyright (c) 2020 Ada Example\n\n"
        "Permission is hereby granted, free of charge, to any person obtaining a copy\nof this software and associated documentation"
        ' files (the "Software"), to deal\nin the Software without restriction.\n\nThe above copyright notice and this permission notice'
        " shall be included in all\ncopies or substantial portions of the Software.\n"
    )
