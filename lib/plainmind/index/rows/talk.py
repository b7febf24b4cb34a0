"""How much was said when and where."""

from ..engine import Talk
from .database import SqlConnection
from .events import BITS


def between(db: SqlConnection, first: int, last: int) -> list[Talk]:
    found = db.execute(
        "SELECT windows.context, role, count(*), max(unix_ms) "
        f"FROM events JOIN windows ON windows.id = events.id >> {BITS} "
        "WHERE unix_ms BETWEEN ? AND ? GROUP BY windows.context, role ORDER BY 4 DESC, 1, 2",
        (first, last),
    )
    return [Talk(*row) for row in found]
