"""JSON that can be read, changed and written again without losing anything: UTF-8, laid out as it
was, new text indented, for people to read.

Refuses what could not be written back: a key that comes twice, NaN, a number larger than a float,
nesting deeper than 64. A number with a point is a double. Written, characters that a terminal or an
editor takes for more than text are escaped. Knows no record.
"""

import codecs
import json
import re
from typing import Any

from ..ground.errors import BadData
from . import json_edit

DEEPEST = 64

#: what JSON leaves as it is, and a terminal or an editor does not; and surrogates, which UTF-8
#: cannot carry
_UNSAFE = re.compile("[\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def parse(text: str) -> Any:
    """The value of a text. BadData, its place the line where it is known."""
    try:
        value = json.loads(
            text, object_pairs_hook=make_object, parse_constant=refuse_constant, parse_float=_number
        )
    except json.JSONDecodeError as error:
        raise BadData("not valid JSON", place=str(error.lineno), cure="fix the line") from None
    except ValueError as error:  # one of ours, or more digits than Python reads
        what = f"JSON that would be lost: {str(error).partition(';')[0]}"
        raise BadData(what, cure="fix it") from None
    except RecursionError:
        raise BadData(f"nested deeper than {DEEPEST}", cure="keep it flat") from None
    check_depth(value)
    return value


def render(value: Any, old: bytes = b"") -> bytes:
    """The value as the bytes of a file; in the layout of `old`, which was the file before.

    It is not nested too deep: `read` gave it, or `check_depth` has looked.
    """
    text, mark = old.decode("utf-8-sig"), codecs.BOM_UTF8
    if text:
        text = json_edit.edit(text, parse(text), value)
    else:
        text = json.dumps(value, ensure_ascii=False, indent=2) + "\n"
    made = _UNSAFE.sub(lambda match: f"\\u{ord(match[0]):04x}", text).encode()
    return mark + made if old.startswith(mark) else made


def check_depth(value: Any, left: int = DEEPEST) -> None:
    """BadData when a value is nested deeper than `left`."""
    for inner in value.values() if type(value) is dict else value if type(value) is list else ():
        if not left:
            raise BadData(f"nested deeper than {DEEPEST}", cure="keep it flat")
        check_depth(inner, left - 1)


def make_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of what a decoder read. ValueError when a key comes twice."""
    value = dict(pairs)
    if len(value) < len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"'{next(key for key in keys if keys.count(key) > 1)}' appears twice")
    return value


def refuse_constant(name: str) -> Any:
    """ValueError for NaN and the infinities, which JSON does not have."""
    raise ValueError(f"{name} is not a number")


def _number(text: str) -> float:
    value = float(text)
    if abs(value) == float("inf"):
        raise ValueError(f"{text} is too large")
    return value
