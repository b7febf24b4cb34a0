"""The one way to the environment, and to the secrets in the memory folder's `.env`.

A value of the process's environment wins over the file's. Values of the file are never put into
`os.environ`, so no child process inherits them. Owns which values are secrets (`masks` hides them).
"""

import io
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from typing import NamedTuple

from . import regular
from .masks import Mask

# patterns, compiled when something is to be masked: an append need not pay for them

#: names whose values are secrets, wherever they are set
SECRET_NAME = (
    r"(?i)KEY|TOKEN|SECRET|PASSW|PASSPHRASE|WEBHOOK|CREDENTIAL|_PWD(?:_|$)"
    r"|(?:^|_)(?:PASS|PIN|AUTH|DSN|COOKIE)(?:_|$)"
)
#: what the suite is set by: no secret, whatever its name
_SETTING = (
    r"MIND_(?!KEY$|BOARD_TOKEN$)\w+|DISCORD_(?:CHANNEL_ID|API_BASE)|\w+_BASE_URL"
    r"|OLLAMA_HOST|OPENAI_MODEL|TZ|LANG"
)

LEAST = 6  # characters of a value that is masked; of one in `.env` that may be anything, 8
LEAST_WORD = 8  # letters of a password that is a word
LEAST_OTHER, LEAST_PLAIN = 8, 20
#: what stands for a password, and is a word of every other text
_COMMON = frozenset(
    "password passwort passw0rd changeme changethis replaceme administrator anonymous disabled "
    "required optional undefined localhost postgres postgresql internal production development "
    "username placeholder".split()
)
#: of a value that no name calls a secret: words, an address without a password, a path, a number,
#: a version, a time
_PLAIN_OTHER = r"[^\W\d_]+(?:[ ._/:,+-][^\W\d_]+)*|[\d.,:+TZ_-]+|v[\d.]+"
_PLAIN_ADDRESS = (
    r"(?i)[a-z][a-z\d+.-]*://[^\s@?#]*|[\w.+-]+@[\w-]+\.[\w.-]+|(?:[\w-]+\.)+[a-z]{2,}(?::\d+)?"
    r"|(?:~|\.{1,2})?/.*"
)
_PASSWORD = r"://[^/\s:@]*:([^/\s@]+)@"  # in an address

#: what would send text somewhere, so that it has to be in the memory folder's `.env`
_CHOOSES = (
    r"(GEMINI|GOOGLE|OPENAI|BRAVE)_(\w+_)?(API_KEY|BASE_URL)"
    r"|OLLAMA_HOST|DISCORD_(TOKEN|WEBHOOK_URL|API_BASE)"
)


def is_plain(value: str, *, named: bool) -> bool:
    """Whether to mask a value would hide ordinary words, numbers and addresses, too. `named`: a
    variable's name says that it is a secret."""
    if len(value) < LEAST or len(set(value)) < 3 or value.casefold() in _COMMON:
        return True
    if named:
        is_path = value[0] in "/~." and os.path.lexists(os.path.expanduser(value))
        return is_path or value.isalpha() and len(value) < LEAST_WORD
    if len(value) < LEAST_OTHER or re.fullmatch(_PLAIN_ADDRESS, value):
        return True
    return len(value) < LEAST_PLAIN and bool(re.fullmatch(_PLAIN_OTHER, value))


def find_secrets(name: str, value: str, *, in_file: bool) -> Iterator[str]:
    """What of a variable's value is masked. In `.env` it is all but what is plainly none; what a
    process was started with is a secret by its name."""
    value = value.strip()
    yield from (found for found in re.findall(_PASSWORD, value) if not is_plain(found, named=True))
    if not re.fullmatch(_SETTING, name):
        named = bool(re.search(SECRET_NAME, name))
        if (named or in_file) and not is_plain(value, named=named):
            yield value


class TurnRights(NamedTuple):
    """A turn of the agent, as the commands know it that it runs."""

    digits: str  # which are its own
    pid: int
    context: str  # '' for none
    may: frozenset[str]  # kinds of lasting changes that need no yes (turn.may)
    agent: str = ""  # of a team, as which it was started (MIND_AGENT)

    def to_variables(self) -> dict[str, str]:
        whose = f"{self.digits} {self.pid} {self.context}".rstrip()
        may = ",".join(sorted(self.may)) or "nothing"
        return {"MIND_TURN": whose, "MIND_TURN_MAY": may, "MIND_TURN_AGENT": self.agent}


def read_turn() -> TurnRights | None:
    """The turn that runs this command; None where a person does."""
    digits, _, rest = os.environ.get("MIND_TURN", "").partition(" ")
    pid, _, context = rest.partition(" ")
    may = frozenset(os.environ.get("MIND_TURN_MAY", "").split(","))
    agent = os.environ.get("MIND_TURN_AGENT", "")
    return TurnRights(digits, int(pid), context, may, agent) if pid.isdigit() else None


class Environment:
    """Variables by name; `get` answers from the process first, then from the home's `.env`."""

    def __init__(self, home: str | None = None):
        self._file: dict[str, str] = {}
        self._process: Mapping[str, str] = os.environ
        self._said: set[str] = set()
        self.complaints: list[str] = []  # about the file, for whoever may speak
        self.say: Callable[[str], None] = lambda text: None
        self._path = path = os.path.join(home, ".env") if home else ""
        if home:
            regular.guard(home)
        if path and os.path.exists(path):
            self._read(path)

    def _read(self, path: str) -> None:
        from dotenv.parser import parse_stream

        if os.stat(path).st_mode & 0o077:
            self.complaints.append(f"{path}: others can read it; chmod 600 it")
        with regular.open_file(path, secret=True) as data:
            file = io.TextIOWrapper(data, encoding="utf-8", errors="surrogateescape")
            for binding in parse_stream(file):
                if binding.error:
                    place = f"{path}:{binding.original.line}"
                    self.complaints.append(f"{place}: not NAME=VALUE; fix the line")
                elif binding.key and binding.value:
                    self._file[binding.key] = binding.value

    def get(self, name: str, default: str = "") -> str:
        return self._process.get(name) or self._file.get(name) or default

    def of_home(self, *kept: str) -> "Environment":
        """As it is without the keys and addresses that lie in the process's environment alone:
        they may have been exported for another tool, and choose nothing. An address of this
        machine stays, as what goes there does not leave it, and so do the variables `kept`."""
        from .address import is_this_machine

        made = Environment()
        made._file, made._path, made.say = self._file, self._path, self.say
        made._process = {
            name: value
            for name, value in self._process.items()
            if not re.fullmatch(_CHOOSES, name) or name in kept or is_this_machine(value)
        }
        return made

    def mention(self, names: Iterable[str], *cures: str) -> None:
        """Say once which of these variables are set, and left alone by `of_home`."""
        home = self.of_home()
        left = [name for name in names if self.get(name).strip() and not home.get(name)]
        if new := [name for name in left if name not in self._said]:
            self._said.update(new)
            which = ", ".join(new)
            how = ", or ".join([f"to use one, put it in '{self._path}'", *cures])
            self.say(f"set in the shell only, and left alone: {which}; {how}")

    def all(self) -> dict[str, str]:
        """Every variable that is set, as `get` answers for it."""
        return {**self._file, **{name: value for name, value in self._process.items() if value}}

    @cached_property
    def mask(self) -> Mask:
        """What hides every known secret, and what looks like one, in a text."""
        found = [
            secret
            for variables, in_file in ((self._file, True), (self._process, False))
            for name, value in variables.items()
            for secret in find_secrets(name, value, in_file=in_file)
        ]
        return Mask(found)
