"""Errors that rows of a wrong shape may have caused: SQLite does not know what a row is to be, and
a flipped bit in one is none of its business.
"""

import sqlite3
from collections.abc import Iterator

#: what no row makes: a time that no zone has is in a file as well, and what cannot be encoded is
#: what we say, or the name of a file
_INNOCENT = (OverflowError, UnicodeEncodeError)
#: what such a row makes of code that is right
_ERRORS = (
    TypeError, ValueError, LookupError, ArithmeticError, AttributeError, AssertionError,
    MemoryError, sqlite3.Error,
)  # fmt: skip


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
