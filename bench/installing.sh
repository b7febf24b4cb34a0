#!/bin/sh
# sh bench/installing.sh [FOLDER OF WHEELS]: what a new user gets in an empty home directory: the
# one line by uv, then the first commands, an upgrade and the end; seconds and MB of the base and of
# each extra. FOLDER is the index, filled first if it is empty; needs uv, and the network for that.
set -eu
cd "$(dirname "$0")/.."
command -v uv >/dev/null || { echo "installing.sh: uv is needed (pip install uv)" >&2; exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
wheels=${1:-$work/wheels}
mkdir -p "$wheels"
python=$(.venv/bin/python -c 'import sys; print(sys.base_prefix + "/bin/python3")')
if [ -z "$(ls "$wheels")" ]; then
  grep -E '^[a-z][^ ]*==' requirements.lock | sed 's/ *\\$//' > "$work/names"
  .venv/bin/python -m pip download -q --no-deps --only-binary :all: -d "$wheels" -r "$work/names"
fi
rm -f "$wheels"/plainmind-*
.venv/bin/python -m hatchling build -t wheel -d "$wheels" >/dev/null 2>&1
export HOME="$work/home" UV_CACHE_DIR="$work/cache" UV_NO_INDEX=1 UV_FIND_LINKS="$wheels" LANG=C.UTF-8
PATH="$HOME/.local/bin:$PATH"
tool=$HOME/.local/share/uv/tools/plainmind

measure() { # NAME WHAT: install WHAT with nothing in a cache; wall and CPU seconds, MB on the disk
  rm -rf "$work/home" "$work/cache"
  mkdir "$work/home"
  /usr/bin/env bash -c 'TIMEFORMAT="%R %U %S"; time uv tool install -q --python "$1" "$2" 2>"$3"' - \
    "$python" "$2" "$work/said" 2> "$work/time" || { cat "$work/said" >&2; exit 1; }
  uv pip check -q --python "$tool/bin/python"
  size=$(find "$tool" -type f -exec ls -ln {} + | awk '{ all += $5 } END { print all / 1e6 }')
  count=$(ls -d "$tool"/lib/python*/site-packages/*.dist-info | wc -l)
  awk -v name="$1" -v size="$size" -v count="$count" \
    '{ printf "%-8s %6.1f s  %5.1f s CPU  %4.0f MB  %3d packages\n", name, $1, $2 + $3, size, count }' "$work/time"
}
for extra in discord google chat board mcp postgres all; do measure "$extra" "plainmind[$extra]"; done
measure base plainmind
for command in bin/*; do "$(basename "$command")" --help > /dev/null; done
ref=$(printf 'The door key is under the fern.' | mem-append --context note/home --role user)
check() { [ "$(mem-recall 'door key')" = "$ref: The door key is under the fern." ] || { echo "$1: it is not recalled" >&2; exit 1; }; }
check 'installed'
mem-log | grep -q 'under the fern'
kept=$(cd "$HOME/.local/share/plainmind" && find . -type f ! -path './index/*' -exec cksum {} + | sort)
uv tool upgrade -q --reinstall plainmind 2>/dev/null
check 'upgraded'
uv tool uninstall -q plainmind
[ "$kept" = "$(cd "$HOME/.local/share/plainmind" && find . -type f ! -path './index/*' -exec cksum {} + | sort)" ]
echo 'every --help, an append, a recall, an upgrade; the memory stands after the end of it'
