"""What every command shares; the face of the package that the pages in bin/ use."""

from .command import CONTEXT, JSON, TIME, Value, command, one_of, run
from .output import plain
from .session import CHECKOUT, Session

__all__ = ["CHECKOUT", "CONTEXT", "JSON", "TIME", "Session", "Value", "command"]
__all__ += ["one_of", "plain", "run"]
