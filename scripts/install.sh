#!/bin/sh
# Installs the dependencies when they are missing or older than package-lock.json; otherwise does nothing.
# Runs before `npm start` and `npm test`, so it may use only what an old npm and a POSIX shell have.
# Two commands started at once install one after the other.
set -eu
cd "$(dirname "$0")/.."

stamp=node_modules/.bailiwick-lock
if cmp -s package-lock.json "$stamp"; then
  exit 0
fi
if ! { mkdir -p node_modules && [ -w node_modules ]; } 2>/dev/null; then
  echo "bailiwick: cannot write to $(pwd)/node_modules; make the folder writable or clone the repository elsewhere." >&2
  exit 2
fi

lock=.install-lock
if command -v flock >/dev/null 2>&1; then
  exec 9>"$lock"
  flock 9
  if cmp -s package-lock.json "$stamp"; then
    exit 0
  fi
fi

echo "Installing dependencies (about a minute, once) …"
# engine warnings say "use Node 24": the install itself brings it, see bin/node.
# Not `npm ci`: it refuses a lock file without the packages of other platforms, and a registry that has only this
# platform's cannot make another. This installs the locked versions too, and leaves the lock file as it is.
if ! npm install --no-save --loglevel=error --no-fund --no-audit; then
  echo "bailiwick: the dependencies could not be installed; check the network and run the command again." >&2
  exit 2
fi
cp package-lock.json "$stamp"
