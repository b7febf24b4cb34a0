"""A memory folder with something of everything, for pages of the board: three weeks of a small
firm, made in this process in a fraction of a second. `fill(home)`; `open_memory(home)` is how a
page is given it. What is added here is given to every test of the board: keep its figures as they
are told below, or look who counts them.
"""

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from plainmind.formats.page.triple import Triple
from plainmind.ground import clock, files
from plainmind.ground.environment import Environment
from plainmind.ground.paths import Home
from plainmind.ground.settings import Settings
from plainmind.memory import Memory, drafting, writing
from plainmind.reminders import journal as deliveries
from plainmind.truth.log import pinning, reader
from plainmind.truth.log.writer import EventDraft, Log
from plainmind.truth.pages import given
from plainmind.truth.resident import records
from plainmind.truth.work import journal
from plainmind.work import verbs
from scene import NOW

DAY, HOUR, MINUTE = clock.DAY, 3_600_000, 60_000
#: a value of `.env`, which is in no answer
SECRET = "swordfish-4711-9f2c41d07a3b"
#: text that tries to be something else in a browser or a terminal
MARKUP = '<script id="planted">window.planted = 1</script><img src=x onerror=planted()>'
ANSI = "\x1b[31mred\x1b[0m \x1b]8;;http://example.org\x07link\x1b]8;;\x07"
BIDI = "abc\u202egnp.exe\u2066 \u200b"
SCHEME = "[click](javascript:planted()) javascript:planted()"
WORD = (
    "Rindfleischetikettierungsüberwachungsaufgabenübertragungsgesetz" * 4
    + " \u0645\u0631\u062d\u0628\u0627"
)
HOSTILE = " ".join((MARKUP, ANSI, BIDI, SCHEME, "{{ 7 * 7 }} {% raw %}", WORD, SECRET))

#: (days before NOW, hour, who, text); one context, whose last day is today
TALK = [
    (20, 9, "Ann", "We move the shop to the new address on the first of February."),
    (20, 9, "", "Noted. I shall remind you of the post office two weeks before."),
    (13, 15, "Ann", "The accountant wants all invoices of 2025 by the end of January."),
    (13, 15, "", "There are 212 of them; three have no number."),
    (6, 11, "Ann", "How do I restart the print server?"),
    (6, 11, "", "sudo systemctl restart cups, then print the test page."),
    (1, 17, "Ben", "The landlord called: the keys are ready on Monday."),
    (1, 17, "", "I wrote that down under the move."),
    (0, 8, "Ann", "What is left to do for the move?"),
    (0, 8, "", "The post office, the keys on Monday, and three invoices without a number."),
]
PAGES: list[tuple[str, dict[str, Any], str]] = [
    ("move", {"type": "project", "tier": "L1", "triples": [("Shop", "moves-to", "Mill Lane 4")]},
     "# The move\n\nThe shop moves on 1 February. The keys: see [[landlord]]."),
    ("landlord", {"type": "reference", "triples": [("Mr Hale", "owns", "Mill Lane 4")]},
     "# The landlord\n\nMr Hale, 020 7946 0018. Part of [[move]]."),
    ("invoices", {"type": "project", "tags": ["money"], "triples": [("Shop", "pays", "Okafor")]},
     "# Invoices\n\nThe accountant is Ms Okafor; see [[accountant]], who is on leave."),
    ("printing", {"type": "reference"},
     "# Print server\n\nIt is cups on the old machine. Restart it with systemctl."),
    ("ann", {"type": "user", "tier": "L1"}, "# Ann\n\nAnn runs the shop, and likes short answers."),
]  # fmt: skip
REMINDERS = """\
# Reminders

- [ ] date=2026-01-30 time=17:00 recur=none msg="Send the three invoices" id=rid_INVOICES2345
- [ ] date=2026-01-29 time=09:00 recur=none msg="Ring the post office" id=rid_POSTOFFICE23
- [ ] date=2026-01-05 time=08:30 recur=daily msg="Water the plants" id=rid_PLANTS234567
- [ ] date=2026-01-08 time=10:00 recur=weekly msg="Back up the till" id=rid_BACKUP234567
- [ ] date=2026-02-28 time=09:00 recur=monthly msg="Pay the rent" id=rid_RENT23456723
- [ ] date=2020-02-29 time=12:00 recur=yearly msg="Ben's birthday" id=rid_BIRTHDAY2345
- [ ] date=2026-02-30 time=09:00 recur=none msg="Nobody's day" id=rid_NOBODY234567
"""
BAD_LINE = 9  # of these, the day that is not in the calendar
REPO = "https://example.org/shop.git"
ENDED, RUNNING = NOW - 2 * DAY, NOW - HOUR  # when the two sessions began


def open_memory(home: Home, *, now: int = NOW, dry: bool = False) -> Memory:
    """As a command opens it, at this time."""
    env = Environment(home.root)
    try:
        with open(home.path("config.toml"), encoding="utf-8") as file:
            toml = file.read()
    except FileNotFoundError:
        toml = ""
    settings = Settings(toml, home.path("config.toml"), env.all().get)
    return Memory(home, env, settings, lambda: now, lambda text: None, dry=dry)


def fill(home: Home, *, hostile: bool = False, sessions: int = 0) -> Memory:
    """Write all of it; the memory, at NOW. `hostile`: every text that a person or a model writes
    has HOSTILE in it. `sessions`: so many more that have ended."""
    tell = (lambda text: f"{text} {HOSTILE}") if hostile else str
    with _unsynced():
        files.make_folder(home.root)
        _put(home, ".env", f"OPENAI_API_KEY={SECRET}\n")
        _put(home, "config.toml", '[embed]\nmodel = "embedded"\n')
        memory = open_memory(home)
        _talk(home, tell)
        _write_pages(home, tell)
        _put(home, "reminders.md", _write_reminders(hostile))
        _send_reminders(home)
        _remember(home, tell)
        _log_work(home, tell)
        _run_sessions(home, tell, sessions)
    return memory


@contextmanager
def _unsynced() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, "sync", lambda fd: None)
        patch.setattr(files, "sync_folder", lambda path: None)
        yield


def _put(home: Home, path: str, text: str) -> None:
    full = home.path(path)
    os.makedirs(os.path.dirname(full), mode=0o700, exist_ok=True)
    with open(os.open(full, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)


def _talk(home: Home, tell) -> None:
    """A context with turns and their cost, a relay's with two windows, one with a failed turn; two
    pins."""
    log = Log(home)
    for number, (days, hour, author, text) in enumerate(TALK):
        at = NOW - days * DAY - 14 * HOUR + hour * HOUR
        mark = f"m{number // 2}"
        if author:
            meta: dict[str, Any] = {"author": author, "message_id": mark}
            draft = EventDraft(at, "user", tell(text), meta)
        else:
            usage = {"input_tokens": 900 + number, "output_tokens": 60, "cost": 0.0125}
            meta = {"reply_to": mark, "for": mark, "model": "openai:gpt-5"}
            meta |= {"usage": {**usage, "seconds": 2.5}}
            draft = EventDraft(at + 4000, "agent", tell(text), meta)
        log.append("discord-thread/100", [draft], at)
    channel = "discord-channel/7"
    for days in (9, 3):
        at = NOW - days * DAY
        log.start_window(channel, at)
        said = [
            EventDraft(at, "user", tell("Good morning, all."), {"author": "Ben"}),
            EventDraft(at + 60_000, "tool", tell("$ uptime\n 09:00 up 12 days"), {"name": "bash"}),
            EventDraft(at + 61_000, "agent", tell("The server is up for 12 days."), {}),
        ]
        log.append(channel, said, at)
    failed = [
        EventDraft(NOW - 3 * HOUR, "user", tell("Draw a plan of the rooms."), {"message_id": "m9"}),
        EventDraft(NOW - 3 * HOUR + 5000, "system", "there was no answer",
                   {"error": tell("the model is unavailable"), "code": 69, "for": "m9"}),
    ]  # fmt: skip
    log.append("discord-thread/200", failed, NOW - 3 * HOUR)
    window = reader.read_window(home, _window(home, "discord-thread/100"))
    blocks = list(window.blocks())
    for block in (blocks[2], blocks[6]):
        pinning.pin(home, window.event(block))


def _window(home: Home, context: str) -> str:
    return f"logs/{context}/{home.list_windows(context)[-1]}"


def _write_pages(home: Home, tell) -> None:
    for days, (name, fields, body) in enumerate(PAGES):
        memory = open_memory(home, now=NOW - (15 - days) * DAY)
        triples = [Triple(*each) for each in fields.get("triples", ())]
        head = {"date": clock.to_text(memory.now())[:10], "source": "explicit", **fields}
        head |= {"triples": triples} if triples else {}
        writing.write(memory, drafting.PageDraft(head, tell(body), name), force=True)
    window = reader.read_window(home, _window(home, "discord-thread/100"))
    refs = [f"{window.path}:{block.line}" for block in window.blocks()]
    events = [
        given.GivenEvent(refs[6], 0.91, 0.88, 0.94, 0.0, True),
        given.GivenEvent(refs[0], 0.53, 0.7, 0.24, 0.12, False),
    ]
    pages = ["knowledge/move.md", "knowledge/ann.md"]
    given.record(home, NOW - 6 * HOUR, pages, events, refs[8])


def _write_reminders(hostile: bool) -> str:
    """With `hostile`, what a line may hold: no control characters, its quotes escaped."""
    if not hostile:
        return REMINDERS
    said = f"{MARKUP} {SCHEME} {WORD} {SECRET} abc\u202egnp".replace('"', '\\"')
    return REMINDERS.replace("Water the plants", said)


def _send_reminders(home: Home) -> None:
    """One was sent this morning; one is in doubt since yesterday, and one failed: they wait."""
    made = deliveries.DeliveryJournal(home.path("remind", "journal.jsonl"))
    day = NOW - NOW % DAY
    for did, id, due in (
        (deliveries.SENT, "rid_PLANTS234567", day + 8 * HOUR + 30 * MINUTE),
        (deliveries.INTENT, "rid_POSTOFFICE23", day - 15 * HOUR),
        (deliveries.FAILED, "rid_BACKUP234567", day - 14 * HOUR),
    ):
        once = id == "rid_POSTOFFICE23"
        key = deliveries.make_key(id, due, "Ring the post office" if once else None)
        made.record(did, key[:20], [deliveries.Occurrence(key, id, due, once)], due + 20_000)


def _remember(home: Home, tell) -> None:
    """Resident memory, and records of what was chosen from it and what went wrong."""
    _put(home, "memory/MEMORY.md", tell("# Memory\n\n- Answer in British English (2026-01-20)\n"))
    _put(home, "memory/build.md", "# Build\n\nmake test takes a minute.\n")
    at = clock.to_text(NOW - 5 * HOUR)
    trace = {"id": f"rc-12-{NOW}", "at": at, "did": "recall hit", "scope": "global", "used": "1"}
    records.append(home, records.TRACES, [trace])
    records.append(home, records.FAULTS, [{"at": at, "kind": "missing", "what": "build.md"}])


def _log_work(home: Home, tell) -> None:
    """A journal with events of every type, over three weeks; today's are the last."""
    ago = lambda days, hour=10: clock.to_text(NOW - days * DAY - 14 * HOUR + hour * HOUR)
    task = {"type": "task", "status": "completed"}
    drafts: list[dict[str, Any]] = [
        {"type": "team", "at": ago(21), "name": "Support", "description": tell("Helps people")},
        {"type": "agent", "at": ago(21), "name": "helper", "team": "Support", "role": "answers"},
        {"type": "repository", "at": ago(21), "name": "shop", "url": REPO, "branch": "main"},
        {"type": "campaign", "at": ago(20), "name": "opening", "channel": "post", "budget": 200},
        {"type": "lead", "at": ago(19), "name": "Mill Lane Residents", "campaign": "opening"},
        {"type": "content", "at": ago(18), "name": "flyer", "kind": "print", "agent": "content"},
        {"type": "user_command", "at": ago(17), "command": tell("update the packages")},
        {"type": "lesson", "at": ago(14), "lesson": tell("Print a test page first"),
         "agent": "backend"},
        {"type": "pattern", "at": ago(13), "kind": "failure", "subject": "the printer jams"},
        {"type": "experiment", "at": ago(12), "name": "short-answers", "metric": "seconds",
         "hypothesis": tell("Short answers are faster"), "baseline": 4.0, "better": "lower"},
        {"type": "reward", "at": ago(5), "agent": "backend", "value": 0.8, "task": "t3"},
        {"type": "pr_merged", "at": ago(4), "agent": "backend", "url": "https://example.org/pr/7",
         "repository": "shop"},
        {"type": "praise", "at": ago(3), "agent": "verification", "reason": tell("persistence")},
        {"type": "award", "at": ago(2), "agent": "frontend", "amount": 20, "reason": tell("tidy")},
        {"type": "route", "at": ago(1), "task": "update the packages", "decision": "local",
         "rule": "package-updates", "score": 0.9},
    ]  # fmt: skip
    for number in range(10):
        drafts.append({"type": "metric", "at": ago(11 - number), "name": "seconds",
                       "value": 3.0 - number / 20, "experiment": "short-answers"})  # fmt: skip
    for days in range(20, -1, -1):
        done = {"agent": "backend", "duration_s": 60 + 10 * days, "route": "cloud"}
        drafts.append({**task, **done, "at": ago(days, 9), "description": tell(f"Invoices {days}")})
        if days % 3 == 0:
            other = {"agent": "frontend", "status": "completed" if days % 2 else "failed"}
            other |= {"error": "no such page"} if other["status"] == "failed" else {}
            drafts.append({**task, **other, "at": ago(days, 11), "description": f"Page {days}"})
        drafts.append({"type": "llm_usage", "at": ago(days, 12), "agent": "backend",
                       "model": ("openai:gpt-5", "ollama:qwen3")[days % 2], "route": "cloud",
                       "input_tokens": 20_000 + 500 * days, "output_tokens": 2_000,
                       "cost": (0.4, 0.0)[days % 2], "seconds": 12.0})  # fmt: skip
    void = {"type": "pr_merged", "id": "mistake", "at": ago(4, 11), "agent": "frontend"}
    drafts += [void, {"type": "void", "at": ago(4, 12), "of": "mistake", "reason": "not merged"}]
    journal.log(home, drafts, NOW)


def _run_sessions(home: Home, tell, more: int) -> None:
    """One that ended with a failed task, two days ago; one that runs, with steps to do. `more` are
    of the days before."""
    for number in range(more):
        at = ENDED - (number + 1) * HOUR
        id = do(home, at, "start", agent="orchestrator", repo=REPO)
        do(home, at + MINUTE, "task", f"Night {number}", session=id, agent="orchestrator")
        do(home, at + 2 * MINUTE, "end", session=id, agent="orchestrator")
    id = do(home, ENDED, "start", agent="orchestrator", repo=REPO)
    do(home, ENDED, "start", session=id, agent="infrastructure")
    do(home, ENDED + MINUTE, "phase", tell("rollout"), session=id)
    do(home, ENDED + 5 * MINUTE, "task", tell("Move the till"), session=id, agent="infrastructure")
    do(home, ENDED + 9 * MINUTE, "task", tell("Open the port"), session=id, agent="infrastructure",
       status="failed", error=tell("the router refused"), file="router.cfg")  # fmt: skip
    do(home, ENDED + 10 * MINUTE, "end", session=id, agent="infrastructure", status="failed")
    do(home, ENDED + 11 * MINUTE, "end", session=id, agent="orchestrator", status="failed")
    id = do(home, RUNNING, "start", agent="orchestrator", repo=REPO)
    for agent in ("backend", "frontend"):
        do(home, RUNNING + MINUTE, "start", session=id, agent=agent, repo=REPO)
    do(home, RUNNING + MINUTE, "phase", "build", session=id)
    do(home, RUNNING + 20 * MINUTE, "task", tell("Number the invoices"), session=id,
       agent="backend", file="invoices.py")  # fmt: skip
    do(home, RUNNING + 25 * MINUTE, "task", "Draw the page", session=id, agent="frontend",
       status="in_progress")  # fmt: skip
    do(home, RUNNING + 30 * MINUTE, "artifact", "schema=docs/schema.md", session=id,
       agent="backend")  # fmt: skip
    do(home, RUNNING + 31 * MINUTE, "next", "verification", tell("Test it"), session=id,
       agent="orchestrator", after=("frontend",), priority="high")  # fmt: skip
    do(home, RUNNING + 32 * MINUTE, "next", "infrastructure", "Put it online", session=id,
       agent="orchestrator")  # fmt: skip
    logs = f"work/logs/{id}/backend.log"
    _put(home, logs, tell("09:12 reading invoices\n09:13 three without a number\n"))


def end_badly(home: Home) -> str:
    """A session that is ended as if all were well: a task failed, one is blocked, one agent never
    started, and one has no task; its name."""
    at = NOW - 30 * MINUTE
    id = do(home, at, "start", agent="orchestrator")
    for agent in ("backend", "ux"):
        do(home, at, "start", session=id, agent=agent)
    for status, text in (("failed", "Write the schema"), ("blocked", "Fill the tables")):
        do(home, at, "task", text, session=id, agent="backend", status=status)
    do(home, at, "next", "frontend", "Draw it", session=id, agent="orchestrator")
    for agent in ("backend", "ux", "orchestrator"):
        do(home, at + 9 * MINUTE, "end", session=id, agent=agent)
    return id


def do(home: Home, at: int, verb: str, *words: str, session: str = "", **options: Any) -> str:
    """A verb of work-session, at a time; the session."""
    call = verbs.parse(verb, words, options)
    agent = verbs.agent_of(call, options.get("agent", ""))
    state = verbs.carry_out(home, call, session or None, agent, at, lambda: b"", False)
    return state.session


def read_records(data: bytes) -> list[Any]:
    """What a command printed with --json."""
    return [json.loads(line) for line in data.splitlines()]


def digest_truth(home: Home) -> dict[str, tuple[int, bytes]]:
    """Each file of the memory folder but the index: when it was written, and what it holds."""
    found = {}
    for base, folders, names in os.walk(home.root):
        folders[:] = [name for name in folders if os.path.join(base, name) != home.index]
        for name in names:
            path = os.path.join(base, name)
            with open(path, "rb") as file:
                found[path] = os.fstat(file.fileno()).st_mtime_ns, file.read()
    return found


def show_page(
    memory: Memory, name: str, part: str = "", /, *, live: bool = True, links: Any = None,
    **query: str,
) -> str:  # fmt: skip
    """The HTML of a page, as a board gives it, or as a file of one that was published. `links`:
    where else its links lead."""
    from plainmind.board import pages, rendering
    from plainmind.board.links import FileLinks, LiveLinks

    page, mask = pages.find_page(name), memory.env.mask
    data = rendering.show(page.module.read(memory, part, query), mask)
    if links is None:
        links = LiveLinks() if live else FileLinks({(each.name, "") for each in pages.PAGES})
    return rendering.render(page, data, links, memory.now(), part=part, mask=mask)


def find_harm(html: str) -> list[str]:
    """What of HOSTILE a browser or a terminal would obey in a page, or should not be told."""
    harmful = (
        "<script id",
        "<img",
        "onerror=",
        "\x1b",
        "\x07",
        "\u202e",
        "\u2066",
        "\u200b",
        SECRET,
    )
    shown = re.sub("</?mark>", "", html).replace("&lt;img src=x onerror=", "")
    return [text for text in (*harmful, 'href="javascript:', "49 ") if text in shown]
