"""Application commands: registered by the bot, and how a person's call of one looks."""

import re

from .refusal import invalid
from .snowflake import Mint

CHAT, USER, MESSAGE = 1, 2, 3
SUBCOMMAND, GROUP = 1, 2
USER_OPTION, ATTACHMENT_OPTION = 6, 11


class NotCallable(ValueError):
    """No such command, or not with these options: a person could not have sent it."""


class Commands:
    def __init__(self, mint: Mint, application: str) -> None:
        self.mint = mint
        self.application = application
        #: by guild; "" for those that are everywhere
        self.registered: dict[str, dict[tuple[int, str], dict]] = {}

    def put(self, guild: str, definitions: list[dict]) -> list[dict]:
        """All of a place at once: what is not among them is no more."""
        before = self.registered.get(guild, {})
        checked = [self._check(i, d) for i, d in enumerate(definitions)]
        after = {(d["type"], d["name"]): d for d in checked}
        for key, definition in after.items():
            self._complete(guild, definition, before.get(key))
        self.registered[guild] = after
        return list(after.values())

    def add(self, guild: str, definition: dict) -> dict:
        definition = self._check(0, definition)
        there = self.registered.setdefault(guild, {})
        key = definition["type"], definition["name"]
        self._complete(guild, definition, there.get(key))
        there[key] = definition
        return definition

    def remove(self, guild: str, id: str) -> bool:
        there = self.registered.get(guild, {})
        found = [key for key, d in there.items() if d["id"] == id]
        for key in found:
            del there[key]
        return bool(found)

    def find(self, guild: str, kind: int, name: str) -> dict:
        for place in (guild, ""):
            if (kind, name) in self.registered.get(place, {}):
                return self.registered[place][kind, name]
        there = sorted(n for place in self.registered.values() for _, n in place)
        raise NotCallable(f"no command '{name}' is registered; there are {there}")

    def _complete(self, guild: str, definition: dict, before: dict | None) -> None:
        id = before["id"] if before else self.mint.new()
        definition |= {"id": id, "version": self.mint.new(), "application_id": self.application}
        definition |= {"guild_id": guild} if guild else {}

    def _check(self, index: int, definition: dict) -> dict:
        kind = definition.get("type", CHAT)
        name = definition.get("name") or ""
        shape = r"[-_'\w]{1,32}" if kind == CHAT else r".{1,32}"
        if not re.fullmatch(shape, name) or (kind == CHAT and name != name.lower()):
            raise invalid(
                f"{index}.name", "APPLICATION_COMMAND_INVALID_NAME", "Command name is invalid"
            )
        if kind == CHAT and not 1 <= len(definition.get("description") or "") <= 100:
            raise invalid(
                f"{index}.description",
                "BASE_TYPE_BAD_LENGTH",
                "Must be between 1 and 100 in length.",
            )
        self._check_options(f"{index}.options", definition.get("options") or [])
        return {
            "nsfw": False,
            "default_member_permissions": None,
            "description": "",
            **definition,
            "type": kind,
        }

    def _check_options(self, where: str, options: list[dict]) -> None:
        if len(options) > 25:
            raise invalid(where, "BASE_TYPE_MAX_LENGTH", "Must be 25 or fewer in length.")
        required = [bool(o.get("required")) for o in options]
        if required != sorted(required, reverse=True):
            raise invalid(
                where,
                "APPLICATION_COMMAND_OPTIONS_REQUIRED_INVALID",
                "Required options come before non-required options",
            )
        for option in options:
            if not 1 <= len(option.get("description") or "") <= 100:
                raise invalid(where, "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 100 in length.")
            self._check_options(where, option.get("options") or [])


def called(definition: dict, words: list[str], values: dict) -> list[dict]:
    """A call's options: `words` lead through groups to the subcommand, `values` are its own."""
    there = {o["name"]: o for o in definition.get("options") or []}
    if words:
        inner = there.get(words[0])
        if inner is None or inner["type"] not in (SUBCOMMAND, GROUP):
            raise NotCallable(
                f"'{definition['name']}' has no subcommand '{words[0]}'; there are {sorted(there)}"
            )
        return [
            {
                "name": inner["name"],
                "type": inner["type"],
                "options": called(inner, words[1:], values),
            }
        ]
    if any(o["type"] in (SUBCOMMAND, GROUP) for o in there.values()):
        raise NotCallable(f"'{definition['name']}' needs a subcommand: {sorted(there)}")
    strange = set(values) - set(there)
    missing = [n for n, o in there.items() if o.get("required") and n not in values]
    if strange or missing:
        raise NotCallable(
            f"'{definition['name']}': unknown options {sorted(strange)}, missing {missing}"
        )
    return [
        {"name": name, "type": there[name]["type"], "value": value}
        for name, value in values.items()
    ]
