# agent-turn as a shell sees it; the model is a program.

load common
load agent

# model ANSWER: a program that notes its request and answers this JSON
model() {
  printf '%s\n' '#!/bin/sh' 'cat >> "$HOME/requests"; echo >> "$HOME/requests"' "cat <<'EOF'" "$1" EOF > model.sh
  chmod +x model.sh
  export HOME=$BATS_TEST_TMPDIR MIND_TURN_MODEL=command:./model.sh
}

requests() { if [ -e requests ]; then wc -l < requests | tr -d ' '; else echo 0; fi; }

@test "a turn, its log, and the same message again" {
  model '{"text":"Try pm2 kill.","usage":{"input_tokens":5}}'
  run --separate-stderr agent-turn --context discord-thread/123 --author Ann --message-id 1334 How do I restart pm2?
  [ "$status" -eq 0 ]
  [ -z "$stderr" ]
  [ "$output" = "Try pm2 kill." ]
  cp "$MIND_HOME/$WINDOW" one
  [ "$(agent-turn --context discord-thread/123 --message-id 1334 How do I restart pm2?)" = "Try pm2 kill." ]
  cmp "$MIND_HOME/$WINDOW" one
  [ "$(requests)" = 1 ]
  sed -E 's/ h=[0-9a-f]{12}//' one | diff - /dev/stdin <<'EOF'
# discord-thread/123 20260130T142355Z

## 2026-01-30T14:23:55.120Z user n=1 {"author":"Ann","message_id":"1334"}
> How do I restart pm2?

## 2026-01-30T14:23:55.120Z agent n=1 {"model":"command:./model.sh","usage":{"input_tokens":5},"reply_to":"1334"}
> Try pm2 kill.

EOF
  mem-lint --logs
}

@test "the reply goes on through a pipe" {
  model '{"text":"Grüße ✓"}'
  [ "$(echo hi | LC_ALL=C agent-turn --context discord-thread/123)" = "Grüße ✓" ]
  [ "$(echo hi | agent-turn --context discord-thread/123 -)" = "Grüße ✓" ]
  [ "$(agent-turn --json --context discord-thread/123 hi)" = '{"reply":"Grüße ✓","model":"command:./model.sh"}' ]
  LC_ALL=C agent-turn --context discord-thread/123 'naïve ✓' > /dev/null
  grep -q '^> naïve ✓$' "$MIND_HOME/$WINDOW"
  mem-recall --lexical naïve | mem-show | grep -q '^> naïve ✓$'
}

@test "without a context nothing is logged; memory is recalled" {
  a_past
  model '{"text":"pm2 kill."}'
  (cd "$MIND_HOME" && find logs -type f -exec cksum {} +) > before
  [ "$(agent-turn pm2 hangs when I restart it)" = "pm2 kill." ]
  (cd "$MIND_HOME" && find logs -type f -exec cksum {} +) | cmp - before
  grep -q INJECTED_CONTEXT_RELEVANT_MEMORIES requests
  run ls "$MIND_HOME/workspace"
  [ "$status" -ne 0 ]
}

@test "--dry-run: the request as JSON; no file anywhere is written, no program run" {
  a_past
  model '{"text":"never"}'
  files > before
  agent-turn --dry-run --context discord-thread/123 pm2 hangs > request
  agent-turn --dry-run pm2 hangs > request.cli
  files | cmp - before
  [ "$(requests)" = 0 ]
  "$PYTHON" - request request.cli <<'EOF'
import json, sys
one, cli = (json.load(open(path)) for path in sys.argv[1:])
for request in (one, cli):
    assert {"model", "messages", "tools"} <= set(request)
    assert request["model"] == "command:./model.sh" and request["tools"][0]["function"]["name"] == "bash"
    assert request["messages"][0]["role"] == "system" and request["messages"][-1]["role"] == "user"
assert len(one["messages"]) > 2 and len(cli["messages"]) == 2
border, mark, _, end, message = cli["messages"][-1]["content"].split("\n")
assert border.startswith("INJECTED_CONTEXT_BORDER ") and border == end
assert mark == "INJECTED_CONTEXT_RELEVANT_MEMORIES" and message == "pm2 hangs"
EOF
}

@test "bash in the workspace, its output in the log" {
  cat > model.py <<'EOF'
import json, sys
request = json.load(sys.stdin)
last = request["messages"][-1]
call = {"id": "1", "function": {"name": "bash", "arguments": json.dumps({"command": "pwd; echo $HUSH_TOKEN$OPENAI_API_KEY; exit 3"})}}
print(json.dumps({"text": last["content"].split("\n")[0]} if last["role"] == "tool" else {"tool_calls": [call]}))
EOF
  export HUSH_TOKEN=hush OPENAI_API_KEY=hush
  [ "$(agent-turn --model "command:'$PYTHON' model.py" --context discord-thread/123 go)" = "$MIND_HOME/workspace" ]
  grep -q '"name":"bash".*"exit":3' "$MIND_HOME/$WINDOW"
  ! grep -rq hush "$MIND_HOME" || false
  mem-lint --logs
}

@test "a model that fails: 69, one line, the message and why kept; then it carries on" {
  model 'no JSON'
  run --separate-stderr agent-turn --context discord-thread/123 --message-id 1 hello
  [ "$status" -eq 69 ]
  [ -z "$output" ]
  [ "$(wc -l <<< "$stderr")" -eq 1 ]
  [ "$(sed -n 's/^## [^ ]* \([a-z]*\) .*/\1/p' "$MIND_HOME/$WINDOW" | xargs)" = 'user system' ]
  model '{"text":"Hello."}'
  [ "$(agent-turn --context discord-thread/123 --message-id 1 hello)" = Hello. ]
  [ "$(grep -c '^## ' "$MIND_HOME/$WINDOW")" -eq 3 ]
}

@test "exit codes" {
  model '{"text":"x"}'
  for context in nosurface ../x a/b/c; do
    run --separate-stderr agent-turn --context $context hi
    [ "$status" -eq 65 ]
  done
  for options in "--nope" "--cwd nowhere"; do
    run --separate-stderr agent-turn $options hi
    [ "$status" -eq 2 ]
  done
  run --separate-stderr agent-turn < /dev/null
  [ "$status" -eq 2 ]
  [ "$stderr" = "agent-turn: the message is empty; give it as an argument or on standard input" ]
  run --separate-stderr agent-turn --model nobody hi
  [ "$status" -eq 78 ]
  run --separate-stderr agent-turn --model command:/nowhere/model hi
  [ "$status" -eq 78 ]
  [ ! -e "$MIND_HOME/logs" ]
  mkdir -p "$MIND_HOME"
  printf '\n[turn]\nmax_step = 3\n' > "$MIND_HOME/config.toml"
  run --separate-stderr agent-turn hi
  [ "$status" -eq 78 ]
  [ "$stderr" = "agent-turn: $MIND_HOME/config.toml:3: unknown setting 'turn.max_step'; did you mean 'turn.max_steps'?" ]
}

@test "cron's bare environment, a link to the command" {
  model '{"text":"Fine."}'
  ln -s "$ROOT/bin/agent-turn" "a turn"
  run --separate-stderr env -i "./a turn" --home "$MIND_HOME" --now $MIND_NOW --model command:/bin/false --context discord-thread/123 hi
  [ "$status" -eq 69 ]
  mkdir -p "$MIND_HOME"
  sed "s,\$HOME,$BATS_TEST_TMPDIR,g" model.sh > bare.sh
  chmod +x bare.sh
  [ "$(env -i PATH=/usr/bin:/bin "./a turn" --home "$MIND_HOME" --now $MIND_NOW --model command:./bare.sh --context discord-thread/123 hi)" = Fine. ]
}

@test "the index deleted between two turns: the same request" {
  a_past
  model '{"text":"x"}'
  agent-turn pm2 hangs > /dev/null
  rm -r "$MIND_HOME/index"
  agent-turn pm2 hangs > /dev/null
  [ "$(sort -u requests | grep -c .)" = 1 ]
}

@test "a reader that leaves: 0, and the reply is logged" {
  model "{\"text\":\"$(printf 'word %.0s' $(seq 30000))\"}"
  a_pipe_that_is_closed agent-turn --context discord-thread/123 hi 2> said
  [ ! -s said ]
  [ "$(grep -c '^## ' "$MIND_HOME/$WINDOW")" -eq 2 ]
}
