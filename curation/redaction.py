"""Where may the text of a file be replaced before it is released, and how is its original still found?

    [redaction]
    function = "our_redaction:without_addresses"     a function of a module on PYTHONPATH (not the working folder); "": nothing

    def without_addresses(batch: pa.RecordBatch) -> pa.RecordBatch: ...

The function takes a batch of `indexer.corpus.FILES_SCHEMA` and gives one of as many rows in the same order, whose `content` may
differ; other columns are not looked at. Null in `content` withholds a file. It is called for each batch on its own, in any process,
and must give the same text for the same row. Of a file that it changes, `original_content_id` keeps the hash before and `content_id`
becomes that of the text released: whoever asks to be left out may name either.

No redactor is built in. Not here: who calls this (`curation.steps`).
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from indexer.corpus import FILES_SCHEMA, content_id
from indexer.errors import InputError

Redactor = Callable[[pa.RecordBatch], pa.RecordBatch]


@dataclass(frozen=True, slots=True)
class RedactionSettings:
    """What replaces text, as "MODULE:FUNCTION"; nothing where it is empty."""

    function: str = ""

    def as_mapping(self) -> dict[str, str]:
        """As the manifest states it: with a hash of the module, since another text makes another release."""
        return {"function": self.function, **({"module_sha256": _module_hash(self.function)} if self.function else {})}


@dataclass(frozen=True, slots=True)
class Redacted:
    """What came of a batch: its columns after, the new texts alone (null where nothing changed), why rows are dropped, counts."""

    batch: pa.RecordBatch
    released: pa.Array
    reasons: list[str | None]
    n_changed: int
    bytes_before: int
    bytes_after: int


@lru_cache(8)
def redactor(name: str) -> Redactor:
    """The function of this name. Raises InputError where there is none."""
    module, colon, function = name.partition(":")
    try:
        found = getattr(import_module(module), function) if colon else None
    except (ImportError, AttributeError, TypeError, ValueError) as error:
        raise InputError(f"redaction.function: {name!r} cannot be had ({error}); put its module on PYTHONPATH") from error
    if not callable(found):
        raise InputError(f"redaction.function: {name!r} is no function; wanted MODULE:FUNCTION")
    return found  # type: ignore[no-any-return]  # what it gives is checked each time


def redacted(batch: pa.RecordBatch, name: str) -> Redacted:
    """The batch after a redactor. Raises InputError where that fails or gives something else than it should."""
    old = batch.column("content")
    new = _replaced(batch.select(FILES_SCHEMA.names), name)
    changed = pc.fill_null(pc.not_equal(new, old), True)
    ids, sizes, originals = (batch.column(column).to_pylist() for column in ("content_id", "size", "original_content_id"))
    reasons: list[str | None] = [None] * batch.num_rows
    before = after = 0
    for row in pc.indices_nonzero(changed).to_pylist():
        text = (new[row].as_py() or "").encode()
        before, after = before + len(old[row].as_py().encode()), after + len(text)
        reasons[row] = None if text else "withheld"
        ids[row], sizes[row], originals[row] = content_id(text), len(text), originals[row] or ids[row]
    values = {"content": pc.coalesce(new, old), "content_id": ids, "size": sizes, "original_content_id": originals}
    for column, filled in values.items():
        place = batch.schema.get_field_index(column)
        field = batch.schema.field(place)
        batch = batch.set_column(place, field, filled if isinstance(filled, pa.Array) else pa.array(filled, field.type))
    released = pc.if_else(changed, new, pa.scalar(None, pa.large_string()))
    return Redacted(batch, released, reasons, pc.sum(changed).as_py() or 0, before, after)


def _replaced(batch: pa.RecordBatch, name: str) -> pa.Array:
    """The contents that a redactor gives."""
    try:
        given = redactor(name)(batch)
    except InputError:
        raise
    except Exception as error:  # whatever it is, it is the redactor's; its words may hold somebody's code
        raise InputError(f"redaction.function: {name!r} ended with {type(error).__name__}; correct it") from error
    if not isinstance(given, pa.RecordBatch) or given.num_rows != batch.num_rows or "content" not in given.schema.names:
        raise InputError(f"redaction.function: {name!r} gave something else than a record batch of as many rows with `content`; correct it")
    content = given.column("content")
    if not (pa.types.is_string(content.type) or pa.types.is_large_string(content.type)):
        raise InputError(f"redaction.function: {name!r} gave `content` of {content.type}, wanted text; correct it")
    return content.cast(pa.large_string())


def _module_hash(name: str) -> str:
    source = inspect.getsourcefile(inspect.unwrap(redactor(name)))
    return hashlib.sha256(Path(source).read_bytes()).hexdigest() if source else "unknown"
