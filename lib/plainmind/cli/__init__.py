"""What every command shares; the face of the package that the pages in bin/ use."""

from .command import VARIABLES, command, run
from .output import plain
from .session import CHECKOUT, Session, json_object

__all__ = ["CHECKOUT", "VARIABLES", "Session", "command", "json_object", "plain", "run"]
