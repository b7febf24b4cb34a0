"""Remembering: index, providers and ranking put together, for the commands and for the turn.

Owns what happens when the embedder is down: words alone, one remark, no failure.
"""

import os
from collections.abc import Callable, Sequence
from datetime import date
from typing import Any, NamedTuple, TypeVar

from ..formats import day, reference, triple
from ..ground import clock, files, stream
from ..ground.environment import Environment
from ..ground.errors import Busy, Failure, Misconfigured, Unavailable
from ..ground.paths import Home
from ..index import embedding, graph, pages, store, sync
from ..index.store import Store
from ..knowledge import maintenance
from ..providers import registry
from ..recall import knowledge, page_report, search, trace
from ..recall.report import Form

Result = TypeVar("Result")


class Means(NamedTuple):
    """What remembering needs of a session."""

    home: Home
    env: Environment
    settings: Any
    now: Callable[[], int]
    say: Callable[[str], None]
    dry: bool = False  # write nothing, not even the index; ask no server


class Recalled(NamedTuple):
    result: search.Result
    record: dict | None  # the trace, if one was wanted


class Remembered(NamedTuple):
    """What a turn is given of the past, and of what is known."""

    moments: search.Result
    pages: knowledge.Knowledge


class Wanted(NamedTuple):
    """Which moments: how many, of what relevance, of which part of the past."""

    k: int
    floor: float
    scope: search.Scope = search.Scope()


def recall(
    means: Means, text: str, scope: search.Scope, *, k: int, floor: float, lexical: bool = False, traced: bool = False
) -> Recalled:
    """The moments that matter to a text, after taking in whatever was appended since."""

    def work(opened: Store) -> Recalled:
        query = _query(means, opened, text, lexical)
        field = search.TurnField(opened, query, scope, floor)
        if not traced:
            return Recalled(search.ranked(opened, field, k, floor), None)
        recorder = trace.Recorder(field)
        result = search.ranked(opened, recorder, k, floor)
        question = {"query": text, "now": clock.text(query.now), "k": k, "floor": floor, "sim": query.mode, "model": query.model}
        return Recalled(result, trace.record(recorder, question, result))

    return _with_index(means, work) or Recalled(search.NOTHING, None)


def known(
    means: Means, text: str, form: Form, *, k: int | None, budget: int | None, each: int | None, lexical: bool = False
) -> tuple[str, bool]:
    """The pages for a text, after taking in whatever changed since, as they are to be printed; and whether there are any."""
    policy = knowledge.Policy.of(means.settings)
    policy = policy._replace(k=k or policy.k, budget=budget or policy.budget, each=each or policy.each)

    def work(opened: Store) -> knowledge.Knowledge:
        pages.take_in(opened)
        return knowledge.search(opened, _query(means, opened, text, lexical), policy)

    found = _with_index(means, work) or knowledge.NOTHING
    some = knowledge.fit(found, policy).pages if form.inject else page_report.answers(found, policy)
    return page_report.text(found, policy, form), bool(some)


def keep_trace(home: Home, path: str, record: dict) -> None:
    """Write a recall's trace to a file."""
    full = home.outside_logs(path)
    files.replace(full, stream.encode(stream.json_line(record) + "\n"))
    maintenance.record_trace(home, full)


def remember(means: Means, text: str, wanted: Wanted, policy: knowledge.Policy) -> Remembered:
    """Moments and pages for a message, with one look at the index and one question to the embedder."""

    def work(opened: Store) -> Remembered:
        pages.take_in(opened)
        query = _query(means, opened, text, lexical=False)
        moments = search.search(opened, query, wanted.scope, wanted.k, wanted.floor)
        return Remembered(moments, knowledge.search(opened, query, policy))

    return _with_index(means, work) or Remembered(search.NOTHING, knowledge.NOTHING)


def facts(means: Means, asked: Sequence[str], as_of: date | None) -> list[graph.Fact]:
    """The triples that match, after taking in whatever changed since (index.graph)."""

    def work(opened: Store) -> list[graph.Fact]:
        pages.take_in(opened)
        with opened.reading():
            return list(graph.facts(opened, asked, day.of(means.now()), as_of))

    return _with_index(means, work) or []


def health(means: Means, *, rebuild: bool = False) -> triple.Health:
    """What the graph looks like; with `rebuild`, its tables are made anew first."""

    def work(opened: Store) -> triple.Health:
        pages.take_in(opened)
        if rebuild:
            pages.rebuild_graph(opened)
        return triple.health(graph.written(opened))

    return _with_index(means, work) or triple.health([])


def _with_index(means: Means, work: Callable[[Store], Result]) -> Result | None:
    """`work` on the index; None where there is no home."""
    if not os.path.isdir(means.home.root):  # a mistyped home is not made by asking it something
        return None
    return store.use_copy(means.home, work) if means.dry else store.use(means.home, work, means.say)


def _query(means: Means, opened: Store, text: str, lexical: bool) -> search.Query:
    """The text as a query to an index that has everything that was appended."""
    sync.catch_up(opened)
    if opened.setting("embed_model") is None:
        pages.take_in(opened)  # it is new: what the cache has of their vectors is restored with the turns'
    embedding.restore(opened)
    query = search.Query(text, means.now(), mode=means.settings["recall.sim"])
    return query if lexical else _with_vector(means, opened, query)


def _with_vector(means: Means, opened: Store, query: search.Query) -> search.Query:
    """The query with its vector, when there are vectors to compare it with and a model that answers."""
    model = opened.setting("embed_model")
    if not model or not query.text.strip():
        return query
    if means.dry and not model.startswith("embedded:"):
        means.say(f"by words only: a dry run asks '{model}' for nothing")
        return query
    try:
        embedder = registry.embedder_of(model, means.env, means.settings)
        vector = embedder.query(query.text)
    except (Unavailable, Misconfigured) as failure:
        means.say(f"by words only: {failure}")
        return query
    return query._replace(vector=vector, model=model, baseline=registry.baseline(model, means.settings))


class EmbedOptions(NamedTuple):
    limit: int | None = None
    budget: int | None = None
    retry_failed: bool = False


class Embedded(NamedTuple):
    """What a run of embedding did. `states` has the status of each turn that was asked for."""

    work: embedding.Work
    states: dict[str, str]
    missing: list[str]  # references that point nowhere
    left: int  # turns still without a vector


def embed(means: Means, options: EmbedOptions, refs: list[str] | None, progress: Callable[[int, int], None]) -> Embedded:
    """Take in all that changed, then embed the turns at `refs`, or every turn that has no vector."""

    def work(opened: Store) -> Embedded:
        sync.catch_up(opened) if refs is not None else sync.reconcile(opened)
        pages.take_in(opened)
        embedding.restore(opened)
        embedder = registry.embedder(means.settings["embed.model"], means.env, means.settings, bulk=refs is None)
        turns, missing = _turns_at(opened, means.home, refs) if refs is not None else ({}, [])
        limit = -1 if options.limit is None else options.limit
        now = means.now()
        due = embedding.due(
            opened,
            embedder.model,
            now,
            retry_failed=options.retry_failed,
            limit=limit,
            only=None if refs is None else [id for ids in turns.values() for id in ids],
        )
        try:
            # not a lock anybody waits for: it keeps a second run from paying for the same turns
            with files.lock(os.path.join(means.home.index, "embed.lock"), wait=0):
                done = _run(means, opened, embedder, due, options, progress)
        except Busy:
            if refs is None:
                raise Busy("another mem-embed is at work", cure="it will do these turns too") from None
            done = embedding.Work(0, 0, 0, 0, "")
        states = {ref: embedding.state(opened, embedder.model, ids) for ref, ids in turns.items()}
        return Embedded(done, states, missing, embedding.status(opened, embedder.model).pending)

    return store.use(means.home, work, means.say)


def _run(means: Means, opened: Store, embedder, due: Sequence, options: EmbedOptions, progress) -> embedding.Work:
    from ..providers import retry

    count = len(due)
    finished = 0

    def step(done: int) -> None:
        nonlocal finished
        finished += done
        progress(finished, count)

    attempts = means.settings["embed.retries"]
    run = embedding.Run(
        opened,
        embedder,
        lambda request: retry.retrying(request, attempts=attempts),
        means.now,
        retry.next_try,
        step,
        options.budget,
    )
    return run.over(list(due))


def _turns_at(opened: Store, home: Home, refs: list[str]) -> tuple[dict[str, list[int]], list[str]]:
    """What is embedded at each reference: a turn, or the passages of a page; and references that point nowhere."""
    turns: dict[str, list[int]] = {}
    for ref in refs:
        try:
            place = reference.parse(ref)
            path = home.relative(place.path)
        except Failure:
            continue
        turn = sync.turn_at(opened, path, place.line)
        turns[ref] = [turn] if turn is not None else embedding.passages_at(opened, path)
    turns = {ref: ids for ref, ids in turns.items() if ids}
    return turns, [ref for ref in refs if ref not in turns]


def embed_status(means: Means) -> dict[str, Any]:
    """Counts of turns by status, for the model that is set; `serving` is the one that answers."""

    def work(opened: Store) -> dict[str, Any]:
        sync.catch_up(opened)
        pages.take_in(opened)
        embedding.restore(opened)
        serving = opened.setting("embed_model") or ""
        try:
            wanted = registry.embedder(means.settings["embed.model"], means.env, means.settings).model
        except (Unavailable, Misconfigured) as failure:
            means.say(str(failure))
            wanted = serving
        found = embedding.status(opened, wanted)._asdict()
        return {"model": found.pop("model"), "serving": serving, **found}

    return store.use(means.home, work, means.say)
