"""Recalling: the moments that matter to a text, and the blocks that a turn is given with a message.

Owns what happens when the embedder is down: words alone, one remark, no failure.
"""

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from ..formats import equality
from ..formats.evidence import Scope
from ..ground import clock, collector, files, regular, stream, tokens
from ..ground.errors import Busy, Failure, Misconfigured, NoInput, Unavailable
from ..ground.paths import Home
from ..ground.settings import Settings, split
from ..recall import search
from ..recall.field import EventField
from ..recall.rank import Weights
from ..recall.search import Hit, Limits, Moments, Query
from . import Memory

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..formats.evidence import IndexedEvent
    from ..formats.reference import Reference
    from ..index.engine import Index
    from ..recall.pages import Policy
    from ..truth.pages.given import GivenEvent


BLOCK, EACH = 1000, 250  # estimated tokens of a block of moments, and of one of them

TRIES = 5  # of a recall, whose logs somebody changes at the same time


class Recalled(NamedTuple):
    moments: Moments
    record: dict | None  # the trace, if one was asked for


def recall(
    memory: Memory,
    text: str,
    scope: Scope,
    limits: Limits,
    *,
    lexical: bool = False,
    told: bool = False,
    traced: bool = False,
) -> Recalled:
    """The moments that matter to a text, among all that was ever appended. `told`: what is left out
    is told of, too."""
    scope = _skipping(memory, scope)
    for index in memory.opened():
        with index:
            query = prepare_query(memory, index, text, lexical)
            moments, field = _find(index, query, scope, limits, told=told, traced=traced)
            if not traced:
                return Recalled(moments, None)
            from ..recall import trace

            assert isinstance(field, trace.Recorder)
            question = {"query": text, "now": clock.to_text(query.now), **limits._asdict()}
            question |= {"sim": query.mode, "model": query.model}
            return Recalled(moments, trace.record(field, question, moments))
    return Recalled(search.NOTHING, None)


def _find(
    index: "Index",
    query: Query,
    scope: Scope,
    limits: Limits,
    *,
    told: bool = False,
    traced: bool = False,
) -> tuple[Moments, EventField]:
    """What is found, and in what, once each event that is shown stands in its file as it was read;
    what was left out is shown, too, when it is told of, or `traced`."""
    for _ in range(TRIES):
        with collector.paused():
            if traced:
                from ..recall import trace

                field: EventField = trace.Recorder(query, index, scope, limits.floor)
            else:
                field = EventField(query, index, scope, limits.floor, told=told)
            found = search.ranked(field, limits)
        shown = [*found.hits, *(hit for hit, _ in found.dropped if told or traced)]
        if not index.refresh([hit.pick.event for hit in shown]):
            return found, field
    raise Busy("the logs keep being changed", cure="try again")


def tell_missing(memory: Memory, context: str | None) -> None:
    """Say that nothing is logged in a context; a mistyped one finds nothing."""
    if not context:
        return
    from ..truth.log import overview

    if missing := overview.describe_missing(memory.home, context):
        memory.say(f"{missing}; see 'mem-log' for those that there are")


def limits_of(settings: Settings, k: int | None = None, block: int = 0) -> Limits:
    """How much is recalled, as the settings say; for a block of so many estimated tokens, as many
    as have room."""
    of = settings.section("recall")
    weights = Weights(*map(float, split(of["weights"])))
    if block and not k:
        from ..recall import inject

        k = inject.most(block)
    return Limits(k or of["k"], of["floor"], of["pins"], weights)


def _skipping(memory: Memory, scope: Scope) -> Scope:
    names = memory.settings["recall.skip_models"].split(",")
    return scope._replace(skip_models=tuple(filter(None, map(str.strip, names))))


def find_events(memory: Memory, refs: "Iterable[str]") -> "dict[str, IndexedEvent]":
    """The events that begin at references, as their files have them now; of others, nothing."""
    places = {}
    for ref in refs:
        path, _, line = ref.rpartition(":")
        if line.isascii() and line.isdecimal() and len(line) < 13:
            places[path, int(line)] = ref
    found: dict[str, IndexedEvent] = {}
    for index in memory.opened() if places else ():
        with index:
            for _ in range(TRIES):
                ids = index.find(places)
                if not index.refresh(ids.values()):
                    rows = index.events(ids.values())
                    found = {places[place]: rows[id] for place, id in ids.items()}
                    break
    return found


def replay(session: Any, path: str) -> Moments:
    """What a trace holds. NoInput when it is of this home, whose files no longer hold that."""
    from ..recall import report
    from ..truth.pages import maintenance

    with open(path, "rb") as file:  # a pipe is as good
        found = report.replayed(file.read(), path)
    if os.path.realpath(path) not in maintenance.read_traces(session.home):
        return found
    shown = [*found.hits, *(hit for hit, _ in found.dropped)]
    for index in Memory.of(session).opened(thorough=True):
        with index:
            index.model()
            if not all(index.has(hit.path, hit.line, hit.content) for hit in shown):
                what = "the logs no longer hold all that it shows"
                raise NoInput(what, place=path, cure="record it again")
    return found


def keep_trace(home: Home, path: str | None, record: dict | None) -> None:
    """Write a recall's trace to a file, if there is one, and it is told where."""
    if not path or not record:
        return
    from ..truth.pages import maintenance

    full = home.check_output(path)
    files.write_out(full, stream.encode(stream.json_line(record) + "\n"))
    maintenance.record_trace(home, full)


def prepare_query(memory: Memory, index: "Index", text: str, lexical: bool) -> Query:
    """The text as a query, with its vector when there are others and a model that answers."""
    query = Query(text, memory.now(), mode=memory.settings["recall.sim"])
    model = index.model()
    if lexical or not model or not text.strip():
        return query
    if memory.dry and not model.startswith("embedded:"):
        memory.say(f"by words only: a dry run asks '{model}' for nothing")
        return query
    from ..providers import registry

    try:
        embedder = registry.open_embedder_of(model, memory.env, memory.settings)
        vector = embedder.query(text)
    except (Unavailable, Misconfigured) as failure:
        memory.say(f"by words only: {failure}")
        return query
    baseline = registry.baseline_of(model, memory.settings)
    return query._replace(vector=vector, model=model, baseline=baseline)


# --- what a turn is given


class Share(NamedTuple):
    """How much of the past a message is given. Budgets in estimated tokens."""

    limits: Limits  # of the moments
    budget: int  # of all moments
    each: int  # of one
    pages: "Policy"
    plain: bool = False  # as sentences, for a model that would give JSON back
    most: int = 1 << 60  # of it all, as `measure` counts: there is no more room
    measure: Callable[[str], int] = tokens.estimate_by_script
    mask: Callable[[str], str] | None = None  # of secrets, before anything is cut

    @property
    def usual(self) -> int:
        """Tokens that it takes, where 4 characters are one."""
        return self.budget + self.pages.budget

    def scaled(self, factor: float) -> "Share":
        pages = self.pages._replace(
            budget=int(self.pages.budget * factor), l1_budget=int(self.pages.l1_budget * factor)
        )
        return self._replace(budget=int(self.budget * factor), pages=pages)


def remember(
    memory: Memory, text: str, scope: Scope, share: Share, *, counted: str | None = None
) -> list[str]:
    """The blocks that go before a message: of moments, and of pages; '' where there is nothing to
    say. One look at the index, and one question to the embedder. `counted`: that they were given is
    written down, and the message's reference, as far as it is known."""
    from ..recall import inject, page_block, pages

    past, known = search.NOTHING, pages.NOTHING
    for index in memory.opened():
        with index:
            query = prepare_query(memory, index, text, lexical=False)
            past, _ = _find(index, query, _skipping(memory, scope), share.limits)
            if share.plain:
                past = past._replace(hits=_without_questions(past.hits, text))
            known = pages.search(query, index, share.pages)
    if mask := share.mask:
        past = past._replace(hits=[hit._replace(content=mask(hit.content)) for hit in past.hits])
        known = pages.mask_texts(known, mask)
    for _ in range(8):
        moments = inject.fit(past.hits, past.terms, share.budget, share.each).shown
        excerpts = page_block.fit(known, share.pages).shown
        blocks = [inject.block(moments, share.budget), page_block.block(excerpts, share.pages)]
        if share.plain:
            blocks = [inject.render_sentences([*moments, *excerpts])]
        cost = sum(map(share.measure, blocks))
        most = max(share.most, 0)  # less than nothing, when what stands before fills the window
        if cost <= most:
            break
        share = share.scaled(0.9 * most / cost)
    if counted is not None:
        from ..truth.pages import given

        names = [page.found.path for page in excerpts]
        events = [_given(moment.hit) for moment in moments]
        given.record(memory.home, memory.now(), names, events, counted)
    return blocks


def _given(hit: Hit) -> "GivenEvent":
    from ..truth.pages.given import GivenEvent

    _, score, _, recency, penalty, pinned, *_ = pick = hit.pick
    return GivenEvent(hit.ref, score, pick.relevance, recency, penalty, pinned)


def _without_questions(hits: list[Hit], text: str) -> list[Hit]:
    """What was asked before, or is said again, tells nothing; a small model would repeat it."""
    again = equality.key(text)
    told = (hit for hit in hits if not hit.content.rstrip().endswith(("?", "？", "؟")))
    return [hit for hit in told if equality.key(hit.content) != again]


# --- expansion

EXPANDED = ("logs/", "knowledge/", "memory/", "raw/compaction/")


def expand(home: Home, ranges: "list[Reference]") -> str:
    """The lines of these ranges, each under its reference, within the budget."""
    from ..recall import expansion

    return expansion.render((str(ref), _lines(home, ref)) for ref in ranges)


def _lines(home: Home, ref: "Reference") -> str:
    try:
        part, full = home.resolve(ref.path)
        # logs may be a link to another disk; below it, a link leads nowhere else
        root = os.path.realpath(home.path(part.split("/")[0]))
        allowed = part.startswith(EXPANDED) and part.endswith(".md")
        if not allowed or not full.startswith(root + os.sep):
            return "(refused: only logs, knowledge and memory can be expanded)"
        with regular.open_direct(full) as file:
            data = file.read()
    except (Failure, OSError):
        return "(refused: no such file in logs, knowledge or memory)"
    # a single line means the event that starts there, or the rest of the page
    lines = data.decode("utf-8", "replace").split("\n")
    end = ref.end_line
    if end == ref.line:
        whole = part.startswith(("knowledge/", "raw/"))
        while end < len(lines) and (whole or lines[end].startswith(">")):
            end += 1
    return "\n".join(lines[ref.line - 1 : end]) or "(no such line)"
