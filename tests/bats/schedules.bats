# Schedules: what is put into the crontab and among the launch agents runs, is there once, and goes without a trace.

load common

FORKED= # how a command starts is what these are about

# a checkout whose path has all that shells, cron and XML stumble over, and a crontab and a launchctl that only write down
surroundings() {
  checkout="$BATS_TEST_TMPDIR/it's 100% <mine> & \"yours\" \\n"
  mkdir -p "$checkout" tools
  for part in bin lib .venv cron launchd Makefile requirements.lock developers.lock; do ln -s "$ROOT/$part" "$checkout/$part"; done
  rm "$checkout/cron" "$checkout/launchd"
  cp -R "$ROOT/cron" "$ROOT/launchd" "$checkout/"
  agents=$(ls "$ROOT"/launchd/*.plist | wc -l)
  export TABLE="$BATS_TEST_TMPDIR/table" CALLS="$BATS_TEST_TMPDIR/calls" HOME="$BATS_TEST_TMPDIR/person"
  cat > tools/crontab << 'END'
#!/bin/sh
case $1 in
  -l) cat "$TABLE" 2> /dev/null || { echo "no crontab for me" >&2; exit 1; } ;;
  -r) rm "$TABLE" ;;
  *) cat "$1" > "$TABLE" ;;
esac
END
  cat > tools/launchctl << 'END'
#!/bin/sh
echo "$@" >> "$CALLS"
END
  chmod +x tools/*
  export PATH="$PWD/tools:$PATH"
}

@test "the crontab: once however often, and gone without a trace" {
  surroundings
  printf '# mine\nMAILTO=me\n5 4 * * * echo "100\\%%"\n' > "$TABLE"
  cp "$TABLE" before
  sh "$checkout/cron/install.sh"
  cp "$TABLE" once
  sh "$checkout/cron/install.sh"
  cmp "$TABLE" once
  [ "$(grep -c remind-scan "$TABLE")" -eq 1 ]
  head -n 3 "$TABLE" | cmp - before
  sh "$checkout/cron/install.sh" remove
  cmp "$TABLE" before
  sh "$checkout/cron/install.sh" remove
  cmp "$TABLE" before
}

@test "the crontab: two checkouts do not disturb each other, and lines after ours stay" {
  surroundings
  sh "$checkout/cron/install.sh"
  sh "$ROOT/cron/install.sh"
  echo '# last' >> "$TABLE"
  [ "$(grep -c remind-scan "$TABLE")" -eq 2 ]
  sh "$checkout/cron/install.sh" remove
  [ "$(grep -c remind-scan "$TABLE")" -eq 1 ]
  sh "$ROOT/cron/install.sh" remove
  [ "$(cat "$TABLE")" = '# last' ]
}

@test "the crontab: none before is none after" {
  surroundings
  sh "$checkout/cron/install.sh"
  sh "$checkout/cron/install.sh" remove
  [ ! -e "$TABLE" ]
}

@test "the crontab: a first mark whose last one a person has deleted takes nothing with it" {
  surroundings
  sh "$checkout/cron/install.sh"
  sed '$d' "$TABLE" > cut && echo '1 2 3 4 5 mine' >> cut && cp cut "$TABLE"
  sh "$checkout/cron/install.sh" remove
  cmp "$TABLE" cut
}

@test "the crontab: one that cannot be read is not written" {
  surroundings
  printf '#!/bin/sh\necho "not allowed" >&2; exit 1\n' > tools/crontab
  run sh "$checkout/cron/install.sh"
  [ "$status" -eq 1 ]
  [ "$output" = "not allowed" ]
}

@test "every line of the crontab is of cron's grammar, and runs in cron's bare environment" {
  surroundings
  sh "$checkout/cron/install.sh"
  mkdir "$MIND_HOME"
  count=0
  while read -r line; do
    case $line in '#'*) continue ;; esac
    [[ $line =~ ^([0-9*/]+\ ){5} ]]
    # what cron makes of it: the rest of the line after five fields, '\%' is '%'
    command=$(printf '%s\n' "$line" | sed -E 's/^([0-9*/]+ ){5}//; s/\\%/%/g')
    (cd / && env -i HOME=/nowhere LOGNAME=me PATH=/usr/bin:/bin SHELL=/bin/sh /bin/sh -c "$command" < /dev/null)
    count=$((count + 1))
  done < "$TABLE"
  [ "$count" -eq 6 ]
}

@test "crontab accepts the shipped file" {
  real=$(command -v crontab) || skip "there is no cron here"
  # Debian's cron checks a file with -n, cronie with -T, others not at all
  check=$("$real" -h 2>&1 | sed -nE 's/^[[:space:]]*(-[nT])[[:space:]].*(dry run|test).*/\1/p')
  [ -n "$check" ] || skip "this crontab checks no files"
  surroundings
  sh "$checkout/cron/install.sh"
  "$real" "$check" "$TABLE"
  "$real" "$check" "$ROOT/cron/plainmind.cron"
  run "$real" "$check" - <<< '99 * * * * true'
  [ "$status" -ne 0 ]
}

@test "the crontab: none is none in busybox's words, too" {
  surroundings
  cat > tools/crontab << 'END'
#!/bin/sh
case $1 in
  -l) cat "$TABLE" 2> /dev/null || { echo "crontab: can't open 'me': No such file or directory" >&2; exit 1; } ;;
  *) cat "$1" > "$TABLE" ;;
esac
END
  sh "$checkout/cron/install.sh"
  [ "$(grep -c remind-scan "$TABLE")" -eq 1 ]
}

@test "the crontab: a home below a person's folder, where no shell replaced the '~'" {
  surroundings
  MIND_HOME='~/my mind' sh "$checkout/cron/install.sh"
  [ "$(grep -cF "'$HOME/my mind'" "$TABLE")" -eq 6 ]
}

@test "what is set in this shell only is told by name, never by value" {
  surroundings
  mkdir "$MIND_HOME"
  printf 'DISCORD_TOKEN=a-token\n export MIND_KEY = a-key\n' > "$MIND_HOME/.env"
  for part in cron launchd; do
    run env DISCORD_TOKEN=a-token MIND_KEY=a-key DISCORD_CHANNEL_ID= DISCORD_WEBHOOK_URL=a-webhook REMINDERS_FILE="/a vault/r.md" \
      MIND_REMIND_GRACE=3 sh "$checkout/$part/install.sh"
    [ "$status" -eq 0 ]
    [ "${lines[0]}" = "install-$part: the jobs will not see what only this shell has set: DISCORD_WEBHOOK_URL MIND_REMIND_GRACE REMINDERS_FILE; put it in $MIND_HOME/.env" ]
    [[ "$output" != *a-webhook* && "$output" != *vault* ]]
    run env DISCORD_TOKEN=a-token sh "$checkout/$part/install.sh"
    [[ "$output" != *"will not see"* ]]
    run env DISCORD_WEBHOOK_URL=a-webhook sh "$checkout/$part/install.sh" remove
    [[ "$output" != *"will not see"* ]]
  done
}

@test "the launch agents: those of another checkout stay, and are not replaced unsaid" {
  surroundings
  mkdir -p "$MIND_HOME" && echo 'DISCORD_TOKEN=x' > "$MIND_HOME/.env"
  sh "$checkout/launchd/install.sh"
  cp -R "$HOME/Library/LaunchAgents" before
  run sh "$ROOT/launchd/install.sh" remove
  [ "$status" -eq 0 ]
  [ "$(grep -c "belongs to another installation, and stays" <<< "$output")" -eq "$agents" ]
  diff -r before "$HOME/Library/LaunchAgents"
  ! grep -q bootout "$CALLS"
  run sh "$ROOT/launchd/install.sh"
  [ "$(grep -c "belonged to another installation, and is replaced" <<< "$output")" -eq "$agents" ]
  run sh "$ROOT/launchd/install.sh"
  [[ "$output" != *"another folder"* ]]
  run sh "$checkout/launchd/install.sh" remove
  [ "$(ls "$HOME/Library/LaunchAgents" | wc -l)" -eq "$agents" ]
  sh "$ROOT/launchd/install.sh" remove
  [ -z "$(ls "$HOME/Library/LaunchAgents")" ]
}

@test "the launch agents: property lists that say what they should, once, and gone without a trace" {
  surroundings
  mkdir -p "$HOME/Library/LaunchAgents"
  echo mine > "$HOME/Library/LaunchAgents/com.other.plist"
  run sh "$checkout/launchd/install.sh"
  [[ "$output" == *"the relay is left out: no DISCORD_TOKEN in $MIND_HOME/.env"* ]]
  [ "$(ls "$HOME/Library/LaunchAgents" | wc -l)" -eq "$agents" ]
  [ "$(grep -c bootstrap "$CALLS")" -eq $((agents - 1)) ]
  rm -r "$HOME/Library/LaunchAgents"/com.plainmind.* "$CALLS"
  mkdir -p "$MIND_HOME" && echo 'DISCORD_TOKEN=x' > "$MIND_HOME/.env"
  sh "$checkout/launchd/install.sh"
  sh "$checkout/launchd/install.sh"
  [ "$(ls "$HOME/Library/LaunchAgents" | wc -l)" -eq $((agents + 1)) ]
  "$PYTHON" - "$HOME/Library/LaunchAgents" "$checkout" "$MIND_HOME" << 'END'
import os, plistlib, sys
folder, checkout, home = sys.argv[1:]
nightly = {"mem-lint": 17, "mem-prune": 27, "mem-lint-pages": 37}
for name in ("remind-scan", "mem-embed", "mem-sync", "discord-relay", *nightly):
    with open(f"{folder}/com.plainmind.{name}.plist", "rb") as file:
        agent = plistlib.load(file)
    assert agent["Label"] == f"com.plainmind.{name}"
    program, *arguments = agent["ProgramArguments"]
    command = "mem-lint" if name in nightly else name
    assert program == f"{os.path.realpath(checkout)}/bin/{command}" and os.access(program, os.X_OK), program
    assert arguments[-2:] == ["--home", home], arguments
    assert agent.get("StartInterval") == (600 if name == "mem-sync" else 60) or agent.get("KeepAlive") or agent["StartCalendarInterval"] == {"Minute": nightly[name]}
    assert (name in nightly) == ("--nightly" in arguments) == ("RunAtLoad" in agent) or name == "discord-relay"
    assert os.path.isdir(os.path.dirname(agent["StandardErrorPath"]))
    assert set(agent) <= {"Label", "ProgramArguments", "StartInterval", "StartCalendarInterval", "ProcessType", "StandardOutPath", "StandardErrorPath", "KeepAlive", "RunAtLoad", "ThrottleInterval", "ExitTimeOut"}
END
  [ "$(grep -c bootstrap "$CALLS")" -eq $((2 * agents)) ]
  [ "$(grep -c bootout "$CALLS")" -eq "$agents" ]
  sh "$checkout/launchd/install.sh" remove
  [ "$(ls "$HOME/Library/LaunchAgents")" = com.other.plist ]
  [ "$(grep -c bootout "$CALLS")" -eq $((2 * agents)) ]
}

@test "the shipped property lists pass macOS's linter" {
  command -v plutil || skip "plutil is macOS's"
  plutil -lint "$ROOT"/launchd/*.plist
}

@test "make does all four" {
  surroundings
  make -s -C "$ROOT" install-cron
  grep -q remind-scan "$TABLE"
  make -s -C "$ROOT" uninstall-cron
  [ ! -e "$TABLE" ]
  make -s -C "$ROOT" install-launchd
  [ -e "$HOME/Library/LaunchAgents/com.plainmind.remind-scan.plist" ]
  make -s -C "$ROOT" uninstall-launchd
  [ ! -e "$HOME/Library/LaunchAgents/com.plainmind.remind-scan.plist" ]
}

@test "the unit of the relay: what systemd reads, once, and gone without a trace" {
  surroundings
  printf '#!/bin/sh\necho "$@" >> "$CALLS"\n' > tools/systemctl && chmod +x tools/systemctl
  export XDG_CONFIG_HOME="$BATS_TEST_TMPDIR/settings" XDG_RUNTIME_DIR="$BATS_TEST_TMPDIR"
  unit="$XDG_CONFIG_HOME/systemd/user/discord-relay.service"
  sh "$checkout/launchd/install-systemd.sh"
  sh "$checkout/launchd/install-systemd.sh"
  once=$(printf '%s\n' '--user show-environment' '--user daemon-reload' '--user enable --now discord-relay.service')
  [ "$(cat "$CALLS")" = "$once
$once" ]
  # what systemd makes of it: in quotes, a backslash escapes, '%%' is '%' and '$$' is '$'
  "$PYTHON" - "$unit" "$(cd "$checkout" && pwd -P)" "$MIND_HOME" << 'END'
import re, shlex, sys
text = open(sys.argv[1]).read()
line = re.search("^ExecStart=(.*)$", text, re.M)[1].replace("%%", "%").replace("$$", "$")
assert shlex.split(line) == ["/bin/sh", f"{sys.argv[2]}/bin/discord-relay", "--home", sys.argv[3]], line
assert "@" not in re.sub("#.*", "", text)
END
  if command -v systemd-analyze > /dev/null; then systemd-analyze --user verify "$unit"; fi
  run sh "$ROOT/launchd/install-systemd.sh" remove
  [ "$status" -eq 1 ]
  [[ "$output" == "uninstall-relay: $unit belongs to another installation"* ]]
  sh "$checkout/launchd/install-systemd.sh" remove
  [ ! -e "$unit" ]
}

@test "the unit of the relay: where no systemd of the user's answers, nothing is half installed" {
  surroundings
  printf '#!/bin/sh\n[ ! -e broken ] || { echo "Failed to connect to bus: No medium found" >&2; exit 1; }\n' > tools/systemctl
  chmod +x tools/systemctl
  export XDG_CONFIG_HOME="$BATS_TEST_TMPDIR/settings"
  unit="$XDG_CONFIG_HOME/systemd/user/discord-relay.service"
  touch broken
  run sh "$checkout/launchd/install-systemd.sh"
  [ "$status" -eq 1 ]
  [ ! -e "$unit" ]
  [[ "$output" == "install-relay: no systemd of this user's answers; nothing is installed. Log in as"* ]]
  rm broken
  sh "$checkout/launchd/install-systemd.sh"
  touch broken
  run sh "$checkout/launchd/install-systemd.sh" remove
  [ "$status" -eq 0 ]
  [ "$output" = "removed $unit" ]
  [ ! -e "$unit" ]
}
