"""What time did to a page.

future: dated after tomorrow. stale: of type user or project, and dated more than a year ago.
expired: retention will delete it. superseded: still L1, and its last day is past."""

from collections.abc import Iterator

from ....formats.page.page import Page, PageProblem
from .. import page_files, retention
from .vault import Vault

STALE_DAYS = 365


def find_problems(one: Page, vault: Vault) -> Iterator[PageProblem]:
    today, line = vault.today, one.lines.get("date", 1)
    if one.tier == "L1" and one.valid_to and one.valid_to < today:
        message = f"still L1, and its last day was {one.valid_to}; make it L2, or fix the day"
        yield PageProblem(one.lines["valid_to"], "superseded", message)
    if not one.day or not page_files.is_knowledge(one.path):
        return
    age = (today - one.day).days
    if age < -1:
        message = f"dated {one.day}, which is to come; fix the date, or say valid_from"
        yield PageProblem(line, "future", message)
    elif one.type in ("user", "project") and age > STALE_DAYS:
        cure = f"mem-note --update {one.name} --date {today}"
        message = f"dated {one.day}, {age} days ago; if it still holds: {cure}"
        yield PageProblem(line, "stale", message)
    elif expired := retention.judge_page(one, today, vault.seen):
        message = f"dated {one.day}, and {expired.rule}; mem-lint --prune --apply deletes it"
        yield PageProblem(line, "expired", message)
