# Schedules: what is put into the crontab and among the launch agents runs, is there once, and goes without a trace.

load common

# a checkout whose path has all that shells, cron and XML stumble over, and a crontab and a launchctl that only write down
surroundings() {
  checkout="$BATS_TEST_TMPDIR/it's 100% <mine> & \"yours\" \\n"
  mkdir -p "$checkout" tools
  for part in bin lib .venv cron launchd Makefile requirements.lock; do ln -s "$ROOT/$part" "$checkout/$part"; done
  rm "$checkout/cron" "$checkout/launchd"
  cp -R "$ROOT/cron" "$ROOT/launchd" "$checkout/"
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
    [[ $line =~ ^([0-9*]+\ ){5} ]]
    # what cron makes of it: the rest of the line after five fields, '\%' is '%'
    command=$(printf '%s\n' "$line" | sed -E 's/^([0-9*]+ ){5}//; s/\\%/%/g')
    (cd / && env -i HOME=/nowhere LOGNAME=me PATH=/usr/bin:/bin SHELL=/bin/sh /bin/sh -c "$command" < /dev/null)
    count=$((count + 1))
  done < "$TABLE"
  [ "$count" -eq 3 ]
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

@test "the launch agents: property lists that say what they should, once, and gone without a trace" {
  surroundings
  mkdir -p "$HOME/Library/LaunchAgents"
  echo mine > "$HOME/Library/LaunchAgents/com.other.plist"
  sh "$checkout/launchd/install.sh"
  sh "$checkout/launchd/install.sh"
  [ "$(ls "$HOME/Library/LaunchAgents" | wc -l)" -eq 4 ]
  "$PYTHON" - "$HOME/Library/LaunchAgents" "$checkout" "$MIND_HOME" << 'END'
import os, plistlib, sys
folder, checkout, home = sys.argv[1:]
for name in ("remind-scan", "mem-embed", "mem-lint"):
    with open(f"{folder}/com.plainmind.{name}.plist", "rb") as file:
        agent = plistlib.load(file)
    assert agent["Label"] == f"com.plainmind.{name}"
    program, *arguments = agent["ProgramArguments"]
    assert program == f"{os.path.realpath(checkout)}/bin/{name}" and os.access(program, os.X_OK), program
    assert arguments[-2:] == ["--home", home], arguments
    assert agent.get("StartInterval") == 60 or agent["StartCalendarInterval"] == {"Hour": 3, "Minute": 17}
    assert os.path.isdir(os.path.dirname(agent["StandardErrorPath"]))
    assert set(agent) <= {"Label", "ProgramArguments", "StartInterval", "StartCalendarInterval", "ProcessType", "StandardOutPath", "StandardErrorPath"}
END
  [ "$(grep -c bootstrap "$CALLS")" -eq 6 ]
  [ "$(grep -c bootout "$CALLS")" -eq 3 ]
  sh "$checkout/launchd/install.sh" remove
  [ "$(ls "$HOME/Library/LaunchAgents")" = com.other.plist ]
  [ "$(grep -c bootout "$CALLS")" -eq 6 ]
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
