"""duplicate: word for word what another page says. near-duplicate: four words in five, and pairs of
neighbouring words, are another page's. Each pair once, at the later of the two paths.

In somebody's vault, pages of one template begin alike: there, only what says something by itself is
a duplicate, and nothing is a near-duplicate."""

import re
from collections.abc import Iterator

from ....formats.page import likeness, page_links
from ...log.verify import Finding
from ..page_facts import PageFacts
from .vault import Vault

SAYS_SOMETHING = 24  # words and pairs of neighbouring words, outside of headings, code and embeds
_SCAFFOLD = re.compile(r"^[ \t>]*#.*$|!\[\[[^\]\n]*\]\]|^[ \t>-]*\[!.*$", re.M)


def find_findings(vault: Vault) -> Iterator[Finding]:
    facts = {path: one for path, one in vault.facts.items() if _is_compared(one, vault)}
    named = {one.path for one in vault.checked}
    firsts: dict[str, str] = {}
    for path, one in facts.items():
        first = firsts.setdefault(one.text, path) if one.text else path
        if first != path and (path in named or first in named):
            message = f"says word for word what {first} says; remove one"
            yield Finding(path, one.page.body_line, "duplicate", message)
    is_theirs = vault.rules.is_theirs
    sketches = {
        path: one.sketch for path, one in facts.items() if one.sketch and not is_theirs(one.page)
    }
    for path, later in vault.known.find_likely(sketches):
        if not (path in named or later in named) or facts[path].text == facts[later].text:
            continue
        share = vault.find_share(facts[path], facts[later])
        if share >= likeness.ALIKE:
            message = f"{share:.0%} of it is in {path} too; make one page of both"
            yield Finding(later, facts[later].page.body_line, "near-duplicate", message)


def _is_compared(facts: PageFacts, vault: Vault) -> bool:
    if not vault.rules.is_theirs(facts.page):
        return True
    return not vault.is_template(facts.page) and facts.words >= SAYS_SOMETHING


def count_words(body: str) -> int:
    """Different words, and pairs of neighbouring words, of what a page says by itself."""
    prose = _SCAFFOLD.sub("", page_links.strip_code(body))
    return len(likeness.extract_features(prose))
