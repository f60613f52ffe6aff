"""How does an audit look in a terminal? Components, worst and rarest first, their findings, and what was not looked at.

Not here: the other forms (`search_api.audit.reports`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby

from rich.text import Text

from search_api.audit.audit import Outcome
from search_api.audit.model import Audit, Component, Finding
from search_api.terminal import index_line, safe

MOST_FINDINGS = 10  # of one component; the other reports have all
_LEVEL_STYLE = {"denied": "bold red", "flagged": "yellow", "allowed": "green", "not_judged": "cyan"}


def render(outcome: Outcome) -> str:
    """The report without colours."""
    return "".join(f"{line.plain}\n" for line in lines(outcome.audit))


def lines(audit: Audit) -> Iterator[Text]:
    """The whole report."""
    by_id = audit.by_id()
    for component in audit.components:
        findings = [by_id[id_] for id_ in component.findings if by_id[id_].standing == "new"]
        if findings:
            yield from _component(component, findings)
    yield from _summary(audit)


def _component(component: Component, findings: Sequence[Finding]) -> Iterator[Text]:
    commit = f" {component.commit}" if component.commit else ""
    licence = f"{component.license_expression or 'no licence known'} ({component.license_type.replace('_', ' ')})"
    yield Text.assemble((safe(component.repository + commit), "bold"), "  ", safe(licence), f"  {component.purl or ''}")
    shown = findings[:MOST_FINDINGS]
    for path, group in groupby(sorted(shown, key=lambda finding: (finding.path, finding.start_line)), key=lambda finding: finding.path):
        yield Text(f"  {safe(path)}")
        for finding in group:
            yield _finding(finding)
            yield from (Text(f"      {safe(reason)}", style="dim") for reason in finding.level_reasons if finding.level != "allowed")
    if len(findings) > MOST_FINDINGS:
        yield Text(f"  and {len(findings) - MOST_FINDINGS} more", style="dim")
    duties = dict.fromkeys((duty.license, duty.text) for finding in findings for duty in finding.obligations)
    yield from (Text(f"    {safe(license_)}: {text}", style="dim") for license_, text in duties)
    yield Text()


def _finding(finding: Finding) -> Text:
    source = finding.sources[0] if finding.sources else None
    there = f"{source.path}#L{source.start_line}-L{source.end_line}" if source else "a source that was not listed"
    what = {
        "span": f"lines {finding.start_line}-{finding.end_line}",
        "file": "the whole file",
        "folder": f"{len(finding.covers)} whole files",
    }[finding.scope]
    held = f"in {'over ' if finding.capped else ''}{finding.files} file{'' if finding.files == 1 else 's'}"
    level = "" if finding.level == "not_judged" else f"{finding.level}, "
    return Text.assemble(
        f"    {what}  ",
        (f"{level}{finding.credit.replace('_', ' ')}", _LEVEL_STYLE[finding.level]),
        f"  {finding.kind}, {finding.tokens:,} tokens, {held}  from {safe(there)}  ",
        (finding.id, "dim"),
    )


def _summary(audit: Audit) -> Iterator[Text]:
    counts, standing = audit.counts, Counter(finding.standing for finding in audit.findings)
    new = standing["new"]
    credited = Counter(finding.credit for finding in audit.findings if finding.standing == "new")
    said = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in sorted(credited.items()))
    yield Text.assemble(
        (f"{new} finding{'' if new == 1 else 's'}", "bold"),
        f" ({said or 'nothing new'})",
        f", {standing['baselined']} in the baseline, {standing['suppressed']} suppressed",
    )
    yield Text(
        f"{counts.files:,} files: {counts.found} with findings, {counts.none:,} without, {counts.too_short} too short to tell, "
        f"{counts.partial} scanned in part, {counts.not_scanned} not scanned; {counts.ignored} ignored",
    )
    reasons = Counter(file.reasons[0].partition(":")[0] for file in audit.files if file.state == "not_scanned")
    if reasons:
        yield Text("not scanned: " + ", ".join(f"{count} {safe(reason)}" for reason, count in reasons.most_common()), style="dim")
    age = "of unknown age" if audit.index_age_days is None else f"{audit.index_age_days} days old"
    yield Text(f"{index_line(audit.index)}, {age}; use {audit.use}, project licence {audit.project_license or 'not known'}", style="dim")
    yield from (Text(f"note: {safe(warning)}", style="yellow") for warning in audit.warnings)
    yield from (Text(f"incomplete: {safe(problem)}", style="bold yellow") for problem in audit.problems)
    if not audit.policy and audit.findings:
        yield Text("no policy is set: nothing was allowed or denied (see [audit.policy] in wherefrom.toml)", style="dim")
