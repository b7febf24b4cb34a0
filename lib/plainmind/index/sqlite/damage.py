"""What an error says: that the index is damaged, that the machine failed, or our own code.

Rows of a wrong shape may cause any of our code's: SQLite does not know what a row is to be, and a
flipped bit in one is none of its business.
"""

import os
import sqlite3
from collections.abc import Iterator

from ...ground.errors import Busy, Failure, InputOutput
from ..rows.database import Damaged

#: what no row makes: a time that no zone has is in a file as well, and what cannot be encoded is
#: what we say, or the name of a file
_INNOCENT = (OverflowError, UnicodeEncodeError)
#: what such a row makes of code that is right
_ERRORS = (
    TypeError, ValueError, LookupError, ArithmeticError, AttributeError, AssertionError,
    MemoryError, sqlite3.Error,
)  # fmt: skip
#: errors of the machine's, which say nothing against the index itself
_MACHINE = tuple(f"SQLITE_{name}" for name in "FULL IOERR READONLY PERM CANTOPEN AUTH".split())


def is_suspect(error: BaseException) -> bool:
    """Whether the index may be to blame for an error: it is none of a server's, nor of who uses
    the index."""
    where = [name.split(".")[1] for name in _modules(error) if name.startswith("plainmind.")]
    if not isinstance(error, _ERRORS) or isinstance(error, _INNOCENT):
        return False
    return bool(where) and where[-1] not in ("providers", "agent")


def _modules(error: BaseException) -> Iterator[str]:
    trace = error.__traceback__
    while trace is not None:
        yield trace.tb_frame.f_globals.get("__name__", "")
        trace = trace.tb_next


def system_failure(error: Exception, path: str) -> Failure | None:
    """The failure that says nothing against the index itself: busy, full, unreadable."""
    name = getattr(error, "sqlite_errorname", "") or ""
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return Busy("the index is in use", place=path, cure="try again")
    if name.startswith(_MACHINE) and not _is_misread(name, path):
        return InputOutput(str(error), place=path, cure="check the disk and its permissions")
    return None


def _is_misread(name: str, path: str) -> bool:
    """Whether such an error comes from what is in the file: it ends too early, or its head says
    that nobody may write it."""
    return "SHORT_READ" in name or name == "SQLITE_READONLY" and os.access(path, os.W_OK)


def is_ours(error: Exception) -> bool:
    """Whether an error may be one of our own code's as well as of damaged rows. An index made new
    tells: it has the error again, and then none is made for it any more."""
    if isinstance(error, Damaged):
        return False
    if isinstance(error, sqlite3.OperationalError):
        # a missing table is damage; anything else of this kind may be our own SQL
        name = getattr(error, "sqlite_errorname", "")
        return name == "SQLITE_ERROR" and "no such" not in str(error)
    misuse = sqlite3.ProgrammingError | sqlite3.InterfaceError | sqlite3.IntegrityError
    return isinstance(error, misuse) or not isinstance(error, sqlite3.DatabaseError)
