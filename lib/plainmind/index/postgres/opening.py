"""The index in PostgreSQL: making and opening the schema of a home, and what is wrong with a
server. It is the engine (index.engine.Engine).

A home's schema has the name of the role that the address names: so it stands first in what
PostgreSQL looks through, and no other role sees it.
"""

import os
import secrets
from collections.abc import Callable, Iterator

from ...formats.words import fingerprint
from ...ground.errors import Busy, InputOutput, Misconfigured, Unavailable
from ...ground.paths import Home
from ..engine import Index
from ..rows.database import VERSION, Damaged
from . import schema, sharing
from .address import Address
from .connection import ServerConnection
from .sharing import quote
from .tables import Replaced, ServerTables, lock

TRIES = 5
MARK = "index of plainmind"  # a schema's comment: it may be dropped, with all that is in it
MADE = f"{VERSION}.{schema.LAYOUT}"
LEAST = 150000  # of servers
LEAST_VECTOR = (0, 7)  # of pgvector: it has vectors of float16


class PostgresEngine:
    def __init__(self, address: Address, *, approximate: bool = False):
        """`approximate`: vectors may be looked for by HNSW, where there are many."""
        self.address, self.approximate = address, approximate

    def opened(
        self, home: Home, say: Callable[[str], None], *, thorough: bool = False
    ) -> Iterator[Index]:
        yield from self._attempts(home, say, thorough, pretends=False)

    def unchanged(
        self, home: Home, say: Callable[[str], None], *, thorough: bool = False
    ) -> Iterator[Index]:
        if not self.exists(home):
            from ..sqlite import opening

            yield from opening.copied(home, say, thorough=thorough)
            return
        yield from self._attempts(home, say, thorough, pretends=True)

    def _attempts(
        self, home: Home, say: Callable[[str], None], thorough: bool, *, pretends: bool
    ) -> Iterator[Index]:
        made = False
        for _ in range(TRIES):
            try:
                store = self._open(home)
            except Replaced:
                continue
            except Damaged as error:
                failure: Exception = error
            else:
                store.thorough, store.say, store.retried = thorough, say, True
                if pretends:
                    store.pretend()
                yield store
                if store.failure is None:
                    return
                failure = store.failure
            if isinstance(failure, Replaced):
                continue
            if made:
                what = f"the index cannot be rebuilt: {failure}"
                raise InputOutput(what, place=str(self.address)) from failure
            say(f"{self.address}: {failure}; the index is made again")
            self._make(home, again=True)
            made = True
        raise Busy("the index keeps being replaced", place=str(self.address), cure="try again")

    def made_in(self, home: Home, folder: str) -> Index:
        """In a folder that is not the home's own it is a file of SQLite's."""
        if folder != home.index:
            from ..sqlite import opening

            return opening.made_in(home, folder)
        return self._open(home)

    def rebuild(self, home: Home, fill: Callable[[Index], None] | None = None) -> None:
        """Also of the other engine nothing stays."""
        from ..sqlite import opening

        self._make(home, again=True)
        opening.rebuild(home)

    def exists(self, home: Home) -> bool:
        db, own = self._connected(home)
        try:
            return _has_tables(db, own)
        finally:
            db.close()

    def list_set_aside(self, home: Home) -> list[str]:
        """What SQLite's engine left, its index, too: it is not brought up to date any more."""
        from ..sqlite import opening

        return [*opening.list_files(home), *opening.list_set_aside(home)]

    def discard_set_aside(self, home: Home) -> None:
        from ..sqlite import remaking

        remaking.discard(home)
        for name in self.list_set_aside(home):
            os.unlink(os.path.join(home.index, name))

    def discard_unfinished(self, home: Home) -> None:
        from ..sqlite import opening

        opening.discard_unfinished(home)

    # --- the schema

    def _connected(self, home: Home) -> tuple[ServerConnection, str]:
        """A connection, and the name of the schema."""
        db = ServerConnection(self.address)
        try:
            if db.version < LEAST:
                what = f"PostgreSQL {db.version // 10_000}"
                cure = f"PostgreSQL {LEAST // 10_000} or later is needed"
                raise Unavailable(what, place=str(self.address), cure=cure)
            if db.encoding != "UTF8":
                what = f"texts of this database are in {db.encoding}"
                cure = "let its owner run: CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0"
                raise Unavailable(what, place=str(self.address), cure=cure)
            (own,) = db.execute("SELECT current_user::text").fetchone()
            return db, own
        except BaseException:
            db.close()
            raise

    def _open(self, home: Home) -> ServerTables:
        db, own = self._connected(home)
        try:
            self._check_schema(db, own)
            if not _has_tables(db, own):
                self._make_tables(home, db, own, again=False)
            self._look_through(db, own)
            (found,) = [
                dict(db.execute("SELECT name, value FROM settings WHERE name = ANY(?::text[])",
                     (["token", "version", "terms", "home"],)).fetchall())
            ]  # fmt: skip
            _check(found)
            if found["home"] != _name(home):
                what = f"the schema '{own}' is the index of another memory folder"
                cure = "give each a role of its own, or take it over with 'mem-index --rebuild'"
                raise Misconfigured(what, place=str(self.address), cure=cure)
            tables = ServerTables(home, db, own, found["token"])
            tables.approximate = self.approximate
            return tables
        except BaseException:
            db.close()
            raise

    def _check_schema(self, db: ServerConnection, own: str) -> None:
        """Misconfigured for one that is not there for an index alone: what is made again is dropped
        with all that is in it, and whoever owns a schema can put into it what we would call."""
        drop = f"DROP SCHEMA {quote(own)} CASCADE"
        dropping = f"let the database's owner run, if nothing in it is needed: {drop}"
        found = db.execute(
            "SELECT pg_get_userbyid(nspowner) = current_user, obj_description(oid, 'pg_namespace'),"
            " EXISTS (SELECT FROM pg_class WHERE relnamespace = space.oid)"
            " OR EXISTS (SELECT FROM pg_proc WHERE pronamespace = space.oid)"
            " OR EXISTS (SELECT FROM pg_type WHERE typnamespace = space.oid)"
            " FROM pg_namespace AS space WHERE nspname = ?",
            (own,),
        ).fetchone()
        if found is None:
            return
        is_own, comment, is_used = found
        if not is_own:
            cure = f"name another role in index.engine, or {dropping}"
            raise Misconfigured(
                f"the schema '{own}' is another role's", place=str(self.address), cure=cure
            )
        if is_used and comment != MARK:
            what = f"the schema '{own}' has other things in it than an index"
            cure = f"name a role in index.engine that is for this folder alone, or {dropping}"
            raise Misconfigured(what, place=str(self.address), cure=cure)

    def _look_through(self, db: ServerConnection, own: str) -> None:
        """Name the schema, and that of pgvector, as those that names are of."""
        row = db.execute(
            "SELECT nspname::text, extversion::text, pg_type.oid::bigint FROM pg_extension "
            "JOIN pg_namespace ON pg_namespace.oid = extnamespace "
            "JOIN pg_type ON typname = 'halfvec' AND typnamespace = extnamespace "
            "WHERE extname = 'vector'"
        ).fetchone()
        cure = "let its owner run: CREATE EXTENSION vector"
        if row is None:
            what = "the database has no pgvector"
            raise Unavailable(what, place=str(self.address), cure=cure)
        place, version, oid = row
        if tuple(map(int, version.split(".")[:2])) < LEAST_VECTOR:
            cure = "let its owner run: ALTER EXTENSION vector UPDATE"
            raise Unavailable(f"pgvector {version} is too old", place=str(self.address), cure=cure)
        db.register_vectors(oid)
        db.execute(f"SET search_path TO {quote(own)}, {quote(place)}")

    def _make(self, home: Home, *, again: bool) -> None:
        db, own = self._connected(home)
        try:
            self._make_tables(home, db, own, again=again)
        finally:
            db.close()

    def _make_tables(self, home: Home, db: ServerConnection, own: str, *, again: bool) -> None:
        """Make the schema, or make it `again`; all of it or none, whoever does the same."""
        if not db.execute("SELECT 1 FROM pg_extension WHERE extname = 'vector'").fetchone():
            self._make_extension(db)
        self._look_through(db, own)
        readers: list[str] = []
        db.execute("BEGIN")
        lock(db, own)
        self._check_schema(db, own)
        if again:
            readers = sharing.list_readers(db, own)
            db.execute(f"DROP SCHEMA IF EXISTS {quote(own)} CASCADE")
        if not _has_tables(db, own):
            db.execute(f"CREATE SCHEMA IF NOT EXISTS {quote(own)} AUTHORIZATION CURRENT_USER")
            self._check_schema(db, own)  # somebody else may have been faster
            db.execute(f"COMMENT ON SCHEMA {quote(own)} IS '{MARK}'")
            db.script(";\n".join(schema.statements()))
            facts = {
                "token": secrets.token_hex(8),
                "version": MADE,
                "terms": fingerprint(),
                "home": _name(home),
            }
            db.executemany("INSERT INTO settings VALUES (?, ?)", facts.items())
            for role in readers:
                sharing.share(db, own, role)
        db.execute("COMMIT")

    def _make_extension(self, db: ServerConnection) -> None:
        """As far as the role may; else `_look_through` says what is missing."""
        try:
            db.execute("CREATE EXTENSION IF NOT EXISTS vector")
        except Exception:
            if not db.is_open:
                raise


def _check(found: dict[str, str]) -> None:
    if {"token", "version", "terms", "home"} - found.keys():
        raise Damaged("not an index of ours")
    if found["version"] != MADE:
        raise Damaged(f"made by version {found['version']} of the index, this is {MADE}")
    if found["terms"] != fingerprint():
        raise Damaged(f"its words were made by '{found['terms']}', this is '{fingerprint()}'")


def _has_tables(db: ServerConnection, own: str) -> bool:
    sql = "SELECT 1 FROM pg_tables WHERE schemaname = ? AND tablename = 'settings'"
    return db.execute(sql, (own,)).fetchone() is not None


def _name(home: Home) -> str:
    """Which memory folder it is, on which machine."""
    return f"{os.uname().nodename}:{os.path.realpath(home.root)}"
