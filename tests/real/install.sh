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
