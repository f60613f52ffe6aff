"""Policy, compatibility, suppressions, baselines: what follows from a finding, and the exit code."""

from __future__ import annotations

import dataclasses
import datetime
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from indexer.errors import InputError
from search_api.audit import baseline, settings
from search_api.audit.audit import Outcome
from search_api.audit.model import Finding
from search_api.audit.settings import Policy, Settings, Suppress

Audit = Callable[..., Outcome]
UNTIL = datetime.date(2024, 12, 31)


def judged(outcome: Outcome) -> dict[str, Finding]:
    return {finding.path: finding for finding in outcome.audit.findings}


def test_without_a_policy_everything_is_reported_and_nothing_fails(outcome: Outcome) -> None:
    assert outcome.audit.findings and outcome.audit.exit_code == 0
    assert {finding.level for finding in outcome.audit.findings} == {"not_judged"}


def test_a_policy_judges_by_id_before_category(project: Path, audit: Audit) -> None:
    policy = Policy(allow=("permissive",), flag=("BSD-3-Clause",), deny=("copyleft",), unlisted="flag", incompatible="allow")
    found = judged(audit(project, Settings(policy=policy)))
    assert found["src/filling.py"].level == "denied" and "GPL-3.0-or-later" not in found["src/filling.py"].level_reasons[0]
    assert found["src/parsing.py"].level == "flagged" and "BSD-3-Clause is flagged" in found["src/parsing.py"].level_reasons


def test_only_what_the_policy_fails_on_ends_with_1(project: Path, audit: Audit) -> None:
    denying = Policy(deny=("copyleft",), unlisted="allow", incompatible="allow")
    assert audit(project, Settings(policy=denying)).audit.exit_code == 1
    assert audit(project, Settings(policy=dataclasses.replace(denying, fail_on=()))).audit.exit_code == 0
    flagging = Policy(flag=("copyleft",), unlisted="allow", incompatible="allow")
    assert audit(project, Settings(policy=flagging)).audit.exit_code == 0
    assert audit(project, Settings(policy=dataclasses.replace(flagging, fail_on=("flagged",)))).audit.exit_code == 1


def test_conflicts_with_the_projects_own_licence_are_named(project: Path, audit: Audit) -> None:
    found = judged(audit(project, Settings(policy=Policy(allow=("permissive", "copyleft"), unlisted="allow"))))
    assert found["src/filling.py"].compatibility == "incompatible" and found["src/filling.py"].level == "denied"
    assert found["src/parsing.py"].compatibility == "compatible"
    under_gpl = judged(audit(project, Settings(project_license="GPL-3.0-or-later")))
    assert under_gpl["src/filling.py"].compatibility == "compatible"
    unlisted = judged(
        audit(project, Settings(project_license="BUSL-1.1", policy=Policy(allow=("permissive", "copyleft"), unlisted="allow")))
    )
    assert unlisted["src/parsing.py"].compatibility == "unknown" and unlisted["src/parsing.py"].level == "flagged"


@pytest.mark.parametrize(
    ("name", "text", "wanted"),
    [
        ("pyproject.toml", '[project]\nname = "x"\nlicense = "mit"\n', "MIT"),
        ("pyproject.toml", '[project]\nname = "x"\nclassifiers = ["License :: OSI Approved :: ISC License (ISCL)"]\n', "ISC"),
        ("package.json", '{"license": "(MIT OR Apache-2.0)"}', "MIT OR Apache-2.0"),
        ("Cargo.toml", '[package]\nlicense = "MIT/Apache-2.0"\n', "MIT OR Apache-2.0"),
        ("LICENSE", "SPDX-License-Identifier: MPL-2.0\n", "MPL-2.0"),
        ("pyproject.toml", "[project\n", None),
        ("README", "nothing\n", None),
    ],
)
def test_the_projects_licence_is_read_from_its_manifests(
    audit: Audit, tmp_path: Path, put: Any, name: str, text: str, wanted: str | None
) -> None:
    put(tmp_path / name, text)
    assert audit(tmp_path).audit.project_license == wanted


def test_obligations_depend_on_the_use(project: Path, audit: Audit) -> None:
    distributed = judged(audit(project, Settings()))["src/filling.py"]
    internal = judged(audit(project, Settings(use="internal")))["src/filling.py"]
    assert {duty.condition for duty in distributed.obligations} >= {"disclose-source", "same-license"}
    assert internal.obligations == () and all(duty.source for duty in distributed.obligations)


def test_a_suppression_answers_until_it_expires(project: Path, audit: Audit) -> None:
    policy = Policy(deny=("copyleft",), unlisted="allow", incompatible="allow")
    rule = Suppress(None, "src/filling.py", "rewritten next month", UNTIL)
    quiet = audit(project, Settings(policy=policy, suppress=(rule,))).audit
    assert quiet.exit_code == 0
    assert {f.suppression.reason for f in quiet.findings if f.standing == "suppressed" and f.suppression} == {"rewritten next month"}
    later = datetime.datetime(2025, 1, 1, tzinfo=datetime.UTC)
    loud = audit(project, Settings(policy=policy, suppress=(rule,), max_index_age_days=None), now=later).audit
    assert loud.exit_code == 1 and any("ended on 2024-12-31" in warning for warning in loud.warnings)


def test_a_suppression_by_id_answers_for_one_finding_and_an_idle_one_is_named(project: Path, audit: Audit, outcome: Outcome) -> None:
    first = outcome.audit.findings[0].id
    rules = (Suppress(first, None, "known", UNTIL), Suppress("0" * 20, None, "gone", UNTIL))
    found = audit(project, Settings(suppress=rules)).audit
    assert [finding.id for finding in found.findings if finding.standing == "suppressed"] == [first]
    assert [warning for warning in found.warnings if "0000" in warning and "nothing that was found" in warning]


def test_a_baseline_makes_the_next_run_clean_and_a_worse_licence_reopens(project: Path, audit: Audit, tmp_path: Path) -> None:
    policy = Policy(deny=("copyleft",), unlisted="allow", incompatible="allow")
    first = audit(project, Settings(policy=policy))
    file = tmp_path / "baseline.json"
    file.write_text(baseline.write(first.audit))
    again = audit(project, Settings(policy=policy), baseline=baseline.read(file)).audit
    assert again.open_findings == () and again.exit_code == 0
    stricter = audit(
        project, Settings(policy=Policy(deny=("permissive", "copyleft"), unlisted="allow")), baseline=baseline.read(file)
    ).audit
    assert "src/parsing.py" in {finding.path for finding in stricter.open_findings}
    assert "src/filling.py" not in {finding.path for finding in stricter.open_findings}
    freer = json.loads(file.read_text())
    for row in freer["findings"]:
        row["license_type"] = "permissive" if row["license_type"] == "copyleft" else row["license_type"]
    file.write_text(json.dumps(freer))
    assert {f.path for f in audit(project, Settings(policy=policy), baseline=baseline.read(file)).audit.open_findings} == {"src/filling.py"}


@pytest.mark.parametrize(
    "text", ["", "[]", '{"kind": "other"}', '{"kind": "wherefrom audit baseline", "format": 99}', '{"kind": "wherefrom audit baseline",'
             ' "format": 1, "findings": [{}]}']
)  # fmt: skip
def test_what_is_no_baseline_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "b.json"
    file.write_text(text)
    with pytest.raises(InputError, match=r"b\.json: "):
        baseline.read(file)


def test_an_old_index_makes_the_audit_incomplete(project: Path, audit: Audit) -> None:
    found = audit(project, Settings(max_index_age_days=10)).audit
    assert found.index_age_days == 24 and found.exit_code == 4
    assert "24 days old" in found.problems[0]


def read(folder: Path, text: str, name: str = "wherefrom.toml") -> Settings:
    file = folder / name
    file.write_text(text)
    return settings.read(file)


def test_settings_are_read_from_either_file(tmp_path: Path) -> None:
    body = """
use = "saas"
exclude = ["tests/"]
own = { repositories = ["a/b"], infer = false }
policy = { allow = ["permissive", "mit"], deny = ["GPL-3.0-or-later"], min_tokens = 30, max_files = 5 }
suppress = [{ path = "x/**", reason = "because", expires = 2030-01-01 }]
"""
    plain = read(tmp_path, "[audit]" + body)
    assert plain == read(tmp_path, "[tool.wherefrom.audit]" + body, "pyproject.toml")
    assert (plain.use, plain.min_tokens, plain.max_files, plain.own.repositories) == ("saas", 30, 5, ("a/b",))
    assert plain.policy and plain.policy.allow == ("permissive", "MIT")
    assert settings.find(tmp_path) == tmp_path / "wherefrom.toml"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[audit]\nuse = 'fun'", "internal, saas, distributed"),
        ("[audit]\npolicies = 1", "policies is no setting"),
        ("[audit.policy]\ndeny = ['GPL-9.9']", "no SPDX licence"),
        ("[audit.policy]\ndeny = ['MIT OR ISC']", "single licences"),
        ("[audit.policy]\ndenied = ['MIT']", "denied is no setting"),
        ("[audit.policy]\nunlisted = 'maybe'", "allow, flag, deny"),
        ("[audit.policy]\nfail_on = ['all']", "denied, flagged"),
        ("[audit.policy]\nmin_tokens = 'many'", "a number"),
        ("[audit]\nproject_license = 'something'", "no SPDX licence"),
        ("[[audit.suppress]]\npath = 'x'\nexpires = 2030-01-01", "needs a reason"),
        ("[[audit.suppress]]\npath = 'x'\nreason = 'r'", "YYYY-MM-DD"),
        ("[[audit.suppress]]\nreason = 'r'\nexpires = 2030-01-01", "finding or path"),
        ("[audits]\n", "audits is nothing known"),
        ("audit = 1", "takes a table"),
        ("[audit\n", "not TOML"),
    ],
)
def test_misspelt_settings_are_refused(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(InputError, match=said) as raised:
        read(tmp_path, text)
    assert "wherefrom.toml" in str(raised.value)
