"""Tool calls that a model wrote as text, where its server has no parser for them.

Owns the forms: Hermes and Qwen (`<tool_call>`), Qwen Coder and MiniMax (XML), GLM, Llama, Mistral,
DeepSeek, Kimi, harmony. `formats.answer` finds them. Whether they are run is the registry's word.
"""

import json
import re
from typing import Any, NamedTuple

from ..formats.answer import CallText

JsonObject = dict[str, Any]

_NAME = re.compile(r"(?:functions[.:])?([A-Za-z_][\w-]{0,63})")
_PARAMETER = re.compile(
    r"<parameter(?:=|\s+name=)\"?([\w-]+)\"?\s*>\n?(.*?)\n?</parameter>", re.DOTALL
)
_PAIR = re.compile(r"<arg_key>\s*([\w-]+)\s*</arg_key>\s*<arg_value>(.*?)</arg_value>", re.DOTALL)
_INVOKED = re.compile(
    r"<(?:invoke\s+name|function)=\"?([\w.:-]+)\"?\s*>(.*?)(?=<invoke|<function=|\Z)", re.DOTALL
)
#: what stands between a name and its arguments
_BETWEEN = re.compile(r"<[|｜][^|｜<>\n]*[|｜]>|```(?:json)?|:\d+\b|\bjson\b|\bfunction\b")
_MISTRAL = re.compile(r"\[ARGS\]|\[CALL_ID\]\s*\w+")
_MOST = 64  # calls of one answer


class Written(NamedTuple):
    name: str
    arguments: str  # JSON


def parse(block: CallText) -> list[Written]:
    """The calls in a block; none when it has no form that is known."""
    text = block.text
    if block.mark.startswith(("<function=", "<invoke")):
        text = block.mark + text
    elif block.mark.startswith("<|channel|>"):
        text = (block.mark + text).partition("to=")[2]
    found = [
        Written(_bare(name), _as_json(pairs))
        for name, inner in _INVOKED.findall(text)
        if (pairs := _PARAMETER.findall(inner))
    ]
    if not found and (pairs := _PAIR.findall(text)) and (name := _NAME.match(text.strip())):
        found = [Written(name[1], _as_json(pairs))]
    return (found or _from_json(_MISTRAL.sub(" ", text)))[:_MOST]


def _as_json(pairs: list[tuple[str, str]]) -> str:
    """Parameters, of which only the command is surely text."""
    values = {
        k: int(v) if v.isdecimal() and k != "command" and len(v) < 13 else v for k, v in pairs
    }
    return json.dumps(values, ensure_ascii=False)


def _from_json(text: str) -> list[Written]:
    """Calls from JSON: objects that name a tool, or arguments after a name."""
    found: list[Written] = []
    decoder, at, name = json.JSONDecoder(strict=False), 0, ""
    while len(found) < _MOST and (start := re.compile(r"[\[{]").search(text, at)):
        before = text[at : start.start()]
        try:
            value, at = decoder.raw_decode(text, start.start())
        except (ValueError, RecursionError):
            before, at = text[at : start.end()], start.end()
            value = None
        names = _NAME.findall(_BETWEEN.sub(" ", before))
        name = names[-1] if names else name
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, dict) and (made := _of_object(item, name)):
                found.append(made)
                name = ""
    return found


def _of_object(item: JsonObject, name: str) -> Written | None:
    inner: Any = item.get("function")
    item = inner if isinstance(inner, dict) else item
    named = item.get("name")
    keys = [key for key in ("arguments", "parameters", "args", "input") if key in item]
    if isinstance(named, str) and keys:
        arguments = item[keys[0]]
        text = (
            arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
        )
        return Written(_bare(named), text)
    return Written(name, json.dumps(item, ensure_ascii=False)) if name else None


def _bare(name: str) -> str:
    found = _NAME.match(name)
    return found[1] if found else name
