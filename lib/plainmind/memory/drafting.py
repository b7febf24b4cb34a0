"""What may become a page: fields as commands and JSON give them, and what no page may hold."""

import json
import os
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ..formats import secrets
from ..formats.log import injected_blocks
from ..formats.normal_form import to_form
from ..formats.page import page, page_keys, triple
from ..formats.page.triple import Triple
from ..ground import masks
from ..ground.errors import BadData, NoInput
from ..truth.pages import page_files
from . import Memory

LARGEST = 256 * 1024  # bytes of a body


class PageDraft(NamedTuple):
    """A page that is still to be written. `fields` are values as formats.page.page_edit takes them;
    `cites` are references."""

    fields: Mapping[str, Any]
    body: str
    name: str = ""  # '' makes one of the title
    place: str = page_files.KNOWLEDGE
    cites: Sequence[str] = ()


def kind(memory: Memory, observe: bool, compaction: bool) -> tuple[str, str, str]:
    """Folder, type and source of a page that a command is to write, unless it says otherwise."""
    if observe:
        return page_files.OBSERVATIONS, page.FALLBACK_TYPE, "observe"
    if compaction:
        return page_files.COMPACTION, "compaction", "compaction"
    return page_files.KNOWLEDGE, page.FALLBACK_TYPE, "agent" if memory.inside else "explicit"


def fields(memory: Memory, given: Mapping[str, Any]) -> dict[str, Any]:
    """Fields as they go into a head, from what a person or a line of JSON gave. What is written
    otherwise than it was given is said. BadData says which does not fit."""
    made: dict[str, Any] = {}
    tell = lambda what, old, new: _tell_change(memory, what, old, new)
    for key, value in given.items():
        if value is None:
            continue
        if key in ("date", "valid_from", "valid_to"):
            text = _text(key, value)
            from ..ground import when  # its patterns take a millisecond to compile

            made[key] = when.read_day(text, memory.now()) if text else None
            tell(key, value, made[key] or "")
            if key == "date" and not made[key]:
                raise BadData("a page has a date", cure="give one, such as 2026-05-08")
        elif key == "tags":
            texts = [text for text in _texts(key, value) if text.strip()]
            made[key] = [_tag(text) for text in texts]
            for old, new in zip(texts, made[key], strict=True):
                tell("tag", old, new)
        elif key == "triples":
            made[key] = [_triple(each) for each in _list(key, value)]
            for given_triple, written in zip(value, made[key], strict=True):
                for what, old, new in zip(("name", "predicate", "name"), given_triple, written):
                    tell(what, old, new)
        elif key in ("type", "tier"):
            made[key] = _choice(key, value)
        elif key == "image":
            made[key] = _image(memory, _text(key, value))
        elif key == "supersedes":
            paths = (page_files.find_page(memory.home, name) for name in _texts(key, value))
            made[key] = [page_files.short_name(memory.home, path) for path in paths]
        else:
            made[key] = _text(key, value)
    if made.get("valid_from") and made.get("valid_to") and made["valid_to"] < made["valid_from"]:
        raise BadData("valid_to is before valid_from", cure="fix one of them")
    return made


def _tell_change(memory: Memory, what: str, given: str, written: Any) -> None:
    """Say that a value is not written as a person gave it, but for space around it."""
    if to_form("NFC", given.strip()) != str(written):
        shown, kept = masks.cut(given.strip(), 80), masks.cut(str(written), 80)
        memory.say(f"the {what} '{shown}' is written '{kept}'")


def _text(key: str, value: Any) -> str:
    if not isinstance(value, str) or not value.isprintable():
        raise BadData(f"'{key}' is not text on one line", cure="give one line")
    return value.strip()


def _list(key: str, value: Any) -> Sequence[Any]:
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise BadData(f"'{key}' is not a list", cure="give a list")
    return value


def _texts(key: str, value: Any) -> list[str]:
    return [_text(key, each) for each in ([value] if isinstance(value, str) else _list(key, value))]


def _choice(key: str, value: Any) -> str:
    choices = page.TYPES if key == "type" else page.TIERS
    if value not in choices:
        raise BadData(
            f"unknown {key} '{masks.cut(str(value), 40)}'", cure=f"use one of {', '.join(choices)}"
        )
    return value


def _tag(tag: str) -> str:
    tag = tag.strip().lstrip("#")
    if page_keys.key_in_tag(tag):
        raise BadData(
            f"the tag '{masks.cut(tag, 40)}' says a type or a tier", cure="use --type and --tier"
        )
    return tag


def _triple(value: Any) -> Triple:
    parts = _texts("triples", value)
    if len(parts) != 3 or not all(parts) or not triple.normalize_predicate(parts[1]):
        raise BadData("a triple has a subject, a predicate and an object", cure="give three texts")
    made = triple.normalize(Triple(*parts))
    if made.predicate in triple.COPULAS | triple.VAGUE:
        cure = "name the relation: not 'x is owner of y' but 'x owns y'"
        raise BadData(f"the predicate '{parts[1]}' says nothing by itself", cure=cure)
    return made


def _image(memory: Memory, path: str) -> str:
    if not path:
        return ""
    part = memory.home.relative(path)
    if not os.path.isfile(memory.home.path(part)):
        cure = "put it into raw/images in the memory folder first"
        raise NoInput(f"no such picture: '{path}'", cure=cure)
    return part


def from_json(memory: Memory, line: bytes) -> PageDraft:
    """A draft from one line of `mem-note --jsonl`. BadData says what is wrong."""
    try:
        value = json.loads(line.decode("utf-8"))
    except (ValueError, RecursionError):
        raise BadData("not valid JSON") from None
    if not isinstance(value, dict) or not isinstance(value.get("body"), str):
        raise BadData("no 'body'", cure='write {"body": "…", "type": "…", "name": "…"}')
    body, name = value.pop("body"), value.pop("name", "") or ""
    cites = value.pop("sources", None) or []
    if unknown := sorted(set(value) - set(page_keys.KEYS)):
        raise BadData(
            f"unknown key '{masks.cut(unknown[0], 40)}'", cure=f"use {', '.join(page_keys.KEYS)}"
        )
    if "type" not in value:
        raise BadData("no 'type'", cure=f"use one of {', '.join(page.TYPES)}")
    made = fields(memory, value)
    name = page.check_name(_text("name", name)) if name else ""
    return PageDraft(made, body, name, cites=_texts("sources", cites))


def body_of(data: bytes) -> str:
    """A body as it was given: text in UTF-8, its lines ended by \\n."""
    try:
        return data.decode("utf-8").removeprefix("\ufeff").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise BadData("not valid UTF-8", place=f"<stdin>:{line}", cure="send text") from None


def check(memory: Memory, made: Mapping[str, Any], body: str, force: bool) -> None:
    """BadData for what no page may hold."""
    if any("\ud800" <= char <= "\udfff" for char in body):
        raise BadData("half of a surrogate pair in the body", cure="send text")
    if len(body.encode()) > LARGEST:
        raise BadData(f"a body of more than {LARGEST // 1024} KB", cure="make several pages of it")
    if "\0" in body:
        raise BadData("a NUL in the body", cure="send text")
    if page.has_frontmatter(body):
        cure = "give its fields by options, and only the text below the frontmatter"
        raise BadData("a text with frontmatter of its own", cure=cure)
    if injected_blocks.strip(body, echoes=memory.inside) != body:
        cure = "say it in your own words, and cite the log with --cite"
        raise BadData("a block that a recall had injected is not knowledge", cure=cure)
    mask, text = memory.env.mask, "\n".join([body, *map(str, made.values())])
    if not force and secrets.is_masked(text, mask):
        rows = enumerate(body.split("\n"), 1)
        place = (
            f"<stdin>:{next((number for number, row in rows if secrets.is_masked(row, mask)), 1)}"
        )
        cure = "leave it out, or give --force if it is not a secret"
        raise BadData("something that looks like a secret", place=place, cure=cure)
