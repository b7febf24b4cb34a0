"""Manuals and shell completions, made from what the commands, the tables and the formats say.

python -m plainmind.cli.manual FOLDER            every page, in roff
python -m plainmind.cli.manual --install SHARE   pages and completions of bash, zsh and fish
"""

import ast
import os
import re
import sys
import textwrap
from contextlib import suppress

import click

from ..ground import zone
from ..ground.errors import EXIT_CODES
from ..ground.paths import CHECKOUT, PACKAGE
from ..ground.settings import KEYS, Key
from .command import shared_options
from .roff import roff
from .sections import COMMON, WIDTH, columns, option

BIN = os.path.join(CHECKOUT, "bin")
#: shell -> where its completions live below share/
COMPLETIONS = {
    "bash": "bash-completion/completions/{0}",
    "zsh": "zsh/site-functions/_{0}",
    "fish": "fish/vendor_completions.d/{0}.fish",
}

_INDEX = """\
index/mind.db is an SQLite database made from the files. Reading it with sqlite3 is supported; what
is written into it is lost. Words are in the table 'words' (FTS5, without content), by rowid =
events.id, columns 'opening' (author and the first 30 words) and 'rest'; 'places' is its vocabulary.
They hold folded stems: 'contrapt' for contraption, 'strass' for Straße, 'cplusplus' for C++, pairs
of characters where no spaces are written ('東京'), 'user', 'email' and 'getuserbyemail' for
getUserByEmail; stop words once an event, last in 'rest'. 'page_words' and 'page_places' are the
same of pages, by rowid = pages.id."""

_WORK = """\
What a team of agents did is in the journal work/events.jsonl, and the index has it as tables, which
mind-schema(5) explains. They are brought up to date by the commands that read them; 'mem-index
--status' does that, too. Then sqlite3, Datasette, or any program that reads SQLite may ask them:

    sqlite3 -readonly -box index/mind.db < a-question.sql

Times are in UTC. An event that was taken back is in no table."""

# --- the pages of sections 5 and 7


def pages() -> dict[str, str]:
    """The pages that belong to no command: name -> text."""
    return {
        "mind-config": _page(
            "mind-config - the settings",
            DESCRIPTION="config.toml in the memory folder is a TOML file. A key 'name' of a "
            "section '[section]' is the setting\nsection.name. An option beats the variable "
            "MIND_SECTION_NAME, which beats config.toml, which beats\nthe default.",
            SETTINGS="\n".join(_setting(key) for key in KEYS),
            FILES="config.toml   settings\n"
            ".env          variables, above all secrets; make it 0600",
            EXAMPLES='[recall]\nk = 5\n\n[turn]\nmodel = "ollama:qwen3"',
            SEE_ALSO="mind-options(7)",
        ),
        "mind-options": _page(
            "mind-options - options, variables and exit codes of every command",
            OPTIONS=_shared_options(),
            TIMES=_times(),
            ENVIRONMENT=columns([*COMMON.items()]),
            EXIT_STATUS=columns([(str(code), text) for code, text in EXIT_CODES.items()]),
            SEE_ALSO="mind-config(5) mind-ref(7)",
        ),
        "mind-ref": _page(
            "mind-ref - references: what names an event or a page",
            DESCRIPTION=_docstring("reference", head=True),
            EXAMPLES="mem-show logs/discord-thread/123/20260130T142355Z.md:3\n"
            "mem-recall 'pm2 hangs' | mem-show -C 2",
            SEE_ALSO="mem-show(1) mem-recall(1) mem-pin(1) mind-log(5)",
        ),
    } | _formats()


def _formats() -> dict[str, str]:
    return {
        "mind-log": _page(
            "mind-log - the event log: windows, events, digests, pins",
            DESCRIPTION=_docstring("log/event"),
            PINS=_docstring("log/pins", head=True),
            FORGOTTEN_EVENTS=_docstring("log/forgotten"),
            WINDOW_HEADS=_docstring("log/window_heads", head=True),
            FILES="logs/SURFACE/ID/STAMP.md   a window",
            SEE_ALSO="mem-append(1) mem-show(1) mem-forget(1) mem-lint(1) mind-ref(7) "
            "mind-schema(5)",
        ),
        "mind-page": _page(
            "mind-page - a page of knowledge",
            DESCRIPTION=_docstring("page/page", head=True),
            REPAIRS=_docstring("page/repairs").replace("`repair`", "mem-lint --fix"),
            FILES="knowledge/NAME.md   a page",
            SEE_ALSO="mem-note(1) mem-lint(1) mem-graph(1)",
        ),
        "mind-reminders": _page(
            "mind-reminders - the reminders file",
            DESCRIPTION=_docstring("reminder/reminder"),
            FILES="reminders.md   the file, unless REMINDERS_FILE names another",
            SEE_ALSO="remind-add(1) remind-list(1) remind-edit(1) remind-rm(1)",
        ),
        "mind-schema": _page(
            "mind-schema - the tables of the index",
            DESCRIPTION=_INDEX,
            EXAMPLES="SELECT timestamp, author, content FROM events\n"
            "  WHERE id IN (SELECT rowid FROM words WHERE words MATCH 'contrapt');\n"
            "SELECT status, count(*) FROM embeddings GROUP BY status;",
            TABLES=_schema(),
            JOURNAL=_constant("work/schemas", "TABLE"),
            SEE_ALSO="mem-index(1) mem-embed(1) mem-recall(1) mind-log(5) mind-journal(5)",
        ),
    } | _work_formats()


def _work_formats() -> dict[str, str]:
    return {
        "mind-journal": _page(
            "mind-journal - the journal of work: an event a line",
            DESCRIPTION=_docstring("work/journal", head=True),
            TYPES=_constant("work/schemas", "TABLE"),
            KINDS=_constant("work/schemas", "KINDS"),
            FILES="work/events.jsonl   the journal",
            SEE_ALSO="work-log(1) work-session(1) mind-schema(5)",
        ),
        "mind-work": _page(
            "mind-work - questions to the tables of work, in SQL",
            DESCRIPTION=_WORK,
            EXAMPLES=_sql("rows/questions"),
            SEE_ALSO="mind-schema(5) work-log(1) work-session(1) mem-index(1)",
        ),
        "mind-session": _page(
            "mind-session - the state of an agent in a session of a team",
            DESCRIPTION=_docstring("work/session", head=True),
            OPEN_STEPS=_docstring("work/steps", head=True),
            FILES="work/session-SECONDS/AGENT.json   a state",
            SEE_ALSO="work-session(1)",
        ),
    }


def _setting(key: str) -> str:
    setting = KEYS[key]
    default = _default(setting)
    value = f'"{default}"' if setting.type is str else default
    limits = "" if setting.least is None else f"; from {setting.least:g} to {setting.most:,.15g}"
    text = textwrap.fill(_meaning(setting) + limits, WIDTH - 8)
    return f"{key} = {value}\n" + textwrap.indent(text, "    ")


def _default(setting: Key) -> str:
    text = str(setting.default)
    return text.lower() if setting.type is bool else text.removesuffix(".0")


def _meaning(setting: Key) -> str:
    return setting.meaning + (f" ({', '.join(setting.choices)})" if setting.choices else "")


def _shared_options() -> str:
    help_option = click.Option(["--help", "-h"], is_flag=True, help="Print the manual.")
    return "".join(option(param) for param in [*shared_options(), help_option])


def _times() -> str:
    """How a person writes a time, as its reader says it (ground.when)."""
    text = _docstring("../ground/when")
    return text.replace("are local.", f"are local, of the setting zone (default: {zone.DEFAULT}).")


def _page(title: str, **sections: str) -> str:
    text = f"NAME\n  {title}\n"
    for name, body in sections.items():
        lines = textwrap.dedent(body).strip("\n").split("\n")
        text += f"\n{name.replace('_', ' ')}\n" + "".join(
            f"  {line}".rstrip() + "\n" for line in lines
        )
    return text


def _docstring(module: str, *, head: bool = False) -> str:
    """What a module of formats/ says of its format, without what it says of itself; `head` keeps
    the first line. The page is made from its text; nothing here runs its code."""
    text = ast.get_docstring(_parse(module), clean=False) or ""
    paragraphs = text.strip("\n").split("\n\n")
    own = [p for p in paragraphs if not re.match("Owns |Refuses |Pure[:;]", p)]
    return "\n\n".join(own if head else own[1:])


def _constant(module: str, name: str) -> str:
    """A text that a module of formats/ gives a name."""
    texts = {
        one.targets[0].id: one.value.value
        for one in _parse(module).body
        if isinstance(one, ast.Assign)
        and isinstance(one.targets[0], ast.Name)
        and isinstance(one.value, ast.Constant)
    }
    return str(texts[name])


def _parse(module: str) -> ast.Module:
    with open(
        os.path.join(PACKAGE, "formats", *f"{module}.py".split("/")), encoding="utf-8"
    ) as file:
        return ast.parse(file.read())


def _schema() -> str:
    names = ("rows/schema", "sqlite/embeddings", "rows/work")
    return "\n".join(map(_sql, names))


def _sql(name: str) -> str:
    with open(os.path.join(PACKAGE, "index", *f"{name}.sql".split("/")), encoding="utf-8") as file:
        return file.read()


# --- pages as files


def commands() -> list[str]:
    return sorted(os.listdir(BIN))


def help_text(command: str, width: int = WIDTH) -> str:
    """What `command --help` prints."""
    import subprocess

    env = {**os.environ, "COLUMNS": str(width), "LC_ALL": "C.UTF-8"}
    argv = [sys.executable, "-P", os.path.join(BIN, command), "--help"]
    return subprocess.run(argv, capture_output=True, text=True, check=True, env=env).stdout


def section(name: str) -> int:
    sevens = ("mind-options", "mind-ref", "mind-work")
    return 1 if name in commands() else 7 if name in sevens else 5


def write_pages(folder: str) -> None:
    """Write every page as roff."""
    for name, page in _all_pages().items():
        _write(os.path.join(folder, f"{name}.{section(name)}"), page)


def _all_pages() -> dict[str, str]:
    texts = {name: help_text(name) for name in commands()} | pages()
    return {name: roff(name, section(name), text) for name, text in texts.items()}


def _page_place(name: str) -> str:
    return f"man/man{section(name)}/{name}.{section(name)}"


def install(share: str) -> str:
    """Write the pages and the completions below share/. What was done."""
    from click.shell_completion import get_completion_class

    for name, page in _all_pages().items():
        _write(os.path.join(share, _page_place(name)), page)
    for name in commands():
        for shell, place in COMPLETIONS.items():
            kind = get_completion_class(shell)
            assert kind is not None
            mark = f"_{name.upper().replace('-', '_')}_COMPLETE"
            source = kind(click.Command(name), {}, name, mark).source()
            _write(os.path.join(share, place.format(name)), source)
    return f"wrote manual pages and completions below {share}"


def uninstall(share: str) -> str:
    """Remove what `install` wrote. What was done."""
    places = [_page_place(name) for name in [*commands(), *pages()]]
    places += [place.format(name) for name in commands() for place in COMPLETIONS.values()]
    for place in places:
        with suppress(FileNotFoundError):
            os.unlink(os.path.join(share, place))
    return f"removed manual pages and completions below {share}"


def _write(path: str, text: str) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def main(arguments: list[str]) -> int:
    """0 when done, 2 for wrong use."""
    match arguments:
        case ["--install", share]:
            install(share)
        case [folder] if not folder.startswith("-"):
            write_pages(folder)
        case _:
            sys.stderr.write(f"usage:{(__doc__ or '').partition(chr(10))[2]}")
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
