#!/usr/bin/env bash
# Installs the other projects that the tests marked `real` run: Python packages into an environment of
# their own, an editor's language server, Debian packages, and a newer Slurm in a folder of its own.
# What cannot be installed here is named, and its tests skip. Once all is there it takes a second.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

# Schedulers, launchers, fabric programs and the network of several hosts. One package a word.
debian_packages="
    slurmctld slurmd slurm-client munge
    openmpi-bin mpich
    ibsim-utils infiniband-diags opensm hwloc-nox
    iproute2 procps util-linux
    debootstrap jq
"
command -v npm >/dev/null || debian_packages+=" nodejs npm"
# The Slurm that reads topology.yaml is only in Debian's sid, from which it is put into .sid.
sid_packages="slurmctld,slurm-client,munge"

skip() { echo "$1: the tests that need it will be skipped" >&2; }

# A folder that another checkout lends is replaced here, never emptied there.
drop_link() { if [ -L "$1" ]; then rm "$1"; fi; }

can_install() { [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; }

missing_packages() {
    for package in $debian_packages; do
        dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || echo "$package"
    done
}

pip_install() {
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes "$@"
}

# The CPU build has an index of its own; where pip is not set up to read it, PIP_EXTRA_INDEX_URL names it.
# Without dependencies, because those of the ordinary build are gigabytes of CUDA; both locks are complete.
install_torch() {
    pip_install -r requirements-torch.lock || skip "no CPU build of PyTorch (is PIP_EXTRA_INDEX_URL set?)"
}

install_python() {
    local stamp
    stamp=$(cat requirements.lock requirements-torch.lock | cksum)
    if [ "$(cat .venv/installed 2>/dev/null)" != "$stamp" ]; then
        drop_link .venv
        ../../.venv/bin/python -m venv --clear .venv
        install_torch
        # DeepSpeed would compile kernels, which no test uses.
        DS_BUILD_OPS=0 pip_install -r requirements.lock
        echo "$stamp" >.venv/installed
    fi
}

install_debian() {
    local missing
    if ! can_install; then
        skip "Debian packages need apt-get and root"
        return
    fi
    mapfile -t missing < <(missing_packages)
    [ ${#missing[@]} = 0 ] && return
    export DEBIAN_FRONTEND=noninteractive
    if ! { apt-get update -q && apt-get install -q -y --no-install-recommends "${missing[@]}"; } >&2; then
        skip "apt-get could not install ${missing[*]}"
    fi
}

install_editor() {
    if ! command -v npm >/dev/null; then
        skip "no npm, and so no language server of YAML editors"
    elif ! cmp -s package-lock.json node_modules/installed; then
        drop_link node_modules
        npm ci --silent --no-audit --no-fund
        cp package-lock.json node_modules/installed
    fi
}

# The mirror, and the proxy to it, that this machine's own apt uses.
debian_mirror() {
    apt-get indextargets --format '$(SITE)' 'Created-By: Packages' 'Label: Debian' 2>/dev/null | head -n 1
}

install_sid() {
    local mirror http_proxy_of_apt
    [ "$(cat .sid/installed 2>/dev/null)" = "$sid_packages" ] && return
    mirror=$(debian_mirror)
    if ! can_install || [ -z "$mirror" ] || ! command -v debootstrap >/dev/null; then
        skip "a newer Slurm needs root, debootstrap and a mirror of Debian"
        return
    fi
    eval "$(apt-config shell http_proxy_of_apt Acquire::http::Proxy)"
    [ -n "${http_proxy_of_apt:-}" ] && export http_proxy=$http_proxy_of_apt
    rm -rf .sid
    if ! debootstrap --variant=minbase --include="$sid_packages" sid .sid "$mirror" >.sid.log 2>&1; then
        tail -n 5 .sid.log >&2
        skip "debootstrap could not install a newer Slurm"
        return
    fi
    rm -rf .sid/var/cache/apt .sid/var/lib/apt .sid/usr/share/{doc,man,locale} .sid.log
    echo "$sid_packages" >.sid/installed
}

install_python
install_debian
install_editor
install_sid
