"""One line of the reminders file added, changed or removed, whoever saves meanwhile."""

import re
from datetime import timedelta
from typing import Any, NamedTuple

from ..formats.reminder import reminder as grammar
from ..formats.reminder.reminder import Reminder
from ..ground import clock, stream
from ..ground.errors import NoInput, Usage
from ..ground.paths import Home
from ..ground.zone import to_day
from . import file, last_scan

#: from today: who moves a reminder to a later day removes it, to turn.may
_AFTER_THIS = timedelta(days=400)


class LineChange(NamedTuple):
    reminder: Reminder
    line: str  # as it stands or stood
    conflicts: list[str]  # where saves that collided are kept


def find(data: bytes, id: str, path: str) -> Reminder:
    """The reminder that has the id. NoInput where none has, Usage where none can."""
    if not re.fullmatch(r"[A-Za-z0-9_-]+", id):
        cure = "give the id of a reminder; list them with remind-list"
        raise Usage(f"'{id}' is not an id", cure=cure)
    for found in grammar.parse(data).reminders:
        if found.id == id:
            return found
    raise NoInput(f"no reminder has the id '{id}'", place=path, cure="list them with remind-list")


def add(home: Home, path: str, new: Reminder, *, dry_run: bool = False) -> LineChange:
    """Write a new reminder at the end of the file."""
    there: list[Reminder] = []

    def change(data: bytes) -> bytes:
        data = data if new.id.encode() in data else grammar.append(data, new)
        there[:] = [find(data, new.id, path)]
        return data

    edited = file.edit(home, path, change, dry_run=dry_run)
    return LineChange(there[0], grammar.render(new), edited.conflicts)


def edit(
    home: Home, path: str, id: str, fields: dict[str, Any], *, dry_run: bool = False
) -> LineChange:
    """Rewrite the line of a reminder with other values for some of its fields."""
    if "msg" in fields:
        grammar.check_message(fields["msg"])
    there: list[Reminder] = []
    moved: list[bool] = []

    def change(data: bytes) -> bytes:
        old = find(data, id, path)
        there[:] = [old._replace(**fields)]
        moved[:] = [there[0].date > old.date]
        return grammar.replace(data, [(old, grammar.render(there[0]).encode())])

    def name_kind(*_: Any) -> str:
        last = to_day(clock.system_now()) + _AFTER_THIS
        return "remove-reminders" if moved[0] and there[0].date > last else "reminders"

    edited = file.edit(home, path, change, dry_run=dry_run, kind=name_kind)
    return LineChange(there[0], grammar.render(there[0]), edited.conflicts)


def remove(home: Home, path: str, id: str, *, dry_run: bool = False) -> LineChange:
    """Take the line of a reminder out of the file."""
    gone: list[Reminder] = []
    others = False

    def change(data: bytes) -> bytes:
        nonlocal others
        others = any(other.id != id for other in grammar.parse(data).reminders)
        try:
            gone[:] = [find(data, id, path)]
        except NoInput:
            if gone:  # somebody saved what it was taken from already
                return data
            raise
        return grammar.remove(data, gone)

    edited = file.edit(home, path, change, dry_run=dry_run, kind="remove-reminders")
    if edited.identity and not others:
        last_scan.expect_none(home)
    return LineChange(gone[0], stream.decode(gone[0].raw), edited.conflicts)
