"""What is embedded, as the rows have it: of events, each with the start of the one before it, and
of pages, passage by passage."""

from collections.abc import Iterator, Sequence

from .. import embedding
from ..reading import EMBEDDED, embedded_text
from .database import SqlConnection

_ROLES = ", ".join(f"'{role}'" for role in EMBEDDED)
#: events that are embedded, as `event`, each with the one that is embedded with it, as `before`
WITH_BEFORE = (
    "LEFT JOIN events AS before ON before.id = (SELECT max(id) FROM events AS e "
    f"WHERE e.id >= event.episode AND e.id < event.id AND e.role IN ({_ROLES})) "
    f"WHERE event.role IN ({_ROLES})"
)


def of_events(
    db: SqlConnection, which: str, values: Sequence[int] = ()
) -> Iterator[tuple[str, int]]:
    """(text, `same`) of the events that an SQL condition names."""
    rows = db.execute(
        "SELECT event.same, event.author, event.content, before.author, before.content "
        f"FROM events AS event {WITH_BEFORE} AND {which}",
        values,
    )
    for same, *said in rows:
        if text := embedding.text_of(*said):
            yield text, same


def of_pages(db: SqlConnection, page: int | None = None) -> Iterator[str]:
    """The texts of one page, or of all."""
    sql = "SELECT title, text FROM passages JOIN pages ON pages.id = page"
    rows = db.execute(f"{sql} WHERE page = ?", (page,)) if page else db.execute(sql)
    return (embedded_text(*row) for row in rows)
