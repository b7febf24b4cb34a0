"""What is asked for again and again: the normal form of a command, or of a description. Pure.

Two commands have one normal form when only what they are about differs: `Fix src/app.ts, please!`
and `fix lib/db.ts` are both `fix <path>`. Case, spaces, the punctuation of sentences and words of
politeness go; numbers, days, times, hashes, paths, addresses and quoted texts become what they
are. Names stay: what is deployed to staging is not deployed to production. Several of a kind in a
row are one, so that it does not count of how many the command is.
"""

import re

from ..formats.normal_form import to_form

REPEATED = 3  # times that a command was given, from which on it could be automated

_MONTH = (
    "jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?"
    "|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?"
)
#: a word -> the day that it is
_DAYS = {
    f"{day}{s}": "<date>"
    for day in "monday tuesday wednesday thursday friday saturday sunday today tomorrow yesterday "
    "tonight".split()
    for s in ("", "s", "'s")
}
#: in each day or time of several words is one of these
_CALENDAR = frozenset(
    "am pm a.m p.m jan january feb february mar march apr april may jun june jul july aug august "
    "sep sept september oct october nov november dec december".split()
)
#: politeness begins or ends with one of these
_POLITENESS = frozenset("please kindly can could would hey thanks thank".split())
_QUOTED = re.compile(
    r"""(`{1,3})[^`]+\1|"[^"]+"|“[^”]+”|«[^»]+»|„[^“”]+[“”]|(?<!\w)‘[^‘]*?’(?!\w)"""
    r"""|(?<!\w)'(?:[^']|(?<=\w)'(?=\w))+'(?!\w)"""
)
_EXTENSION = (
    "avif|bash|bat|bz2|cfg|cjs|conf|cpp|cs|css|csv|db|docx?|env|gif|go|gql|graphql|gz|hpp|html?|ini"
    "|ipynb|java|jpe?g|js|json[cl5]?|jsx|kt|less|lock|log|mdx?|mjs|mp[34]|pdf|php|plist|png|pptx?"
    "|prisma|proto|py|rb|rs|rst|scss|sh|sql|sqlite|svelte|svg|swift|tar|tf|tgz|toml|tsv|tsx?|txt"
    "|vue|webp|xlsx?|xml|ya?ml|zip|zsh|[ch]"
)
#: a whole word, and what it becomes
_WORD = re.compile(
    r"(?P<url>[a-z][a-z0-9+.-]*://.+|www\..+)"
    r"|(?P<email>[\w.+-]+@[\w-]+(?:\.[\w-]+)*\.[a-z]{2,})"
    r"|(?P<date>\d{4}-\d\d-\d\d(?:t\d\d:?\d\d.*)?|\d{1,4}/\d\d?/\d{2,4}"
    r"|\d\d?\.\d\d?\.\d{4})"
    r"|(?P<time>\d\d?:\d\d(?::\d\d(?:\.\d+)?)?(?:[ap]\.?m|z|[+-]\d\d:?\d\d)?)"
    r"|(?P<path>(?:[a-z]:\\|\.{0,2}/|~/?|\.{1,2}\\).*|\.{1,2}|\.[a-z][\w.-]+"
    r"|[^/]+(?:/[^/]+){2,}/?|[^/]+/|[^/]+/[^/]*\.[a-z]\w{0,5}(?::\d.*)?"
    rf"|[\w.@+*-]*[\w*]\.(?:{_EXTENSION})(?::\d[\d:-]*)?)"
)
#: a word with a digit, and none of `_SIGNS`
_CODE = re.compile(
    r"(?P<date>\d{8}t\d{4,6}z?)|(?P<time>\d\d?[ap]m)"
    r"|(?P<hash>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
    r"|(?:sha\d+[:-])?(?=[a-f]*\d)(?=\d*[a-f])[0-9a-f]{7,128}"
    r"|(?=[a-z]*\d)(?=\d*[a-z])[0-9a-z]{24,})"
)
#: one of them is in each address, path, time and day that is written in digits
_SIGNS = re.compile(r"[./\\:@~-]")
#: frameworks that look like files
_NAMES = frozenset(f"{name}.js" for name in "node vue next nuxt react express three d3".split())
_SLASH_COMMAND = re.compile(r"\s*(/[a-z][\w:-]*)(?!\S)")
_NUMBER = re.compile(
    r"#?(?<![^\W_])(?:v(?=\d))?\d+(?:[.,_]\d+)*(?:-(?:alpha|beta|rc)[\d.]*|st|nd|rd|th)?"
    r"(?![^\W_])"
    r"|#?(?<![^\W_])\d+(?:[.,_]\d+)*"
)
_DATES = re.compile(
    rf"<n> (?:of )?(?:{_MONTH})\.?(?: <n>)?(?!\S)|(?<!\S)(?:{_MONTH})\.? <n>(?: <n>)?(?!\S)"
)
_TIMES = re.compile(r"<n> [ap]\.?m(?!\S)")
_POLITE = re.compile(
    r"\A(?:(?:hey|please|kindly|(?:can|could|would) you(?: please| kindly)?) )+|"
    r"(?: (?:please|thanks|thank you))+\Z"
)
_SEVERAL = re.compile(r"(<(?:n|path|url|email|date|time|hash|text)>)(?: (?:and |or |& )?\1)+")
_PLURAL = re.compile(r"(<n> [^\W\d_]*[^\W\d_s])s(?!\S)")


def normalize(command: str) -> str:
    """The normal form of a command; '' where it says nothing. Linear in its length."""
    text = command if command.isascii() else to_form("NFKC", command)
    text = text.casefold()
    if '"' in text or "'" in text or "`" in text or not text.isascii():
        text = _QUOTED.sub(" <text> ", text)
    words = [*map(_SHAPES.__getitem__, text.split())]
    if words and words[0] == "<path>" and (verb := _SLASH_COMMAND.match(text)):
        words[0] = verb[1]
    text = " ".join(filter(None, words))
    if not _CALENDAR.isdisjoint(words):
        text = _TIMES.sub("<time>", _DATES.sub("<date>", text))
    if not _POLITENESS.isdisjoint(words):
        text = _POLITE.sub("", text)
    if "<" in text:
        if text.count("<") > 1:
            text = _SEVERAL.sub(r"\1", text)
        if "<n> " in text:
            text = _PLURAL.sub(r"\1", text)
    return text


class _Shapes(dict[str, str]):
    """Words -> what they are. Most that come have come before."""

    def __missing__(self, word: str) -> str:
        shape = _DAYS.get(word, word) if word.isalpha() else _shape(word)
        if len(word) <= _LONG:
            if len(self) >= _MOST_SHAPES:
                self.clear()
            self[word] = shape
        return shape


_SHAPES, _MOST_SHAPES, _LONG = _Shapes(), 10_000, 40


def _shape(word: str) -> str:
    """A word without the punctuation around it, or what it is."""
    if word[0] == "<" and word[-1] == ">":
        return word  # made of a quotation
    if word not in (".", ".."):
        word = word.lstrip("([{").rstrip(",.;:!?…)]}")
    if word.isalpha() or "'" in word:
        return _DAYS.get(word, word)
    if word.isdecimal():
        return "<n>"
    name, sign, value = word.partition("=")
    if sign and name and value and "://" not in name:
        return f"{name}={_shape(value) or value}"
    shape = _WORD.fullmatch(word) if _SIGNS.search(word) else None
    if shape := shape or _CODE.fullmatch(word):
        return word if word in _NAMES else f"<{shape.lastgroup}>"
    return _NUMBER.sub("<n>", word)
