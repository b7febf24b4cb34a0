"""How much was said when and where."""

import sqlite3

from ..engine import Talk
from .events import BITS


def between(db: sqlite3.Connection, first: int, last: int) -> list[Talk]:
    found = db.execute(
        "SELECT windows.context, role, count(*), max(unix_ms) "
        f"FROM events JOIN windows ON windows.id = events.id >> {BITS} "
        "WHERE unix_ms BETWEEN ? AND ? GROUP BY windows.context, role ORDER BY 4 DESC, 1, 2",
        (first, last),
    )
    return [Talk(*row) for row in found]
