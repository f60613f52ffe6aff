"""Faults of real clusters that take a node or several of their own: run by `make test-cluster-faults`."""
