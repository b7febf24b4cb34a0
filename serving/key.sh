# Keys of servers. Sourced by the scripts beside it.
#
# A key is in the server's own variable or in a file that only its owner can read, never in an
# argument: everybody on the machine can list arguments.

fail() { # WHAT CURE CODE
  printf 'serve: %s; %s\n' "$1" "$2" >&2
  exit "$3"
}

# where a key is looked for when nothing names one
KEY_FILE=${XDG_CONFIG_HOME:-$HOME/.config}/plainmind/serving.key

check_key_file() { # FILE
  [ -f "$1" ] && [ -r "$1" ] || fail "no key file '$1'" 'create it, or name another' 78
  case $(ls -dlL "$1") in
  -r[w-]-------*) ;;
  *) fail "'$1': others can read it" 'chmod 600 it' 77 ;;
  esac
  # a server given a file without a key would ask for none
  grep -q '^[^#[:space:]]' "$1" || fail "'$1' has no key in it" 'write one, or remove the file' 78
}

is_loopback() { # HOST
  case $1 in 127.0.0.1 | ::1 | localhost) ;; *) return 1 ;; esac
}
