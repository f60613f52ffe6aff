"""Which stretches of a file come from elsewhere? An answer's spans without our own code, each with a lasting identity.

Not here: whole files and folders (`search_api.audit.components`), licences and policy (`search_api.audit.judge`).
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence

from curation.licence_texts import is_legal_name
from indexer.answers import Attribution, Document, Match, Source, Span
from indexer.bloom.standalone import tokens as token_ranges
from search_api.audit.legal_text import is_licence_header
from search_api.audit.model import Finding, Place
from search_api.audit.own import OurSpan, OwnCode, is_copy
from search_api.audit.scan import Scanned
from search_api.audit.settings import Settings
from search_api.audit.text import Text

MOST_PLACES = 5  # sources listed with a finding


def spans_of(scanned: Scanned, own: OwnCode, settings: Settings, document: Callable[[str], Document]) -> tuple[list[Finding], int]:
    """The findings of one file in text order, and how many spans were left out as common."""
    answer = scanned.answer
    assert answer is not None
    if not answer.spans or own.holds_file(scanned.entry.path, scanned.blob_id) or is_legal_name(scanned.entry.path):
        return [], 0
    text = Text.of(scanned.text)
    ordinals: Counter[str] = Counter()
    found, common = [], 0
    for number, span in enumerate(answer.spans):
        sources = [answer.sources[position] for position in span.sources]
        ours = [one for one in scanned.ours if one.start < span.end and span.start < one.end]
        theirs = without_copies(sources, ours, document)
        if sources and not theirs:
            continue
        stands_in_licence = bool(theirs) and is_legal_name(theirs[0].path)
        is_legal = stands_in_licence or is_licence_header(scanned.text[span.start : span.end])
        if is_legal or not _counts(span, text, scanned.lines, settings):
            common += 1
            continue
        sha256 = tokens_sha256(scanned.text[span.start : span.end])
        found.append(_finding(scanned, text, span, number, theirs, sha256, ordinals[sha256]))
        ordinals[sha256] += 1
    return found, common


def tokens_sha256(text: str) -> str:
    """What a text's tokens are, whatever its formatting. Punctuation at either end is left out: whether a bracket beside a copied
    stretch belongs to it depends on what happens to stand there in the source."""
    words = [text[begin:end] for begin, end in token_ranges(text)]
    named = [position for position, word in enumerate(words) if word[0].isalnum() or word[0] == "_"] or [0]
    joined = "\x1f".join(words[named[0] : named[-1] + 1])
    return hashlib.sha256(joined.encode("utf-8", "surrogatepass")).hexdigest()


def identity(path: str, sha256: str, ordinal: int) -> str:
    """A finding's id: its path, its tokens, and how many equal ones stand before it in the file."""
    return hashlib.sha256(f"{path}\0{sha256}\0{ordinal}".encode("utf-8", "surrogatepass")).hexdigest()[:20]


def without_copies(sources: Iterable[Source], ours: Sequence[OurSpan], document: Callable[[str], Document]) -> list[Source]:
    """Sources that are no copies of ours, best first, what is folded under each behind it."""
    unfolded = [one for source in sources for one in (source, *source.copies)]
    return [one for one in unfolded if not is_copy(one, ours, document)] if ours else unfolded


def _counts(span: Span, text: Text, lines: frozenset[int] | None, settings: Settings) -> bool:
    """Whether a span is more than idiom, and, where only some lines count, has enough of its tokens there."""
    too_common = settings.max_files is not None and (span.files > settings.max_files or span.capped)
    if too_common or span.tokens < settings.min_tokens or (settings.only_significant and not span.significant):
        return False
    if lines is None:
        return True
    inside = token_ranges(text.text[span.start : span.end])
    changed = sum(text.line(span.start + begin) in lines for begin, _ in inside)
    return changed >= min(settings.min_tokens, span.tokens)


def _finding(scanned: Scanned, text: Text, span: Span, number: int, theirs: Sequence[Source], sha256: str, ordinal: int) -> Finding:
    answer = scanned.answer
    assert answer is not None
    places = tuple(place_of(source, number) for source in theirs[:MOST_PLACES])
    licenses = tuple(dict.fromkeys(source.license_expression or "NOASSERTION" for source in theirs))
    best = theirs[0] if theirs else None
    return Finding(
        id=identity(scanned.entry.path, sha256, ordinal),
        scope="span",
        path=scanned.entry.path,
        start_line=span.start_line,
        end_line=span.end_line,
        start_column=text.column(span.start),
        end_column=text.column(span.end - 1) + 1,
        start_byte=scanned.byte_offset(span.start),
        end_byte=scanned.byte_offset(span.end),
        tokens=span.tokens,
        tokens_sha256=sha256,
        kind=span.kind,
        score=span.score,
        files=span.files,
        repositories=span.repositories,
        owners=span.owners,
        capped=span.capped,
        component=component_key(best.repository, best.commit) if best else "",
        sources=places,
        sources_total=len(theirs) + sum(max(0, source.copies_total - len(source.copies)) for source in theirs),
        license_expression=best.license_expression if best else None,
        license_type=best.license_type if best else "none",
        licenses=licenses,
    )


def component_key(repository: str, commit: str | None) -> str:
    """What findings of one repository at one version have in common. ("pypi/attrs", "25.1") -> "pypi/attrs@25.1" """
    return f"{repository}@{commit}" if commit else repository


def place_of(source: Source, span: int | None = None) -> Place:
    """A source as a finding lists it, with the lines and names of one span where it says them."""
    match = next((match for match in source.matches if match.span == span), None)
    first, last = _lines(match, source)
    return Place(
        document_id=source.document_id,
        repository=source.repository,
        owner=source.owner,
        path=source.path,
        commit=source.commit,
        start_line=first,
        end_line=last,
        language=source.language,
        license_expression=source.license_expression,
        license_type=source.license_type,
        url=source.url.partition("#")[0] + f"#L{first}-L{last}",
        project_url=source.project_url,
        swhid=f"{source.swhid.partition(';')[0]};lines={first}-{last}" if source.swhid else None,
        purl=source.purl,
        kind=source.kind,
        similarity=source.similarity,
        names=match.names if match else None,
    )


def _lines(match: Match | None, source: Source) -> tuple[int, int]:
    return (match.start_line, match.end_line) if match else (source.start_line, source.end_line)


def covering(answer: Attribution, least: float) -> Iterator[Source]:
    """Sources whose exact matches hold at least this share of a file's tokens, and of their own hull."""
    for source in answer.sources:
        held = sum(answer.spans[match.span].tokens * match.similarity for match in source.matches if match.kind == "exact")
        if held >= least * answer.tokens and source.similarity >= least:
            yield source
