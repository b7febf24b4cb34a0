"""Pages found for a text as they are printed: records, the block to inject, or the explanation.
Pure."""

from typing import Any

from . import page_block
from .inject import excerpt
from .page_block import PageExcerpt
from .pages import FoundPage, Knowledge, Policy
from .report import Form, Report

_NUMBERS = ("score", "rel", "lex", "den", "recency")


def make(known: Knowledge, policy: Policy, form: Form) -> Report:
    fitted = page_block.fit(known, policy)
    shown = fitted.shown if form.inject else answers(known, policy)
    if form.explain:
        return Report(bool(shown), _explanation(known, policy, fitted.dropped))
    if form.inject:
        return Report(bool(shown), page_block.block(shown, policy))
    records = [_record(each, rank) for rank, each in enumerate(shown, 1)]
    return Report(bool(shown), records=records)


def answers(known: Knowledge, policy: Policy) -> list[PageExcerpt]:
    """The pages that matter to the text, best first, also those that are always given; then those
    they link to."""
    always = [each for each in known.always if each.rel >= policy.floor]
    ranked = sorted([*always, *known.found], key=lambda each: -each.score)
    found: list[FoundPage] = []
    for each in ranked:  # one that is superseded never before what takes its place
        later = next((other for other in ranked if other.row.name == each.superseded_by), each)
        found += [one for one in dict.fromkeys((later, each)) if one not in found]
    shown = (page_block.cut(known, each, policy.each) for each in [*found, *known.linked])
    return [each for each in shown if each]


def _record(each: PageExcerpt, rank: int) -> dict[str, Any]:
    found = each.found
    numbers = {name: round(getattr(found, name), 6) for name in _NUMBERS}
    ref = f"{found.path}:{each.line}"
    return {"ref": ref, **each.entry(), "rank": rank, **numbers, "why": found.why}


def _explanation(known: Knowledge, policy: Policy, left_out: list[tuple[FoundPage, str]]) -> str:
    """A table of every page that was looked at. What the budget leaves out says so."""
    reasons = {each.path: why for each, why in left_out}
    rows: list[tuple[str, ...]] = [("why", *_NUMBERS, "page", "type", "title")]
    for each in known.given:
        reason = f" ({reasons[each.path]})" if each.path in reasons else ""
        rows.append(_row(each, each.why + reason))
    rows += [_row(each, why) for each, why in known.dropped]
    words = " ".join(known.terms) or "(none)"
    notes = f"# words: {words}; pages ranked by {policy.rank}, floor {policy.floor:g}\n"
    return notes + "".join("\t".join(row) + "\n" for row in rows)


def _row(each: FoundPage, why: str) -> tuple[str, ...]:
    numbers = (f"{getattr(each, name):.4f}" for name in _NUMBERS)
    kind, title = f"{each.row.type} {each.row.tier}", excerpt(each.row.title, [], 20).text
    return (why, *numbers, each.path, kind, title)
