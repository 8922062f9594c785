#!/bin/sh
# Make .venv and install requirements.lock into it, or the lock that is named; does nothing where that is done already.
# Any Python from 3.12 on will do that really runs: a name on PATH may be a shim that only says what is missing.
set -eu
cd "$(dirname "$0")/.."

lock=${1:-requirements.lock}
wanted=$(cksum < "$lock")
stamp=.venv/.installed
if [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ] && .venv/bin/python -c '' 2>/dev/null; then
    exit 0
fi

uv=
if uv --version >/dev/null 2>&1; then uv=uv; fi

runs() { # Debian splits venv off; uv brings its own
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 12) or sys.implementation.name != "cpython")' 2>/dev/null &&
        { [ -n "$uv" ] || "$1" -c 'import venv, ensurepip' 2>/dev/null; }
}

candidates() { # one path a line: every folder of PATH for each name, then pyenv's own
    for name in python3.13 python3.12 python3.14 python3 python; do
        printf '%s\n' "$PATH" | tr : '\n' | sed "s|\$|/$name|"
    done
    for name in "${PYENV_ROOT:-$HOME/.pyenv}"/versions/*/bin/python3; do printf '%s\n' "$name"; done
}

python=$(candidates | while IFS= read -r path; do
    if [ -x "$path" ] && runs "$path"; then
        printf '%s\n' "$path"
        break
    fi
done)
if [ -z "$python" ]; then
    echo "Heliograph needs Python 3.12 or newer (with venv), and none that runs was found." >&2
    exit 1
fi

echo "Installing into .venv with $python (once; needs the network)"
if ! runs .venv/bin/python; then
    if [ -n "$uv" ]; then
        uv venv --quiet --no-config --no-python-downloads --clear --python "$python" .venv
    else
        "$python" -m venv --clear .venv
    fi
fi
if [ -n "$uv" ]; then
    uv pip install --quiet --no-config --compile-bytecode --python .venv/bin/python --require-hashes -r "$lock"
else
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r "$lock"
fi
printf '%s\n' "$wanted" > "$stamp"
