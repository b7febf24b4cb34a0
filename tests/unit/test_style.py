"""The house's style, held: length, names, English, and who may speak to the database.

A rule gives what breaks it, as `path:line: what`; each is seen to find what it is about.
"""

import ast
import os
import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

import pytest
from scene import ROOT

COLUMNS, FUNCTION, MODULE = 100, 50, 400
NOT_OURS = {"data", "build", "node_modules", "__pycache__"}
#: how a command begins: Python, or sh that hands over to it
STARTS = PAGE, _ = '#!/bin/sh\n""":"', "#!/usr/bin/env python"
BROKEN_ENGLISH = re.compile(
    r"(?<!\bthere )\b(?:is|are) no (?!longer|more|less|other|different)\w"
    r"|\bno UTF-8\b|\bmend(?:ed|s|ing)?\b|\banew\b|\bbegot\b|\bnoughts?\b",
    re.IGNORECASE,
)


class Source(NamedTuple):
    path: str
    text: str

    @property
    def python(self) -> bool:
        return self.path.endswith(".py") or self.text.startswith(STARTS)

    @property
    def product(self) -> bool:
        return self.path.startswith(("lib/", "bin/"))

    @property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    def at(self, line: int, what: str) -> str:
        return f"{self.path}:{line}: {what}"


def sources() -> list[Source]:
    """All text of ours that is code or a document."""
    found = []
    for folder, folders, names in os.walk(ROOT):
        folders[:] = sorted(name for name in folders if name not in NOT_OURS and name[0] != ".")
        for name in sorted(names):
            path = os.path.relpath(os.path.join(folder, name), ROOT)
            if name.endswith((".py", ".md", ".sh", ".bats", ".bash")) or "." not in name:
                with open(os.path.join(ROOT, path), encoding="utf-8", errors="replace") as file:
                    found.append(Source(path, file.read()))
    return found


# ---- the rules


def long_lines(all: list[Source]) -> Iterator[str]:
    for source in all:
        if source.python or source.path.endswith(".md"):
            for number, line in enumerate(source.text.split("\n"), 1):
                if len(line) > COLUMNS and not line.startswith("|"):  # a row of a table is one line
                    yield source.at(number, f"{len(line)} columns")


def long_functions(all: list[Source]) -> Iterator[str]:
    for source in filter(lambda source: source.python and source.product, all):
        for node in ast.walk(source.tree):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                lines = (node.end_lineno or 0) - node.lineno + 1
                if lines > FUNCTION:
                    yield source.at(node.lineno, f"{node.name} has {lines} lines")


def long_modules(all: list[Source]) -> Iterator[str]:
    for source in all:
        lines = source.text.count("\n")
        if source.python and source.path.startswith("lib/") and lines > MODULE:
            yield source.at(lines, "the module's last line")


def classes_named_twice(all: list[Source]) -> Iterator[str]:
    first: dict[str, str] = {}
    for source in filter(lambda source: source.python and source.product, all):
        for node in ast.walk(source.tree):
            if isinstance(node, ast.ClassDef):
                place = source.at(node.lineno, node.name)
                if first.setdefault(node.name, place) != place:
                    yield f"{place} is also {first[node.name]}"


#: the index's engine, and another tool's database that is imported
SQL = (
    "lib/plainmind/index/rows/",
    "lib/plainmind/index/sqlite/",
    "lib/plainmind/index/postgres/",
    "lib/plainmind/bridges/histories/database.py",
)


def sql_outside_the_engine(all: list[Source]) -> Iterator[str]:
    for source in filter(lambda source: source.python and source.product, all):
        if not source.path.startswith(SQL):
            for number, line in enumerate(source.text.split("\n"), 1):
                if re.search(r"\.execute(many|script)?\(", line):
                    yield source.at(number, line.strip())


def broken_english(all: list[Source]) -> Iterator[str]:
    for source in all:
        if not source.path.startswith("tests/"):
            for number, line in enumerate(source.text.split("\n"), 1):
                if BROKEN_ENGLISH.search(line):
                    yield source.at(number, line.strip())


def modules_without_a_docstring(all: list[Source]) -> Iterator[str]:
    for source in all:
        if source.path.startswith("lib/") and source.python and not ast.get_docstring(source.tree):
            yield source.at(1, "no docstring")


# ---- they hold

Rule = Callable[[list[Source]], Iterator[str]]

RULES: list[Rule] = [
    long_lines,
    long_functions,
    long_modules,
    classes_named_twice,
    sql_outside_the_engine,
    broken_english,
    modules_without_a_docstring,
]


@pytest.fixture(scope="module")
def ours() -> list[Source]:
    return sources()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_house_keeps(rule, ours):
    assert list(rule(ours)) == []


LIB = "lib/plainmind/recall/x.py"


@pytest.mark.parametrize(
    "rule, path, text",
    [
        (long_lines, LIB, "a = 1  #" + " x" * 50),
        (long_lines, "docs/x.md", "word " * 21),
        (long_lines, "bin/x", PAGE + "#" * 101),
        (long_lines, "skills/x/y", "#!/usr/bin/env python3\n" + "#" * 101),
        (long_functions, LIB, "def f():\n" + "    pass\n" * 50),
        (long_functions, LIB, "class A:\n    async def f(self):\n" + "        pass\n" * 50),
        (long_modules, LIB, "\n" * 401),
        (classes_named_twice, LIB, "class A: ...\nclass A: ..."),
        (sql_outside_the_engine, LIB, "db.execute('SELECT 1')"),
        (sql_outside_the_engine, "bin/x", PAGE + "x\ndb.executemany('')"),
        (broken_english, LIB, "raise BadData(f'{word} is no context')"),
        (broken_english, "README.md", "These are no windows."),
        (broken_english, LIB, "'it is no UTF-8'"),
        (broken_english, "bin/x", "begins anew"),
        (broken_english, "skills/x/SKILL.md", "Mend it."),
        (modules_without_a_docstring, LIB, "import os\n"),
    ],
)
def test_a_broken_rule_is_noticed(rule, path, text):
    assert list(rule([Source(path, text)]))


@pytest.mark.parametrize(
    "rule, path, text",
    [
        (long_lines, LIB, "#" * 100),
        (long_lines, "docs/x.md", "| " + "x" * 120 + " |"),
        (long_functions, LIB, "def f():\n" + "    pass\n" * 49),
        (long_functions, "tests/x.py", "def f():\n" + "    pass\n" * 50),
        (long_modules, LIB, "\n" * 400),
        (sql_outside_the_engine, "lib/plainmind/index/sqlite/x.py", "db.execute('')"),
        (broken_english, LIB, "there is no page; it is no longer here, and recommended"),
        (modules_without_a_docstring, LIB, '"""What it is for."""\n'),
    ],
)
def test_what_keeps_a_rule_is_not_reported(rule, path, text):
    assert list(rule([Source(path, text)])) == []


def test_all_of_ours_is_read(ours):
    paths = {source.path for source in ours}
    assert {"README.md", "bin/mem-append", "tests/scene.py", "lib/plainmind/__init__.py"} <= paths
    python = {source.path for source in ours if source.python}
    assert {"bin/mem-append", "bench/speed.py", "skills/memory-search/search-exact"} <= python
