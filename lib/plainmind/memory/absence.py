"""Proving that a text is gone: looking for it, byte for byte, in the forms that files give a text.

It is looked for in pieces of its lines, so that a quotation is found too; what in it looks like a
secret, and words of letters and digits, are looked for by themselves, and numbers among words.
Forms: as it was written; as JSON, in UTF-8 and in ASCII, and JSON within JSON; with the escapes of
a log; and, of its first pieces, base64. What was compressed, encrypted, translated, or said in
other words is not found.

Owns pieces, forms and the search. Refuses to know what a file is.
"""

import base64
import json
import os
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import NamedTuple

from ..formats import secrets, words
from ..formats.log import event
from ..ground import regular
from ..ground.errors import InputOutput

SHORTEST = 12  # characters of a piece, of more than one word; less tells nothing
PIECE = 48  # and at most, about: who quotes twice as much quotes a whole one
MOST = 64  # pieces of a text; of a longer one they are spread over it
ENCODED = 8  # of them that are looked for in base64, too
RUN = 4  # words in a row that repeat a text: of a pass phrase, say
ODD = 6  # characters of a word that is looked for by itself
_ODD = re.compile(r"(?=\S*[^\W\d])(?=\S*\d)(?!\d{8}T\d{6}Z)(?!\d{4}-\d\d-\d\dT)[^\s/]{6,64}")
_NUMBER = re.compile(r"(?<![\w.,:/-])(?!(?:19|20)\d\d\b)\d{4,}(?![\w/:-]|[.,]\d)")
CHUNK = 1 << 24  # bytes read at once
REMAKE = "delete it: it is made again"


class Found(NamedTuple):
    """Where a piece stands in a file."""

    piece: str
    offset: int
    line: int


def split_lines(text: str) -> list[str]:
    """The lines of a text that tell it from others."""
    lines = dict.fromkeys(line.strip() for line in text.split("\n"))
    return [line for line in lines if is_telling(line)]


def is_telling(line: str) -> bool:
    return len(line) >= SHORTEST and len(words.tokens(line)) > 1


def pieces(text: str) -> list[str]:
    """What a text is looked for by: what looks like a secret, then pieces of its lines. Nothing,
    when it is so short that others say it too."""
    lines = split_lines(text)
    cut = [piece for line in lines for piece in _cut(line) if len(piece) >= SHORTEST]
    step = max(1.0, len(cut) / MOST)
    spread = [cut[int(n * step)] for n in range(min(len(cut), MOST))]
    return list(dict.fromkeys([*secrets.find(text)[:MOST], *_odd_words(text)[:MOST], *spread]))


def _odd_words(text: str) -> list[str]:
    """Words that no language has, letters and digits in one: a name, a password, a serial number.
    Paths and times are in every log."""
    found = (word.strip("\"'`.,;:!?()[]{}<>*_") for word in text.split())
    return [word for word in found if len(word) >= ODD and _ODD.fullmatch(word)]


def numbers(text: str) -> list[str]:
    """Numbers that may be a code; years are not."""
    return _NUMBER.findall(text)


def is_repeated(said: str, texts: Iterable[str]) -> bool:
    """Whether a line repeats of a text what it is looked for by, or four words in a row."""
    said = " ".join(said.casefold().split())
    words = said.split()
    runs = [" ".join(words[n : n + RUN]) for n in range(len(words) - RUN + 1)]
    for text in texts:
        plain = " ".join(text.casefold().split())
        short = [*numbers(text), *([] if pieces(text) else [plain])]
        alone = (rf"(?<!\w){re.escape(one)}(?!\w)" for one in short if one)
        if any(" ".join(one.casefold().split()) in said for one in pieces(text)):
            return True
        if any(run in plain for run in runs) or any(re.search(one, said) for one in alone):
            return True
    return False


def _cut(line: str) -> Iterator[str]:
    """A line in pieces of about the same length, cut between words where there are any."""
    for left in range(-(-len(line) // PIECE), 1, -1):
        length = -(-len(line) // left)
        at = line.rfind(" ", SHORTEST, length + 1) + 1 or length
        yield line[:at].strip()
        line = line[at:].lstrip()
    yield line


def forms(piece: str, encoded: bool) -> set[bytes]:
    """The bytes that a piece may be in a file."""
    texts = {*as_json(piece), event.escape(piece)}
    for _ in range(2):
        piece_in_ascii = json.dumps(piece)[1:-1]
        texts.add(piece_in_ascii)
        texts.add(json.dumps(piece_in_ascii)[1:-1])
    found = {text.encode("utf-8", "surrogateescape") for text in texts if _is_encodable(text)}
    return found | (set(_in_base64(piece)) if encoded else set())


def as_json(text: str) -> Iterator[str]:
    """A text as it is, as JSON, and as JSON within JSON."""
    for _ in range(3):
        yield text
        text = json.dumps(text, ensure_ascii=False)[1:-1]


def _is_encodable(text: str) -> bool:
    try:
        text.encode("utf-8", "surrogateescape")
        return True
    except UnicodeEncodeError:
        return False


def _in_base64(piece: str) -> Iterator[bytes]:
    """The middle of what base64 makes of it, wherever in three bytes it begins."""
    data = piece.encode("utf-8", "surrogatepass")
    for before in range(3):
        whole = base64.b64encode(b"\0" * before + data)
        middle = whole[-(-before * 4 // 3) : -4]
        if len(middle) >= SHORTEST:
            yield middle


def needles(pieces: Sequence[str]) -> dict[bytes, str]:
    """Every form of every piece -> the piece."""
    return {form: p for n, p in enumerate(pieces) for form in forms(p, encoded=n < ENCODED)}


def find(path: str, looked_for: dict[bytes, str]) -> Iterator[Found]:
    """Every place of a file where one of these stands; OSError."""
    if not looked_for:
        return
    longest = max(map(len, looked_for))
    before, start, lines, last = b"", 0, 1, False
    # who looks for a text looks into secrets as well; of what is there, only the place is told
    with regular.open_file(path, secret=True) as file:
        while not last:
            chunk = file.read(CHUNK)
            data, last = before + chunk, len(chunk) < CHUNK
            # what may go on in the next chunk is looked at with that
            end = len(data) if last else len(data) - longest + 1
            hits = []
            for needle, piece in looked_for.items():
                at = data.find(needle)
                while 0 <= at < end:
                    hits.append((at, piece))
                    at = data.find(needle, at + 1)
            for at, piece in sorted(hits):
                yield Found(piece, start + at, lines + data.count(b"\n", 0, at))
            lines += data.count(b"\n", 0, end)
            start, before = start + end, data[end:]


def list_files(folder: str) -> Iterator[str]:
    """Every file below a folder; links are not followed."""
    for place, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            path = os.path.join(place, name)
            if os.path.isfile(path) and not os.path.islink(path):
                yield path


_LOOK = """
import json, sys
needles = [needle.encode("latin-1") for needle in json.load(sys.stdin)]
longest, before, found = max(map(len, needles)), b"", set()
with open(sys.argv[1], "rb") as file:
    while chunk := file.read(1 << 24):
        data = before + chunk
        found |= {n for n, needle in enumerate(needles) if needle in data}
        before = data[-longest:]
print(json.dumps(sorted(found)))
"""


def find_held(path: str, looked_for: Collection[bytes]) -> list[bytes]:
    """Which of these a file of the index holds. Another process looks: closing the index here would
    drop SQLite's own locks. InputOutput when it cannot be looked through."""
    import subprocess
    import sys

    if not looked_for:
        return []
    wanted = list(looked_for)
    given = json.dumps([needle.decode("latin-1") for needle in wanted]).encode()
    look = [sys.executable, "-IS", "-c", _LOOK, path]
    looked = subprocess.run(look, input=given, capture_output=True)
    if looked.returncode and os.path.exists(path):  # a journal may have gone meanwhile
        what = "it cannot be looked through for what was forgotten"
        raise InputOutput(what, place=path, cure=REMAKE)
    return [wanted[number] for number in json.loads(looked.stdout or b"[]")]
