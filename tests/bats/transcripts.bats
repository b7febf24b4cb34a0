# What a shell sees of each command, word for word (GOLDEN=update writes the transcripts anew).

bats_require_minimum_version 1.5.0

load common
load reminders

play() {
  "$PYTHON" "$BATS_TEST_DIRNAME/transcript" "$BATS_TEST_DIRNAME/transcripts/$1.txt"
}

@test "mem-append" { play mem-append; }
@test "mem-new" { play mem-new; }
@test "mem-log" { play mem-log; }
@test "mem-show" { hide_what_differs; play mem-show; }
@test "mem-pin" { hide_what_differs; play mem-pin; }
@test "mem-forget" { hide_what_differs; play mem-forget; }
@test "mem-sync" { play mem-sync; }
@test "mem-lint" { hide_what_differs; play mem-lint; }
@test "mem-lint of pages" { hide_what_differs; play mem-lint-pages; }
@test "mem-note" { hide_what_differs; play mem-note; }
@test "mem-audit" { play mem-audit; }
@test "mem-import" { play mem-import; }
@test "mem-graph" { play mem-graph; }
@test "mem-resident" { hide_what_differs; play mem-resident; }
@test "mem-recall" { play mem-recall; }
@test "mem-recall --knowledge" { play mem-recall-pages; }
@test "agent-route" { play agent-route; }
@test "agent-changes" { hide_what_differs; play agent-changes; }
@test "work-session" { hide_what_differs; play work-session; }
@test "work-log" { hide_what_differs; play work-log; }
@test "work-xp" { hide_what_differs; play work-xp; }
@test "work-board" { hide_what_differs; play work-board; }
@test "remind-add" { start_webhook; hide_what_differs; play remind-add; }
@test "remind-edit" { start_webhook; hide_what_differs; play remind-edit; }
@test "remind-rm" { start_webhook; hide_what_differs; play remind-rm; }
@test "remind-list" { hide_what_differs; play remind-list; }

@test "a mistyped home is told, and not made" {
  for command in mem-lint mem-audit mem-graph mem-log "work-log check"; do
    run --separate-stderr $command --home "$BATS_TEST_TMPDIR/hmoe"
    [[ "$stderr" == "${command%% *}: no memory folder '$BATS_TEST_TMPDIR/hmoe' yet; "* ]]
    [ ! -e "$BATS_TEST_TMPDIR/hmoe" ]
  done
}

@test "a transcript that is stale fails" {
  unset GOLDEN
  printf '%s\n' '$ echo one' 'two' > stale.txt
  run "$PYTHON" "$BATS_TEST_DIRNAME/transcript" stale.txt
  [ "$status" -eq 1 ]
  printf '%s\n' '$ mem-log --version | wc -l' '2' > stale.txt
  run "$PYTHON" "$BATS_TEST_DIRNAME/transcript" stale.txt
  [ "$status" -eq 1 ]
  printf '%s\n' '$ false' > stale.txt
  run "$PYTHON" "$BATS_TEST_DIRNAME/transcript" stale.txt
  [ "$status" -eq 1 ]
  printf '%s\n' '$ echo one; false' 'one' '[1]' > right.txt
  "$PYTHON" "$BATS_TEST_DIRNAME/transcript" right.txt
}

@test "a transcript is not played outside of a test's folder" {
  printf '%s\n' '$ echo x > "$MIND_HOME/written"' > some.txt
  MIND_HOME="$BATS_TEST_TMPDIR/home" run "$PYTHON" "$BATS_TEST_DIRNAME/transcript" some.txt
  [ "$status" -eq 1 ]
  for room in '' "$BATS_TEST_TMPDIR/home/below"; do
    BATS_TEST_TMPDIR=$room run "$PYTHON" "$BATS_TEST_DIRNAME/transcript" some.txt
    [ "$status" -eq 2 ]
  done
  unset MIND_HOME
  run "$PYTHON" "$BATS_TEST_DIRNAME/transcript" some.txt
  [ "$status" -eq 2 ]
}

# what no transcript can show of the commands that write pages

@test "mem-note, mem-audit: a reader that went away is no failure, and the page is there" {
  echo 'Ann drinks green tea.' > body
  a_pipe_that_is_closed mem-note --type user --name tea < body
  [ -s "$MIND_HOME/knowledge/tea.md" ]
  a_pipe_that_is_closed mem-audit
}

@test "mem-note: knowledge that is in use: 75 after 5 s, and nothing written" {
  mkdir -p "$MIND_HOME/raw/maintenance-log"
  "$PYTHON" -c '
import fcntl, sys, time
held = open(sys.argv[1], "w")
fcntl.flock(held, fcntl.LOCK_EX)
print(flush=True)
time.sleep(60)' "$MIND_HOME/raw/maintenance-log/.lock" > held &
  holder=$!
  until [ -s held ]; do sleep 0.05; done
  run --separate-stderr mem-note --type user < <(echo text)
  kill "$holder"
  [ "$status" -eq 75 ]
  [ -z "$output" ]
  [[ "$stderr" == "mem-note: '"*"/raw/maintenance-log/.lock' is held by another process; try again" ]]
  [ ! -e "$MIND_HOME/knowledge" ]
}

@test "mem-note, mem-audit --done, mem-lint --fix: a home that may not be written to: 77, nothing changed" {
  [ "$(id -u)" -ne 0 ] || skip "root may write everywhere"
  mkdir -p "$MIND_HOME/knowledge"
  printf -- '---\ndate: 2026-01-30\ntype: User\ntier: L2\n---\n\ntext\n' > "$MIND_HOME/knowledge/it.md"
  chmod -R a-w "$MIND_HOME"
  for command in 'mem-note --type user' 'mem-note --update it --tier L1 -' 'mem-audit --done' 'mem-lint --fix'; do
    run --separate-stderr $command < <(echo text)
    [ "$status" -eq 77 ]
    [ -z "$output" ]
  done
  chmod -R u+w "$MIND_HOME"
  [ "$(ls -A "$MIND_HOME")/$(ls -A "$MIND_HOME/knowledge")" = knowledge/it.md ]
}
