"""`config.json` of a scope of resident memory: what of it goes into a prompt.

    {"enabled": true, "maxInjectLines": 200, "maxInjectBytes": 8192, "pageTableInjection": false,
     "maxMemoryTokens": 4096, "traceEnabled": true, "strictWriteback": true}

All keys are optional; a project's stand over the global ones, for that project alone. What is
wrong in it is reported and left out: no prompt fails because of it. Refuses to know files.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from ...ground.errors import BadData
from .. import strict_json

LARGEST = 64 * 1024  # bytes


class ResidentConfig(NamedTuple):
    enabled: bool = True  # whether the scope is in the prompt
    max_lines: int = 200  # of each file
    max_bytes: int = 8192
    page_table: bool = False  # pages are chosen, where it is else cut
    max_tokens: int = 4096  # of the pages chosen
    trace: bool = True  # decisions are kept in resident/traces.jsonl
    strict: bool = True  # a write that is doubtful is rejected, and not only reported


#: key -> field, and the most a number may be: a project must not fill a prompt
KEYS = {
    "enabled": ("enabled", 0),
    "maxInjectLines": ("max_lines", 2000),
    "maxInjectBytes": ("max_bytes", 65536),
    "pageTableInjection": ("page_table", 0),
    "maxMemoryTokens": ("max_tokens", 32768),
    "traceEnabled": ("trace", 0),
    "strictWriteback": ("strict", 0),
}


def parse(
    data: bytes, base: ResidentConfig, path: str, say: Callable[[str], None]
) -> ResidentConfig:
    """What a file says over what holds without it. `say` is told what is wrong, and where."""
    try:
        if len(data) > LARGEST:
            raise BadData(f"more than {LARGEST:,} bytes", cure="shorten it")
        text = data.decode("utf-8-sig")
        value = strict_json.parse(text)
        if type(value) is not dict:
            raise BadData("not a JSON object", cure='write {"enabled": true}')
    except UnicodeDecodeError:
        say(f"{path}: not valid UTF-8; save it as UTF-8")
        return base
    except BadData as failure:
        place = f"{path}:{failure.place}" if failure.place else path
        say(f"{place}: {failure.what}; {failure.cure}")
        return base
    fields: dict[str, Any] = {}
    for key, given in value.items():
        wrong = _find_fault(key, given)
        if wrong:
            line = text[: max(0, text.find(f'"{key}"'))].count("\n") + 1
            say(f"{path}:{line}: {wrong}")
        else:
            fields[KEYS[key][0]] = given
    return base._replace(**fields)


def _find_fault(key: str, value: Any) -> str:
    """What is wrong with a key and its value, and the cure; '' when nothing is."""
    if key not in KEYS:
        import difflib

        near = difflib.get_close_matches(key, KEYS, 1)
        return f"unknown key '{key}'; " + (f"did you mean '{near[0]}'?" if near else "remove it")
    field, most = KEYS[key]
    default = getattr(ResidentConfig(), field)
    if type(default) is bool:
        return "" if type(value) is bool else f"'{key}' is not true or false; write one of the two"
    if type(value) is int and 0 <= value <= most:
        return ""
    return f"'{key}' is not a whole number from 0 to {most:,}; fix it"
