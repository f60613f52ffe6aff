"""Which findings were known before? A file of identities, written by `--report baseline=FILE` and given back with `--baseline FILE`.

A finding is new when its identity is, or when its licence is worse than the baseline says. A whole file or folder is known as well
by the stretches it stands for, and they by it: lines put above make a whole file a stretch, and that is nothing new.

Not here: suppressions (`search_api.audit.settings`), identity itself (`search_api.audit.findings`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from indexer.answers import LicenseType
from indexer.errors import InputError
from search_api.audit.model import FORMAT, LEVELS, Audit, Finding

_TYPES: tuple[str, ...] = get_args(LicenseType)  # from the freest to what nobody knows
_KIND = "wherefrom audit baseline"


@dataclass(frozen=True, slots=True)
class Known:
    """What a baseline says of one finding."""

    level: str
    license_type: str


def read(file: Path) -> dict[str, Known]:
    """Identity -> what was known. Raises InputError for a file that is no baseline, or of a later format."""
    try:
        given = json.loads(file.read_text("utf-8"))
    except OSError as error:
        raise InputError(f"{file}: cannot be read ({error.strerror}); make it with: wherefrom audit . --report baseline={file}") from None
    except ValueError as error:
        raise InputError(f"{file}: not JSON ({error}); make it anew with --report baseline={file}") from None
    if not isinstance(given, dict) or given.get("kind") != _KIND:
        raise InputError(f"{file}: not a baseline; make one with --report baseline={file}")
    if given.get("format") != FORMAT:
        raise InputError(f"{file}: baseline format {given.get('format')!r}, this reader takes {FORMAT}; make it anew, or upgrade wherefrom")
    try:
        return {
            id_: Known(one["level"], one["license_type"]) for one in given["findings"] for id_ in (one["id"], *one.get("stands_for", ()))
        }
    except (KeyError, TypeError):
        raise InputError(f"{file}: a finding lacks its id, level or license_type; make it anew with --report baseline={file}") from None


def write(audit: Audit) -> str:
    """The baseline of an audit, one finding a line, so that a review sees what was accepted."""
    rows = sorted(audit.findings, key=lambda finding: (finding.path, finding.id))
    head = {"kind": _KIND, "format": FORMAT}
    lines = ",\n".join("  " + json.dumps(_row(finding)) for finding in rows)
    return json.dumps(head)[:-1] + ', "findings": [\n' + lines + ("\n" if lines else "") + "]}\n"


def is_known(finding: Finding, known: dict[str, Known]) -> bool:
    """Whether a baseline answers for a finding: it holds its identity or all its stretches, under licences that were no better."""
    ids = (finding.id,) if finding.id in known else finding.stands_for
    return bool(ids) and all(id_ in known and not _is_worse(finding, known[id_]) for id_ in ids)


def _is_worse(finding: Finding, before: Known) -> bool:
    judged = "not_judged" not in (before.level, finding.level)
    if judged and _rank(LEVELS, finding.level) > _rank(LEVELS, before.level):
        return True
    return _rank(_TYPES, finding.license_type) > _rank(_TYPES, before.license_type)


def _rank(order: Iterable[str], value: str) -> int:
    names = list(order)
    return names.index(value) if value in names else -1


def _row(finding: Finding) -> dict[str, object]:
    return {
        "id": finding.id,
        "path": finding.path,
        "tokens": finding.tokens,
        "source": finding.component,
        "license_expression": finding.license_expression,
        "license_type": finding.license_type,
        "level": finding.level,
        **({"stands_for": finding.stands_for} if finding.stands_for else {}),
    }
