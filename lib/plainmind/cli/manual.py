"""Manual pages and shell completions, made from what the commands themselves say (`make man`, `make install`).

python -m plainmind.cli.manual FOLDER                      every page, in roff
python -m plainmind.cli.manual --completions SHARE NAME…   bash, zsh and fish
python -m plainmind.cli.manual --remove SHARE NAME…
"""

import ast
import os
import re
import subprocess
import sys

from .. import __version__

LIB = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BIN = os.path.join(os.path.dirname(os.path.dirname(LIB)), "bin")
PLAIN = (
    "SYNOPSIS",
    "ENVIRONMENT",
    "FILES",
    "EXAMPLES",
    "TABLES",
)  # sections whose lines stay lines

#: shell -> where its completions live below share/
COMPLETIONS = {
    "bash": "bash-completion/completions/{0}",
    "zsh": "zsh/site-functions/_{0}",
    "fish": "fish/vendor_completions.d/{0}.fish",
}


def commands() -> list[str]:
    return sorted(os.listdir(BIN))


def help_text(command: str, width: int = 100) -> str:
    """What `command --help` prints."""
    env = {**os.environ, "COLUMNS": str(width), "LC_ALL": "C.UTF-8"}
    return subprocess.run(
        [os.path.join(BIN, command), "--help"], capture_output=True, text=True, check=True, env=env
    ).stdout


def formats() -> dict[str, str]:
    """The pages of section 5: name -> text, from the modules and the schema that define the formats."""
    schema = _source("index/sqlite/schema.sql")
    event, heads, pins = map(_docstring, ("log/event", "log/window_heads", "log/pins"))
    repairs, page = map(_docstring, ("page/repairs", "page/page"))
    reminder, session, steps = map(_docstring, ("reminder/reminder", "work/session", "work/steps"))
    log = event.partition("\n")[2]
    return {
        "mind-log": "NAME\n  mind-log - the event log: windows, events, digests, pins\n\nDESCRIPTION\n"
        + _indented(log)
        + "\n\nFILES\n  logs/SURFACE/ID/STAMP.md   a window\n\nPINS\n"
        + _indented(pins)
        + "\n\nWINDOW HEADS\n"
        + _indented(heads)
        + "\n\nSEE ALSO\n  mem-append(1) mem-show(1) mem-lint(1) mind-schema(5)\n",
        "mind-page": "NAME\n  mind-page - a page of knowledge\n\nDESCRIPTION\n"
        + _indented(page)
        + "\n\nREPAIRS\n"
        + _indented("mem-lint --fix fixes" + repairs.partition("`repair` fixes")[2])
        + "\n\nFILES\n  knowledge/NAME.md   a page\n\nSEE ALSO\n  mem-note(1) mem-lint(1) mem-graph(1)\n",
        "mind-session": "NAME\n  mind-session - the state of an agent in a session of a team\n\nDESCRIPTION\n"
        + _indented(session)
        + "\n\nOPEN STEPS\n"
        + _indented(steps)
        + "\n\nFILES\n  work/session-SECONDS/AGENT.json   a state\n\nSEE ALSO\n  work-session(1)\n",
        "mind-reminders": "NAME\n  mind-reminders - the reminders file\n\nDESCRIPTION\n"
        + _indented(reminder.partition("\n")[2])
        + "\n\nFILES\n  reminders.md   the file, unless REMINDERS_FILE names another\n\n"
        "SEE ALSO\n  remind-add(1) remind-list(1) remind-edit(1) remind-rm(1)\n",
        "mind-schema": "NAME\n  mind-schema - the tables of the index\n\nDESCRIPTION\n"
        "  index/mind.db is an SQLite database made from the files. Reading it with sqlite3 is supported; what is\n"
        "  written into it is lost. Words are in the table 'words' (FTS5, without content), by rowid = events.id, columns\n"
        "  'opening' (author and the first 30 words) and 'rest'; 'places' is its vocabulary. They hold stems: 'contrapt' for\n"
        "  contraption, and no stop words. 'page_words' and 'page_places' are the same of pages, by rowid = pages.id.\n\n"
        "EXAMPLES\n  SELECT timestamp, author, content FROM events WHERE id IN (SELECT rowid FROM words WHERE words MATCH 'contrapt');\n"
        "  SELECT status, count(*) FROM embeddings GROUP BY status;\n\nTABLES\n"
        + _indented(schema)
        + "\n\nSEE ALSO\n  mem-index(1) mem-embed(1) mem-recall(1) mind-log(5)\n",
    }


def _source(path: str) -> str:
    with open(os.path.join(LIB, path), encoding="utf-8") as file:
        return file.read()


def _docstring(module: str) -> str:
    """What a module of formats/ says of the format it reads; the page is made from its text, not from its code."""
    text = ast.get_docstring(ast.parse(_source(f"formats/{module}.py")), clean=False) or ""
    return text.partition("\n\nOwns ")[0]


def roff(name: str, section: int, text: str) -> str:
    """A page's text as roff."""
    out = [
        f'.TH "{name.upper()}" "{section}" "" "plainmind {__version__}" "Plainmind"',
        ".nh",
        ".ad l",
    ]
    title = ""
    for line in text.rstrip().split("\n"):
        if re.fullmatch(r"[A-Z][A-Z ]+", line):
            if title in PLAIN:
                out.append(".fi")
            title = line
            out.append(f".SH {title}")
            if title in PLAIN:
                out.append(".nf")
        elif title == "NAME":
            out.append(_escaped(line.strip()))
        elif title == "OPTIONS" and re.match(r"  -", line):
            out += [".TP", f".B {_escaped(line.strip())}"]
        elif not line.strip():
            out.append("" if title in PLAIN else ".PP")
        elif title in PLAIN or not line.startswith("      "):
            out.append(_escaped(line[2:]))
        elif title == "OPTIONS":
            out.append(_escaped(line.strip()))
        else:
            out += [".RS 4", ".nf", _escaped(line[6:]), ".fi", ".RE"]
    return "\n".join(out) + "\n"


def write_pages(folder: str) -> None:
    os.makedirs(folder, exist_ok=True)
    pages = {f"{name}.1": roff(name, 1, help_text(name)) for name in commands()}
    pages |= {f"{name}.5": roff(name, 5, text) for name, text in formats().items()}
    for name, page in pages.items():
        with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
            file.write(page)


def completions(share: str, names: list[str]) -> None:
    for name in names:
        for shell, place in COMPLETIONS.items():
            variable = f"_{name.upper().replace('-', '_')}_COMPLETE"
            env = {**os.environ, variable: f"{shell}_source"}
            done = subprocess.run(
                [os.path.join(BIN, name)], capture_output=True, text=True, env=env
            )
            path = os.path.join(share, place.format(name))
            if done.stdout:
                os.makedirs(os.path.dirname(path), exist_ok=True)
                with open(path, "w", encoding="utf-8") as file:
                    file.write(done.stdout)


def _escaped(text: str) -> str:
    text = text.replace("\\", "\\e").replace("-", "\\-")
    text = "".join(c if c.isascii() else f"\\[u{ord(c):04X}]" for c in text)
    return "\\&" + text if text.startswith((".", "'")) else text


def _indented(text: str) -> str:
    return "\n".join("  " + line if line.strip() else "" for line in text.strip("\n").split("\n"))


if __name__ == "__main__":
    if sys.argv[1] == "--completions":
        completions(sys.argv[2], sys.argv[3:])
    else:
        write_pages(sys.argv[1])
