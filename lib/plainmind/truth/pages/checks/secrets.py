"""secret: something that looks like a key, a token or a webhook. It is not printed."""

from collections.abc import Iterator

from ....formats.page.page import Page, PageProblem
from .vault import Vault


def find_problems(one: Page, vault: Vault) -> Iterator[PageProblem]:
    message = "something that looks like a secret; remove it here, and change it where it is used"
    for line in vault.scans[one.path].secrets:
        yield PageProblem(line, "secret", message)
