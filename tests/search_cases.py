"""Does any query hold a server or break it? `python -m tests.search_cases [--index LOCATION] [--cases 10000]`, also `make search-cases`.

Bad queries go to a real server over HTTP. A failure is a 5xx, or an answer that took longer than the server's own limit.

Not here: the queries (`tests.bad_queries`).
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter

import httpx

from tests.bad_queries import bad_queries
from tests.loopback import demo_index, serving

MOST_SECONDS = 30.0  # the server's limit by default


def run(url: str, seed: int, n: int) -> tuple[Counter[int], list[tuple[float, str]], list[str]]:
    """How often each status came, seconds and queries with the slowest first, and what failed."""
    statuses: Counter[int] = Counter()
    times, failed = [], []
    with httpx.Client(base_url=url, timeout=4 * MOST_SECONDS) as client:
        for query in bad_queries(seed, n):
            begun = time.monotonic()
            answer = client.post("/v1/search", content=json.dumps({"q": query}), headers={"content-type": "application/json"})
            seconds = time.monotonic() - begun
            statuses[answer.status_code] += 1
            times.append((seconds, query[:200]))
            if len(times) % 500 == 0:
                print(f"{len(times)} asked, {len(failed)} failed: {dict(statuses)}", file=sys.stderr, flush=True)
            if answer.status_code >= 500 or seconds > MOST_SECONDS:
                failed.append(f"{answer.status_code} after {seconds:.1f} s: {query[:200]!r}: {answer.text[:300]}")
    return statuses, sorted(times, reverse=True), failed


def main() -> None:
    """Asks, and prints what came; exit code 1 where a query failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.search_cases", description=__doc__)
    parser.add_argument("--cases", type=int, default=10_000, help="queries (%(default)s)")
    parser.add_argument("--seed", type=int, default=20261123, help="(%(default)s)")
    parser.add_argument("--index", default=None, help="a folder or a cluster's location; the demo's index by default")
    options = parser.parse_args()
    with serving("wherefrom", "serve", "--index", options.index or demo_index(), "--no-page", "--port", "0") as (url, _):
        statuses, times, failed = run(url, options.seed, options.cases)
    print(f"{options.cases} queries: " + ", ".join(f"{n} x {status}" for status, n in sorted(statuses.items())))
    print(
        f"seconds: median {times[len(times) // 2][0]:.3f}, slowest "
        + ", ".join(f"{seconds:.2f} {query[:60]!r}" for seconds, query in times[:5])
    )
    print("\n".join(failed) or "none failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
