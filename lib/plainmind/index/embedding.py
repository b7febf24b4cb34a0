"""Giving vectors to what has none: nothing orphaned, nothing done twice. Knows no engine.

Owns what is embedded of an event, the order of a run, halving a batch that fails, and when another
model answers. Refuses to know how a vector is made: it is given an embedder.

A vector is in the cache, durably, before the index says `ok`: killed in between, the next run finds
it there and pays for nothing twice.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import compress
from typing import NamedTuple, Protocol

from ..ground import chance, clock, masks, tokens
from ..ground.errors import BadData, Unavailable
from . import cache, reading
from .cache import Cache, content_hash, serving, set_serving
from .engine import EmbeddingOutcome, Index, Pending
from .vector_bytes import to_blob

#: failed tries after which a text is `failed`; it is still tried again, ever more rarely
GIVE_UP = 8
AT_ONCE = 4096  # texts, with their vectors, that are in memory
CONTEXT_WORDS = 30  # of the event before, that are embedded with an event
SHORTEST = 400  # characters: a refused text is halved to no less


class PassageEmbedder(Protocol):
    """What makes vectors (providers.embed)."""

    @property
    def model(self) -> str: ...

    @property
    def batch(self) -> int: ...

    @property
    def longest(self) -> int:
        """Characters of a text that are read."""

    def passages(self, texts: list[str]) -> "Sequence[Sequence[float]]": ...


class Work(NamedTuple):
    """How a run ended."""

    done: int
    failed: int
    spent: int  # estimated tokens sent
    from_cache: int
    unavailable: str  # why the provider was given up for this run, '' if it was not
    in_part: int  # texts whose vector is of a part of them


def text_of(
    author: str, content: str, author_before: str | None = None, before: str | None = None
) -> str:
    """What is embedded of an event: who said what, after the start of what was said before it.

    With the event before, cosine alone finds 59.1 % of LoCoMo's answers among ten, without it
    53.2 % (docs/decisions/vectors.md). One after it would add nothing, and is not known yet when an
    event is new.
    """
    content = content.strip()
    if not content:
        return ""
    named = f"{author}: {content}" if author else content
    clipped = " ".join((before or "").split()[:CONTEXT_WORDS])
    if not clipped:
        return named
    return f"{author_before}: {clipped}\n{named}" if author_before else f"{clipped}\n{named}"


class Run:
    """One run of `mem-embed`: the work, and where it has come to."""

    def __init__(
        self,
        index: Index,
        embedder: PassageEmbedder,
        call: Callable[[Callable[[], Sequence]], Sequence],
        now: Callable[[], int],
        next_try: Callable[[int, int, float | None, float], int],
        progress: Callable[[int], None] = lambda done: None,
        budget: int | None = None,
    ):
        """`call` has the retry policy, `next_try` says when another run tries again, `progress` is
        told how many texts are done."""
        self.index, self.embedder, self.call, self.now = index, embedder, call, now
        self.next_try, self.progress, self.budget = next_try, progress, budget
        self.cache = Cache(index.home, embedder.model, index.say, places=index.home.index)
        self.done = self.failed = self.spent = self.from_cache = self.in_part = 0
        self.unavailable = ""

    def over(self, texts: Sequence[Pending]) -> Work:
        """Embed these texts as far as provider and budget allow."""
        if not self.index.model():
            self._serve()
        left = settle(self.index, self.cache, texts, self._count)
        self.from_cache = len(texts) - sum(left)
        for start in range(0, len(texts), AT_ONCE):
            if 1 in (some := left[start : start + AT_ONCE]):
                self._embed(list(compress(texts[start : start + AT_ONCE], some)), later=start > 0)
            if self.unavailable:
                break
        self._finish()
        return Work(
            self.done, self.failed, self.spent, self.from_cache, self.unavailable, self.in_part
        )

    def _embed(self, texts: list[Pending], *, later: bool) -> None:
        """Embed some texts; of `later` ones another that was sent may have the text."""
        if later:
            texts = [*compress(texts, settle(self.index, self.cache, texts, self._count))]
        # a text that several events share is sent once; the others find it in the cache
        first = {one.text: one for one in reversed(texts)}
        left = [one for one in texts if first[one.text] is one]
        again = [one for one in texts if first[one.text] is not one]
        size = self.embedder.batch
        for start in range(0, len(left), size):
            batch = left[start : start + size]
            cost = sum(one.tokens for one in batch)
            if self.budget is not None and self.spent + cost > self.budget:
                break
            self._batch(batch)
            if self.unavailable:
                break
        settle(self.index, self.cache, again, self._count)

    def _batch(self, batch: list[Pending], *, alone: bool = False) -> None:
        """Embed a batch; when it fails, find the text to blame, or that the provider is gone."""
        # a run may take hours: what somebody removed since it began is sent to nobody
        batch = self.index.standing(batch)
        if not batch:
            return
        try:
            request = lambda: self.embedder.passages([one.text for one in batch])
            self.spent += sum(one.tokens for one in batch)
            made = request() if alone else self.call(request)
        except BadData as error:
            self._split(batch, error)
        except Unavailable as error:
            # 'come back later' is not a text's fault; one that answers nothing at all is gone
            if error.retry_after is not None or not alone and not self._answers():
                self._postpone(batch, error)
                self.unavailable = str(error)
            else:
                self._split(batch, error)
        else:
            self._keep(batch, made)

    def _split(self, batch: list[Pending], error: BadData | Unavailable) -> None:
        if len(batch) == 1:
            self._embed_less(batch[0], error)
            return
        middle = len(batch) // 2
        for half in (batch[:middle], batch[middle:]):
            if not self.unavailable:
                self._batch(half, alone=True)

    def _embed_less(self, one: Pending, error: BadData | Unavailable) -> None:
        """A vector of what a refused text has of its own: a poisonous neighbour takes nobody along.
        Or of its first part: the embedder may read no more."""
        for text, part in _less(one, chance=isinstance(error, Unavailable)):
            try:
                self.spent += tokens.estimate(text)
                made = self.embedder.passages([text])
            except BadData:
                continue
            except Unavailable as failure:
                if failure.retry_after is None:
                    continue
                self._postpone([one], failure)
                self.unavailable = str(failure)
                return
            self._keep([one], made, part)
            return
        self._postpone([one], error, refused=isinstance(error, BadData))

    def _answers(self) -> bool:
        """Whether the provider embeds a harmless word: then some text is the trouble."""
        try:
            self.embedder.passages(["ok"])
            return True
        except (Unavailable, BadData):
            return False

    def _keep(self, batch: list[Pending], made: Sequence, part: str = "") -> None:
        """`part`: of what of the text the vector is, if not of all that the embedder reads."""
        kept = list(zip(batch, map(to_blob, made), strict=True))
        # under the whole text: an index that is rebuilt finds it, and nothing is refused again
        self.cache.put({content_hash(one.text): vector for one, vector in kept})
        outcomes = []
        for one, vector in kept:
            cut = _first(self.embedder.longest) if len(one.text) > self.embedder.longest else ""
            self.in_part += bool(part or cut)
            outcomes.append(EmbeddingOutcome(one, vector, one.attempts, error=part or cut))
        self.index.keep(self.embedder.model, outcomes)
        self._count(len(kept))

    def _count(self, more: int) -> None:
        self.done += more
        self.progress(self.done)

    def _postpone(
        self, batch: list[Pending], error: BadData | Unavailable, refused: bool = False
    ) -> None:
        now, wait, outcomes = self.now(), getattr(error, "retry_after", None), []
        for one in batch:
            attempts = one.attempts + 1
            status = "failed" if refused or attempts >= GIVE_UP else "pending"
            self.failed += status == "failed"
            then = clock.to_text(self.next_try(attempts, now, wait, chance.draw_fraction()))
            outcomes.append(
                EmbeddingOutcome(one, None, attempts, status, masks.cut(error.what, 300), then)
            )
        self.index.keep(self.embedder.model, outcomes)

    def _finish(self) -> None:
        """Let the new model answer once it knows as much as the old one."""
        index, model = self.index, self.embedder.model
        index.keep(model, ())  # what others left behind is packed, too
        old = index.model()
        if old != model and index.status(model).ok >= index.status(old).ok:
            self._serve()

    def _serve(self) -> None:
        set_serving(self.index.home, self.embedder.model)
        self.index.serve(self.embedder.model)


def _less(one: Pending, *, chance: bool) -> Iterator[tuple[str, str]]:
    """What is tried of a text that was refused, and how a vector of it is called: all of it once
    more where that was `chance`, its own without its neighbour, then ever less of its beginning."""
    if chance:
        yield one.text, ""
    text = one.own
    if text != one.text:
        yield text, "of its own text alone"
    while len(text) > SHORTEST:
        text = text[: max(SHORTEST, len(text) // 2)]
        yield text, _first(len(text))


def _first(characters: int) -> str:
    return f"of its first {characters} characters"


def sweep(index: Index) -> bool:
    """Take vectors of texts that files no longer hold out of `vectors/`; whether the index could
    tell which these are, and is not new. The caller sees to it that nobody embeds meanwhile."""
    removed = index.removed_hashes()
    if not removed.known:
        if reading.is_away(index.home):
            return True
        held = {content_hash(one.text) for one in index.pending("", 0, retry_failed=True)}
        cache.keep_only(index.home, held)
    else:
        cache.forget(index.home, removed.gone)
    if removed.seen or not removed.known:
        index.settle_removed(removed.seen)
    return removed.known


def restore(index: Index) -> str:
    """Give a new index the vectors that were made for an earlier one, and ask no provider; the
    model that answers, if any."""
    model = serving(index.home)
    if model:
        index.serve(model)
        from_cache(index, model)
    return model


def from_cache(index: Index, model: str) -> None:
    """Give every text without a vector the one the cache has for it, if any."""
    due = index.pending(model, clock.system_now(), retry_failed=True)
    settle(index, Cache(index.home, model, index.say), due)


def settle(
    index: Index,
    cache: Cache,
    texts: Sequence[Pending],
    count: Callable[[int], None] = lambda more: None,
) -> bytearray:
    """Give texts the vectors the cache has; empty ones need none. 1 for each of the others, 0 for
    these."""
    left = bytearray(len(texts))
    for start in range(0, len(texts), AT_ONCE):
        some = texts[start : start + AT_ONCE]
        hashes = [content_hash(one.text) for one in some]
        known = cache.get(hashes)
        done = []
        for place, (one, hash) in enumerate(zip(some, hashes, strict=True), start):
            if one.text and hash not in known:
                left[place] = 1
            else:
                done.append(EmbeddingOutcome(one, known.get(hash), one.attempts))
        index.keep(cache.model, done)
        count(len(done))
    return left
