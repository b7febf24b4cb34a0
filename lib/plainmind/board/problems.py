"""Parts of a page that fail: each is told on it, and the rest stands."""

from collections.abc import Callable
from typing import Any, TypeVar

from ..ground import files
from ..ground.errors import Failure

Made = TypeVar("Made")


def attempt(make: Callable[[], Made], instead: Any, problems: list[str]) -> Made:
    """What `make` makes; where a file forbids it, `instead`, which has the same shape, and one
    problem more, told once."""
    try:
        return make()
    except (Failure, OSError) as error:
        text = str(files.to_failure(error))
        if text not in problems:
            problems.append(text)
        return instead
