"""Whether all is well with a memory folder and with what keeps it: one line a subject, each with
the command that cures it. Made of what commands print and write down; reads, and writes nothing.
"""

import os
import sys
from collections.abc import Callable, Iterator
from datetime import date
from shlex import quote
from typing import Any, NamedTuple

from .. import __version__
from ..ground import clock, errors, schedules, zone
from ..ground.errors import Usage
from ..ground.nights import Nights
from ..ground.outages import Outages
from ..ground.paths import CHECKOUT, IS_INSTALLED
from ..memory import Memory, care, embedding
from ..reminders import file as reminders_file
from ..reminders import last_scan, past, scan
from ..surfaces.discord import dead_letters, presence
from ..truth.pages import maintenance
from . import changes
from .disk_use import DiskUse, measure
from .problems import attempt
from .wording import plural

OK, WARNING, FAILED, IDLE = "ok", "warning", "failed", "idle"
RIGHT = scan.RIGHT  # a clock before that is wrong
FIRST, LAST = clock.parse("0002-01-02T00:00:00Z"), clock.parse("9998-12-30T23:59:59Z")
LATE = 10 * 60_000  # ms that a reminder may wait before somebody should look
LETTERS = 7 * clock.DAY  # ms for which what could not be delivered is told of
FREE = 10**9, 10**8  # bytes that should be free, and that must
SHARE = 0.03  # of the disk that should be free, if that is less
_AGE = 5 * 60.0  # seconds after which the disk is looked at again


class HealthCheck(NamedTuple):
    subject: str
    state: str  # ok, warning or failed; idle: not in use
    what: str
    cure: str = ""  # a command, or what to do


class Overview(NamedTuple):
    checks: list[HealthCheck]
    counts: dict[str, Any]  # as `mem-index --status`
    vectors: dict[str, Any]  # as `mem-embed --status`, of the model that answers
    disk: DiskUse


def check_now(memory: Memory) -> Memory:
    """The memory as it came. Usage when its clock is so far off that days before and after it are
    in no calendar."""
    if not FIRST <= memory.now() <= LAST:
        cure = "give a time from year 2 to 9998"
        raise Usage(f"{clock.to_text(memory.now())} cannot be shown on a board", cure=cure)
    return memory


def look(memory: Memory, waiting: list[past.PastReminder]) -> Overview:
    """Look at all of it. `waiting`: reminders that were due and wait to be sent."""
    indexed, machine = _count(memory), _look_at_machine(memory)
    scheduled = _is_scheduled(memory, machine.jobs)
    checks = [
        *indexed.failures,
        *_check("Index", lambda: _check_index(memory, indexed)),
        *_check_vectors(indexed.vectors),
        *_check("Reminders", lambda: _check_reminders(memory, waiting, scheduled)),
        *_check("Nights", lambda: _check_nights(memory)),
        *_check("Schedules", lambda: _check_schedules(memory, machine.jobs)),
        *_check("Audit", lambda: _check_audit(memory)),
        *_check("Relay", lambda: _check_relay(memory)),
        *_check("Undelivered answers", lambda: _check_letters(memory)),
        *_check("Machine", lambda: _check_machine(memory, machine.disk)),
        *_check("Outages", lambda: _check_outages(memory)),
    ]
    return Overview(checks, indexed.counts, indexed.vectors, machine.disk)


def _check(subject: str, look: Callable[[], Iterator[HealthCheck]]) -> list[HealthCheck]:
    """What a look finds, or why it cannot look."""
    problems: list[str] = []
    found = attempt(lambda: list(look()), [], problems)
    return found or [HealthCheck(subject, FAILED, problem) for problem in problems]


def list_concerns(found: Overview) -> list[HealthCheck]:
    """What is not as it should be, the worst first."""
    bad = [one for one in found.checks if one.state in (WARNING, FAILED)]
    return sorted(bad, key=lambda one: one.state != FAILED)


def tell_versions() -> dict[str, str]:
    import sqlite3

    python = ".".join(map(str, sys.version_info[:3]))
    return {"Plainmind": __version__, "Python": python, "SQLite": sqlite3.sqlite_version}


# --- the index


class _Indexed(NamedTuple):
    """What was counted in the index; of 100,000 texts that takes as long as all else."""

    state: str  # of the files, when it was
    counts: dict[str, Any]
    vectors: dict[str, Any]
    said: list[str]
    failures: list[HealthCheck]


_counted: dict[str, _Indexed] = {}  # by home


def _count(memory: Memory) -> _Indexed:
    """As it is, or as it was if no file has changed since."""
    state = changes.digest(memory.home, memory.env, ("log", "work", "knowledge", "care"))
    known = _counted.get(memory.home.root)
    if known is None or known.state != state:
        known = _counted[memory.home.root] = _count_now(memory, state)
    return known


def _count_now(memory: Memory, state: str) -> _Indexed:
    said: list[str] = []
    failures: list[HealthCheck] = []
    heard = memory._replace(say=said.append)

    def ask(subject: str, question: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        problems: list[str] = []
        found = attempt(question, {}, problems)
        failures.extend(HealthCheck(subject, FAILED, one, "mem-index --status") for one in problems)
        return found

    counts = ask("Index", lambda: care.state(heard))
    vectors = ask("Vectors", lambda: embedding.status(heard, served=True)) if counts else {}
    return _Indexed(state, counts, vectors, said, failures)


def _check_index(memory: Memory, indexed: _Indexed) -> Iterator[HealthCheck]:
    counts, said = indexed.counts, indexed.said
    if not os.path.isdir(memory.home.root):
        yield HealthCheck(
            "Index", IDLE, "there is no memory folder yet", "agent-turn --context cli/main 'Hello'"
        )
        return
    aside = memory.engine.list_set_aside(memory.home)
    if said and not aside:
        yield HealthCheck("Index", WARNING, said[0])
    elif counts:
        what = f"{plural(counts['turns'], 'event')}, {plural(counts['knowledge pages'], 'page')}"
        yield HealthCheck("Index", OK, what)
    if aside:
        what = f"set aside as damaged or foreign: {', '.join(aside)}"
        path = memory.home.shell_path("index", aside[0])
        yield HealthCheck("Damaged indexes", WARNING, what, f"rm {path}")


def _check_vectors(vectors: dict[str, Any]) -> Iterator[HealthCheck]:
    if not vectors:
        return
    if count := vectors["failed"]:
        what = f"{plural(count, 'text was', 'texts were')} refused by the model: "
        what += vectors["last_error"]
        yield HealthCheck("Vectors", WARNING, what, "mem-embed --retry-failed")
    elif vectors["pending"] and vectors["last_error"]:
        what = f"{plural(vectors['pending'], 'text waits', 'texts wait')} for a vector: "
        what += vectors["last_error"]
        yield HealthCheck("Vectors", WARNING, what, "mem-embed")
    elif vectors["pending"]:
        one = "text waits for a vector, and is found by its words"
        several = "texts wait for a vector, and are found by their words"
        what = plural(vectors["pending"], one, several)
        yield HealthCheck("Vectors", OK, what, "mem-embed")
    else:
        yield HealthCheck(
            "Vectors", OK, f"{plural(vectors['ok'], 'text')}, by {vectors['serving']}"
        )


# --- what runs by itself


def _check_reminders(
    memory: Memory, waiting: list[past.PastReminder], scheduled: bool
) -> Iterator[HealthCheck]:
    now = memory.now()
    if other := scan.find_other_host(memory.settings["remind.host"]):
        yield HealthCheck("Reminders", IDLE, other)
        return
    seen = last_scan.load(last_scan.path_of(memory.home))
    late = [one for one in waiting if now - one.due > LATE]
    if seen.told:
        cure = f"see {reminders_file.locate(memory.home, memory.env)}"
        yield HealthCheck("Reminders", FAILED, f"nothing is fired: {seen.told}", cure)
    elif seen.jump is not None:
        what = "nothing is fired: the clock jumped, and no second scan has agreed with it yet"
        yield HealthCheck("Reminders", WARNING, what, "remind-scan")
    elif late:
        what = f"{len(late):,} due and not sent"
        yield HealthCheck("Reminders", FAILED, what, "remind-scan --dry-run")
    elif seen.boot:
        yield HealthCheck("Reminders", OK, "all that was due was sent")
    else:
        what = "no scan has run here: nothing is sent"
        path = reminders_file.locate(memory.home, memory.env)
        # with no schedule at all, that is the cause, and says how to have one
        needed = scheduled and os.path.exists(path) and os.path.getsize(path) > 0
        cure = _tell_installing() if scheduled else ""
        yield HealthCheck("Reminders", WARNING if needed else IDLE, what, cure)


#: jobs of the night, and what each is for
_NIGHTLY = {
    "mem-lint logs": ("Logs", "mem-lint --logs", "no log was altered"),
    "mem-lint": ("Pages", "mem-lint", "pages are as they should be"),
    "mem-lint prune apply": ("Retention", "mem-lint --prune", "old pages were deleted"),
}


def _check_nights(memory: Memory) -> Iterator[HealthCheck]:
    now, nights = memory.now(), Nights(memory.home)
    for job, (subject, command, good) in _NIGHTLY.items():
        last = nights.find_last(job, now)
        day = f"in the night to {last.day}" if last.due else "last night"
        if not last.day:
            yield HealthCheck(subject, IDLE, "never done by a schedule", command)
        elif last.due and _count_days(last.day, now) > 1:
            yield HealthCheck(subject, WARNING, f"last done {day}", command)
        elif last.code:
            state = FAILED if job == "mem-lint logs" else WARNING
            yield HealthCheck(subject, state, f"problems were found {day}", command)
        else:
            yield HealthCheck(subject, OK, f"{good} ({day})" if last.code == 0 else f"done {day}")


def _is_scheduled(memory: Memory, jobs: list[schedules.InstalledJob]) -> bool:
    """Whether something runs by itself, by our schedules or somebody's own."""
    nights, now = Nights(memory.home), memory.now()
    days = attempt(lambda: [nights.find_last(job, now).day for job in _NIGHTLY], [], [])
    return bool(jobs) or any(day and _count_days(day, now) <= 1 for day in days)


def _tell_installing() -> str:
    what = "launchd" if sys.platform == "darwin" else "cron"
    installed = f"plainmind --install {what}"
    return installed if IS_INSTALLED else f"make -C {quote(CHECKOUT)} install-{what}"


def _check_schedules(memory: Memory, jobs: list[schedules.InstalledJob]) -> Iterator[HealthCheck]:
    if not _is_scheduled(memory, jobs):
        yield HealthCheck("Schedules", WARNING, "no schedule is installed", _tell_installing())
    elif not jobs:
        what = "none is installed, but the nightly jobs are done"
        yield HealthCheck("Schedules", OK, what)
    else:
        shared = os.path.exists(memory.home.path("sync", "git", "HEAD"))
        unneeded = ["discord-relay"] if shared else ["discord-relay", "mem-sync"]
        there = {*unneeded, *(one.command for one in jobs)}
        missing = [job for job in schedules.JOBS if job not in there]
        told = ", ".join(dict.fromkeys(one.where for one in jobs))
        what = f"not scheduled: {', '.join(missing)}" if missing else f"all jobs, in {told}"
        yield HealthCheck("Schedules", WARNING if missing else OK, what)


def _check_audit(memory: Memory) -> Iterator[HealthCheck]:
    if notice := maintenance.audit_notice(memory.home, memory.now()):
        yield HealthCheck("Audit", WARNING, notice.removeprefix("(notice) "), "mem-audit")


def _count_days(day: str, now: int) -> int:
    """Nights since that one."""
    try:
        return (zone.to_day(now) - date.fromisoformat(day)).days
    except ValueError:
        return 1 << 20


def _check_relay(memory: Memory) -> Iterator[HealthCheck]:
    sign = presence.read_sign(memory.home, memory.now())
    restart = "discord-relay --status || systemctl --user restart discord-relay"
    if sign is None:
        yield HealthCheck("Relay", IDLE, "no relay has run here", "discord-relay")
    else:
        yield HealthCheck("Relay", OK if sign.alive else FAILED, str(sign),
                          "" if sign.alive else restart)  # fmt: skip


def _check_letters(memory: Memory) -> Iterator[HealthCheck]:
    now = memory.now()
    dead = [one for one in dead_letters.read(memory.home) if now - one.at <= LETTERS]
    if dead:
        last = dead[-1]
        what = f"{len(dead):,} undelivered in 7 days; the last in {last.context}: {last.why}"
        path = memory.home.shell_path("relay", "dead.jsonl")
        yield HealthCheck("Undelivered answers", WARNING, what, f"tail -n 1 {path}")


# --- the machine


def _check_machine(memory: Memory, disk: DiskUse) -> Iterator[HealthCheck]:
    wanted = min(FREE[0], int(disk.total * SHARE))
    state = FAILED if disk.free < FREE[1] else WARNING if disk.free < wanted else OK
    cure = "" if state == OK else f"du -sh {memory.home.shell_path()}/*"
    if disk.total:
        yield HealthCheck("Disk", state, f"{disk.free / 1e9:.1f} GB of {disk.total / 1e9:.0f} GB "
                          "are free", cure)  # fmt: skip
    now, fixed = memory.now(), memory.env.get("MIND_NOW")
    told = f"{zone.to_local(now):%Y-%m-%d %H:%M}, {zone.name()}"
    if now < RIGHT:
        yield HealthCheck("Clock", FAILED, f"{told}: it is wrong", "date")
    elif fixed:
        yield HealthCheck("Clock", WARNING, f"{told}: MIND_NOW holds it still", "unset MIND_NOW")
    else:
        yield HealthCheck("Clock", OK, told)
    there = zone.find_machines(memory.env.get("TZ"))
    if there and not memory.settings.is_set("zone") and not zone.is_like(there, now):
        what = f"times are of {zone.name()}; this machine's zone is {there}"
        cure = f'write zone = "{there}" into {memory.home.path("config.toml")}'
        yield HealthCheck("Zone", WARNING, what, f"{cure}, or the zone you live in")
    for complaint in memory.env.complaints:
        yield HealthCheck("Secrets", WARNING, complaint)
    if os.path.isdir(memory.home.root) and os.stat(memory.home.root).st_mode & 0o077:
        what = "others on this machine can look into the memory folder"
        yield HealthCheck("Privacy", WARNING, what, f"chmod 700 {memory.home.shell_path()}")
    if disk.copies:
        names = ", ".join(disk.copies[:3]) + (" …" if len(disk.copies) > 3 else "")
        what = f"{len(disk.copies):,} kept beside the file they are of: {names}"
        yield HealthCheck("Conflicts", WARNING, what, "compare them, then delete the copy")


def _check_outages(memory: Memory) -> Iterator[HealthCheck]:
    """What goes wrong again and again, of commands that say it once."""
    now = memory.now()
    for one in Outages(memory.home).list_ongoing():
        since = f"{zone.to_local(min(one.since, now)):%Y-%m-%d %H:%M}"
        why = errors.EXIT_CODES.get(one.code, f"exit code {one.code}").partition(";")[0]
        what = f"has failed since {since}: {why}"
        yield HealthCheck(one.who, WARNING, what, one.who)


class _Machine(NamedTuple):
    """What takes long to find out."""

    at: float
    disk: DiskUse
    jobs: list[schedules.InstalledJob]


_known: dict[str, _Machine] = {}  # by home


def _look_at_machine(memory: Memory) -> _Machine:
    """As it was within the last five minutes."""
    root, now = memory.home.root, clock.monotonic()
    known = _known.get(root)
    if known is None or now - known.at > _AGE:
        jobs = schedules.find_jobs(memory.env.get("XDG_CONFIG_HOME"))
        known = _known[root] = _Machine(now, measure(memory), jobs)
    return known
