"""What a command says on standard error: its name, one line, no secret, nothing a terminal obeys."""

import os
import re
import sys

from ..ground.environment import Environment

#: what messages are masked with: the process's secrets, and the home's as soon as it is known
_environment = Environment()


def mask_with(environment: Environment) -> None:
    """Mask the secrets of this environment from now on."""
    global _environment
    _environment = environment


def masked(text: str) -> str:
    return _environment.mask(text)


def program() -> str:
    return os.path.basename(sys.argv[0])


def complain(text: str) -> None:
    """One line on standard error, its secrets masked, its control characters made visible."""
    write_error(f"{program()}: {plain(masked(text))}\n")


def plain(text: str) -> str:
    """A text on one line, in which nothing moves a terminal's cursor, turns its direction, or looks like another line."""
    if text.isprintable():
        return text
    unsafe = r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]"
    return re.sub(unsafe, lambda m: f"\\x{ord(m[0]):02x}", text)


def write_error(text: str) -> None:
    try:
        os.write(2, text.encode("utf-8", "backslashreplace"))
    except OSError:  # nobody listens; the exit code still tells
        pass
