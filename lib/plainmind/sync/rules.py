"""Every kind of file of a memory folder, and what becomes of it where machines share the memory.

A table, and the order of its rows is that in which they are tried. `tests/unit/sync/` holds
docs/files.md and docs/sync.md to it: a new kind of file needs a row here. What no row knows stays
on its machine, and `mem-sync --status` names it.
"""

import re
from functools import lru_cache
from typing import NamedTuple

#: kinds: how two versions become one
WINDOW = "window"  # longer wins, a blank wins; a fork keeps both, in two windows
TEXT = "text"  # three-way by lines; where both changed the same, ours is kept beside theirs
UNION = "union"  # the same, but both of what was changed stand in it
JOURNAL = "journal"  # each line of either
STATE = "state"  # JSON, key by key
WHOLE = "whole"  # never changed; two of one name are both kept
VECTORS = "vectors"  # records of either, less those that one has taken out
IN_REPOSITORY = "repository"  # only there
LOCAL = "local"  # it stays on its machine
MADE = "made"  # a cache, made again on each machine
SECRET = "secret"

SHARED = {WINDOW, TEXT, UNION, JOURNAL, STATE, WHOLE, VECTORS}


class FileRule(NamedTuple):
    """`example` is how docs/files.md names it; `lock`: what our own writers of it hold."""

    example: str
    kind: str
    why: str
    lock: str = ".lock"
    pattern: re.Pattern = re.compile("")


_PIECES = {
    "<surface>": r"[a-z][a-z0-9-]{0,31}",
    "<context_id>": r"[a-z0-9_-]{1,64}",
    "<window>": r"\d{8}T\d{6}Z(?:_\d{4,})?",
    "<topic>": r"[^./\x00-\x1f\x7f][^/\x00-\x1f\x7f]*",
    "<name>": r"(?:[^./\x00-\x1f\x7f][^/\x00-\x1f\x7f]*/)*[^./\x00-\x1f\x7f][^/\x00-\x1f\x7f]*",
    "<digits>": r"\d{16}",
    "<unix time>": r"\d{1,12}",
    "<agent>": r"[^./\x00-\x1f\x7f][^/\x00-\x1f\x7f]*",
    "<month>": r"\d{4}-\d\d",
    "<number>": r"\d{4,}",
    "<anything>": r".*",
}


def _rule(example: str, kind: str, why: str, lock: str = ".lock") -> FileRule:
    parts = re.split("|".join(map(re.escape, _PIECES)), example)
    names = re.findall("|".join(map(re.escape, _PIECES)), example)
    text = re.escape(parts[0])
    for name, part in zip(names, parts[1:], strict=True):
        text += _PIECES[name] + re.escape(part)
    return FileRule(example, kind, why, lock, re.compile(text + r"\Z", re.S | re.A))


KNOWLEDGE, WORK = "raw/maintenance-log/.lock", "work/.lock"

RULES = [
    _rule("logs/<surface>/<context_id>/<window>.md", WINDOW, "a machine writes its own"),
    _rule("pins/pins.md", UNION, "both pins stand"),
    _rule("pins/<name>.md", TEXT, "copies of conflicts", ".lock"),
    _rule("knowledge/<name>", TEXT, "pages", KNOWLEDGE),
    _rule("memory/config.json", STATE, "settings of resident memory", "resident/.lock"),
    _rule("memory/<name>", TEXT, "what is always in mind", "resident/.lock"),
    _rule("reminders.md", TEXT, "reminders"),
    _rule("reminders (conflict<anything>", TEXT, "copies of conflicts"),
    _rule("system-prompt.md", TEXT, "your own system prompt"),
    _rule("skills/<name>", TEXT, "your own skills", "skills/.lock"),
    _rule("raw/observations/<name>", TEXT, "what was noticed", KNOWLEDGE),
    _rule("raw/compaction/<name>", TEXT, "summaries", KNOWLEDGE),
    _rule("raw/sessions/<name>", JOURNAL, "archived sessions, which only grow", KNOWLEDGE),
    _rule("raw/images/<name>", WHOLE, "pictures"),
    _rule("raw/maintenance-log/<month>.jsonl", JOURNAL, "what retention deleted", KNOWLEDGE),
    _rule("raw/maintenance-log/recalled-<month>.jsonl", JOURNAL, "what was given", KNOWLEDGE),
    _rule("raw/maintenance-log/<anything>", LOCAL, "counters and notes of this machine's own runs"),
    _rule("raw/<name>", TEXT, "another program's", KNOWLEDGE),
    _rule("remind/journal.jsonl", JOURNAL, "which reminders were sent", "remind/lock"),
    _rule("remind/<anything>", LOCAL, "what this machine's last scan saw"),
    _rule("relay/files/<name>", WHOLE, "what users attached"),
    _rule("relay/<anything>", LOCAL, "what the relay of one machine has read and posted"),
    _rule("work/session-<unix time>/<agent>.json", STATE, "what each agent is doing", WORK),
    _rule("work/events.jsonl", JOURNAL, "what a team did; order changes no figure", WORK),
    _rule("work/teams.toml", TEXT, "teams", WORK),
    _rule("work/logs/<name>.log", JOURNAL, "logs of agents", WORK),
    _rule("work/logs/<name>", WHOLE, "long outputs, named by their content", WORK),
    _rule("work/<anything>", LOCAL, "a turn that is running"),
    _rule("vectors/<name>.vectors", VECTORS, "with sync.vectors: what cost money", "vectors/.lock"),
    _rule("vectors/<anything>", LOCAL, "which model answers here"),
    _rule("sync/machines/<number>.json", IN_REPOSITORY, "the machines, each with its number"),
    _rule("sync/heads.jsonl", IN_REPOSITORY, "the last digest of every window, of each commit"),
    _rule("sync/<anything>", LOCAL, "the repository, and which machine this is"),
    _rule("resident/<anything>", LOCAL, "what is trusted on this machine, and waits there"),
    _rule(".changes/<anything>", LOCAL, "what turns of this machine changed, and can undo"),
    _rule("workspace/<anything>", LOCAL, "where commands run: keep it in a repository of its own"),
    _rule("config.toml", LOCAL, "settings say where text goes, so each machine has its own"),
    _rule("index/<anything>", MADE, "made from the rest"),
    _rule(".env<anything>", SECRET, "secrets"),
]  # fmt: skip

_HIDDEN = re.compile(
    r"(?:\A|[/\\])(?:\.|(?i:git~1))|\A(?:[^/]*/)*(?:lock|forget\.lock)\Z|\.(?:tmp|swap|gone|bad)\Z"
)


def find(path: str) -> FileRule | None:
    """The rule of a file, by its path relative to the memory folder; None where no row knows it."""
    for rule in RULES:
        if rule.pattern.match(path):
            return rule
    return None


@lru_cache(maxsize=1 << 17)  # a run asks several times of each file
def find_shared(path: str, *, vectors: bool = False) -> FileRule | None:
    """The rule of a file that goes to other machines; None for one that stays, or may not."""
    if _HIDDEN.search(path):
        return None
    rule = find(path)
    if rule is None or rule.kind not in SHARED:
        return None
    if rule.kind == VECTORS and (not vectors or path.startswith("vectors/embedded-")):
        return None  # vectors of the embedded model cost nothing
    return rule


#: folders that are looked through; what is in others stays
FOLDERS = ("logs", "pins", "knowledge", "memory", "skills", "raw", "remind", "relay", "work",
           "vectors")  # fmt: skip
