"""A manual's text as roff: its paragraphs are filled, its lists and tables keep their columns."""

import re
import textwrap

from .. import __version__

#: columns of text on a terminal of 80; a list whose text would begin further right than BROAD
#: leaves it too little room
NARROW, BROAD = 72, 40
#: sections whose lines stay lines
PLAIN = {"EXAMPLES", "TABLES"}
#: sections whose entries stand above their texts
STACKED = {"OPTIONS", "SETTINGS"}
FALLBACKS = {"…": "...", "—": "--"}  # in ASCII


def roff(name: str, section: int, text: str) -> str:
    """A page's text as roff."""
    out = [f'.TH "{name.upper()}" "{section}" "" "plainmind {__version__}" "Plainmind"']
    # groff from 1.23 on asks HY and AD again at each paragraph
    out += [".nh", ".ad l", ".nr HY 0", ".ds AD l", ".ss 12 0"]
    # where a terminal has ASCII alone, what groff knows no letters for would be left out
    out += [rf".fchar {_name(c)} {FALLBACKS.get(c, '?')}" for c in sorted({*text}) if c > "\u2000"]
    title = ""
    for block in text.strip("\n").split("\n\n"):
        lines = block.split("\n")
        if re.fullmatch(r"[A-Z][A-Z ]+", lines[0]):
            title = lines.pop(0)
            out.append(f".SH {title}")
        else:
            out.append(".PP")
        if title not in PLAIN:  # a word that was broken at its hyphen is whole again
            lines = re.sub(r"(?<=\w)-\n +(?=\w)", "-", "\n".join(lines)).split("\n")
        out += _section(title, [line.removeprefix("  ") for line in lines])
    return "\n".join(out) + "\n"


def _section(title: str, lines: list[str]) -> list[str]:
    if title in PLAIN:
        return _plain(lines)
    if title in STACKED:
        return _stacked(lines)
    if title == "SYNOPSIS":
        hung = [[] if line.startswith(" ") else [".HP 4"] for line in lines]
        return _close(sum(([*h, _escape(x.strip())] for h, x in zip(hung, lines, strict=True)), []))
    if title == "EXIT STATUS":
        codes = [re.split(r" +", code, maxsplit=1) for line in lines for code in _codes(line)]
        return _close([word for code in codes for word in (".TP 6", *map(_escape, code))])
    return _block(lines, filled=title == "JSON")


def _codes(line: str) -> list[str]:
    return re.split(r"   (?=\d+ \S)", line)


def _stacked(lines: list[str]) -> list[str]:
    out = []
    for line in lines:
        text = _escape(line.strip())
        out += [text] if line.startswith(" ") else [".TP", rf"\fB{text}\fP"]
    return out


def _block(lines: list[str], *, filled: bool) -> list[str]:
    """Lines between two empty ones: a list, a paragraph, what is indented below one."""
    column = _column(lines)
    if column:
        return _list(lines, column)
    if all(line.startswith(" ") for line in lines):
        inner = textwrap.dedent("\n".join(lines)).split("\n")
        column = _column(inner)
        whole = filled or len(inner) == 1
        body = _list(inner, column) if column else _fill(inner) if whole else _plain(inner)
        return [".RS 4", *body, ".RE"]
    end = next((n for n, line in enumerate(lines) if line.startswith(" ")), len(lines))
    rest = lines[end:]
    return _fill(lines[:end]) + (_block(rest, filled=filled) if rest else [])


def _column(lines: list[str]) -> int:
    """Where the texts of a list begin: at most BROAD, if most lines agree on one; 0 for no list."""
    heads = [line for line in lines if not line.startswith(" ")]
    ends = {gap.end() for line in heads for gap in re.finditer(r"(?<=\S) {2,}(?=\S)", line)}
    votes = {end: sum(_is_at(line, end) for line in lines) for end in ends}
    most = max(votes.values(), default=0)
    if most < min(2, len(lines)):
        return 0
    best = [end for end in votes if votes[end] == most]
    return max((end for end in best if end <= BROAD), default=min(best))


def _is_at(line: str, column: int) -> bool:
    """Whether a text begins there."""
    return line[column - 1 : column] == " " and line[column : column + 1].strip() != ""


def _list(lines: list[str], column: int) -> list[str]:
    """A term, two spaces or more, a text, which goes on below itself."""
    fits = max(map(len, lines)) <= NARROW
    width = column if fits or column <= BROAD else 8
    out: list[str] = []
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        term, text = _split(line, column)
        if not term and out:
            out.append(_escape(text))
        elif text or _split(following, column)[0] == "" != following:
            out += [f".TP {width}n", _escape(term) or r"\&"]
            cells = [text] if fits else re.split(r" {2,}", text)
            out += "\n.br\n".join(map(_escape, cells)).split("\n") if text else []
        else:
            out += [".PP", _escape(term)]
    return _close(out)


def _split(line: str, column: int) -> tuple[str, str]:
    """Term and text of a line; '' where it has none."""
    if not line[:column].strip() or _is_at(line, column):
        return line[:column].strip(), line[column:].strip()
    term, _, text = line.strip().partition("  ")
    return term, text.strip()


def _close(items: list[str]) -> list[str]:
    """Without empty lines between them."""
    return [".PD 0", *items, ".PD"]


def _fill(lines: list[str]) -> list[str]:
    return [_escape(line.strip()) for line in lines]


def _plain(lines: list[str]) -> list[str]:
    return [".nf", *map(_escape, lines), ".fi"]


def _escape(text: str) -> str:
    text = text.replace("\\", "\\e").replace("-", "\\-")
    text = "".join(c if c.isascii() else _name(c) for c in text)
    return "\\&" + text if text.startswith((".", "'")) else text


def _name(char: str) -> str:
    return f"\\[u{ord(char):04X}]"
