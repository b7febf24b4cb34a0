"""A recall as it is printed: a record a hit, the block to inject, or the explanation. Pure: the
same result gives the same bytes."""

import json
from collections import Counter
from collections.abc import Iterable
from typing import Any, NamedTuple

from ..ground.errors import BadData
from . import inject
from .inject import excerpt
from .search import Hit, Moments

NEAR = 40  # events that were not chosen, in an explanation

_NUMBERS = ("score", "sim", "relevance", "recency", "penalty")


class Form(NamedTuple):
    """How a result is to be printed. Budgets in estimated tokens."""

    inject: bool
    explain: bool
    budget: int
    most_each: int
    as_records: bool = False  # the explanation, too


class Report(NamedTuple):
    """What is printed: the text as it is, then the records. `some`: whether anything was found."""

    some: bool
    text: str = ""
    records: Iterable[dict[str, Any]] = ()


def make(result: Moments, form: Form) -> Report:
    some = bool(result.hits)
    if form.explain and form.as_records:
        looked_at, _ = explain(result, form)
        return Report(some, records=[_record_of(one, result, form) for one in looked_at])
    if form.explain:
        return Report(some, _explanation(result, form))
    if form.inject:
        fitted = inject.fit(result.hits, result.terms, form.budget, form.most_each)
        return Report(bool(fitted.shown), inject.block(fitted.shown, form.budget))
    records = [make_record(hit, rank, result, form) for rank, hit in enumerate(result.hits, 1)]
    return Report(some, records=records)


def replayed(data: bytes, path: str) -> Moments:
    """The result a trace holds."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        cure = "make one with mem-recall --trace"
        raise BadData("not a trace of a recall", place=path, cure=cure) from None
    from . import trace

    return trace.replay(value, path)


def make_record(hit: Hit, rank: int, result: Moments, form: Form) -> dict[str, Any]:
    event, pick = hit._asdict(), hit.pick
    del event["content"], event["pick"]
    part = excerpt(hit.content, result.terms, form.most_each)
    numbers = {name: round(getattr(pick, name), 6) for name in _NUMBERS}
    found = {"excerpt": part.text, "truncated": part.truncated, "pinned": pick.pinned}
    return {"ref": hit.ref, **event, **found, "rank": rank, **numbers, "repeats": pick.repeats}


class LookedAt(NamedTuple):
    """An event that was chosen, with its rank and what is remarked of it; or that came near, with
    why it was not: its rank is 0."""

    hit: Hit
    rank: int
    remarks: list[str]


def explain(result: Moments, form: Form) -> tuple[list[LookedAt], Counter[str]]:
    """What was chosen, then what came near to it; of the rest, reason -> how many. What an
    injection would leave out says why."""
    fitted = inject.fit(result.hits, result.terms, form.budget, form.most_each)
    kept_out = {hit.ref: reason for hit, reason in fitted.dropped}
    found = []
    for rank, hit in enumerate(result.hits, 1):
        times = f"said {hit.pick.repeats + 1} times" if hit.pick.repeats else ""
        remarks = [kept_out.get(hit.ref, ""), "pinned" if hit.pick.pinned else "", times]
        found.append(LookedAt(hit, rank, [*filter(None, remarks)]))
    more, looked_at = Counter(result.excluded), Counter[str]()
    for hit, reason in result.dropped:
        looked_at[reason] += 1
        if looked_at[reason] > NEAR:
            more[reason] += 1
        else:
            found.append(LookedAt(hit, 0, [reason]))
    return found, more


def _record_of(one: LookedAt, result: Moments, form: Form) -> dict[str, Any]:
    record = make_record(one.hit, one.rank, result, form)
    return {**record, "rank": one.rank or None, "remarks": one.remarks}


def _explanation(result: Moments, form: Form) -> str:
    """The same as a table."""
    found, more = explain(result, form)
    rows: list[tuple[str, ...]] = [("rank", *_NUMBERS, "ref", "excerpt")]
    for one in found:
        remark = ", ".join(one.remarks)
        rank = f"{one.rank}{f' ({remark})' if remark else ''}" if one.rank else remark
        rows.append(_row(rank, one.hit, result))
    words = " ".join(result.terms) or "(none)"
    times = f"# times: {'; '.join(result.times)}\n" if result.times else ""
    notes = (
        f"# words: {words}; places looked at: {result.postings}\n{times}"
        f"# events that may exceed the floor: {result.events}; scored exactly: {result.pool}; "
        f"times the pool was widened: {result.widened}\n"
    )
    if result.approximate:
        notes += "# vectors: the nearest by HNSW (index.vectors), which may miss some\n"
    if more:
        notes += f"# more: {', '.join(f'{n:,} {why}' for why, n in sorted(more.items()))}\n"
    return notes + "".join("\t".join(row) + "\n" for row in rows)


def _row(rank: str, hit: Hit, result: Moments) -> tuple[str, ...]:
    pick = hit.pick
    numbers = (f"{getattr(pick, name):.4f}" for name in _NUMBERS)
    author = f"{hit.author}: " if hit.author else ""
    return (rank, *numbers, hit.ref, author + excerpt(hit.content, result.terms, 25).text)
