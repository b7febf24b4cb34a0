# A Discord of our own to confirm reminders to.

start_webhook() {
  WEBHOOK=$BATS_TEST_TMPDIR/webhook
  "$PYTHON" "$BATS_TEST_DIRNAME/webhook" "$WEBHOOK" 3>&- &
  WEBHOOK_PID=$!
  until [ -f "$WEBHOOK/url" ]; do sleep 0.02; done
  DISCORD_WEBHOOK_URL=$(cat "$WEBHOOK/url")
  export DISCORD_WEBHOOK_URL WEBHOOK
}

teardown() {
  if [ -n "$WEBHOOK_PID" ]; then kill "$WEBHOOK_PID"; fi
}

# hide, for a transcript: what differs on every run is left out; the exit code stays the command's
hide_what_differs() {
  cat > "$BATS_TEST_TMPDIR/hide" <<'END'
set -o pipefail
hide() { sed -E -e 's/rid_[A-Z2-7]{12}/rid_............/g' -e 's/op-[0-9a-f]{12}/op-............/g' -e "s,${MIND_HOME%/*},FOLDER,"; }
END
  export BASH_ENV=$BATS_TEST_TMPDIR/hide
}
