"""Pages found for a text, as lines, JSON Lines, the block to inject, or the explanation. Pure."""

from ..ground.stream import json_line
from . import knowledge
from .excerpt import excerpt
from .knowledge import Found, Knowledge, Policy, Shown
from .report import Form


def text(known: Knowledge, policy: Policy, form: Form) -> str:
    if form.explain:
        return _explanation(known, policy)
    if form.inject:
        return knowledge.block(knowledge.fit(known, policy).pages, policy)
    shown = answers(known, policy)
    if form.json:
        return "".join(json_line(_record(each, rank)) + "\n" for rank, each in enumerate(shown, 1))
    return "".join(f"{each.found.path}:{each.line}: {each.excerpt}\n" for each in shown)


def answers(known: Knowledge, policy: Policy) -> list[Shown]:
    """The pages that matter to the text, best first, also those that are always given; then those they link to."""
    always = [each for each in known.always if each.rel >= policy.floor]
    ranked = sorted([*always, *known.found], key=lambda each: -each.score)
    found: list[Found] = []
    for each in ranked:  # one that is superseded never before what takes its place
        later = next((other for other in ranked if other.row.name == each.superseded_by), each)
        found += [one for one in dict.fromkeys((later, each)) if one not in found]
    shown = (knowledge.shown(known, each, policy.each) for each in [*found, *known.linked])
    return [each for each in shown if each]


def _record(each: Shown, rank: int) -> dict:
    found = each.found
    numbers = {
        name: round(getattr(found, name), 6) for name in ("score", "rel", "lex", "den", "recency")
    }
    return {
        "ref": f"{found.path}:{each.line}",
        **each.entry(),
        "rank": rank,
        **numbers,
        "why": found.why,
    }


def _explanation(known: Knowledge, policy: Policy) -> str:
    """A table of every page that was looked at. What the budget leaves out says so."""
    kept_out = {each.path: why for each, why in knowledge.fit(known, policy).dropped}
    rows: list[tuple[str, ...]] = [
        ("why", "score", "rel", "lex", "den", "recency", "page", "type", "title")
    ]
    rows += [
        _row(each, f"{each.why} ({kept_out[each.path]})" if each.path in kept_out else each.why)
        for each in known.given
    ]
    rows += [_row(each, why) for each, why in known.dropped]
    notes = f"# words: {' '.join(known.terms) or '(none)'}; pages ranked by {policy.rank}, floor {policy.floor:g}\n"
    return notes + "".join("\t".join(row) + "\n" for row in rows)


def _row(each: Found, why: str) -> tuple[str, ...]:
    numbers = (f"{value:.4f}" for value in (each.score, each.rel, each.lex, each.den, each.recency))
    return (
        why,
        *numbers,
        each.path,
        f"{each.row.type} {each.row.tier}",
        excerpt(each.row.title, [], 20).text,
    )
