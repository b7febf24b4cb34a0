# home.sh: `root`, whose bin/ has the commands, and `home`, the memory folder of the jobs, for
# install.sh here and in ../launchd, which set `suite` and `me` and read this.

root=${PLAINMIND_ROOT:-$suite} # a wheel's commands are not beside its other files

# as the commands take it: '~' may stand for a person's folder, also where no shell replaced it
home=${MIND_HOME:-$root/data}
case $home in
  '~') home=$HOME ;;
  '~/'*) home=$HOME/${home#??} ;;
esac
case $home in /*) ;; *) home=$PWD/$home ;; esac

# say which variables are set only here: a job has none of this environment, and reads .env
warn_of_the_unseen() {
  file=$home/.env
  [ -r "$file" ] || file=/dev/null
  names=$(awk '
    { sub(/^[ \t]*(export[ \t]+)?/, ""); name = $0 }
    sub(/[ \t]*=.*/, "", name) { there[name] = 1 }
    END {
      for (name in ENVIRON)
        if (name ~ /^(REMINDERS_FILE|DISCORD_.+|MIND_.+)$/ && !(name in there) &&
            name !~ /^MIND_(HOME|NOW|DEBUG|INSIDE|BROKER)$/ && ENVIRON[name] != "")
          print name
    }' "$file" | sort)
  [ -z "$names" ] ||
    echo "$me: the jobs will not see what only this shell has set: $(echo $names); put it in" \
      "$home/.env" >&2
}
