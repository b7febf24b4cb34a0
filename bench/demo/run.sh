#!/bin/sh
# make demo: the main job on real input, offline, in a memory folder of its own. Prints every command it runs.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
MIND_HOME=${DEMO_HOME:-$root/build/demo}
export MIND_HOME
unset MIND_NOW MIND_KEY REMINDERS_FILE DISCORD_WEBHOOK_URL DISCORD_TOKEN DISCORD_CHANNEL_ID MIND_REMIND_HOST GEMINI_API_KEY GOOGLE_API_KEY OPENAI_API_KEY OPENAI_BASE_URL MIND_EMBED_MODEL MIND_TURN_MODEL 2>/dev/null || true
PATH=$root/bin:$PATH
case $MIND_HOME in */build/demo) rm -rf "$MIND_HOME" ;; *) [ ! -e "$MIND_HOME" ] || { echo "demo: '$MIND_HOME' exists; name a new folder" >&2; exit 2; } ;; esac

say() { printf '\n# %s\n' "$1"; }
run() { printf '$ %s\n' "$1"; sh -c "$1"; }

say "A real conversation: 10,876 utterances between Houston and Apollo 13 in April 1970, appended to one log."
run "gzip -dc '$here/apollo13.jsonl.gz' | mem-append --jsonl --context discord-channel/apollo13 | tail -n 1"

say "Vectors for the newest 200; the others are pending, and found by their words meanwhile."
run "mem-embed --limit 200"
run "mem-embed --status"

say "What would the contraption look like? The past answers with path:line."
run "mem-recall -k 3 'what would the contraption look like'"

say "Why these: every turn that was looked at, with its numbers."
run "mem-recall -k 3 --explain 'who needed an extension on his income tax' | cut -c 1-150 | head -n 9"

say "A turn of the agent, by the tiny model that comes with the packages. It is given the moments that matter, and knows."
run "agent-turn --context discord-thread/demo --author Ann --message-id 1 'How long was the extension on his income tax that Jack could get?'"

say "Another turn, told something, and one that needs the log of the one before."
run "agent-turn --context discord-thread/demo --author Ann --message-id 2 'The door key is under the fern.'"
run "agent-turn --context discord-thread/demo --author Ann --message-id 3 'Where is the door key?'"

say "A pin, a check of the logs, and the same answers from an index rebuilt."
ref=$(mem-recall -k 1 'what would the contraption look like' | sed 's/: .*//')
run "mem-pin '$ref'"
run "mem-lint --logs && echo 'the logs are what was written'"
run "rm -r \"\$MIND_HOME/index\" && mem-recall -k 1 'what would the contraption look like'"

say "What is true is in pages, with a graph of what their frontmatter states; each turn is given those that matter to it."
run "printf '# The crew of Apollo 13\\n\\nLovell commands. Swigert flies the command module, three days after he took the place of Mattingly.\\n' |
  mem-note --type reference --name crew --triple Lovell commands Apollo-13 --triple Swigert replaced Mattingly"
run "mem-graph '?' replaced"
run "mem-recall --knowledge 'who flies the command module'"
run "mem-lint && echo 'the pages are as they should be'"

say "A reminder is a line of a file. This one is late already; without Discord, remind-add cannot confirm it, and a scan prints it; the next one takes its line out."
run "remind-add --date 1970-04-17 --time 18:07 'splashdown' || true"
run "remind-scan --stdout"

say "Everything is in plain files. Read them:"
cat <<END
cat '$MIND_HOME/logs/discord-thread/demo/'*.md
sed -n '${ref##*:},$((${ref##*:} + 1))p' '$MIND_HOME/${ref%:*}'
cat '$MIND_HOME/pins/pins.md' '$MIND_HOME/knowledge/crew.md'
cat '$MIND_HOME/reminders.md' '$MIND_HOME/remind/journal.jsonl'
sqlite3 '$MIND_HOME/index/mind.db' 'SELECT status, count(*) FROM embeddings GROUP BY status'
END
