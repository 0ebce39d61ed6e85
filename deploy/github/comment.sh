#!/usr/bin/env bash
# Writes the report as a comment on the pull request, or brings the one that is there up to date.
# Where nothing changes and no comment is there, none is made. A token that may not write (that of a
# pull request from a fork) is told, and is no failure: the summary of the run says the same.
set -euo pipefail

marker="<!-- gatewright: $GATEWRIGHT_POLICY -->"
comments="repos/$GITHUB_REPOSITORY/issues/$GATEWRIGHT_PULL/comments"
body="${RUNNER_TEMP:?}/gatewright-comment.md"
{
  echo "$marker"
  cat "$GATEWRIGHT_REPORT"
} >"$body"

refused() {
  echo "::warning title=Gatewright::the comment could not be written; the summary says the same"
  exit 0
}

# Anybody may write a comment that begins like ours, and would own the report that is put into it:
# only a bot's is changed, as a job's token is, or that of the token's own user.
login="$(gh api user --jq .login 2>/dev/null)" || login=""
export GATEWRIGHT_MARKER="$marker" GATEWRIGHT_LOGIN="$login"
found="$(
  gh api --paginate "$comments?per_page=100" --jq '.[]
    | select(.user.type == "Bot" or .user.login == env.GATEWRIGHT_LOGIN)
    | select(.body | startswith(env.GATEWRIGHT_MARKER)) | .id'
)" || refused
found="${found%%$'\n'*}"

if [ -n "$found" ]; then
  gh api --method PATCH "repos/$GITHUB_REPOSITORY/issues/comments/$found" \
    --field "body=@$body" --silent || refused
elif [ "$GATEWRIGHT_CHANGED" != false ]; then
  gh api --method POST "$comments" --field "body=@$body" --silent || refused
fi
