"""What each package is for and what it may import.

`tests/unit/test_house.py` holds the code against it, and ARCHITECTURE.md shows it (`python
tests/house.py` writes it there). Exact: an import that the table does not allow fails, and so does
an allowance that nothing uses.
"""

import os
import textwrap
from typing import NamedTuple

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BEGIN, END = "<!-- house -->", "<!-- /house -->"


class Package(NamedTuple):
    name: str
    job: str
    may_import: tuple[str, ...]


def _package(name: str, may_import: str, job: str) -> Package:
    return Package(name, job, tuple(may_import.split()))


#: from the ground up
PACKAGES = [
    _package(
        "ground",
        "",
        "the machine: clock, paths, durable files and locks, streams, environment and secrets, "
        "settings, errors",
    ),
    _package(
        "formats",
        "ground",
        "grammars, text to records and back, pure: events, references, pins, pages, triples, "
        "reminders, work states, skills, resident memory",
    ),
    _package(
        "truth",
        "ground formats",
        "the files of the memory folder: logs, pages, work states, resident memory; it alone "
        "writes them, each under its lock",
    ),
    _package(
        "bridges", "ground formats", "other tools: their histories made into events and pages"
    ),
    _package(
        "providers",
        "ground formats",
        "one class a server: embedders, chat models, Discord, HTTP; one retry policy",
    ),
    _package(
        "team",
        "ground formats",
        "a team of agents: its members, levels, achievements, and what work earns: pure",
    ),
    _package(
        "index",
        "ground formats truth team",
        "the derived store behind one protocol: files to rows, words, vectors, the graph",
    ),
    _package(
        "recall", "ground formats", "relevance, rank, budgets, injected blocks, reports: pure"
    ),
    _package(
        "memory",
        "ground formats truth providers index recall",
        "truth, index, recall and providers put together: recalling, writing, forgetting, care",
    ),
    _package(
        "sync",
        "ground formats truth index memory",
        "one memory on several machines: its git repository, and how versions of a file are merged",
    ),
    _package(
        "reminders",
        "ground formats truth providers",
        "the reminders file, what is due, firing and its journal",
    ),
    _package(
        "work",
        "ground formats truth index team",
        "sessions of a team of agents: what a verb does, what is shown",
    ),
    _package(
        "agent",
        "ground formats truth providers recall memory reminders",
        "one turn: the loop, its prompt, skills, bash and its sandbox",
    ),
    _package(
        "surfaces",
        "ground formats truth",
        "where people are: Discord's gateway, the ledger of messages, delivery",
    ),
    _package(
        "hooks",
        "ground formats truth bridges recall memory",
        "other agents that call us: what they tell of a session, what they are given, their own "
        "configuration",
    ),
    _package(
        "board",
        "ground formats truth index recall memory reminders team work agent surfaces",
        "what commands print as pages in a browser and as JSON: their server, and who may ask it",
    ),
    _package(
        "mcp",
        "ground formats truth recall memory reminders",
        "what commands answer, for clients of the Model Context Protocol: tools, resources, and "
        "what a client may change; the only place that imports its SDK",
    ),
    _package(
        "cli",
        "ground",
        "what every command shares: options, streams, exit codes, manuals; "
        "the only place that prints or exits",
    ),
]

#: what a module beside the packages may import: it says what is missing where there is no cli
ABOVE = {"__main__.py": {"ground"}}


def listing() -> str:
    """The packages as a Markdown list, the top one first."""
    items = []
    for package in reversed(PACKAGES):
        allowed = ", ".join(f"`{name}`" for name in package.may_import) or "nothing"
        item = f"- **`{package.name}`**: {package.job}. Imports {allowed}."
        items.append(textwrap.fill(item, 98, subsequent_indent="  ", break_on_hyphens=False))
    return "\n".join(items)


def shown(page: str) -> str:
    """ARCHITECTURE.md with the packages as they are now."""
    before, _, rest = page.partition(BEGIN)
    return f"{before}{BEGIN}\n\n{listing()}\n\n{END}{rest.partition(END)[2]}"


if __name__ == "__main__":
    path = os.path.join(ROOT, "ARCHITECTURE.md")
    with open(path, encoding="utf-8") as file:
        page = file.read()
    with open(path, "w", encoding="utf-8") as file:
        file.write(shown(page))
