#!/usr/bin/env bash
# Puts `gatewright` on the PATH of the steps that follow. GATEWRIGHT_INSTALL is what pip installs
# (`none`: nothing), GATEWRIGHT_SOURCE the checkout of this action, which is installed otherwise.
set -euo pipefail

if [ "$GATEWRIGHT_INSTALL" = none ]; then
  command -v gatewright >/dev/null || {
    echo "::error title=Gatewright::install is none, and there is no gatewright on the PATH"
    exit 1
  }
  exit 0
fi

venv="$RUNNER_TEMP/gatewright"
python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
  echo "::error title=Gatewright::Python 3.11 or newer is needed: use actions/setup-python before"
  exit 1
}
python3 -m venv "$venv"
if [ -n "$GATEWRIGHT_INSTALL" ]; then
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check "$GATEWRIGHT_INSTALL"
else
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    --constraint "$GATEWRIGHT_SOURCE/constraints.txt" "$GATEWRIGHT_SOURCE"
fi
echo "$venv/bin" >>"$GITHUB_PATH"
