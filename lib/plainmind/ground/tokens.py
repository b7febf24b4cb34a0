"""Estimates of how many tokens a text is, and texts cut to one. What a model's own tokenizer says
differs by model and language.

`estimate` is the specification's letter for injected blocks, pages and their settings. What has to
fit into a model's window is estimated by script: what is a token in English is a character in
Chinese, and three in Amharic. docs/decisions/turn.md has the figures.
"""

CHARACTERS = 4  # one token, about

#: twentieths of a token by character, and the bytes a character of that kind begins with in UTF-8:
#: the first byte tells the script, nearly
_KINDS = (
    (5, b"abcdefghijklmnopqrstuvwxyz \n\t\r"),
    (8, bytes(range(0xD0, 0xD4))),  # Cyrillic
    (10, bytes(range(0xD8, 0xDC))),  # Arabic
    (12, b"0123456789" + bytes((0xCE, 0xCF, 0xD6, 0xD7))),  # Greek, Hebrew
    (14, b"\xe0"),  # of India, Thai, Lao
    (16, bytes(range(0xEA, 0xEE))),  # Hangul
    (20, bytes((0xD4, 0xD5, *range(0xE2, 0xEA), 0xEE, 0xEF))),  # Armenian, signs, kana, Han
    (24, bytes((0xE1,))),  # Burmese, Georgian, Ethiopic, Khmer; letters of Vietnamese
    (30, bytes((*range(0xC2, 0xCE), *range(0xDC, 0xE0)))),  # Latin with marks; Syriac, N'Ko
    (50, bytes(range(0xF0, 0xF5))),  # emoji
)
_REST = 10  # capitals, punctuation
#: those that a text in English has: a turn estimates every event of its window
_KINDS_IN_ASCII = tuple(kind for kind in _KINDS if min(kind[1]) < 0x80)
_WITHIN = bytes(range(0x80, 0xC0))  # what a character goes on with


def estimate(text: str | bytes) -> int:
    """Tokens of what a block holds: 4 characters each (of bytes: 4 bytes), rounded up."""
    return -(-len(text) // CHARACTERS)


def estimate_by_script(text: str | bytes) -> int:
    """Tokens of a text in a prompt, of any language; of UTF-8 or str."""
    data = text.encode("utf-8", "replace") if isinstance(text, str) else text
    is_ascii = data.isascii()
    left = data if is_ascii else data.translate(None, _WITHIN)
    twentieths = 0
    for cost, firsts in _KINDS_IN_ASCII if is_ascii else _KINDS:
        before, left = len(left), left.translate(None, firsts)
        twentieths += cost * (before - len(left))
    return -(-(twentieths + _REST * len(left)) // 20)


def clip(text: str, most: int) -> str:
    """A text of at most about `most` tokens: its head and its tail, and between them how much is
    left out."""
    cost = estimate_by_script(text)
    kept = len(text)
    while cost > most:
        # the mark costs some; a head of another script than the tail is met by trying again
        kept = min(kept - 1, int(kept * max(most - 12, 0) / cost))
        if kept <= 0:
            return f"(… {len(text)} characters left out …)"
        head, tail = text[: kept - kept // 2], text[len(text) - kept // 2 :]
        # what stood in the middle of a line is never the beginning of one
        part = f"{head}…\n(… {len(text) - kept} characters left out …)\n…{tail}"
        cost = estimate_by_script(part)
        if cost <= most:
            return part
    return text
