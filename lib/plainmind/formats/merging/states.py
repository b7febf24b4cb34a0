"""JSON of a state that several machines changed, merged key by key.

A key that one of them changed is as they left it; lists that both only added to have all that was
added. Where both changed the same value to something else, the two cannot be merged."""

import json
from typing import Any

from ...ground.errors import BadData
from .. import strict_json
from . import Merged

_NONE = object()


class _Differs(Exception):
    pass


def merge_json(base: bytes, ours: bytes, theirs: bytes) -> Merged:
    """As `lines.merge_text`; what is not JSON is merged as a whole."""
    if ours == theirs or theirs == base:
        return Merged(ours)
    if ours == base:
        return Merged(theirs)
    try:
        before = _parse(base) if base else {}
        value = _merge(before, _parse(ours), _parse(theirs))
        return Merged(strict_json.render(value, theirs))
    except (_Differs, BadData, ValueError):
        return Merged(theirs, False)


def _parse(data: bytes) -> Any:
    return strict_json.parse(data.decode("utf-8-sig"))


def _merge(base: Any, ours: Any, theirs: Any) -> Any:
    if _same(ours, theirs) or _same(theirs, base):
        return ours
    if _same(ours, base):
        return theirs
    if type(ours) is type(theirs) is dict:
        before = base if type(base) is dict else {}
        names = [*theirs, *(name for name in ours if name not in theirs)]
        pairs = ((name, _merge_key(before, ours, theirs, name)) for name in names)
        return {name: value for name, value in pairs if value is not _NONE}
    if type(ours) is type(theirs) is list:
        known = base if type(base) is list else []
        if _same(ours[: len(known)], known) and _same(theirs[: len(known)], known):
            own, more = ours[len(known) :], theirs[len(known) :]
            return theirs + [one for one in own if not any(_same(one, there) for there in more)]
    raise _Differs


def _merge_key(base: dict, ours: dict, theirs: dict, name: str) -> Any:
    before, mine, other = (value.get(name, _NONE) for value in (base, ours, theirs))
    if mine is _NONE or other is _NONE:  # taken out by one
        left = other if mine is _NONE else mine
        return _NONE if before is not _NONE and _same(left, before) else left
    return _merge(before, mine, other)


def _same(one: Any, other: Any) -> bool:
    if one is _NONE or other is _NONE:
        return one is other
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
