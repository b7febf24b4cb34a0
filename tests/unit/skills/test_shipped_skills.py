"""The skills that come along: each is valid, and names only what there is.

Their scripts are pages like those of bin/.
"""

import ast
import os
import re
import shlex
import shutil
import subprocess

import pytest
from plainmind.agent import skill_drafts, skills
from plainmind.formats import skill
from plainmind.ground import files
from plainmind.ground.errors import EXIT_CODES
from scene import ROOT
from skill_files import SKILLS
from unit.cli.test_manual import SECTIONS, SHARED, help_of
from unit.test_house import COMMANDS, HEAVY, loaded

NAMES = sorted(
    name for name in os.listdir(SKILLS) if os.path.exists(os.path.join(SKILLS, name, "SKILL.md"))
)
SCRIPTS = sorted(
    os.path.join(SKILLS, name, script)
    for name in NAMES
    for script in os.listdir(os.path.join(SKILLS, name))
    if os.access(os.path.join(SKILLS, name, script), os.X_OK) and "." not in script
)
SHELL = {
    "mkdir",
    "grep",
    "sed",
    "cat",
    "ls",
    "echo",
    "printf",
}  # what an example may use besides our own


def of(name: str) -> str:
    return files.read(os.path.join(SKILLS, name, "SKILL.md")).decode()


def short(path: str) -> str:
    return os.path.relpath(path, SKILLS)


# --- what they say


def test_the_four_are_there():
    assert {"memory-search", "memory-audit", "brave-search", "skill-author"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_each_is_valid(name):
    assert skill_drafts.read(os.path.join(SKILLS, name)).findings == []
    made = skill.parse(of(name).encode(), os.path.join(SKILLS, name, "SKILL.md"))
    assert "Use it " in made.description, "says what, but not when"


def test_none_is_left_out_and_none_is_remarked_upon(home):
    assert [each.name for each in skills.discover(home, SKILLS, pytest.fail)] == NAMES


def examples(text: str) -> list[str]:
    """Lines of a text's bash blocks."""
    blocks = re.findall(r"^[ ]*```bash\n(.*?)^[ ]*```", text, re.S | re.M)
    return [line.strip() for block in blocks for line in block.split("\n") if line.strip()]


def commands(line: str) -> list[list[str]]:
    """The words of every command of a line."""
    words = shlex.shlex(line, posix=True, punctuation_chars=True)
    words.whitespace_split = True
    found: list[list[str]] = [[]]
    for word in words:
        if word in ("|", "||", "&&", ";"):
            found.append([])
        elif not found[-1] and re.match(r"[A-Z_]+=", word):  # a variable for this one command
            continue
        else:
            found[-1].append(word)
    return found


def wrong(line: str, folder: str) -> list[str]:
    """What an example names that is not there."""
    found = []
    for name, *words in commands(line):
        path = os.path.join(folder, name) if name.startswith("./") else name
        if path not in COMMANDS and path not in SCRIPTS and os.path.normpath(path) not in SCRIPTS:
            found += [name] if name not in SHELL else []
            continue
        options = (
            help_of(os.path.normpath(path))
            .partition("\nOPTIONS\n")[2]
            .partition("\nENVIRONMENT\n")[0]
        )
        for word in words[: words.index("--")] if "--" in words else words:
            option = word.partition("=")[0]
            if (
                option.startswith("-")
                and option != "-"
                and not re.search(rf"^  .*(?<![\w-]){re.escape(option)}(?![\w-])", options, re.M)
            ):
                found.append(f"{name} {option}")
    return found


@pytest.mark.parametrize("name", NAMES)
def test_every_example_names_what_is_there(name):
    lines = examples(of(name))
    assert lines
    assert [each for line in lines for each in wrong(line, os.path.join(SKILLS, name))] == []


@pytest.mark.parametrize("path", SCRIPTS, ids=short)
def test_every_example_of_a_manual_names_what_is_there(path):
    lines = (
        help_of(path).partition("\nEXAMPLES\n")[2].partition("\nSEE ALSO\n")[0].strip().split("\n")
    )
    local = re.compile(rf"(?<![\w/-])({os.path.basename(path)})(?=\s|$)")
    assert [
        each for line in lines for each in wrong(local.sub(r"./\1", line), os.path.dirname(path))
    ] == []
    assert all(local.search(line) for line in lines)


@pytest.mark.parametrize(
    "line, said",
    [
        ("mem-recall --everything x", ["mem-recall --everything"]),
        ("mem-recall x | ./search-nothing", ["./search-nothing"]),
        ("./search-exact -n 3 x | mem-show -Z 2", ["mem-show -Z"]),
        ("mem-dream && curl x", ["mem-dream", "curl"]),
        ("MIND_AGENT=x mem-dream", ["mem-dream"]),
        ("./search-exact -n 3 -- --everything | mem-show -C 2", []),
        ("./search-exact '-x | y'", ["./search-exact -x | y"]),
    ],
)
def test_the_check_of_examples_can_fail(line, said):
    assert wrong(line, os.path.join(SKILLS, "memory-search")) == said


@pytest.mark.parametrize("name", NAMES)
def test_every_command_named_in_passing_is_there(name):
    known = {*COMMANDS, *NAMES, *(os.path.basename(path) for path in SCRIPTS)}
    families = "|".join(sorted({each.split("-")[0] for each in known}))
    named = re.findall(rf"`(?:\./)?((?:{families})-[a-z-]+)[` ]", of(name))
    assert [each for each in named if each not in known] == []


@pytest.mark.parametrize("name", NAMES)
def test_every_script_is_named_by_its_skill(name):
    for path in SCRIPTS:
        if os.path.dirname(path) == os.path.join(SKILLS, name):
            assert f"./{os.path.basename(path)} " in of(
                name
            ) or f"./{os.path.basename(path)}\n" in of(name), path


# --- the scripts


def test_there_are_scripts():
    assert {"search-exact", "memory-survey", "brave-search", "skill-check", "skill-add"} <= {
        os.path.basename(path) for path in SCRIPTS
    }


def test_every_script_starts_as_the_commands_do():
    pages = [*SCRIPTS, *(os.path.join(ROOT, "bin", command) for command in COMMANDS)]
    starts = {b"\n".join(files.read(path).split(b"\n")[:3]) for path in pages}
    assert len(starts) == 2 and len({start.replace(b"../", b"") for start in starts}) == 1


@pytest.mark.parametrize("path", SCRIPTS, ids=short)
def test_every_script_is_a_page(path):
    source = files.read(path).decode()
    assert len(source.split("\n")) < 140
    main = next(
        node
        for node in ast.parse(source).body
        if isinstance(node, ast.FunctionDef) and node.name == "main"
    )
    assert main.end_lineno - main.body[0].lineno < 31
    assert source.endswith("\n\ncli.run(main)\n")


@pytest.mark.parametrize("path", SCRIPTS, ids=short)
def test_every_manual_is_complete(path):
    text = help_of(path)
    assert [line for line in text.split("\n") if re.fullmatch(r"[A-Z][A-Z ]+", line)] == SECTIONS
    assert text.split("\n")[1].startswith(f"  {os.path.basename(path)} - ")
    options = text.partition("\nOPTIONS\n")[2].partition("\nENVIRONMENT\n")[0]
    own = re.findall(r'@click\.option\("(-\w|--[\w-]+)"', files.read(path).decode())
    for option in [*own, *SHARED, "--json"]:
        assert re.search(rf"^  .*{re.escape(option)}\b", options, re.M), option
    status = text.partition("\nEXIT STATUS\n")[2].partition("\nEXAMPLES\n")[0]
    codes = {int(code) for code in re.findall(r"(?:^|\s)(\d{1,3}) (?=[a-z])", status, re.I)}
    assert {0, 1, 2} <= codes <= set(EXIT_CODES)


@pytest.mark.parametrize("path", SCRIPTS, ids=short)
def test_help_loads_nothing_heavy(path, tmp_path):
    assert not loaded(path, "--help", home=tmp_path) & set(HEAVY)


# --- from wherever they are started


@pytest.fixture
def checkout(tmp_path) -> str:
    """A checkout with a space in its path: this one's environment and library, the skills
    copied."""
    made = tmp_path / "a checkout"
    made.mkdir()
    for name in (".venv", "lib"):
        os.symlink(os.path.join(ROOT, name), made / name)
    shutil.copytree(SKILLS, made / "skills", symlinks=True)
    return str(made)


def version(*words: str, cwd: str) -> str:
    ended = subprocess.run(
        words, cwd=cwd, capture_output=True, text=True, env={"PATH": os.environ["PATH"]}
    )
    return ended.stdout if ended.returncode == 0 else f"{ended.returncode} {ended.stderr}"


def test_from_anywhere_through_links_and_with_spaces(checkout, tmp_path):
    folder = os.path.join(checkout, "skills", "memory-search")
    os.symlink(folder, tmp_path / "linked-folder")
    os.symlink(os.path.join(folder, "search-exact"), tmp_path / "linked-script")
    os.symlink(os.path.dirname(folder), tmp_path / "linked-skills")
    ways = [
        (os.path.join(folder, "search-exact"), "/"),
        ("./search-exact", folder),
        ("memory-search/search-exact", os.path.join(checkout, "skills")),
        ("linked-folder/search-exact", str(tmp_path)),
        ("linked-skills/memory-search/search-exact", str(tmp_path)),
        ("./search-exact", str(tmp_path / "linked-folder")),
        ("./linked-script", str(tmp_path)),
    ]
    for words, cwd in ways:
        assert re.search(
            r"^(search-exact|linked-script) \(plainmind\) ", version(words, "--version", cwd=cwd)
        ), (words, cwd)
    assert version("sh", "search-exact", "--version", cwd=folder).startswith("search-exact ")


def test_a_copy_without_a_checkout_says_so(tmp_path):
    copied = shutil.copytree(
        os.path.join(SKILLS, "memory-search"), tmp_path / "skills" / "memory-search"
    )
    said = version(str(copied / "search-exact"), "--version", cwd="/")
    assert said.startswith("78 search-exact: no file '") and "link to it" in said
