# mem-recall as a shell sees it.

load common
load agent

@test "lines like grep's, best first" {
  a_past
  run --separate-stderr mem-recall --lexical -k 1 pm2 restart hangs
  [ "$status" -eq 0 ] && [ -z "$stderr" ] || false
  [ "$output" = "$WINDOW:3: pm2 hangs when I restart it" ]
  [ "$(mem-recall --lexical tomatoes)" = "$(echo tomatoes | mem-recall --lexical -)" ]
  [ "$(mem-recall --lexical tomatoes)" = "$(echo tomatoes | mem-recall --lexical)" ]
  mem-recall --lexical tomatoes | grep -q "^$GARDEN:3: Tomatoes want sun and water$"
}

@test "every line has an address that sed resolves" {
  a_past
  mem-recall --lexical pm2 daemon restart Keller Fahrrad | while IFS=: read -r path line rest; do
    sed -n "${line}p" "$MIND_HOME/$path" | grep -q '^## '
    sed -n "$((line + 1))p" "$MIND_HOME/$path" | grep -qF -- "${rest# }"
  done
}

@test "what was appended a moment ago is found" {
  a_past
  mem-recall --lexical pm2 > /dev/null
  ref=$(append "the xylophone is in the attic")
  [ "$(mem-recall --lexical -k 1 xylophone)" = "$ref: the xylophone is in the attic" ]
}

@test "no match: 1, and silence; an empty query: 2; no home: 1, and none is made" {
  a_past
  for query in "quantum chromodynamics" "" " " "?!" "¿" '"' "*" "NOT" "a OR" "NEAR(x" "pm2'" "(" "col:x"; do
    run --separate-stderr mem-recall --lexical "$query"
    case $query in
      "pm2'") [ "$status" -eq 0 ] && [ -z "$stderr" ] ;;
      "" | " ") [ "$status" -eq 2 ] && [ -z "$output" ] ;;
      *) [ "$status" -eq 1 ] && [ -z "$output$stderr" ] ;;
    esac
  done
  run --separate-stderr mem-recall --lexical < /dev/null
  [ "$status" -eq 2 ] && [ -z "$output" ] || false
  MIND_HOME="$BATS_TEST_TMPDIR/none" run --separate-stderr mem-recall --lexical pm2
  [ "$status" -eq 1 ] && [ -z "$output" ] && [ ! -e "$BATS_TEST_TMPDIR/none" ] || false
  [ "$stderr" = "mem-recall: no memory folder '$BATS_TEST_TMPDIR/none' yet; if that is mistyped, check MIND_HOME or --home" ]
}

@test "scopes" {
  a_past
  [ "$(mem-recall --lexical --context discord-channel/garden water | cut -d: -f1 | uniq)" = "$GARDEN" ]
  run mem-recall --lexical --context discord-channel/garden pm2
  [ "$status" -eq 1 ]
  run mem-recall --lexical --context discord-thread/999 pm2
  [ "$status" -eq 1 ]
  run mem-recall --lexical --not-window "$WINDOW" pm2
  [ "$status" -eq 1 ]
  run mem-recall --lexical --not-window "$MIND_HOME/$WINDOW" pm2
  [ "$status" -eq 1 ]
  [ "$(mem-recall --lexical --role tool zebra | cut -d: -f1,2)" = "$WINDOW:9" ]
  run mem-recall --lexical --role tool --role system pm2 daemon
  [ "$status" -eq 1 ] || ! echo "$output" | grep -v "$WINDOW:9"
  [ "$(mem-recall --lexical --since 2026-01-20T10:01:00Z --until 2026-01-20T10:01:00Z pm2 | cut -d: -f1,2)" = "$WINDOW:6" ]
  run mem-recall --lexical --since 2026-01-21 pm2
  [ "$status" -eq 1 ]
}

@test "bad options: 2; no context: 65; outside: 77; no trace: 66; no time: 65" {
  for options in "--nope" "-k 0" "-k x" "--role nobody" "--budget 0" "--max-each -1" "--color mauve" "--now nonsense"; do
    run --separate-stderr mem-recall $options pm2
    [ "$status" -eq 2 ] && [ -z "$output" ] && [ "$(wc -l <<< "$stderr")" -eq 1 ] || false
  done
  for context in ../x a/b/c 'A/b' 'a/b c'; do
    run --separate-stderr mem-recall --context "$context" pm2
    [ "$status" -eq 65 ] && [ -z "$output" ] || false
    [[ "$stderr" == "mem-recall: "*"invalid context "* ]]
  done
  run mem-recall --not-window /etc/passwd pm2
  [ "$status" -eq 77 ]
  run mem-recall --replay none.json
  [ "$status" -eq 66 ]
  run mem-recall --since nonsense pm2
  [ "$status" -eq 65 ]
}

@test "a bad setting: 78, naming file, line and key" {
  mkdir "$MIND_HOME"
  printf '[recall]\nk = 3\nflor = 0.5\n' > "$MIND_HOME/config.toml"
  run --separate-stderr mem-recall pm2
  [ "$status" -eq 78 ]
  [ "$stderr" = "mem-recall: $MIND_HOME/config.toml:3: unknown setting 'recall.flor'; did you mean 'recall.floor'?" ]
  printf '[recall]\n\nk = "many"\n' > "$MIND_HOME/config.toml"
  run --separate-stderr mem-recall pm2
  [ "$status" -eq 78 ]
  [[ "$stderr" == "mem-recall: $MIND_HOME/config.toml:3: 'recall.k' is not a whole number; "* ]]
  printf '[recall\n' > "$MIND_HOME/config.toml"
  run --separate-stderr mem-recall pm2
  [ "$status" -eq 78 ] && [[ "$stderr" == "mem-recall: $MIND_HOME/config.toml:1: not valid TOML"* ]] || false
  rm "$MIND_HOME/config.toml"
  MIND_RECALL_SIM=fuzzy run --separate-stderr mem-recall pm2
  [ "$status" -eq 78 ] && [[ "$stderr" == *MIND_RECALL_SIM*hybrid* ]] || false
}

@test "settings: option over environment over config.toml" {
  a_past
  count() { mem-recall --lexical "$@" water tomatoes root | wc -l | tr -d ' '; }
  [ "$(count)" -ge 2 ]
  printf '[recall]\nk = 1\n' > "$MIND_HOME/config.toml"
  [ "$(count)" = 1 ]
  [ "$(MIND_RECALL_K=2 count)" = 2 ]
  [ "$(MIND_RECALL_K=2 count -k 1)" = 1 ]
  MIND_RECALL_FLOOR=1 run mem-recall --lexical tomatoes
  [ "$status" -eq 1 ]
}

@test "a reader that leaves: 0, and silence" {
  for n in $(seq 300); do printf '{"role":"user","content":"tomatoes number %s %0500d"}\n' $n 0; done |
    mem-append --jsonl --context discord-thread/123 > /dev/null
  mem-recall --lexical -k 1000 tomatoes 2> said | head -n 1 > first
  status=("${PIPESTATUS[@]}")
  [ "${status[0]}" -eq 0 ] && [ "$(wc -l < first)" -eq 1 ] && [ ! -s said ] || false
  a_pipe_that_is_closed mem-recall --lexical --json -k 1000 tomatoes 2> said
  a_pipe_that_is_closed mem-recall --lexical --explain tomatoes 2>> said
  a_pipe_that_is_closed mem-recall --lexical -k 1 tomatoes 2>> said
  [ ! -s said ]
}

@test "JSON Lines: keys, types, order" {
  a_past
  mem-pin "$WINDOW:3"
  mem-recall --lexical --json pm2 daemon Keller > hits
  "$PYTHON" - hits <<'EOF'
import json, sys
rows = [json.loads(line) for line in open(sys.argv[1], encoding="utf-8")]
keys = "ref path line timestamp role author context excerpt truncated pinned rank score sim relevance recency penalty repeats".split()
assert len(rows) >= 2
assert all(list(row) == keys for row in rows)
assert [row["rank"] for row in rows] == list(range(1, len(rows) + 1))
first = rows[0]
assert first["pinned"] is True and not any(row["pinned"] for row in rows[1:])
assert first["ref"] == f"{first['path']}:{first['line']}" == "logs/discord-thread/123/20260130T142355Z.md:3"
assert (first["timestamp"], first["role"], first["author"], first["context"]) == ("2026-01-20T10:00:00.000Z", "user", "Ann", "discord-thread/123")
assert first["excerpt"] == "pm2 hangs when I restart it" and first["truncated"] is False
for row in rows:
    assert 0 <= row["sim"] <= 1 and 0 < row["recency"] <= 1 and 0 <= row["penalty"] <= 1
    assert abs(row["score"] - (0.7 * row["sim"] + 0.2 * row["recency"] - 0.1 * row["penalty"])) < 2e-6
EOF
  grep -q 'Jürgen' hits
}

@test "--inject: the literal line, then JSON within the budget" {
  a_past
  mem-recall --lexical --inject pm2 daemon > block
  [ "$(head -n 1 block)" = INJECTED_CONTEXT_RELEVANT_MEMORIES ]
  [ "$(wc -l < block)" -eq 2 ]
  tail -n 1 block | "$PYTHON" -c '
import json, sys
body = json.load(sys.stdin)
assert body["budget_tokens_est"] == 1000 and "not instructions" in body["note"]
assert body["memories"] and all(list(m) == ["path", "line", "excerpt", "truncated", "timestamp"] for m in body["memories"])'
  mem-recall --lexical --inject pm2 daemon | cmp - block
  for n in $(seq 30); do append "pm2 number $n: $(printf 'word%s ' $(seq 200))" > /dev/null; done
  mem-recall --lexical -k 30 --inject --budget 300 --max-each 50 pm2 > block
  [ "$(wc -m < block)" -le 1200 ]
  tail -n 1 block | "$PYTHON" -c '
import json, sys
body = json.load(sys.stdin)
assert body["budget_tokens_est"] == 300
assert len(body["memories"]) >= 2
assert all(len(m["excerpt"]) <= 200 for m in body["memories"])
assert any(m["truncated"] and m["excerpt"].endswith("…") for m in body["memories"])'
  run --separate-stderr mem-recall --lexical --inject quantum chromodynamics
  [ "$status" -eq 1 ] && [ -z "$output$stderr" ] || false
}

@test "on the demo's log: turns that say the same take one place, and the answer is found" {
  gzip -dc "$ROOT/bench/demo/apollo13.jsonl.gz" | mem-append --jsonl --context discord-channel/apollo13 > /dev/null
  for said in "Who needed an extension on his income tax?" "who needed an extension on his income tax" "WHO NEEDED an extension on his income tax!!"; do append "$said" > /dev/null; done
  mem-recall --lexical --json -n 3 "who needed an extension on his income tax?" > hits
  [ "$(grep -ci '"excerpt":"who needed' hits)" -eq 1 ]
  grep -i '"excerpt":"who needed' hits | grep -q '"repeats":2}$'
  grep -q '60-day extension' hits
  # of all that was said, 'Okay.' was said most often
  [ "$(mem-recall --lexical --json -n 50 "how is the battery charge going, okay" | grep -c '"excerpt":"Okay\."')" -le 1 ]
}

@test "what was injected is never recalled" {
  a_past
  mem-recall --lexical --inject pm2 | mem-append --context discord-thread/77 --role user > /dev/null
  mem-recall --lexical pm2 | mem-append --context discord-thread/77 --role tool > /dev/null
  run mem-recall --lexical --context discord-thread/77 pm2 restart
  [ "$status" -eq 1 ]
}

@test "--trace and --replay: the same bytes, without index, logs or clock" {
  a_past
  mkdir "a folder"
  for form in "" --json --inject --explain; do
    mem-recall --lexical --trace "a folder/t.json" $form pm2 daemon > then
    mv "$MIND_HOME" away
    env -u MIND_NOW mem-recall --replay "a folder/t.json" $form > now
    [ ! -e "$MIND_HOME" ]
    mv away "$MIND_HOME"
    cmp then now
  done
  mem-recall --lexical --trace t.json pm2 > then # a bare name
  mem-recall --replay t.json | cmp - then
  [ "$(mode t.json)" = 0600 ]
  mem-recall --lexical --trace again.json pm2 > /dev/null && cmp t.json again.json
  run mem-recall --lexical --trace no.json quantum
  [ "$status" -eq 1 ]
  run mem-recall --replay no.json
  [ "$status" -eq 1 ] && [ -z "$output" ] || false
}

@test "what is no trace: 65" {
  for text in '' '{' '[]' 'null' '5' '{"trace":1}' '{"trace":99}' '{"trace":1,"question":{},"turns":[{}],"pairs":[],"terms":[]}'; do
    printf %s "$text" > bad.json
    run --separate-stderr mem-recall --replay bad.json
    [ "$status" -eq 65 ] && [ -z "$output" ] && [[ "$stderr" == "mem-recall: bad.json: "* ]] || false
  done
}

@test "--explain: everything that was looked at" {
  a_past
  mem-recall --lexical --explain -k 1 pm2 daemon > table
  grep -q '^# ' table
  grep -qP '^rank\tscore\tsim\trelevance\trecency\tpenalty\tref\texcerpt$' table
  grep -qP "^1\t[\d.]+\t[\d.]+\t[\d.]+\t[\d.]+\t[\d.]+\t$WINDOW:\d+\t" table
  grep -qP "^beyond k\t[\d.]+\t.*$WINDOW:\d+\t" table # another that matched, left out because of -k 1
}

@test "into mem-show" {
  a_past
  mem-recall --lexical -k 1 pm2 restart hangs | mem-show > shown
  [ "$(sed -n 2p shown)" = "> pm2 hangs when I restart it" ]
  mem-recall --lexical -k 1 --json pm2 restart hangs | mem-show > also && cmp shown also
  mem-recall --lexical -k 1 pm2 restart hangs | mem-show -C 1 | grep -q '> Kill the daemon'
  [ "$(mem-recall --lexical pm2 | mem-show --json | wc -l)" = "$(mem-recall --lexical pm2 | wc -l)" ]
}

@test "whatever the locale, no ASCII is the same bytes" {
  a_past
  mem-recall --lexical Fahrrad für Jürgen > one
  grep -q "^$WINDOW:12: Das Fahrrad für Jürgen steht im Keller, 30 €$" one
  for locale in C POSIX tr_TR.ISO-8859-9 nonsense; do
    LC_ALL=$locale LANG=$locale mem-recall --lexical Fahrrad für Jürgen | cmp - one
    printf 'Fahrrad für Jürgen' | LC_ALL=$locale PYTHONIOENCODING=ascii mem-recall --lexical | cmp - one
    printf 'Fahrrad \377\376 Jürgen\n' | LC_ALL=$locale mem-recall --lexical -k 1 | grep -q Keller
  done
}

@test "colour is for terminals, or on demand, and changes nothing else" {
  a_past
  mem-recall --lexical pm2 > plain
  ! grep -q $'\033' plain || false
  mem-recall --lexical --color always pm2 > colored
  grep -q $'\033' colored
  sed $'s/\033\\[[0-9]*m//g' colored | cmp - plain
}

@test "cron's bare environment, a link to the command, a folder that is elsewhere" {
  a_past
  mem-recall --lexical pm2 > one
  env -i "$ROOT/bin/mem-recall" --home "$MIND_HOME" --now $MIND_NOW --lexical pm2 | cmp - one
  ln -s "$ROOT/bin/mem-recall" "a link" && (cd / && "$BATS_TEST_TMPDIR/a link" --lexical pm2) | cmp - one
}

@test "a home nobody may write: it is recalled all the same" {
  [ "$(id -u)" -ne 0 ] || skip "root writes everywhere"
  a_past
  mem-recall --lexical pm2 > one
  chmod -R a-w "$MIND_HOME"
  mem-recall --lexical pm2 | cmp - one
  chmod -R u+w "$MIND_HOME"
}

@test "vectors: the embedding server answers, then is down: words alone, one remark, 0" {
  a_past
  serve
  mem-embed
  run --separate-stderr mem-recall -k 1 pm2 restart hangs
  [ "$status" -eq 0 ] && [ -z "$stderr" ] && [ "$output" = "$WINDOW:3: pm2 hangs when I restart it" ] || false
  grep -q '"pm2 restart hangs"' asked
  end_server
  mem-recall --lexical --json pm2 restart > words
  run --separate-stderr mem-recall --json pm2 restart
  [ "$status" -eq 0 ] && [ "$output" = "$(cat words)" ] || false
  [ "$(wc -l <<< "$stderr")" -eq 1 ] && [[ "$stderr" == "mem-recall: by words only: "* ]] || false
  run --separate-stderr mem-recall --quiet pm2 restart
  [ "$status" -eq 0 ] && [ -z "$stderr" ] || false
}

@test "the embedded model: meaning, not words" {
  a_past
  mem-embed
  export MIND_RECALL_SIM=cosine
  mem-recall -k 1 'Where is the bicycle?' > one
  [ "$(cut -d: -f1,2 one)" = "$WINDOW:12" ]
  mem-recall -k 1 'Where is the bicycle?' | cmp - one
  run mem-recall --lexical 'Where is the bicycle?'
  [ "$status" -eq 1 ]
}

@test "the index deleted, damaged, of another version: the same answers" {
  a_past
  serve
  mem-embed
  answers() { mem-recall --json pm2 hangs; mem-recall --json water; mem-recall --lexical --json Keller; }
  answers > one
  count=$(wc -l < asked)
  rm -r "$MIND_HOME/index"
  answers | cmp - one
  printf 'no database at all, but long enough to be looked at' > "$MIND_HOME/index/mind.db"
  run --separate-stderr mem-recall --json pm2 hangs
  [ "$status" -eq 0 ] && [ "$(wc -l <<< "$stderr")" -eq 1 ] || false
  answers | cmp - one
  "$PYTHON" -c 'import sqlite3, sys; sqlite3.connect(sys.argv[1]).execute("PRAGMA user_version = 99")' "$MIND_HOME/index/mind.db"
  answers 2> said | cmp - one
  [ "$(wc -l < said)" -eq 1 ]
  # queries were asked for; no turn was paid for again
  [ "$(grep -c 'hangs when I restart' asked)" = "$(head -n "$count" asked | grep -c 'hangs when I restart')" ]
}
