#!/bin/sh
# run.sh [PYTEST ARGUMENT...]: the tests in one pool of processes, in surroundings of their own. 'make test' calls this.
cd "$(dirname "$0")/.." || exit 1

# nothing of whoever runs this: no home, no settings, no secrets
for name in $(env | sed -n 's/^\([A-Za-z_][A-Za-z0-9_]*\)=.*/\1/p' | grep -E '^MIND_|KEY|TOKEN|SECRET|PASSWORD|WEBHOOK'); do
  unset "$name"
done
# compiled tests are kept: rewriting their asserts took each process of the pool 8 s
unset PYTHONPATH PYTHONUNBUFFERED PYTHONDONTWRITEBYTECODE GOLDEN

.venv/bin/python -m compileall -q lib

# most of what the units do is fsync, which they are not about: they get memory; the faults are, and get the disk
DISK=$(mktemp -d) || exit 1
memory=''
trap 'rm -rf "$memory" "$DISK"' EXIT
trap 'exit 130' INT TERM
if [ -d /dev/shm ] && [ -w /dev/shm ]; then
  memory=$(mktemp -d /dev/shm/plainmind.XXXXXX) || exit 1
  export TMPDIR="$memory"
fi
export DISK

# two processes more than there are cores, as the tests of the relay and of deaths wait most of the time
.venv/bin/python -m pytest -n $(($(getconf _NPROCESSORS_ONLN) + 2)) "$@"
