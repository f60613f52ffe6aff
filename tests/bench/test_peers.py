"""Do the peers find what stands in a small corpus, and nothing where nothing of it does? Each through its own package."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pyarrow.parquet as pq
import pytest

from tests.bench.corpus import Corpus, table_of
from tests.bench.engines import ENGINES, load_engine
from tests.bench.extract import SourceFile

FILES = 300  # infini-gram sorts parts that overlap by 100 KB, and gets a smaller corpus wrong


def text_of(number: int) -> str:
    """Forty lines that stand in one file only."""
    return "\n".join(f"    value_{number}_{line} = compute({line}, other={number}, name='{number}/{line}')" for line in range(40))


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    folder = tmp_path_factory.mktemp("corpus")
    files = [SourceFile(f"py/p{number}@1", "a.py", "Python", "MIT", f"{number:040x}", text_of(number)) for number in range(FILES)]
    pq.write_table(table_of(files), folder / "corpus.parquet")
    (folder / "corpus.json").write_text(json.dumps({"corpus": {"bytes": sum(len(file.content) for file in files)}}), "utf-8")
    return Corpus(folder)


@pytest.mark.parametrize("key", [key for key in ENGINES if key != "wherefrom-full-text"])
def test_a_snippet_scores_above_foreign_code_and_names_its_file(
    key: str, corpus: Corpus, tmp_path: Path, missing: Callable[[str, str], NoReturn]
) -> None:
    try:
        engine = load_engine(key)
    except ModuleNotFoundError as error:
        missing(str(error.name), "make bench installs it")
    engine.build(corpus, tmp_path)
    snippet, foreign = "\n".join(text_of(17).split("\n")[10:25]), "\n".join(text_of(FILES + 5).split("\n")[10:25])
    for name, question in engine.open(corpus, tmp_path).items():
        found = question.ask(snippet)
        assert found.score > question.ask(foreign).score, name
        assert not question.names_files or found.ranked[0][0].id == 17, name
        if question.check:
            checked = question.check(snippet)
            assert checked.claims and not checked.faults
            assert checked.found == found
