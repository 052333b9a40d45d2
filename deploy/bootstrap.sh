#!/bin/sh
# Puts exactly the locked packages and this project into .venv:  bootstrap.sh demo | dev
# Called by the Makefile when a lock has changed. Wheels only, each checked against its hash.
set -eu

lock=deploy/requirements-$1.txt
log=.venv/install.log

fail() {
    printf '%s\n' "$*" >&2
    exit 1
}

# The locks hold wheels for these versions.
usable() {
    command -v "$1" >/dev/null 2>&1 &&
        "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 15))' 2>/dev/null
}

find_python() {
    for candidate in python3 python3.14 python3.13 python3.12 python3.11; do
        if usable "$candidate"; then
            echo "$candidate"
            return
        fi
    done
    found=$(python3 -V 2>/dev/null || echo 'no python3')
    fail "Python 3.11 to 3.14 is needed, and here is $found." \
        "On Debian 12, Ubuntu 24.04 or newer: apt install python3 python3-venv"
}

if ! usable .venv/bin/python || ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
    python=$(find_python)
    version=$("$python" -c 'import sys; print("python%d.%d" % sys.version_info[:2])')
    "$python" -c 'import ensurepip, venv' 2>/dev/null ||
        fail "$python cannot make virtual environments. On Debian or Ubuntu: apt install $version-venv"
    echo "Making .venv with $("$python" -V)."
    "$python" -m venv --clear .venv
fi

total=$(grep -c '^[A-Za-z0-9]' "$lock")
echo "Installing $total packages of $lock, about half a minute; next time there is nothing to do."
{
    .venv/bin/python -m pip install --disable-pip-version-check --progress-bar off \
        --require-hashes --only-binary :all: --no-deps --no-compile -r "$lock" 2>&1 &&
        .venv/bin/python -m pip install --disable-pip-version-check --progress-bar off \
            --no-index --no-build-isolation --no-deps --editable . 2>&1 ||
        echo FAILED
} | tee "$log" | {
    done=0
    while read -r line; do
        case $line in
            Collecting* | Processing* | 'Requirement already satisfied'*) done=$((done + 1)) ;;
            *) continue ;;
        esac
        [ ! -t 1 ] || printf '\r  %s of %s' "$done" "$total"
    done
    [ ! -t 1 ] || printf '\r%30s\r' ''
}
if [ "$(tail -n 1 "$log")" = FAILED ]; then
    tail -n 20 "$log" >&2
    fail "The packages could not be installed; all of pip's output is in $log."
fi

touch .venv/.demo
[ "$1" != dev ] || touch .venv/.dev
