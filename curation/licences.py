"""Under which licence is each file, who says so, and which files does a policy admit?

    found = licence_files(batches)                  one pass over the run: what LICENSE-like files say, by repository and folder
    batch = with_licences(batch, found, report)     then each file, by the nearest that speaks of it:

    the file's SPDX tag > the notice near its top > the nearest LICENSE-like file in a folder above it, below the repository's root
    > its package's metadata > the root's licence files > what its source said of the repository > NONE

A folder's package metadata (package.json, pyproject.toml, Cargo.toml) says which licence its LICENSE-like files mean; it counts at the
root, and elsewhere only beside such a file, since `npm init` writes a licence that nobody chose. A licence file that is not understood
makes NOASSERTION of what it covers, unless it is the root's and a source knows more: no policy but `any` admits that.

Not here: recognising texts and notices (`curation.licence_detection`), categories (`indexer.licences.categories`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc

from curation.licence_detection import Detection, all_of, detect, detect_header
from curation.licence_report import Found, LicenceReport
from curation.licence_texts import is_licence_name, speaks_for_folder
from curation.origin import licence
from curation.package_licences import is_manifest, manifest_licence
from indexer.corpus import FILES_SCHEMA
from indexer.errors import InputError
from indexer.licences.categories import alternatives
from indexer.licences.obligations import duties

Policy = Literal["any", "permissive", "no-attribution-clause"]
POLICIES: tuple[Policy, ...] = ("any", "permissive", "no-attribution-clause")

_MAY_SPEAK = r"(?i)licen[sc]e|copying|copyright|(^|/)(package\.json|pyproject\.toml|cargo\.toml)$"  # a saving, not the test
_ATTRIBUTION = "include-copyright"  # and include-copyright--source: in source, which is what a dataset passes on
_COLUMNS = ("licenses", "license_expression", "license_evidence", "license_type")

Folders = Mapping[str, Found]
_Key = tuple[str, str]  # repository, commit


@dataclass(frozen=True, slots=True)
class LicenceMap:
    """What LICENSE-like files and package metadata say: by (repository, commit), then by folder, "" for the root. Pickleable."""

    folders: Mapping[_Key, Folders]

    def below_root(self, repository: str, commit: str | None, path: str) -> Found | None:
        """What the nearest folder above the path says, the root left out."""
        folders = self.folders.get((repository, commit or ""))
        if not folders:
            return None
        folder = path.rpartition("/")[0]
        while folder and folder not in folders:
            folder = folder.rpartition("/")[0]
        return folders[folder] if folder else None

    def root(self, repository: str, commit: str | None) -> Found | None:
        """What the root says."""
        return self.folders.get((repository, commit or ""), {}).get("")

    def unrecognised(self) -> Iterator[tuple[str, str]]:
        """(repository, path) of licence files that nothing was recognised in, where no other file of their folder says more."""
        for (repository, _), folders in self.folders.items():
            yield from ((repository, found.path or "") for found in folders.values() if found.method == "unrecognised")


def licence_files(batches: Iterable[pa.RecordBatch]) -> LicenceMap:
    """Reads the rows whose names say licence or package metadata; needs repository, commit, path and content.

    Texts that occur again are recognised once. Memory: one entry for each folder with such a file.
    """
    detections = lru_cache(1 << 9)(detect)
    texts: dict[_Key, dict[str, list[tuple[str, Detection | None]]]] = defaultdict(lambda: defaultdict(list))
    stated: dict[_Key, dict[str, Found]] = defaultdict(dict)
    for batch in batches:
        rows = batch.select(["repository", "commit", "path", "content"]).filter(pc.match_substring_regex(batch.column("path"), _MAY_SPEAK))
        for row in rows.to_pylist():
            key, path, text = (row["repository"], row["commit"] or ""), row["path"], row["content"] or ""
            if is_licence_name(path):
                if speaks_for_folder(path):
                    texts[key][_folder_of(path)].append((path, detections(text)))
            elif is_manifest(path) and (expression := manifest_licence(path, text)):
                stated[key].setdefault(path.rpartition("/")[0], Found(expression, "package", "package", 1.0, path))
    keys = sorted({*texts, *stated})
    return LicenceMap({key: _folders(texts.get(key, {}), stated.get(key, {})) for key in keys})


def with_licences(batch: pa.RecordBatch, licence_map: LicenceMap, report: LicenceReport | None = None) -> pa.RecordBatch:
    """The batch with licenses, license_expression, license_evidence and license_type filled; the report hears of each row. Pure.

    About 20 MB a second a core on source code, most of it spent on notices.
    """
    names = ("repository", "commit", "path", "content", "license_expression", "license_evidence")
    rows = zip(*(batch.column(name).to_pylist() for name in names), strict=True)
    found = [_found(licence_map, *row) for row in rows]
    if report is not None:
        report.add(batch, found)
    licences = [licence(each.expression, each.evidence) for each in found]
    values = {
        "licenses": [list(each.ids) for each in licences],
        "license_expression": [each.expression for each in licences],
        "license_evidence": [each.evidence for each in licences],
        "license_type": [each.type for each in licences],
    }
    for name in _COLUMNS:
        field = FILES_SCHEMA.field(name)
        batch = batch.set_column(batch.schema.get_field_index(name), field, pa.array(values[name], field.type))
    return batch


def admits(policy: str, license_expression: str | None, license_type: str | None, *, unlicensed: bool = False) -> bool:
    """Whether a policy admits a file under this licence. Raises InputError for a policy that is none.

    `any` admits every licence. `permissive`: the category permissive of ScanCode's LicenseDB; of a choice (OR) the freer counts.
    `no-attribution-clause`: a licence whose conditions, by choosealicense.com, ask for no notice to be kept; one that it does not list is
    left out. Files without a licence are a class of their own: `unlicensed` says whether they stay, whatever the policy. (The governance
    card of The Stack speaks of licences without an attribution clause, but its own list of 193 holds MIT, BSD-3-Clause and Apache-2.0,
    which ask for one.)
    """
    if policy not in _ADMITS:
        raise InputError(f"licenses: got {policy!r}; want one of {', '.join(POLICIES)}")
    if (license_type or "none") == "none":
        return unlicensed
    return _ADMITS[policy](license_expression or "NONE", license_type or "none")


@lru_cache(1 << 14)
def _asks_no_attribution(expression: str) -> bool:
    """Whether some choice that the expression offers asks for no notice. "MIT OR 0BSD" -> True, "MIT AND 0BSD" -> False"""
    for choice in alternatives(expression):
        asked = duties(" AND ".join(choice), "distributed")
        if asked is not None and not any(duty.condition.startswith(_ATTRIBUTION) for duty in asked):
            return True
    return False


_ADMITS: Mapping[str, Callable[[str, str], bool]] = {
    "any": lambda _expression, _type: True,
    "permissive": lambda _expression, license_type: license_type == "permissive",
    "no-attribution-clause": lambda expression, _type: _asks_no_attribution(expression),
}


def _found(
    licence_map: LicenceMap,
    repository: str,
    commit: str | None,
    path: str,
    content: str | None,
    expression: str | None,
    evidence: str | None,
) -> Found:
    """Who speaks of one file, in the order of the module's docstring."""
    if content and not is_licence_name(path) and (own := detect_header(content)):
        return Found(own.expression, "tag" if own.method == "tag" else "header", own.method, own.score, path)
    collected = Found(expression, evidence, "collected", 1.0, None) if expression and expression != "NONE" else None
    root = licence_map.root(repository, commit)
    if collected and expression != "NOASSERTION" and (evidence == "package" or (root and root.method == "unrecognised")):
        root = None  # package metadata is nearer to the truth, and a host may have understood what we did not
    return licence_map.below_root(repository, commit, path) or root or collected or Found("NONE", None, "none", 0.0, None)


def _folders(texts: Mapping[str, list[tuple[str, Detection | None]]], stated: Mapping[str, Found]) -> dict[str, Found]:
    """What each folder says: its package metadata where that counts, else its licence files."""
    found = {folder: _of_files(files) for folder, files in texts.items()}
    return {**found, **{folder: each for folder, each in stated.items() if folder in found or not folder}}


def _of_files(files: list[tuple[str, Detection | None]]) -> Found:
    """Licence files of one folder all hold; as sure as the least sure of them."""
    known = sorted((path, detection) for path, detection in files if detection is not None)
    if not known:
        return Found("NOASSERTION", "license_file", "unrecognised", 0.0, min(path for path, _ in files))
    path, least = min(known, key=lambda each: (each[1].score, each[0]))
    return Found(all_of(detection.expression for _, detection in known), "license_file", least.method, least.score, path)


def _folder_of(path: str) -> str:
    """The folder that a licence file speaks for; REUSE's LICENSES/ speaks for the one above it."""
    folder = path.rpartition("/")[0]
    parent, _, name = folder.rpartition("/")
    return parent if name == "LICENSES" else folder
