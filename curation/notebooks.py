"""What does a Jupyter notebook say as a script, and as steps of text, code and output?

    # %% [markdown]
    # Load the data
    # %%
    x = load()

    <jupyter_start><jupyter_text>Load the data<jupyter_code>x = load()<jupyter_output>3 rows

Of outputs only text is kept, and no more than `max_output_chars` of it; pictures and widgets are passed over.

Not here: where the files come from (`curation.sources`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from curation.batches import link_to
from curation.decoding import decode
from curation.origin import Reading, SourceFile
from indexer.corpus import content_id

_TRIPLET = pa.struct([(name, pa.string()) for name in ("markdown", "code", "output")])
NOTEBOOKS_SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("content_id", "repository", "owner", "path", "commit", "url", "language")),
        *((name, pa.string()) for name in ("license_expression", "license_type")),
        ("script", pa.large_string()),
        ("triplets", pa.list_(_TRIPLET)),
        ("content", pa.large_string()),
    ]
)
MAX_OUTPUT_CHARS = 1_000
_HASH_COMMENTS = frozenset({"python", "r", "julia", "ruby", "bash", "perl", "octave", "gnuplot", "powershell"})
_DASH_COMMENTS = frozenset({"sql", "haskell", "lua", "ada"})
_MAGIC = re.compile(r"^(?=[ \t]*[%!])", re.MULTILINE)
_ESCAPES = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_BATCH_BYTES = 8_000_000


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of text (`is_code` False) or of code with the text of its output."""

    is_code: bool
    source: str
    output: str


@dataclass(frozen=True, slots=True)
class Notebook:
    """The language of the code, and the cells that are not empty."""

    language: str
    cells: tuple[Cell, ...]


def notebook_rows(files: Iterable[SourceFile], reading: Reading, max_output_chars: int = MAX_OUTPUT_CHARS) -> Iterator[pa.RecordBatch]:
    """Rows of NOTEBOOKS_SCHEMA for the notebooks among the files; what is none by its content is named and counted."""
    rows: list[dict[str, Any]] = []
    n_bytes = 0
    for file in files:
        if not file.path.lower().endswith(".ipynb"):
            continue
        notebook = parsed(file.content, max_output_chars)
        if notebook is None or not any(cell.is_code for cell in notebook.cells):
            reading.skip("no_notebook" if notebook is None else "notebook_without_code")
            continue
        rows.append(_row(file, notebook))
        n_bytes += len(file.content)
        if n_bytes >= _BATCH_BYTES:
            yield pa.RecordBatch.from_pylist(rows, schema=NOTEBOOKS_SCHEMA)
            rows, n_bytes = [], 0
    if rows:
        yield pa.RecordBatch.from_pylist(rows, schema=NOTEBOOKS_SCHEMA)


def parsed(content: bytes | str, max_output_chars: int = MAX_OUTPUT_CHARS) -> Notebook | None:
    """A notebook of format 3 or 4; None for what is none."""
    decoded = decode(content) if isinstance(content, bytes) else None
    text = decoded.text if decoded else content
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict):
        return None
    sheets = value["worksheets"] if isinstance(value.get("worksheets"), list) else [value]
    listed = [sheet.get("cells") for sheet in sheets if isinstance(sheet, dict)]
    if not any(isinstance(cells, list) for cells in listed):
        return None
    raw = [cell for cells in listed if isinstance(cells, list) for cell in cells if isinstance(cell, dict)]
    made = (_cell(cell, max_output_chars) for cell in raw)
    return Notebook(_language(value, raw), tuple(cell for cell in made if cell and cell.source.strip()))


def script(notebook: Notebook) -> str:
    """The notebook as one file of its language: text as comments, and what only a notebook understands (%magic, !shell) as well."""
    mark = "#" if notebook.language in _HASH_COMMENTS else "--" if notebook.language in _DASH_COMMENTS else "//"
    parts = []
    for cell in notebook.cells:
        if cell.is_code:
            parts.append(f"{mark} %%\n{_MAGIC.sub(f'{mark} ', cell.source.strip())}\n")
        else:
            lines = "\n".join(f"{mark} {line}".rstrip() for line in cell.source.strip().splitlines())
            parts.append(f"{mark} %% [markdown]\n{lines}\n")
    return "\n".join(parts)


def triplets(notebook: Notebook) -> list[dict[str, str]]:
    """Steps of text, code and output: what stands above a cell of code belongs to it; text after the last one is a step without code."""
    steps: list[dict[str, str]] = []
    above: list[str] = []
    for cell in notebook.cells:
        if not cell.is_code:
            above.append(cell.source.strip())
            continue
        steps.append({"markdown": "\n\n".join(above), "code": cell.source.strip(), "output": cell.output})
        above = []
    return [*steps, {"markdown": "\n\n".join(above), "code": "", "output": ""}] if above else steps


def _row(file: SourceFile, notebook: Notebook) -> dict[str, Any]:
    origin, steps = file.origin, triplets(notebook)
    marked = [("<jupyter_text>", "markdown"), ("<jupyter_code>", "code"), ("<jupyter_output>", "output")]
    content = file.content if isinstance(file.content, bytes) else file.content.encode()
    return {
        "content_id": file.content_id or content_id(content),
        "repository": origin.repository,
        "owner": origin.owner,
        "path": file.path,
        "commit": origin.commit,
        "url": file.url or link_to(origin.link, file.path),
        "language": notebook.language,
        "license_expression": origin.licence.expression,
        "license_type": origin.licence.type,
        "script": script(notebook),
        "triplets": steps,
        "content": "<jupyter_start>" + "".join(mark + step[name] for step in steps for mark, name in marked if step[name]),
    }


def _cell(cell: dict[str, Any], max_output_chars: int) -> Cell | None:
    kind = cell.get("cell_type")
    if kind == "code":
        outputs = cell.get("outputs")
        texts = [_output(each) for each in (outputs if isinstance(outputs, list) else []) if isinstance(each, dict)]
        printed = _ESCAPES.sub("", "\n".join(filter(None, texts))).replace("\0", "")
        return Cell(True, _joined(cell.get("source", cell.get("input"))), printed.strip()[:max_output_chars])
    if kind == "heading":  # of format 3
        level = cell.get("level")
        return Cell(False, "#" * (level if isinstance(level, int) and 0 < level < 7 else 1) + " " + _joined(cell.get("source")), "")
    return Cell(False, _joined(cell.get("source")), "") if kind == "markdown" else None


def _output(output: dict[str, Any]) -> str:
    if "ename" in output:
        return f"{output['ename']}: {output.get('evalue', '')}"
    data = output.get("data")
    return _joined(data.get("text/plain")) if isinstance(data, dict) else _joined(output.get("text"))


def _joined(source: Any) -> str:
    """Text that is a string or a list of its lines, without what UTF-8 cannot hold."""
    text = "".join(part for part in source if isinstance(part, str)) if isinstance(source, list) else source
    return text.encode("utf-8", "replace").decode() if isinstance(text, str) else ""


def _language(value: dict[str, Any], cells: list[dict[str, Any]]) -> str:
    """As the notebook says, by its kernel or its cells; else Python, which Jupyter began with."""
    metadata = value.get("metadata")
    stated = metadata if isinstance(metadata, dict) else {}
    places = [(stated.get("language_info"), "name"), (stated.get("kernelspec"), "language"), *((cell, "language") for cell in cells[:1])]
    names = (record.get(key) for record, key in places if isinstance(record, dict))
    return next((name.lower() for name in names if isinstance(name, str) and name), "python")
