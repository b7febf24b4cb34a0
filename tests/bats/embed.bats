# mem-embed as a shell sees it.

load common
load agent

status_of() { mem-embed --status | awk -F '\t' -v name="$1" '$1 == name { print $2 }'; }

@test "references in, reference and status out" {
  serve
  append "pm2 hangs" --author Ann > refs
  append "kill it" > /dev/null
  run --separate-stderr mem-embed < refs
  [ "$status" -eq 0 ]
  [ -z "$stderr" ]
  [ "$output" = "$WINDOW:3"$'\tok' ]
  [ "$(status_of ok)/$(status_of pending)" = 1/1 ]
  [ "$(append "third" | mem-embed)" = "$WINDOW:9"$'\tok' ]
  [ "$(append "fourth" | mem-embed --json)" = "{\"ref\":\"$WINDOW:12\",\"status\":\"ok\"}" ]
}

@test "references as other commands print them" {
  serve
  a_past
  [ "$(mem-recall --lexical -k 1 tomatoes | mem-embed)" = "$GARDEN:3"$'\tok' ]
  [ "$(echo "$MIND_HOME/$WINDOW:3" | mem-embed | cut -f2)" = ok ]
  printf '%s\n\n%s\n' "$WINDOW:3" "$WINDOW:9" | mem-embed | cut -f2 | uniq -c | grep -q '2 ok' # a tool's turn needs no vector
}

@test "a reference to nothing: reported, the rest done, 66" {
  serve
  append "pm2 hangs" > refs
  run --separate-stderr mem-embed <<< "$WINDOW:99
nonsense
/etc/passwd:1
$WINDOW:3"
  [ "$status" -eq 66 ]
  [ "$output" = "$WINDOW:3"$'\tok' ]
  [ "$(wc -l <<< "$stderr")" -eq 3 ]
  [[ "$stderr" == "mem-embed: '$WINDOW:99': no such event; "* ]]
}

@test "no references: everything, newest first, once" {
  serve
  a_past
  run --separate-stderr mem-embed < /dev/null
  [ "$status" -eq 0 ]
  [ -z "$output$stderr" ]
  [ "$(status_of ok)/$(status_of pending)/$(status_of failed)/$(status_of text_only)" = 5/0/0/1 ]
  [ "$(status_of model)" = openai:letters ]
  [[ "$(head -n 1 asked)" == *"Water them at the root"* ]]
  [ "$(wc -l < asked)" -eq 5 ]
  ! grep -q zebra asked || false # tools' turns are never sent || false
  printf '' | mem-embed
  printf '\n \n' | mem-embed
  mem-embed --retry-failed
  [ "$(wc -l < asked)" -eq 5 ]
}

@test "--limit and --budget stop before, and the next run goes on" {
  serve
  a_past
  mem-embed --limit 0
  [ ! -e asked ]
  mem-embed --limit 2
  [ "$(status_of ok)" = 2 ]
  mem-embed --budget 1
  [ "$(status_of ok)" = 2 ]
  mem-embed
  [ "$(status_of ok)" = 5 ]
  [ "$(wc -l < asked)" -eq 5 ]
}

@test "rm -r index: nothing is paid for twice" {
  serve
  a_past
  mem-embed
  rm -r "$MIND_HOME/index"
  end_server
  mem-embed
  [ "$(status_of ok)/$(status_of pending)" = 5/0 ]
}

@test "the server is down: 69, one line, everything pending, and later it goes on" {
  serve
  append "pm2 hangs" > refs
  end_server
  export MIND_EMBED_RETRIES=1
  run --separate-stderr mem-embed
  [ "$status" -eq 69 ]
  [ -z "$output" ]
  [ "$(wc -l <<< "$stderr")" -eq 1 ]
  [[ "$stderr" == "mem-embed: "*"1 pending; the next run continues" ]]
  run --separate-stderr mem-embed --retry-failed < refs
  [ "$status" -eq 69 ]
  [ "$output" = "$WINDOW:3"$'\tpending' ]
  rm port
  serve
  MIND_NOW=2026-02-01T00:00:00Z mem-embed
  [ "$(status_of ok)" = 1 ]
}

@test "the model changes: the new one's vectors beside the old one's" {
  serve
  a_past
  mem-embed
  mem-embed --model openai:other --limit 1
  [ "$(MIND_EMBED_MODEL=openai:other status_of ok)" -ge 1 ]
  mem-embed --model openai:other
  [ "$(MIND_EMBED_MODEL=openai:other status_of serving)/$(MIND_EMBED_MODEL=openai:other status_of ok)" = openai:other/5 ]
  [ "$(ls "$MIND_HOME"/vectors/*.vectors | wc -l)" -eq 2 ]
}

@test "--status: names and numbers, or JSON" {
  a_past
  mem-embed --status | cut -f1 | head -n 5 | tr '\n' ' ' | grep -q '^model serving ok pending failed '
  mem-embed --status --json | "$PYTHON" -c '
import json, sys
found = json.load(sys.stdin)
assert (found["ok"], found["pending"], found["failed"], found["text_only"]) == (0, 5, 0, 1), found'
}

@test "bad options 2; bad models 78; a bad setting 78 naming its place" {
  for options in "--nope" "--limit -1" "--limit x" "--budget -1" "extra"; do
    run --separate-stderr mem-embed $options
    [ "$status" -eq 2 ]
    [ "$(wc -l <<< "$stderr")" -eq 1 ]
  done
  append x > /dev/null
  for model in nobody nobody:x "" google:; do
    run --separate-stderr env -u GEMINI_API_KEY mem-embed --model "$model"
    [ "$status" -eq 78 ]
    [[ "$stderr" == "mem-embed: embed.model: "* ]]
  done
  run --separate-stderr mem-embed --model openai:x
  [ "$status" -eq 78 ]
  [[ "$stderr" == *OPENAI_API_KEY* ]]
  printf 'embed.timeout = "long"\n' > "$MIND_HOME/config.toml"
  run --separate-stderr mem-embed
  [ "$status" -eq 78 ]
  [[ "$stderr" == "mem-embed: $MIND_HOME/config.toml:1: 'embed.timeout' is not a number; "* ]]
}

@test "the embedded model, offline, under cron's bare environment" {
  a_past
  env -i "$ROOT/bin/mem-embed" --home "$MIND_HOME" --now $MIND_NOW
  [ "$(status_of ok)" = 5 ]
  [[ "$(status_of model)" == embedded:* ]]
  [ "$(LC_ALL=C append "Grüße" | LC_ALL=C mem-embed)" = "$WINDOW:15"$'\tok' ]
}

@test "two at once: one does the work, the other says so" {
  serve
  a_past
  mem-recall --lexical pm2 > /dev/null
  "$PYTHON" - "$MIND_HOME/index/embed.lock" <<'EOF' 3>&- &
import fcntl, os, sys, time
with open(sys.argv[1], "w") as file:
    fcntl.flock(file, fcntl.LOCK_EX)
    open("held", "w").close()
    time.sleep(60)
EOF
  holder=$!
  until [ -e held ]; do sleep 0.02; done
  run --separate-stderr mem-embed
  kill $holder
  wait $holder 2> /dev/null || true
  [ "$status" -eq 75 ]
  [[ "$stderr" == "mem-embed: another mem-embed is at work; "* ]]
  mem-embed
}

@test "an empty home, a reader that leaves" {
  mem-embed
  serve
  a_past
  a_pipe_that_is_closed mem-embed < refs 2> said
  [ ! -s said ]
  [ "$(status_of ok)" = 5 ]
}
