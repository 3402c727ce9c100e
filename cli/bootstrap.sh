#!/bin/sh
# Prints the path of a usable Bun, after making sure that it and the project's dependencies are installed.
# Bun on PATH is taken when it is at least the pinned version; otherwise the pinned one is installed from npm into
# .bun/ of the project. Dependencies are installed only when bun.lock is not the one that was installed last.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
pinned=$(sed -n 's/.*"packageManager": "bun@\([0-9.]*\)".*/\1/p' "$root/package.json")

say() { printf '%s\n' "$*" >&2; }
fail() { say "gochat: $*"; exit 69; }

# True when version $1 is at least version $2 (dotted numbers).
at_least() { [ "$(printf '%s\n%s\n' "$2" "$1" | sort -t. -k1,1n -k2,2n -k3,3n | head -n 1)" = "$2" ]; }

usable() { [ -n "$1" ] && version=$("$1" --version 2>/dev/null) && at_least "${version%%-*}" "$pinned"; }

find_bun() {
  for candidate in "$(command -v bun 2>/dev/null || true)" "$root/.bun/node_modules/.bin/bun" \
    "$root"/.bun/node_modules/@oven/bun-*/bin/bun; do
    if usable "$candidate"; then bun=$candidate; return 0; fi
  done
  return 1
}

if ! find_bun; then
  command -v npm >/dev/null 2>&1 || fail "Bun $pinned is needed. Install Bun or npm (npm installs it here), then run this again."
  say "Installing Bun $pinned into .bun/ ..."
  mkdir -p "$root/.bun"
  [ -f "$root/.bun/package.json" ] || printf '{"private":true}\n' >"$root/.bun/package.json"
  npm install --prefix "$root/.bun" --no-save --no-audit --no-fund --loglevel=error "bun@$pinned" >&2 ||
    fail "npm could not install Bun $pinned (see above). Check the network and run this again."
  find_bun || fail "Bun $pinned was installed into .bun/ but does not run on this machine."
fi

stamp="$root/node_modules/.gochat-bun.lock"
if ! cmp -s "$root/bun.lock" "$stamp"; then
  say "Installing dependencies ..."
  (cd "$root" && "$bun" install --frozen-lockfile --silent >&2) ||
    fail "the dependencies could not be installed (see above). Check the network and run this again."
  cp "$root/bun.lock" "$stamp"
fi
printf '%s\n' "$bun"
