"""duplicate: word for word what another page says. near-duplicate: four words in five, and pairs of
neighbouring words, are another page's. Each pair once, at the later of the two paths.

In somebody's vault, pages of one template begin alike: there, only what says something by itself is
a duplicate, and nothing is a near-duplicate."""

import re
from collections.abc import Iterator

from ....formats.page import likeness, page_links
from ....formats.page.page import Page
from ...log.verify import Finding
from .vault import Vault

SAYS_SOMETHING = 24  # words and pairs of neighbouring words, outside of headings, code and embeds
_SCAFFOLD = re.compile(r"^[ \t>]*#.*$|!\[\[[^\]\n]*\]\]|^[ \t>-]*\[!.*$", re.M)


def find_findings(vault: Vault) -> Iterator[Finding]:
    pages = {path: one for path, one in vault.pages.items() if _is_compared(one, vault)}
    named = {one.path for one in vault.checked}
    texts = {path: " ".join(one.body.split()) for path, one in pages.items()}
    firsts: dict[str, str] = {}
    for path, text in texts.items():
        first = firsts.setdefault(text, path) if text else path
        if first != path and (path in named or first in named):
            message = f"says word for word what {first} says; remove one"
            yield Finding(path, pages[path].body_line, "duplicate", message)
    ours = {path: one for path, one in pages.items() if not vault.rules.is_theirs(one)}
    words = {path: likeness.extract_features(one.body) for path, one in ours.items()}
    sketches = {path: likeness.sketch(features) for path, features in words.items() if features}
    for one, other in likeness.find_candidates(sketches):
        if not (one in named or other in named) or texts[one] == texts[other]:
            continue
        share = likeness.measure_share(words[one], words[other])
        if share >= likeness.ALIKE:
            message = f"{share:.0%} of it is in {one} too; make one page of both"
            yield Finding(other, pages[other].body_line, "near-duplicate", message)


def _is_compared(one: Page, vault: Vault) -> bool:
    if not vault.rules.is_theirs(one):
        return True
    if vault.is_template(one):
        return False
    prose = _SCAFFOLD.sub("", page_links.strip_code(one.body))
    return len(likeness.extract_features(prose)) >= SAYS_SOMETHING
