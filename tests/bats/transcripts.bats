# What a shell sees of each command, word for word (GOLDEN=update writes the transcripts anew).

load common
load reminders

play() {
  "$PYTHON" "$BATS_TEST_DIRNAME/transcript" "$BATS_TEST_DIRNAME/transcripts/$1.txt"
}

@test "mem-append" { play mem-append; }
@test "mem-new" { play mem-new; }
@test "mem-show" { play mem-show; }
@test "mem-pin" { play mem-pin; }
@test "mem-lint" { play mem-lint; }
@test "mem-import" { play mem-import; }
@test "mem-graph" { play mem-graph; }
@test "mem-recall --knowledge" { play mem-recall-pages; }
@test "work-session" { play work-session; }
@test "remind-add" { start_webhook; hide_what_differs; play remind-add; }
@test "remind-edit" { start_webhook; hide_what_differs; play remind-edit; }
@test "remind-rm" { start_webhook; hide_what_differs; play remind-rm; }
@test "remind-list" { hide_what_differs; play remind-list; }

@test "a transcript that is stale fails" {
  unset GOLDEN
  printf '%s\n' '$ echo one' 'two' > stale.txt
  run "$PYTHON" "$BATS_TEST_DIRNAME/transcript" stale.txt
  [ "$status" -eq 1 ]
  printf '%s\n' '$ false' > stale.txt
  run "$PYTHON" "$BATS_TEST_DIRNAME/transcript" stale.txt
  [ "$status" -eq 1 ]
  printf '%s\n' '$ echo one; false' 'one' '[1]' > right.txt
  "$PYTHON" "$BATS_TEST_DIRNAME/transcript" right.txt
}
