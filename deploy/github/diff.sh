#!/usr/bin/env bash
# Writes what the change does as Markdown: to a file, and to the summary of the run. What it is
# compared with is GATEWRIGHT_BASE, or what the event names (GATEWRIGHT_BEFORE).
# Markdown has backquotes that are no commands.
# shellcheck disable=SC2016
set -euo pipefail

policy="$GATEWRIGHT_POLICY"
report="${RUNNER_TEMP:?}/gatewright.md"
errors="$RUNNER_TEMP/gatewright-diff.txt"

# Prints the commit to compare with, fetched where the checkout does not have it; nothing if none.
base() {
  local wanted="$GATEWRIGHT_BASE"
  if [ -z "$wanted" ]; then
    wanted="$GATEWRIGHT_BEFORE"
    if [ "$GITHUB_EVENT_NAME" = pull_request ]; then
      # The checkout is a merge into the newest base: its first parent is what is merged into.
      if [ "$(git rev-parse HEAD)" = "$GITHUB_SHA" ]; then
        git fetch --quiet --no-tags --depth=2 origin "$GITHUB_SHA" 2>/dev/null || true
        if git rev-parse --quiet --verify 'HEAD^2' >/dev/null; then
          git rev-parse 'HEAD^1'
          return
        fi
      fi
    fi
  fi
  # A branch that was just created comes after nothing.
  if [ -z "$wanted" ] || [ -z "${wanted//0/}" ]; then return; fi
  if ! git rev-parse --quiet --verify "$wanted^{commit}" 2>/dev/null; then
    if git fetch --quiet --no-tags --depth=1 origin "$wanted" 2>/dev/null; then
      git rev-parse FETCH_HEAD
    fi
  fi
}

changed=""
before="$(base)"
if [ -z "$before" ]; then
  printf '### Gatewright\n\nThere is nothing to compare with.\n' >"$report"
elif ! git cat-file -e "$before:${policy#./}" 2>/dev/null && [ "$policy" != . ]; then
  printf '### Gatewright: a new policy\n\n`%s` was not there before.\n' "$policy" >"$report"
  changed=true
else
  code=0
  gatewright diff --format markdown "$before" "$policy" >"$report" 2>"$errors" || code=$?
  case "$code" in
    0) changed=false ;;
    2) changed=true ;;
    1)
      printf '### Gatewright: no comparison\n\nOne of the sides does not compile.\n\n' >"$report"
      printf '````text\n%s\n````\n' "$(head -c 20000 "$errors")" >>"$report"
      ;;
    *)
      cat "$errors" >&2
      exit "$code"
      ;;
  esac
fi

cat "$report" >>"$GITHUB_STEP_SUMMARY"
{
  echo "changed=$changed"
  echo "report=$report"
} >>"$GITHUB_OUTPUT"
