"""The warning that an event looks as if it held a secret. It never says which, and refuses nothing.

Most texts are done with by a look at their words, before any pattern is even loaded.
"""

import re
from collections.abc import Iterable
from typing import Any

from ...ground import stream

NAMED = 5  # references that are named at once
LONGEST = 1 << 16  # characters of a text that are looked at
HINTS = (
    "pass", "pwd", "secret", "token", "key", "kennwort", "geheim", "pin", "code", "://", "begin ",
    "contras", "clave", "codi", "códi", "senha", "wacht", "parola", "ifre", "hasł", "haslo", "kod",
    "парол", "пин", "пін", "код", "パスワード", "暗証", "密", "口令", "비밀번호", "암호", "पासवर्ड", "كلمة",
    "khẩu",
)  # fmt: skip


_CARD = re.compile(r"\d{4}[ -]\d{4}[ -]\d{4}|\d{4}[ -]\d{6}")


def find_suspects(texts: Iterable[tuple[str, str]]) -> list[str]:
    """The references, of (reference, text), whose text looks as if it held a secret."""
    return [ref for ref, text in texts if ref and _looks(text[:LONGEST])]


def warn(session: Any, refs: list[str]) -> None:
    """Say so, and what takes it back, after the references themselves."""
    if refs:
        stream.flush()
    for ref in refs[:NAMED]:
        what = "this looks like a key or a password; if it is one, take it back"
        session.say(f"{ref}: {what}: mem-forget {ref}")
    if len(refs) > NAMED:
        session.say(f"{len(refs) - NAMED} more events look like that")


def _looks(text: str) -> bool:
    lower = text.lower()
    long = max(map(len, text.split()), default=0) >= 16
    if not (long or any(hint in lower for hint in HINTS) or _CARD.search(text)):
        return False
    from ...formats import secrets

    return bool(secrets.find(text))
