"""Settings: every key there is, its type, default and meaning; `config.toml` to values.

An option beats `MIND_<KEY>` beats `config.toml` beats the default. Owns no file: text in, values out.
"""

import re
from collections.abc import Callable
from typing import Any, NamedTuple

from .errors import Misconfigured


class Key(NamedTuple):
    type: type
    default: Any
    meaning: str
    choices: tuple[str, ...] = ()
    least: float | None = None
    most: float | None = None


KEYS: dict[str, Key] = {
    "embed.model": Key(
        str, "auto", "embedding model: auto, embedded, google:NAME, ollama:NAME, openai:NAME"
    ),
    "embed.dimensions": Key(int, 768, "vector length asked of google models", least=1, most=8192),
    "embed.timeout": Key(
        float, 30.0, "seconds for one request to an embedding server", least=0.01, most=3600
    ),
    "embed.retries": Key(int, 4, "attempts of one request within a run", least=1, most=20),
    "recall.sim": Key(str, "hybrid", "relevance of a turn", ("hybrid", "cosine")),
    "recall.floor": Key(
        float, 0.2, "relevance a turn must exceed to be recalled", least=-1, most=1
    ),
    "recall.baseline": Key(
        float,
        -1.0,
        "cosine of unrelated texts with the model; -1 takes the known value, or 0",
        least=-1,
        most=0.99,
    ),
    "recall.k": Key(int, 8, "turns recalled", least=1, most=1000),
    "knowledge.rank": Key(str, "relevance", "how pages are ranked", ("relevance", "rrf")),
    "knowledge.floor": Key(float, 0.25, "relevance a page must reach to be given", least=0, most=1),
    "knowledge.k": Key(
        int,
        6,
        "relevant pages given, besides those always given and those linked to",
        least=0,
        most=100,
    ),
    "knowledge.budget": Key(
        int, 4000, "estimated tokens of all pages given to a turn", least=0, most=1000000
    ),
    "knowledge.l1_budget": Key(
        int, 2000, "of these, for pages that are always given", least=0, most=1000000
    ),
    "knowledge.each": Key(int, 500, "estimated tokens of one relevant page", least=1, most=1000000),
    "knowledge.recency": Key(
        float, 0.15, "added to the score of a page dated today", least=0, most=10
    ),
    "knowledge.recency_days": Key(
        float, 60.0, "days in which that falls to nothing", least=1, most=36500
    ),
    "knowledge.weight_user": Key(
        float, 1.5, "what the relevance of a page of type user counts", least=0, most=10
    ),
    "knowledge.weight_agent_feedback": Key(float, 1.4, "of type agent-feedback", least=0, most=10),
    "knowledge.weight_project": Key(float, 1.2, "of type project", least=0, most=10),
    "knowledge.weight_reference": Key(float, 1.0, "of type reference", least=0, most=10),
    "knowledge.weight_compaction": Key(float, 1.0, "of type compaction", least=0, most=10),
    "remind.host": Key(
        str, "", "the one host that fires reminders; empty means every host that scans"
    ),
    "remind.grace": Key(
        float,
        12.0,
        "hours after which a missed occurrence of a recurring reminder is let go",
        least=0.1,
        most=336,
    ),
    "relay.allow": Key(
        str, "", "numbers of the Discord users the relay listens to, with ',' between"
    ),
    "relay.concurrency": Key(
        int, 4, "turns the relay runs at once, of different contexts", least=1, most=64
    ),
    "relay.catchup": Key(
        float,
        12.0,
        "hours after which a missed message is logged and not answered",
        least=0,
        most=8760,
    ),
    "relay.timeout": Key(
        float, 30.0, "seconds for one request of the relay to Discord", least=0.1, most=600
    ),
    "relay.turn": Key(
        str, "agent-turn", "the program that takes a turn: a command of the suite, or a path"
    ),
    "turn.model": Key(
        str,
        "auto",
        "chat model: auto, embedded, google:NAME, openai:NAME, ollama:NAME, command:PROGRAM",
    ),
    "turn.max_steps": Key(int, 20, "tool calls in one turn", least=0, most=1000),
    "turn.history_tokens": Key(
        int,
        0,
        "estimated tokens of history sent; 0 means half the model's window",
        least=0,
        most=100000000,
    ),
    "turn.timeout": Key(
        float, 120.0, "seconds for one answer of the model", least=0.01, most=86400
    ),
    "turn.tool_timeout": Key(
        int, 120, "seconds for one bash call that names none", least=1, most=600
    ),
    "turn.sandbox": Key(
        str,
        "auto",
        "what commands run in",
        ("auto", "required", "bubblewrap", "landlock", "sandbox-exec", "none"),
    ),
    "turn.network": Key(bool, False, "whether commands reach the network"),
    "turn.readable": Key(str, "", "more folders that commands may read, with ':' between"),
    "turn.input_price": Key(
        float,
        0.0,
        "US dollars for a million tokens sent, where the provider tells no cost",
        least=0,
        most=1e6,
    ),
    "turn.output_price": Key(
        float, 0.0, "US dollars for a million tokens answered", least=0, most=1e6
    ),
    "turn.max_tokens": Key(int, 1024, "tokens the model may answer with", least=1, most=1000000),
}


def variable(key: str) -> str:
    """`recall.sim` -> `MIND_RECALL_SIM`."""
    return "MIND_" + key.upper().replace(".", "_")


class Settings:
    """Values by key, from one `config.toml` text and the environment."""

    def __init__(self, toml: str, path: str, env: Callable[[str], str | None]):
        self._values: dict[str, Any] = {}
        if toml.strip():
            for key, value in _flatten(_load(toml, path)).items():
                place = f"{path}:{_line_of(toml, key)}"
                self._values[key] = _checked(key, value, place, f"'{key}'")
        for key in KEYS:
            text = env(variable(key))
            if text:
                self._values[key] = _checked(
                    key, _converted(key, text), "", f"{variable(key)}='{text}'"
                )

    def __getitem__(self, key: str) -> Any:
        return self._values.get(key, KEYS[key].default)

    def override(self, key: str, value: Any) -> None:
        """An option's value; None leaves the setting as it is."""
        if value is not None:
            self._values[key] = _checked(key, value, "", f"{key}='{value}'")


def _load(toml: str, path: str) -> dict[str, Any]:
    import tomllib

    try:
        return tomllib.loads(toml)
    except (
        RecursionError,
        ValueError,
    ) as error:  # a TOMLDecodeError, or more nesting or digits than Python reads
        found = re.search(r"line (\d+)", str(error))
        line = found[1] if found else str(toml.count("\n") + 1)
        raise Misconfigured(
            f"no TOML: {error}", place=f"{path}:{line}", cure="mend the line"
        ) from None


def _flatten(table: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in table.items():
        key = prefix + name
        flat.update(_flatten(value, key + ".") if isinstance(value, dict) else {key: value})
    return flat


def _line_of(toml: str, key: str) -> int:
    """The line where a key's value starts: the first after which the file, cut there, has the key."""
    import tomllib

    rows, start = toml.split("\n"), 1
    for number in range(1, len(rows) + 1):
        try:
            flat = _flatten(tomllib.loads("\n".join(rows[:number])))
        except tomllib.TOMLDecodeError:  # within a value of several lines
            continue
        if key in flat:
            return start
        start = number + 1
    return start


def _checked(key: str, value: Any, place: str, said: str) -> Any:
    known = KEYS.get(key)
    if known is None:
        import difflib

        near = difflib.get_close_matches(key, KEYS, 1)
        raise Misconfigured(
            f"unknown setting {said}",
            place=place,
            cure=f"did you mean '{near[0]}'?" if near else "remove it",
        )
    if known.type is float and type(value) is int:
        value = float(value)
    if type(value) is not known.type or value != value or value in (float("inf"), float("-inf")):
        raise Misconfigured(
            f"{said} is no {_NAMES[known.type]}", place=place, cure=f"give a {_NAMES[known.type]}"
        )
    if (
        known.least is not None
        and known.most is not None
        and not known.least <= float(str(value)) <= known.most
    ):
        raise Misconfigured(
            f"{said} is out of range",
            place=place,
            cure=f"give one from {known.least:g} to {known.most:g}",
        )
    if known.choices and value not in known.choices:
        raise Misconfigured(
            f"{said} is unknown", place=place, cure="use one of " + ", ".join(known.choices)
        )
    return value


_NAMES = {str: "text", int: "whole number", float: "number", bool: "true or false"}


_TRUTH = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


def _converted(key: str, text: str) -> Any:
    if KEYS[key].type is bool:
        return _TRUTH.get(text.lower(), text)
    try:
        return KEYS[key].type(text)
    except ValueError:
        return text
