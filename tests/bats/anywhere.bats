# The commands work from anywhere, however they are called, whatever the surroundings.

bats_require_minimum_version 1.5.0

load common

FORKED= # how a command starts is what these are about

@test "from the root folder, from a folder that is gone, by an absolute path" {
  (cd / && [ "$(append a)" = $WINDOW:3 ])
  (cd / && [ "$("$ROOT/bin/mem-show" $WINDOW:3 | head -n 1 | cut -c 1-40)" = "## 2026-01-30T14:23:55.120Z user n=1 h=4" ])
  (cd "$ROOT/bin" && [ "$(sh mem-new note/a)" = logs/note/a/20260130T142355Z.md ])
  mkdir gone && cd gone && rmdir ../gone
  [ "$(append b)" = $WINDOW:6 ]
}

@test "through a link to the folder, a link to the file, a link to a link, and names with spaces" {
  mkdir "some folder" "some folder/other names"
  ln -s "$ROOT/bin" "some folder/the bin"
  ln -s "$ROOT/bin/mem-new" "some folder/other names/new window"
  ln -s "other names/new window" "some folder/again"
  [ "$("some folder/the bin/mem-new" note/a)" = logs/note/a/20260130T142355Z.md ]
  [ "$("some folder/other names/new window" note/b)" = logs/note/b/20260130T142355Z.md ]
  [ "$("some folder/again" note/c)" = logs/note/c/20260130T142355Z.md ]
  (cd "some folder/other names" && [ "$("./new window" note/d)" = logs/note/d/20260130T142355Z.md ])
  (cd "some folder" && PATH="$PWD:$PATH" && [ "$(again note/e)" = logs/note/e/20260130T142355Z.md ])
  run "some folder/again" --version
  [ "$output" = "mem-new (plainmind) 0.1.0" ]
}

@test "a checkout whose path has spaces" {
  mkdir -p "my checkout"
  for part in bin lib .venv; do ln -s "$ROOT/$part" "my checkout/$part"; done
  [ "$(printf x | "my checkout/bin/mem-append" --context note/a --role user)" = logs/note/a/20260130T142355Z.md:3 ]
}

@test "whichever shell reads the first lines; a relative path, a link, a folder that is a link" {
  ln -s "$ROOT/bin" "the bin" && ln -s "the bin/mem-new" "a link"
  for shell in dash "bash --posix" bash "zsh --emulate sh" "busybox sh" ksh; do
    command -v ${shell%% *} > /dev/null || continue
    for page in "$ROOT/bin/mem-new" "the bin/mem-new" "./a link" "a link"; do
      [ "$($shell "$page" --version)" = "mem-new (plainmind) 0.1.0" ]
    done
    (cd "$ROOT/bin" && [ "$($shell mem-new --version)" = "mem-new (plainmind) 0.1.0" ])
    (cd "$ROOT/skills/skill-author" && [ "$($shell skill-check --version)" = "skill-check (plainmind) 0.1.0" ])
  done
  PATH=$ROOT/bin:/usr/bin:/bin
  (cd "$ROOT" && PATH=bin:$PATH && [ "$(mem-new --version)" = "mem-new (plainmind) 0.1.0" ])
}

@test "a checkout that is not set up: 78, and where to run make" {
  mkdir -p "new one/skills/x" && cp -R "$ROOT/bin" "new one" && mkdir "new one/lib" && cp "$ROOT/lib/start" "new one/lib"
  cp "$ROOT/skills/skill-author/skill-check" "new one/skills/x"
  ln -s "new one/bin/mem-new" linked
  for page in "new one/bin/mem-new" "new one/skills/x/skill-check" ./linked; do
    run "$page" --version
    [ "$status" -eq 78 ]
    name=${page##*/}
    [ "$output" = "${name/linked/mem-new}: not set up; run make in '$(pwd -P)/new one'" ]
  done
  run env CDPATH="$PWD/new one" sh -c 'cd "new one" && bin/mem-new'
  [ "$output" = "mem-new: not set up; run make in '$(pwd -P)/new one'" ]
  cp -R "new one" "Ann's" && run "Ann's/bin/mem-new"
  (cd / && eval "cd ${output##*make in }" && [ -d bin ])
}

@test "a checkout whose Python cannot be run says that" {
  mkdir -p "some one/lib" "some one/.venv/bin" && cp -R "$ROOT/bin" "some one" && cp "$ROOT/lib/start" "some one/lib"
  ln -s /nosuch/python3 "some one/.venv/bin/python"
  for shell in dash bash zsh "busybox sh"; do
    command -v ${shell%% *} > /dev/null || continue
    run $shell "some one/bin/mem-new" --version
    [ "$status" -eq 78 ]
    [[ "$output" = "mem-new: '$(pwd -P)/some one/.venv/bin/python' cannot be run; "* ]]
  done
}

@test "a set-up that was cut off, or undone: 78, one line, and a cure that works" {
  mkdir -p half/lib && cp -R "$ROOT/bin" half && cp "$ROOT/lib/start" half/lib
  ln -s "$ROOT/lib/plainmind" half/lib
  at="$(pwd -P)/half"
  say="mem-new: set-up is not complete; run: rm -r '$at/.venv' && make -C '$at'"
  "$PYTHON" -m venv --without-pip half/.venv
  site=$(echo half/.venv/lib/python3*/site-packages)
  packages=$(echo "$ROOT"/.venv/lib/python3*/site-packages)
  tried() {
    run --separate-stderr half/bin/mem-new --version
    [ "$status" -eq 78 ] && [ "$stderr" = "$1" ] && [ -z "$output" ]
  }
  tried "$say"
  cp -R "$packages/click" "$site" && tried "$say"
  echo "$ROOT/lib" > "$site/plainmind.pth" && tried "$say"
  touch half/.venv/ready && half/bin/mem-new --version
  rm -r "$site/click" && tried "$say"
  cp -R "$packages/click" "$site" && rm "$site/plainmind.pth" && tried "$say"
  echo "$ROOT/lib" > "$site/plainmind.pth"
  # a package that only some commands need
  mkdir home && echo A=b > home/.env && chmod 600 home/.env
  run --separate-stderr half/bin/mem-log --home home
  [ "$status" -eq 78 ]
  [[ "$stderr" == "mem-log: package 'dotenv' is missing; run: rm -r $ROOT/.venv && make -C $ROOT" ]]
}

@test "a copied skill says that there is no checkout" {
  mkdir -p skills/x && cp "$ROOT/skills/skill-author/skill-check" skills/x
  run skills/x/skill-check
  [ "$status" -eq 78 ]
  [ "$output" = "skill-check: no file 'skills/x/../../lib/start'; link to it, do not copy it" ]
}

@test "an empty --home is a mistake, not the default memory" {
  run mem-graph --home ''
  [ "$status" -eq 2 ]
  [[ "$output" = "mem-graph: --home is empty; "* ]]
}

@test "a file to write in a folder that does not exist: 66; in the memory folder it is made" {
  append "the kettle is blue" > /dev/null
  printf 'Ann has a kettle.' | mem-note --type user --name ann --triple ann owns kettle
  run mem-graph --svg "$PWD/no such/x.svg"
  [ "$status" -eq 66 ]
  [ "$output" = "mem-graph: $(pwd -P)/no such: no such folder; make it, or name another" ]
  run mem-recall --lexical --trace "no such/a/t.json" kettle
  [ "$status" -eq 66 ] && [[ "$output" = *"/no such/a: no such folder; "* ]]
  [ ! -e "no such" ]
  mem-graph --svg "$MIND_HOME/drawings/x.svg" && [ -s "$MIND_HOME/drawings/x.svg" ]
  mem-recall --lexical --trace "$MIND_HOME/traces/a/t.json" kettle && [ -s "$MIND_HOME/traces/a/t.json" ]
}

@test "an empty graph is not drawn, and that is said" {
  mkdir "$MIND_HOME"
  for form in --dot "--svg x.svg"; do
    run mem-graph $form
    [ "$status" -eq 1 ]
    [ "$output" = "mem-graph: the graph is empty" ]
  done
  run mem-graph --svg x.svg ann
  [ "$output" = "mem-graph: no such triple" ]
  [ ! -e x.svg ]
}

@test "the servers' scripts print their usage" {
  for server in llama.cpp vllm; do
    for option in --help -h; do
      run env -u HOME "$ROOT/serving/$server/serve" $option
      [ "$status" -eq 0 ]
      [[ "${lines[0]}" = "serve ["*"] - a chat model at http://127.0.0.1:"* && "$output" != *"set -eu"* ]]
    done
  done
}

@test "a home behind a link, one with a trailing slash, a relative one, one by option" {
  mkdir "real home" && ln -s "real home" linked
  MIND_HOME=linked append a
  MIND_HOME=linked/ append b
  MIND_HOME=./linked/../linked append c
  mem-show --home linked $WINDOW:9 $WINDOW:6 "$PWD/linked/$WINDOW:3" "$PWD/real home/$WINDOW:3"
  [ "$(grep -c '^## ' "real home/$WINDOW")" = 3 ]
  MIND_HOME=linked mem-lint --logs
}

@test "a home whose name is no ASCII, not even UTF-8" {
  name=$(printf 'é \377 "x"')
  mkdir "$name" 2> /dev/null || skip "this file system wants UTF-8 names"
  MIND_HOME=$name append a
  MIND_HOME=$name mem-show $WINDOW:3
  MIND_HOME=$name mem-lint --logs
}

@test "cron's bare environment" {
  run env -i "$ROOT/bin/mem-append" --home "$MIND_HOME" --now $MIND_NOW --context discord-thread/123 --role user <<< x
  [ "$status" -eq 0 ]
  [ "$output" = $WINDOW:3 ]
  env -i MIND_HOME="$MIND_HOME" "$ROOT/bin/mem-show" $WINDOW:3
  env -i PATH=/usr/bin:/bin HOME=/nowhere SHELL=/bin/sh MIND_HOME="$MIND_HOME" "$ROOT/bin/mem-lint" --logs
}

@test "whatever the locale, the bytes are the same" {
  for locale in C POSIX C.UTF-8 tr_TR.UTF-8 tr_TR.ISO-8859-9 ja_JP.SJIS nonsense; do
    [ "$(printf 'I\304\261 é\n\377' | LC_ALL=$locale LANG=$locale mem-append --context note/locale --role user --author 'Iı' 2> errors)" ]
    [ ! -s errors ]
  done
  "$PYTHON" - "$MIND_HOME/logs/note/locale/20260130T142355Z.md" <<'END'
import sys
events = open(sys.argv[1], "rb").read().split(b"\n\n")[1:8]
bodies = {event.partition(b"\n")[2] for event in events}
headers = {event.partition(b"\n")[0].partition(b" {")[2] for event in events}
assert len(bodies) == 1 and headers == {rb'"author":"I\u0131"}'}, (bodies, headers)
END
  mem-lint --logs
}

@test "whatever the umask, folders are 0700 and files 0600" {
  umask 000
  append a
  mem-pin $WINDOW:3
  mem-new discord-thread/123
  head -c 300000 /dev/zero | mem-append --context discord-thread/123 --role tool
  while IFS= read -r path; do
    case $(mode "$path") in
      0700) [ -d "$path" ] ;;
      0600) [ -f "$path" ] ;;
      0400) [ "$path" = "$MIND_HOME/$WINDOW" ] ;; # ended
      *) echo "$path has $(mode "$path")" && false ;;
    esac
  done < <(find "$MIND_HOME")
  [ -f "$MIND_HOME"/work/logs/tool-*.txt ]
}

@test "a closed pipe ends the command quietly with 0" {
  for n in $(seq 3000); do echo '{"role":"user","content":"some words so that there is more than a pipe holds"}'; done > many
  mem-append --jsonl --context discord-thread/123 < many | head -n 1
  [ "${PIPESTATUS[*]}" = "0 0" ]
  [ "$(grep -c '^## ' "$MIND_HOME/$WINDOW")" = 3000 ] # everything was written all the same
  mem-show --window $WINDOW | head -n 1
  [ "${PIPESTATUS[*]}" = "0 0" ]
  mem-show --json --window $WINDOW | head -n 1
  [ "${PIPESTATUS[*]}" = "0 0" ]
  sed -i.kept 's/> some/> other/' "$MIND_HOME/$WINDOW"
  mem-lint --logs | head -n 1
  [ "${PIPESTATUS[*]}" = "0 0" ]
}

@test "a pipe that was closed before anything was written" {
  printf a | a_pipe_that_is_closed mem-append --context discord-thread/123 --role user 2> errors
  printf '{"role":"user","content":"b"}' | a_pipe_that_is_closed mem-append --jsonl --context discord-thread/123 2>> errors
  for command in "mem-show $WINDOW:3" "mem-pin $WINDOW:3" "mem-pin --list" "mem-lint --help" "mem-new --version" "mem-new note/a"; do
    a_pipe_that_is_closed $command 2>> errors
  done
  [ ! -s errors ]
  [ "$(grep -c '^## ' "$MIND_HOME/$WINDOW")" = 2 ]
  [ "$(mem-pin --list | wc -l)" -eq 1 ]
  [ -f "$MIND_HOME/logs/note/a/20260130T142355Z.md" ]
}

@test "a reader that gets nothing is told: closed and full standard output" {
  append a
  run sh -c "mem-show $WINDOW:3 >&-"
  [ "$status" -eq 74 ]
  [ "$output" = "mem-show: standard output: bad file descriptor" ]
  [ -c /dev/full ] || skip "this system has no /dev/full"
  run sh -c "mem-show $WINDOW:3 > /dev/full"
  [ "$status" -eq 74 ]
  [ "$output" = "mem-show: standard output: no space left on device" ]
}

@test "at a terminal with nothing to read: usage, and 2" {
  run "$PYTHON" -c '
import os, pty, sys
code = os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:], lambda fd: os.read(fd, 1024)))
sys.exit(code)' mem-append --context note/a --role user < /dev/null
  [ "$status" -eq 2 ]
  [[ "$output" = "mem-append: nothing to read on standard input; see 'mem-append --help'"* ]]
}

@test "a home whose lock is held: 75 after five seconds, and readers do not wait" {
  append a
  mem-pin $WINDOW:3
  mkfifo hold
  exec 8<> hold
  "$PYTHON" -c '
import fcntl, sys
lock = open(sys.argv[1]); fcntl.flock(lock, fcntl.LOCK_EX); print("held", flush=True); sys.stdin.read()' "$MIND_HOME/.lock" > held < hold 3>&- 8>&- &
  holder=$!
  until [ -s held ]; do :; done
  mem-show $WINDOW:3 # a reader that waited would end with 75
  mem-pin --list
  mem-lint --logs
  start=$SECONDS
  for command in "mem-append --context note/a --role user" "mem-append --jsonl --context note/a" "mem-new note/a" "mem-pin --text x"; do
    { code=0; echo '{"role":"user","content":"x"}' | $command > out.${command%% *}$RANDOM 2>> errors || code=$?; echo $code >> codes; } &
    waiting="$waiting $!"
  done
  wait $waiting
  took=$((SECONDS - start))
  exec 8>&- # the holder's input ends, and so does the holder
  wait $holder
  [ "$(sort -u codes)" = 75 ]
  [ "$(sort -u errors | sed "s|$MIND_HOME|HOME|; s/^[a-z-]*: //" | sort -u)" = "'HOME/.lock' is held by another process; try again" ]
  [ "$(cat out.*)" = "" ]
  [ $took -ge 4 ] && [ $took -le 60 ]
  [ "$(ls "$MIND_HOME/logs")" = discord-thread ]
}

as_nobody() { # COMMAND...: as another uid; root ignores modes
  "$PYTHON" -c '
import os, sys
os.setgroups([]); os.setgid(65534); os.setuid(65534)
os.execvp(sys.argv[1], sys.argv[1:])' "$@"
}

@test "a home of somebody else is not permitted, and says so" {
  append a
  mem-pin $WINDOW:3
  if [ "$(id -u)" -eq 0 ]; then
    as_nobody test -r "$ROOT/.venv/bin/python" || skip "another uid cannot read this checkout"
    chmod -R a+rX "$BATS_TEST_TMPDIR" && as_nobody test -r "$MIND_HOME/$WINDOW" || skip "another uid cannot reach the test's folder"
    run as_nobody mem-append --home "$MIND_HOME" --context note/a --role user <<< x
  else
    chmod -R a-w "$MIND_HOME"
    run mem-append --context note/a --role user <<< x
    chmod -R u+w "$MIND_HOME"
  fi
  [ "$status" -eq 77 ]
  [ "$output" = "mem-append: $MIND_HOME/.lock: permission denied" ]
  [ ! -e "$MIND_HOME/logs/note" ]
}

@test "make install and make uninstall, in a folder whose name has a space" {
  prefix="$BATS_TEST_TMPDIR/my prefix"
  mkdir -p "$prefix/share/man/man1" && touch "$prefix/share/man/man1/yours.1"
  make -s -C "$ROOT" install PREFIX="$prefix"
  [ "$("$prefix/bin/mem-new" --version)" = "mem-new (plainmind) 0.1.0" ]
  for page in man1/mem-new.1 man5/mind-config.5 man5/mind-log.5 man7/mind-options.7 man7/mind-ref.7; do
    [ -s "$prefix/share/man/$page" ]
  done
  grep -q _mem_new_completion "$prefix/share/bash-completion/completions/mem-new"
  [ -s "$prefix/share/zsh/site-functions/_mem-new" ] && [ -s "$prefix/share/fish/vendor_completions.d/mem-new.fish" ]
  for _ in 1 2; do make -s -C "$ROOT" uninstall PREFIX="$prefix"; done
  [ "$(find "$prefix" ! -type d)" = "$prefix/share/man/man1/yours.1" ]
}

another_checkout() { # FOLDER: enough of one to install its links, without an environment
  mkdir -p "$1/lib/plainmind" && cp -R "$ROOT/bin" "$ROOT/Makefile" "$1" && cp "$ROOT/lib/start" "$ROOT/lib/install.sh" "$1/lib"
}

@test "make install replaces no file of the user, and then changes nothing" {
  mkdir -p mine/bin && echo yours > mine/bin/mem-show && ln -s "$ROOT/README.md" mine/bin/mem-new
  for name in mem-new mem-show; do
    run make -s -C "$ROOT" install PREFIX="$PWD/mine"
    [ "$status" -ne 0 ]
    [ "${lines[0]}" = "make: '$PWD/mine/bin/$name' is not plainmind's; move it, or make install PREFIX=DIR" ]
    [ "$(find mine ! -type d | wc -l)" -eq $([ $name = mem-new ] && echo 2 || echo 1) ]
    [ "$(cat mine/bin/mem-show)" = yours ]
    [ $name = mem-show ] || rm mine/bin/mem-new
  done
  run make -s -C "$ROOT" uninstall PREFIX="$PWD/mine"
  [ "$status" -eq 0 ] && [ "$output" = "nothing of this checkout is installed in $PWD/mine/bin" ]
  [ "$(cat mine/bin/mem-show)" = yours ]
}

@test "make install replaces links to another checkout, and to one that was moved" {
  another_checkout other && mkdir -p p/bin
  ln -s "$PWD/other/bin/mem-new" p/bin/mem-new
  ln -s ../../other/bin/mem-show p/bin/mem-show
  ln -s /nosuch/bin/mem-note p/bin/mem-note
  make -s -C "$ROOT" install PREFIX="$PWD/p"
  for name in mem-new mem-show mem-note; do [ p/bin/$name -ef "$ROOT/bin/$name" ]; done
}

@test "make uninstall leaves another checkout's links, and its pages; it needs no environment" {
  another_checkout other
  make -s -C "$ROOT" install PREFIX="$PWD/p"
  run make -s -C other uninstall PREFIX="$PWD/p"
  [ "$status" -eq 0 ] && [ "$output" = "nothing of this checkout is installed in $PWD/p/bin" ]
  [ -L p/bin/mem-new ] && [ -s p/share/man/man1/mem-new.1 ]
  ln -sf "$PWD/other/bin/mem-new" p/bin/mem-new
  run make -s -C other uninstall PREFIX="$PWD/p"
  [ "$output" = "removed 1 command from $PWD/p/bin" ]
  [ ! -e p/bin/mem-new ] && [ -L p/bin/mem-show ] && [ -s p/share/man/man1/mem-new.1 ]
  for page in p/bin/*; do ln -sf "$PWD/other/bin/${page##*/}" "$page"; done
  make -s -C other uninstall PREFIX="$PWD/p"
  [ -z "$(find p ! -type d)" ] && [ ! -e other/.venv ]
}

@test "make install without HOME asks where" {
  for target in install uninstall; do
    run env -u HOME -u PREFIX make -s -C "$ROOT" $target
    [ "$status" -ne 0 ]
    [ "${lines[0]}" = "make: PREFIX is empty, and so may be HOME; make $target PREFIX=DIR" ]
  done
}
