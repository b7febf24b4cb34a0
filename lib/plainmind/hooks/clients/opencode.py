"""opencode, which loads a plugin of ours (integrations/opencode). Its entries are messages with
their parts: {"info": …, "parts": […]}."""

from collections.abc import Iterator
from typing import Any

from .shape import EVENTS, Client, Place, Told, show_json

PLACE = Place(
    "XDG_CONFIG_HOME",
    ".config/opencode",
    "plugin/plainmind.js",
    "plugin/plainmind.js",
    "~/.local/share/opencode/opencode.db",
    "opencode",
    todo="sessions that run already call it once opencode is started again",
    extension="opencode/index.js",
    project_folder=".opencode",
    below="opencode",
)


def _read(told: Told) -> Iterator[Any]:
    from ...bridges.histories.opencode import read_messages

    return read_messages(told.session, told.entries)


CLIENT = Client(EVENTS, PLACE, 16_000, show=show_json, read_entries=_read)
