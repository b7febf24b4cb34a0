#!/bin/sh
# install.sh [remove]: add plainmind.cron, its paths filled in, to this user's crontab; with
# 'remove', remove it. What is between our two marks is replaced, everything else is left alone.
set -eu
me=install-cron
[ "${1:-}" != remove ] || me=uninstall-cron
suite=$(cd "$(dirname "$0")/.." && pwd -P)
. "$suite/cron/home.sh"
begin="# plainmind begin: $root"
end="# plainmind end: $root"

case $root$home in *'
'*)
  echo "$me: a path with a line break cannot stand in a crontab" >&2
  exit 1
  ;;
esac

# as one word of the shell, and for cron, to which % is the end of the line
quoted() { printf "'%s'" "$(printf %s "$1" | sed "s/'/'\\\\''/g")" | sed 's/%/\\%/g'; }

filled() {
  BIN=$(quoted "$root/bin") DIR=$(quoted "$home") \
    awk -f "$suite/cron/fill.awk" "$suite/cron/plainmind.cron"
}

# lines before the first mark and after the last; a first mark without a last is a person's own
others() {
  BEGIN=$begin END=$end awk '
    $0 == ENVIRON["BEGIN"] && !held { held = 1; kept = $0 "\n"; next }
    held && $0 == ENVIRON["END"] { held = 0; kept = ""; next }
    held { kept = kept $0 "\n"; next }
    { print }
    END { printf "%s", kept }'
}

command -v crontab > /dev/null || {
  echo "$me: crontab not found; install cron" >&2
  exit 1
}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if ! crontab -l > "$work/old" 2> "$work/said"; then
  # busybox names the file that is not there
  grep -qiE "no crontab|can't open .*no such file" "$work/said" || { cat "$work/said" >&2; exit 1; }
  : > "$work/old"
fi
others < "$work/old" > "$work/new"
if [ "${1:-}" != remove ]; then
  warn_of_the_unseen
  { printf '%s\n' "$begin"; filled; printf '%s\n' "$end"; } >> "$work/new"
fi
if cmp -s "$work/old" "$work/new"; then
  echo "the crontab is up to date"
  exit 0
elif [ -s "$work/new" ]; then
  crontab "$work/new"
else
  crontab -r
fi
if [ "${1:-}" = remove ]; then
  echo "removed the jobs of $home from the crontab"
else
  echo "added the jobs of $home to the crontab; see 'crontab -l'"
fi
