#!/usr/bin/env bash
# Installs the other projects that the tests marked `real` run, into an environment of their own.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
stamp=$(cksum <requirements.lock)
if [ "$(cat .venv/installed 2>/dev/null)" != "$stamp" ]; then
    ../../.venv/bin/python -m venv --clear .venv
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
    echo "$stamp" >.venv/installed
fi

# The language server of YAML editors comes from npm; without npm its tests are skipped.
if ! command -v npm >/dev/null && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    apt-get update -q && apt-get install -q -y --no-install-recommends nodejs npm
fi
if command -v npm >/dev/null; then
    npm ci --silent --no-audit --no-fund
else
    echo "no npm: the tests of editor support will be skipped" >&2
fi
