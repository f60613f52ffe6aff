"""What follows from a finding for this project? Obligations, compatibility, credit, the policy's level, and whether it is new.

Not here: reading the policy (`search_api.audit.settings`), the exit code (`search_api.audit.audit`).
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from dataclasses import dataclass, replace

from pathspec import GitIgnoreSpec

from indexer.answers import Use
from indexer.licences.categories import alternatives, license_type
from indexer.licences.compatibility import compatible
from indexer.licences.obligations import duties
from search_api.audit.baseline import Known, is_known
from search_api.audit.credited import Credits
from search_api.audit.model import LEVELS, Compatibility, Finding, Level, Obligation, Suppression
from search_api.audit.settings import Policy, Suppress

_LEVEL_OF: dict[str, Level] = {"allow": "allowed", "flag": "flagged", "deny": "denied"}
_Judged = tuple[Level, str]  # and why
UNKNOWN = Obligation("", "unknown", "The licence is not in the table of obligations: a person has to read it.", "wherefrom")


@dataclass(frozen=True, slots=True)
class Judge:
    """All that a finding is judged by."""

    use: Use
    project_license: str | None
    policy: Policy | None
    suppress: tuple[Suppress, ...]
    baseline: dict[str, Known]
    credits: Credits
    today: datetime.date

    def judged(self, finding: Finding) -> Finding:
        """The finding with everything that follows from it."""
        compatibility: Compatibility = compatible(self.project_license, finding.license_expression) if self.project_license else "not_asked"
        credit, where = self.credits.of(finding)
        finding = replace(
            finding, obligations=obligations(finding, self.use), compatibility=compatibility, credit=credit, credited_in=where
        )
        if self.policy is not None:
            level, reasons = _level(finding, self.policy)
            finding = replace(finding, level=level, level_reasons=reasons)
        rule = next((rule for rule in self.suppress if rule.expires >= self.today and _matches(rule, finding)), None)
        if rule:
            return replace(finding, standing="suppressed", suppression=Suppression(rule.reason, rule.expires.isoformat()))
        return replace(finding, standing="baselined") if is_known(finding, self.baseline) else finding

    def warnings(self, findings: Iterable[Finding], *, in_part: bool) -> list[str]:
        """Suppressions that have expired while what they are about is still there, and those that are about nothing in the whole."""
        found = list(findings)
        said = []
        for rule in self.suppress:
            about = [finding for finding in found if _matches(rule, finding)]
            name = rule.finding or rule.path
            if rule.expires < self.today and about:
                said.append(f"the suppression of {name} ended on {rule.expires}: {len(about)} of its findings count again ({rule.reason})")
            elif not about and not in_part:
                said.append(f"the suppression of {name} is about nothing that was found; take it out")
        return said


def obligations(finding: Finding, use: Use) -> tuple[Obligation, ...]:
    """What the licences of a finding's source ask for; one that is not in the table asks for a reader."""
    asked = duties(finding.license_expression, use)
    if asked is None:
        return (replace(UNKNOWN, license=finding.license_expression or "NONE"),)
    return tuple(Obligation(duty.license, duty.condition, duty.text, duty.source) for duty in asked)


def _level(finding: Finding, policy: Policy) -> tuple[Level, tuple[str, ...]]:
    """The worst that anything about a finding comes to, and why."""
    judged: list[_Judged] = [_of_expression(one, policy) for one in dict.fromkeys((finding.license_expression, *finding.licenses))]
    if len(judged) > 1 and len({level for level, _ in judged}) > 1:
        judged.append(("flagged", f"sources disagree about the licence: {', '.join(finding.licenses)}"))
    if finding.compatibility == "incompatible":
        judged.append((_LEVEL_OF[policy.incompatible], "incompatible with the project's licence"))
    elif finding.compatibility in ("unknown", "check"):
        judged.append(("flagged", f"compatibility with the project's licence: {finding.compatibility}, review"))
    if finding.credit != "credited":
        judged.append((_LEVEL_OF[policy.uncredited], finding.credit.replace("_", " ")))
    worst = max((level for level, _ in judged), key=LEVELS.index)
    return worst, tuple(dict.fromkeys(why for level, why in judged if level == worst and why))


def _of_expression(expression: str | None, policy: Policy) -> _Judged:
    """Of a choice (OR) the best counts, of licences that all hold (AND) the worst."""
    choices = alternatives(expression)
    if not choices:
        return _of_licence(None, license_type(expression), policy)
    return min(
        (max((_of_licence(name, license_type(name), policy) for name in choice), key=_rank) for choice in choices),
        key=_rank,
    )


def _of_licence(name: str | None, category: str, policy: Policy) -> _Judged:
    """What the policy says of a licence by its name, else by its name without an exception, else of its category."""
    for wanted in (name, (name or "").partition(" WITH ")[0], category):
        for verdict, listed in (("deny", policy.deny), ("flag", policy.flag), ("allow", policy.allow)):
            if wanted and wanted in listed:
                return _LEVEL_OF[verdict], f"{wanted.replace('_', ' ')} is {_LEVEL_OF[verdict]}"
    return _LEVEL_OF[policy.unlisted], f"{name or 'no known licence'} ({category.replace('_', ' ')}) is not in the policy"


def _rank(judged: _Judged) -> int:
    return LEVELS.index(judged[0])


def _matches(rule: Suppress, finding: Finding) -> bool:
    if rule.finding is not None:
        return rule.finding == finding.id
    spec = GitIgnoreSpec.from_lines([rule.path or ""])
    return any(spec.match_file(path) for path in ((finding.path, finding.path + "/") if finding.scope == "folder" else (finding.path,)))
