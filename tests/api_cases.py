"""Does the API keep to its description, whatever is sent? `python -m tests.api_cases --cases 20000`, also `make api-cases`.

schemathesis makes requests of the OpenAPI document, good and bad ones; a failure is a 5xx, a status, media type or body that the
document does not say, or a fault that the server counted.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass

import httpx

from tests.limits import HANG_SECONDS
from tests.loopback import demo_index, environment, serving

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"


@dataclass(frozen=True, slots=True)
class Run:
    """How many cases were made, whether all kept to the description, and what schemathesis said."""

    cases: int
    kept: bool
    said: str


def run(url: str, examples: int, seed: int, phases: str = "examples,coverage,fuzzing") -> Run:
    """One run of schemathesis, with at most so many made-up examples of each operation."""
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "run", f"{url}/openapi.json", "--checks", CHECKS, "--phases", phases),
        *("--max-examples", str(examples), "--seed", str(seed), "--continue-on-failure", "--suppress-health-check", "all"),
        *("--request-timeout", str(int(HANG_SECONDS))),  # the first question of a kind may wait for a compiler
    ]
    with tempfile.TemporaryDirectory() as folder:  # it keeps what it has found beside it
        done = subprocess.run(
            command, cwd=folder, env=environment(SCHEMATHESIS_HOOKS="tests.api_hooks"), capture_output=True, text=True, check=False
        )
    made = re.search(r"(\d+) generated", done.stdout)
    faults = re.search(r"^wherefrom_faults_total (\S+)", httpx.get(f"{url}/metrics", timeout=HANG_SECONDS).text, re.MULTILINE)
    kept = done.returncode == 0 and faults is not None and float(faults[1]) == 0
    return Run(int(made[1]) if made else 0, kept, f"{done.stdout}{done.stderr}\nfaults counted by the server: {faults and faults[1]}")


def main() -> None:
    """Runs with new seeds until there are enough cases; exit code 1 where one did not keep to the description."""
    parser = argparse.ArgumentParser(prog="python -m tests.api_cases", description=__doc__)
    parser.add_argument("--cases", type=int, default=20_000, help="at least so many")
    parser.add_argument("--index", default=None, help="a folder; the demo's by default")
    options = parser.parse_args()
    cases, seed, began = 0, 0, time.monotonic()
    with serving("wherefrom", "serve", "--index", options.index or demo_index(), "--no-page", "--port", "0") as (url, _):
        while cases < options.cases:
            seed += 1
            one = run(url, 200, seed)
            cases += one.cases
            print(f"seed {seed}: {one.cases} cases, {cases} in all, {time.monotonic() - began:.0f} s", flush=True)
            if not one.kept or not one.cases:
                print(one.said)
                sys.exit(1)


if __name__ == "__main__":
    main()
