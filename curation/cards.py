"""What should somebody know who finds a release? Its dataset card (README.md) and its plots, from manifest, tables and lineage.

The card's head is YAML as the Hugging Face hub reads it: a configuration for each language and edition, so that
`datasets.load_dataset(folder, "python")` works, from a folder too. Equal releases have equal cards, byte for byte.

Not here: the counting (`curation.release_statistics`), pages of sample files (`curation.preview`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curation.charts import bars
from curation.preview import preview
from curation.release_folder import make_folder
from curation.release_statistics import Amount, EditionStatistics, by_files, editions, statistics
from indexer.corpus import FILES_SCHEMA, Release
from indexer.disk import disk_errors, write_whole
from indexer.errors import InputError

CARD = "README.md"
_MOST_ROWS = 40  # of a table; the rest is one row
_MOST_BARS = 20
_SIZES = (1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000, 1_000_000_000)
_SIZE_NAMES = ("1K", "10K", "100K", "1M", "10M", "100M", "1B")
_EDITIONS = {
    "data": "every file, near-duplicates too: files that are near-duplicates of each other share a `cluster_id`",
    "data-deduplicated": "one file of each cluster of near-duplicates",
    "files": "every file",
}
_CLEAN = str.maketrans({"|": "\\|", "`": "'", "\n": " ", "\r": " ", "<": "&lt;", "[": "\\["})


@dataclass(frozen=True, slots=True)
class CardSettings:
    """What a card cannot know from the release: where people ask to be left out, where newer versions stand."""

    opt_out: str = "whoever gave you this release"
    place: str = "PLACE"


def card(release: Release, settings: CardSettings | None = None) -> dict[str, str]:
    """The card and its plots, by their path in the release. Reads all parts without their contents."""
    found = editions(release)
    counted = {edition: statistics(release, parts) for edition, parts in found.items()}
    main = counted[next(iter(found))]
    plots = _plots(main)
    sections = [
        _front_matter(release.manifest, found, main),
        _introduction(release.manifest, main),
        _loading(release, found),
        *(_edition(edition, counted[edition]) for edition in found),
        _licences(main),
        _columns(),
        _making(release),
        _opting_out(settings or CardSettings()),
        _terms(release, settings or CardSettings()),
    ]
    return {CARD: "\n".join(sections), **plots}


def write_card(release: Release, target: Path, settings: CardSettings | None = None) -> list[str]:
    """Writes the card, its plots and the pages of the preview below a folder; returns their names.

    Raises InputError where that would change what the release's manifest has hashes of, OutOfSpace.
    """
    hashed = release.manifest.get("hashes", {})
    if target.resolve() == release.path.resolve() and CARD in hashed:
        raise InputError(f"{release.path}: its manifest has the hash of its {CARD}; write the new card elsewhere, with --output FOLDER")
    names = []
    with disk_errors(target):
        for name, text in (*card(release, settings).items(), *preview(release)):
            make_folder((target / name).parent)
            write_whole(target / name, text.encode("utf-8", "replace"))
            names.append(name)
    return names


def _front_matter(manifest: Mapping[str, Any], found: Mapping[str, Mapping[str, list[str]]], main: EditionStatistics) -> str:
    """Strings are written as JSON, which is YAML too."""
    configs = [pair for edition, folders in found.items() for pair in _configs(edition, list(folders))]
    lines = [
        "---",
        f"pretty_name: {json.dumps(_title(manifest))}",
        "license: other",
        "license_name: terms-of-use",
        "license_link: TERMS.md",
        "task_categories:",
        "- text-generation",
        "tags:",
        "- code",
        f"size_categories:\n- {_size_category(main.total.files)}",
        "configs:",
        *(f"- config_name: {json.dumps(name)}\n  data_files: {json.dumps(pattern)}" for name, pattern in configs),
        "---",
        "",
    ]
    return "\n".join(lines)


def _configs(edition: str, folders: Sequence[str]) -> Iterator[tuple[str, str]]:
    """(name, pattern). ("data", ["python"]) -> ("default", "data/*/*.parquet"), ("python", "data/python/*.parquet")"""
    if folders == [""]:
        yield "default", f"{edition}/*.parquet"
        return
    suffix = edition.removeprefix("data")  # "-deduplicated"
    yield (suffix.lstrip("-") or "default"), f"{edition}/*/*.parquet"
    for folder in folders:
        yield f"{folder}{suffix}", f"{edition}/{folder}/*.parquet"


def _size_category(files: int) -> str:
    """As the hub names them. 300 -> "n<1K", 2000 -> "1K<n<10K" """
    place = sum(files >= size for size in _SIZES)
    if place == 0:
        return "n<1K"
    return f"{_SIZE_NAMES[place - 1]}<n<{_SIZE_NAMES[place]}" if place < len(_SIZES) else "n>1B"


def _title(manifest: Mapping[str, Any]) -> str:
    return f"{manifest.get('name', 'release')} {manifest.get('version', '')}".strip()


def _introduction(manifest: Mapping[str, Any], main: EditionStatistics) -> str:
    counts = manifest.get("counts", {})
    before = f" It follows version {manifest['previous_version']}." if manifest.get("previous_version") else ""
    return (
        f"# {_clean(_title(manifest))}\n\nSource code, {main.total.files:,} files ({_size(main.total.n_bytes)}) of"
        f" {counts.get('repositories', 0):,} repositories in {len(main.languages):,} languages, each with where it comes from and under"
        f" which licence. Released on {manifest.get('date', 'an unknown date')} with Wherefrom.{before}\n"
    )


def _loading(release: Release, found: Mapping[str, Mapping[str, list[str]]]) -> str:
    names = [name for edition, folders in found.items() for name, _ in _configs(edition, list(folders))]
    example = next((name for name in names if name not in ("default", "deduplicated")), "default")
    return (
        "## Loading\n\n```python\nfrom datasets import load_dataset\n\n"
        f'files = load_dataset("{release.manifest.get("name", "folder")}", "{example}", split="train")  # a folder, or a hub\'s name\n'
        "```\n\nConfigurations: " + ", ".join(f"`{name}`" for name in names) + ".\n"
    )


def _edition(edition: str, counted: EditionStatistics) -> str:
    flags = ", ".join(f"{counted.flags[flag]:,} {flag.removeprefix('is_')}" for flag in ("is_vendored", "is_generated", "is_test"))
    plots = "" if edition == "data-deduplicated" else "![Files by language](card/files.svg)\n\n![Size by language](card/bytes.svg)\n\n"
    return (
        f"## `{edition}`: {_EDITIONS.get(edition, 'files')}\n\n{counted.total.files:,} files, {_size(counted.total.n_bytes)}; {flags}.\n\n"
        f"{plots}{_table('language', counted.languages, counted.total)}"
    )


def _licences(main: EditionStatistics) -> str:
    return (
        "## Licences\n\nEach file stays under its own licence. `license_evidence` says how it became known: a tag or notice in the file,"
        " the nearest licence file, the package's metadata, the repository. Detection is automatic and can be wrong.\n\n"
        "![Files by licence](card/licences.svg)\n\n"
        f"{_table('category', main.license_types, main.total)}\n{_table('licence', main.licenses, main.total)}"
    )


def _columns() -> str:
    names = ", ".join(f"`{name}`" for name in FILES_SCHEMA.names)
    return (
        f"## Columns\n\n{names}.\n\n`content_id` is the git blob SHA-1 of the file as it was collected, or of `content` where"
        " text in it was replaced: then `original_content_id` is that of the file. `content` is UTF-8, whatever"
        " `encoding` it came in. `stars` and `forks` are what the source said, or counts of events seen, and null where unknown.\n"
        "`repositories.parquet` has each repository once, with the texts of its licences and notices.\n"
    )


def _making(release: Release) -> str:
    settings = json.dumps(release.manifest.get("settings", {}), indent=2, ensure_ascii=False, sort_keys=True)
    sources = "".join(f"- `{_clean(source)}`\n" for source in release.manifest.get("sources", [])[:_MOST_ROWS])
    parts = [
        "## How it was made\n",
        _lineage(release),
        f"Sources:\n\n{sources}" if sources else "",
        f"Settings:\n\n```json\n{settings}\n```\n",
    ]
    return "\n".join(part for part in parts if part)


def _lineage(release: Release) -> str:
    file = release.path / "lineage.json"
    if not file.is_file():
        return ""
    rows = [
        [step["step"], f"{step['rows_in']:,}", f"{step['rows_out']:,}", ", ".join(f"{why} {n:,}" for why, n in step["dropped"].items())]
        for step in json.loads(file.read_text("utf-8"))["steps"]
    ]
    return _markdown(["step", "files in", "files out", "dropped"], rows)


def _opting_out(settings: CardSettings) -> str:
    return (
        f"## Opting out\n\nIs your code in here and should not be? Ask {settings.opt_out}. Say which repository, account, file (by its"
        " `content_id`) or author it is about; a copy of your file in somebody else's repository goes too where you name its `content_id`."
        " The next version leaves it out, and whoever holds this one is bound to replace it. No reason is needed.\n"
    )


def _terms(release: Release, settings: CardSettings) -> str:
    carried = "They stand in [TERMS.md](TERMS.md), go with every copy, and are accepted first. " if _has_terms(release) else ""
    return (
        f"## Terms of use\n\n{carried}In short: follow the licence of every file, replace your copy when a newer usable version is out,"
        f" pass both duties on.\n`wherefrom release status FOLDER --against {settings.place}` says whether this version is still the newest"
        " usable one.\n"
    )


def _has_terms(release: Release) -> bool:
    return (release.path / "TERMS.md").is_file()


def _plots(main: EditionStatistics) -> dict[str, str]:
    languages = by_files(main.languages)
    sizes = sorted(main.languages.items(), key=lambda item: (-item[1].n_bytes, item[0]))
    licences = by_files(main.licenses)
    return {
        "card/files.svg": bars("Files by language", [(name, one.files, f"{one.files:,}") for name, one in languages[:_MOST_BARS]]),
        "card/bytes.svg": bars("Size by language", [(name, one.n_bytes, _size(one.n_bytes)) for name, one in sizes[:_MOST_BARS]]),
        "card/licences.svg": bars("Files by licence", [(name, one.files, f"{one.files:,}") for name, one in licences[:_MOST_BARS]]),
    }


def _table(what: str, counted: Mapping[str, Amount], total: Amount) -> str:
    found = by_files(counted)
    rows = [[name, f"{one.files:,}", _size(one.n_bytes), f"{one.files / max(total.files, 1):.1%}"] for name, one in found[:_MOST_ROWS]]
    if rest := found[_MOST_ROWS:]:
        files, n_bytes = sum(one.files for _, one in rest), sum(one.n_bytes for _, one in rest)
        rows.append([f"{len(rest):,} more", f"{files:,}", _size(n_bytes), f"{files / max(total.files, 1):.1%}"])
    return _markdown([what, "files", "size", "share of files"], rows)


def _markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *([_clean(cell) for cell in row] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _clean(text: str) -> str:
    """Text of unknown origin on one line of markdown."""
    return str(text).translate(_CLEAN)


def _size(n_bytes: int) -> str:
    """1234567 -> "1.2 MB" """
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if n_bytes >= size:
            return f"{n_bytes / size:,.1f} {unit}"
    return f"{n_bytes} bytes"
