"""The hooks in a client's own configuration, as its text: ours added and taken out, everything else
left byte for byte. Pure.

    {"hooks": {EVENT: [{"matcher": …, "hooks": [{"type": "command", "command": …, "timeout": s}]}]
    }}

Refuses what the client would not read: then nobody knows what it means. Comments are read where the
client reads them."""

import codecs
import re
import shlex
from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple

from ..formats import json_edit, strict_json
from ..ground.errors import BadData
from . import commented
from .clients import CLIENTS

Value = dict[str, Any]
Steps = tuple[str | int, ...]
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=", re.ASCII)


class Hook(NamedTuple):
    """A hook that is to be there."""

    event: str
    command: str
    timeout: int
    matcher: str = ""

    def group(self) -> Value:
        run = {"type": "command", "command": self.command, "timeout": self.timeout}
        return {**({"matcher": self.matcher} if self.matcher else {}), "hooks": [run]}


class Undo(NamedTuple):
    """What a removal must know to leave no trace: the text if there was nothing in it, and what
    stood between the brackets of what was empty, by its path."""

    blank: str | None = None
    inner: Mapping[str, str] = {}


def is_ours(command: Any, client: str) -> bool:
    """Whether a command is mem-hook for this client, wherever it lies: what only names it, or runs
    it by another program, is a person's."""
    try:
        words = shlex.split(command) if isinstance(command, str) else []
    except ValueError:  # a quote that is not closed
        return False
    while words and _ASSIGNMENT.match(words[0]):
        words.pop(0)
    if not words or words.pop(0).rpartition("/")[2] != "mem-hook":
        return False
    while words and words[0].startswith("-"):
        del words[: 2 if words[0] == "--home" else 1]
    return words[:1] == [client]


def find(data: bytes, client: str) -> dict[str, list[Value]]:
    """Event -> the groups with a hook of ours. BadData."""
    hooks = _parse(_decode(data), client).get("hooks", {})
    found = {}
    for event, groups in hooks.items():
        ours = [group for group in groups if any(_ours(group, client))]
        if ours:
            found[event] = ours
    return found


def list_commands(found: dict[str, list[Value]], client: str) -> list[str]:
    """The commands of ours in what was found, each once."""
    runs = (run for groups in found.values() for group in groups for run in group["hooks"])
    return sorted({run["command"] for run in runs if is_ours(run.get("command"), client)})


def find_home(command: str) -> str:
    """The memory folder that a command of ours names; '' for the default one."""
    words = shlex.split(command)
    return words[words.index("--home") + 1] if "--home" in words[:-1] else ""


def describe(hooks: list[Hook], client: str) -> dict[str, list[Value]]:
    """The same of hooks that are to be there."""
    return {hook.event: [hook.group()] for hook in hooks}


def add(data: bytes, hooks: list[Hook], client: str, undo: Undo) -> tuple[bytes, Undo]:
    """A configuration with exactly these hooks of ours, each once; `undo` is of those that are
    there, and the new one of these."""
    if find(data, client) == describe(hooks, client):
        return data, undo
    data = remove(data, client, undo)
    text, mark = _decode(data), _mark(data)
    old, undo = _parse(text, client), Undo(text)
    if text.strip():
        undo = Undo(None, _find_empty(commented.blank(text), old, hooks))
    else:
        text = "{}\n"
    made = text
    for hook in hooks:
        made = commented.apply(made, partial(_add, hook=hook))
    if "\r\n" in text and not re.search(r"(?<!\r)\n", text):
        made = re.sub(r"(?<!\r)\n", "\r\n", made)
    return mark + made.encode(), undo


def _add(text: str, hook: Hook) -> str:
    old = strict_json.parse(text)
    now = old.get("hooks", {})
    new = {**now, hook.event: [*now.get(hook.event, []), hook.group()]}
    return json_edit.edit(text, old, {**old, "hooks": new})


def remove(data: bytes, client: str, undo: Undo) -> bytes:
    """A configuration without hooks of ours, and without what has nothing in it since."""
    text = _decode(data)
    while place := _find_place(_parse(text, client), client):
        text = _remove(text, place)
        for outer in (place[:2], place[:1], ()):
            name = ".".join(map(str, outer))
            if _at(_parse(text, client), outer):
                break
            if (inner := undo.inner.get(name)) is not None:
                change = partial(json_edit.set_inner, path=outer, inner=inner)
                text = commented.apply(text, change)
                break
            if outer:
                text = _remove(text, outer)
            elif undo.blank is not None:
                text = undo.blank
    return _mark(data) + text.encode()


def _remove(text: str, place: Steps) -> str:
    return commented.apply(text, lambda plain: json_edit.remove(plain, place))


def _mark(data: bytes) -> bytes:
    return codecs.BOM_UTF8 if data.startswith(codecs.BOM_UTF8) else b""


def _find_empty(text: str, old: Value, hooks: list[Hook]) -> dict[str, str]:
    """Path -> what stands between the brackets of what is to be filled."""
    places: list[tuple[str, ...]] = [(), ("hooks",), *(("hooks", hook.event) for hook in hooks)]
    found: dict[str, str] = {}
    for place in places:
        value = _at(old, place)
        if value is not None and not value:
            found[".".join(place)] = json_edit.find_inner(text, place)
    return found


def _at(value: Any, place: Steps) -> Any:
    for step in place:
        try:
            value = value[step]
        except (KeyError, IndexError):
            return None
    return value


def _find_place(value: Value, client: str) -> Steps:
    """Where the last hook of ours is, or its group if that has no other; () for none."""
    for event, groups in reversed(value.get("hooks", {}).items()):
        for n, ours in reversed([*enumerate(_ours(group, client) for group in groups)]):
            if all(ours) and ours:
                return ("hooks", event, n)
            if any(ours):
                return ("hooks", event, n, "hooks", ours.index(True))
    return ()


def _ours(group: Value, client: str) -> list[bool]:
    return [is_ours(run.get("command"), client) for run in group["hooks"]]


def _decode(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise BadData("not valid UTF-8", cure="save it as UTF-8") from None


def _parse(text: str, client: str) -> Value:
    """The value of a configuration, whose hooks have the form that is known."""
    if CLIENTS[client].place.comments:
        text = commented.blank(text)
    if not text.strip():
        return {}
    value = strict_json.parse(text)
    if not isinstance(value, dict):
        raise BadData("not a JSON object", cure="fix it, or move it away")
    hooks = value.get("hooks", {})
    form = isinstance(hooks, dict) and all(
        isinstance(groups, list) and all(map(_is_group, groups)) for groups in hooks.values()
    )
    if not form:
        raise BadData("'hooks' is not what the client reads", cure="fix it, or take it out")
    return value


def _is_group(group: Any) -> bool:
    runs = group.get("hooks") if isinstance(group, dict) else None
    return isinstance(runs, list) and all(isinstance(run, dict) for run in runs)
