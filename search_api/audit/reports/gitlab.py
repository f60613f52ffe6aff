"""An audit as GitLab's Code Quality report: one entry an open finding, and one where the audit is incomplete."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from search_api.audit.audit import Outcome
from search_api.audit.model import Audit, Finding
from search_api.audit.reports.about import coverage_line, first_path, index_line, sentence

_SEVERITY = {"denied": "critical", "flagged": "major", "allowed": "info", "not_judged": "minor"}


def render(outcome: Outcome) -> str:
    """The array that GitLab reads."""
    audit = outcome.audit
    entries = [_entry(finding, audit) for finding in audit.open_findings]
    entries += [_incomplete(problem, audit) for problem in audit.problems]
    return json.dumps(entries, indent=2, ensure_ascii=False) + "\n"


def _entry(finding: Finding, audit: Audit) -> dict[str, Any]:
    return {
        "description": f"{sentence(finding)} ({index_line(audit)})",
        "check_name": f"wherefrom-{finding.license_type.replace('_', '-')}",
        "fingerprint": finding.id,
        "severity": _SEVERITY[finding.level],
        "location": {"path": first_path(finding), "lines": {"begin": finding.start_line, "end": finding.end_line}},
    }


def _incomplete(problem: str, audit: Audit) -> dict[str, Any]:
    missed = [file.path for file in audit.files if file.state in ("partial", "not_scanned")]
    return {
        "description": f"The audit is incomplete: {problem}. {coverage_line(audit)}; {index_line(audit)}",
        "check_name": "wherefrom-incomplete",
        "fingerprint": hashlib.sha256(problem.encode()).hexdigest()[:20],
        "severity": "major",
        "location": {"path": missed[0] if missed else ".", "lines": {"begin": 1}},
    }
