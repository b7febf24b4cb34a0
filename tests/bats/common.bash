# What every test starts from: an empty home with a space in its name, a fixed clock, nothing of the machine owner's.

setup() {
  ROOT=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
  PYTHON=$ROOT/.venv/bin/python
  for name in $(compgen -e | grep -E '^MIND_|KEY|TOKEN|SECRET|PASSWORD|WEBHOOK'); do unset "$name"; done
  unset PYTHONUNBUFFERED PYTHONPATH GREP_OPTIONS NO_COLOR
  export PATH=${FORKED:+$FORKED:}$ROOT/bin:$PATH # FORKED, where there is a nursery: tests/forks.py
  export MIND_HOME="$BATS_TEST_TMPDIR/a home"
  export MIND_NOW=2026-01-30T14:23:55.120Z
  WINDOW=logs/discord-thread/123/20260130T142355Z.md
  cd "$BATS_TEST_TMPDIR" || exit
}

# append CONTENT [OPTION...]: an event, and its reference
append() {
  printf %s "$1" | mem-append --context discord-thread/123 --role user "${@:2}"
}

# a_pipe_that_is_closed COMMAND...: its exit code when its reader has gone before it wrote, and what it complained
a_pipe_that_is_closed() {
  "$PYTHON" -c '
import os, subprocess, sys
reader, writer = os.pipe()
os.close(reader)
sys.exit(subprocess.run(sys.argv[1:], stdout=writer).returncode)' "$@"
}

mode() { # of a file, in octal
  "$PYTHON" -c 'import os, sys; print(f"{os.lstat(sys.argv[1]).st_mode & 0o7777:04o}")' "$1"
}
