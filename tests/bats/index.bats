# mem-index as a shell sees it.

load common
load agent

value_of() { mem-index --status | awk -F '\t' -v name="$1" '$1 == name { print $2 }'; }

@test "--status: names and numbers, or JSON" {
  a_past
  mem-pin "$WINDOW:3"
  [ "$(value_of windows)/$(value_of turns)/$(value_of pins)/$(value_of vectors)" = 2/6/1/0 ]
  mem-index --status --json | "$PYTHON" -c '
import json, sys
found = json.load(sys.stdin)
assert (found["windows"], found["turns"], found["pins"], found["model"]) == (2, 6, 1, ""), found
assert found["journal"] in ("delete", "wal") and found["words"] in ("fts4", "fts5") and found["bytes"] > 0'
  [ "$(mode "$MIND_HOME/index/mind.db")/$(mode "$MIND_HOME/index")" = 0600/0700 ]
}

@test "--verify: no difference, before and after everything that happens to an index" {
  a_past
  run --separate-stderr mem-index --verify
  [ "$status" -eq 0 ]
  [ -z "$output$stderr" ]
  serve
  mem-embed
  mem-index --verify
  append "one more" > /dev/null
  mem-pin "$WINDOW:15"
  mem-new discord-thread/123
  append "and another" > /dev/null
  mem-index --verify
  mem-pin --remove "$WINDOW:15"
  rm "$MIND_HOME/$GARDEN"
  mem-index --verify
  [ "$(value_of windows)" = 2 ]
  rm -r "$MIND_HOME/index"
  mem-index --verify
}

@test "--verify finds what somebody changed in the index: 1, and where" {
  a_past
  mem-index --verify
  "$PYTHON" -c '
import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
db.execute("UPDATE events SET content = ? WHERE line = 3", ("something else",))
db.commit()' "$MIND_HOME/index/mind.db"
  run --separate-stderr mem-index --verify
  [ "$status" -eq 1 ]
  [[ "$output" == *"events: $WINDOW:3 is not in the files"* ]]
  [[ "$output" == *"events: $WINDOW:3 is missing"* ]]
  run mem-index --verify --json
  [ "$status" -eq 1 ]
  [[ "${lines[0]}" == '{"table":"'*'","what":"'* ]]
  mem-index --rebuild
  mem-index --verify
}

@test "--rebuild: the same answers, nobody asked" {
  a_past
  serve
  mem-embed
  mem-recall --json pm2 daemon > one
  asked=$(wc -l < asked)
  run --separate-stderr mem-index --rebuild
  [ "$status" -eq 0 ]
  [ -z "$output$stderr" ]
  [ "$(wc -l < asked)" -eq "$asked" ]
  [ "$(value_of vectors)" = 5 ]
  mem-recall --json pm2 daemon | cmp - one
  mem-index --verify
}

@test "a damaged index is set aside with one warning, and made anew" {
  a_past
  for bytes in 'garbage' "$(printf 'SQLite format 3\\0garbage')" ''; do
    mem-index --rebuild
    printf "$bytes" > "$MIND_HOME/index/mind.db"
    run --separate-stderr mem-index --verify
    [ "$status" -eq 0 ]
    [ -z "$output" ]
    if [ -n "$bytes" ]; then
      [ "$(wc -l <<< "$stderr")" -eq 1 ]
      [[ "$stderr" == *"set aside as"*"rebuilt" ]]
    else
      [ -z "$stderr" ]
    fi
  done
}

@test "sqlite3 may look at it: the embeddings as the manual names them" {
  a_past
  serve
  mem-embed
  "$PYTHON" -c '
import sqlite3, struct, sys
db = sqlite3.connect(sys.argv[1])
rows = db.execute("SELECT embedding, path, line, timestamp, role, context_id, pinned, model, status FROM embeddings ORDER BY path, line").fetchall()
found = [row for row in rows if row[8] == "ok"]
assert len(found) == 5, rows
blob, path, line, timestamp, role, context, pinned, model, status = found[0]
vector = struct.unpack(f"<{len(blob) // 4}f", blob)
assert len(vector) == 16 and abs(sum(x * x for x in vector) - 1) < 1e-5
assert (path, line, role, context, pinned, model) == (sys.argv[2], 3, "user", "garden", 0, "openai:letters"), found[0]
assert timestamp == "2026-01-29T10:00:00.000Z"' "$MIND_HOME/index/mind.db" "$GARDEN"
}

@test "say what to do: 2" {
  for options in "" "--status --verify" "--nope" "--status extra"; do
    run --separate-stderr mem-index $options
    [ "$status" -eq 2 ]
    [ -z "$output" ]
    [ "$(wc -l <<< "$stderr")" -eq 1 ]
  done
}

@test "no home yet, a bare environment, a link" {
  mem-index --verify
  a_past
  ln -s "$ROOT/bin/mem-index" "an index"
  env -i "./an index" --home "$MIND_HOME" --verify
  [ "$(env -i "./an index" --home "$MIND_HOME" --status | grep -c .)" -ge 10 ]
  a_pipe_that_is_closed mem-index --status
}
