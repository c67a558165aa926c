#!/usr/bin/env bash
# Installs the tools that the planner is measured against, into an environment of their own.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
stamp=$(cksum <requirements.lock)
if [ "$(cat .venv/installed 2>/dev/null)" != "$stamp" ]; then
    ../../.venv/bin/python -m venv --clear .venv
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
    echo "$stamp" >.venv/installed
fi

# Scotch's static mapping comes from Debian; without it that peer is reported as missing.
has_scotch() { command -v scotch_gmap >/dev/null || command -v gmap >/dev/null; }
if ! has_scotch && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    apt-get update -q && apt-get install -q -y --no-install-recommends scotch
fi
has_scotch || echo "no scotch_gmap: Scotch will be missing among the peers" >&2
