"""Health: whether all is well, and the command that cures what is not."""

from collections.abc import Mapping
from typing import Any

from ...ground import zone
from ...memory import Memory
from .. import checks
from ..disk_use import FolderSize
from . import reminders

SHOWN = 8  # folders


def read(memory: Memory, part: str, query: Mapping[str, str]) -> dict[str, Any]:
    waiting = [one for one in reminders.list_past(memory, []) if one.waits]
    found = checks.look(memory, waiting)
    concerns = checks.list_concerns(found)
    folders = found.disk.folders
    if rest := folders[SHOWN:]:
        total = sum(one.files for one in rest), sum(one.bytes for one in rest)
        folders = [*folders[:SHOWN], FolderSize("everything else", *total)]
    return {
        "concerns": concerns,
        "well": [one for one in found.checks if one not in concerns],
        "index": found.counts,
        "vectors": found.vectors,
        "disk": found.disk,
        "folders": folders,
        "used": sum(one.bytes for one in found.disk.folders),
        "home": memory.home.root,
        "zone": zone.name(),
        "versions": checks.tell_versions(),
    }
