"""Tests, mirroring the packages; `bench` is the benchmark (`make bench`)."""
