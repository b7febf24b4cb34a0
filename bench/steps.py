"""What bench/growth.py runs of each command of the suite, and on what.

Every command in bin/ is here, in one step or several; those that only a conversation with somebody
shows (a gateway, a server, a client's own hook) are measured elsewhere, and NOT_HERE says where.
Steps that write do so in `discord-thread/bench`, or in pages of their own, which stay: a home that
was measured is a little larger than it was made.
"""

import glob
import itertools
import json
import os
import subprocess
import time
from collections.abc import Callable
from typing import NamedTuple

HERE = os.path.dirname(os.path.abspath(__file__))
BIN = os.path.join(os.path.dirname(HERE), "bin")
QUESTION = "what should the crew do about the antenna"
STRANGE = "what was the first sign of trouble with the oxygen tank"  # nothing answers it
NOT_HERE = {
    "discord-relay": "bench/relay.py",
    "mem-mcp": "bench/speed.py: it is as one mem-recall and its SDK",
    "mem-sync": "its work is git's",
    "remind-edit": "as remind-add",
    "remind-rm": "as remind-add",
    "work-board": "bench/board.py",
}
_count = itertools.count()


class Step(NamedTuple):
    """A command; what it is given; and what is done first, which is not in its figures."""

    command: list[str]
    env: dict[str, str] = {}
    stdin: Callable[[], str] = str
    before: Callable[[], None] | None = None


def of_turns(path: str = "") -> dict[str, Step]:
    """Name -> step, for the home of turns at a path. Writers stand at the end."""
    recall, log, embed = [f"{BIN}/mem-recall"], [f"{BIN}/mem-log"], [f"{BIN}/mem-embed"]
    turn = [f"{BIN}/agent-turn", "--dry-run", "--context", "discord-channel/c3", QUESTION]
    long = " ".join(word for row in _demo()[1500:1600] for word in row.split())
    ref = f"{_middle_window(path)}:3"
    append = [f"{BIN}/mem-append", "--role", "user", "--context"]
    after_one = lambda: append_one(path)
    known = lambda: _run(path, *embed, "--quiet")
    return {
        "hybrid": Step([*recall, QUESTION]),
        "hybrid, nothing found": Step([*recall, STRANGE]),
        "one common word": Step([*recall, "time"]),
        "the most common word": Step([*recall, "okay"]),
        "500 words": Step([*recall, " ".join(long.split()[:500])]),
        "lexical": Step([*recall, "--lexical", QUESTION]),
        "lexical, a common word": Step([*recall, "--lexical", "okay"]),
        "cosine": Step([*recall, QUESTION], {"MIND_RECALL_SIM": "cosine"}),
        "agent-turn --dry-run": Step(turn),
        "agent-changes": Step([f"{BIN}/agent-changes"]),
        "agent-route": Step([f"{BIN}/agent-route", "--dry-run", QUESTION]),
        "discord-send --dry-run": Step([f"{BIN}/discord-send", "--dry-run", "Yes."]),
        "mem-show": Step([f"{BIN}/mem-show", ref]),
        "mem-show -C 2": Step([f"{BIN}/mem-show", "-C", "2", ref]),
        "mem-log": Step(log),
        "mem-log -n 20": Step([*log, "-n", "20"]),
        "mem-pin --list": Step([f"{BIN}/mem-pin", "--list"]),
        "mem-resident show": Step([f"{BIN}/mem-resident", "show"]),
        "mem-audit": Step([f"{BIN}/mem-audit"]),
        "mem-import --dry-run": Step(
            [f"{BIN}/mem-import", "--from", "claude", "--dry-run", f"{path}/raw/bench.jsonl"],
            before=lambda: _write_session(f"{path}/raw/bench.jsonl"),
        ),
        "mem-index --status": Step([f"{BIN}/mem-index", "--status"]),
        "mem-graph": Step([f"{BIN}/mem-graph"]),
        "mem-lint": Step([f"{BIN}/mem-lint"]),
        "remind-list": Step([f"{BIN}/remind-list"]),
        "remind-scan --dry-run": Step([f"{BIN}/remind-scan", "--dry-run"]),
        "work-session list": Step([f"{BIN}/work-session", "list"]),
        "work-log cost": Step([f"{BIN}/work-log", "cost"]),
        "work-xp": Step([f"{BIN}/work-xp"]),
        "plainmind": Step([f"{BIN}/plainmind"]),
        "mem-hook, a prompt": Step(
            [f"{BIN}/mem-hook", "claude-code"], {"MIND_HOOK_TIMEOUT": "60"}, _prompt
        ),
        "mem-new": Step([f"{BIN}/mem-new", "discord-thread/bench-new"]),
        "mem-pin": Step([f"{BIN}/mem-pin", ref]),
        "mem-note": Step([f"{BIN}/mem-note", "--type", "project"], stdin=_write_page),
        "remind-add": Step(
            [f"{BIN}/remind-add", "--in", "90d", "Water it."], {"MIND_REMIND_CONFIRM": "none"}
        ),
        "mem-append": Step([*append, "discord-thread/bench"], stdin=_say),
        "mem-append --id": Step([*append, "discord-channel/c3", "--id", "bench"], stdin=_say),
        "lexical, after one append": Step([*recall, "--lexical", QUESTION], before=after_one),
        "hybrid, after one append": Step([*recall, QUESTION], before=after_one),
        "mem-embed, one new turn": Step(embed, before=lambda: (known(), after_one())[1]),
        "mem-embed, nothing new": Step(embed, before=known),
        "mem-embed --status": Step([*embed, "--status"]),
    }


def that_may_grow(path: str = "") -> dict[str, Step]:
    """The same of what looks at all of a home; each is run once."""
    ref = f"{_middle_window(path)}:3"
    return {
        "mem-forget --dry-run": Step([f"{BIN}/mem-forget", "--dry-run", ref]),
        "mem-lint --logs": Step([f"{BIN}/mem-lint", "--logs"]),
        "mem-index --verify": Step([f"{BIN}/mem-index", "--verify"]),
        "mem-index --rebuild": Step([f"{BIN}/mem-index", "--rebuild"]),
    }


def of_pages(path: str = "") -> dict[str, Step]:
    """The same for a home of pages."""
    recall = [f"{BIN}/mem-recall", "--knowledge"]
    note = [f"{BIN}/mem-note", "--type", "project"]

    def known() -> None:
        """All is taken in, and two looks found no change: what a home is like most of the time."""
        _run(path, f"{BIN}/mem-graph", "e1")
        time.sleep(2.1)  # index.reading.list_page_folders
        _run(path, f"{BIN}/mem-graph", "e1")

    return {
        "recall --lexical": Step([*recall, "--lexical", QUESTION], before=known),
        "mem-graph, one name": Step([f"{BIN}/mem-graph", "e1"], before=known),
        "mem-show NAME": Step([f"{BIN}/mem-show", "page-00007"]),
        "mem-lint, none changed": Step([f"{BIN}/mem-lint"]),
        "mem-embed --status": Step([f"{BIN}/mem-embed", "--status"]),
        "mem-lint --prune": Step([f"{BIN}/mem-lint", "--prune"]),
        "mem-audit": Step([f"{BIN}/mem-audit"]),
        "agent-turn --dry-run": Step(
            [f"{BIN}/agent-turn", "--dry-run", "--context", "discord-thread/b", QUESTION],
            {"MIND_RECALL_LEXICAL": "1"},
        ),
        "mem-note, one more": Step(note, stdin=_write_page, before=known),
        "mem-note --update": Step(
            [f"{BIN}/mem-note", "--update", "page-00005", "--tag", "bench"], before=known
        ),
        "mem-lint, one changed": Step(
            [f"{BIN}/mem-lint"], before=lambda: _run(path, *note, data=_write_page())
        ),
    }


def _run(path: str, *command: str, data: str = "") -> None:
    env = {k: v for k, v in os.environ.items() if not k.startswith("MIND_")}
    done = subprocess.run(command, env={**env, "MIND_HOME": path}, input=data.encode(), stdout=-3)
    assert done.returncode in (0, 1), command


def append_one(path: str) -> None:
    """Append a turn that nobody said before."""
    context = ["--context", "discord-thread/bench", "--role", "user"]
    _run(path, f"{BIN}/mem-append", *context, data=_say())


def _say() -> str:
    """What nobody said before."""
    return f"Kettle number {next(_count)} of {os.getpid()} is blue."


def _write_page() -> str:
    """What no page says."""
    return f"Kettle number {next(_count)}: {os.urandom(80).hex(' ')}."


def _write_session(path: str) -> None:
    """One message of Claude Code's."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    line = {"type": "user", "uuid": "u1", "sessionId": "s1", "timestamp": "2026-01-02T03:04:05Z"}
    with open(path, "w", encoding="utf-8") as file:
        json.dump({**line, "message": {"role": "user", "content": QUESTION}}, file)


def _prompt() -> str:
    about = {"session_id": f"bench-{os.getpid()}", "prompt_id": f"p{next(_count)}", "cwd": "/x"}
    return json.dumps({"hook_event_name": "UserPromptSubmit", "prompt": QUESTION, **about})


def _middle_window(path: str) -> str:
    """Relative to the home at a path."""
    found = sorted(glob.glob("logs/discord-channel/*/*.md", root_dir=path)) if path else []
    return found[len(found) // 2] if found else ""


def _demo() -> list[str]:
    from speed import apollo

    return [row["content"] for row in apollo()]
