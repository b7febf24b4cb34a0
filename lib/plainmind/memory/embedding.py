"""Embedding: what is appended and known gets its vectors."""

import os
from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

from ..formats import reference
from ..ground import files
from ..ground.errors import Busy, Failure, Misconfigured, Unavailable
from ..ground.paths import Home
from ..index.embedding import Run, Work, sweep
from ..index.engine import Index, Pending
from ..providers import registry, retry
from . import Memory


class EmbedOptions(NamedTuple):
    limit: int | None = None
    budget: int | None = None
    retry_failed: bool = False


class Embedded(NamedTuple):
    """What a run of embedding did. `states` has the status of each reference that was asked for."""

    work: Work
    states: dict[str, str]
    missing: list[str]  # references that point nowhere
    left: int  # texts still without a vector


def embed(memory: Memory, options: EmbedOptions, refs: list[str] | None) -> Embedded:
    """After a look at every file, embed what is at `refs`, or all that has no vector; and take
    vectors of what files no longer hold out of `vectors/`."""
    for index in memory.opened(thorough=True, made=True):
        with index:
            ended = _embed(memory, index, options, refs)
    return ended


def _embed(memory: Memory, index: Index, options: EmbedOptions, refs: list[str] | None) -> Embedded:
    index.model()  # what was embedded before needs no embedder
    embedder = _embedder(memory, bulk=refs is None)
    model = embedder.model
    places = _places(memory.home, refs or [])
    there = {ref: place for ref, place in places.items() if index.state_at(model, *place)}
    due: Sequence[Pending] = ()
    call = partial(retry.run, attempts=memory.settings["embed.retries"])
    progress = memory.progress("embedding")
    tell = lambda done: progress(done, len(due))
    run = Run(index, embedder, call, memory.now, retry.next_try, tell, options.budget)
    try:
        # not a lock anybody waits for: it keeps a second run from paying for the same texts, and
        # mem-forget from taking back what a run has in its hands
        with files.lock(os.path.join(memory.home.index, "embed.lock"), wait=0):
            memory.engine.discard_unfinished(memory.home)
            if not sweep(index):
                from . import forgetting

                forgetting.clean_unknown(memory, index)
            due = index.pending(
                model,
                memory.now(),
                retry_failed=options.retry_failed,
                limit=-1 if options.limit is None else options.limit,
                at=None if refs is None else list(there.values()),
            )
            work = run.over(due)
            if refs is None:
                index.optimize()
    except Busy:
        if refs is None:
            raise Busy("another mem-embed is at work", cure="it will do these texts too") from None
        work = Work(0, 0, 0, 0, "", 0)
    states = {ref: index.state_at(model, *place) for ref, place in there.items()}
    missing = [ref for ref in refs or [] if ref not in there]
    return Embedded(work, states, missing, index.count_pending(model))


def _embedder(memory: Memory, *, bulk: bool = False) -> registry.LateEmbedder:
    """What makes the vectors of the model that is set."""
    settings = memory.settings
    return registry.LateEmbedder(settings["embed.model"], memory.env, settings, bulk=bulk)


def _places(home: Home, refs: list[str]) -> dict[str, tuple[str, int]]:
    """(path, line) of each reference that is one."""
    places = {}
    for ref in refs:
        try:
            at = reference.parse(ref)
            places[ref] = (home.relative(at.path), at.line)
        except Failure:
            continue
    return places


def status(memory: Memory, *, served: bool = False) -> dict[str, Any]:
    """Counts of texts by status, for the model that is set; `serving` is the one that answers.
    Nothing without a home. `served`: for that one, without opening an embedder."""
    for index in memory.opened():
        with index:
            model = serving = index.model()
            try:
                model = model if served else _embedder(memory).model
            except (Unavailable, Misconfigured) as failure:
                memory.say(str(failure))
            found = index.status(model)._asdict()
            return {"model": found.pop("model"), "serving": serving, **found}
    return {}
