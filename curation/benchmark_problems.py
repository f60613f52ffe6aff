"""Which problems does a benchmark's file hold? JSON Lines, plain or gzip, one problem a line.

Benchmarks name their fields each in its own way: `FieldNames` lists the names tried, in order. A solution may be text, a list
of texts, or such a list written as JSON (APPS).

Not here: finding problems in files (`curation.decontamination`).
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from indexer.errors import InputError


@dataclass(frozen=True, slots=True)
class FieldNames:
    """Which fields of a line to try for what; the first that holds text is taken."""

    prompt: tuple[str, ...] = ("prompt", "text", "question", "description", "problem")
    solution: tuple[str, ...] = ("canonical_solution", "solution", "solutions", "code", "reference_code", "answer")
    task_id: tuple[str, ...] = ("task_id", "problem_id", "id", "name")
    entry_point: tuple[str, ...] = ("entry_point", "function_name")


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem: `prompt` is "" or text, `solutions` may be none, not both. `benchmark` is the file's name without suffixes."""

    benchmark: str
    task_id: str
    prompt: str
    solutions: tuple[str, ...]
    entry_point: str


def read_problems(path: Path, names: FieldNames) -> Iterator[Problem]:
    """The problems of one file. Raises InputError with file and line for a line that is none."""
    benchmark = path.name.partition(".jsonl")[0]
    for number, line in enumerate(_lines(path), start=1):
        if line.strip():
            yield _problem(_object(line, f"{path}:{number}"), benchmark, number, names, f"{path}:{number}")


def _lines(path: Path) -> list[str]:
    try:
        data = path.read_bytes()
        text = (gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 (byte {error.start}); a benchmark is JSON Lines in UTF-8, plain or gzip") from error
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path}: cannot be read ({error}); name a benchmark's JSON Lines, plain or gzip") from error
    return text.split("\n")


def _object(line: str, where: str) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{where}: not JSON ({error}); a benchmark has one JSON object a line") from error
    if not isinstance(value, dict):
        raise InputError(f"{where}: got {type(value).__name__}, wanted an object; a benchmark has one JSON object a line")
    return value


def _problem(line: dict[str, Any], benchmark: str, number: int, names: FieldNames, where: str) -> Problem:
    prompts = next((texts for name in names.prompt if (texts := _texts(line.get(name)))), ())
    solutions = next((texts for name in names.solution if (texts := _texts(line.get(name)))), ())
    if not prompts and not solutions:
        wanted = ", ".join((*names.prompt, *names.solution))
        raise InputError(f"{where}: no text of a problem (it has {', '.join(line) or 'no field'}); wanted one of {wanted}; name the fields")
    task_id = next((str(line[name]) for name in names.task_id if isinstance(line.get(name), str | int)), str(number))
    entry_point = next((line[name] for name in names.entry_point if isinstance(line.get(name), str)), "")
    return Problem(benchmark, task_id, "\n".join(prompts), solutions, entry_point)


def _texts(value: Any) -> tuple[str, ...]:
    """ "x" -> ("x",); ["x", "y"] -> ("x", "y"); '["x"]' -> ("x",); blank texts are none."""
    if isinstance(value, str) and value.lstrip().startswith("["):
        with suppress(ValueError, RecursionError):  # code may begin with a bracket too
            value = json.loads(value)
    found = [value] if isinstance(value, str) else value if isinstance(value, list) else []
    return tuple(text for text in found if isinstance(text, str) and text.strip())
