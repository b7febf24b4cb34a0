"""Texts of somebody else's within one of ours, as Markdown quotes them. Pure."""

from collections.abc import Iterable, Iterator


def quote(texts: Iterable[str]) -> Iterator[str]:
    """Every line of these texts that is not blank, behind >."""
    for text in texts:
        yield from (f"> {line}" for line in text.splitlines() if line.strip())


def quote_text(text: str) -> str:
    return "\n".join(quote([text]))
