"""Whether a task is for the local model or the cloud's, with the evidence: pure, no file, no clock.

A task is local only if each of its clauses begins with an order that `routing_rules` knows, nothing
in it is of a forbidden kind, and it is sure enough. What is not understood is for the cloud. Past
success moves how sure is sure enough, and nothing else.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import dropwhile
from typing import Any, NamedTuple
from zlib import crc32

from . import routing_rules as rules
from . import wording

LONGEST = 4000  # characters; the small model's window has not room for more
BOUNDARY, LOWEST, HIGHEST = 0.6, 0.5, 0.95  # of the score that is enough
LONG_CLAUSE = 30  # words; each one more makes it less sure
ROUTES = ("local", "cloud")

#: kind -> route -> (how many rewards, their mean, -1..1)
Rates = Mapping[str, Mapping[str, tuple[int, float]]]

_ENDS = re.compile(r"[.!?;]+(?=\s|$)|\n+")
_GLUED = re.compile(r"((?<=\w),(?=[^\s\d])|(?<!\btl);(?=\S)|&+|\|+)", re.I)
_NOUNS = set("build format support document merge model".split())
_ARTICLES = set("the a an our my your this that its each every".split())


class Reading(NamedTuple):
    """What the rules see in a task. `needs`: the score of each of its clauses by kind; without any,
    `rule` says why it is for the cloud."""

    rule: str
    needs: tuple[tuple[str, float], ...] = ()
    words: tuple[str, ...] = ()  # that speak for its kind
    doubts: tuple[str, ...] = ()
    against: tuple[str, ...] = ()  # that forbid it

    @property
    def is_movable(self) -> bool:
        """Whether past success can decide it."""
        return bool(self.needs) and all(score >= LOWEST for _, score in self.needs)


class Decision(NamedTuple):
    """Where a task goes. `boundary` is what the score had to reach, `rates` what moved it."""

    decision: str
    rule: str
    score: float
    boundary: float
    evidence: dict[str, list[str]]
    rates: Rates

    @property
    def text(self) -> str:
        """For people: decision, rule, score and evidence, separated by tabs."""
        return render(self.decision, self.rule, self.score, self.evidence)


def render(decision: str, rule: str, score: float, evidence: Mapping[str, Sequence[str]]) -> str:
    told = {name: ", ".join(map(str, words)) for name, words in evidence.items() if words}
    shown = "; ".join(text if name == "for" else f"{name}: {text}" for name, text in told.items())
    return "\t".join([decision, rule, f"{score:g}", shown])


class _Clause(NamedTuple):
    """`parts` are the words in small letters, with the classes they are of right behind them."""

    parts: Sequence[str]
    plain: Sequence[bool]  # whether a part is a word by itself, and not of a name or a path
    stray: str  # a word behind 'and', a comma and the like that may be an order; '' without one


def decide(
    task: str,
    rates: Rates | Callable[[Sequence[str]], Rates] | None = None,
    length: int | None = None,
) -> Decision:
    """Where a task goes; `length` is in characters, of a task that is not given whole."""
    return conclude(read(task, length), rates)


def conclude(
    reading: Reading, rates: Rates | Callable[[Sequence[str]], Rates] | None = None
) -> Decision:
    """Where a task goes by what was seen in it. Rates are asked for, of its kinds, only where they
    can move the decision."""
    known: Rates = {}
    if reading.is_movable:
        kinds = list(dict.fromkeys(kind for kind, _ in reading.needs))
        every = rates(kinds) if callable(rates) else rates or {}
        known = {kind: every[kind] for kind in kinds if kind in every}
    evidence = {"for": reading.words, "doubts": reading.doubts, "against": reading.against}
    listed = {name: list(words) for name, words in evidence.items() if words}
    if not reading.needs:
        return Decision("cloud", reading.rule, 0.0, BOUNDARY, listed, {})
    # the clause that is least sure of its kind decides
    bounds = [(score, move_boundary(known.get(kind, {})), kind) for kind, score in reading.needs]
    score, boundary, kind = min(bounds, key=lambda bound: bound[0] - bound[1])
    local = score >= boundary
    chosen, rule = ("local", kind) if local else ("cloud", "unsure")
    return Decision(chosen, rule, score, boundary, listed, known)


def move_boundary(rates: Mapping[str, tuple[int, float]]) -> float:
    """Where the boundary of a kind is: lower after success of the local model, higher after failure
    that the cloud's does not share. A mean counts n/(n+5), so a few rewards move it little."""
    local, cloud = (_trust(*rates.get(route, (0, 0.0))) for route in ROUTES)
    gain = local if local >= 0 else min(0.0, local - min(0.0, cloud))
    moved = BOUNDARY - (0.1 if gain > 0 else 0.5) * gain
    return round(min(HIGHEST, max(LOWEST, moved)), 3)


def _trust(count: int, mean: float) -> float:
    return max(-1.0, min(1.0, mean)) * count / (count + 5) if count > 0 else 0.0


@cache
def version() -> str:
    """What these rules are, as 8 hexadecimal digits: another table, other digits."""
    tables = {name: value for name, value in vars(rules).items() if name.isupper()}
    told = repr([(name, _sorted(value)) for name, value in sorted(tables.items())])
    return (
        f"{crc32(repr((told, wording.CLASSES, LONGEST, BOUNDARY, LOWEST, HIGHEST)).encode()):08x}"
    )


def _sorted(value: Any) -> Any:
    return sorted(value) if isinstance(value, frozenset) else value


# --- reading a task


def read(task: str, length: int | None = None) -> Reading:
    """What the rules see in a task of any text."""
    if (length := length or len(task)) > LONGEST:
        return Reading("long", against=(f"{length} characters",))
    if strange := wording.find_strange(task):
        return Reading("language", against=(strange,))
    clauses = [clause for clause in _split(task) if clause.parts]
    parts = [
        part for token in wording.strip_accents(task).split() for part in wording.split_word(token)
    ]
    for rule, phrases in [*rules.NEVER.items(), ("own-route", rules.OWN_ROUTE)]:
        if found := wording.find(phrases, parts):
            return Reading(rule, against=tuple(found))
    foreign = [part for part in parts if part in rules.FOREIGN]
    if len(foreign) > 1:
        return Reading("language", against=tuple(foreign[:5]))
    readings = [_read_clause(clause) for clause in clauses if not _is_remark(clause)]
    refused = [reading for reading in readings if not reading.needs]
    if refused or not readings:
        # what is forbidden tells more than what is not understood
        return max(refused, key=lambda reading: len(reading.against), default=Reading("unsure"))
    every = zip(*readings, strict=True)
    _, needs, words, doubts, _ = (tuple(dict.fromkeys(_join(each))) for each in every)
    return Reading("", needs, words, doubts)


def _join(lists: Iterable[Any]) -> Iterator[Any]:
    return (item for each in lists for item in each)


def _read_clause(clause: _Clause) -> Reading:
    """What one order is. The best rule counts; what it must not be about is looked for."""
    best: _Found | None = None
    for rule in rules.RULES:
        if not (best and best.rule.score >= rule.score):
            best = _match(rule, clause.parts) or best
    words = best.words if best else ()
    for kind in rules.FORBIDDEN:
        if found := wording.find(rules.TOPICS[kind], _parts_that_forbid(clause.parts, best)):
            return Reading(kind, (), words, against=tuple(found))
    if best is None:
        return Reading("unsure")
    if others := _find_orders(clause, words) or list(filter(None, [clause.stray])):
        return Reading("two-orders", (), words, against=tuple(others))
    score, doubts = _doubt(best.rule, clause.parts)
    return Reading("", ((best.rule.kind, score),), words, tuple(doubts))


def _doubt(rule: rules.Rule, parts: Sequence[str]) -> tuple[float, list[str]]:
    """How sure a rule is of a clause, and what makes it less sure."""
    score, doubts = rule.score, []
    for weight, kinds, phrases in rules.DOUBTS:
        if not kinds or rule.kind in kinds.split():
            doubts += (found := wording.find(phrases, parts))
            score -= weight * len(found)
    if len(parts) > LONG_CLAUSE:
        doubts.append(f"{len(parts)} words")
        score -= 0.02 * (len(parts) - LONG_CLAUSE)
    return round(max(0.0, score), 3), doubts


class _Found(NamedTuple):
    """What a rule found in a clause: its act, its object, and where the object begins."""

    rule: rules.Rule
    words: tuple[str, ...]
    place: int


def _match(rule: rules.Rule, parts: Sequence[str]) -> _Found | None:
    for act, end in wording.find_at(rule.acts, parts, 0):
        if not rule.objects:
            return _Found(rule, (act,), end)
        if rule.places and not wording.find(rule.places, parts[end:]):
            continue
        for place in range(end, len(parts)):
            for found, _ in wording.find_at(rule.objects, parts, place):
                return _Found(rule, (act, found), place)
    return None


def _parts_that_forbid(parts: Sequence[str], found: _Found | None) -> Sequence[str]:
    """The words of a clause in which a topic of a forbidden kind forbids it."""
    where = rules.LOCAL[found.rule.kind] if found else ""
    if found and where:
        return parts[: found.place] if where == "behind" else ()
    if found and found.rule.kind == "packages":
        return [part for part in parts if part not in rules.NAMES]
    return parts


def _find_orders(clause: _Clause, words: Sequence[str]) -> list[str]:
    """Orders in a clause besides its first; `words` are what its rule found."""
    parts, orders = clause.parts, []
    known = {part for phrase in words[1:] for part in phrase.split()}
    for place in range(len(words[0].split()), len(parts)):
        part, before = parts[place], parts[place - 1]
        if part in _VERBS and clause.plain[place] and part not in known:
            after = parts[place + 1] if place + 1 < len(parts) else ""
            if not (before in _MANAGERS or _is_noun(part, before, after)):
                orders.append(part)
    return orders


def _is_noun(part: str, before: str, after: str) -> bool:
    """Whether a word that can be an order is a thing here: 'the design of', not 'design the'."""
    return part in _NOUNS and after not in _ARTICLES and before in (*_ARTICLES, "design")


_MANAGERS = frozenset(rules.MANAGERS.split(", "))
_VERBS = frozenset(rules.VERBS)


def _is_remark(clause: _Clause) -> bool:
    return any(
        length == len(clause.parts) for _, length in wording.find_at(rules.REMARKS, clause.parts, 0)
    )


def _split(task: str) -> Iterator[_Clause]:
    """The clauses of a task: its sentences, cut where 'and', 'then' or a comma begins an order."""
    for sentence in _ENDS.split(wording.strip_accents(task)):
        tokens: list[str] = []
        joined = False
        for token in _GLUED.sub(r" \1 ", sentence).split():
            parts = wording.split_word(token)
            if joined and parts and parts[0] in _ACTS and not _is_place(tokens):
                yield _clause(tokens)
                tokens = []
            tokens.append(token)
            joined = _joins(token) or token.endswith(":")
        yield _clause(tokens)


def _joins(token: str) -> bool:
    bare = token.lower().strip(wording.EDGES)
    parts = wording.split_word(token)
    is_word = bare in rules.JOINS or (parts and rules.JOINS.issuperset(parts))  # 'and/or'
    return bool(is_word) or token.endswith((",", ";", "-", "–", "—"))


def _find_stray(tokens: Sequence[str]) -> str:
    """The first word behind 'and', a comma and the like that does not begin a thing that is known;
    'and file the report' is one, 'and the file' is none."""
    leads = rules.PREPOSITIONS | rules.DETERMINERS | rules.JOINS
    for place, token in enumerate(tokens):
        if not _joins(token):
            continue
        rest = list(dropwhile(lambda one: leads.issuperset(_words(one)), tokens[place + 1 :]))
        if not rest or rest[0].strip(wording.EDGES)[:1].isdigit() or rest[0].startswith("@"):
            continue
        parts = _words(" ".join(rest))
        plain = wording.is_plain_word(rest[0])
        if not (_goes_on(parts) if plain else wording.find(rules.THINGS, _words(rest[0]))):
            return parts[0] if parts else rest[0]
    return ""


def _goes_on(parts: Sequence[str]) -> bool:
    """Whether this is a thing that is known, and what stands behind it lets it be one."""
    if any(wording.find_at(rules.READ_ON, parts, 0)):
        return True
    end = max((end for _, end in wording.find_at(rules.THINGS, parts, 0)), default=0)
    after = parts[end : end + 1]
    ends = not after or after[0] in rules.PREPOSITIONS | rules.JOINS
    return end > 0 and (ends or any(wording.find_at(rules.THINGS, parts, end)))


def _words(text: str) -> list[str]:
    return [part for token in text.split() for part in wording.split_word(token)]


def _is_place(tokens: Sequence[str]) -> bool:
    """Whether this is where the order is about that comes behind it: 'In CLAUDE.md,'."""
    return len(tokens) <= 6 and tokens[:1] in (["In"], ["in"], ["For"], ["for"], ["Under"], [])


def _clause(tokens: Sequence[str]) -> _Clause:
    """A clause without what opens it, and with 'In FILE,' behind the order."""
    while tokens and all(part in rules.OPENINGS for part in wording.split_word(tokens[0])):
        tokens = tokens[1:]
    comma = next((n for n, token in enumerate(tokens[:6], 1) if token.endswith(",")), 0)
    if comma and _is_place(tokens[:comma]):
        place = [*tokens[: comma - 1], tokens[comma - 1].rstrip(",")]
        tokens = [*tokens[comma : comma + 1], *place, *tokens[comma + 1 :]]
    parts = [
        (part, wording.is_plain_word(token))
        for token in tokens
        for part in wording.split_word(token)
    ]
    return _Clause([part for part, _ in parts], [one for _, one in parts], _find_stray(tokens))


#: words that begin an order behind 'and' or a comma
_ACTS = _VERBS | {phrase.split()[0] for rule in rules.RULES for phrase in rule.acts.split(",")} - {
    "the",
    "short",
    "tl",
    "spelling",
    "typo",
    "what",
    "go",
    "basic",
    "simple",
    "unit",
    "package",
}
