"""The derived store: made from the files, it can be deleted at any time and holds no truth."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .engine import Engine


def engine_in_use() -> "Engine":
    from .sqlite import opening

    return opening
