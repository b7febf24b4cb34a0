"""pi, which loads an extension of ours (integrations/pi). Its entries are those of its session
files, after the session's header; they become the events that an import of the file gives."""

import json
import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ...ground import regular
from ...ground.errors import Failure
from .shape import EVENTS, Client, Place, Told, show_json

#: a package of ours: its folder in a checkout, the repository, what npm has
_OURS = re.compile(r"(?:^|[/:])(integrations/pi|plainmind(\.git)?)/?(@[^/]*)?$")
_NAMES = ("plainmind", "plainmind-pi")


def _find_package(settings: Mapping[str, Any], folder: str) -> str:
    known = settings.get("packages")
    for one in known if isinstance(known, list) else ():
        source = one.get("source") if isinstance(one, dict) else one
        if isinstance(source, str) and (_OURS.search(source) or _is_named(folder, source)):
            return source
    return ""


def _is_named(folder: str, source: str) -> bool:
    """Whether a checkout of any name is ours."""
    try:
        with regular.open_file(os.path.join(folder, source, "package.json")) as file:
            about = json.loads(file.read())
    except (OSError, ValueError, RecursionError, Failure):
        return False
    return isinstance(about, dict) and about.get("name") in _NAMES


PLACE = Place(
    "PI_CODING_AGENT_DIR",
    ".pi/agent",
    "extensions/plainmind.js",
    "extensions/plainmind.js",
    "sessions",
    "pi",
    todo="sessions that run already call it after /reload",
    extension="pi/index.js",
    project_folder=".pi",
    find_package=_find_package,
    take_out="pi remove",
)


def _read(told: Told) -> Iterator[Any]:
    from ...bridges.histories import pi, sources

    source = sources.Source(told.transcript, 0, 0)
    places = (f"<stdin>: entry {n}" for n in range(len(told.entries)))
    records = (sources.RawRecord(*each) for each in zip(places, told.entries))
    return pi.read_events(records, "pi", lambda header: pi.find_lineage(header, source), ())


CLIENT = Client(EVENTS, PLACE, 16_000, show=show_json, read_entries=_read, as_imported=True)
