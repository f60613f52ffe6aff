"""Which files, and which folders of files, stand in the corpus as they are? A vendored library becomes one finding, not a thousand.

A file counts as whole where one source holds at least .95 of its tokens as they are, and has little else. Whole files whose paths
fit the paths of one repository under a common root make a folder, where they are at least half of that folder's files.

Not here: stretches of files (`search_api.audit.findings`).
"""

from __future__ import annotations

import os.path
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from indexer.answers import Document, Source
from indexer.licences.categories import license_type
from search_api.audit.findings import MOST_PLACES, component_key, covering, identity, place_of, tokens_sha256, without_copies
from search_api.audit.model import CoveredFile, Finding
from search_api.audit.scan import Scanned
from search_api.audit.text import Text

WHOLE = 0.95  # of a file's tokens, and of its source's
LEAST_FILES = 3  # of a folder
LEAST_SHARE = 0.5  # of the folder's files


@dataclass(frozen=True, slots=True)
class Whole:
    """A file that stands in the corpus as it is: what there is to say of it alone, and every source that holds it."""

    finding: Finding
    blob_id: str
    sources: tuple[Source, ...]


_Root = tuple[str, str, str]  # repository at a version, folder in the project, folder in the repository


def whole(scanned: Scanned, spans: Sequence[Finding], document: Callable[[str], Document]) -> Whole | None:
    """The file as a whole, where it is one. `spans` are its findings: a file without any is idiom or ours."""
    answer = scanned.answer
    if answer is None or not spans or scanned.lines is not None:
        return None
    sources = without_copies(covering(answer, WHOLE), scanned.ours, document)
    if not sources:
        return None
    text = Text.of(scanned.text)
    last = len(text.line_starts) - (len(text.line_starts) > 1 and text.line_starts[-1] == len(scanned.text))
    sha256 = tokens_sha256(scanned.text)
    longest = max(spans, key=lambda span: span.tokens)
    rarest = min(spans, key=lambda span: span.files)
    finding = replace(
        longest,
        id=identity(scanned.entry.path, sha256, 0),
        scope="file",
        start_line=1,
        end_line=last,
        start_column=1,
        end_column=len(text.lines(last, last)[0]) + 1,
        start_byte=0,
        end_byte=scanned.byte_offset(len(scanned.text)),
        tokens=answer.tokens,
        tokens_sha256=sha256,
        score=max(span.score for span in spans),
        files=rarest.files,
        repositories=rarest.repositories,
        owners=rarest.owners,
        capped=rarest.capped,
        stands_for=tuple(span.id for span in spans),
    )
    return Whole(_named(finding, sources, scanned.blob_id), scanned.blob_id, tuple(sources))


def beyond(found: Whole, spans: Sequence[Finding]) -> list[Finding]:
    """The file's findings that the whole does not explain: stretches that come from somewhere else."""
    explained = {source.document_id for source in found.sources}
    return [span for span in spans if not explained & {place.document_id for place in span.sources}]


def gathered(wholes: Sequence[Whole], scanned_paths: Iterable[str]) -> list[Finding]:
    """One finding for each folder of whole files, one for each whole file beside them."""
    paths = sorted(scanned_paths)
    left = {one.finding.path: one for one in wholes}
    refused: set[_Root] = set()
    out = []
    while chosen := _best_root(left.values(), refused):
        members = [one for one in left.values() if chosen in set(_roots(one))]
        folder = os.path.commonpath([one.finding.path.rpartition("/")[0] for one in members])
        inside = sum(path.startswith(f"{folder}/") or not folder for path in paths)
        if len(members) < LEAST_SHARE * inside:
            refused.add(chosen)
            continue
        out.append(_folder(folder, chosen, members))
        for one in members:
            del left[one.finding.path]
    return out + [one.finding for one in left.values()]


def _best_root(wholes: Iterable[Whole], refused: set[_Root]) -> _Root | None:
    """The root under which most files fit, if it is enough of them."""
    counted = Counter(root for one in wholes for root in set(_roots(one)) - refused)
    best = max(counted, key=lambda root: (counted[root], root), default=None)
    return best if best is not None and counted[best] >= LEAST_FILES else None


def _roots(one: Whole) -> Iterator[_Root]:
    for source in one.sources:
        mine, theirs = one.finding.path.split("/"), source.path.split("/")
        shared = 0
        while shared < min(len(mine), len(theirs)) and mine[-1 - shared] == theirs[-1 - shared]:
            shared += 1
        if shared:
            yield component_key(source.repository, source.commit), "/".join(mine[:-shared]), "/".join(theirs[:-shared])


def _folder(folder: str, root: _Root, members: Sequence[Whole]) -> Finding:
    """One finding for many files."""
    key = root[0]
    ordered = sorted(members, key=lambda one: one.finding.path)
    picked = [next(source for source in one.sources if component_key(source.repository, source.commit) == key) for one in ordered]
    covers = tuple(
        CoveredFile(one.finding.path, source.path, _is_identical(source, one.blob_id), source.license_expression)
        for one, source in zip(ordered, picked, strict=True)
    )
    licenses = tuple(sorted({source.license_expression or "NOASSERTION" for source in picked}))
    joined = " AND ".join(f"({one})" if " OR " in one else one for one in licenses)
    expression = picked[0].license_expression if len(licenses) == 1 else joined
    sha256 = tokens_sha256(picked[0].repository)
    return replace(
        ordered[0].finding,
        id=identity(folder, sha256, 0),
        scope="folder",
        path=folder or ".",
        end_line=1,
        end_column=1,
        start_byte=0,
        end_byte=0,
        tokens=sum(one.finding.tokens for one in ordered),
        tokens_sha256=sha256,
        score=max(one.finding.score for one in ordered),
        files=min(one.finding.files for one in ordered),
        component=key,
        sources=(place_of(picked[0]),),
        sources_total=1,
        license_expression=expression,
        license_type=picked[0].license_type if len(licenses) == 1 else license_type(expression),
        licenses=licenses,
        covers=covers,
        stands_for=tuple(id_ for one in ordered for id_ in one.finding.stands_for),
    )


def _named(finding: Finding, sources: Sequence[Source], blob_id: str) -> Finding:
    """The finding with the source it comes from; one that is the same to the byte goes first."""
    best = next((source for source in sources if _is_identical(source, blob_id)), sources[0])
    return replace(
        finding,
        component=component_key(best.repository, best.commit),
        sources=tuple(place_of(source) for source in [best, *(one for one in sources if one is not best)][:MOST_PLACES]),
        sources_total=len(sources),
        license_expression=best.license_expression,
        license_type=best.license_type,
        licenses=tuple(dict.fromkeys(source.license_expression or "NOASSERTION" for source in [best, *sources])),
        covers=(CoveredFile(finding.path, best.path, _is_identical(best, blob_id), best.license_expression),),
    )


def _is_identical(source: Source, blob_id: str) -> bool:
    return (source.swhid or "").removeprefix("swh:1:cnt:").partition(";")[0] == blob_id
