"""Whom a message would have notified. Pure: text and rules in, names out.

Stricter than Discord: a mention inside code counts.
"""

import re

from .refusal import invalid

KINDS = {"everyone", "users", "roles"}


def check(allowed: object) -> None:
    """Discord takes a kind as a whole or one by one, never both."""
    if allowed is None:
        return
    if not isinstance(allowed, dict):
        raise invalid(
            "allowed_mentions", "DICT_TYPE_CONVERT", "Only dictionaries may be used in a DictType"
        )
    parse = allowed.get("parse") or []
    if not set(parse) <= KINDS:
        raise invalid(
            "allowed_mentions.parse", "BASE_TYPE_CHOICES", f"Value must be one of {sorted(KINDS)}."
        )
    for kind in ("users", "roles"):
        if kind in parse and allowed.get(kind):
            raise invalid(
                "allowed_mentions", "MESSAGE_ALLOWED_MENTIONS_PARSE_EXCLUSIVE",
                f"parse:[\"{kind}\"] and {kind}:[] are mutually exclusive."
            )  # fmt: skip
        if len(allowed.get(kind) or []) > 100:
            raise invalid(
                f"allowed_mentions.{kind}",
                "BASE_TYPE_MAX_LENGTH",
                "Must be 100 or fewer in length.",
            )


def pinged(content: str, allowed: dict | None, users, roles, replied: str | None) -> dict:
    """`users` and `roles` are the ids there are; `replied` is whom the message replies to."""
    named = [u for u in dict.fromkeys(re.findall(r"<@!?(\d+)>", content)) if u in users]
    called = [r for r in dict.fromkeys(re.findall(r"<@&(\d+)>", content)) if r in roles]
    everyone = bool(re.search(r"@(everyone|here)\b", content))
    reply = replied is not None and replied in users
    if allowed is not None:
        parse = allowed.get("parse") or []
        everyone = everyone and "everyone" in parse
        named = _let(named, "users", allowed, parse)
        called = _let(called, "roles", allowed, parse)
        reply = reply and bool(allowed.get("replied_user"))
    if reply and replied not in named:
        named.append(replied)
    return {"everyone": everyone, "users": named, "roles": called}


def _let(ids: list[str], kind: str, allowed: dict, parse: list[str]) -> list[str]:
    if kind in parse:
        return ids
    listed = {str(i) for i in allowed.get(kind) or []}
    return [i for i in ids if i in listed]
