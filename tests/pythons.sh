#!/bin/sh
# pythons.sh: the units on every Python from 3.11 on that PATH or pyenv has, each in a copy of this checkout. For a release.
cd "$(dirname "$0")/.." || exit 1
copies=$(mktemp -d) || exit 1
trap 'rm -rf "$copies"' EXIT
trap 'exit 130' INT TERM

tried=''
failed=''
for python in python3.11 python3.12 python3.13 python3.14 "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.*/bin/python3; do
  # pyenv's stand-ins fail where no such version is chosen; sqlite3 and ssl are left out of some
  version=$("$python" -c 'import sqlite3, ssl, sys, venv; print("%d.%d" % sys.version_info[:2])' 2> /dev/null) || continue
  case " 3.8 3.9 3.10 $tried " in *" $version "*) continue ;; esac
  tried="$tried $version"
  echo "== $version"
  mkdir "$copies/$version"
  git ls-files -coz --exclude-standard | tar -c --null -T - | tar -x -C "$copies/$version"
  git init -q "$copies/$version" # the tests ask git which files are the project's
  make -s -C "$copies/$version" PYTHON="$python" setup && sh "$copies/$version/tests/run.sh" tests/unit || failed="$failed $version"
done
[ -z "$failed" ] || { echo "failed on:$failed" >&2; exit 1; }
echo "passed on:$tried"
