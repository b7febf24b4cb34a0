"""What every command shares; the face of the package that the pages in bin/ use."""

from ..ground.paths import CHECKOUT
from .command import command, is_given, leave, one_of, run, tell
from .output import plain
from .session import Session
from .values import (
    CONTEXT,
    CONTEXTS,
    DASH,
    DAY,
    JSON,
    ROLE,
    SINCE,
    TIME,
    UNTIL,
    UNTIL_AHEAD,
    Value,
    check_bounds,
)

__all__ = ["CHECKOUT", "CONTEXT", "CONTEXTS", "DASH", "DAY", "JSON", "ROLE", "SINCE", "TIME"]
__all__ += ["UNTIL", "UNTIL_AHEAD", "Session", "Value", "check_bounds", "command", "is_given"]
__all__ += ["leave", "one_of", "plain", "run", "tell"]
