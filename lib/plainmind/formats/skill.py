"""`SKILL.md`, the file that makes a folder a skill: YAML between two lines `---`, then markdown.

    ---
    name: memory-search
    description: Finds the exact words of what was said. Use it when recall is not enough.
    ---

The format is Agent Skills, which pi and Claude read too. Owns its rules: the name is the folder's,
in a-z, 0-9 and single hyphens, at most 64; the description has 1 to 1,024 characters;
`disable-model-invocation: true` hides a skill from the model; other keys may say what they like.
Refuses to know files.

The YAML is composed, never constructed (yaml_nodes): no key but these three is made into a value.
Aliases are refused. A line that YAML refuses costs itself at most (head_lines), here too: other
readers of skills refuse the whole file, and mem-lint names it.
"""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from ..ground import masks
from ..ground.errors import BadData
from . import decode_utf8
from .page import head_lines, yaml_nodes
from .page.head_lines import RefusedLine

FILE = "SKILL.md"
MOST = 64 * 1024  # bytes of the file: a model reads all of it
MOST_HEAD = 8 * 1024  # characters of the YAML
LONGEST_NAME, LONGEST_DESCRIPTION = 64, 1024

HIDDEN = "disable-model-invocation"
KEYS = ("name", "description", HIDDEN)

_HEAD = re.compile(r"---[ \t]*\n(.*?)^---[ \t]*$", re.S | re.M)
_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*", re.ASCII)


class Skill(NamedTuple):
    """What a model is told of a skill.

    `path` is that of its SKILL.md; a hidden one it is told nothing of.
    """

    name: str
    description: str
    path: str
    hidden: bool

    @property
    def summary(self) -> str:
        """The description on one line, of characters that are shown."""
        said = self.description
        if not said.isprintable():
            said = "".join(c if c.isprintable() else " " for c in said)
        return " ".join(said.split())


class SkillFrontmatter(NamedTuple):
    """The three keys' values as text, None for what is not text, and every key's line."""

    values: dict[str, str | None]
    lines: dict[str, int]
    twice: list[tuple[str, int]]  # keys that come again, which other readers refuse
    refused: list[RefusedLine] = []  # lines that other readers refuse


def parse(data: bytes, path: str) -> Skill:
    """The skill of a SKILL.md, or BadData with the first thing that is wrong."""
    return load(data, path)[1]


def load(data: bytes, path: str, kept: Any = None) -> tuple[dict[str, str], Skill]:
    """The values under the three keys, and the skill; BadData as `parse`.

    `kept`: the values of the same bytes from another time, if any; reading YAML is slow.
    """
    values = kept if _is_sound(kept, path) else _check(data, path)
    hidden = values.get(HIDDEN) == "true"
    return values, Skill(values["name"], values["description"], path, hidden)


def _is_sound(kept: Any, path: str) -> bool:
    """Whether these are values of a skill at this path."""
    if not isinstance(kept, dict) or not all(isinstance(value, str) for value in kept.values()):
        return False
    return next(find_problems(SkillFrontmatter(kept, {}, []), path), None) is None


def _check(data: bytes, path: str) -> dict[str, str]:
    frontmatter = read_frontmatter(data, path)
    for problem in find_problems(frontmatter, path):
        raise problem
    return {key: value for key, value in frontmatter.values.items() if value is not None}


def read_body(data: bytes) -> str:
    """The text below the frontmatter of a file that has one."""
    return _HEAD.sub("", data.decode("utf-8").replace("\r\n", "\n"), count=1)


def read_frontmatter(data: bytes, path: str) -> SkillFrontmatter:
    """What the YAML says, unchecked. BadData where there is none, or none that can be read."""
    if len(data) > MOST:
        what, cure = f"more than {MOST // 1024} KB", "move the details to files beside it"
        raise BadData(what, place=f"{path}:1", cure=cure)
    match = _HEAD.match(decode_utf8(data, path).replace("\r\n", "\n"))
    if not match:
        cure = "begin with a line ---, then name: and description:, then a line ---"
        raise BadData("no frontmatter", place=f"{path}:1", cure=cure)
    if len(match[1]) > MOST_HEAD:
        what = f"frontmatter of more than {MOST_HEAD // 1024} KB"
        raise BadData(what, place=f"{path}:1", cure="move the text below the frontmatter")
    return _read(match[1], path)


def find_problems(found: SkillFrontmatter, path: str) -> Iterator[BadData]:
    """Everything that is wrong with a head."""

    def wrong(key: str, what: str, cure: str) -> BadData:
        return BadData(what, place=f"{path}:{found.lines.get(key, 1)}", cure=cure)

    for key, line in found.twice:
        yield BadData(f"'{key}' appears twice", place=f"{path}:{line}", cure="remove one")
    for key in ("name", "description"):
        if key not in found.values and found.refused:
            yield next(find_refused(found, path))
        elif key not in found.values:
            yield wrong(key, f"no '{key}'", f"add {key}: to the frontmatter")
        elif not (found.values[key] or "").strip():
            cure = "give it one, in quotes if it is a number, a date or true"
            yield wrong(key, f"'{key}' is not text", cure)
    name, folder = found.values.get("name") or "", path.split("/")[-2] if "/" in path else ""
    if name and (not _NAME.fullmatch(name) or len(name) > LONGEST_NAME):
        cure = f"use a-z, 0-9 and single hyphens between, at most {LONGEST_NAME}"
        yield wrong("name", f"'{masks.cut(name, 80)}' is not a valid name", cure)
    elif name and name != folder:
        what = f"the name '{name}' is not the folder's, '{folder}'"
        yield wrong("name", what, "rename one of them")
    length = len(found.values.get("description") or "")
    if length > LONGEST_DESCRIPTION:
        cure = f"at most {LONGEST_DESCRIPTION}; say what and when"
        yield wrong("description", f"a description of {length} characters", cure)
    if found.values.get(HIDDEN, "false") not in ("true", "false"):
        cure = "write one of them, without quotes"
        yield wrong(HIDDEN, f"'{HIDDEN}' is neither true nor false", cure)


def find_refused(found: SkillFrontmatter, path: str) -> Iterator[BadData]:
    """The lines of a head that YAML refuses, those first that are not read."""
    for line, what, _ in sorted(found.refused, key=lambda one: (one.text != "", one.line)):
        what, _, cure = what.partition("; ")
        yield BadData(what, place=f"{path}:{line}", cure=cure)


def _read(text: str, path: str) -> SkillFrontmatter:
    head = head_lines.read(text, path)
    found = SkillFrontmatter({}, {}, [], head.refused)
    for name, value, line, *_ in head.entries:
        if name in found.lines:
            found.twice.append((name, line))
        found.lines[name] = line
        if name in KEYS:
            found.values[name] = _text(value, name)
    if head.refused and HIDDEN in text:  # a skill that may be hidden is not shown
        found.values.setdefault(HIDDEN, None)
    return found


def _text(node: Any, key: str) -> str | None:
    """A node's value if it is of the key's kind.

    True and false are those of YAML 1.2, which pi reads: no 'yes', no 'on'.
    """
    if yaml_nodes.kind_of(node) != ("bool" if key == HIDDEN else "str"):
        return None
    return node.value.lower() if key == HIDDEN else node.value
