#!/bin/sh
# install.sh [remove]: add the agents of this folder, their paths filled in, to
# ~/Library/LaunchAgents and start them; with 'remove', stop and remove them.
set -eu
me=install-launchd
[ "${1:-}" != remove ] || me=uninstall-launchd
suite=$(cd "$(dirname "$0")/.." && pwd -P)
. "$suite/cron/home.sh"
agents=$HOME/Library/LaunchAgents
domain=gui/$(id -u)

escaped() { printf %s "$1" | sed 's/&/\&amp;/g; s/</\&lt;/g; s/>/\&gt;/g'; }

filled() { # FILE
  BIN=$(escaped "$root/bin") DIR=$(escaped "$home") awk -f "$suite/cron/fill.awk" "$1"
}

command -v launchctl > /dev/null || {
  echo "$me: launchctl not found; use plainmind --${me%-*} cron" >&2
  exit 1
}
[ "${1:-}" = remove ] || warn_of_the_unseen
for plist in "$suite"/launchd/*.plist; do
  name=$(basename "$plist")
  if [ -e "$agents/$name" ]; then
    # of another installation, or a person's own
    if ! grep -qF "<string>$(escaped "$root/bin/")" "$agents/$name"; then
      if [ "${1:-}" = remove ]; then
        echo "$me: '$agents/$name' belongs to another installation, and stays" >&2
        continue
      fi
      echo "$me: '$agents/$name' belonged to another installation, and is replaced" >&2
    fi
    launchctl bootout "$domain/${name%.plist}" 2> /dev/null || true # it may not run
    rm -f "$agents/$name"
  fi
  if [ "${1:-}" != remove ]; then
    if [ "$name" = com.plainmind.discord-relay.plist ] &&
      ! grep -qs '^ *\(export \)\{0,1\}DISCORD_TOKEN=.' "$home/.env"; then
      echo "$me: the relay is left out: no DISCORD_TOKEN in $home/.env;" \
        "set it, then run this again" >&2
      continue
    fi
    mkdir -p "$agents"
    (umask 077 && mkdir -p "$home/raw/maintenance-log") # where launchd writes what they say
    filled "$plist" > "$agents/$name"
    launchctl bootstrap "$domain" "$agents/$name"
  fi
done
if [ "${1:-}" = remove ]; then
  echo "removed the agents of this installation from $agents"
else
  echo "installed the agents in $agents; they work on $home"
fi
