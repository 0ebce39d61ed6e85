#!/usr/bin/env bash
# Checks the policy: annotations on its lines, SARIF in a file, and what failed as an output. It does
# not fail itself, so that the steps that follow still tell reviewers what changes.
set -euo pipefail

policy="$GATEWRIGHT_POLICY"
sarif="${RUNNER_TEMP:?}/gatewright.sarif"
failed=()
strict=()
if [ "$GATEWRIGHT_STRICT" = true ]; then strict=(--strict); fi

# Names what failed; a machine that refuses, or a bug, ends the step. Tests that are wrong end with 2.
note() {
  local name="$1" code="$2"
  case "$code" in
    0) ;;
    1 | 2) failed+=("$name") ;;
    *) echo "::error title=Gatewright::$name ended with $code"; exit "$code" ;;
  esac
}

# A policy is text of whoever made the pull request: what is told of it is no command to the runner,
# whatever it looks like. Annotations are escaped, and are commands.
plainly() {
  local code=0 token
  token="$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')"
  echo "::stop-commands::$token"
  "$@" 2>&1 || code=$?
  echo "::$token::"
  return "$code"
}

code=0
gatewright check --format github "${strict[@]+"${strict[@]}"}" "$policy" || code=$?
note check "$code"
gatewright check --format sarif "$policy" >"$sarif" || [ $? -eq 1 ]
right="$code"

if [ "$GATEWRIGHT_FMT" = true ]; then
  code=0
  plainly gatewright fmt --check "$policy" || code=$?
  note fmt "$code"
fi
# What does not compile has been told; it would be told again.
if [ "$right" -eq 0 ] && [ "$GATEWRIGHT_TESTS" = true ]; then
  code=0
  plainly gatewright test "$policy" || code=$?
  note test "$code"
fi
if [ "$right" -eq 0 ] && [ -n "$GATEWRIGHT_COMPILED" ]; then
  code=0
  plainly gatewright compile "$policy" --out "$GATEWRIGHT_COMPILED" --check || code=$?
  note compiled "$code"
fi

{
  echo "sarif=$sarif"
  echo "failed=${failed[*]+"${failed[*]}"}"
} >>"$GITHUB_OUTPUT"
