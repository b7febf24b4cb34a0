"""An open index in a schema of a PostgreSQL database: its transactions, and its tables.

Who writes holds an advisory lock of the schema's, as who writes a file holds a file's. A schema
that is dropped and made again has another token, which each transaction compares first.
"""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ...ground.paths import Home
from ..rows.database import Damaged
from ..rows.store import Store
from . import hnsw, sharing, vectors, words
from .connection import ServerConnection

if TYPE_CHECKING:
    from ..rows.database import VectorTables, WordTables


#: pages that a table has more than twice as many as when the server counted its rows
GROWN = 100


class Replaced(Damaged):
    """Somebody made the schema again meanwhile."""


def lock_key(schema: str) -> int:
    """Of its advisory lock; 63 bits."""
    digest = hashlib.blake2b(f"plainmind {schema}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1


def lock(db: ServerConnection, schema: str) -> None:
    """Wait for it until lock_timeout; it is given back with the transaction."""
    db.execute("SELECT pg_advisory_xact_lock(?)", (lock_key(schema),))


class ServerTables(Store):
    db: ServerConnection
    approximate = False  # vectors that are near may be looked for by HNSW

    def __init__(self, home: Home, db: ServerConnection, schema: str, token: str):
        super().__init__(home)
        self.db, self.schema, self.token = db, schema, token
        self._pretends = self._holds = False

    @property
    def word_tables(self) -> "WordTables":
        return words

    @property
    def vector_tables(self) -> "VectorTables":
        return vectors

    @property
    def pretends(self) -> bool:
        return self._pretends

    def pretend(self) -> None:
        """Take back, at the end, whatever is written."""
        self._pretends = True

    def close(self) -> None:
        self.db.close()  # which takes back what is not committed

    @contextmanager
    def writing(self) -> Iterator[ServerConnection]:
        """A transaction, alone: all of it is kept, or none."""
        if self._holds:
            yield self.db
            return
        if self.db.in_transaction:
            # what was read was of one moment until now
            self.db.execute("ROLLBACK")
        self.db.execute("BEGIN")
        try:
            lock(self.db, self.schema)
            self._check_token()
            self._holds = self._pretends
            yield self.db
        except BaseException:
            if not self._holds and self.db.is_open and self.db.in_transaction:
                self.db.execute("ROLLBACK")
            raise
        if not self._holds:
            self.db.execute("COMMIT")

    def note_setting(self, name: str, value: Any) -> None:
        """Nothing: to take the lock would make others wait."""

    @contextmanager
    def reading(self, *, on: bool = False) -> Iterator[ServerConnection]:
        """Several questions that are answered as of one moment; with `on`, those that come later,
        too, until something is written."""
        begun = not self.db.in_transaction
        if begun:
            self.db.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        try:
            if begun:
                # also keeps the tables from being dropped while they are read
                self._check_token()
            yield self.db
        except BaseException:
            if begun and self.db.is_open and self.db.in_transaction:
                self.db.execute("ROLLBACK")
            raise
        if begun and not on and self.db.in_transaction:
            self.db.execute("ROLLBACK")

    def _check_token(self) -> None:
        row = self.db.execute("SELECT value FROM settings WHERE name = 'token'").fetchone()
        if row is None or row[0] != self.token:
            raise Replaced("it was replaced")

    def is_in_place(self) -> bool:
        if not self.db.is_open:
            return False
        try:
            self._check_token()
        except Exception:  # whoever opens it again is told what is wrong
            return False
        return True

    def is_to_blame(self, error: Exception) -> bool:
        return False  # what is damaged is said by the server, which knows what its rows are

    def columns(self, table: str) -> list[tuple[str, int]]:
        rows = self.db.execute(
            "SELECT attname::text, coalesce(array_position(parts, attname::text), 0) "
            "FROM pg_attribute LEFT JOIN ("
            "SELECT indrelid, array(SELECT regexp_replace("
            r"pg_get_indexdef(indexrelid, n, true), '^short\((.*)\)$', '\1') "
            "FROM generate_series(1, indnkeyatts) AS n ORDER BY n) AS parts FROM pg_index "
            "WHERE indisprimary OR indexrelid = to_regclass(?1 || '_key')"
            ") AS own ON indrelid = attrelid "
            "WHERE attrelid = ?1::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum",
            (table,),
        )
        return rows.fetchall()

    def insert(self, sql: str, row: Sequence[Any]) -> int:
        return self.db.execute(f"{sql} RETURNING id", row).fetchone()[0]

    def stream(self, query: str, parameters: Sequence[Any] = ()) -> Iterator[tuple]:
        yield from self.db.stream(query, parameters)

    def rewrite(self, tables: Sequence[str]) -> None:
        """Make the files of tables again, without what was deleted in them."""
        if self._pretends:
            return
        if self.db.in_transaction:
            self.db.execute("ROLLBACK")
        # it would be made again here, for minutes: the next mem-embed does
        hnsw.drop(self.db)
        for table in tables:
            self.db.execute(f"VACUUM (FULL) {table}")

    def optimize(self) -> None:
        """Also lets the server count the rows of tables that grew by much: it reads whole tables
        until it knows. By itself it does that minutes later."""
        super().optimize()
        if self._pretends:
            return
        if self.db.in_transaction:
            self.db.execute("ROLLBACK")  # what was read
        grown = self.db.execute(
            "SELECT quote_ident(relname) FROM pg_class "
            "WHERE relkind = 'r' AND relnamespace = ?::regnamespace AND pg_relation_size(oid) "
            "> (2 * relpages::bigint + ?) * current_setting('block_size')::bigint",
            (sharing.quote(self.schema), GROWN),
        ).fetchall()
        for (table,) in grown:
            self.db.execute(f"ANALYZE {table}")

    def readers(self) -> list[str]:
        return sharing.list_readers(self.db, self.schema)

    def share(self, role: str) -> None:
        with self.writing():
            sharing.share(self.db, self.schema, role)

    def unshare(self, role: str) -> None:
        with self.writing():
            sharing.unshare(self.db, self.schema, role)

    def describe(self) -> dict[str, Any]:
        (size,) = self.db.execute(
            "SELECT coalesce(sum(pg_total_relation_size(oid)), 0)::bigint FROM pg_class "
            "WHERE relkind = 'r' AND relnamespace = ?::regnamespace",
            (sharing.quote(self.schema),),
        ).fetchone()
        major, minor = divmod(self.db.version, 10_000)
        return {"bytes": size, "words": "postgresql", "journal": f"postgresql {major}.{minor}"}
