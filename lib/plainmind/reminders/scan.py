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
from typing import NamedTuple

from ..formats.reminder import reminder as grammar
from ..formats.reminder.reminder import Reminder
from ..ground import chance, clock, exchange, files
from ..ground.environment import Environment
from ..ground.errors import BadData, Busy, Failure, Misconfigured, NoInput, Unavailable
from ..ground.paths import Home
from . import file, last_scan
from .delivery import ReminderDeliverer
from .journal import DONE, FAILED, INTENT, SENT, DeliveryJournal, Occurrence, digest
from .messages import Batch, Due, plan_batches
from .overdue import count_skipped, find_earliest, find_overdue, find_single

BUDGET = 3.0  # seconds a run may take
SENDING = 2.5  # of them until the last message must have an answer
LOCKING = 0.5  # of them for whoever else changes the file
HANDS_OFF = 5.0  # seconds after somebody saved the file
TICK = 2 * clock.SECOND  # longer than that of any file system's clock


class ScanSetup(NamedTuple):
    """What a scan needs of whoever runs it. `now` is fixed for the whole run; `deliverer` is asked
    for when something is due."""

    home: Home
    env: Environment
    grace: int  # ms
    now: int
    started: float  # monotonic
    deliverer: Callable[[], ReminderDeliverer | None]
    report: Callable[[Failure], None]
    say: Callable[[str], None]


class Scan:
    """One run."""

    def __init__(self, setup: ScanSetup):
        self.setup = setup
        self.path = file.locate(setup.home, setup.env)
        self.seen = self.before = last_scan.load(last_scan.path_of(setup.home))
        self.recent = False  # somebody saved the file a moment ago
        self.known: files.Identity | None = None  # the file as it was read, or as we left it
        self.unfinished = b""  # a last line that may be half of one
        self.reachable = True  # as far as is known

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
        reminders = _name_all(self._read() or [])
        late = self._overdue(reminders)
        for batch in (
            plan_batches(self._due(reminders, late), self.journal, self.setup.now) if late else ()
        ):
            yield batch.text

    def _fire(self) -> None:
        offset = self.setup.now - clock.since_boot()
        waiting = self.seen.jump is not None
        self.seen, trusted = last_scan.judge_clock(self.seen, clock.boot_id(), offset)
        if not trusted:
            if not waiting:
                self.setup.say(
                    "the clock jumped by more than 3 hours; "
                    "nothing is fired before a second scan agrees with it"
                )
            return
        self._recover()
        mark = _mark(self.path)
        if self.seen.is_quiet(mark, self.setup.now):
            return
        self.seen = self.seen._replace(quiet="", since=0, until=0)
        found = self._read() or []
        reminders, late = self._fire_all(found)
        if late:
            self._remove([o for o in late if o.once and self.journal.state_of(o) in (SENT, DONE)])
            self.journal.compact(self.setup.now)
        elif mark and found and len(reminders) == len(found) and not self.unfinished:
            now = self.setup.now
            self.seen = self.seen._replace(
                quiet=mark, since=now, until=find_earliest(reminders, now)
            )

    def _fire_all(self, found: list[Reminder]) -> tuple[list[Reminder], list[Occurrence]]:
        """Send what is due. First of the lines that have an id: giving ids may fail, or take all
        the time there is."""
        named = [r for r in found if r.id]
        nameless = [r for r in found if not r.id]
        late = self._overdue(named)
        self._send(named, late, others=len(self._overdue(_name_all(nameless))))
        if nameless:
            known = {r.id for r in named}
            fresh = [r for r in self._give_ids(nameless) if r.id not in known]
            later = self._overdue(fresh)
            self._send(fresh, later, others=len(late))
            named, late = named + fresh, late + later
        return named, late

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
                self.setup.report(
                    BadData(
                        suspected, place=self.path, cure="nothing is fired until it is whole again"
                    )
                )
            self.seen = self.seen._replace(told=suspected, unended=identity or self.seen.unended)
            return None
        self.unfinished = last_scan.find_unfinished_line(data, self.seen, identity)
        self.seen = last_scan.remember_file(self.seen._replace(told=""), data, contents, identity)
        self.known, self.recent = read.identity, file.foreign_edit_age(self.path, None) < HANDS_OFF
        return self._drop_unfinished(contents.reminders)

    def _recover(self) -> None:
        """Clear up after a change of the file that was killed, a person's save among it maybe."""
        folder, name = os.path.split(os.path.realpath(self.path))
        try:
            if os.path.isdir(folder) and any(
                left.startswith(f".{name}.") for left in os.listdir(folder)
            ):
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
            return grammar.replace(
                data, [(r, grammar.add_id(r.raw, grammar.draw_id(chance.draw))) for r in found]
            )

        if not self._edit(change):
            return []
        return [
            r
            for r in self._drop_unfinished(
                grammar.parse(file.read_stable(self.path).data).reminders
            )
            if r.id
        ]

    def _edit(self, change: Callable[[bytes], bytes]) -> bool:
        """Whether the file was changed. When it cannot be, reminders that need no change fire all
        the same."""
        try:
            edited = file.edit(self.setup.home, self.path, change, wait=LOCKING)
        except (Failure, OSError) as error:
            self._report(error)
            return False
        self.known = edited.identity or self.known
        for conflict in edited.conflicts:
            self.setup.say(
                f"{self.path} was saved at the same moment; what was saved is kept in {conflict}"
            )
        return True

    def _report(self, error: Failure | OSError) -> None:
        self.setup.report(files.to_failure(error) if isinstance(error, OSError) else error)

    def _remove(self, gone: list[Occurrence]) -> None:
        """Take the lines of what was sent out of the file; not while a person is at it, for the
        next scan can, too."""
        if (
            not gone
            or self.recent
            or not os.path.exists(self.path)
            or file.foreign_edit_age(self.path, self.known) < HANDS_OFF
        ):
            return
        keys = {o.key for o in gone}

        def change(data: bytes) -> bytes:
            return grammar.remove(
                data,
                [
                    r
                    for r in grammar.parse(data).reminders
                    if (o := find_single(r)) and o.key in keys
                ],
            )

        if self._edit(change):
            left = grammar.parse(file.read_stable(self.path).data).reminders
            self.seen = self.seen._replace(reminders=bool(left))
            new = [o for o in gone if self.journal.state_of(o) == SENT]
            if new:
                self.journal.record(DONE, "", new, self.setup.now)

    # --- what is due, and sending it

    def _overdue(self, reminders: list[Reminder]) -> list[Occurrence]:
        """The occurrences that are to have been sent by now."""
        now = self.setup.now
        return list(
            find_overdue(
                reminders, now, self.setup.grace, lambda id: self.journal.sent_until(id, now)
            )
        )

    def _due(self, reminders: list[Reminder], late: list[Occurrence]) -> list[Due]:
        """Those not known to be sent, oldest first."""
        by_id = {r.id: r for r in reminders}
        due = [
            Due(
                o,
                by_id[o.id],
                count_skipped(by_id[o.id], o, self.journal.sent_until(o.id, self.setup.now)),
            )
            for o in late
            if self.journal.state_of(o) not in (SENT, DONE)
        ]
        return sorted(due, key=lambda d: (d.occurrence.due, d.reminder.line))

    def _send(self, reminders: list[Reminder], late: list[Occurrence], others: int) -> None:
        """Send what is due of them, while `others` wait for it."""
        planned = (
            plan_batches(self._due(reminders, late), self.journal, self.setup.now, others)
            if late and self.reachable
            else []
        )
        deliverer = None
        for number, batch in enumerate(planned):
            try:
                deliverer = deliverer or self._deliverer()
                self._send_one(deliverer, batch)
            except BadData as refused:  # this message, not the others
                refused.cure = (
                    f"change the message of {batch.of[0].reminder.id}; the next scan tries again"
                )
                self.setup.report(refused)
            except (Unavailable, Misconfigured) as failure:
                left = sum(len(b.of) for b in planned[number:])
                cure = f"; {failure.cure}" if failure.cure else ""
                due = f"{left} reminder{'s are' if left > 1 else ' is'} due"
                failure.cure = f"{due}, and the next scan tries again{cure}"
                self.setup.report(failure)
                self.reachable = False
                return

    def _deliverer(self) -> ReminderDeliverer:
        found = self.setup.deliverer()
        if found is None:
            cure = (
                "set DISCORD_WEBHOOK_URL, or DISCORD_TOKEN and DISCORD_CHANNEL_ID, or use --stdout"
            )
            raise Misconfigured("nothing says where to send reminders", cure=cure)
        return found

    def _send_one(self, deliverer: ReminderDeliverer, batch: Batch) -> None:
        """Each part that arrived is written down before the next one is sent: only one without an
        answer is in doubt."""
        journal, nonce, now, of = (
            self.journal,
            batch.nonce,
            self.setup.now,
            [due.occurrence for due in batch.of],
        )
        said, progress = digest(batch.text), batch.begin

        def arrived(sent: int, parts: int, message: str) -> None:
            nonlocal progress
            progress = sent
            if sent < parts:
                journal.record(INTENT, nonce, of, batch.worded, [message], sent, said)

        # the nonce of an attempt that is too long ago, or in the future, is not known any more
        doubt = (
            batch.doubt is not None
            and not 0 <= now - batch.doubt < deliverer.remembers * clock.SECOND
        )
        journal.record(
            INTENT,
            nonce,
            of,
            batch.worded if batch.doubt is None else batch.doubt,
            (),
            progress,
            said,
        )
        deadline = self.setup.started + SENDING
        try:
            messages = deliverer.send(
                batch.text,
                nonce=nonce,
                deadline=deadline,
                doubt=doubt,
                begin=progress,
                arrived=arrived,
            )
        except Failure as failure:
            if failure.undone and (batch.doubt is None or progress > batch.begin):
                journal.record(FAILED, nonce, of, batch.worded, (), progress, said)
            raise
        journal.record(SENT, nonce, of, now, messages)


def _name_all(reminders: list[Reminder]) -> list[Reminder]:
    """Those without an id with one that no line can have."""
    return [r if r.id else r._replace(id=f"line {r.line}") for r in reminders]


def _mark(path: str) -> str:
    """What nobody can change a file without changing; '' for one that is missing, or was changed so
    lately that it may be changed again within one tick of the clock."""
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return ""
    if clock.system_now() - found.st_ctime_ns // 1_000_000 < TICK:
        return ""
    return f"{found.st_dev}:{found.st_ino}:{found.st_size}:{found.st_mtime_ns}:{found.st_ctime_ns}"
