"""Words such as `KEY=TEXT` and `KEY:=JSON`, as commands that write work take them. Knows no key."""

from collections.abc import Callable
from typing import Any

from ..formats import strict_json
from ..ground import stream
from ..ground.errors import BadData, Usage


def read_pairs(
    words: tuple[str, ...],
    read: Callable[[], bytes],
    noun: str,
    convert: Callable[[str, str], Any] = lambda key, text: text,
) -> dict[str, Any]:
    """The values by their keys: `KEY=TEXT` is a text, or what `convert` makes of it, `KEY:=JSON`
    any value; '-' stands for standard input. `noun` is what a message calls such a word."""
    values: dict[str, Any] = {}
    standard_input = [word for word in words if word.partition("=")[2] == "-"]
    if len(standard_input) > 1:
        cure = f"give one of {', '.join(standard_input)}"
        raise Usage(f"only one {noun} can be standard input", cure=cure)
    for word in words:
        key, sign, value = word.partition("=")
        as_json, key = key.endswith(":"), key.removesuffix(":")
        if not sign or not key:
            article = "an" if noun[0] in "aeiou" else "a"
            raise Usage(f"'{word}' is not {article} {noun}", cure="write KEY=TEXT, or KEY:=JSON")
        text = read_text((value,), read)
        try:
            values[key] = strict_json.parse(text) if as_json else convert(key, text)
        except BadData as error:
            cure = "quote it: 'KEY:={\"name\": [1, true]}'; a text is KEY=TEXT"
            raise BadData(f"'{key}': {error.what}", cure=cure) from None
    return values


def read_text(words: tuple[str, ...], read: Callable[[], bytes]) -> str:
    """The words of a text, or for '-' standard input without the end of its last line."""
    return stream.decode(read()).removesuffix("\n") if words == ("-",) else " ".join(words)
