"""Manuals: what is told once is told everywhere from there, and what they name exists.

Each check is itself tested to fail.
"""

import ast
import json
import os
import re

import forks
import pytest
from plainmind.cli import manual
from plainmind.ground.errors import EXIT_CODES
from plainmind.ground.settings import KEYS, VARIABLES, find_keys, variable
from scene import ROOT

BIN = os.path.join(ROOT, "bin")
COMMANDS = manual.commands()
SHARED = ["--home", "--now", "--quiet", "--verbose", "--color", "--version", "--help"]
SECTIONS = "NAME SYNOPSIS DESCRIPTION OPTIONS JSON ENVIRONMENT FILES".split()
SECTIONS += ["EXIT STATUS", "EXAMPLES", "SEE ALSO"]


def source_of(command):
    with open(os.path.join(BIN, command), encoding="utf-8") as file:
        return file.read()


def help_of(command):
    if command not in help_of.known:
        help_of.known[command] = manual.help_text(command)
    return help_of.known[command]


help_of.known = {}


def section(text, name):
    """The lines of a section of a manual."""
    return re.split(r"\n\n(?=[A-Z][A-Z ]+\n)", text.partition(f"\n{name}\n")[2])[0]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_manual_has_its_sections_in_order(command):
    titles = [line for line in help_of(command).split("\n") if re.fullmatch("[A-Z][A-Z ]+", line)]
    assert titles == [
        title for title in SECTIONS if title != "JSON" or "--json" in help_of(command)
    ]
    assert help_of(command).split("\n")[1].startswith(f"  {command} - ")
    assert [line for line in help_of(command).split("\n") if len(line) > 100] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_is_in_the_manual_and_the_shared_ones_in_one_line(command):
    own = re.findall(r'@click\.option\(\s*"(-\w|--[\w-]+)"', source_of(command))
    options = section(help_of(command), "OPTIONS")
    for option in own:
        assert re.search(rf"^  .*{re.escape(option)}\b", options, re.M), option
    (shared,) = [line for line in options.split("\n") if "--home" in line]
    assert all(option in shared for option in SHARED)


# --- settings and variables


#: the command whose manual explains the settings of a section
EXPLAINED_BY = {
    "embed": "mem-embed",
    "recall": "mem-recall",
    "knowledge": "mem-recall",
    "hook": "mem-hook",
    "mcp": "mem-mcp",
    "remind": "remind-scan",
    "relay": "discord-relay",
    "turn": "agent-turn",
    "route": "agent-turn",
    "sync": "mem-sync",
    "index": "mem-index",
}


@pytest.mark.parametrize("key", sorted(KEYS))
def test_every_setting_is_in_a_manual_and_in_mind_config(key):
    by = EXPLAINED_BY.get(key.split(".")[0])
    page = help_of(by) if by else manual.pages()["mind-options"]
    environment = section(page, "ENVIRONMENT")
    assert re.search(rf"^  {variable(key)} ", environment, re.M)
    assert f"({key})" in " ".join(environment.split())
    assert f"\n  {key} = " in manual.pages()["mind-config"]


def unread(source):
    """Settings and variables that a page's own lines read and its `reads` does not name."""
    words = " ".join(
        ast.literal_eval(text)
        for text in re.findall(r'[Rr][Ee][Aa][Dd][Ss] ?\+?= ?("[^"]*")', source)
    )
    keys = {key for word in words.split() for key in find_keys(word)}
    used = set(re.findall(r'settings\["([\w.]+)"\]', source))
    variables = set(re.findall(r'env\.get\("(\w+)"\)', source)) | (
        {"MIND_KEY"} if "session.key" in source else set()
    )
    return sorted(used - keys) + sorted(variables - set(words.split()))


@pytest.mark.parametrize("command", COMMANDS)
def test_a_page_names_what_it_reads(command):
    assert unread(source_of(command)) == []


def test_a_page_that_reads_more_is_noticed():
    page = 'reads="recall.k"\nsettings["recall.k"] settings["turn.model"] '
    page += 'env.get("MIND_AGENT") session.key'
    assert unread(page) == ["turn.model", "MIND_AGENT", "MIND_KEY"]


def told_by_hand(text):
    """Lines that begin with a setting or a variable, as a list or a table that explains it does."""
    names = [*KEYS, *map(variable, KEYS), *VARIABLES]
    name = "|".join(map(re.escape, names))
    return re.findall(rf"^ *(?:[-*|] *)?`?({name})`?(?: {{2,}}| *\||, default )", text, re.M)


def documents():
    for folder in ("", "docs"):
        for name in sorted(os.listdir(os.path.join(ROOT, folder))):
            if name.endswith(".md"):
                yield os.path.join(folder, name)


@pytest.mark.parametrize("path", [*(f"bin/{command}" for command in COMMANDS), *documents()])
def test_no_setting_is_told_twice_by_hand(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        text = re.sub(r"<!-- settings -->.*<!-- /settings -->", "", file.read(), flags=re.S)
    assert told_by_hand(text) == []


def test_a_setting_told_by_hand_is_noticed():
    text = "  MIND_RECALL_K   events recalled\n| `recall.k` | 8 |\n"
    text += "- `turn.model`, default `auto`: x\n- `OLLAMA_HOST`: told\nsee MIND_KEY\n"
    assert told_by_hand(text) == ["MIND_RECALL_K", "recall.k", "turn.model"]


# --- exit codes


def exit_codes(status):
    """Code -> words of an EXIT STATUS section, or an AssertionError."""
    entries = re.split(r"\n  |   ", status.strip())
    assert all(re.match(r"\d+ \S", entry) for entry in entries), entries
    codes = {int(entry.partition(" ")[0]): entry.partition(" ")[2] for entry in entries}
    assert list(codes) == sorted(codes) and len(codes) == len(entries)
    assert codes.keys() <= EXIT_CODES.keys() and {0, 2} <= codes.keys()
    assert codes[2] == "usage"
    return codes


@pytest.mark.parametrize("command", COMMANDS)
def test_exit_codes_in_the_manual_are_codes_of_the_suite(command):
    exit_codes(section(help_of(command), "EXIT STATUS"))


@pytest.mark.parametrize(
    "status",
    ["  0 done", "  0 done   2 usage   5 odd", "  2 usage   0 done", "  0 a   2 usage\n  x"],
)
def test_exit_codes_that_are_none_are_noticed(status):
    with pytest.raises(AssertionError):
        exit_codes(status)


def test_mind_options_tells_every_code_and_every_shared_option():
    page = manual.pages()["mind-options"]
    for code, text in EXIT_CODES.items():
        assert re.search(rf"^  {code} +{re.escape(text)}$", section(page, "EXIT STATUS"), re.M)
    assert all(option in section(page, "OPTIONS") for option in [*SHARED, "--json", "--dry-run"])
    assert all(name in section(page, "ENVIRONMENT") for name in manual.COMMON)


# --- what manuals name (what of it exists, tests/unit/test_documents.py looks)


def misnumbered(text):
    """Pages that a manual names with a section that is not theirs."""
    named = re.findall(r"\b((?:mem|mind|agent|remind|work|discord)-[a-z]+)\((\d)\)", text)
    return [name for name, number in named if manual.section(name) != int(number)]


@pytest.mark.parametrize("name", sorted([*COMMANDS, *manual.pages()]))
def test_pages_are_named_with_their_section(name):
    assert misnumbered(help_of(name) if name in COMMANDS else manual.pages()[name]) == []


def test_a_section_that_is_not_a_page_s_is_noticed():
    assert misnumbered("mem-new(1) mind-ref(5) mem-show(7)") == ["mind-ref", "mem-show"]


# --- pages of sections 5 and 7, and files


def test_pages_become_roff():
    text = "NAME\n  mem-x - does\n\nDESCRIPTION\n  .odd 'line'\n\nOPTIONS\n  --a N\n      Says.\n"
    page = manual.roff("mem-x", 1, text)
    assert page.startswith('.TH "MEM-X" "1"')
    assert ".SH DESCRIPTION\n\\&.odd 'line'\n" in page
    assert ".TP\n\\fB\\-\\-a N\\fP\nSays.\n" in page


@pytest.mark.parametrize("name, words", [
    ("mind-log", "n=2 h=9f2c41d07a3b"),
    ("mind-session", '"addedTime": "2026-02-07T22:14:00.000Z"'), ("mind-session", "queued"),
    ("mind-reminders", "id=rid_K5V4M2J7Q2ZP"),
    ("mind-page", "supersedes"), ("mind-page", "legacy tiers"),
    ("mind-ref", "path:line-line"), ("mind-work", "FROM automation_candidates"),
    *(("mind-schema", table) for table in
      "windows events episodes vectors vector_files vector_holes pins embeddings settings pages "
      "passages page_tags page_aliases page_links kg_triples kg_entities teams agents sessions "
      "tasks "
      "experiments patterns metrics rewards user_commands automation_candidates lessons_learned "
      "campaigns leads content repositories llm_usage agent_levels xp_transactions "
      "achievement_definitions agent_achievements agent_streaks leaderboard_cache "
      "level_thresholds v_agent_performance v_experiment_status v_user_command_patterns "
      "v_active_sessions v_agent_gamification v_leaderboard".split()),
])  # fmt: skip
def test_the_formats_have_pages(name, words):
    assert words in manual.pages()[name]


def test_install(tmp_path):
    share = str(tmp_path / "a share")
    assert manual.main(["--install", share]) == 0
    files = {
        os.path.relpath(os.path.join(f, n), share) for f, _, names in os.walk(share) for n in names
    }
    assert {"man/man1/mem-new.1", "man/man5/mind-config.5", "man/man7/mind-ref.7"} <= files
    assert {place.format("mem-new") for place in manual.COMPLETIONS.values()} <= files


def test_wrong_use_writes_nothing(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for arguments in (["--install"], ["--installed", "x"], [], ["a", "b"]):
        assert manual.main(arguments) == 2
    assert os.listdir(tmp_path) == [] and "--install SHARE" in capsys.readouterr().err


# --- JSON


PIN = "logs/note/a/20260130T142355Z.md:3"
#: in this order, in one memory folder: arguments, standard input, the shape that is printed
RUNS = [
    ("mem-append --context note/a --role user", "hello there", ""),
    ("mem-new note/b", "", ""),
    (f"mem-pin {PIN}", "", ""), ("mem-pin --list", "", "--list"),
    (f"mem-show {PIN}", "", "events"),
    ("mem-log", "", "contexts"), ("mem-log note/a", "", "windows"), ("mem-log -n 1", "", "events"),
    ("mem-recall --lexical hello", "", "events"),
    ("mem-index --status", "", "--status"),
    ("mem-embed --status", "", "--status"),
    ("mem-note --type user --name tea --triple ann likes tea", "# Tea\n\nAnn likes tea.", ""),
    ("mem-show knowledge/tea.md", "", "pages"),
    ("mem-recall --lexical --knowledge tea", "", "--knowledge"),
    ("mem-graph ann", "", "triples"), ("mem-graph --health", "", "--health"),
    ("mem-lint", "", "findings"), ("mem-lint --kg-health", "", "--kg-health"),
    ("mem-audit", "", "counts"),
    ("remind-add --dry-run --in 2h tea", "", ""), ("remind-list", "", "reminders"),
    ("remind-list --check", "", "--check"),
]  # fmt: skip


def shapes(text):
    """Shape -> keys, as the JSON section of a manual tells them."""
    told, name = {}, ""
    for line in section(text, "JSON").split("\n")[2:]:
        head = re.match(r"  (\S.*?)   +(\S.*)", line)
        name, words = (head[1], head[2]) if head else (name, line.strip())
        told[name] = f"{told.get(name, '')} {words}".strip()
    return {name: text.split(", ") for name, text in told.items()}


def is_shape(keys, shape):
    """Whether these are the keys, of which one with a '?' may be missing."""
    return list(keys) == [
        key.removesuffix("?") for key in shape if key[-1] != "?" or key[:-1] in keys
    ]


def test_what_is_printed_has_exactly_the_keys_that_the_manual_tells(tmp_path):
    (tmp_path / "knowledge").mkdir()
    (tmp_path / "knowledge" / "bad.md").write_text("no frontmatter\n")
    reminders = '- [ ] date=2999-03-29 time=01:30 recur=none msg="hi" id=a\n- [ ] date=soon\n'
    (tmp_path / "reminders.md").write_text(reminders)
    env = {key: value for key, value in os.environ.items() if not key.startswith("MIND_")}
    env |= {"MIND_HOME": str(tmp_path), "MIND_NOW": "2026-01-30T14:23:55Z"}
    for words, stdin, shape in RUNS:
        command, *arguments = words.split()
        run = [os.path.join(BIN, command), "--json", *arguments]
        done = forks.run(run, env, stdin.encode())
        assert done.code in (0, 1) and done.out, (words, done.complaints)
        printed = {tuple(json.loads(line)) for line in done.out.splitlines()}
        told = shapes(help_of(command))
        assert any(is_shape(keys, told[shape]) for keys in printed), (words, printed)
        assert all(any(is_shape(keys, each) for each in told.values()) for keys in printed), words


def test_keys_are_read_from_a_manual():
    text = "x\n\nJSON\n  With --json\n\n  a b     c, d e,\n          f\n  --list   g\n\nFILES\n"
    assert shapes(text) == {"a b": ["c", "d e", "f"], "--list": ["g"]}
    assert shapes("x\n\nJSON\n  With --json\n\n      ref, id\n\nFILES\n") == {"": ["ref", "id"]}
