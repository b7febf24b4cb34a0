"""A memory folder with the longest, largest and oddest values that its files can hold."""

import json
import os
import random

from plainmind.ground.paths import Home
from plainmind.index.engine import Index
from plainmind.truth.log.writer import EventDraft, Log
from scene import NOW
from unit.index.vaults import write, write_bytes

LONG = 9000  # bytes, of which none can be left out: an index entry of PostgreSQL's has 2,704
_LETTERS = "0123456789abcdefghijklmnopqrstuvwxyz"


def name(seed: int, length: int = LONG, letters: str = _LETTERS) -> str:
    return "".join(random.Random(seed).choices(letters, k=length))


def wide(seed: int, length: int) -> str:
    """Characters of four bytes."""
    return name(seed, length, [chr(0x20000 + number) for number in range(4000)])


AUTHORS = [name(1), name(1)[:-1], name(2), wide(3, 2000), "a\0\x01b", "\x01\x02", "é\udc80"]


def fill(home: Home) -> None:
    _write_logs(home)
    _write_pages(home)
    _write_work(home)


def _write_logs(home: Home) -> None:
    usage = {"input_tokens": 10**400, "output_tokens": -1, "cost": 1e300, "calls": 2**53 + 1}
    drafts = [
        EventDraft(NOW, "user", f"zebra {number}", {"author": author})
        for number, author in enumerate(AUTHORS)
    ]
    drafts += [
        EventDraft(NOW, "agent", "whoever answered", {"model": model, "usage": usage, **more})
        for model in (name(4), wide(5, 3000), "m\0")
        for more in ({}, {"agent": name(6), "session": name(7), "task": name(8), "route": name(9)})
    ]
    log = Log(home)
    refs = [one.ref for one in log.append("test/1", drafts, NOW)]
    changes = [refs[0], f"logs/{name(10)}.md:3", f"logs/{name(10)}.md:999999999999", "x:0", "x:-1"]
    log.append("test/1", [EventDraft(NOW, "system", "changed", {"changes": changes})], NOW)
    for when in (-62135596800000, 253402300799999):  # in the years 1 and 9999
        log.append("test/2", [EventDraft(when, "user", "a time", {"author": "Ann"})], NOW)
    log.append("test/3", [EventDraft(NOW, "user", " \0 ".join("abc") + "\x01" * 9, {})], NOW)
    os.makedirs(home.path("pins"), exist_ok=True)
    with open(home.pins, "w") as file:
        file.write(f"- {refs[0]} one\n- logs/{name(11)}.md:999999999999 a name\n")


def _write_pages(home: Home) -> None:
    names = [name(12), wide(13, 3000), "with \\0", "café"]
    quote = lambda text: json.dumps(text, ensure_ascii=False)
    quoted = ", ".join(map(quote, names))
    links = " ".join(f"[[{text}/{other}]] [[{other}]]" for text in names for other in names)
    triples = ", ".join(f"[{quote(one)}, owns, {quote(two)}]"
                        for one in names for two in names)  # fmt: skip
    write(
        home,
        "long",
        f"# {name(14)}\n\n{links}\n",
        tags=f"[{quoted}]",
        aliases=f"[{quoted}]",
        triples=f"[{triples}]",
        supersedes=f"[{quoted}]",
        source=json.dumps(name(15)),
        image=json.dumps(name(16)),
    )
    write(home, "ﷺ" * 83, "A name that becomes longer where case is folded.")
    write(home, wide(17, 60), "[[long]]", valid_from="0001-01-01", valid_to="9999-12-31")
    folder = "/".join(name(18 + number, 250) for number in range(11))
    paths = [
        write_bytes(home, f"raw/compaction/{folder}/deep.md", b"far down\n"),
        write_bytes(home, f"knowledge/{folder}/deep.md", b"far down\n"),
        write_bytes(home, "knowledge/bytes.md",
                    b"# \xff\xfe\0\x01\x02\xed\xa0\x80\n\nan \xf4\x90\x80\x80\n"),
        write_bytes(home, "knowledge/one-word.md", (name(30, 300_000) + "\n").encode()),
    ]  # fmt: skip
    for path, seconds in zip(paths, (-(1 << 31), 15_000_000_000, 0, 1)):
        os.utime(home.path(path), ns=(seconds * 10**9, seconds * 10**9))


def _write_work(home: Home) -> None:
    line = wide(31, 2000)  # the most that the journal takes
    most = [wide(number, 200) for number in range(32, 36)]
    at = "2026-01-30T12:00:00.000Z"
    events = [
        {"type": "user_command", "command": name(36, 60_000)},
        *[{"type": "user_command", "command": f"{name(37, 20_000)}, do"}] * 4,
        *[{"type": "task", "agent": "a" * 64, "kind": most[0], "session": "session-1",
           "task": most[1], "description": name(38, 40_000), "status": "completed",
           "duration_s": 1e300, "model": most[2], "file": line}] * 2,
        *[{"type": "task", "agent": "a" * 64, "kind": most[0], "status": "failed",
           "description": f"{wide(39, 15_000)} fails", "duration_s": 1e300}] * 4,
        {"type": "task", "agent": "b", "description": "no time", "status": "completed",
         "duration_s": 5e-324},
        {"type": "team", "name": most[0], "description": name(40, 50_000)},
        {"type": "agent", "name": "b", "team": most[0], "role": line, "model": most[2]},
        {"type": "session", "session": "session-9", "status": "completed", "repository": line,
         "started": "0001-01-01T00:00:00Z", "ended": "9999-12-31T23:59:59Z"},
        {"type": "experiment", "name": most[0], "metric": most[1], "baseline": 5e-324,
         "better": "higher"},
        *[{"type": "metric", "experiment": most[0], "name": most[1], "value": 1e300}] * 3,
        {"type": "experiment", "name": "none", "metric": "m", "baseline": 0, "better": "lower"},
        *[{"type": "metric", "experiment": "none", "name": "m", "value": -1e300}] * 3,
        *[{"type": "pattern", "kind": "repetition", "subject": line, "agent": agent}
          for agent in ("", "b", "b")],
        {"type": "reward", "agent": "b", "value": -1, "kind": most[3], "task": most[2]},
        *[{"type": "llm_usage", "model": most[0], "input_tokens": 10**300, "output_tokens": 2**53,
           "cost": 1e300, "seconds": 1e300, "task": most[1]}] * 2,
        {"type": "llm_usage", "model": "m", "input_tokens": 2**53 + 1},
        {"type": "llm_usage", "model": "m", "input_tokens": 2**63},
        {"type": "route", "task": name(41, 50_000), "decision": "local", "rule": most[0],
         "score": 1e300},
        {"type": "lesson", "lesson": "a\0b\x01", "category": most[0]},
        {"type": "campaign", "name": most[0], "budget": 1e300, "goal": "\0"},
        {"type": "lead", "name": most[0], "value": 10**300},
        {"type": "content", "name": most[0], "url": line},
        {"type": "repository", "name": most[0], "url": line, "path": line},
    ]  # fmt: skip
    os.makedirs(home.path("work"), exist_ok=True)
    with open(home.path("work/events.jsonl"), "w", encoding="utf-8") as file:
        for number, event in enumerate(events):
            event = {"id": f"{number:064x}", "at": at, **event}
            file.write(json.dumps(event, ensure_ascii=False) + "\n")


def look(index: Index) -> dict:
    """What the index answers; not in the order of ids, which are an engine's own."""
    graph = index.graph()
    return {
        "facts": [fact for _, fact, _ in graph.facts],
        "spans": sorted(graph.spans.values()),
        **{table: index.work_rows(table) for table in WORK},
    }


WORK = (
    "tasks patterns automation_candidates user_commands llm_usage experiments metrics agents teams "
    "v_agent_performance v_user_command_patterns v_experiment_status v_leaderboard"
).split()
