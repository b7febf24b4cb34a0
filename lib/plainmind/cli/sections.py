"""What --help says besides a page's own words: options, JSON keys, environment."""

import textwrap
from collections.abc import Container, Iterable, Sequence
from typing import Any

import click

from ..ground.settings import KEYS, VARIABLES, find_keys, variable

WIDTH = 100
#: variables that every command reads
COMMON = {
    name: VARIABLES.get(name) or f"{KEYS['zone'].meaning} (zone)"
    for name in ("MIND_HOME", "MIND_NOW", "MIND_ZONE", "MIND_DEBUG", "NO_COLOR")
}


def options(params: Iterable[click.Parameter], shared: Container[str]) -> str:
    """OPTIONS: a command's own, each with its help, and the `shared` ones in one line."""
    rows, common = [], []
    for param in params:
        if not isinstance(param, click.Option):  # arguments stand in the synopsis
            continue
        if param.opts[0] in shared:
            common.append(param.opts[0] + (f" {param.metavar}" if param.metavar else ""))
        else:
            rows.append(option(param))
    rows.append(f"  {', '.join(common)}\n      as for every command: mind-options(7)\n")
    return "OPTIONS\n" + "".join(rows) + "\n"


def option(param: click.Parameter) -> str:
    name, text = param.get_help_record(click.Context(click.Command("x"))) or ("", "")
    return f"  {name}\n" + textwrap.indent(textwrap.fill(text, WIDTH - 6), "      ") + "\n"


def environment(reads: str) -> str:
    """ENVIRONMENT: the variables and settings named, and those of every command."""
    rows = [("MIND_HOME", VARIABLES["MIND_HOME"])]
    for name in reads.split():
        if name in VARIABLES:
            rows.append((name, VARIABLES[name]))
        else:
            rows += [(variable(key), f"{KEYS[key].meaning} ({key})") for key in find_keys(name)]
    rows.append((", ".join([*COMMON][1:]), "as for every command: mind-options(7)"))
    return "ENVIRONMENT\n" + columns(rows) + "\n"


def json_keys(output: dict[str, Any]) -> str:
    """JSON: the keys of each record that --json prints."""
    rows = []
    for name, shape in output.items():
        keys = getattr(shape, "_fields", shape)
        rows.append((name, keys if isinstance(keys, str) else ", ".join(keys)))
    named = any(name for name, _ in rows)
    lines = columns(rows) if named else _filled(rows[0][1])
    title = "With --json, each record is an object on a line; its keys ('?': where it applies) are"
    return f"JSON\n  {title}\n\n{lines}\n"


def columns(rows: Sequence[tuple[str, str]]) -> str:
    """Two columns; a text that is too long goes on below itself."""
    width = max(len(name) for name, _ in rows)
    lines = []
    for name, text in rows:
        first, *more = textwrap.wrap(text, WIDTH - width - 5) or [""]
        lines += [f"  {name:{width}}   {first}", *(" " * (width + 5) + line for line in more)]
    return "\n".join(lines) + "\n"


def _filled(text: str) -> str:
    return textwrap.indent(textwrap.fill(text, WIDTH - 6), "      ") + "\n"
