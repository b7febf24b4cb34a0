# install.sh check|link|remove PREFIX: the commands as links in PREFIX/bin.
# 'check' refuses, before anything is done, what a link would replace and is not a checkout's.
# 'remove' takes links to this checkout; with the last one, unless links to another checkout remain,
# also the manual pages and completions.
set -eu
what=$1 prefix=$2
[ -n "$prefix" ] || {
  [ "$what" = remove ] && what=uninstall || what=install
  echo "make: PREFIX is empty, and so may be HOME; make $what PREFIX=DIR" >&2
  exit 1
}
bin=$(cd "$(dirname "$0")/../bin" && pwd -P)
folders='share/man/man1 share/man/man5 share/man/man7 share/man share/bash-completion/completions
  share/bash-completion share/zsh/site-functions share/zsh share/fish/vendor_completions.d share/fish
  share bin'
pages='config.5 journal.5 log.5 page.5 reminders.5 schema.5 session.5 options.7 ref.7 work.7'

# the folder a link points into, without links in it; nothing when there is none
folder() {
  to=$(readlink "$1") || return 0
  case $to in /*) ;; *) to=${1%/*}/$to ;; esac
  (CDPATH='' cd -P -- "${to%/*}" 2>/dev/null && pwd -P) || true
}

is_checkout() { # BIN
  [ "${1##*/}" = bin ] && [ -f "$1/../lib/start" ] && [ -d "$1/../lib/plainmind" ]
}

ours='' others=''
for page in "$bin"/*; do
  name=${page##*/} link=$prefix/bin/${page##*/}
  if [ -L "$link" ]; then
    into=$(folder "$link")
    if [ "$into" = "$bin" ]; then
      ours="$ours $name"
      continue
    elif is_checkout "$into"; then
      others="$others $name"
      continue
    fi
    # what a checkout that was moved or removed left behind
    case $(readlink "$link") in */bin/"$name") [ -e "$link" ] || continue ;; esac
  elif [ ! -e "$link" ]; then
    continue
  fi
  [ "$what" != check ] || {
    echo "make: '$link' is not plainmind's; move it, or make install PREFIX=DIR" >&2
    exit 1
  }
done

case $what in
link)
  mkdir -p "$prefix/bin"
  count=0
  for page in "$bin"/*; do
    ln -sf "$page" "$prefix/bin/${page##*/}"
    count=$((count + 1))
  done
  echo "installed $count commands in $prefix/bin"
  case :$PATH: in *":$prefix/bin:"*) ;; *) echo "put it on PATH: export PATH=\"$prefix/bin:\$PATH\"" ;; esac
  ;;
remove)
  [ -n "$ours" ] || {
    echo "nothing of this checkout is installed in $prefix/bin"
    exit 0
  }
  # the links go last: what was interrupted can be done again
  if [ -z "$others" ]; then
    share=$prefix/share
    for page in $pages; do rm -f "$share/man/man${page##*.}/mind-$page"; done
    for page in "$bin"/*; do
      name=${page##*/}
      rm -f "$share/man/man1/$name.1" "$share/bash-completion/completions/$name" \
        "$share/zsh/site-functions/_$name" "$share/fish/vendor_completions.d/$name.fish"
    done
  fi
  count=0
  for name in $ours; do
    rm -f "$prefix/bin/$name"
    count=$((count + 1))
  done
  for folder in $folders; do rmdir "$prefix/$folder" 2>/dev/null || true; done  # what is empty
  [ $count = 1 ] && noun=command || noun=commands
  echo "removed $count $noun from $prefix/bin"
  ;;
esac
