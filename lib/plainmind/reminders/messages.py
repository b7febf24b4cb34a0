"""What goes out together, and in which words: one message for each reminder, or digests of many.

Pure, but for what the journal knows. Refuses to know how messages travel, and what is due.
"""

from collections.abc import Iterator
from typing import NamedTuple

from ..formats import chunks
from ..formats.reminder.occurrence import find_next
from ..formats.reminder.reminder import Reminder, ReminderProblem
from ..ground import clock, masks, zone
from .journal import INTENT, DeliveryJournal, LastStep, Occurrence, digest, make_key

MANY = 10  # messages; more overdue become a digest
LATE = 60 * clock.SECOND  # what cron, once a minute, cannot help
DIGEST = 1900  # characters of a digest's message


class Due(NamedTuple):
    """A reminder to fire, or to be said as missed: when it was meant for, and how many earlier
    occurrences nobody fired."""

    occurrence: Occurrence
    reminder: Reminder
    skipped: int
    missed: bool = False


class Batch(NamedTuple):
    """What goes out as one message.

    `doubt`: when an earlier attempt was made that may have arrived. `worded`: the instant at which
    the text says how late it is; that of the first attempt when `begin`, parts of it, arrived then.
    """

    nonce: str
    of: list[Occurrence]
    text: str
    worded: int
    doubt: int | None = None
    begin: int = 0


def plan_batches(
    due: list[Due], journal: DeliveryJournal, now: int, others: int = 0
) -> list[Batch]:
    """First what was never tried, then what was begun, as it was. `others`: how many more are due.

    Those that were begun take turns at being first, lest one never answered holds up all others.
    """
    begun: dict[str, list[tuple[Due, LastStep]]] = {}
    fresh = []
    for d in due:
        entry = journal.last_step(d.occurrence)
        if entry and (entry.did == INTENT or entry.parts):
            begun.setdefault(entry.nonce, []).append((d, entry))
        else:
            fresh.append(d)
    again = [_continued(nonce, found, now) for nonce, found in begun.items()]
    turn = now // (60 * clock.SECOND) % max(1, len(again))
    if len(fresh) + others > MANY:
        first = list(_digests(fresh, now))
    else:
        first = [Batch(d.occurrence.key, [d.occurrence], compose([d], now), now) for d in fresh]
    return first + again[turn:] + again[:turn]


def _continued(nonce: str, found: list[tuple[Due, LastStep]], now: int) -> Batch:
    """What is left of a message that was tried, or all where it would say something else by now."""
    due = [d for d, _ in found]
    of = [d.occurrence for d in due]
    first = min((entry for _, entry in found), key=lambda entry: entry.at)
    doubt = first.at if any(entry.did == INTENT for _, entry in found) else None
    if first.parts:
        said = compose(due, first.at)
        if digest(said) == first.said:
            return Batch(nonce, of, said, first.at, doubt, first.parts)
        doubt = 0
    return Batch(nonce, of, compose(due, now), now, doubt)


def _digests(due: list[Due], now: int) -> Iterator[Batch]:
    """Batches of as many as one message holds."""
    at = 0
    while at < len(due):
        size, end = 0, at
        while end < len(due) and (end == at or size + _room(due[end], now) <= DIGEST):
            size, end = size + _room(due[end], now), end + 1
        of = [d.occurrence for d in due[at:end]]
        yield Batch(_join_keys(of), of, compose(due[at:end], now), now)
        at = end


def _join_keys(of: list[Occurrence]) -> str:
    return make_key("\n".join(o.key for o in of), of[0].due)


def _room(due: Due, now: int) -> int:
    """Characters of a row, and of more words for being late when it is sent again."""
    return chunks.count_units(_row(due, now)) + 20


def _row(due: Due, now: int) -> str:
    missed = "missed: " if due.missed else ""
    return f"- {_when(due.occurrence.due)} {missed}{due.reminder.msg}{_remarks(due, now)}"


def compose(of: list[Due], now: int) -> str:
    """What to remember first, for a phone shows no more."""
    if len(of) == 1:
        missed = "Missed: " if of[0].missed else ""
        return f"{missed}{of[0].reminder.msg}{_remarks(of[0], now)}"
    how = "were missed" if all(due.missed for due in of) else "are due"
    return "\n".join([f"{len(of)} reminders {how}:", *(_row(due, now) for due in of)])


def _remarks(due: Due, now: int) -> str:
    late, count = now - due.occurrence.due, due.skipped
    some = f"{count} earlier one{'s' if count > 1 else ''}"
    if due.missed:
        said = [f"due {_when(due.occurrence.due)}", *([f"{some} missed, too"] if count else [])]
        coming = find_next(due.reminder, now)
        said += [f"next {_when(coming)}"] if coming is not None else []
    else:
        said = [f"late by {span(late)}"] if late >= LATE else []
        said += [f"{some} skipped"] if count else []
    return f" ({'; '.join(said)})" if said else ""


def _when(instant: int) -> str:
    return f"{zone.to_local(instant):%Y-%m-%d %H:%M}"


def plan_problems(
    name: str, problems: dict[str, ReminderProblem], journal: DeliveryJournal, now: int
) -> Batch:
    """One message on lines of the file `name` that are nearly reminders, by their keys."""
    of = [Occurrence(key, "", now) for key in problems]
    tried = [step for o in of if (step := journal.last_step(o)) and step.did == INTENT]
    rows, size = [], 0
    for problem in problems.values():
        row = f"- line {problem.line}: {_cut(problem.reason, 200)}\n  {_cut(problem.text, 200)}"
        size += chunks.count_units(row) + 1
        if size > DIGEST - 200:
            break
        rows.append(row)
    left, count = len(problems) - len(rows), len(problems)
    title = f"{count} line{'s' if count > 1 else ''} of {name} will not fire:"
    more = [f"and {left} more; see 'remind-list --check'"] if left else []
    text = "\n".join([title, *rows, *more])
    return Batch(_join_keys(of), of, text, now, min((s.at for s in tried), default=None))


def _cut(text: str, most: int) -> str:
    text = "".join(c if c.isprintable() else " " for c in masks.mask(text.strip()))
    return text if len(text) <= most else f"{text[: most - 1]}…"


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
