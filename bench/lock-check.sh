#!/bin/sh
# make lock-check: ask the index whether every package of requirements.lock has a wheel, with a hash of the lock's, for each system and Python. Downloads none; needs the network.
set -eu
cd "$(dirname "$0")/.."
command -v uv >/dev/null || { echo "make lock-check: uv is needed (pip install uv)" >&2; exit 1; }
lock=${LOCK:-requirements.lock}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0
for system in x86_64-manylinux_2_35 aarch64-manylinux_2_35 aarch64-apple-darwin x86_64-apple-darwin; do
  for python in 3.11 3.12 3.13 3.14; do
    if uv pip install --dry-run --target "$work" --python-platform $system --python-version $python \
      --only-binary :all: --no-deps --require-hashes -r "$lock" > "$work.said" 2>&1; then
      echo "$system $python: $(sed -n 's/^Would install //p' "$work.said")"
    else
      failed=1
      echo "$system $python: $(sed 's/^ *//' "$work.said" | tr '\n' ' ')"
    fi
  done
done
rm -f "$work.said"
exit $failed
