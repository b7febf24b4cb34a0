# home.sh: what install.sh, here and in ../launchd, must know of the home; read by them, with `root` and `me` set.

# the home of the jobs, as the commands take it: '~' may stand for a person's folder, also where no shell replaced it
home=${MIND_HOME:-$root/data}
case $home in
  '~') home=$HOME ;;
  '~/'*) home=$HOME/${home#??} ;;
esac
case $home in /*) ;; *) home=$PWD/$home ;; esac

# say which variables are set here only: a job has nothing of this environment, and reads .env
warn_of_the_unseen() {
  file=$home/.env
  [ -r "$file" ] || file=/dev/null
  names=$(awk '
    { sub(/^[ \t]*(export[ \t]+)?/, ""); name = $0; if (sub(/[ \t]*=.*/, "", name)) there[name] = 1 }
    END {
      for (name in ENVIRON)
        if (name ~ /^(REMINDERS_FILE|DISCORD_.+|MIND_.+)$/ && name !~ /^MIND_(HOME|NOW|DEBUG|INSIDE|BROKER)$/ && ENVIRON[name] != "" && !(name in there))
          print name
    }' "$file" | sort)
  [ -z "$names" ] || echo "$me: the jobs will not see what is set in this shell only: $(echo $names); put it in $home/.env" >&2
}
