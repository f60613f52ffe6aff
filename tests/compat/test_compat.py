"""Does this version open every index that an earlier one released, and is FORMAT.md true of it?"""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from indexer.index import Index
from tests.compat import make_index

FORMAT = Path(make_index.HERE).parents[1] / "indexer" / "segment" / "FORMAT.md"
VERSIONS = sorted(path for path in make_index.HERE.glob("index_v*") if path.is_dir())


@pytest.mark.parametrize("folder", VERSIONS, ids=lambda folder: folder.name)
def test_an_index_of_an_earlier_version_opens_and_answers(folder: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(folder, tmp_path / folder.name))  # opening leaves tantivy's lock files
    index = Index.open(copy)
    assert index.verify().problems == ()
    assert make_index.answers(index) == json.loads(folder.with_name(f"{folder.name}.answers.json").read_text())


def test_the_examples_of_the_format_are_real_bytes() -> None:
    shown = {}
    for block in re.findall(r"```example\n(.*?)```", FORMAT.read_text(), re.S):
        shown |= dict(re.split(r"  +", line) for line in block.splitlines())
    assert shown == make_index.examples()


def test_every_section_is_described() -> None:
    from tests.reference.segment import Container

    text = FORMAT.read_text()
    for name in ("segment-000001", "segment-000001.filter"):
        file = Container.parse((make_index.INDEX / name).read_bytes())
        for section in file.header["sections"]:
            assert f"`{section}`" in text or f"### {section}" in text or section.startswith("renamed."), section
        for field in file.header:
            assert f"`{field}`" in text, field
