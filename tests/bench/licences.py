"""How many real licence texts and file headers are recognised? Beside ScanCode on the same: `python -m tests.bench.licences`.

Ends with 1 where fewer than .93 are recognised exactly or more than .015 wrongly.

Not here: which texts, and who says what they are (`licence_truth`).
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from curation.licence_detection import detect, detect_header
from indexer.licences.categories import license_ids
from tests.bench.corpus import console
from tests.bench.download import download_all
from tests.bench.licence_truth import Truth, debian_texts, file_headers, is_plausible, licence_texts, python_texts
from tests.bench.packages import packages
from tests.bench.parts import commit
from tests.bench.place import data_folder
from tests.bench.report import circumstances, table

RESULTS = Path(__file__).with_name("results") / "licences.md"
SCANCODE = Path(__file__).with_name("scancode_side.py")
LEAST_EXACT, MOST_WRONG = 0.93, 0.015
HEADERS_A_PACKAGE = 40
KINDS = ("exact", "contains", "none", "wrong")
_LICENCE = re.compile(r"hereby\s+granted|Redistribution\s+and\s+use")
_EXPLAINED = """
- exact: the licence and nothing else; contains: it and others; none: nothing recognised; wrong: others only
- as SPDX ids. The full text of a GNU licence does not say whether later versions may be chosen: there "only" and "or later" are one.
  DEP-5's names are coarser than SPDX's: for its texts BSD-4-Clause-UC counts as BSD-4-Clause
- texts: licence files of packages that state one SPDX licence and carry one such file; stanzas of debian/copyright under a name that
  its format defines. Texts with the same words count once. Taken out: files that hold more than two licences, for which one name is
  no truth
- headers: source files that debian/copyright gives one by one, at most {cap} a package, that disclaim a warranty near their top
- cleaned: without Debian's texts and headers that lack words which the licence of their label cannot be without (`is_plausible`:
  "endorse" for BSD-3-Clause, "version 2.1" and "any later" for LGPL-2.1-or-later, ...), since there the label is wrong. As labelled:
  with them
- ScanCode: the detections of `scancode-toolkit`, in an environment of its own; its milliseconds are without the {load:.0f} s that it
  takes to begin
"""


@dataclass(slots=True)
class Score:
    """The answers of one detector to one set, judged."""

    counts: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    faults: list[tuple[str, str, str, str]] = field(default_factory=list)  # kind, licence, answer, where

    def row(self) -> list[str]:
        """Shares and milliseconds."""
        total = max(1, self.counts.total())
        return [f"{self.counts[kind] / total:.3f} ({self.counts[kind]})" for kind in KINDS] + [f"{1000 * self.seconds / total:.1f}"]


def main() -> None:
    """Reads the options, runs, prints the report on standard output."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.licences", description=__doc__)
    parser.add_argument("--data", type=Path, default=data_folder(), help="where packages are kept (%(default)s)")
    parser.add_argument("--scancode", type=Path, help="the Python of an environment that has scancode-toolkit")
    options = parser.parse_args()
    sets = _sets(options.data / "downloads")
    ours = {name: _ours(name, truths) for name, truths in sets.items()}
    theirs, load = _scancode(options.scancode, sets) if options.scancode and options.scancode.exists() else ({}, 0.0)
    text = _report(sets, ours, theirs, load)
    print(text)
    RESULTS.write_text(text, "utf-8")
    sys.exit(any(_fails(ours[name]) for name in ours if "cleaned" in name))


def _fails(score: Score) -> bool:
    total = score.counts.total()
    return score.counts["exact"] < LEAST_EXACT * total or score.counts["wrong"] > MOST_WRONG * total


def _sets(downloads: Path) -> dict[str, list[Truth]]:
    wanted = [*packages("corpus"), *packages("heldout"), *packages("growth")]
    fetched = download_all(wanted, downloads, lambda package, why: console.print(f"left out: {package.key}: {why}", highlight=False))
    texts = [truth for each in fetched for truth in licence_texts(each)] + [*python_texts(), *debian_texts()]
    texts = [truth for truth in _once(texts) if len(_LICENCE.findall(truth.text)) <= 2]
    headers = [truth for each in fetched for truth in _some(file_headers(each))]
    return {
        "texts, cleaned": [truth for truth in texts if truth.by != "debian/copyright" or is_plausible(truth.text, truth.licence)],
        "texts, as labelled": texts,
        "headers, cleaned": [truth for truth in headers if is_plausible(truth.text, truth.licence)],
        "headers, as labelled": headers,
    }


def _once(truths: Iterable[Truth]) -> Iterable[Truth]:
    return {" ".join(truth.text.split()): truth for truth in reversed(list(truths))}.values()


def _some(truths: Iterable[Truth]) -> list[Truth]:
    """The same choice each time, spread over the package."""
    return sorted(truths, key=lambda truth: hashlib.sha1(truth.where.encode(), usedforsecurity=False).digest())[:HEADERS_A_PACKAGE]


def _ours(name: str, truths: Sequence[Truth]) -> Score:
    detector = detect_header if name.startswith("headers") else detect
    detector("licensed under nothing at all")
    begun = time.perf_counter()
    answers = [found.expression if (found := detector(truth.text)) else "" for truth in truths]
    seconds = time.perf_counter() - begun
    return _judged(name, truths, [license_ids(answer) for answer in answers], seconds)


def _scancode(python: Path, sets: dict[str, list[Truth]]) -> tuple[dict[str, Score], float]:
    """The same asked of ScanCode, each text once."""
    texts = sorted({truth.text for truths in sets.values() for truth in truths})
    done = subprocess.run([python, SCANCODE], input=json.dumps(texts), capture_output=True, text=True, check=True)
    answered = json.loads(done.stdout)
    ids = {text: _union(answer) for text, answer in zip(texts, answered["answers"], strict=True)}
    seconds = dict(zip(texts, answered["seconds"], strict=True))
    scores = {
        name: _judged(name, truths, [ids[truth.text] for truth in truths], sum(seconds[truth.text] for truth in truths))
        for name, truths in sets.items()
    }
    return scores, answered["load"]


def _union(expressions: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(spdx_id for expression in expressions for spdx_id in license_ids(expression)))


def _judged(name: str, truths: Sequence[Truth], answers: Sequence[tuple[str, ...]], seconds: float) -> Score:
    score = Score(seconds=seconds)
    same = _same_header if name.startswith("headers") else _same_text
    for truth, ids in zip(truths, answers, strict=True):
        kind = _kind({spdx_id for spdx_id in ids if not same(spdx_id, truth)}, any(same(spdx_id, truth) for spdx_id in ids))
        score.counts[kind] += 1
        if kind != "exact":
            score.faults.append((kind, truth.licence, ", ".join(ids), truth.where))
    return score


def _kind(others: set[str], is_named: bool) -> str:
    if is_named:
        return "contains" if others else "exact"
    return "wrong" if others else "none"


def _same_header(spdx_id: str, truth: Truth) -> bool:
    return spdx_id == truth.licence


def _same_text(spdx_id: str, truth: Truth) -> bool:
    spdx_id = spdx_id.removeprefix("LicenseRef-")
    if re.match(r"A?L?GPL-", truth.licence):
        return re.sub("-(only|or-later)$", "", spdx_id) == re.sub("-(only|or-later)$", "", truth.licence)
    return spdx_id == truth.licence or (truth.by == "debian/copyright" and spdx_id.startswith(truth.licence + "-"))


def _report(sets: dict[str, list[Truth]], ours: dict[str, Score], theirs: dict[str, Score], load: float) -> str:
    header = ["", "texts", "by", *KINDS, "ms each"]
    rows = [
        [name, str(len(truths)), who, *scores[name].row()]
        for name, truths in sets.items()
        for who, scores in (("curation.licence_detection", ours), ("ScanCode", theirs))
        if name in scores
    ]
    kinds = [f"- {name}: {', '.join(f'{licence} {n}' for licence, n in _licences(truths))}" for name, truths in sets.items()]
    lines = "\n".join([*circumstances(commit()), *_EXPLAINED.format(cap=HEADERS_A_PACKAGE, load=load).strip().splitlines(), *kinds])
    parts = [f"# Licence detection\n\n{lines}\n", table(header, rows)]
    parts += [_faults(f"{name}: what curation.licence_detection did not answer exactly", ours[name]) for name in sets if "cleaned" in name]
    return "\n".join(parts)


def _licences(truths: Sequence[Truth]) -> list[tuple[str, int]]:
    return sorted(Counter(truth.licence for truth in truths).items(), key=lambda each: (-each[1], each[0]))


def _faults(title: str, score: Score) -> str:
    return f"\n## {title}\n\n" + table(["", "known as", "answered", "where"], [list(fault) for fault in sorted(score.faults)])


if __name__ == "__main__":
    main()
