# The reminders file as a shell and a person see it.

load common
load reminders

@test "ten at once: every line once, every one confirmed" {
  start_webhook
  for n in $(seq 10); do remind-add --in 2h "number $n" > "out.$n" & done
  for n in $(seq 10); do wait -n; done
  [ "$(sort out.* | uniq | wc -l)" -eq 10 ]
  [ "$(sort "$MIND_HOME/reminders.md")" = "$(sort out.*)" ]
  [ "$(grep -e '^- \[ \]' "$WEBHOOK/messages" | sort)" = "$(sort out.*)" ]
  remind-list --check
}

@test "a file in a vault, behind a link, in CR LF: its mode stays, and every byte that is not ours" {
  start_webhook
  mkdir "my vault" "$MIND_HOME"
  printf '\357\273\277# To do\r\n- [ ] milk\t \r\n\377\000 no end' > "my vault/To do.md"
  cp "my vault/To do.md" before
  chmod 640 "my vault/To do.md"
  ln -s "$PWD/my vault/To do.md" "link to it.md"
  export REMINDERS_FILE="$PWD/link to it.md"
  line=$(remind-add --at 18:00 first)
  id=${line##*id=}
  cmp <(cat before; printf '\r\n%s\r\n' "$line") "my vault/To do.md"
  remind-edit "$id" --msg second
  cmp <(cat before; printf '\r\n%s\r\n' "${line/first/second}") "my vault/To do.md"
  remind-rm "$id"
  cmp <(cat before; printf '\r\n') "my vault/To do.md"
  [ -L "link to it.md" ]
  [ "$(mode "my vault/To do.md")" = 0640 ]
  [ "$(ls -A "my vault")" = "To do.md" ]
  [ ! -e "$MIND_HOME/reminders.md" ]
}

@test "whatever the machine's zone and locale, it is UK time" {
  for zone in Asia/Tokyo America/St_Johns UTC nonsense; do
    [ "$(TZ=$zone LC_ALL=tr_TR.UTF-8 remind-add --dry-run --now 2026-07-01T12:00:00Z --in 1h x | cut -d ' ' -f 4-5)" = "date=2026-07-01 time=14:00" ]
  done
}

@test "cron's bare environment, where .env says what the file and the webhook are" {
  start_webhook
  mkdir "$MIND_HOME"
  printf 'REMINDERS_FILE="%s/r.md"\nDISCORD_WEBHOOK_URL=%s\n' "$PWD" "$DISCORD_WEBHOOK_URL" > "$MIND_HOME/.env"
  chmod 600 "$MIND_HOME/.env"
  env -i "$ROOT/bin/remind-add" --home "$MIND_HOME" --now $MIND_NOW --at 18:00 x < /dev/null
  [ "$(wc -l < r.md)" -eq 1 ]
  grep -qF -e "$(cat r.md)" "$WEBHOOK/messages"
}

@test "no webhook's address in any output, whatever Discord answers" {
  start_webhook
  for status in 400 401 404 410; do
    echo $status > "$WEBHOOK/status"
    for debug in 0 1; do
      run env MIND_DEBUG=$debug remind-add --verbose --in 1h x
      [ "$status" = 69 ]
      [[ "$output" == *"recur=none"* && "$output" != *a-secret-part* && "$output" != */1234/* ]]
    done
  done
  remind-list --next 8
}

@test "a reader that has gone, files made private" {
  start_webhook
  umask 000
  a_pipe_that_is_closed remind-add --at 18:00 x 2> errors
  a_pipe_that_is_closed remind-list 2>> errors
  [ ! -s errors ]
  [ "$(grep -c recur=none "$MIND_HOME/reminders.md")" = 1 ]
  [ "$(mode "$MIND_HOME/reminders.md")" = 0600 ]
  [ "$(mode "$MIND_HOME")" = 0700 ]
}
