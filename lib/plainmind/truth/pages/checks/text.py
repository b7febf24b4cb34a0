"""What the body of a page should not be.

head: a second frontmatter. size: more than 1,000 estimated tokens in L1, or 4,000 in L2: a turn is
given only a part of it. recalled: what a recall had put before a message, stored as knowledge."""

from collections.abc import Iterator
from math import ceil

from ....formats.log import injected_blocks
from ....formats.page import page
from ....formats.page.page import Page, PageProblem
from ....ground.tokens import CHARACTERS
from .. import page_files
from ..page_facts import ByteScan

MOST_L1, MOST_L2 = 1000, 4000  # tokens


def find_problems(one: Page, scan: ByteScan) -> Iterator[PageProblem]:
    if one.lines and page.has_frontmatter(one.body):
        message = "a second frontmatter, which nobody reads; merge the two"
        yield PageProblem(one.body_line, "head", message)
    tokens = ceil(len(one.body) * scan.times / CHARACTERS)
    most = MOST_L1 if one.tier == "L1" else MOST_L2
    if tokens > most:
        cure = f"make pages of at most {most:,}"
        message = f"about {tokens:,} tokens, of which a turn is given a part; {cure}"
        yield PageProblem(one.body_line, "size", message)
    echoes = not page_files.is_knowledge(one.path)
    if injected_blocks.strip(one.body, echoes=echoes) != one.body:
        line = one.body_line + one.body[: max(0, one.body.find("INJECTED_CONTEXT_"))].count("\n")
        yield PageProblem(line, "recalled", "a recall's own block, stored; remove it")
    elif injected_blocks.strip_recalled_lines(one.body) != one.body:
        cure = "say it in a sentence, and cite the log in 'sources'"
        message = f"lines of a recall's answer, stored; {cure}"
        yield PageProblem(one.body_line, "recalled", message)
