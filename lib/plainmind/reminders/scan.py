"""Firing what is due, exactly once as far as anybody can tell, whatever is killed.

The order is the whole of it: what is about to be sent is in the journal, on disk, before it is sent; that it was sent is
there before its line is taken out of the file. Killed in between, the next scan finds an intent in doubt and
sends it again, marked; or finds it sent, and only has the line to remove. Nothing else is remembered of a reminder.

Owns that order, what counts as due, and the words around a message. Refuses to know how messages travel
(providers.discord), how a file is changed under a person's hands (file), and what makes one suspicious (watch).
"""

import os
from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import NamedTuple, Protocol

from ..formats import chunks, occurrence
from ..formats import reminder as grammar
from ..formats.reminder import Reminder
from ..ground import chance, clock, exchange, files, stream
from ..ground.environment import Environment
from ..ground.errors import BadData, Busy, Failure, Misconfigured, NoInput, Unavailable
from ..ground.paths import Home
from . import file, watch
from .journal import DONE, FAILED, INTENT, SENT, Journal, Occurrence, key

BUDGET = 3.0  # seconds a run may take
SENDING = 2.5  # of them until the last message must have an answer
MANY = 10  # messages; more overdue become a digest
HANDS_OFF = 5.0  # seconds after somebody saved the file
TICK = 2 * clock.SECOND  # longer than that of any file system's clock
HOUR = timedelta(hours=1)
LATE = 60 * clock.SECOND  # what cron, once a minute, cannot help
DIGEST = 1900  # characters of a digest's message


class Deliverer(Protocol):
    remembers: float

    def send(self, text: str, *, nonce: str, deadline: float, doubt: bool = False) -> list[str]: ...


class Due(NamedTuple):
    """A reminder to fire: when it was meant for, and how many earlier occurrences nobody fired."""

    occurrence: Occurrence
    reminder: Reminder
    skipped: int


class Batch(NamedTuple):
    """What goes out as one message. `doubt`: when an earlier attempt was made that may have arrived."""

    nonce: str
    of: list[Due]
    doubt: int | None


class Means(NamedTuple):
    """What a scan needs of whoever runs it. `now` is fixed for the whole run; `deliverer` is asked for when something is due."""

    home: Home
    env: Environment
    grace: int  # ms
    now: int
    started: float  # monotonic
    deliverer: Callable[[], Deliverer | None]
    report: Callable[[Failure], None]
    say: Callable[[str], None]


class Scan:
    """One run."""

    def __init__(self, means: Means):
        self.means = means
        self.path = file.place(means.home, means.env)
        self.folder = means.home.path("remind")
        self.seen = self.before = watch.load(os.path.join(self.folder, "seen.json"))
        self.recent = False  # somebody saved the file a moment ago
        self.known: files.Identity | None = None  # the file as it was read, or as we left it
        self.unfinished = b""  # a last line that may be half of one

    @cached_property
    def journal(self) -> Journal:
        return Journal(os.path.join(self.folder, "journal.jsonl"))

    def run(self) -> None:
        """Fire what is due. What goes wrong is reported, and never keeps the rest from firing."""
        try:
            self._fire()
        finally:
            watch.save(os.path.join(self.folder, "seen.json"), self.before, self.seen)

    def preview(self) -> Iterator[str]:
        """The messages that a run would send now; nothing is written."""
        reminders = [r if r.id else r._replace(id=f"line-{r.line}") for r in self._read() or []]
        overdue = list(self._overdue(reminders))
        for batch in batches(self._due(reminders, overdue), self.journal, self.means.now) if overdue else ():
            yield text(batch, self.means.now)

    def _fire(self) -> None:
        offset = self.means.now - clock.since_boot()
        waiting = self.seen.jump is not None
        self.seen, trusted = watch.clocked(self.seen, clock.boot(), offset)
        if not trusted:
            if not waiting:
                self.means.say("the clock jumped by more than 3 hours; nothing is fired before a second scan agrees with it")
            return
        self._recover()
        mark = _mark(self.path)
        if mark and mark == self.seen.quiet and self.means.now < self.seen.until:
            return
        self.seen = self.seen._replace(quiet="", until=0)
        found = self._read() or []
        reminders = self._identified(found)
        overdue = list(self._overdue(reminders))
        if not overdue:
            if mark and found and len(reminders) == len(found) and not self.unfinished:
                self.seen = self.seen._replace(quiet=mark, until=not_before(reminders, self.means.now))
            return
        self._send(batches(self._due(reminders, overdue), self.journal, self.means.now))
        self._remove([o for o in overdue if o.once and self.journal.did(o) in (SENT, DONE)])
        self.journal.compact(self.means.now)

    # --- the file

    def _read(self) -> list[Reminder] | None:
        """The reminders of the file, None when it is not to be acted upon."""
        try:
            read: file.Snapshot | None = file.stable_read(self.path)
        except NoInput:
            read = None
        data = read.data if read else None
        contents = grammar.read(data or b"")
        identity = ":".join(map(str, read.identity)) if read else ""
        suspected = watch.suspicion(self.path, data, contents, self.seen, identity)
        if suspected or data is None or read is None:
            if suspected and suspected != self.seen.told:
                self.means.report(BadData(suspected, place=self.path, cure="nothing is fired until it is whole again"))
            self.seen = self.seen._replace(told=suspected, unended=identity or self.seen.unended)
            return None
        self.unfinished = watch.unfinished_line(data, self.seen, identity)
        self.seen = watch.looked_at(self.seen._replace(told=""), data, contents, identity)
        self.known, self.recent = read.identity, file.foreign_edit_age(self.path, None) < HANDS_OFF
        return self._whole(contents.reminders)

    def _recover(self) -> None:
        """Clear up after a change of the file that was killed, a person's save among it maybe."""
        folder, name = os.path.split(os.path.realpath(self.path))
        if os.path.isdir(folder) and any(left.startswith(f".{name}.") for left in os.listdir(folder)):
            try:
                with files.lock(self.means.home.lock, wait=0):
                    exchange.recover(self.path)
            except Busy:  # somebody is changing it, and clears up first
                pass

    def _whole(self, reminders: list[Reminder]) -> list[Reminder]:
        return [r for r in reminders if r.raw != self.unfinished] if self.unfinished else reminders

    def _identified(self, reminders: list[Reminder]) -> list[Reminder]:
        """The reminders, those without an id given one in the file."""
        if all(r.id for r in reminders):
            return reminders
        nameless = {r.raw for r in reminders if not r.id}

        def change(data: bytes) -> bytes:
            found = [r for r in grammar.read(data).reminders if not r.id and r.raw in nameless]
            return grammar.replaced(data, [(r, grammar.with_id(r.raw, grammar.new_id(chance.draw))) for r in found])

        if not self._edited(change):
            return [r for r in reminders if r.id]
        return [r for r in self._whole(grammar.read(file.stable_read(self.path).data).reminders) if r.id]

    def _edited(self, change: Callable[[bytes], bytes]) -> bool:
        """Whether the file was changed. When it cannot be, reminders that need no change fire all the same."""
        try:
            edited = file.edit(self.means.home, self.path, change)
        except (Failure, OSError) as error:
            self.means.report(files.failure(error) if isinstance(error, OSError) else error)
            return False
        self.known = edited.identity or self.known
        for conflict in edited.conflicts:
            self.means.say(f"{self.path} was saved at the same moment; what was saved is kept in {conflict}")
        return True

    def _remove(self, gone: list[Occurrence]) -> None:
        """Take the lines of what was sent out of the file; not while a person is at it, for the next scan can, too."""
        if not gone or self.recent or not os.path.exists(self.path) or file.foreign_edit_age(self.path, self.known) < HANDS_OFF:
            return
        keys = {o.key for o in gone}

        def change(data: bytes) -> bytes:
            return grammar.without(data, [r for r in grammar.read(data).reminders if (o := once(r)) and o.key in keys])

        if self._edited(change):
            left = grammar.read(file.stable_read(self.path).data).reminders
            self.seen = self.seen._replace(reminders=bool(left))
            new = [o for o in gone if self.journal.did(o) == SENT]
            if new:
                self.journal.record(DONE, "", new, self.means.now)

    # --- what is due

    def _overdue(self, reminders: Iterable[Reminder]) -> Iterator[Occurrence]:
        """The occurrences that are to have been sent by now: all of what fires once, the latest of what recurs."""
        now, since = self.means.now, self.means.now - self.means.grace
        # a local time may be moved, or come twice, by an hour
        first, last = occurrence.local(since) - HOUR, occurrence.local(now) + HOUR
        for r in reminders:
            if r.date > last.date():
                continue
            if r.recur == "none":
                found = once(r)
                if found and found.due <= now:
                    yield found
            elif may_recur(r, first, last) and (due := self._missed(r, since)) is not None:
                yield Occurrence(key(r.id, due), r.id, due, False)

    def _missed(self, reminder: Reminder, since: int) -> int | None:
        """The latest occurrence of one that recurs, unless it was sent, or is of before `since`."""
        latest = occurrence.latest_before(reminder, self.means.now)
        # not the time, but the order: one that was moved to an earlier hour after it fired today has fired today
        after = max(since, self.journal.sent_until.get(reminder.id, 0) + 1)
        return latest[0] if latest and latest[0] >= after else None

    def _due(self, reminders: list[Reminder], overdue: list[Occurrence]) -> list[Due]:
        """Overdue and not known to be sent, oldest first."""
        by_id = {r.id: r for r in reminders}
        due = []
        for o in overdue:
            if self.journal.did(o) in (SENT, DONE):
                continue
            reminder = by_id[o.id]
            found = None if o.once else occurrence.latest_before(reminder, o.due, self.journal.sent_until.get(o.id))
            due.append(Due(o, reminder, found[1] if found else 0))
        return sorted(due, key=lambda d: (d.occurrence.due, d.reminder.line))

    # --- sending

    def _send(self, planned: list[Batch]) -> None:
        deliverer = None
        for number, batch in enumerate(planned):
            try:
                deliverer = deliverer or self._deliverer()
                self._send_one(deliverer, batch)
            except BadData as refused:  # this message, not the others
                self.means.report(refused)
            except (Unavailable, Misconfigured) as failure:
                left = sum(len(b.of) for b in planned[number:])
                cure = f"; {failure.cure}" if failure.cure else ""
                failure.cure = f"{left} reminder{'s are' if left > 1 else ' is'} due, and the next scan tries again{cure}"
                self.means.report(failure)
                return

    def _deliverer(self) -> Deliverer:
        found = self.means.deliverer()
        if found is None:
            cure = "set DISCORD_WEBHOOK_URL, or DISCORD_TOKEN and DISCORD_CHANNEL_ID, or use --stdout"
            raise Misconfigured("nothing says where to send reminders", cure=cure)
        return found

    def _send_one(self, deliverer: Deliverer, batch: Batch) -> None:
        now, of = self.means.now, [due.occurrence for due in batch.of]
        # the nonce of an attempt that is too long ago, or in the future, is not known any more
        doubt = batch.doubt is not None and not 0 <= now - batch.doubt < deliverer.remembers * clock.SECOND
        self.journal.record(INTENT, batch.nonce, of, now if batch.doubt is None else batch.doubt)
        try:
            messages = deliverer.send(text(batch, now), nonce=batch.nonce, deadline=self.means.started + SENDING, doubt=doubt)
        except Failure as failure:
            if failure.undone and batch.doubt is None:
                self.journal.record(FAILED, batch.nonce, of, now)
            raise
        self.journal.record(SENT, batch.nonce, of, now, messages)


def _mark(path: str) -> str:
    """What nobody can change a file without changing; '' for one that is missing, or was changed so lately that it may be
    changed again within one tick of the clock."""
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return ""
    if clock.system_now() - found.st_ctime_ns // 1_000_000 < TICK:
        return ""
    return f"{found.st_dev}:{found.st_ino}:{found.st_size}:{found.st_mtime_ns}:{found.st_ctime_ns}"


def not_before(reminders: list[Reminder], now: int) -> int:
    """An instant before which none of them is due, when none is now; at most a day from now.

    Each that recurs is taken for a daily one: too early costs a look, and knowing better costs more.
    """
    here = occurrence.local(now)
    today, tomorrow = here.date(), here.date() + timedelta(1)

    def next_day(r: Reminder) -> date:
        return r.date if r.date > today else today if r.time > here.time() else tomorrow

    day, time = min((r.date if r.recur == "none" else next_day(r), r.time) for r in reminders)
    return min(now + clock.DAY, occurrence.instant(day, time))


def may_recur(reminder: Reminder, first: datetime, last: datetime) -> bool:
    """Whether a recurring reminder has a time between two local ones. A look that costs little, and knows no zone."""
    for days in range((last.date() - first.date()).days + 1):
        day = first.date() + timedelta(days)
        if reminder.date <= day and first <= datetime.combine(day, reminder.time) <= last and _falls_on(reminder, day):
            return True
    return False


def _falls_on(reminder: Reminder, day: date) -> bool:
    if reminder.recur == "monthly":
        return day.day == reminder.date.day or (day.day < reminder.date.day and (day + timedelta(1)).day == 1)
    return reminder.recur == "daily" or (day - reminder.date).days % 7 == 0


def once(reminder: Reminder) -> Occurrence | None:
    """The one occurrence of a reminder that does not recur."""
    due = occurrence.occurrence(reminder, 0) if reminder.recur == "none" and reminder.id else None
    return None if due is None else Occurrence(key(reminder.id, due), reminder.id, due)


def batches(due: list[Due], journal: Journal, now: int) -> list[Batch]:
    """What goes out together: one message for each reminder, or digests of many; then what is in doubt, as it was.

    Those in doubt take turns at being the first, so that one which no server ever answers holds up no other for ever.
    """
    doubtful: dict[str, list[Due]] = {}
    fresh = []
    for d in due:
        entry = journal.entries.get(d.occurrence.key)
        if entry and entry.did == INTENT:
            doubtful.setdefault(entry.nonce, []).append(d)
        else:
            fresh.append(d)
    again = [Batch(nonce, of, min(journal.entries[d.occurrence.key].at for d in of)) for nonce, of in doubtful.items()]
    turn = now // (60 * clock.SECOND) % max(1, len(again))
    single = [Batch(d.occurrence.key, [d], None) for d in fresh]
    return (single if len(fresh) <= MANY else list(_digests(fresh, now))) + again[turn:] + again[:turn]


def _digests(due: list[Due], now: int) -> Iterator[Batch]:
    """Batches of as many as one message holds."""
    at = 0
    while at < len(due):
        size, end = 0, at
        while end < len(due) and (end == at or size + _room(due[end], now) <= DIGEST):
            size, end = size + _room(due[end], now), end + 1
        of = due[at:end]
        yield Batch(key("\n".join(d.occurrence.key for d in of), of[0].occurrence.due), of, None)
        at = end


def _room(due: Due, now: int) -> int:
    return chunks.length(_row(due, now)) + 20  # being late may take more words by the time it is sent again


def _row(due: Due, now: int) -> str:
    return f"- {occurrence.local(due.occurrence.due):%Y-%m-%d %H:%M} {due.reminder.msg}{_remarks(due, now)}"


def text(batch: Batch, now: int) -> str:
    """A message: what is to be remembered first, for a phone shows no more."""
    if len(batch.of) == 1:
        return f"{batch.of[0].reminder.msg}{_remarks(batch.of[0], now)}"
    return "\n".join([f"{len(batch.of)} reminders are due:", *(_row(due, now) for due in batch.of)])


def _remarks(due: Due, now: int) -> str:
    late = now - due.occurrence.due
    said = [f"late by {span(late)}"] if late >= LATE else []
    if due.skipped:
        said.append(f"{due.skipped} earlier one{'s' if due.skipped > 1 else ''} skipped")
    return f" ({'; '.join(said)})" if said else ""


def span(ms: int) -> str:
    """`3 min`, `2 h 5 min`, `4 days 2 h`: the two largest units."""
    minutes = ms // 60_000
    days, hours, minutes = minutes // 1440, minutes // 60 % 24, minutes % 60
    parts = [
        f"{days} day{'s' if days > 1 else ''}" if days else "",
        f"{hours} h" if hours else "",
        f"{minutes} min" if minutes else "",
    ]
    return " ".join([part for part in parts if part][:2])


class Printed:
    """Delivery to standard output, for pipes and for a look."""

    remembers = 0.0

    def send(self, text: str, *, nonce: str, deadline: float, doubt: bool = False) -> list[str]:
        stream.write(f"{text} (possibly repeated)\n" if doubt else f"{text}\n")
        stream.flush()
        return []


def here(host: str) -> bool:
    """Whether this is the machine that fires: its name, or the first part of it."""
    name = os.uname().nodename.lower()
    return host.lower() in ("", name, name.partition(".")[0])


def only_one(home: Home):
    """The lock of a scan, which nobody waits for."""
    return files.lock(home.path("remind", "lock"), wait=0)


def overran(home: Home, what: str) -> None:
    """Write down that a run took too long, in the maintenance log."""
    path = home.path("raw", "maintenance-log", "remind-scan.jsonl")
    files.make_folder(os.path.dirname(path))
    files.append(path, stream.encode(stream.json_line({"at": clock.text(clock.system_now()), "what": what}) + "\n"))
