"""The block of resident memory in a system prompt: how to save, then the indexes. Pure.

The same files give the same bytes, in every process: a provider's prompt cache holds, and an edit
changes nothing before itself.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from ..formats.resident.excerpt import IndexExcerpt

_WHERE = {
    "global": "- Global memory (this user, every project): {folder}/",
    "project": "- Project memory (committed to the repository, shared with the team): {folder}/\n"
    "  MEMORY.local.md there is the user's own part, which is not committed",
}
_TITLES = {
    "global": "Global MEMORY.md",
    "project": "Project MEMORY.md",
    "local": "Project MEMORY.local.md",
}
_PREAMBLE = """\
## Persistent memory

You have memory in files, which lasts from one conversation to the next. It is separate from
AGENTS.md, CLAUDE.md and their like, which are the user's own: never write memory there.

{where}

Each has an index, MEMORY.md, shown below when there is one, and topic files beside it, to be read
when they matter. They are notes: where the user says otherwise now, the user is right.

When you learn something that lasts (a correction, a command to build or test, a constraint that is
not obvious, a decision and why), save it by editing MEMORY.md or a topic file:

- Check first: update an entry rather than adding a duplicate.
- Delete what turns out to be wrong; move what is only stale to archive/.
- Keep MEMORY.md an index: a bullet under a ## topic, one line per fact. Details go into a topic
  file, and the bullet points to it: - [Build quirks](build.md) — sccache breaks -Werror
- Do not store what the repository records: code, git history, AGENTS.md and its like.{team}
- To begin where there is no MEMORY.md yet, or to be sure that nobody's edit is lost:
  mem-resident remember {scopes} 'TEXT' && mem-resident flush"""
_TEAM = "\n- Project memory is read by teammates: factual, professional, no secrets."


class ShownFile(NamedTuple):
    """An index in the prompt: the scope's name, where it is, and as much of it as is shown."""

    scope: str
    path: str
    excerpt: IndexExcerpt


def render(folders: Sequence[tuple[str, str]], shown: Iterable[ShownFile]) -> str:
    """The block; '' without a folder. `folders` are scopes' names and where they are."""
    if not folders:
        return ""
    where = "\n".join(_WHERE[name].format(folder=folder) for name, folder in folders)
    names = [name for name, _ in folders]
    scopes = "|".join(names)
    team = _TEAM if "project" in names else ""
    parts = [_PREAMBLE.format(where=where, scopes=scopes, team=team)]
    for file in shown:
        parts.append(f"### {_TITLES[file.scope]} ({file.path})")
        if file.excerpt.text:
            parts.append(file.excerpt.text)
        if not file.excerpt.whole:
            parts.append("(There is more in the file, which is too long: shorten it.)")
    return "\n\n".join(parts) + "\n"
