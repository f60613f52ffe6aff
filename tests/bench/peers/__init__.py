"""Systems that Wherefrom is measured against, each behind the same two methods (`tests.bench.engine`)."""
