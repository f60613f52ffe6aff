"""How are many texts asked about in a few requests? Lines out, lines back, and a last line without which nothing counts.

Not here: the server's side (`search_api.batches`), single questions (`search_api.exchange`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeVar

from indexer.answers import OffsetUnit
from indexer.errors import WherefromError
from search_api.exchange import Exchange, encoded, error_of, in_unit, question_of
from search_api.from_json import from_json

Value = TypeVar("Value")
MEDIA_TYPE = "application/x-ndjson"
_LINES = 200  # of one request
_BYTES = 2 << 20


def batches(
    kind: type[Value], path: str, texts: Iterable[str | bytes], options: Mapping[str, Any], location: str
) -> Iterator[Exchange[list[Value]]]:
    """Requests for answers to all texts, each a bounded piece of them, in order."""
    lines: list[bytes] = []
    units: list[OffsetUnit] = []
    for text in texts:
        question, unit = question_of(text, options)
        line = encoded({"id": len(lines), **question})
        if lines and (len(lines) == _LINES or sum(map(len, lines)) + len(line) > _BYTES):
            yield _exchange(kind, path, lines, units, location)
            lines, units = [], []
            line = encoded({"id": 0, **question})
        lines.append(line)
        units.append(unit)
    if lines:
        yield _exchange(kind, path, lines, units, location)


def _exchange(kind: type[Value], path: str, lines: list[bytes], units: list[OffsetUnit], location: str) -> Exchange[list[Value]]:
    return Exchange("POST", path, lambda body: _read(kind, body, units, location), content=b"\n".join(lines), media_type=MEDIA_TYPE)


def _read(kind: type[Value], body: bytes, units: list[OffsetUnit], location: str) -> list[Value]:
    """The answers. Raises the error of the first line that has one, ValueError for a reply that was cut off."""
    *lines, end = [json.loads(line) for line in body.splitlines()] or [{}]
    if not (isinstance(end, dict) and end.get("end") is True and end.get("received") == len(units) == len(lines)):
        raise ValueError(f"cut off after {len(lines)} of {len(units)} answers")
    return [_answer(kind, line, number, unit, location) for number, (line, unit) in enumerate(zip(lines, units, strict=True))]


def _answer(kind: type[Value], line: Any, number: int, unit: OffsetUnit, location: str) -> Value:
    if not isinstance(line, dict) or line.get("id") != number:
        raise ValueError(f"line {number + 1} is not the answer to text {number + 1}")
    if "problem" in line:
        raise _error_of_line(line["problem"], f"{location}: text {number + 1}")
    return in_unit(from_json(kind, line), unit)


def _error_of_line(problem: Any, where: str) -> WherefromError:
    status = problem.get("status", 500) if isinstance(problem, dict) else 500
    return error_of(status, encoded(problem), where)
