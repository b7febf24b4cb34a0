#!/bin/sh
# install-systemd.sh [remove]: add the relay's unit, its paths filled in, to this user's and start
# it; with 'remove', stop and remove it.
set -eu
me=install-relay
[ "${1:-}" != remove ] || me=uninstall-relay
suite=$(cd "$(dirname "$0")/.." && pwd -P)
. "$suite/cron/home.sh"
units=${XDG_CONFIG_HOME:-$HOME/.config}/systemd/user
unit=$units/discord-relay.service

# within quotes of a unit: a specifier starts with '%', a variable with '$'
escaped() { printf %s "$1" | sed 's/[\\"]/\\&/g; s/%/%%/g; s/\$/$$/g'; }

command -v systemctl > /dev/null || {
  echo "$me: systemctl not found; keep discord-relay running by other means" >&2
  exit 1
}
# by 'su', by 'sudo', in a container or by a cron job there is none of this user's
there=yes
systemctl --user show-environment > /dev/null 2>&1 || there=
if [ -e "$unit" ] && ! grep -qF "ExecStart=/bin/sh \"$(escaped "$root/bin")/" "$unit"; then
  echo "$me: $unit belongs to another installation; remove it there first" >&2
  exit 1
fi
if [ "${1:-}" = remove ]; then
  systemctl --user disable --now discord-relay.service 2> /dev/null || true # it may not be there
  rm -f "$unit"
  [ -z "$there" ] || systemctl --user daemon-reload
  echo "removed $unit"
  exit 0
fi
[ -n "$there" ] || {
  echo "$me: no systemd of this user's answers; nothing is installed. Log in as $(id -un) itself" \
    "(by ssh or at the console, not by su or sudo), or as root run 'loginctl enable-linger" \
    "$(id -un)' and set XDG_RUNTIME_DIR=/run/user/$(id -u). Without systemd, keep" \
    "discord-relay running by other means" >&2
  exit 1
}
warn_of_the_unseen
mkdir -p "$units"
BIN=$(escaped "$root/bin") DIR=$(escaped "$home") \
  awk -f "$suite/cron/fill.awk" "$suite/launchd/discord-relay.service" > "$unit"
systemctl --user daemon-reload
systemctl --user enable --now discord-relay.service
echo "the relay is running; see 'systemctl --user status discord-relay'"
echo "'loginctl enable-linger' keeps it running when you log out"
