"""The one way to the environment, and to the secrets in the memory folder's `.env`.

A value of the process's environment wins over the file's. Values of the file are never put into
`os.environ`, so no child process inherits them. Owns masking secrets in text."""

import os
import re
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import NamedTuple

from . import regular

#: names whose values are masked in every message, log and trace
SECRET_NAME = re.compile(r"(KEY|TOKEN|SECRET|PASSWORD|WEBHOOK)", re.I)

#: what looks like a secret whatever its name: one list, for masks, refusals and warnings
#: (formats.secrets)
SHAPES = re.compile(
    r"https://(?:\w+\.)?discord(?:app)?\.com/api/(?:v\d+/)?webhooks/\S+"  # webhook addresses
    r"|\b(?:sk|rk|pk|ghp|gho|xox[abp])[-_][A-Za-z0-9_-]{16,}"  # keys with a telling prefix
    r"|\b(?:github_pat_|glpat-|hf_|npm_)[A-Za-z0-9_-]{16,}"
    r"|\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}"  # JSON Web Tokens
    r"|\bAIza[A-Za-z0-9_-]{30,}"  # Google keys
    r"|\bA(?:KIA|SIA)[0-9A-Z]{16}\b"  # Amazon's
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----"
    r"|(?<=[?&]key=)[^&\s\"']+"  # keys in addresses
    r"|(?<=Bearer )\S+"
    r"|(?<=://)[^/\s:@]+:[^/\s@]+(?=@)"  # user:password in addresses
)


#: what would send text somewhere, so that it has to be in the memory folder's `.env`
_CHOOSES = re.compile(
    r"(GEMINI|GOOGLE|OPENAI|BRAVE)_(\w+_)?(API_KEY|BASE_URL)"
    r"|OLLAMA_HOST|DISCORD_(TOKEN|WEBHOOK_URL|API_BASE)"
)


def mask_shapes(text: str) -> str:
    """`text` with everything that looks like a secret as `***`."""
    return SHAPES.sub("***", text)


class TurnRights(NamedTuple):
    """A turn of the agent, as the commands know it that it runs."""

    digits: str  # which are its own
    pid: int
    context: str  # '' for none
    may: frozenset[str]  # kinds of lasting changes that need no yes (turn.may)

    def to_variables(self) -> dict[str, str]:
        whose = f"{self.digits} {self.pid} {self.context}".rstrip()
        return {"MIND_TURN": whose, "MIND_TURN_MAY": ",".join(sorted(self.may)) or "nothing"}


def read_turn() -> TurnRights | None:
    """The turn that runs this command; None where a person does."""
    digits, _, rest = os.environ.get("MIND_TURN", "").partition(" ")
    pid, _, context = rest.partition(" ")
    may = frozenset(os.environ.get("MIND_TURN_MAY", "").split(","))
    return TurnRights(digits, int(pid), context, may) if pid.isdigit() else None


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
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
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
            if not _CHOOSES.fullmatch(name) or name in kept or is_this_machine(value)
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
    def secrets(self) -> list[str]:
        """The values of every variable with a secret's name, longest first."""
        values = {value for name, value in self.all().items() if SECRET_NAME.search(name)}
        return sorted((v for v in values if len(v) >= 6), key=len, reverse=True)

    def mask(self, text: str) -> str:
        """`text` with every known secret, and everything that looks like one, as `***`."""
        for value in self.secrets:
            text = text.replace(value, "***")
        return mask_shapes(text)
