"""The house's style, held: length, names, English, and who may speak to the database.

A rule gives what breaks it, as `path:line: what`; each is seen to find what it is about.
"""

import ast
import functools
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


def replacements_of_nothing(all: list[Source]) -> Iterator[str]:
    """What tests put in the place of a name that is not there (or is no more): it changes
    nothing, and no test need notice."""
    for source in all:
        if not (source.python and source.path.startswith("tests/") and PUT.search(source.text)):
            continue
        nodes = list(ast.walk(source.tree))
        imports = [node for node in nodes if isinstance(node, ast.ImportFrom)]
        known = {
            alias.asname or alias.name: f"{node.module}.{alias.name}"
            for node in imports
            if (node.module or "").startswith("plainmind")
            for alias in node.names
        }
        for node in nodes:
            if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
                first, *rest = ast.unparse(node.value).split(".")
                there = names_in(".".join([known[first], *rest])) if first in known else set()
                if there and node.attr not in there:
                    yield source.at(node.lineno, ast.unparse(node))


PUT = re.compile(r"from plainmind.*^ +\w+(\.\w+)+ = ", re.DOTALL | re.MULTILINE)


@functools.cache
def names_in(whole: str) -> set[str]:
    """What a module of ours, or a class right in one that inherits nothing, holds; empty for
    anything else."""
    place = os.path.join(ROOT, "lib", *whole.split("."))
    for path in (f"{place}.py", os.path.join(place, "__init__.py")):
        if os.path.exists(path):
            with open(path, encoding="utf-8") as file:
                return names_of(ast.parse(file.read()).body)
    module, _, name = place.rpartition(os.sep)
    if os.path.exists(f"{module}.py"):
        with open(f"{module}.py", encoding="utf-8") as file:
            for node in ast.parse(file.read()).body:
                if isinstance(node, ast.ClassDef) and node.name == name and not node.bases:
                    return names_of(node.body)
    return set()


def names_of(body: list[ast.stmt]) -> set[str]:
    """The names that these statements define, import and assign."""
    found = set()
    for statement in body:
        own = isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
        for node in [statement] if own else ast.walk(statement):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                found.add(node.name)
            elif isinstance(node, ast.alias):
                found.add(node.asname or node.name)
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                found.add(node.id)
    return found


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
    replacements_of_nothing,
]


@pytest.fixture(scope="module")
def ours() -> list[Source]:
    return sources()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_house_keeps(rule, ours):
    assert list(rule(ours)) == []


LIB, TEST = "lib/plainmind/recall/x.py", "tests/x.py"
PATCH = "def f():\n    from plainmind.agent.sandbox import {module}\n    {module}.{name} = 1\n"


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
        (replacements_of_nothing, TEST, PATCH.format(module="rungs", name="_count_tasks")),
        (replacements_of_nothing, TEST, PATCH.format(module="tasks", name="TaskLimit.count")),
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
        (replacements_of_nothing, TEST, PATCH.format(module="tasks", name="_count_tasks")),
    ],
)
def test_what_keeps_a_rule_is_not_reported(rule, path, text):
    assert list(rule([Source(path, text)])) == []


def test_all_of_ours_is_read(ours):
    paths = {source.path for source in ours}
    assert {"README.md", "bin/mem-append", "tests/scene.py", "lib/plainmind/__init__.py"} <= paths
    python = {source.path for source in ours if source.python}
    assert {"bin/mem-append", "bench/speed.py", "skills/memory-search/search-exact"} <= python
