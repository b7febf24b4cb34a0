"""recall and stale: what resident memory says of a question, with a reason in any case; and which
bullets nobody has confirmed for long."""

import os
from collections.abc import Iterator
from typing import NamedTuple

from ...formats.resident import bullets, excerpt
from ...ground import clock, zone
from ...ground.errors import BAD_DATA, INPUT_OUTPUT, NO_MATCH, NOT_PERMITTED, UNAVAILABLE
from ...recall import resident_search
from ...recall.resident_search import FoundLine, MemoryLine
from ...truth.resident import records
from ...truth.resident.scopes import LOCAL, MemoryScope
from .. import Memory
from . import find_in_prompt, find_scopes, paging

LONGEST = 1000  # characters of a question
DAYS = 90  # after which a bullet is stale

#: reason -> exit code, and what is said; in the order of the design
REASONS = {
    "ok": (0, ""),
    "no_match": (NO_MATCH, "nothing in resident memory is about that"),
    "denied": (NOT_PERMITTED, "no trusted project here; trust it with 'mem-resident trust'"),
    "malformed": (BAD_DATA, f"a question has 1 to {LONGEST:,} characters, and a word"),
    "unavailable": (UNAVAILABLE, "it is off; 'mem-resident show' says where, 'on' switches it on"),
    "backend_error": (INPUT_OUTPUT, "nothing found, but not every file of it can be read"),
}


class RecallResult(NamedTuple):
    reason: str
    found: list[FoundLine]


class StaleBullet(NamedTuple):
    ref: str
    day: str  # last confirmed, '' when nobody has
    text: str


def recall(
    memory: Memory, folder: str | None, query: str, *, scope: str | None, context: str | None
) -> RecallResult:
    """What the indexes and topic files say of a question. One that fails is kept as a fault."""
    if not query.strip() or len(query) > LONGEST or not any(map(str.isalnum, query)):
        return RecallResult("malformed", [])
    there = find_in_prompt(memory, folder, context)
    found = [one for one in there if scope in (None, one.name)]
    if not found:
        off = not there or any(scope in (None, one.name) for one in find_scopes(memory, folder))
        return RecallResult("unavailable" if off else "denied", [])
    broken: list[str] = []
    lines = [line for one in found for line in _read_lines(memory, one, broken)]
    hits = resident_search.search(lines, query)
    reason = "ok" if hits else "backend_error" if broken else "no_match"
    if reason == "backend_error":
        paging.fault(memory, "silent-recall", found[0].name, broken)
    if found[0].config.trace and not memory.dry:
        trace = {"id": f"rc-{len(query)}-{memory.now()}", "at": clock.to_text(memory.now())}
        trace |= {"did": f"recall {reason}", "scope": scope or "", "used": str(len(hits))}
        records.append(memory.home, records.TRACES, [trace])
    return RecallResult(reason, hits)


def name_ref(memory: Memory, path: str, line: int) -> str:
    """A reference, relative to the home where it is inside."""
    own = memory.home.root + os.sep
    return f"{path[len(own) :] if path.startswith(own) else path}:{line}"


def _read_lines(memory: Memory, scope: MemoryScope, broken: list[str]) -> Iterator[MemoryLine]:
    """Every line that says something, of the index and of the topic files beside it. Masked as a
    whole: a line of a key does not look like one."""
    topics = scope.list_topics() if scope.name != LOCAL else []
    for name in [scope.file, *topics]:
        path = os.path.join(scope.folder, name)
        try:
            data = scope.read(name, paging.LARGEST + 1) or b""
        except OSError as error:
            broken.append(name)
            scope.report(name, error, memory.say)
            continue
        if len(data) > paging.LARGEST:
            data = data[: paging.LARGEST].rpartition(b"\n")[0]
        data = memory.env.mask(data.decode("utf-8", "replace")).encode()
        heading = "" if name == scope.file else name.removesuffix(".md")
        for number, line in enumerate(data.split(b"\n"), 1):
            text = excerpt.render(line.strip())
            if text.startswith("#"):
                heading = text.lstrip("# ")
            elif text.strip("-*+ "):
                yield MemoryLine(name_ref(memory, path, number), heading, text)


def list_stale(memory: Memory, found: list[MemoryScope], days: int) -> list[StaleBullet]:
    """Bullets that nobody has confirmed for so many days, the oldest first; those without a date
    where the index itself is older. Suggestions: nothing is changed."""
    since = zone.to_day(memory.now() - days * clock.DAY).isoformat()
    stale = []
    for scope in found:
        try:
            data = scope.read(scope.file, paging.LARGEST) or b""
            changed = zone.to_day(int(os.stat(scope.path).st_mtime * 1000)).isoformat()
        except OSError:
            continue
        for one in bullets.parse(data).bullets:
            if one.day < since if one.day else changed < since:
                ref = name_ref(memory, scope.path, one.line)
                stale.append(StaleBullet(ref, one.day, one.fact))
    return sorted(stale, key=lambda one: one.day)
