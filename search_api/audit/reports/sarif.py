"""An audit as SARIF 2.1.0, for code scanning services.

Findings that a baseline or a suppression answers for are left out; of more than 5,000 the rarest are kept, and the cut is stated.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

from indexer.answers import LicenseType
from search_api.audit.audit import Outcome
from search_api.audit.model import Audit, Finding
from search_api.audit.reports.about import first_path, lines, sentence
from wherefrom import __version__

MOST_RESULTS = 5_000  # what code scanning services take
_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_HOME = "https://wherefrom.example"
_LEVEL = {"denied": "error", "flagged": "warning", "allowed": "note"}

# licence category -> rule id, name, what it means, severity for those who sort by it
_RULES: dict[LicenseType, tuple[str, str, str, str]] = {
    "copyleft": (
        "WF1001",
        "CopyleftCode",
        "Code under a copyleft licence: what it becomes part of may have to carry the same licence.",
        "error",
    ),
    "weak_copyleft": (
        "WF1002",
        "WeakCopyleftCode",
        "Code under a weak copyleft licence: the file or library that holds it keeps that licence.",
        "warning",
    ),
    "other": (
        "WF1003",
        "CodeUnderAnotherLicence",
        "Code under a licence that is restrictive or not understood: a person has to read it.",
        "warning",
    ),
    "none": ("WF1004", "CodeWithoutLicence", "Code for which no licence is known: without one nobody may use it.", "warning"),
    "permissive": (
        "WF1005",
        "PermissiveCode",
        "Code under a permissive licence: its copyright notice and licence text have to be kept.",
        "recommendation",
    ),
}
_HELP = (
    "Look at the source that the message names. If the code comes from there, keep its licence: credit it (`wherefrom audit --fix` puts "
    "SPDX snippet tags around it, `--report notice=NOTICE` writes a notice file), replace it, or record in wherefrom.toml why it may stay."
)


def render(outcome: Outcome) -> str:
    """The log, as plain data."""
    audit = outcome.audit
    found = sorted(audit.open_findings, key=lambda finding: (finding.capped, finding.files, -finding.score, finding.path, finding.id))
    kept = sorted(found[:MOST_RESULTS], key=lambda finding: (first_path(finding), finding.start_line, finding.id))
    log = {"$schema": _SCHEMA, "version": "2.1.0", "runs": [_run(audit, kept, len(found))]}
    return json.dumps(log, indent=2, ensure_ascii=False) + "\n"


def _run(audit: Audit, kept: list[Finding], total: int) -> dict[str, Any]:
    said = lines(audit)
    if total > len(kept):
        said.append(f"incomplete: {total} findings, of which the {len(kept)} rarest are listed here; the other reports have all")
    return {
        "tool": {
            "driver": {
                "name": "Wherefrom",
                "semanticVersion": __version__,
                "version": __version__,
                "informationUri": _HOME,
                "rules": [_rule(category) for category in _RULES],
            }
        },
        "automationDetails": {"id": f"wherefrom/audit/{audit.index.name}/"},
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {"SRCROOT": {"description": {"text": "The folder that the audit was started in."}}},
        "invocations": [
            {
                "executionSuccessful": not audit.problems,
                "endTimeUtc": audit.created,
                "toolExecutionNotifications": [
                    {"level": "warning" if line.startswith("incomplete") else "note", "message": {"text": f"{line}."}} for line in said
                ],
            }
        ],
        "results": [_result(finding) for finding in kept],
    }


def _rule(category: LicenseType) -> dict[str, Any]:
    rule_id, name, text, severity = _RULES[category]
    return {
        "id": rule_id,
        "name": name,
        "shortDescription": {"text": text.partition(":")[0] + "."},
        "fullDescription": {"text": text},
        "help": {"text": f"{text} {_HELP}", "markdown": f"{text}\n\n{_HELP}"},
        "helpUri": f"{_HOME}/rules/{rule_id}",
        "defaultConfiguration": {"level": _default_level(category)},
        "properties": {"precision": "high", "problem.severity": severity, "tags": ["licence", "provenance", category.replace("_", "-")]},
    }


def _default_level(category: LicenseType) -> str:
    return "note" if category == "permissive" else "warning"


def _result(finding: Finding) -> dict[str, Any]:
    rule_id = _RULES[finding.license_type][0]
    reasons = " ".join(f"{reason[0].upper()}{reason[1:]}." for reason in finding.level_reasons if reason)
    duties = " ".join(dict.fromkeys(duty.text for duty in finding.obligations))
    return {
        "ruleId": rule_id,
        "ruleIndex": list(_RULES).index(finding.license_type),
        "level": _LEVEL.get(finding.level, _default_level(finding.license_type)),
        "message": {"text": " ".join(filter(None, [sentence(finding), reasons, duties]))},
        "locations": [_location(finding)],
        "partialFingerprints": {"primaryLocationLineHash": f"{finding.id}:1", "wherefromFinding/v1": finding.id},
        "properties": {
            "component": finding.component,
            "license": finding.license_expression or "NONE",
            "files": finding.files,
            "urls": [place.url for place in finding.sources if place.url.startswith("http")],
        },
    }


def _location(finding: Finding) -> dict[str, Any]:
    region = {
        "startLine": finding.start_line,
        "endLine": finding.end_line,
        "startColumn": finding.start_column,
        "endColumn": finding.end_column,
    }
    return {
        "physicalLocation": {
            "artifactLocation": {"uri": quote(first_path(finding), safe="/"), "uriBaseId": "SRCROOT"},
            "region": {"startLine": 1} if finding.scope == "folder" else region,
        }
    }
