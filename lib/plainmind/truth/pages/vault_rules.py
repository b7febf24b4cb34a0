"""By whose rules a page is looked at: ours, or those of a vault's owner, who never heard of ours.

Such a page need not say what ours do, and what it says may mean something else: it is theirs in any
folder outside the memory folder, and in one that Obsidian keeps, unless it says a tier. Owns what
is wrong by anybody's rules, and which pages are templates. Changes nothing."""

import os
from collections.abc import Iterable
from functools import cached_property

from ...formats.page.page import Page, PageProblem
from ...ground.paths import Home
from . import foreign, page_files
from .foreign import ForeignVault

_OURS = frozenset(("head", "date", "type", "tier"))  # what a page of ours has
_ANYBODYS = frozenset("yaml twice text link unwritten image secret".split())
_OF_TEMPLATES = frozenset(("text", "secret"))


class VaultRules:
    """Those of one vault; `place` is the folder of it that links are followed in."""

    def __init__(self, home: Home):
        self.home = home
        self.is_foreign = isinstance(home, ForeignVault)
        self.place = "" if self.is_foreign else page_files.KNOWLEDGE

    @cached_property
    def is_obsidian(self) -> bool:
        return os.path.isdir(self.home.path(self.place, foreign.OBSIDIAN))

    @cached_property
    def _templates(self) -> tuple[str, ...]:
        found = foreign.list_templates(self.home.path(self.place)) if self.is_obsidian else ()
        return tuple(os.path.join(self.place, one) for one in found)

    def is_theirs(self, one: Page) -> bool:
        kept = self.is_foreign or self.is_obsidian and "tier" not in one.lines
        return kept and not one.is_ours

    def is_template(self, one: Page, says_so: bool) -> bool:
        """Whether other pages are made of it, as the vault's settings or its own head say: what
        stands in it leads nowhere yet."""
        path = one.path.removesuffix(".md")
        named = any(path == name or path.startswith(f"{name}/") for name in self._templates)
        return self.is_theirs(one) and (named or says_so)

    def list_wrong(
        self, one: Page, problems: Iterable[PageProblem], says_template: bool
    ) -> list[PageProblem]:
        """The problems that are some by the rules that hold for the page."""
        if not self.is_theirs(one):
            return sorted(problems)
        codes = _OF_TEMPLATES if self.is_template(one, says_template) else _ANYBODYS
        if codes is _OF_TEMPLATES or self.is_foreign:
            return sorted(problem for problem in problems if problem.code in codes)
        return sorted(problem for problem in problems if not _is_unsaid(one, problem))

    def is_fixed_as_ours(self, one: Page, named: bool) -> bool:
        """Whether all that is wrong by our rules is fixed; of one of the home's, also if named."""
        return not self.is_theirs(one) or named and not self.is_foreign


def _is_unsaid(one: Page, problem: PageProblem) -> bool:
    """Whether a problem is that a page does not say what ours do, or says it in its own way."""
    unsaid = problem.code in _OURS and one.lines.get(problem.code, 1) == 1
    return unsaid or problem.code == "type" and problem.message.startswith("unknown type")
