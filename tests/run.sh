#!/bin/sh
# Every test: what a shell sees (bats), the library (pytest), then the faults. 'make test' calls this.
cd "$(dirname "$0")/.." || exit 1

# nothing of whoever runs this: no home, no settings, no secrets
for name in $(env | sed -n 's/^\([A-Za-z_][A-Za-z0-9_]*\)=.*/\1/p' | grep -E '^MIND_|KEY|TOKEN|SECRET|PASSWORD|WEBHOOK'); do
  unset "$name"
done
unset PYTHONPATH PYTHONUNBUFFERED GOLDEN

failed=''
try() { # NAME COMMAND...
  echo "== $1"
  name=$1
  shift
  "$@" || failed="$failed $name"
}

PYTHONDONTWRITEBYTECODE='' .venv/bin/python -m compileall -q lib

# most of what the first two do is fsync, which they are not about; the faults are, and use the disk
memory=''
if [ -d /dev/shm ] && [ -w /dev/shm ]; then
  memory=$(mktemp -d /dev/shm/plainmind.XXXXXX) || exit 1
  trap 'rm -rf "$memory"' EXIT
  trap 'exit 130' INT TERM
fi
jobs=''
if parallel --version 2> /dev/null | grep -q GNU; then jobs='--jobs 2'; fi

# two lanes, as most machines have two cores: beside the others go the relay's tests, which wait most of the time, then the
# faults, which wait for the disk; 'make faults' strikes at every system call, these at those that change something
beside=$(mktemp -d) || exit 1
trap 'rm -rf "$memory" "$beside"' EXIT
aside() { # NAME COMMAND...
  lane=$1
  shift
  "$@" > "$beside/$lane" 2>&1
  echo $? > "$beside/$lane.code"
}
{
  aside relay env FAULTS=quick .venv/bin/python -m pytest tests/unit/discord tests/faults/test_relay_*.py -m 'not slow'
  aside faults env FAULTS=quick .venv/bin/python -m pytest tests/faults --ignore-glob='*/test_relay_*' -m 'not slow'
} &

# shellcheck disable=SC2086 # words
try bats env TMPDIR="${memory:-${TMPDIR:-/tmp}}" .venv/bin/bats $jobs tests/bats
try unit env TMPDIR="${memory:-${TMPDIR:-/tmp}}" .venv/bin/python -m pytest tests/unit --ignore=tests/unit/discord -m 'not slow'
wait
for lane in relay faults; do
  try "$lane" sh -c 'cat "$0"; exit "$(cat "$0.code")"' "$beside/$lane"
done

[ -z "$failed" ] || { echo "failed:$failed" >&2; exit 1; }
