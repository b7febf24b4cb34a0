"""Remembering: index, providers and ranking put together, for the commands and for the turn.

Owns what happens when the embedder is down: words alone, one remark, no failure.
"""

import os
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar

from ..formats import reference
from ..ground import clock, files, stream
from ..ground.environment import Environment
from ..ground.errors import Busy, Failure, Misconfigured, Unavailable
from ..ground.paths import Home
from ..index import embedding, store, sync
from ..index.store import Store
from ..providers import registry
from ..recall import search, trace

Result = TypeVar("Result")


class Means(NamedTuple):
    """What remembering needs of a session."""

    home: Home
    env: Environment
    settings: Any
    now: Callable[[], int]
    say: Callable[[str], None]
    dry: bool = False  # write nothing, not even the index; ask no server
    inside: bool = False  # the agent asks, from inside its sandbox

    @classmethod
    def of(cls, session: Any) -> "Means":
        """From a command's session (cli.Session)."""
        return cls(
            session.home,
            session.env,
            session.settings,
            lambda: session.now,
            session.say,
            session.dry_run,
            session.inside,
        )


class Recalled(NamedTuple):
    result: search.Result
    record: dict | None  # the trace, if one was wanted


def recall(
    means: Means,
    text: str,
    scope: search.Scope,
    *,
    k: int,
    floor: float,
    lexical: bool = False,
    traced: bool = False,
) -> Recalled:
    """The moments that matter to a text, after taking in whatever was appended since."""

    def work(opened: Store) -> Recalled:
        query = query_of(means, opened, text, lexical)
        field = search.TurnField(opened, query, scope, floor)
        if not traced:
            return Recalled(search.ranked(opened, field, k, floor), None)
        recorder = trace.Recorder(field)
        result = search.ranked(opened, recorder, k, floor)
        question = {
            "query": text,
            "now": clock.to_text(query.now),
            "k": k,
            "floor": floor,
            "sim": query.mode,
            "model": query.model,
        }
        return Recalled(result, trace.record(recorder, question, result))

    return with_index(means, work) or Recalled(search.NOTHING, None)


def keep_trace(home: Home, path: str, record: dict) -> None:
    """Write a recall's trace to a file."""
    from ..truth.pages import maintenance

    full = home.check_outside_logs(path)
    files.replace(full, stream.encode(stream.json_line(record) + "\n"))
    maintenance.record_trace(home, full)


def with_index(means: Means, work: Callable[[Store], Result]) -> Result | None:
    """`work` on the index; None where there is no home."""
    if not os.path.isdir(means.home.root):  # a mistyped home is not made by asking it something
        return None
    return store.use_copy(means.home, work) if means.dry else store.use(means.home, work, means.say)


def query_of(means: Means, opened: Store, text: str, lexical: bool) -> search.Query:
    """The text as a query to an index that has everything that was appended."""
    sync.catch_up(opened)
    embedding.restore(opened)
    query = search.Query(text, means.now(), mode=means.settings["recall.sim"])
    return query if lexical else _with_vector(means, opened, query)


def _take_in_pages(opened: Store) -> None:
    from ..index import pages  # a recall of moments has no need of them

    pages.take_in(opened)


def _with_vector(means: Means, opened: Store, query: search.Query) -> search.Query:
    """The query with its vector, when there are vectors to compare it with and a model that answers."""
    model = opened.setting("embed_model")
    if not model or not query.text.strip():
        return query
    if means.dry and not model.startswith("embedded:"):
        means.say(f"by words only: a dry run asks '{model}' for nothing")
        return query
    try:
        embedder = registry.open_embedder_of(model, means.env, means.settings)
        vector = embedder.query(query.text)
    except (Unavailable, Misconfigured) as failure:
        means.say(f"by words only: {failure}")
        return query
    return query._replace(
        vector=vector, model=model, baseline=registry.baseline_of(model, means.settings)
    )


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


def embed(
    means: Means,
    options: EmbedOptions,
    refs: list[str] | None,
    progress: Callable[[int, int], None],
) -> Embedded:
    """Take in all that changed, then embed the turns at `refs`, or every turn that has no vector."""

    def work(opened: Store) -> Embedded:
        sync.catch_up(opened) if refs is not None else sync.reconcile(opened)
        _take_in_pages(opened)
        embedding.restore(opened)
        embedder = registry.open_embedder(
            means.settings["embed.model"], means.env, means.settings, bulk=refs is None
        )
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
                raise Busy(
                    "another mem-embed is at work", cure="it will do these turns too"
                ) from None
            done = embedding.Work(0, 0, 0, 0, "")
        states = {ref: embedding.state(opened, embedder.model, ids) for ref, ids in turns.items()}
        return Embedded(done, states, missing, embedding.status(opened, embedder.model).pending)

    return store.use(means.home, work, means.say)


def _run(
    means: Means, opened: Store, embedder, due: Sequence, options: EmbedOptions, progress
) -> embedding.Work:
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
        lambda request: retry.run(request, attempts=attempts),
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
        _take_in_pages(opened)
        embedding.restore(opened)
        serving = opened.setting("embed_model") or ""
        try:
            wanted = registry.open_embedder(
                means.settings["embed.model"], means.env, means.settings
            ).model
        except (Unavailable, Misconfigured) as failure:
            means.say(str(failure))
            wanted = serving
        found = embedding.status(opened, wanted)._asdict()
        return {"model": found.pop("model"), "serving": serving, **found}

    return store.use(means.home, work, means.say)
