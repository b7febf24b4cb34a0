"""A connection to PostgreSQL, as the modules of an index's tables use one: their SQL, values as
SQLite has them, and failures in words.

Refuses to know the tables. What SQL and values differ in: marks of values; text has no NUL; bool
and numeric are numbers; a vector is bytes as index.vector_bytes has them.
"""

import os
import re
import struct
from array import array
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import psycopg
from psycopg import errors as codes
from psycopg.adapt import Dumper, Loader
from psycopg.pq import Format, TransactionStatus
from psycopg.types.numeric import Int8Dumper
from psycopg.types.string import StrDumper

from ...ground import files
from ...ground.errors import Busy, Failure, InputOutput, Misconfigured, Unavailable
from ..rows.database import Damaged
from ..vector_bytes import HALF
from . import schema
from .address import Address

#: until a server that says nothing is given up, in seconds, and one whose machine is gone, in
#: seconds and ms; where the address does not say it
LIMITS: dict[str, Any] = {
    "connect_timeout": 5,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
}
_HEAD = struct.Struct(">HH")  # of a vector: how many dimensions, and 0
_DUE = "check that it runs, and try again"

#: tables that are not there, or not as they were made
_DAMAGE = (
    codes.UndefinedTable,
    codes.UndefinedColumn,
    codes.InvalidSchemaName,
    codes.DataCorrupted,
    codes.IndexCorrupted,
)
_BUSY = (codes.LockNotAvailable, codes.DeadlockDetected, codes.SerializationFailure)
_FULL = (codes.DiskFull, codes.OutOfMemory)


class Vector(bytes):
    """A vector as a value of a statement: float16, little-endian."""


def _swapped(data: bytes) -> bytes:
    values = array("H", data)
    values.byteswap()
    return values.tobytes()


class _VectorDumper(Dumper):
    format = Format.BINARY

    def dump(self, obj: Any) -> bytes:
        return _HEAD.pack(len(obj) // HALF, 0) + _swapped(bytes(obj))


class _VectorLoader(Loader):
    format = Format.BINARY

    def load(self, data: Any) -> bytes:
        return _swapped(bytes(data)[_HEAD.size :])


# A text of PostgreSQL's has no NUL. \x01\x01 stands for it, and \x01\x02 for \x01: so texts are in
# the same order as before.


class _TextDumper(StrDumper):
    def dump(self, obj: str) -> Any:
        if "\x00" in obj or "\x01" in obj:
            obj = obj.replace("\x01", "\x01\x02").replace("\x00", "\x01\x01")
        return super().dump(obj)


class _TextLoader(Loader):
    format = Format.BINARY

    def load(self, data: Any) -> str:
        text = str(data, "utf-8")
        if "\x01" in text:
            text = text.replace("\x01\x01", "\x00").replace("\x01\x02", "\x01")
        return text


class _BoolDumper(Int8Dumper):
    def dump(self, obj: Any) -> bytes:
        return b"1" if obj else b"0"


class _BoolLoader(Loader):
    format = Format.BINARY

    def load(self, data: Any) -> int:
        return bytes(data)[0]


class _NumericLoader(Loader):
    format = Format.TEXT

    def load(self, data: Any) -> int | float:
        text = bytes(data).decode()
        return float(text) if "." in text else int(text)


@lru_cache(maxsize=512)
def _numbered(sql: str) -> str:
    """With the marks of PostgreSQL: ?2 is $2, and the third '?' is $3; and its word for IS."""
    count = iter(range(1, 1 << 16))
    sql = schema.with_keys(sql)
    sql = sql.replace(" IS ?", " IS NOT DISTINCT FROM ?")
    return re.sub(r"\?(\d*)", lambda mark: f"${mark[1] or next(count)}", sql)


@contextmanager
def _alone() -> Iterator[None]:
    """Without what lies in a shell: what an address leaves open (a host, say) the library would
    take from PGHOST, and text would go where no setting says."""
    led = {name: value for name, value in os.environ.items() if name.startswith("PG")}
    for name in led:
        os.environ.pop(name, None)
    try:
        yield
    finally:
        os.environ.update(led)


@contextmanager
def _reading_address(address: Address) -> Iterator[None]:
    """Misconfigured for an address that the library cannot read: then it says so without a code."""
    try:
        yield
    except psycopg.ProgrammingError as error:
        what = f"index.engine: {' '.join(str(error).split())}"
        raise Misconfigured(what, place=str(address), cure="fix the setting") from error


class ServerConnection:
    """A connection; every failure of it is one of ground.errors, or Damaged."""

    def __init__(self, address: Address):
        """Unavailable when there is no server, Misconfigured when it lets nobody in."""
        self.address = address
        with self._failing(), _reading_address(address), _alone():
            said = psycopg.conninfo.conninfo_to_dict(address.url)
            self._own = psycopg.connect(
                address.url,
                **{name: limit for name, limit in LIMITS.items() if name not in said},
                password=address.password or None,
                autocommit=True,
                application_name="plainmind",
                options=f"-c lock_timeout={int(1000 * files.LOCK_WAIT)} -c client_encoding=UTF8",
                cursor_factory=psycopg.RawCursor,
            )
        adapters = self._own.adapters
        adapters.register_dumper(str, _TextDumper)
        adapters.register_dumper(int, Int8Dumper)
        adapters.register_dumper(bool, _BoolDumper)
        for name in ("text", "varchar", "name"):
            adapters.register_loader(name, _TextLoader)
        adapters.register_loader("bool", _BoolLoader)
        adapters.register_loader("numeric", _NumericLoader)

    def register_vectors(self, oid: int) -> None:
        """What the extension's type of vectors is called."""
        self._own.adapters.register_loader(oid, _VectorLoader)
        dumper = type("VectorDumper", (_VectorDumper,), {"oid": oid})
        self._own.adapters.register_dumper(Vector, dumper)

    @property
    def version(self) -> int:
        """Of the server: 180006 is 18.6."""
        return self._own.info.server_version

    @property
    def encoding(self) -> str:
        """Of the database's texts."""
        return self._own.info.parameter_status("server_encoding") or ""

    @property
    def is_open(self) -> bool:
        return not self._own.closed and not self._own.broken

    @property
    def in_transaction(self) -> bool:
        return self._own.info.transaction_status != TransactionStatus.IDLE

    def execute(self, sql: str, parameters: Iterable[Any] = (), /) -> Any:
        with self._failing():
            return self._own.execute(_numbered(sql), list(parameters), binary=True)

    def executemany(self, sql: str, parameters: Iterable[Any], /) -> None:
        rows = list(parameters)
        if rows:
            with self._failing(), self._own.cursor() as cursor:
                cursor.executemany(_numbered(sql), rows)

    def script(self, sql: str) -> None:
        """Several statements without values."""
        with self._failing():
            psycopg.ClientCursor(self._own).execute(sql)

    def copy(self, table: str, columns: str, rows: Iterable[Sequence[Any]]) -> None:
        """Put many rows into a table."""
        sql = f"COPY {table} ({columns}) FROM STDIN"
        with self._failing(), self._own.cursor() as cursor, cursor.copy(sql) as copy:
            for row in rows:
                copy.write_row(row)

    def stream(self, sql: str, parameters: Sequence[Any] = ()) -> Iterator[tuple]:
        """Rows that come from the server as they are asked for; nothing else may be asked
        meanwhile, but on this way."""
        with self._failing():
            begun = not self.in_transaction
            if begun:
                self._own.execute("BEGIN")
            try:
                with psycopg.RawServerCursor(self._own, f"rows_{id(object())}") as cursor:
                    cursor.itersize = 1000
                    cursor.execute(_numbered(sql), list(parameters), binary=True)
                    yield from cursor
            finally:
                if begun and self.is_open and self.in_transaction:
                    self._own.execute("ROLLBACK")

    def close(self) -> None:
        self._own.close()

    @contextmanager
    def _failing(self) -> Iterator[None]:
        try:
            yield
        except psycopg.Error as error:
            raise self._failure(error) from error

    def _failure(self, error: psycopg.Error) -> Exception:
        place, told = str(self.address), (error.diag.message_primary or "").strip()
        if isinstance(error, _DAMAGE):
            return Damaged(told or "damaged")
        if isinstance(error, _BUSY):
            return Busy("the index is in use", place=place, cure="try again")
        if isinstance(error, _FULL) or (error.sqlstate or "").startswith("53"):
            what = f"the server is full: {told}"
            return Unavailable(what, place=place, cure="free its disk or memory, and try again")
        if isinstance(error, codes.ReadOnlySqlTransaction):
            what = "the server takes no changes (a replica?)"
            return Unavailable(what, place=place, cure="name the one that does in index.engine")
        if isinstance(error, codes.ProgramLimitExceeded):
            cure = "shorten it, or let index.engine be sqlite, where it may be as long"
            return InputOutput(f"a text is too long: {told}", place=place, cure=cure)
        if isinstance(error, codes.InsufficientPrivilege):
            return Misconfigured(
                told, place=place, cure="see docs/postgres.md for what a role needs"
            )
        if error.sqlstate is not None and error.sqlstate[:2] in ("28", "3D"):
            return Misconfigured(
                told, place=place, cure="check index.engine and PGPASSWORD in .env"
            )
        if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
            return self._gone(error, told)
        return error

    def _gone(self, error: psycopg.Error, told: str) -> Failure:
        """What the library says of a server that let nobody in has no code, but its words."""
        text = " ".join(str(error).split())
        if "no password supplied" in text or "password authentication failed" in text:
            cure = "check the user in index.engine, and PGPASSWORD in .env"
            return Misconfigured(
                "the server refused the password", place=str(self.address), cure=cure
            )
        if "certificate" in text or "SSL was required" in text:
            what = f"no TLS ({text.rpartition('failed: ')[2] or text})"
            cure = "check sslmode and sslrootcert in index.engine"
            return Misconfigured(what, place=str(self.address), cure=cure)
        for words in ("does not exist", "no pg_hba.conf entry", "not permitted to log in"):
            if words in text:
                what = text.partition("FATAL:")[2].strip() or text
                return Misconfigured(what, place=str(self.address), cure="see docs/postgres.md")
        what = f"no answer of the PostgreSQL server ({told or text.rpartition(': ')[2] or 'gone'})"
        return Unavailable(what, place=str(self.address), cure=_DUE)
