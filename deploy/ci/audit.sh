#!/usr/bin/env bash
# What the GitHub Action and the GitLab template run. Reads from the environment:
#   WHEREFROM_INDEX  where the index is       AUDIT_PATHS     what to audit, separated by spaces (default: .)
#   AUDIT_BASE       a revision: only lines changed since; empty: everything
#   AUDIT_BASELINE   a baseline file, or empty
#   AUDIT_OUT        the folder for the reports (default: wherefrom-reports)
# Ends with the audit's own exit code: 0 done, 1 the policy says no, 2 input, 3 the index, 4 incomplete.
set -euo pipefail

: "${WHEREFROM_INDEX:?set WHEREFROM_INDEX to a server URL or a folder}"
out=${AUDIT_OUT:-wherefrom-reports}
mkdir -p "$out"

read -r -a paths <<<"${AUDIT_PATHS:-.}"
options=()
[ -n "${AUDIT_BASE:-}" ] && options+=(--diff "$AUDIT_BASE")
[ -n "${AUDIT_BASELINE:-}" ] && options+=(--baseline "$AUDIT_BASELINE")

code=0
wherefrom audit "${paths[@]}" "${options[@]}" \
  --report "sarif=$out/audit.sarif" \
  --report "gitlab=$out/code-quality.json" \
  --report "markdown=$out/audit.md" \
  --report "html=$out/audit.html" \
  --report "json=$out/audit.json" || code=$?

if [ -n "${GITHUB_STEP_SUMMARY:-}" ] && [ -f "$out/audit.md" ]; then cat "$out/audit.md" >>"$GITHUB_STEP_SUMMARY"; fi
if [ -n "${GITHUB_OUTPUT:-}" ] && [ -f "$out/audit.sarif" ]; then echo "sarif=$out/audit.sarif" >>"$GITHUB_OUTPUT"; fi
exit "$code"
