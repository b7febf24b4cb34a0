"""secret: something that looks like a key, a token or a webhook. It is not printed."""

from collections.abc import Iterator

from ....formats.page.page import Page, PageProblem
from ..page_facts import ByteScan


def find_problems(one: Page, scan: ByteScan) -> Iterator[PageProblem]:
    message = "something that looks like a secret; remove it here, and change it where it is used"
    for line in scan.secrets:
        yield PageProblem(line, "secret", message)
