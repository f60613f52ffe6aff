"""How is a run of the curation pipeline told? As markdown: what each command and each step took and left.

Not here: running it (`curation`).
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.bench.parts import Part, commit
from tests.bench.report import circumstances, table

MB = 1e6


@dataclass(frozen=True, slots=True)
class Version:
    """A release: its number, what `wherefrom curate --json` printed, and its lineage."""

    number: str
    printed: Mapping[str, Any]
    lineage: Mapping[str, Any]


def report(commands: Sequence[Part], versions: Sequence[Version], missing: Mapping[str, str], load_before: float) -> str:
    """The whole text."""
    return "\n".join(
        [
            "# Real packages to a release, and to the next one\n",
            "\n".join(_circumstances(commands, load_before)) + "\n",
            _summary(commands, versions, missing),
            "## Commands\n",
            "Each is a process of its own; CPU seconds and the largest process are of its whole tree, looked at ten times a second.\n",
            _commands(commands),
            *(section for version in versions for section in _steps(version)),
            "## From 1.0 to 1.1\n",
            _difference(commands, versions),
            "## Loaded\n",
            _loaded(commands, versions),
        ]
    )


def _circumstances(commands: Sequence[Part], load_before: float) -> list[str]:
    here = commit()
    lines = circumstances(here)
    lines.append(
        f"- load of the machine before {load_before:.1f}, after {os.getloadavg()[0]:.1f}, on {os.cpu_count()} cores:"
        " where it is above them, others worked beside, and seconds by the clock say little"
    )
    elsewhere = {part.commit for part in commands} - {here}
    return lines + (
        [f"- some parts were measured at {', '.join(sorted(elsewhere))}, with the same code of what they measure"] if elsewhere else []
    )


def _summary(commands: Sequence[Part], versions: Sequence[Version], missing: Mapping[str, str]) -> str:
    collected, added, first = (part.result for part in commands[:3])
    counts, more = collected["printed"]["counts"], added["printed"]["counts"]
    n_bytes = counts["text_bytes"]
    seconds = collected["cpu_seconds"] + first["cpu_seconds"]
    largest = max(part.result["peak_bytes"] for part in commands[:4])
    lines = [
        f"- 1.0: {counts['repositories']:,} packages, {counts['documents']:,} files, {n_bytes / MB:,.0f} MB collected;"
        f" {versions[0].printed['counts']['documents']:,} files, {versions[0].printed['counts']['text_bytes'] / MB:,.0f} MB released",
        f"- 1.1: {more['repositories']:,} packages and {more['text_bytes'] / MB:,.0f} MB more, one package left out on request;"
        f" {versions[1].printed['counts']['documents']:,} files released",
        f"- end to end, `collect` and `curate` of 1.0: {n_bytes / MB / seconds:.1f} MB a CPU second (wanted: 2)",
        f"- largest process of any of them: {largest / MB:,.0f} MB (wanted: under 2,000)",
    ]
    if missing:
        lines.append(f"- no longer served by their registries, left out: {', '.join(sorted(missing))}")
    return "\n".join(lines) + "\n"


def _commands(commands: Sequence[Part]) -> str:
    first, added = (part.result["printed"]["counts"]["text_bytes"] for part in commands[:2])
    sizes = [first, added, first, first + added, *(0 for _ in commands[4:])]
    rows = []
    for part, n_bytes in zip(commands, sizes, strict=True):
        made = part.result
        rate = f"{n_bytes / MB / made['cpu_seconds']:.1f}" if n_bytes else ""
        costs = [f"{made['wall_seconds']:.0f}", f"{made['cpu_seconds']:.0f}", rate, f"{made['peak_bytes'] / MB:,.0f}"]
        rows.append([made["name"], f"{n_bytes / MB:,.0f}" if n_bytes else "", *costs])
    return table(["", "MB", "wall s", "CPU s", "MB a CPU second", "largest process, MB"], rows)


def _steps(version: Version) -> list[str]:
    costs = {each["step"]: each for each in version.printed["costs"]}
    rows = []
    for step in version.lineage["steps"]:
        cost = costs[step["step"]]
        dropped = ", ".join(f"{count:,} {reason}" for reason, count in step["dropped"].items())
        numbers = [f"{step[key]:,}" for key in ("rows_in", "rows_out")]
        rows.append([step["step"], *numbers, f"{cost['seconds']:.1f}", f"{cost['mb_per_second']:,.1f}", f"{cost['peak_mb']:,}", dropped])
    header = ["step", "in", "out", "seconds of all processes", "MB/s a process", "largest process, MB", "dropped"]
    told = f"Malicious code: {version.lineage['malicious']['status']}.\n"
    return [f"## Lineage of {version.number}\n", table(header, rows), told]


def _difference(commands: Sequence[Part], versions: Sequence[Version]) -> str:
    found = next(part.result["printed"] for part in commands if part.result["name"] == "release diff")
    rows = [[name, f"{before:,}", f"{after:,}"] for name, (before, after) in found["totals"].items()]
    told = ", ".join(f"{count:,} {what}" for what, count in found["files"].items())
    (removals,) = (step["dropped"] for step in versions[1].lineage["steps"] if step["step"] == "removals")
    left_out = ", ".join(f"{count:,} {reason}" for reason, count in removals.items())
    return f"{table(['', '1.0', '1.1'], rows)}\nFiles: {told}. Left out on request: {left_out}.\n"


def _loaded(commands: Sequence[Part], versions: Sequence[Version]) -> str:
    found = next(part.result["printed"] for part in commands if part.result["name"].startswith("datasets"))
    listed = versions[1].printed["counts"]["languages"]
    rows = [[name, f"{n_rows:,}", f"{listed[name]['documents']:,}"] for name, n_rows in found.items()]
    return "`datasets.load_dataset(folder, LANGUAGE)` of 1.1, with the network refused:\n\n" + table(
        ["", "rows loaded", "rows in the manifest"], rows
    )
