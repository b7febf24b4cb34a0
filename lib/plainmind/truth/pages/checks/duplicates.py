"""duplicate: word for word what another page says. near-duplicate: four words in five, and pairs of
neighbouring words, are another page's. Each pair once, at the later of the two paths."""

from collections.abc import Iterator

from ....formats.page import likeness
from ...log.verify import Finding
from .vault import Vault


def find_findings(vault: Vault) -> Iterator[Finding]:
    pages, named = vault.pages, {one.path for one in vault.checked}
    words = {path: likeness.extract_features(one.body) for path, one in pages.items()}
    sketches = {path: likeness.sketch(features) for path, features in words.items() if features}
    texts = {path: " ".join(one.body.split()) for path, one in pages.items()}
    firsts: dict[str, str] = {}
    for path, text in texts.items():
        first = firsts.setdefault(text, path) if text else path
        if first != path and (path in named or first in named):
            message = f"says word for word what {first} says; remove one"
            yield Finding(path, pages[path].body_line, "duplicate", message)
    for one, other in likeness.find_candidates(sketches):
        if not (one in named or other in named) or texts[one] == texts[other]:
            continue
        share = likeness.measure_share(words[one], words[other])
        if share >= likeness.ALIKE:
            message = f"{share:.0%} of it is in {one} too; make one page of both"
            yield Finding(other, pages[other].body_line, "near-duplicate", message)
