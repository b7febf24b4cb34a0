"""OpenClaw's memory: a workspace's `MEMORY.md`, `USER.md`, `DREAMS.md` and `memory/**/*.md`, as
pages of knowledge.

    MEMORY.md                      what is to be kept
    USER.md                        who the user is, and what they prefer
    memory/2026-01-30.md           what happened on a day; also 2026-01-30-<slug>.md

Only USER.md becomes a page that is always recalled; the others are projects', which are never
deleted for their age."""

import os
import re

from ...ground import day
from .claude_memory import MemoryFolder, parse_page
from .items import HistoryPage
from .sources import Source

#: the files of a workspace, and the names of their pages
OWN = {
    "MEMORY.md": "openclaw-memory",
    "memory.md": "openclaw-memory",
    "USER.md": "user-profile",
    "DREAMS.md": "openclaw-dreams",
}
_IN_FOLDER = re.compile(r"(?:^|/)memory/.+\.md\Z")
_DAY = re.compile(r"(\d{4}-\d\d-\d\d)(?=[-.]|\Z)")


class OpenClawMemory(MemoryFolder):
    tool = "openclaw-memory"

    def wanted(self, path: str) -> bool:
        return os.path.basename(path) in OWN or bool(_IN_FOLDER.search(path))

    def is_index(self, source: Source, text: str) -> bool:
        return False

    def name_page(self, source: Source) -> str:
        own = source.name != "memory.md" or not source.beside("MEMORY.md")
        return (OWN.get(source.name) if own else "") or super().name_page(source)

    def convert(self, text: str, name: str, source: Source) -> HistoryPage | None:
        made = parse_page(text, name, source.mtime, source.beside)
        if made is None:
            return None
        kind, tier = ("user", "L1") if source.name == "USER.md" else ("project", "L2")
        found = _DAY.match(source.name)
        date = found[1] if found and day.parse_iso(found[1]) else made.date
        return made._replace(type=kind, tier=tier, date=date, source=self.tool)
