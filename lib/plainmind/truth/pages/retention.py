"""What is kept how long, and letting the rest go: a tombstone first, then the file.

    knowledge/ of type user, project          for ever
    knowledge/ of type agent-feedback         60 days from the date in its head, and as long since
    knowledge/ of type reference              90 days  retention first saw it (first_seen)
    raw/compaction/*.md                       30 days from its last change
    raw/sessions/<cwd>/*.jsonl                14 days from its last change; a folder left empty goes
    raw/maintenance-log/*.jsonl               30 days from its last change; markers stay

What is dated before 2000 or after today stays, and everything does in a run whose clock stands
before 2000, went back, or is more than a month after the last run's: the next one goes on from
there. A page without a date that can be read stays, and so does one without a tier, which we did
not write, one whose type mem-lint --fix gave it (the older one is in a tag, legacy/note), and a
file of another type. What other programs put
under raw/ is theirs. Logs are never touched. Owns these rules. Refuses to know the index: whoever
lets files go takes their text out of it (memory.forgetting)."""

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from typing import NamedTuple

from ...formats.page import page, page_keys
from ...ground import clock, exchange, files
from ...ground.errors import Failure, InputOutput
from ...ground.paths import Home
from ...ground.zone import to_day
from ..log.verify import Finding
from . import first_seen, maintenance, page_files
from .first_seen import Sightings

DATED = {"agent-feedback": 60, "reference": 90}  # days by type
SUMMARY, SESSION, MAINTENANCE = ("a summary", 30), ("a session", 14), ("a maintenance log", 30)
ABANDONED = 3600  # s; a writer of another machine or container is not seen, and never takes as long
SESSIONS, LOG = "raw/sessions", "raw/maintenance-log"
PLAUSIBLE = 2000  # the first year of a date that may be right
MARKERS = frozenset({"window-heads.jsonl"})  # no log of operations: it proves the logs


class Expired(NamedTuple):
    """A file whose time is over. `day` is what its age was counted from."""

    path: str
    rule: str
    day: str
    age: int  # days

    @property
    def finding(self) -> Finding:
        message = f"{self.rule}; this is of {self.day}, {self.age} days ago"
        return Finding(self.path, 1, "expired", message)


class DeletedFile(NamedTuple):
    expired: Expired
    data: bytes  # what a page held; nothing of other files, which no index has


class Unfinished(InputOutput):
    """Some of what is expired is still there, because a file failed; the rest, `gone`, went."""

    def __init__(self, failed: OSError, gone: list[DeletedFile]):
        failure, cure = files.to_failure(failed), "see to it, the others went"
        super().__init__(failure.what, place=failure.place, cure=cure, code=failure.code)
        self.gone = gone


def find_expired(home: Home, now: int) -> Iterator[Expired]:
    """What retention would let go, in order of the paths."""
    return _expired(home, now, first_seen.load(home))


def _expired(home: Home, now: int, last: Sightings) -> Iterator[Expired]:
    """The same, for what was seen in the last run."""
    if not last.is_plausible(now):
        return
    yield from _pages(home, now, last)
    yield from _changed_before(home, page_files.COMPACTION, ".md", SUMMARY, now)
    for folder in _folders(home, SESSIONS):
        yield from _changed_before(home, folder, ".jsonl", SESSION, now)
    for found in _changed_before(home, LOG, ".jsonl", MAINTENANCE, now):
        # this month's is being written
        if os.path.basename(found.path) not in MARKERS and clock.to_text(now)[:7] not in found.path:
            yield found


def delete_expired(
    home: Home, now: int, take_out: Callable[[list[DeletedFile]], None]
) -> list[DeletedFile]:
    """Delete what is expired; the caller holds the lock. What somebody saves at that moment stays.

    `take_out` is given the pages when their tombstones are on disk and they are still there: killed
    anywhere before they went, the next run finds them still expired, and does all of it again. A
    file that fails stops no other: Unfinished says so at the end."""
    failed: list[OSError] = []
    for folder in (*page_files.PLACES, LOG, *_folders(home, SESSIONS)):
        with _noting(failed):
            exchange.recover_all(home.path(folder))
    with _noting(failed):
        sweep_abandoned(home)
    texts: list[DeletedFile] = []
    others: list[DeletedFile] = []
    known = maintenance.map_tombstones(home)
    last = first_seen.load(home)
    seen = last.advance(now, page_files.list_paths(home, (page_files.KNOWLEDGE,)))
    if seen.time:
        first_seen.save(home, seen)
    for found in _expired(home, now, last):
        path, rule, day_counted, _ = found
        full = home.path(path)
        with _noting(failed):
            try:
                data = files.read(full)
                if not _is_still_expired(home, found, data, now, seen):
                    continue
            except (FileNotFoundError, PermissionError):  # a person was faster, or it is not ours
                continue
            digest = hashlib.sha256(data).hexdigest()
            maintenance.record_forgotten(home, now, path, digest, day_counted, rule, known)
            if found.path.endswith(".md"):
                texts.append(DeletedFile(found, data))
            elif _remove(full, data):
                others.append(DeletedFile(found, b""))
    take_out(texts)
    gone: list[DeletedFile] = []
    for each in texts:
        with _noting(failed):
            gone += [each] * _remove(home.path(each.expired.path), each.data)
    for folder in _folders(home, SESSIONS):
        _remove_empty(home.path(folder))
    if failed:
        raise Unfinished(failed[0], gone + others)
    return gone + others


def sweep_abandoned(home: Home) -> list[str]:
    """Delete what killed writers left beside the files of a memory folder, and say which files. The
    agent's workspace and skills are not ours to look into."""
    gone = []
    for place, folders, _ in os.walk(home.root):
        if place == home.root:
            folders[:] = [name for name in folders if name not in ("workspace", "skills")]
        gone += exchange.sweep(place, age=ABANDONED)
    return gone


@contextmanager
def _noting(failed: list[OSError]) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        failed.append(error)


def _remove(full: str, data: bytes) -> bool:
    try:
        return exchange.remove(exchange.in_real_folder(full), data)
    except FileNotFoundError:  # a person was faster
        return True


def _is_still_expired(home: Home, found: Expired, data: bytes, now: int, seen: Sightings) -> bool:
    """Whether these bytes of the file are what is over: a person may have saved it since."""
    if page_files.is_knowledge(found.path):
        read = page.parse(page_files.cut_content(data), found.path)
        return judge_page(read, to_day(now), seen) is not None
    changed = os.stat(home.path(found.path), follow_symlinks=False).st_mtime_ns // 1_000_000
    return clock.to_text(changed)[:10] == found.day


def _pages(home: Home, now: int, last: Sightings) -> Iterator[Expired]:
    paths = list(page_files.list_paths(home, (page_files.KNOWLEDGE,)))
    seen = last.advance(now, paths)
    for path in paths:
        try:
            found = judge_page(page_files.read_page(home, path), to_day(now), seen)
        except (OSError, Failure):  # gone, or not to be read: nothing to be deleted unseen
            continue
        if found:
            yield found


def judge_page(read: page.Page, today: date, seen: Sightings) -> Expired | None:
    """What is over of a page of knowledge: by its head, and by how long it is known."""
    days = life(read)
    if days is None or not read.day or read.day.year < PLAUSIBLE:
        return None
    age = min((today - read.day).days, seen.days_known(read.path))
    if age <= days:
        return None
    day = (today - timedelta(age)).isoformat()
    return Expired(read.path, f"{read.type} is kept {days} days", day, age)


def life(read: page.Page) -> int | None:
    """For how many days a page is kept, as far as its head is sure; None: for ever."""
    sure = "type" in read.lines and read.is_ours and not _unsure(read.problems)
    return days_kept(read.type, read.tags) if sure and read.day else None


def days_kept(kind: str, tags: Iterable[str]) -> int | None:
    """For how many days a page of this type is kept; None: for ever."""
    was_older = any(tag.startswith(page_keys.LEGACY_TAG) for tag in tags)
    return None if was_older else DATED.get(kind)


def _unsure(problems) -> bool:
    """Whether type or date of a page are not for sure what its author meant."""
    codes = {"type", "date", "twice", "yaml", "head", "text"}
    return any(problem.code in codes for problem in problems)


def _changed_before(
    home: Home, folder: str, ending: str, rule: tuple[str, int], now: int
) -> Iterator[Expired]:
    """Files that are older than their rule, (what they are, days), lets them be."""
    kind, days = rule
    try:
        found = sorted(os.scandir(home.path(folder)), key=lambda entry: entry.name)
    except (FileNotFoundError, NotADirectoryError):
        return
    for entry in found:
        is_one = entry.name.endswith(ending) and not entry.name.startswith(".")
        if is_one and entry.is_file(follow_symlinks=False):
            changed = entry.stat(follow_symlinks=False).st_mtime_ns // 1_000_000
            if changed >= first_seen.FIRST and now - changed > days * clock.DAY:
                date, age = clock.to_text(changed)[:10], (now - changed) // clock.DAY
                yield Expired(f"{folder}/{entry.name}", f"{kind} is kept {days} days", date, age)


def _folders(home: Home, place: str) -> list[str]:
    try:
        entries = list(os.scandir(home.path(place)))
    except (FileNotFoundError, NotADirectoryError):
        return []
    return sorted(f"{place}/{one.name}" for one in entries if one.is_dir(follow_symlinks=False))


def _remove_empty(folder: str) -> None:
    try:
        os.rmdir(folder)
        files.sync_folder(os.path.dirname(folder))
    except OSError:  # it holds something
        pass
