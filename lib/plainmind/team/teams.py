"""The teams and their agents: `work/teams.toml` of the memory folder, or the file beside this one.

    [[team]]
    name = "Engineering"
    description = "Builds, checks and ships the software"
    agents = [
      { name = "backend", role = "Backend specialist", description = "Services and their tests" },
    ]

Only names are required. `model` is what the agent runs on; `active = false` says that it is not
called any more. The file is read whole or not at all.
"""

import os
import re
from typing import Any, NamedTuple

from ..formats.work.session import check_agent
from ..ground import files
from ..ground.errors import BadData

PATH = "work/teams.toml"  # in the memory folder, instead of the one beside this
MOST = 1024 * 1024  # bytes

_TEXTS = ("name", "role", "description", "model")


class Member(NamedTuple):
    """An agent of a team."""

    name: str
    role: str = ""
    description: str = ""
    model: str = ""
    active: bool = True


class Team(NamedTuple):
    name: str
    description: str
    agents: tuple[Member, ...]


def read_shipped() -> bytes:
    """The file of the two teams that a fresh memory folder has."""
    return files.read(os.path.join(os.path.dirname(os.path.abspath(__file__)), "teams.toml"))


def parse(data: bytes, place: str) -> list[Team]:
    """The teams in a file, in order; BadData, with the place, for anything it cannot be."""
    import tomllib

    if len(data) > MOST:
        raise BadData(f"more than {MOST >> 20} MiB", place=place)
    try:
        tables = tomllib.loads(data.decode("utf-8-sig"))
    except (RecursionError, ValueError) as error:  # also nesting or digits beyond Python's limits
        line = re.search(r"line (\d+)", str(error))
        number = line[1] if line else data.count(b"\n") + 1
        what = f"not valid TOML: {error}"
        raise BadData(what, place=f"{place}:{number}", cure="fix the line") from None
    try:
        _check_keys("the file", tables, ("team",))
        teams = [_team(table) for table in _tables("team", tables.get("team", []))]
        _check_once("team", [team.name for team in teams])
        _check_once("agent", [agent.name for team in teams for agent in team.agents])
    except BadData as error:
        raise BadData(error.what, place=place, cure=error.cure) from None
    return teams


def _team(table: dict[str, Any]) -> Team:
    name = _text(table, "name", "a team")
    _check_keys(f"team '{name}'", table, ("name", "description", "agents"))
    agents = tuple(_member(agent) for agent in _tables("agents", table.get("agents", [])))
    return Team(name, _text(table, "description", f"team '{name}'"), agents)


def _member(table: dict[str, Any]) -> Member:
    who = f"agent '{check_agent(_text(table, 'name', 'an agent'))}'"
    _check_keys(who, table, Member._fields)
    active = table.get("active", True)
    if not isinstance(active, bool):
        raise BadData(f"'active' of {who} is neither true nor false")
    name, role, description, model = (_text(table, key, who) for key in _TEXTS)
    return Member(name, role, description, model, active)


def _tables(key: str, value: Any) -> list[dict[str, Any]]:
    if not isinstance(value, list) or not all(isinstance(table, dict) for table in value):
        raise BadData(f"'{key}' is not a list of tables")
    return value


def _text(table: dict[str, Any], key: str, who: str) -> str:
    value = table.get(key, "")
    if not isinstance(value, str) or not value.isprintable():
        raise BadData(f"'{key}' of {who} is not a text of one line")
    if key == "name" and not value.strip():
        raise BadData(f"{who} has no name")
    return value


def _check_keys(who: str, table: dict[str, Any], known: tuple[str, ...]) -> None:
    for key in table:
        if key not in known:
            raise BadData(f"unknown key '{key}' of {who}", cure="use one of " + ", ".join(known))


def _check_once(noun: str, names: list[str]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise BadData(f"two {noun}s are named '{name}'", cure="rename one")
