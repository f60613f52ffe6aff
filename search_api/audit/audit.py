"""What in this project comes from elsewhere? One pass: files, answers, findings, components, judgement, exit code.

Not here: the command (`search_api.audit.cli`), how a result looks (`search_api.audit.reports`).
"""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from indexer.answers import Document, IndexInfo
from indexer.errors import InputError
from indexer.licences.legal import Legal
from search_api.audit import changes, components, findings
from search_api.audit.baseline import Known
from search_api.audit.cache import Cache, key_of
from search_api.audit.credited import Credits
from search_api.audit.files import Entry, Ignored, Skipped, entries, is_archive, without_excluded
from search_api.audit.judge import Judge
from search_api.audit.model import FORMAT, LEVELS, Audit, Component, Counts, FileReport, Finding
from search_api.audit.own import OwnCode, inferred
from search_api.audit.project import project_license
from search_api.audit.scan import Progress, Scanned, is_incomplete, scan
from search_api.audit.settings import Settings
from wherefrom import __version__

if TYPE_CHECKING:
    from indexer.stored import StoredIndex
    from search_api.client import Client


@dataclass(frozen=True, slots=True)
class Request:
    """What to audit, and how. `revision` and `staged` ask for changed lines alone; `cache_folder` None keeps nothing."""

    paths: tuple[Path, ...]
    settings: Settings = field(default_factory=Settings)
    revision: str | None = None
    staged: bool = False
    jobs: int = 1
    cache_folder: Path | None = None
    baseline: dict[str, Known] = field(default_factory=dict)
    now: datetime.datetime | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """An audit, and what reports need beside it: the texts of files with findings, their places on disk, the corpus."""

    audit: Audit
    texts: dict[str, Scanned]
    corpus: Corpus


class Corpus:
    """Documents and legal texts of an index, each asked for once."""

    def __init__(self, index: StoredIndex | Client) -> None:
        self.document: Callable[[str], Document] = lru_cache(4096)(index.document)
        self.legal: Callable[[str], Legal] = lru_cache(4096)(index.legal)


def run(index: StoredIndex | Client, request: Request, progress: Progress | None = None) -> Outcome:
    """Audits some paths against an index. Raises InputError, BackendUnavailable, IndexCorrupt; a stopped run goes on from its cache."""
    now = request.now or datetime.datetime.now(datetime.UTC)
    settings, corpus, ignored = request.settings, Corpus(index), Ignored()
    folders = [path if path.is_dir() else path.parent for path in request.paths if not is_archive(path)]
    own = OwnCode.of(settings.own, inferred(dict.fromkeys(folders)) if settings.own.infer else ())
    with Cache.open(request.cache_folder, key_of(index.info, index.location)) as cache:
        looked = _Looked(own, settings, corpus)
        for scanned in scan(
            index,
            _entries(request, ignored),
            cache,
            exclude=own.exclusions,
            jobs=request.jobs,
            max_file_bytes=settings.max_file_bytes,
            progress=progress,
        ):
            looked.at(scanned)
    looked.credits.read_folders(dict.fromkeys([Path(), *folders]))
    stated = settings.project_license or project_license(dict.fromkeys(folders))
    judge = Judge(settings.use, stated, settings.policy, settings.suppress, request.baseline, looked.credits, now.date())
    judged = sorted((judge.judged(finding) for finding in looked.findings()), key=_order)
    warnings = judge.warnings(judged, in_part=request.staged or request.revision is not None)
    audit = _audit(index.info, request, now, stated, judged, looked.files, ignored.count, warnings)
    return Outcome(audit, looked.texts, corpus)


class _Looked:
    """What was seen so far, file by file."""

    def __init__(self, own: OwnCode, settings: Settings, corpus: Corpus) -> None:
        self._own, self._settings, self._corpus = own, settings, corpus
        self._spans: list[Finding] = []
        self._wholes: list[components.Whole] = []
        self.files: list[FileReport] = []
        self.texts: dict[str, Scanned] = {}
        self.credits = Credits()

    def at(self, scanned: Scanned) -> None:
        """Takes note of one file."""
        spans: list[Finding] = []
        common = 0
        if scanned.answer is not None:
            self.credits.read(scanned.entry.path, scanned.text)
            spans, common = findings.spans_of(scanned, self._own, self._settings, self._corpus.document)
            if whole := components.whole(scanned, spans, self._corpus.document):
                self._wholes.append(whole)
                self._spans += components.beyond(whole, spans)
            else:
                self._spans += spans
        if spans:
            self.texts[scanned.entry.path] = scanned
        self.files.append(_file_report(scanned, common, bool(spans)))

    def findings(self) -> list[Finding]:
        """All findings, whole files and folders among them."""
        substantial = [file.path for file in self.files if file.state not in ("not_scanned", "too_short")]
        return [*components.gathered(self._wholes, substantial), *self._spans]


def _entries(request: Request, ignored: Ignored) -> Iterator[Entry | Skipped]:
    exclude = request.settings.exclude
    if request.revision is not None:
        return without_excluded(changes.changed(request.paths, request.revision), exclude, ignored)
    if request.staged:
        return without_excluded(changes.staged(request.paths), exclude, ignored)
    return entries(request.paths, exclude, ignored)


def _file_report(scanned: Scanned, common: int, has_findings: bool) -> FileReport:
    entry, answer = scanned.entry, scanned.answer
    if answer is None:
        return FileReport(entry.path, "not_scanned", (scanned.reason or "",), entry.size, 0, 0)
    reasons = answer.partial.reasons if answer.partial else ()
    state = answer.status if answer.status in ("partial", "too_short") else "found" if has_findings else "none"
    return FileReport(entry.path, state, reasons, entry.size, answer.tokens, common)


def _order(finding: Finding) -> tuple[int, int, float, str, int, str]:
    """The worst first, then the rarest, then the most significant."""
    files = finding.files + (1_000_000 if finding.capped else 0)
    return -LEVELS.index(finding.level), files, -finding.score, finding.path, finding.start_line, finding.id


def _audit(
    info: IndexInfo,
    request: Request,
    now: datetime.datetime,
    stated: str | None,
    judged: Sequence[Finding],
    files: Sequence[FileReport],
    ignored: int,
    warnings: Sequence[str],
) -> Audit:
    settings = request.settings
    age = _age_days(info.date, now)
    problems = tuple(_problems(files, age, settings))
    named = _components(judged)
    return Audit(
        format=FORMAT,
        tool=f"wherefrom {__version__}",
        created=now.astimezone(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        scope=f"diff {request.revision}" if request.revision is not None else "staged" if request.staged else "all",
        use=settings.use,
        project_license=stated,
        policy=settings.policy is not None,
        index=info,
        index_age_days=age,
        counts=_counts(files, ignored),
        problems=problems,
        warnings=tuple(warnings),
        exit_code=4 if problems else 1 if _fails(judged, settings) else 0,
        components=named,
        findings=tuple(sorted(judged, key=lambda finding: ([one.id for one in named].index(finding.component), *_order(finding)))),
        files=tuple(sorted(files, key=lambda file: file.path)),
    )


def _components(judged: Sequence[Finding]) -> tuple[Component, ...]:
    """The sources of the findings, in the order of each one's worst and rarest finding."""
    grouped: dict[str, list[Finding]] = {}
    for finding in judged:
        grouped.setdefault(finding.component, []).append(finding)
    out = []
    for key, group in grouped.items():
        expressions = Counter(finding.license_expression for finding in group)
        leader = next(finding for finding in group if finding.license_expression == expressions.most_common(1)[0][0])
        place = leader.sources[0] if leader.sources else None
        out.append(
            Component(
                id=key,
                repository=place.repository if place else "a source that was not listed",
                commit=place.commit if place else None,
                purl=place.purl if place else None,
                project_url=place.project_url if place else None,
                license_expression=leader.license_expression,
                license_type=leader.license_type,
                findings=tuple(finding.id for finding in group),
            )
        )
    return tuple(out)


def _problems(files: Sequence[FileReport], age: int | None, settings: Settings) -> Iterator[str]:
    """Why the result must not be taken for complete."""
    missed = [file for file in files if file.state == "not_scanned" and is_incomplete(file.reasons[0])]
    partial, oldest = [file for file in files if file.state == "partial"], settings.max_index_age_days
    if missed:
        yield f"{len(missed)} of {len(files)} files could not be scanned, {missed[0].path} among them ({missed[0].reasons[0]})"
    if len(partial) > settings.max_partial_files:
        reasons = sorted({reason for file in partial for reason in file.reasons})
        limits = f"limits reached: {', '.join(reasons)}; {settings.max_partial_files} allowed by max_partial_files"
        yield f"{len(partial)} of {len(files)} files were scanned in part ({limits}), {partial[0].path} among them"
    if oldest is not None and age is not None and age > oldest:
        yield f"the index is {age} days old; at most {oldest} were allowed (max_index_age_days)"


def _fails(judged: Iterable[Finding], settings: Settings) -> bool:
    """Whether the policy says that a finding which nobody answers for fails the audit."""
    return settings.policy is not None and any(finding.level in settings.policy.fail_on for finding in judged if finding.standing == "new")


def _counts(files: Sequence[FileReport], ignored: int) -> Counts:
    states = Counter(file.state for file in files)
    scanned = sum(file.bytes for file in files if file.state != "not_scanned")
    return Counts(
        len(files), states["found"], states["none"], states["too_short"], states["partial"], states["not_scanned"], ignored, scanned
    )


def _age_days(date: str, now: datetime.datetime) -> int | None:
    """How old an index is; None where its date is none."""
    try:
        made = datetime.datetime.fromisoformat(date)
    except ValueError:
        return None
    if made.tzinfo is None:
        made = made.replace(tzinfo=datetime.UTC)
    return max(0, (now - made).days)


def now_of(source_date_epoch: str | None) -> datetime.datetime:
    """The time that reports state: SOURCE_DATE_EPOCH, so that they can be made again byte for byte, else the clock's."""
    if not source_date_epoch:
        return datetime.datetime.now(datetime.UTC)
    try:
        return datetime.datetime.fromtimestamp(int(source_date_epoch), datetime.UTC)
    except (ValueError, OverflowError, OSError):
        raise InputError(f"SOURCE_DATE_EPOCH is {source_date_epoch!r}; wanted seconds since 1970") from None
