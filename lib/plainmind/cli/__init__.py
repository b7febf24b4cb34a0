"""What every command shares; the face of the package that the pages in bin/ use."""

from ..ground.paths import CHECKOUT
<<<<<<< HEAD
from .command import command, is_given, one_of, run
=======
from .command import command, leave, one_of, run, tell
>>>>>>> 128fe448 (mem-mcp: the memory for clients of the Model Context Protocol)
from .output import plain
from .session import Session
from .values import (
    CONTEXT,
    CONTEXTS,
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

__all__ = ["CHECKOUT", "CONTEXT", "CONTEXTS", "DAY", "JSON", "ROLE", "SINCE", "TIME", "UNTIL"]
<<<<<<< HEAD
__all__ += ["UNTIL_AHEAD", "Session", "Value", "check_bounds", "command", "is_given", "one_of"]
__all__ += ["plain", "run"]
=======
__all__ += ["UNTIL_AHEAD", "Session", "Value", "check_bounds", "command", "leave", "one_of"]
__all__ += ["plain", "run", "tell"]
>>>>>>> 128fe448 (mem-mcp: the memory for clients of the Model Context Protocol)
