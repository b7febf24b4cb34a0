#!/bin/sh
# install.sh [remove]: put the agents of this folder, their paths filled in, into ~/Library/LaunchAgents and start
# them; with 'remove', stop them and take them out.
set -eu
me=install-launchd
[ "${1:-}" != remove ] || me=uninstall-launchd
root=$(cd "$(dirname "$0")/.." && pwd -P)
home=${MIND_HOME:-$root/data}
case $home in /*) ;; *) home=$PWD/$home ;; esac
agents=$HOME/Library/LaunchAgents
domain=gui/$(id -u)

escaped() { printf %s "$1" | sed 's/&/\&amp;/g; s/</\&lt;/g; s/>/\&gt;/g'; }

filled() { # FILE
  BIN=$(escaped "$root/bin") DIR=$(escaped "$home") awk -f "$root/cron/fill.awk" "$1"
}

command -v launchctl > /dev/null || { echo "$me: there is no launchctl here; use make ${me%-*}-cron" >&2; exit 1; }
for plist in "$root"/launchd/*.plist; do
  name=$(basename "$plist")
  if [ -e "$agents/$name" ]; then
    launchctl bootout "$domain/${name%.plist}" 2> /dev/null || true # it may not run
    rm -f "$agents/$name"
  fi
  if [ "${1:-}" != remove ]; then
    mkdir -p "$agents"
    (umask 077 && mkdir -p "$home/raw/maintenance-log") # where launchd writes what they say
    filled "$plist" > "$agents/$name"
    launchctl bootstrap "$domain" "$agents/$name"
  fi
done
if [ "${1:-}" = remove ]; then
  echo "took the agents of this folder out of $agents"
else
  echo "put the agents into $agents; they work on $home"
fi
