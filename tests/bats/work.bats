# work-session among other processes: its lock, its files' modes, logs that grow, readers that leave.

load common

session() { # WORDS...: work-session of backend in one session
  MIND_SESSION=session-1769783035 MIND_AGENT=backend work-session "$@"
}

@test "whatever the umask, folders are 0700 and files 0600" {
  umask 000
  session start
  session task x
  while IFS= read -r path; do
    if [ -d "$path" ]; then [ "$(mode "$path")" = 0700 ]; else [ "$(mode "$path")" = 0600 ]; fi
  done < <(find "$MIND_HOME")
}

@test "the lock is held: writers end with 75 after five seconds, readers do not wait" {
  session start
  mkfifo hold
  exec 8<> hold
  "$PYTHON" -c '
import fcntl, sys
lock = open(sys.argv[1]); fcntl.flock(lock, fcntl.LOCK_EX); print("held", flush=True); sys.stdin.read()' "$MIND_HOME/work/.lock" > held < hold 3>&- 8>&- &
  holder=$!
  until [ -s held ]; do :; done
  [ "$(session show)" = "backend"$'\t'"in_progress" ]
  session list
  session task --dry-run x
  run session task x
  exec 8>&- # the holder's input ends, and so does the holder
  wait $holder
  [ "$status" -eq 75 ]
  [ "$output" = "work-session: '$MIND_HOME/work/.lock' is held by another process; try again" ]
  session task x
}

@test "a log is followed until its agent ends" {
  session start
  log=$MIND_HOME/work/logs/session-1769783035/backend.log
  printf 'first\nsecond\n' > "$log"
  session tail backend -n 1 --follow > seen 3>&- &
  tail=$!
  until grep -q second seen; do :; done
  printf 'third\nno end' >> "$log"
  until grep -q third seen; do :; done
  session end
  wait $tail
  printf 'second\nthird\nno end\n' | cmp - seen
}

@test "a reader that has left, and a terminal with nothing to read" {
  session start
  for command in "start" "show" "show --json" "list" "task --dry-run x"; do
    MIND_SESSION=session-1769783035 MIND_AGENT=backend a_pipe_that_is_closed work-session $command 2>> errors
  done
  [ ! -s errors ]
  run "$PYTHON" -c '
import os, pty, sys
sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:], lambda fd: os.read(fd, 1024))))' work-session task - --agent backend --session session-1769783035 < /dev/null
  [ "$status" -eq 2 ]
  [[ "$output" = "work-session: nothing to read on standard input; see 'work-session --help'"* ]]
}

@test "session and agent by the environment, by .env, and by option" {
  session start
  printf 'MIND_SESSION=session-1769783035\nMIND_AGENT=backend\n' > "$MIND_HOME/.env"
  chmod 600 "$MIND_HOME/.env"
  work-session task one
  MIND_AGENT=frontend work-session start
  work-session task two --agent frontend
  work-session start --session session-1769783030
  [ "$(grep -l one "$MIND_HOME"/work/*/*.json)" = "$MIND_HOME/work/session-1769783035/backend.json" ]
  [ "$(grep -l two "$MIND_HOME"/work/*/*.json)" = "$MIND_HOME/work/session-1769783035/frontend.json" ]
  [ -f "$MIND_HOME/work/session-1769783030/backend.json" ]
}
