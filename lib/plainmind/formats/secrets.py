"""What may be a key, a token or a password in a text: for a warning, and for what is looked for
when a text is taken back. Pure.

What surely is one has a shape that every mask knows (ground.masks); this also takes what
only looks like one. Nothing may be refused by it.
"""

import re
from collections.abc import Callable, Iterator
from itertools import pairwise
from math import log2

from ..ground.masks import find_shapes

#: what a text calls a password or a key, in the languages that most people write
_PASSWORD = (
    r"pass(?:word|wort|wd|phrase|code)|kennwort|pwd|secret|api[ _-]?key|access[ _-]?key|token"
    r"|contraseña|clave|mot de passe|senha|palavra-passe|wachtwoord|parola|şifre|sifre|hasło|haslo"
    r"|парол[ья]|パスワード|暗証番号|密码|密碼|口令|비밀번호|암호|पासवर्ड|كلمة (?:المرور|السر)|mật khẩu"
)
_CODE = r"\b(?:pin|passcode|code|código|codigo|codice|kod|geheimzahl)|\b(?:пин|код|пін)"
#: between that and its value: 'the password is hunter2', 'API_KEY=…', 'Kennwort lautet: …'
_IS = (
    r"""['"`*_]{0,3}(?: (?:is|ist|lautet|es|est|è|é|to|jest|это|це|هي|là|है)(?: ?[:：])?|"""
    r"""[ ]?(?::=|[:：=])|[はが是为為은는이가])[ ]?['"`]{0,3}"""
)
_VALUE = r"""([!#-&(-+\--:<-_a-~]{6,128}|[^\s'"`,;]{6,128})"""
_NAMED = re.compile(rf"(?:{_PASSWORD}){_IS}{_VALUE}", re.I)
_PIN = re.compile(rf"(?:{_CODE}|{_PASSWORD}){_IS}(\d{{4,12}})(?!\w)", re.I)
_CARD = re.compile(
    r"(?<![\w.,:/-])(?:(?:4\d|5[1-5]|2[2-7]|35|6[05])\d\d([ -]?)\d{4}(?:\1\d{4}){2}"
    r"|3[47]\d\d([ -]?)\d{6}\2\d{5})(?![\w/-]|[.,:]\d)"
)
_TOKEN = re.compile(r"(?<![\w/+.=-])[A-Za-z0-9_+/-]{24,128}={0,2}(?![\w/+-])")
#: what stands where a secret would
_PLACEHOLDER = re.compile(
    r"x{4,}|\*{3,}|\.{3}|…|0{6,}|1234567|abcdef|your|example|placeholder|changeme|redacted|dummy"
    r"|sample|insert|env|getenv|[<>{}\[\]()$|\\]",
    re.I,
)
#: the same, where a miss would be a secret that is kept: what can be nothing else
_STANDS_IN = re.compile(
    r"x{4,}|\*{3,}|\.{3}|…|0{6,}|1234567|abc-?123|your[-_ ]|placeholder|changeme|redacted"
    r"|\A(?:(?:[A-Z]+_)*[A-Z]{2,12}|12345\d*)\W*\Z|\A[^\x00-\x7f]"
    r"|[<>{}\[\]]|(?:\A|:)\$\w|\A(?:user(?:name)?|login|name):(?:pass(?:word|wd)?|pwd?|secret)\Z",
    re.I,
)
ENTROPY = 4.0  # bits a character; prose and names have less, random letters and digits more


def find(text: str) -> list[str]:
    """What of a text looks like a secret, each once, in order."""
    return list(dict.fromkeys(_find(text)))


def is_masked(text: str, mask: Callable[[str], str]) -> bool:
    """Whether a mask hides something of a text that is not a placeholder."""
    if mask(text) == text:
        return False
    rest = text
    for first, last in find_shapes(text):
        if _STANDS_IN.search(text[first:last]):
            rest = f"{rest[:first]}{' ' * (last - first)}{rest[last:]}"
    return mask(rest) != rest


def _find(text: str) -> Iterator[str]:
    for first, last in find_shapes(text):
        found = text[first:last].partition("\n")[0]  # a private key is known by its header
        value = found.rpartition("/")[2]
        if "PRIVATE KEY" in found or _is_chosen(value) and _is_mixed(value):
            yield found
    for match in _NAMED.finditer(text):
        value = match[1].rstrip(".!?:)")
        if _is_chosen(value) and _is_mixed(value):
            yield value
    yield from (match[1] for match in _PIN.finditer(text))
    yield from (match[0] for match in _CARD.finditer(text) if _is_card(match[0]))
    for match in _TOKEN.finditer(text):
        if _is_chosen(match[0]) and _is_random(match[0]):
            yield match[0]


def _is_chosen(value: str) -> bool:
    """Whether it can be a secret, and not what stands for one in an example."""
    return not _PLACEHOLDER.search(value) and len(value) >= 6 and len(set(value)) > 4


def _is_mixed(value: str) -> bool:
    """Whether it is not a word: letters with digits or signs in them."""
    inner = value.strip("-_.:/")
    kinds = any(c.isalpha() for c in inner), any(c.isdigit() for c in inner)
    signs = any(not c.isalnum() and c not in "-_.:/" for c in inner)
    return sum((*kinds, signs)) > 1 and not value.startswith(("http", "/", "./", "~"))


def _is_card(text: str) -> bool:
    """Whether the last digit of a number is that of a card (Luhn, US patent 2,950,048)."""
    digits = [int(char) for char in reversed(text) if char.isdigit()]
    doubled = (2 * digit - 9 * (digit > 4) for digit in digits[1::2])
    return (sum(digits[::2]) + sum(doubled)) % 10 == 0 and len(set(digits)) > 1


def _is_random(value: str) -> bool:
    """Whether letters of both cases and digits follow each other as by chance. Digests and ids in
    hexadecimal do not, and logs of programs are full of them; nor do names made of words."""
    if value.count("/") > 2 or "://" in value:
        return False
    kinds = [c.islower() - 2 * c.isupper() - 3 * c.isdigit() for c in value if c.isalnum()]
    changes = sum(one != other for one, other in pairwise(kinds))
    if len(set(kinds)) < 3 or changes < len(value) / 3:
        return False
    counts = [value.count(c) / len(value) for c in set(value)]
    return -sum(p * log2(p) for p in counts) >= ENTROPY
