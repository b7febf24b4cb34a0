"""The words of a task, and phrases among them. Refuses to know what a phrase means.

A phrase is words one after another. Each stands for its plural too, `x*` for every word that begins
so, and `<...>`, alone, for a class of what is written between spaces.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import cache
from typing import NamedTuple

from ..formats.normal_form import to_form

#: classes of words, by what was written
CLASSES = {
    "<version>": r"v?\d+(\.\d+)+[\w.-]*|v\d+",
    "<markdown>": r"(?i:.*\.(md|mdx|rst|adoc))",
    "<log>": r"(?i:.*\.(log|out))",
    "<error>": r"\w*(Error|Exception)|E[A-Z]{4,}|[A-Z]{1,3}\d{4}|errors?\.\w+|stderr\S*",
    "<config>": r"(?i:.*\.(json|jsonc|toml|ya?ml|ini|cfg|conf|properties)"
    r"|\.[a-z]+(rc|ignore|config)(\.\w+)?|.*\.config\.[cm]?[jt]s"
    r"|\.env\.example|\.nvmrc)|tsconfig\S*",
    "<lockfile>": r".*\.(mod|lock|sum)|.*-lock\.\w+|requirements\S*\.txt",
    "<assignment>": r"[\w.-]+=\S*",
    "<secrets>": r"(.*/)?\.env(\.(local|production|prod))?",
}
_PARTS = re.compile(r"[a-z]+|\d+")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
EDGES = "\"'`()[]{}<>,:;!?*_“”‘’«»…"


@cache
def split_word(token: str) -> list[str]:
    """The words in what was written between spaces, and the classes it is of."""
    bare = token.strip(EDGES).rstrip(".")
    small = bare.lower()
    parts = _PARTS.findall(_CAMEL.sub(" ", bare.replace("GraphQL", "Graphql")).lower())
    if small != bare or not small.isalpha():
        classes = [name for name, pattern in _classes() if pattern.fullmatch(bare)]
        return parts + [f"{name}{bare}" for name in classes]
    return parts


@cache
def _classes() -> list[tuple[str, re.Pattern[str]]]:
    return [(name, re.compile(pattern)) for name, pattern in CLASSES.items()]


def is_plain_word(token: str) -> bool:
    """Whether this is a word and no name of code: not `formatDate`, `add()` or `src/fix.ts`."""
    return token.strip("\"'`,:;!?.").isalpha() and len(split_word(token)) == 1


def strip_accents(task: str) -> str:
    """A task without accents, which hide no word."""
    parted = to_form("NFD", task)
    return "".join(char for char in parted if not unicodedata.combining(char))


def find_strange(task: str) -> str:
    """The first character that is neither a letter of English, accents aside, nor what usually
    stands between such letters; '' where there is none."""
    for char in to_form("NFC", task):
        if char.isascii():
            if char.isprintable() or char in "\n\t\r":
                continue
            return f"U+{ord(char):04X}"
        if char in "“”‘’«»…–—•→×✓✅°§€£ ":
            continue
        base = to_form("NFD", char)
        if not (char.isalpha() and base[0].isascii() and len(base) > 1):
            return f"U+{ord(char):04X} {unicodedata.name(char, '')}".strip()
    return ""


# --- phrases


class _Phrases(NamedTuple):
    """A list of phrases by how each begins: by a whole word, or by the beginning of one."""

    exact: dict[str, list[list[str]]]
    begun: dict[str, list[list[str]]]


@cache
def _phrases(table: str) -> _Phrases:
    made = _Phrases({}, {})
    for phrase in table.split(","):
        words = phrase.split()
        if words[0].startswith("<"):
            made.begun.setdefault(words[0], []).append(words)
        elif words[0].endswith("*"):
            made.begun.setdefault(words[0][:-1], []).append(words)
        else:
            made.exact.setdefault(words[0], []).append(words)
            made.exact.setdefault(words[0] + "s", []).append(words)
    return made


def find(table: str, parts: Sequence[str]) -> list[str]:
    """The phrases of a table that are somewhere in a clause, each once, as they were written."""
    found = (phrase for place in range(len(parts)) for phrase, _ in find_at(table, parts, place))
    return list(dict.fromkeys(found))


def find_at(table: str, parts: Sequence[str], place: int) -> Iterator[tuple[str, int]]:
    """Phrases of a table that begin at a place, and where they end."""
    if place >= len(parts):
        return
    phrases, first = _phrases(table), parts[place]
    candidates = list(phrases.exact.get(first, ()))
    for length in range(2, len(first) + 1):
        candidates += phrases.begun.get(first[:length], ())
    for words in candidates:
        end = place + len(words)
        rest = zip(words[1:], parts[place + 1 : end], strict=False)
        if end <= len(parts) and all(_is_word(word, part) for word, part in rest):
            yield " ".join(part.rpartition(">")[2] for part in parts[place:end]), end


def _is_word(word: str, part: str) -> bool:
    return part.startswith(word[:-1]) if word.endswith("*") else part in (word, f"{word}s")
