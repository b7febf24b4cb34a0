"""Settings and variables: each one's name, type, default and meaning, told here and nowhere else.

The manuals' ENVIRONMENT, mind-config(5) and the table of the documents are made from these tables.
An option beats `MIND_<KEY>` beats `config.toml` beats the default. Text in, values out."""

import re
from collections.abc import Callable
from typing import Any, NamedTuple

from . import zone
from .errors import Misconfigured


class Key(NamedTuple):
    type: type
    default: Any
    meaning: str
    choices: tuple[str, ...] = ()
    least: float | None = None
    most: float | None = None
    several: bool = False  # a text of any of the choices, separated by ','
    numbers: int = 0  # a text of so many numbers from 0 to 1, separated by ','


def _text(default: str, meaning: str, *choices: str) -> Key:
    return Key(str, default, meaning, choices)


def _whole(default: int, least: int, most: int, meaning: str) -> Key:
    return Key(int, default, meaning, (), least, most)


def _number(default: float, least: float, most: float, meaning: str) -> Key:
    return Key(float, default, meaning, (), least, most)


def split(value: str) -> list[str]:
    """The words of a setting that has several."""
    return [word.strip() for word in value.split(",") if word.strip()]


#: what a turn can change for good
LASTING = ("pages", "L1", "pins", "reminders", "remove-reminders", "memory", "skills")

KEYS: dict[str, Key] = {
    "embed.model": _text(
        "auto",
        "embedding model, one of auto, embedded, google[:NAME], ollama[:NAME] and openai[:NAME]",
    ),
    "embed.dimensions": _whole(768, 1, 8192, "length of the vectors asked of Google's models"),
    "embed.timeout": _number(30.0, 0.01, 3600, "seconds for one request to an embedding server"),
    "embed.retries": _whole(4, 1, 20, "attempts of one request within a run"),
    "index.engine": _text(
        "sqlite",
        "what keeps the index, sqlite or the address of a PostgreSQL database, "
        "postgresql://USER@HOST/DATABASE",
    ),
    "index.vectors": _text(
        "exact",
        "how the nearest of many vectors are found in a PostgreSQL database, by comparing all or, "
        "not surely all of them, by an HNSW index, which mem-embed makes",
        "exact",
        "hnsw",
    ),
    "recall.sim": _text(
        "hybrid",
        "whether relevance is by words and vectors or by vectors alone",
        "hybrid",
        "cosine",
    ),
    "recall.floor": _number(0.2, -1, 1, "relevance that an event must exceed to be recalled"),
    "recall.weights": Key(
        str,
        "0.7,0.2,0.1",
        "what sim, recency and the penalty count in the score, separated by ','",
        numbers=3,
    ),
    "recall.baseline": _number(
        -1.0, -1, 0.99, "cosine of unrelated texts; -1 takes what is known of the model, else 0"
    ),
    "recall.k": _whole(
        8, 1, 1000, "events that mem-recall finds; a block has as many as its budget has room for"
    ),
    "recall.pins": _text(
        "always",
        "whether pins are recalled whatever the query is, or must exceed the floor, too",
        "always",
        "floor",
    ),
    "recall.skip_models": _text(
        "embedded",
        "chat models whose replies are not recalled, separated by ','; ollama stands for all "
        "of Ollama's, none lets all be recalled",
    ),
    "knowledge.rank": _text(
        "relevance",
        "whether pages rank by relevance or by reciprocal ranks of words and of vectors",
        "relevance",
        "rrf",
    ),
    "knowledge.floor": _number(0.25, 0, 1, "relevance that a page must reach to be recalled"),
    "knowledge.k": _whole(6, 0, 100, "relevant pages in a prompt, besides L1 and linked pages"),
    "knowledge.budget": _whole(4000, 0, 1000000, "estimated tokens of all pages in a prompt"),
    "knowledge.l1_budget": _whole(2000, 0, 1000000, "of these, tokens for pages of tier L1"),
    "knowledge.each": _whole(500, 1, 1000000, "estimated tokens of one relevant page"),
    "knowledge.recency": _number(0.15, 0, 10, "added to the score of a page dated today"),
    "knowledge.recency_days": _number(60.0, 1, 36500, "days over which that falls to zero"),
    "knowledge.weight_user": _number(1.5, 0, 10, "factor of the relevance of pages of type user"),
    "knowledge.weight_agent_feedback": _number(1.4, 0, 10, "of type agent-feedback"),
    "knowledge.weight_project": _number(1.2, 0, 10, "of type project"),
    "knowledge.weight_reference": _number(1.0, 0, 10, "of type reference"),
    "knowledge.weight_compaction": _number(1.0, 0, 10, "of type compaction"),
    "mcp.write": _text(
        "append",
        "what a client of mem-mcp may change: nothing, or the log, which grows; or all of it, "
        "pages, pins and reminders, too",
        "none",
        "append",
        "all",
    ),
    "zone": _text(
        zone.DEFAULT,
        "time zone of days and times, whatever the machine's is, a name of IANA's such as "
        "America/New_York",
    ),
    "hook.timeout": _number(2.0, 0.1, 60, "seconds that mem-hook may delay another agent"),
    "hook.sessions": Key(
        bool, False, "whether mem-hook keeps the transcript of a session that ends in raw/sessions/"
    ),
    "remind.host": _text("", "the one host that fires reminders; if empty, every host that scans"),
    "remind.confirm": _text(
        "discord",
        "where each change of a reminder is confirmed; none for who has no Discord",
        "discord",
        "none",
    ),
    "remind.grace": _number(
        0.0,
        0,
        336,
        "hours after which a missed recurring reminder is only said to be missed; 0 is 12 for "
        "daily, 72 for weekly, 168 for longer ones",
    ),
    "remind.timeout": _number(3.0, 1, 3600, "seconds a run of remind-scan may take"),
    "relay.allow": _text("", "ids of the Discord users the relay answers, separated by ','"),
    "relay.concurrency": _whole(4, 1, 64, "turns the relay runs at once, of different contexts"),
    "relay.catchup": _number(
        12.0, 0, 8760, "hours after which a missed message is logged, and not answered"
    ),
    "relay.deleted": _text(
        "forget",
        "what becomes of a message that was deleted in Discord, forget (mem-forget) or keep",
        "forget",
        "keep",
    ),
    "relay.timeout": _number(30.0, 0.1, 600, "seconds for one request of the relay to Discord"),
    "relay.turn": _text("agent-turn", "program that runs a turn, a command of the suite or a path"),
    "route.local": _text(
        "embedded",
        "chat model for tasks that need no better one, one of embedded, ollama:NAME, openai:NAME "
        "and command:PROGRAM",
    ),
    "turn.model": _text(
        "auto",
        "chat model, one of auto, embedded, google[:NAME], openai[:NAME], ollama:NAME and "
        "command:PROGRAM",
    ),
    "turn.max_steps": _whole(20, 0, 1000, "tool calls in one turn"),
    "turn.history_tokens": _whole(
        0, 0, 100000000, "estimated tokens of history; 0 is half of the window, none if it is small"
    ),
    "turn.timeout": _number(120.0, 0.01, 86400, "seconds for one answer of the model"),
    "turn.tool_timeout": _whole(120, 1, 600, "seconds for a bash call that names no limit"),
    "turn.sandbox": _text(
        "auto",
        "sandbox for commands; auto goes on without one where none works, required refuses to",
        "auto",
        "required",
        "bubblewrap",
        "landlock",
        "sandbox-exec",
        "none",
    ),
    "turn.network": Key(bool, False, "whether commands reach the network"),
    "turn.may": Key(
        str,
        "pages,pins,reminders,memory",
        "what a turn may change for good without a person's yes, separated by ','; L1 is pages "
        "that are in every prompt, memory is MEMORY.md and its topics",
        (*LASTING, "nothing"),
        several=True,
    ),
    "turn.readable": _text("", "more folders that commands may read, separated by ':'"),
    "sync.vectors": Key(
        bool, True, "whether mem-sync shares vectors, but for those of the embedded model"
    ),
    "sync.timeout": _number(60.0, 1, 3600, "seconds of silence after which a remote is given up"),
    "turn.input_price": _number(
        0.0, 0, 1e6, "US dollars per million tokens sent, where the provider reports no cost"
    ),
    "turn.output_price": _number(0.0, 0, 1e6, "US dollars per million tokens received"),
    "turn.max_tokens": _whole(1024, 1, 1000000, "tokens of the longest answer asked for"),
}

#: variables that are not settings
VARIABLES = {
    "MIND_HOME": "the memory folder (option --home; default: data/ of the checkout, or, "
    "installed from a package, ~/.local/share/plainmind)",
    "MIND_NOW": "a fixed clock (option --now)",
    "MIND_DEBUG": "1 shows tracebacks",
    "NO_COLOR": "any value: no colour",
    "MIND_KEY": "a secret that makes the digests of the logs HMACs: only its owner can make or "
    "change events unnoticed",
    "MIND_BOARD_TOKEN": "what work-board asks for, at least 16 characters, a secret",
    "MIND_SESSION": "the session of a team",
    "MIND_AGENT": "the agent of a team that runs this",
    "MIND_PROJECT": "a folder of the project, instead of the working directory",
    "REMINDERS_FILE": "the reminders file (default: reminders.md in the memory folder)",
    "DISCORD_WEBHOOK_URL": "a webhook to post to, a secret; a bot is preferred",
    "DISCORD_TOKEN": "a bot's token, a secret",
    "DISCORD_CHANNEL_ID": "the bot's channel",
    "DISCORD_API_BASE": "another server that speaks Discord's protocol",
    "GEMINI_API_KEY": "key for Google's models, a secret (or GOOGLE_API_KEY)",
    "GOOGLE_GEMINI_BASE_URL": "another server that speaks Google's protocol",
    "GOOGLE_GENAI_API_VERSION": "version of Google's API (default: v1)",
    "OPENAI_API_KEY": "key for OpenAI or a compatible server, a secret",
    "OPENAI_BASE_URL": "a server that speaks OpenAI's protocol",
    "OPENAI_MODEL": "model of that server, where none is named",
    "OLLAMA_HOST": "address of Ollama (default: localhost)",
    "PGPASSWORD": "password for the database that index.engine names, a secret",
    "BRAVE_API_KEY": "key for Brave's search, a secret",
    "BRAVE_BASE_URL": "another server that speaks its protocol",
}


def variable(key: str) -> str:
    """`recall.sim` -> `MIND_RECALL_SIM`."""
    return "MIND_" + key.upper().replace(".", "_")


def find_keys(name: str) -> list[str]:
    """The setting of this name, or all of a section: `recall` -> `recall.sim`, `recall.floor` …"""
    return [key for key in KEYS if key == name or key.startswith(f"{name}.")]


class Settings:
    """Values by key, from one `config.toml` text and the environment."""

    def __init__(self, toml: str, path: str, env: Callable[[str], str | None]):
        self._values: dict[str, Any] = {}
        if toml.strip():
            for key, value in _flatten(_load(toml, path)).items():
                try:
                    self._values[key] = _check(key, value, f"'{key}'")
                except Misconfigured as error:
                    error.place = f"{path}:{_line_of(toml, key)}"
                    raise
        for key in KEYS:
            if text := env(variable(key)):
                spelled = f"{variable(key)}='{text}'"
                self._values[key] = _check(key, _convert(key, text), spelled)

    def __getitem__(self, key: str) -> Any:
        return self._values.get(key, KEYS[key].default)

    def is_set(self, key: str) -> bool:
        """Whether somebody chose its value."""
        return key in self._values

    def section(self, name: str) -> dict[str, Any]:
        """The values of a section, by what follows its name in their keys."""
        start = f"{name}."
        return {key.removeprefix(start): self[key] for key in KEYS if key.startswith(start)}

    def override(self, key: str, value: Any) -> None:
        """An option's value; None leaves the setting as it is."""
        if value is not None:
            self._values[key] = _check(key, value, f"{key}='{value}'")


def _load(toml: str, path: str) -> dict[str, Any]:
    import tomllib

    try:
        return tomllib.loads(toml)
    except (RecursionError, ValueError) as error:  # also nesting or digits beyond Python's limits
        match = re.search(r"line (\d+)", str(error))
        line = match[1] if match else str(toml.count("\n") + 1)
        what = f"not valid TOML: {error}"
        raise Misconfigured(what, place=f"{path}:{line}", cure="fix the line") from None


def _flatten(table: dict[str, Any]) -> dict[str, Any]:
    """Keys with dots, of tables within tables: as many as somebody writes."""
    flat: dict[str, Any] = {}
    left = [("", table)]
    for prefix, inner in left:
        for name, value in inner.items():
            if isinstance(value, dict):
                left.append((f"{prefix}{name}.", value))
            else:
                flat[f"{prefix}{name}"] = value
    return flat


def _line_of(toml: str, key: str) -> int:
    """The line where a key's value starts: that after which the file, cut there, has the key."""
    import bisect
    import tomllib

    rows = toml.split("\n")

    def is_there(number: int) -> bool:
        for end in range(number, len(rows) + 1):
            try:
                return key in _flatten(tomllib.loads("\n".join(rows[:end])))
            except tomllib.TOMLDecodeError:  # within a value of several lines
                continue
        return True

    return bisect.bisect_left(range(len(rows) + 1), True, key=is_there)


def _check(key: str, value: Any, spelled: str) -> Any:
    """The value as the key's type. Misconfigured says the value as it was `spelled`."""
    setting = KEYS.get(key)
    if setting is None:
        import difflib

        near = difflib.get_close_matches(key, KEYS, 1)
        cure = f"did you mean '{near[0]}'?" if near else "remove it"
        raise Misconfigured(f"unknown setting {spelled}", cure=cure)
    if setting.type is float and type(value) is int:
        value = float(value)
    least, most = setting.least, setting.most
    if type(value) is not setting.type or value != value or value in (float("inf"), float("-inf")):
        what, cure = f"is not {_NAMES[setting.type]}", _RIGHT.get(setting.type, "")
        if setting.type in (int, float):
            cure = f"give one from {least:g} to {most:,.15g}"
    elif least is not None and most is not None and not least <= float(str(value)) <= most:
        what, cure = "is out of range", f"give a value from {least:g} to {most:,.15g}"
    elif setting.choices and not _are_choices(setting, value):
        what, cure = "is unknown", "use one of " + ", ".join(setting.choices)
    elif setting.numbers and not _are_weights(setting, value):
        what, cure = "is out of range", f"give {setting.numbers} numbers from 0 to 1"
    elif key == "zone" and (cure := zone.find_cure(str(value))):
        what, spelled = "is not a time zone", spelled if "=" in spelled else f"'{value}'"
    else:
        return value
    raise Misconfigured(f"{spelled} {what}", cure=cure)


def _are_choices(setting: Key, value: Any) -> bool:
    words = split(str(value)) if setting.several else [value]
    return bool(words) and set(words) <= set(setting.choices)


def _are_weights(setting: Key, value: Any) -> bool:
    words = split(str(value))
    plain = all(re.fullmatch(r"[01]|0?\.\d{1,9}|[01]\.0{1,9}", word, re.ASCII) for word in words)
    return plain and len(words) == setting.numbers


_NAMES = {str: "a text", int: "a whole number", float: "a number", bool: "true or false"}
_RIGHT = {str: "write it in quotes", bool: "write one of the two"}
_TRUTH = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


def _convert(key: str, text: str) -> Any:
    if KEYS[key].type is bool:
        return _TRUTH.get(text.lower(), text)
    try:
        return KEYS[key].type(text)
    except ValueError:
        return text
