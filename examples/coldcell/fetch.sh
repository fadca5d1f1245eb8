#!/bin/sh
# fetch.sh CACHE OUT: puts the signature library's C source (Monocypher 4.0.3) into OUT.
# It lies in a source package that is locked by its hash; nothing third-party is in this repository.
set -eu
name=pymonocypher-4.0.3.4 hash=5e56e3d3eb770a53e0b9f6274146663c11a11f3d0de5cd48e3be0428d1b07a4a
mkdir -p "$1"
cache=$(cd "$1" && pwd) out=$(cd "$2" && pwd)
tar="$cache/$name.tar.gz"
good() { echo "$hash  $tar" | sha256sum --check --status 2>/dev/null; }
pip() { # the first Python that has pip, else one made for it
  for p in python3 /usr/local/bin/python3 /usr/bin/python3; do
    "$p" -m pip --version >/dev/null 2>&1 && { "$p" -m pip "$@"; return; }
  done
  python3 -m venv "$work/venv" && "$work/venv/bin/python" -m pip "$@"
}
if ! good; then
  work=$(mktemp -d "$cache/fetch.XXXXXX"); trap 'rm -rf "$work"' EXIT
  echo "${name%-*}==${name##*-} --hash=sha256:$hash" > "$work/lock.txt"
  # not ":all:", which would build the package's build tools from source too (two minutes)
  pip download -q --require-hashes --no-deps --no-binary "${name%-*}" -d "$work" -r "$work/lock.txt" ||
    { echo "fetch.sh: cannot fetch $name; check the network, or lay the file into $cache" >&2; exit 1; }
  mv "$work/$name.tar.gz" "$tar" # by name in one step: builds run side by side
  good || { echo "fetch.sh: $tar is not what was locked" >&2; exit 1; }
fi
tar xzf "$tar" -C "$out" --strip-components=1 --no-same-owner "$name/monocypher.c" "$name/monocypher.h"
