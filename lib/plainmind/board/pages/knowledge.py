"""Knowledge: the pages and what links them, one page with its text, the graph of triples, and what
mem-lint, mem-graph --health and mem-audit say. /knowledge/PAGE.md, /knowledge/graph with `name`,
and /knowledge/health; `q` searches."""

import threading
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache, partial
from typing import Any

from ...formats.drawing import picture
from ...formats.page import page as form
from ...formats.page import triple
from ...ground.environment import LEAST
from ...ground.errors import Failure
from ...ground.masks import Mask
from ...index import graph
from ...memory import Memory
from ...memory import pages as knowledge
from ...recall.report import Form
from ...truth.log.verify import Finding
from ...truth.pages import audit, checking, given, maintenance, page_files
from ...truth.pages.known_pages import KnownPage, KnownPages, Library
from .. import changes, markdown, rendering
from ..problems import attempt
from ..turning import turn

SHOWN = 200  # pages, findings, on one page
TRIPLES = 200  # in a table
NAMES = 1500  # that are drawn: more take long, and nobody sees them
SCREEN = 1000  # pixels for which a graph is drawn, until a browser tells how wide it is
LONGEST = 2000  # characters of a query
HOUR = 3_600_000

#: what is known of pages by this process
_known = KnownPages()
_examined: dict[str, tuple[tuple[str, int], dict[str, Any]]] = {}
#: a model is asked by one at a time; and what one has drawn or examined, those who waited know
_searching, _working = threading.Lock(), threading.Lock()


def read(memory: Memory, part: str, query: Mapping[str, str]) -> dict[str, Any]:
    part = part.strip("/")
    if part == "graph":
        return {"kind": "graph"} | _read_graph(memory, query.get("name", ""))
    if part == "health":
        return {"kind": "health"} | _read_health(memory)
    library = _known.read(memory.home)
    if part:
        return {"kind": "page"} | _read_page(memory, library, part)
    if text := query.get("q", "").strip():
        return {"kind": "search", "asked": text[:LONGEST]} | _search(
            memory, library, text[:LONGEST]
        )
    return {"kind": "list"} | _list(memory, library, query)


def list_parts(memory: Memory) -> Iterable[str]:
    yield from ("graph", "health")
    yield from map(_part, _known.read(memory.home).pages)


def _part(path: str) -> str:
    return path.removeprefix(f"{page_files.KNOWLEDGE}/")


# --- all pages


def _list(memory: Memory, library: Library, query: Mapping[str, str]) -> dict[str, Any]:
    asked = {key: query.get(key, "") for key in ("type", "tier", "tag")}
    chosen = [
        (path, one)
        for path, one in library.pages.items()
        if asked["type"] in ("", one.page.type)
        and asked["tier"] in ("", one.page.tier)
        and (not asked["tag"] or asked["tag"] in one.page.tags)
    ]
    chosen.sort(key=lambda pair: str(pair[1].page.day or ""), reverse=True)
    turned = turn(query, len(chosen), SHOWN)
    problems = [*map(str, library.unread)]
    nothing = triple.check_health([])
    health = attempt(lambda: knowledge.health(memory), nothing, problems)
    audited = attempt(
        lambda: maintenance.read_audit(memory.home, memory.now()),
        maintenance.Audit(0, 0, False), problems,
    )  # fmt: skip
    return {
        "count": len(library.pages), "asked": asked, "chosen": len(chosen),
        "rows": [_row(library, path, one) for path, one in chosen[turned.first : turned.end]],
        "newer": turned.newer, "older": turned.older,
        "types": sorted({one.page.type for one in library.pages.values()}),
        "always": sum(one.page.tier == "L1" for one in library.pages.values()),
        "size": sum(one.size for one in library.pages.values()),
        "links_between": sum(map(len, library.links.values())),
        "triples": health.triples, "entities": health.entities,
        "components": len(health.components),
        "audit": audited._asdict(), "problems": problems,
    }  # fmt: skip


def _row(library: Library, path: str, one: KnownPage) -> dict[str, Any]:
    read = one.page
    return {
        "part": _part(path), "name": read.name, "title": one.title, "type": read.type,
        "tier": read.tier, "date": str(read.day or ""), "tags": list(read.tags), "size": one.size,
        "links": len(library.links.get(path, ())), "triples": len(read.triples),
        "backlinks": len(library.backlinks.get(path, ())), "problems": len(read.problems),
        "successors": _names(library, library.successors.get(path, ())),
    }  # fmt: skip


def _names(library: Library, paths: Iterable[str]) -> list[dict[str, str]]:
    return [{"part": _part(path), "title": library.pages[path].title} for path in paths]


def _search(memory: Memory, library: Library, text: str) -> dict[str, Any]:
    """As mem-recall --knowledge."""
    remarks: list[str] = []
    asked = memory._replace(say=remarks.append)
    form = Form(inject=False, explain=False, budget=1000, most_each=250)
    mask = memory.env.mask
    with _searching:
        found = knowledge.recall(asked, text, form, k=None, budget=None, each=None, mask=mask)
    hits = []
    for hit in found.records:
        known = library.pages.get(hit["path"])
        title = known.title if known else hit["name"]
        hits.append({**hit, "title": title, "excerpt": markdown.tell(hit["excerpt"], title)})
    return {"hits": hits, "remarks": remarks}


# --- one page


def _read_page(memory: Memory, library: Library, part: str) -> dict[str, Any]:
    home, path = memory.home, f"{page_files.KNOWLEDGE}/{part}"
    if path not in library.pages:  # by its name as a page shows it: without secrets
        alike = (one for one in library.pages if rendering.show(one, memory.env.mask) == path)
        path = next(alike, "")
    if not path:
        raise page_files.describe_missing(home, f"no page '{part}'")
    try:
        data = page_files.read_content(home, path)
    except FileNotFoundError:
        raise page_files.describe_missing(home, f"no page '{part}'") from None
    read = form.parse(data, path)
    known, problems = library.pages[path], list[str]()
    hide = partial(_hide, memory.env.mask, _to_predicates(memory.env.mask))
    related = lambda of: _names(library, of.get(path, ()))
    return {
        "page_links": related(library.links), "backlinks": related(library.backlinks),
        "supersedes": related(library.supersedes), "successors": related(library.successors),
        "path": path, "name": read.name, "title": read.title, "type": read.type, "tier": read.tier,
        "date": str(read.day or ""), "tags": list(read.tags), "size": known.size,
        "is_cut": known.size > len(data), "body": read.body, "body_line": read.body_line,
        "source": read.source, "aliases": list(read.aliases),
        "valid_from": str(read.valid_from or ""), "valid_to": str(read.valid_to or ""),
        "sources": [one.ref for one in read.sources], "head": _read_head(data, path),
        "triples": [
            {**dict(zip(one.triple._fields, hide(one.triple))), "line": one.line}
            for one in read.triples
        ],
        "targets": {
            link: _part(other) for link in known.links if (other := library.find(link, path))
        },
        "wrong": [one._asdict() for one in read.problems],
        "recalled": attempt(lambda: given.find_last(home), {}, problems).get(path, ""),
        "problems": problems,
    }  # fmt: skip


def _read_head(data: bytes, path: str) -> str:
    """The frontmatter as it is written."""
    try:
        return form.split(data, path).yaml
    except Failure:
        return ""


# --- the graph


@lru_cache(8)
def _draw(triples: tuple[tuple[str, str, str], ...]) -> tuple[picture.Picture, list[tuple]]:
    """And its arrows as a page shows them."""
    drawn = picture.draw(triples)
    return drawn, [(*one[3:], one.title) for one in drawn.lines]


def _read_graph(memory: Memory, name: str) -> dict[str, Any]:
    """`name`: only what is around it."""
    facts = knowledge.facts(memory, (), None)
    chosen = graph.list_around(facts, name) if name else facts
    greatest = graph.list_greatest(chosen, NAMES)
    hide = partial(_hide, memory.env.mask, _to_predicates(memory.env.mask))
    with _working:
        drawn, arrows = _draw(tuple(sorted({hide(fact) for fact in greatest})))
    called = _known.read(memory.home).name_pages()
    key = graph.triple.comparison_key
    unit = max(1.0, drawn.width / SCREEN)
    return {
        "name": name, "page_part": _part(called.get(key(name), "")), "title": drawn.title,
        "is_cut": len(greatest) < len(chosen),
        "sheet": _frame(drawn, unit), "em": picture.EM, "unit": unit,
        "triples": [(*hide(fact), fact.ref) for fact in chosen[:TRIPLES]], "count": len(chosen),
        "entities": [
            (*one, _part(called.get(key(one.name), "")), one.links >= picture.HUB)
            # what is seen at once is on top; in order of names, as the keyboard goes through them
            for one in sorted(
                drawn.entities, key=lambda one: (one.unit >= unit, one.name.casefold(), one.name)
            )
        ],
        "arrows": arrows,
    }  # fmt: skip


def _to_predicates(mask: Mask) -> Mask:
    """A mask of known secrets as a predicate is written: in small letters."""
    forms = ((value, graph.triple.normalize_predicate(value)) for value in mask.values)
    return Mask(form for value, form in forms if form != value and len(form) >= LEAST)


def _hide(mask: Mask, of_predicates: Mask, fact: Sequence[Any]) -> tuple[str, str, str]:
    """What a triple says, masked before names are clipped."""
    subject, predicate, object = fact[:3]
    return mask(subject), of_predicates(mask(predicate)), mask(object)


def _frame(drawn: picture.Picture, unit: float) -> str:
    """What is seen of all of it: x, y, width, height, with room for letters that are enlarged."""
    room = picture.EM * unit
    sizes = -3 * room, 0, drawn.width + 6 * room, drawn.height + 2 * room
    return " ".join(f"{size:.0f}" for size in sizes)


# --- its health


def _read_health(memory: Memory) -> dict[str, Any]:
    """As of an hour: for it all pages are read, and every file below raw/."""
    home, now = memory.home, memory.now()
    of = changes.digest(home, memory.env, ["knowledge"]), now // HOUR
    with _working:
        kept = _examined.get(home.root)
        if not kept or kept[0] != of:
            kept = _examined[home.root] = of, _examine(memory)
    return _to_predicates(memory.env.mask).mask_all(kept[1])


def _examine(memory: Memory) -> dict[str, Any]:
    home, now, mask = memory.home, memory.now(), memory.env.mask
    key = b""  # of digests of logs, which are not looked at
    found = list(checking.find_problems(home, None, False, now, mask, key, lambda done, of: None))
    failures = [str(one) for one in found if isinstance(one, Failure)]
    surveyed = attempt(lambda: audit.survey(home, now, mask), audit.Survey({}, []), failures)
    nothing = triple.check_health([])
    health = attempt(lambda: knowledge.health(memory), nothing, failures)
    return {
        "checked": now, "failures": failures,
        "findings": _gather([one for one in found if isinstance(one, Finding)]),
        "counts": surveyed.counts, "samples": _gather(surveyed.findings),
        "graph": [one._asdict() for one in health.records()],
    }  # fmt: skip


def _gather(findings: Iterable[Finding]) -> list[dict[str, Any]]:
    """By kind, the most frequent first."""
    kinds: dict[str, list[Finding]] = {}
    for one in findings:
        kinds.setdefault(one.code, []).append(one)
    return [
        {"code": code, "count": len(all), "shown": [one._asdict() for one in all[:SHOWN]]}
        for code, all in sorted(kinds.items(), key=lambda pair: -len(pair[1]))
    ]
