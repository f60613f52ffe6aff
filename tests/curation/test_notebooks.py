import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from curation.datasets import collect_dataset
from curation.notebooks import Notebook, parsed, script, triplets
from curation.origin import Reading

CELLS: list[dict[str, Any]] = [
    {"cell_type": "markdown", "source": ["# Data\n", "Load it"]},
    {"cell_type": "markdown", "source": "Then look"},
    {
        "cell_type": "code",
        "source": ["%matplotlib inline\n", "!ls\n", "x = load()\n", "x % 2"],
        "outputs": [
            {"output_type": "stream", "name": "stdout", "text": ["\u001b[31m3\u001b[0m ", "rows\n"]},
            {"output_type": "display_data", "data": {"image/png": "AAAA"}},
            {"output_type": "execute_result", "data": {"text/plain": "array([1])", "text/html": "<b>"}},
        ],
    },
    {"cell_type": "code", "source": "", "outputs": []},
    {
        "cell_type": "code",
        "source": "1 / 0",
        "outputs": [{"output_type": "error", "ename": "ZeroDivisionError", "evalue": "division by zero"}],
    },
    {"cell_type": "raw", "source": "raw"},
    {"cell_type": "markdown", "source": "The end"},
]


def notebook(cells: list[dict[str, Any]], **metadata: Any) -> Notebook:
    found = parsed(json.dumps({"nbformat": 4, "metadata": metadata, "cells": cells}))
    assert found is not None
    return found


def test_a_script_has_text_and_magic_as_comments_and_runs_as_far_as_it_did() -> None:
    assert script(notebook(CELLS[:3])) == (
        "# %% [markdown]\n# # Data\n# Load it\n\n# %% [markdown]\n# Then look\n\n# %%\n# %matplotlib inline\n# !ls\nx = load()\nx % 2\n"
    )
    compile(script(notebook(CELLS)), "notebook", "exec")


def test_triplets_are_text_code_and_the_text_of_outputs() -> None:
    assert triplets(notebook(CELLS)) == [
        {
            "markdown": "# Data\nLoad it\n\nThen look",
            "code": "%matplotlib inline\n!ls\nx = load()\nx % 2",
            "output": "3 rows\n\narray([1])",
        },
        {"markdown": "", "code": "1 / 0", "output": "ZeroDivisionError: division by zero"},
        {"markdown": "The end", "code": "", "output": ""},
    ]


def test_other_languages_have_their_own_comments() -> None:
    cells = [{"cell_type": "markdown", "source": "Say"}, {"cell_type": "code", "source": "f();", "outputs": []}]
    made = notebook(cells, kernelspec={"language": "JavaScript"})
    assert (made.language, script(made)) == ("javascript", "// %% [markdown]\n// Say\n\n// %%\nf();\n")


def test_format_3_is_read() -> None:
    cells = [
        {"cell_type": "heading", "level": 2, "source": "Title"},
        {"cell_type": "code", "language": "python", "input": ["x = 1"], "outputs": [{"output_type": "pyout", "text": ["1"]}]},
    ]
    found = parsed(json.dumps({"nbformat": 3, "metadata": {}, "worksheets": [{"cells": cells}]}))
    assert found is not None
    assert triplets(found) == [{"markdown": "## Title", "code": "x = 1", "output": "1"}]


def test_long_outputs_are_cut() -> None:
    cell = {"cell_type": "code", "source": "x", "outputs": [{"output_type": "stream", "text": "y" * 5000}]}
    found = parsed(json.dumps({"cells": [cell]}), max_output_chars=10)
    assert found is not None
    assert found.cells[0].output == "y" * 10


def test_notebooks_of_a_source_become_a_dataset_and_others_are_counted(tmp_path: Path, mit_text: str) -> None:
    root = tmp_path / "demo"
    root.mkdir()
    (root / "LICENSE").write_text(mit_text)
    (root / "a.ipynb").write_text(json.dumps({"cells": CELLS}))
    (root / "bad.ipynb").write_text('{"cells":')
    (root / "list.ipynb").write_text("[1]")
    (root / "odd.ipynb").write_text('{"cells": [3, {"cell_type": "code", "source": ["\\ud800", 4], "outputs": [5]}]}')
    (root / "text.ipynb").write_text(json.dumps({"cells": CELLS[:1]}))
    (root / "x.py").write_text("x = 1\n")
    reading = Reading()
    collect_dataset("notebooks", [f"dir:{root}"], tmp_path / "made", date="d", reading=reading)
    rows = pq.read_table(tmp_path / "made" / "notebooks").to_pylist()
    assert [(row["path"], row["license_expression"], row["language"]) for row in rows] == [
        ("a.ipynb", "MIT", "python"),
        ("odd.ipynb", "MIT", "python"),
    ]
    assert rows[0]["content"].startswith("<jupyter_start><jupyter_text># Data\nLoad it\n\nThen look<jupyter_code>%matplotlib")
    assert rows[0]["content"].endswith("<jupyter_output>ZeroDivisionError: division by zero<jupyter_text>The end")
    assert reading.skipped == {"no_notebook": 2, "notebook_without_code": 1}
