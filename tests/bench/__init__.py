"""The workload that every engine is measured on: real packages, snippets cut from them, and what was done to the snippets."""
