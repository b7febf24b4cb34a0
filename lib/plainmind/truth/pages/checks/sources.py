"""sources: an event that a page rests on is gone, or says something else now."""

from collections.abc import Iterator

from ....formats.page.page import Page, PageProblem
from .vault import Vault


def find_problems(one: Page, vault: Vault) -> Iterator[PageProblem]:
    for cited in one.sources:
        digest = vault.digest_event(cited.ref)
        if not digest:
            message = f"no event at {cited.ref}; restore the log, or remove the source"
            yield PageProblem(cited.line, "sources", message)
        elif not digest.startswith(cited.digest[:12]):
            cure = "run mem-lint --logs, then look at both"
            message = f"{cited.ref} says something else now; {cure}"
            yield PageProblem(cited.line, "sources", message)
