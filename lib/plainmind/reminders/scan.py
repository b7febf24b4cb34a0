"""Firing what is due, exactly once as far as anybody can tell, whatever is killed.

The order is the whole of it: what is about to be sent is in the journal, on disk, before it is
sent; that it was sent is there before its line is taken out of the file. Killed in between, the
next scan finds an intent in doubt and sends it again, marked; or finds it sent, and only has the
line to remove. Nothing else is remembered of a reminder.

Owns that order. Refuses to know what is due (overdue), what goes out together and in which words
(messages), how messages travel (providers.discord), how a file is changed under a person's hands
(file), and what makes one suspicious (last_scan).
"""

import os
from collections.abc import Callable, Iterator
from functools import cached_property

from ..formats.reminder import reminder as grammar
from ..formats.reminder.occurrence import find_grace
from ..formats.reminder.reminder import Reminder, ReminderProblem
from ..ground import chance, clock, exchange, file_states, files, stream, zone
from ..ground.errors import BadData, Busy, Failure, NoInput
from ..ground.paths import Home
from . import file, last_scan
from .delivery import Delivery, ScanSetup
from .journal import DONE, GONE, KNOWN, SENT, DeliveryJournal, Occurrence, make_key
from .messages import Due, plan_batches, plan_problems
from .overdue import (
    count_skipped,
    find_baseline,
    find_earliest,
    find_overdue,
    find_single,
    to_schedule,
)

RESERVE = 0.5  # seconds a run has left once the last message must have its answer
LOCKING = 0.5  # seconds for whoever else changes the file
HANDS_OFF = 5.0  # seconds after somebody saved the file
TYPING = 60.0  # seconds after it, in which a line that is not complete may be
RIGHT = clock.parse("2025-01-01T00:00:00Z")  # a clock before that is wrong
TICK = 2 * clock.SECOND  # longer than that of any file system's clock


class Scan:
    """One run."""

    def __init__(self, setup: ScanSetup):
        self.setup = setup
        self.path = file.locate(setup.home, setup.env)
        self.seen = self.before = last_scan.load(last_scan.path_of(setup.home))
        self.age = 0.0  # seconds since somebody saved the file
        self.problems: list[ReminderProblem] = []  # lines that are nearly reminders
        self.known: file_states.Identity | None = None  # the file as it was read, or as we left it
        self.unfinished = b""  # a last line that may be half of one
        self.delivery = Delivery(setup, lambda: self.journal)

    @cached_property
    def journal(self) -> DeliveryJournal:
        return DeliveryJournal(self.setup.home.path("remind", "journal.jsonl"))

    def run(self) -> None:
        """Fire what is due. What goes wrong is reported, and never keeps the rest from firing."""
        try:
            self._fire()
        finally:
            last_scan.save(last_scan.path_of(self.setup.home), self.before, self.seen)

    def preview(self) -> Iterator[str]:
        """The messages that a run would send now; nothing is written."""
        for batch in plan_batches(self.list_due()[1], self.journal, self.setup.now):
            yield batch.text
        if untold := self._find_untold():
            name = os.path.basename(self.path)
            yield plan_problems(name, untold, self.journal, self.setup.now).text

    def list_due(self) -> tuple[list[Reminder], list[Due]]:
        """The reminders of the file, and what of them is to have been sent by now and was not, the
        oldest first; nothing is written."""
        reminders = _name_all(self._read() or [])
        late = self._overdue(reminders)
        return reminders, self._due(reminders, late) if late else []

    def _fire(self) -> None:
        now, waiting = self.setup.now, self.seen.jump is not None
        offset = now - clock.since_boot()
        self.seen, trusted = last_scan.judge_clock(self.seen, clock.boot_id(), offset)
        if not trusted:
            if not waiting:
                what = "the clock jumped by more than 3 hours"
                self.setup.say(f"{what}; nothing is fired before a second scan agrees with it")
            return
        self._recover()
        mark = _mark(self.path)
        if self.seen.is_quiet(mark, now):
            return
        self.seen = self.seen._replace(quiet="", since=0, until=0)
        found = self._read() or []
        reminders, late = self._fire_all(found)
        told = self._tell_problems()
        if late:
            self._remove([o for o in late if o.once and self.journal.state_of(o) in (SENT, DONE)])
            self.journal.compact(now)
        elif mark and found and told and len(reminders) == len(found) and not self.unfinished:
            until = find_earliest(reminders, now)
            self.seen = self.seen._replace(quiet=mark, since=now, until=until)

    def _fire_all(self, found: list[Reminder]) -> tuple[list[Reminder], list[Occurrence]]:
        """Send what is due; lines with an id first, for giving ids may fail or take too long."""
        named = [r for r in found if r.id]
        nameless = [r for r in found if not r.id and not self._is_sent_copy(r)]
        self._note_known(named)
        late = self._overdue(named)
        again = [r for r in found if not r.id and r not in nameless]
        self._send(named, late, others=len(self._overdue(_name_all(nameless))))
        if nameless:
            known = {r.id for r in named}
            fresh = [r for r in self._give_ids(nameless) if r.id not in known]
            self._note_known(fresh)
            later = self._overdue(fresh)
            self._send(fresh, later, others=len(late))
            named, late = named + fresh, late + later
        return named, late + [o for r in again if (o := _single(r))]

    # --- the file

    def _read(self) -> list[Reminder] | None:
        """The reminders of the file, None when it is not to be acted upon."""
        try:
            read: file.Snapshot | None = file.read_stable(self.path)
        except NoInput:
            read = None
        data = read.data if read else None
        contents = grammar.parse(data or b"")
        identity = ":".join(map(str, read.identity)) if read else ""
        suspected = last_scan.find_suspicion(self.path, data, contents, self.seen, identity)
        if suspected or data is None or read is None:
            if suspected and suspected != self.seen.told:
                cure = "nothing is fired until it is whole again"
                self.setup.report(BadData(suspected, place=self.path, cure=cure))
            self.seen = self.seen._replace(told=suspected, unended=identity or self.seen.unended)
            return None
        self.unfinished = last_scan.find_unfinished_line(data, contents, self.seen, identity)
        self.problems = contents.problems
        self.seen = last_scan.remember_file(self.seen._replace(told=""), data, contents, identity)
        self.known, self.age = read.identity, file.foreign_edit_age(self.path, None)
        return self._drop_unfinished(contents.reminders)

    def _recover(self) -> None:
        """Clear up after a change of the file that was killed, a person's save among it maybe."""
        folder, name = os.path.split(os.path.realpath(self.path))
        try:
            there = os.listdir(folder) if os.path.isdir(folder) else []
            if any(left.startswith(f".{name}.") for left in there):
                with files.lock(self.setup.home.lock, wait=0):
                    exchange.recover(self.path)
        except Busy:  # somebody is changing it, and clears up first
            pass
        except (Failure, OSError) as error:
            self._report(error)

    def _drop_unfinished(self, reminders: list[Reminder]) -> list[Reminder]:
        return [r for r in reminders if r.raw != self.unfinished] if self.unfinished else reminders

    def _give_ids(self, nameless: list[Reminder]) -> list[Reminder]:
        """Give lines an id; the reminders of the file as it is then."""
        raw = {r.raw for r in nameless}

        def change(data: bytes) -> bytes:
            found = [r for r in grammar.parse(data).reminders if not r.id and r.raw in raw]
            ids = [grammar.draw_id(chance.draw) for r in found]
            # a copy has fired whenever what it was made of had; on disk before it has its id
            named = [r._replace(id=id) for r, id in zip(found, ids, strict=True) if r.copy_of]
            self._note_known(named)
            lines = [grammar.add_id(r, id) for r, id in zip(found, ids, strict=True)]
            return grammar.replace(data, list(zip(found, lines, strict=True)))

        if not self._edit(change):
            return []
        there = grammar.parse(file.read_stable(self.path).data).reminders
        return [r for r in self._drop_unfinished(there) if r.id]

    def _edit(self, change: Callable[[bytes], bytes]) -> bool:
        """Whether the file was changed. If not, what needs no change fires all the same."""
        try:
            edited = file.edit(self.setup.home, self.path, change, wait=LOCKING)
        except (Failure, OSError) as error:
            self._report(error)
            return False
        self.known = edited.identity or self.known
        for conflict in edited.conflicts:
            what = f"{self.path} was saved at the same moment"
            self.setup.say(f"{what}; what was saved is kept in {conflict}")
        return True

    def _report(self, error: Failure | OSError) -> None:
        self.setup.report(files.to_failure(error))

    def _remove(self, gone: list[Occurrence]) -> None:
        """Take the lines of what was sent out of the file; while a person edits it, do so later."""
        if not gone or self.age < HANDS_OFF or not os.path.exists(self.path):
            return
        if file.foreign_edit_age(self.path, self.known) < HANDS_OFF:
            return
        keys = {o.key for o in gone}

        def change(data: bytes) -> bytes:
            there = grammar.parse(data).reminders
            sent = [r for r in there if (o := _single(r)) and o.key in keys]
            return grammar.remove(data, sent)

        if self._edit(change):
            left = grammar.parse(file.read_stable(self.path).data).reminders
            self.seen = self.seen._replace(reminders=bool(left))
            if new := [o for o in gone if self.journal.state_of(o) == SENT]:
                self.journal.record(DONE, "", new, self.setup.now)

    # --- what is due, and sending it

    def _overdue(self, reminders: list[Reminder]) -> list[Occurrence]:
        """The occurrences that are to have been sent, or said as missed, by now."""
        return list(find_overdue(reminders, self.setup.now, self._since))

    def _since(self, reminder: Reminder) -> int:
        """Occurrences of a recurring reminder after this instant are still to come, or missed."""
        now, times = self.setup.now, to_schedule(reminder)
        sent = self.journal.sent_until(reminder.copy_of or reminder.id, now)
        since = self.journal.known_since(reminder.id, times, now)
        if since is None:
            known = self.journal.last_known(reminder.id)
            if known is None and sent is not None:
                return sent  # by a version that did not write down what it knew
            if known and known.due <= now:
                plain, _, was = known.key.rpartition(" ")
                if times.startswith(f"{plain} "):  # in another zone: what was sent there is sent
                    return zone.move(max(known.due, sent or known.due), was)
            grace = find_grace(reminder.recur, self.setup.grace)
            return find_baseline(reminder, now, grace, sent)
        return since if sent is None else max(since, sent)

    def _note_known(self, reminders: list[Reminder]) -> None:
        """Write down from when on what recurs can be missed, where that is not known."""
        now = self.setup.now
        fresh = [
            Occurrence(times, r.id, self._since(r), False)
            for r in reminders
            if r.recur != "none"
            and self.journal.known_since(r.id, times := to_schedule(r), now) is None
        ]
        if fresh and now >= RIGHT:
            self.journal.record(KNOWN, "", fresh, now)

    def _is_sent_copy(self, reminder: Reminder) -> bool:
        """Whether a line says what was sent already, of a synchroniser that merged, say."""
        found = _single(reminder) if reminder.copy_of else None
        return found is not None and self.journal.state_of(found) in (SENT, DONE)

    def _due(self, reminders: list[Reminder], late: list[Occurrence]) -> list[Due]:
        """Those not known to be sent, oldest first."""
        by_id = {r.id: r for r in reminders}
        due = []
        for o in late:
            if self.journal.state_of(o) in (SENT, DONE):
                continue
            r, skipped, missed = by_id[o.id], 0, False
            if not o.once:
                skipped = count_skipped(r, o, self._since(r))
                missed = self.setup.now - o.due > find_grace(r.recur, self.setup.grace)
            due.append(Due(o, r, skipped, missed))
        return sorted(due, key=lambda d: (d.occurrence.due, d.reminder.line))

    def _is_told(self, key: str) -> bool:
        return self.journal.state_of(Occurrence(key, "", 0)) in (SENT, DONE)

    def _send(self, reminders: list[Reminder], late: list[Occurrence], others: int) -> None:
        """Send what is due of them, while `others` wait for it."""
        if late and self.delivery.reachable:
            due = self._due(reminders, late)
            self.delivery.send_all(plan_batches(due, self.journal, self.setup.now, others))

    def _tell_problems(self) -> bool:
        """Say once which lines are nearly reminders; whether nothing of that is left to do."""
        if not self.problems and not self.before.nearly:
            return True
        now = self.setup.now
        there = {_problem_key(problem) for problem in self.problems}
        if gone := [o for o in self.journal.told_lines() if o.key not in there]:
            self.journal.record(GONE, "", gone, now)
        untold = self._find_untold()
        if untold and self.delivery.reachable:
            name = os.path.basename(self.path)
            self.delivery.send_all([plan_problems(name, untold, self.journal, now)])
        return all(self._is_told(key) for key in there)

    def _find_untold(self) -> dict[str, ReminderProblem]:
        """The lines to be told of, by their keys, without those that somebody is typing."""
        typing = self.before.boot != "" and self.age < TYPING
        return {
            key: problem
            for problem in self.problems
            if not (typing and problem.unfinished)
            and not self._is_told(key := _problem_key(problem))
        }


def _single(reminder: Reminder) -> Occurrence | None:
    """The one occurrence of a line that fires once; of a copy, as that of what it is a copy of."""
    return find_single(reminder._replace(id=reminder.id or reminder.copy_of))


def _problem_key(problem: ReminderProblem) -> str:
    """By what the line says and why, wherever in the file that is."""
    reason = "".join(c for c in problem.reason if not c.isdigit())
    return make_key("", 0, f"{reason}\n{problem.text}")


def find_other_host(host: str) -> str:
    """Who fires, where it is not this machine: `host` is its name, or the first part of it."""
    name = os.uname().nodename
    here = name.lower()
    ours = host.lower() in ("", here, here.partition(".")[0])
    return "" if ours else f"host '{host}' fires, this is '{name}'"


def note_overrun(home: Home, what: str) -> None:
    """Write down that a run took too long, in the maintenance log."""
    path = home.path("raw", "maintenance-log", "remind-scan.jsonl")
    files.make_folder(os.path.dirname(path))
    at = clock.to_text(clock.system_now())
    files.append(path, stream.json_record({"at": at, "what": what}))


def _name_all(reminders: list[Reminder]) -> list[Reminder]:
    """Those without an id with one that no line can have."""
    return [r if r.id else r._replace(id=f"line {r.line}") for r in reminders]


def _mark(path: str) -> str:
    """What changes with every change of a file; '' for one that is missing, or was changed so
    lately that it may be changed again within one tick of the clock."""
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return ""
    if clock.system_now() - found.st_ctime_ns // 1_000_000 < TICK:
        return ""
    times = f"{found.st_mtime_ns}:{found.st_ctime_ns}:{zone.name()}"  # another zone, other instants
    return f"{found.st_dev}:{found.st_ino}:{found.st_size}:{times}"
