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

if command -v flock >/dev/null 2>&1; then
  exec 9>node_modules/.bailiwick-installing
  flock 9
  if cmp -s package-lock.json "$stamp"; then
    exit 0
  fi
fi

# What npm was stopped in the middle of, it takes for whole the next time: packages of which only a part is there.
unfinished=node_modules/.bailiwick-unfinished
if [ -e "$unfinished" ]; then
  echo "The last install was not finished; beginning anew (what was downloaded is still in npm's cache) …"
  find node_modules -mindepth 1 -maxdepth 1 ! -name '.bailiwick-*' -exec rm -rf {} +
fi

echo "Installing dependencies (a minute or two, once) …"
: >"$unfinished"
rm -f "$stamp"
# npm ends by undoing what it did, which may take longer than the install: it is not asked. Where there is setsid, it runs
# in a process group of its own, so that what it has started ends as well.
stop() {
  trap '' HUP INT TERM
  if [ -n "${!-}" ]; then
    kill -KILL "-$!" 2>/dev/null || kill -KILL "$!" 2>/dev/null || true
    wait "$!" 2>/dev/null || true
  fi
  echo "bailiwick: stopped; the dependencies are not installed yet, and the next start installs them." >&2
  trap - "$1"
  kill -s "$1" $$
}
trap 'stop HUP' HUP
trap 'stop INT' INT
trap 'stop TERM' TERM
own_group=
if command -v setsid >/dev/null 2>&1; then
  own_group=setsid
fi
# Warnings about the engine are left out: the install itself brings the Node that is wanted, see bin/node.
# Not `npm ci`: it refuses the lock file, in which packages for other systems than Linux are missing. This installs
# exactly the locked versions too, and leaves the lock file as it is.
$own_group npm install --no-save --loglevel=error --no-fund --no-audit &
if ! wait "$!"; then
  # It has put everything back as it was.
  rm -f "$unfinished"
  echo "bailiwick: the dependencies could not be installed; check the network and run the command again." >&2
  exit 2
fi
trap - HUP INT TERM
rm -f "$unfinished"
# npm takes a failed download of an optional package, as the Node of this platform is, for a success.
bin/node -e 0
# npm links the commands of dependencies only; without its own, `npx bailiwick` makes another package for it each time.
ln -sf ../../bin/bailiwick node_modules/.bin/bailiwick
cp package-lock.json "$stamp"
