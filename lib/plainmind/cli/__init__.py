"""What every command shares; the face of the package that the pages in bin/ use."""

from .command import CONTEXT, TIME, Value, command, json_object, one_of, run
from .output import plain
from .session import CHECKOUT, Session

__all__ = ["CHECKOUT", "CONTEXT", "TIME", "Session", "Value", "command", "json_object"]
__all__ += ["one_of", "plain", "run"]
