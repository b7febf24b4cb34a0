"""The derived store: made from the files, it can be deleted at any time and holds no truth."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .engine import Engine


def engine_in_use(name: str = "sqlite", password: str = "", vectors: str = "exact") -> "Engine":
    """By the settings index.engine and index.vectors, and the password that `.env` has."""
    if name == "sqlite":
        from .sqlite import opening

        return opening
    from .postgres.address import Address

    address = Address.parse(name, password)
    from .postgres.opening import PostgresEngine

    return PostgresEngine(address, approximate=vectors == "hnsw")
