"""Which pages there are: a page is a module here, a template of its name, and a line below.

A module has

    def read(memory: Memory, part: str, query: Mapping[str, str]) -> dict[str, Any]
        what its template shows; `part` is '' for the page itself. NoInput for a part that is not
        there, BadData or Usage for what cannot be asked. `query` is PUBLISHED where the page
        becomes a file: there is no next one to ask for
    def list_parts(memory: Memory) -> Iterable[str]
        the parts that are published as files of their own (only where `has_parts`)
"""

from importlib import import_module
from types import ModuleType
from typing import NamedTuple

from ...ground.errors import NoInput

PUBLISHED = {"all": "1"}


class BoardPage(NamedTuple):
    name: str  # of its module and template; its parts are at /NAME/PART
    title: str
    path: str
    watches: tuple[str, ...]  # topics of `changes` that make it new
    has_parts: bool = False
    asks: tuple[str, ...] = ()  # of the query, what `read` knows; nothing else is asked

    @property
    def module(self) -> ModuleType:
        return import_module(f".{self.name}", __name__)


LOG = ("q", "context", "role", "since", "until", "from", "at", "all")
KNOWLEDGE = ("q", "name", "type", "tier", "tag", "from", "all")
#: in the order in which people look
PAGES = (
    BoardPage("today", "Today", "/", ("log", "work", "knowledge", "reminders", "care")),
    BoardPage("sessions", "Sessions", "/sessions", ("work",), True, ("all", "before")),
    BoardPage("team", "Team", "/management-team.html", ("work",), has_parts=True),
    BoardPage("memory", "Memory", "/memory", ("log", "knowledge", "memory", "care")),
    BoardPage("log", "Log", "/log", ("log",), True, LOG),
    BoardPage("knowledge", "Knowledge", "/knowledge", ("knowledge",), True, KNOWLEDGE),
    BoardPage("reminders", "Reminders", "/reminders", ("reminders",), asks=("month",)),
    BoardPage("cost", "Cost", "/cost", ("log", "work"), asks=("days",)),
    BoardPage("health", "Health", "/health", ("log", "work", "knowledge", "reminders", "care")),
)  # fmt: skip


def find_page(name: str) -> BoardPage:
    for page in PAGES:
        if page.name == name:
            return page
    raise NoInput(f"no page '{name}'", cure="see the navigation")
