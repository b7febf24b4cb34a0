"""Subject, predicate, object: how they are written, and which ways of writing them split a graph.

Owns normalising (predicates snake_case, hyphens in names without capitals), what counts as the
same name, and what is suspicious in a whole graph. Refuses to know pages and tables. Pure.
"""

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from typing import Any, NamedTuple

from ..normal_form import to_form


class Triple(NamedTuple):
    subject: str
    predicate: str
    object: str


#: they say nothing by themselves: what is said is in the object ('is owner of x' is `owns x`)
COPULAS = frozenset(
    "is are was were be been am has have had is_a is_an is_the has_a has_an isa hasa does do "
    "did can will".split()
)
#: they have no direction
VAGUE = frozenset(
    "related_to relates_to is_related_to associated_with linked_to connected_to about see".split()
)

#: pairs that say one thing from both ends, beyond those that grammar shows (owns, owned_by,
#: owner_of)
INVERSES = {
    "parent_of": "child_of",
    "employs": "works_for",
    "manages": "reports_to",
    "contains": "part_of",
    "precedes": "follows",
    "before": "after",
    "teaches": "taught_by",
    "includes": "belongs_to",
}

MAIN = 8  # entities from which the largest part is what the others should hang together with

_WORD_ENDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def normalize_predicate(text: str) -> str:
    """snake_case: `uses model`, `usesModel` and `Uses-Model` are `uses_model`."""
    lower = _WORD_ENDS.sub("_", to_form("NFC", text)).lower()
    if lower.isascii() and lower.isidentifier() and "__" not in lower:
        return lower.strip("_")
    letters = (c if c.isalnum() or unicodedata.category(c)[0] == "M" else " " for c in lower)
    return "_".join("".join(letters).split())


def normalize_entity(text: str) -> str:
    """The name with its letters as they are: a name with capitals (DeepSeek V4) or of letters that
    have none keeps its spaces, one without (auth service) has hyphens for them."""
    words = to_form("NFC", text).split()
    name = " ".join(words)
    return "-".join(words) if name == name.lower() != name.upper() else name


def normalize(triple: Triple) -> Triple:
    subject, predicate, object = triple
    return Triple(
        normalize_entity(subject), normalize_predicate(predicate), normalize_entity(object)
    )


def comparison_key(name: str) -> str:
    """What spellings of one name have in common: all but case, and what is between its words."""
    folded = to_form("NFKC", name).casefold()
    return "-".join(word for word in re.split(r"[\s_-]+", folded) if word)


class Concern(NamedTuple):
    """Something suspicious in a graph.

    `names` are the spellings it is about, `detail` says what to do.
    """

    code: str  # copula, vague, spaces, inverse, spelling, name, orphan, island
    names: tuple[str, ...]
    times: int  # triples it is about
    detail: str


class HealthRow(NamedTuple):
    code: str
    times: int
    names: str
    detail: str


class Health(NamedTuple):
    triples: int
    entities: int
    predicates: list[tuple[str, int]]  # most frequent first
    components: list[int]  # entities in each part of the graph that hangs together, largest first
    concerns: list[Concern]

    def records(self) -> list[HealthRow]:
        """Counts first, then predicates, then what splits the graph."""
        share = self.components[0] / self.entities if self.entities else 0
        largest = f"{share:.0%} of the entities are in the largest" if share else ""
        rows = [
            ("triples", self.triples, "", ""),
            ("entities", self.entities, "", ""),
            ("parts", len(self.components), "", largest),
            *(("predicate", times, name, "") for name, times in self.predicates),
            *(
                (code, times, ", ".join(names), detail)
                for code, names, times, detail in self.concerns
            ),
        ]
        return [HealthRow(*row) for row in rows]


def check_health(written: Sequence[Triple]) -> Health:
    """What a graph looks like, and what splits it.

    `written` are triples as the pages have them, not normalised.
    """
    graph = [normalize(each) for each in written]
    predicates = Counter(each.predicate for each in graph)
    names: Counter[str] = Counter()
    near: dict[str, set[str]] = defaultdict(set)
    for subject, _, object in graph:
        names.update({subject, object})
        near[subject].add(object)
        near[object].add(subject)
    parts = find_components(near)
    words = "one relation in several words: keep the most frequent"
    spellings = "one name in several spellings: keep the most frequent"
    concerns = [
        *_of_predicates(predicates),
        *_spaces(written),
        *_inverses(predicates),
        *_spellings("spelling", predicates, _root_of, words),
        *_spellings("name", names, comparison_key, spellings),
        *_orphans(graph, parts),
    ]
    by_count = sorted(predicates.items(), key=lambda p: (-p[1], p[0]))
    sizes = sorted(map(len, parts), reverse=True)
    return Health(len(graph), len(names), by_count, sizes, concerns)


def _of_predicates(predicates: Counter[str]) -> Iterable[Concern]:
    for name, count in sorted(predicates.items()):
        if name in COPULAS:
            cure = "name the relation: not 'x is owner of y' but 'x owns y'"
            yield Concern("copula", (name,), count, cure)
        elif name in VAGUE:
            yield Concern("vague", (name,), count, "say how, and in which direction")


def _spaces(written: Sequence[Triple]) -> Iterable[Concern]:
    better = {each.predicate: normalize_predicate(each.predicate) for each in written}
    for name, count in sorted(Counter(each.predicate for each in written).items()):
        if better[name] not in {name, *COPULAS, *VAGUE}:
            yield Concern("spaces", (name,), count, f"write {better[name]}; mem-lint --fix does")


def _inverses(predicates: Counter[str]) -> Iterable[Concern]:
    """Relations of which the other direction is in use, too."""
    known = INVERSES | {b: a for a, b in INVERSES.items()}
    passive = {_active(name): name for name in sorted(predicates) if _active(name)}
    found = set()
    for name in predicates:
        other = known.get(name)
        if other not in predicates:
            other = None if _active(name) else passive.get(_root_of(name))
        if other and other != name:
            pair = sorted((name, other), key=lambda n: (-predicates[n], bool(_active(n)), n))
            found.add(tuple(pair))
    for one, other in sorted(found):
        count = predicates[one] + predicates[other]
        yield Concern("inverse", (one, other), count, f"one direction a relation: keep {one}")


def _spellings(code: str, counts: Counter[str], key, detail: str) -> Iterable[Concern]:
    groups: dict[str, list[str]] = defaultdict(list)
    for name in counts:
        groups[key(name)].append(name)
    several = (group for group in groups.values() if len(group) > 1)
    for names in sorted(sorted(group, key=lambda n: (-counts[n], n)) for group in several):
        yield Concern(code, tuple(names), sum(counts[name] for name in names), detail)


def _orphans(graph: Sequence[Triple], parts: list[set[str]]) -> Iterable[Concern]:
    """Parts of the graph that hang together with nothing else."""
    if len(max(parts, key=len, default=())) < MAIN:
        return  # so small a graph has no main part yet
    part_of = {name: number for number, part in enumerate(parts) for name in part}
    times = Counter(part_of[each.subject] for each in graph)
    detail = "nothing leads from here to the rest: is a name spelled differently elsewhere?"
    for part in sorted(parts, key=lambda p: (-len(p), sorted(p)))[1:]:
        few = tuple(sorted(part)[:5])
        code = "orphan" if len(part) <= 2 else "island"
        yield Concern(code, few, times[part_of[few[0]]], detail)


def find_components(near: Mapping[Any, Set[Any]]) -> list[set[Any]]:
    """The parts of a graph that hang together; `near` are the neighbours of each of its nodes."""
    parts, seen = [], set()
    for start in near:
        if start not in seen:
            part, edge = {start}, [start]
            while edge:
                fresh = near[edge.pop()] - part
                part |= fresh
                edge.extend(fresh)
            seen |= part
            parts.append(part)
    return parts


def _root_of(name: str) -> str:
    """The relation without its grammar: `works_at` and `work_at` have one root."""
    words = name.split("_")
    return "_".join([_stem(words[0]), *words[1:]])


def _active(name: str) -> str:
    """The root of the relation whose other end this is (owned_by, owner_of: of owns), or ''."""
    words = name.split("_")
    if len(words) < 2 or words[-1] not in ("by", "of"):
        return ""
    if words[-1] == "by":
        return "_".join([_stem(words[0]), *words[1:-1]])
    agent = re.sub(r"(?:e|o)r$", "", words[0])
    return "_".join([_stem(agent), *words[1:-1]]) if agent != words[0] else ""


def _stem(word: str) -> str:
    endings = {"ied": "y", "ies": "y", "ing": "", "ed": "", "ss": "ss", "s": ""}
    for ending, instead in endings.items():
        if word.endswith(ending) and len(word) - len(ending) >= 2:
            word = word[: -len(ending)] + instead
            break
    return word[:-1] if word.endswith("e") and len(word) > 2 else word
