"""Documents: each example is replayed, and whatever a document or a manual names must exist.

`GOLDEN=update` writes what console blocks print into the documents, to be reviewed as code is.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import textwrap
from functools import cache

import pytest
from plainmind.cli import manual
from plainmind.ground import settings
from scene import ROOT

LIB = os.path.join(ROOT, "lib", "plainmind")
BIN = os.path.join(ROOT, "bin")
COMMANDS = sorted(os.listdir(BIN))
PYTHON = os.path.join(ROOT, ".venv", "bin", "python")
NOW = "2026-01-30T14:23:55.120Z"
RID = "rid_K5V4M2J7Q2ZP"


def tracked():
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True
    )
    return [path for path in listed.stdout.split("\n") if os.path.isfile(os.path.join(ROOT, path))]


FILES = tracked()
DOCUMENTS = [path for path in FILES if path.endswith(".md") and not path.startswith("tests/unit/")]
#: those that tell how things are; a changelog and decisions also tell how they were
PRESENT = [
    path for path in DOCUMENTS if path != "CHANGELOG.md" and not path.startswith("docs/decisions/")
]


@cache
def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return file.read()


def write(path, text):
    with open(os.path.join(ROOT, path), "w", encoding="utf-8") as file:
        file.write(text)


@cache
def pages():
    """Every manual page: name -> text."""
    return {name: manual.help_text(name) for name in COMMANDS} | manual.pages()


# --- what a console block prints

CONSOLE = re.compile(r"^```console\n(.*?)^```$", re.M | re.S)


def replay(document, folder, forked):
    """The document with what its console blocks print, in order, in one memory folder."""
    blocks = CONSOLE.findall(document)
    played = str(folder / "played.txt")
    with open(played, "w", encoding="utf-8") as file:
        file.write("".join(f"#: {number}\n{text}" for number, text in enumerate(blocks)))
    (folder / "work" / "data").mkdir(parents=True)
    (folder / "ann").mkdir()
    env = {name: value for name, value in os.environ.items() if not name.startswith("MIND_")}
    env |= forked | {
        "PATH": f"{forked['FORKED']}:{BIN}:{env['PATH']}",
        "HOME": str(folder / "ann"),
        "MIND_NOW": NOW,
        "GOLDEN": "update",
    }
    subprocess.run(
        [PYTHON, os.path.join(ROOT, "tests", "bats", "transcript"), played],
        cwd=folder / "work",
        env=env | {"MIND_HOME": str(folder / "work" / "data"), "BATS_TEST_TMPDIR": str(folder)},
        check=True,
    )
    with open(played, encoding="utf-8") as file:
        text = re.sub(r"^\[(?:\d+|no newline)\]\n", "", file.read(), flags=re.M)
    text = text.replace(f"{folder}/work/", "").replace(f"{folder}/ann/", "/home/ann/")
    text = re.sub(r"rid_[A-Z2-7]{12}", RID, text)
    answers = iter(re.split(r"^#: \d+\n", text, flags=re.M)[1:])
    return CONSOLE.sub(lambda _: f"```console\n{next(answers)}```", document)


@pytest.mark.parametrize("path", [path for path in DOCUMENTS if CONSOLE.search(read(path))])
def test_examples_print_what_is_written(path, tmp_path, forked):
    played = replay(read(path), tmp_path, forked)
    if os.environ.get("GOLDEN") == "update":
        write(path, played)
    else:
        assert played == read(path)


def test_an_example_that_prints_something_else_is_noticed(tmp_path, forked):
    document = (
        "```console\n$ printf x | mem-append --context a/b --role user\nlogs/a/b/x.md:3\n```\n"
    )
    assert replay(document, tmp_path, forked) != document


# --- what CONTRIBUTING shows

MODULE = re.compile(
    r"^```python\n# (lib/\S+?)(?:, in (\w+)(, and [^\n]*)?)?\n(.*?)^```$", re.M | re.S
)


@pytest.fixture(scope="module")
def extended(tmp_path_factory):
    """Run a command with a library to which the modules and lines of CONTRIBUTING are added."""
    root = tmp_path_factory.mktemp("extended")
    shutil.copytree(os.path.join(ROOT, "lib"), root / "lib")
    for path, table, imported, text in MODULE.findall(read("CONTRIBUTING.md")):
        old = (root / path).read_text() if table else ""
        start = rf"^{table}(?:: .+)? = [\[{{]\n?"
        assert not table or re.search(start, old, re.M), table
        more = f"from . import {text.partition(': ')[2].partition('.')[0]}\n" if imported else ""
        new = re.sub(start, lambda m: more + m[0] + text, old, flags=re.M)
        (root / path).write_text(new if table else text)
    env = {name: value for name, value in os.environ.items() if not name.startswith("MIND_")}
    env |= {"PYTHONPATH": str(root / "lib"), "MIND_HOME": str(root / "data"), "MIND_NOW": NOW}
    env |= {"HOME": str(root), "MIND_HOOK_TIMEOUT": "60"}

    def run(command, *arguments, stdin=""):
        line = [PYTHON, "-P", os.path.join(BIN, command), *arguments]
        ended = subprocess.run(line, input=stdin, capture_output=True, text=True, env=env, cwd=root)
        return ended.stdout + ended.stderr

    return run, root


def test_what_contributing_says_adds_a_provider_an_importer_a_check_and_a_client(extended):
    run, root = extended
    (root / "my.diary").write_text('{"at": "2026-01-30T14:23:55Z", "text": "Rain."}\n')
    imported = run("mem-import", "--from", "diary", "my.diary")
    assert '"content":"Rain."' in imported
    ref = run("mem-append", "--jsonl", stdin=imported)
    assert ref == "logs/diary/all/20260130T142355Z.md:3\n", ref
    assert run("mem-embed", "--model", "letters", stdin=ref) == f"{ref.strip()}\tok\n"
    run("mem-note", "--type", "user", "--name", "loud", stdin="Do not shout!!!\n")
    assert "shouting: exclamation marks in a row" in run("mem-lint")
    assert f"{root}/.parrot/hooks.json: SessionStart" in run("mem-hook", "parrot", "--install")
    event = {"hook_event_name": "UserPromptSubmit", "session_id": "s", "prompt_id": "p"}
    event = json.dumps({**event, "prompt": "Does it rain?", "cwd": str(root)})
    assert "Rain." in run("mem-hook", "parrot", stdin=event)
    assert "Does it rain?" in run("mem-log", "parrot")


# --- the way of a line


def told_files(text):
    """Files that the section of ARCHITECTURE names, below lib/plainmind or in bin/."""
    section = text.partition("\n## The way of one line\n")[2].partition("\n## ")[0]
    return re.findall(r"`((?:bin/[a-z-]+|[a-z_/]+\.py))`", section.partition("**")[2])


def test_the_way_of_a_line_is_told_as_it_is():
    """Every file that it passes, once."""
    line = [PYTHON, os.path.join(ROOT, "bench", "walk.py"), "--list"]
    listed = subprocess.run(line, capture_output=True, text=True, check=True).stdout
    hops = re.findall(r"^  (\S+) -> (\S+)", listed, re.M)
    passed = {file.removeprefix("lib/plainmind/") for hop in hops for file in hop}
    assert sorted(told_files(read("ARCHITECTURE.md"))) == sorted(passed)


def test_the_files_that_are_told_are_found():
    text = "\n## The way of one line\n\n**It** is `bin/mem-append`, `recall/rank.py`.\n\n## B\n"
    assert told_files(text) == ["bin/mem-append", "recall/rank.py"]


# --- links

FENCED = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.M | re.S)


def prose(document):
    return re.sub(r"`[^`\n]*`", "", FENCED.sub("", document))


def anchors(document):
    """Of headings, as GitHub makes them."""
    for heading in re.findall(r"^#+ (.+)$", FENCED.sub("", document), re.M):
        kept = re.sub(r"[^\w\- ]", "", re.sub(r"\]\(.*?\)", "", heading.lower()))
        yield kept.strip().replace(" ", "-")


def broken_links(path, document):
    targets = re.findall(r"\]\(([^)\s]+)\)", prose(document))
    for target in targets:
        if re.match(r"https?:|mailto:", target):
            continue
        name, _, anchor = target.partition("#")
        place = os.path.normpath(os.path.join(os.path.dirname(path), name)) if name else path
        if name and not os.path.exists(os.path.join(ROOT, place)):
            yield f"{target}: no such file"
        elif anchor and anchor not in anchors(read(place) if name else document):
            yield f"{target}: no such heading"


@pytest.mark.parametrize("path", DOCUMENTS)
def test_links_lead_somewhere(path):
    assert list(broken_links(path, read(path))) == []


@pytest.mark.parametrize("link", ["[a](nowhere.md)", "[a](README.md#nowhere)", "[a](#nowhere)"])
def test_a_broken_link_is_noticed(link):
    assert list(broken_links("CHANGELOG.md", link))
    assert not list(broken_links("docs/x.md", "# A b\n[a](#a-b) [b](files.md) `[c](nowhere)`\n"))


# --- what is named

SUITE = re.compile(r"(?:mem|agent|remind|work|discord)-[a-z]+")
#: words like commands that name contexts, skills and types
OTHERS = {"discord-channel", "discord-thread", "work-tracking", "agent-feedback"}


@cache
def programs():
    """Commands, and scripts of skills that are pages like them: name -> what --help prints."""
    scripts = [path for path in FILES if re.fullmatch(r"skills/[\w-]+/[a-z]+-[a-z]+", path)]
    helps = {path: manual.help_text(os.path.join(ROOT, path)) for path in scripts}
    return {os.path.basename(path): text for path, text in helps.items()} | {
        name: pages()[name] for name in COMMANDS
    }


def words_of(line):
    try:
        return shlex.split(line, comments=True)
    except ValueError:  # half a sentence, or a quotation mark on its own
        return line.split()


@cache
def options_of(command):
    section = programs()[command].partition("\nOPTIONS\n")[2].partition("\nENVIRONMENT\n")[0]
    return set(re.findall(r"(?<![\w-])--?[a-z][\w-]*", section, re.I))


@cache
def every_option():
    return set().union(*map(options_of, programs()))


def code(document):
    """What a document shows as code: spans, and lines of blocks."""
    for _, language, block in FENCED.findall(document):
        if language in ("sh", "console", ""):
            yield from re.sub(r"\\\n *>?", "", block).split("\n")
    rest = FENCED.sub("", document)
    yield from re.findall(r"^ {4,}(\S.*)$", rest, re.M)
    yield from re.findall(r"`([^`\n]+)`", rest)


def unknown_commands(document):
    """Commands of the suite that are not there, and options that the command before them lacks."""
    for line in code(document):
        for part in re.split(r"\|\||&&|[|;]", line.removeprefix("$ ")):
            words = [word for word in words_of(part) if not re.match(r"[A-Z_]+=", word)]
            if not words:
                continue
            name = os.path.basename(words[0])
            if name in programs():
                given = {word.partition("=")[0] for word in words[1:] if word.startswith("--")}
                yield from (f"{name} {o}: no such option" for o in given - options_of(name))
            elif SUITE.fullmatch(name) and name not in OTHERS:
                yield f"{name}: no such command"


def unknown_options(document):
    """Options that stand alone in a sentence, and that no command has."""
    for span in code(document):
        if re.fullmatch(r"--[a-z][\w-]*", span) and span not in every_option() | FOREIGN:
            yield f"{span}: no such option"


#: options of other programs that documents name
FOREIGN = {"--jinja"}


@pytest.mark.parametrize("path", PRESENT)
def test_commands_and_options_named_exist(path):
    assert [*unknown_commands(read(path)), *unknown_options(read(path))] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_examples_of_a_manual_have_options_that_exist(command):
    page = pages()[command]
    examples = page.partition("\nEXAMPLES\n")[2].partition("\nSEE ALSO\n")[0]
    assert (
        list(unknown_commands("```\n" + re.sub(r"^  ", "", examples, flags=re.M) + "\n```\n")) == []
    )


@pytest.mark.parametrize(
    "text",
    [
        "`mem-dream`",
        "`mem-append --vivid`",
        "`--vivid`",
        "```sh\nx | mem-show --vivid y\n```",
        "    remind-ad x",
    ],
)
def test_a_command_or_an_option_that_is_not_there_is_noticed(text):
    assert [*unknown_commands(text), *unknown_options(text)]
    assert not [*unknown_commands("`mem-append --jsonl`"), *unknown_options("`--json` `-v`")]


def unknown_pages(text):
    """Manual pages that no command and no format makes."""
    named = re.findall(r"\bman (?:\d )?([a-z][a-z-]+-[a-z]+)", text)
    named += re.findall(r"\b((?:mem|mind|agent|remind|work|discord)-[a-z]+)\(\d\)", text)
    return [name for name in named if name not in pages()]


@pytest.mark.parametrize("path", DOCUMENTS)
def test_manual_pages_named_in_documents_exist(path):
    assert unknown_pages(read(path)) == []


@pytest.mark.parametrize("name", sorted([*COMMANDS, *manual.pages()]))
def test_manual_pages_named_in_manuals_exist(name):
    assert unknown_pages(pages()[name]) == []


def test_a_manual_page_that_is_not_there_is_noticed():
    assert unknown_pages("`man mind-sleep`, mem-dream(1), mem-show(1)") == [
        "mind-sleep",
        "mem-dream",
    ]


# --- settings, variables, files, targets, units


EXTENSIONS = {path.rpartition(".")[2] for path in FILES} | {"lock", "db"}


def is_module(dotted):
    path = os.path.join(ROOT, "lib", "plainmind", *dotted.split("."))
    return os.path.isdir(path) or os.path.isfile(path + ".py")


def unknown_settings(text):
    """Settings, modules (`recall.rank`) and variables that are not there."""
    first = {key.partition(".")[0] for key in settings.KEYS} | set(os.listdir(LIB))
    for name in re.findall(rf"`((?:{'|'.join(sorted(first))})\.[a-z_0-9.]+)(?![\w/])", text):
        is_file = name.rpartition(".")[2] in EXTENSIONS
        if name not in settings.KEYS and not is_module(name) and not is_file:
            yield f"{name}: no such setting or module"
    known = {settings.variable(key) for key in settings.KEYS}
    known |= set(re.findall(r"\bMIND_[A-Z_]+", "".join(pages().values()))) | READ_ELSEWHERE
    for name in re.findall(r"\bMIND_[A-Z][A-Z_0-9]*\b", text):
        if name not in known:
            yield f"{name}: no such variable"


#: variables that no manual of a command tells: for programs, not for people
READ_ELSEWHERE = {"MIND_BACKOFF", "MIND_BROKER", "MIND_INSIDE", "MIND_TURN", "MIND_DEBUG"}


def listing():
    """Every setting, by section, as docs/settings.md shows them."""
    rows, section = [], ""
    for key, setting in settings.KEYS.items():
        if key.partition(".")[0] != section:
            section = key.partition(".")[0]
            rows += [f"\n## {section}\n"]
        default = str(setting.default).lower() if setting.type is bool else setting.default
        shown = f"`{default}`" if default != "" else "empty"
        choices = f" ({', '.join(setting.choices)})" if setting.choices else ""
        bounds = (
            f" ({setting.least:g} to {setting.most:,.15g})"
            if setting.least is not None and setting.most is not None
            else ""
        )
        told = f"- `{key}`, default {shown}: {setting.meaning}{choices}{bounds}"
        rows += textwrap.wrap(told, 98, subsequent_indent="  ", break_on_hyphens=False)
    return "\n".join([*rows, "", ""])


def test_the_page_of_settings_is_made_from_their_definition():
    before, begin, rest = read("docs/settings.md").partition("<!-- settings -->\n")
    _, end, after = rest.partition("<!-- /settings -->")
    page = f"{before}{begin}{listing()}{end}{after}"
    if os.environ.get("GOLDEN") == "update":
        write("docs/settings.md", page)
    else:
        assert page == read("docs/settings.md")


@pytest.mark.parametrize("path", PRESENT)
def test_settings_modules_and_variables_named_exist(path):
    assert list(unknown_settings(read(path))) == []


def test_a_setting_that_is_not_there_is_noticed():
    assert list(unknown_settings("`recall.mood` and `MIND_MOOD`")) == [
        "recall.mood: no such setting or module", "MIND_MOOD: no such variable"
    ]  # fmt: skip


#: top folders of the checkout, and of a memory folder as the manuals' FILES name them
TOP = {path.partition("/")[0] for path in FILES if "/" in path}


@cache
def folders_of_a_home():
    named = re.findall(r"`([a-z-]+)/", read("docs/files.md"))
    return set(named)


def unknown_files(path, text):
    """Paths in code that begin like one of the checkout, and lead nowhere."""
    for span in re.findall(r"`([^`\s]+)`", FENCED.sub("", text)):
        span = span.rstrip(":").partition(":")[0].partition("#")[0]
        top = span.partition("/")[0]
        if (
            "/" not in span
            or top not in TOP - {"data", "skills"} | {"docs"}
            or re.search(r"[<>*…{}$]", span)
        ):
            continue
        near = os.path.normpath(os.path.join(os.path.dirname(path), span))
        if not any(os.path.exists(os.path.join(ROOT, place)) for place in (span, near)):
            yield f"{span}: no such file"


@pytest.mark.parametrize("path", PRESENT)
def test_files_named_exist(path):
    assert list(unknown_files(path, read(path))) == []


@pytest.mark.parametrize("name", sorted([*COMMANDS, *manual.pages()]))
def test_folders_of_the_checkout_that_a_manual_names_exist(name):
    """A manual names folders of the checkout (serving/, launchd/), or of a memory folder."""
    named = set(re.findall(r"(?<![\w/.~*>-])([a-z]+)/(?=[\s),.;]|$)", pages()[name], re.M))
    assert named <= TOP | folders_of_a_home(), named - TOP - folders_of_a_home()


def unknown_targets(text):
    targets = set(re.findall(r"^([a-z-]+):", read("Makefile"), re.M))
    return [name for name in re.findall(r"`make ([a-z-]+)", text) if name not in targets]


@pytest.mark.parametrize("path", DOCUMENTS)
def test_targets_of_make_that_are_named_exist(path):
    assert unknown_targets(read(path)) == []


def units():
    """Names of systemd units that something here installs."""
    texts = "".join(read(path) for path in FILES if path.endswith((".sh", "serving/README.md")))
    return set(re.findall(r"([\w-]+)\.service", texts))


def unknown_units(text):
    named = re.findall(
        r"systemctl --user (?:\w+ )+?(?:--now )?([\w-]{5,})(?:\.service)?(?=[`'\s;]|$)", text
    )
    return [name for name in named if name not in units() and name != "daemon-reload"]


def test_systemd_units_that_are_named_exist():
    for name in [*COMMANDS, *manual.pages()]:
        assert unknown_units(pages()[name]) == [], name
    for path in [*PRESENT, *(path for path in FILES if path.endswith((".sh", ".service")))]:
        assert unknown_units(read(path)) == [], path


def test_a_file_a_target_and_a_unit_that_are_not_there_are_noticed():
    assert list(unknown_files("README.md", "`docs/nowhere.md` `bench/speed.py` `lib/x.py:3`")) == [
        "docs/nowhere.md: no such file", "lib/x.py: no such file"
    ]  # fmt: skip
    assert unknown_targets("`make install` `make dinner`") == ["dinner"]
    assert unknown_units("systemctl --user restart plainmind-relay") == ["plainmind-relay"]
    assert unknown_units("systemctl --user status discord-relay") == []


# --- what a reader can paste


def unset(text):
    """Paths that a hint writes with a variable that need not be set."""
    return re.findall(r"\$\{?MIND_HOME\}?/\S*", text)


@pytest.mark.parametrize("path", [path for path in FILES if path.startswith(("lib/", "bin/"))])
def test_no_hint_prints_a_variable_that_is_not_set(path):
    assert unset(read(path)) == []


def test_a_hint_with_a_variable_is_noticed():
    assert unset("see the names with: ls $MIND_HOME/knowledge")


def test_the_readme_is_short_and_every_command_is_listed():
    assert read("README.md").count("\n") <= 150
    for page in "README.md", "docs/commands.md":
        assert [command for command in COMMANDS if f"`{command}`" not in read(page)] == [], page


def test_every_promise_of_security_names_tests_that_are_there():
    page = read("SECURITY.md")
    assert page.count("\n") < 150
    promises = page.partition("## What is promised")[2].partition("## What is not promised")[0]
    for promise in re.findall(r"^- .*?(?=^-|^#|\Z)", promises, re.M | re.S):
        named = re.findall(r"`(unit/[^`]*?\.py)?(?:::(\w+))?`", promise)
        named = [(path, name) for path, name in named if path or name]
        assert named, promise
        source = ""
        for path, name in named:
            source = read(f"tests/{path}") if path else source
            assert not name or re.search(rf"^def {name}\(", source, re.M), (path, name)
