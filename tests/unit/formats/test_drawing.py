"""A graph as a picture.

What is drawn is read back from the picture: dots, names, lines, titles, words.
"""

import functools
import re
import shutil
import subprocess
import time
from itertools import combinations
from xml.etree import ElementTree

import pytest
from hostile import texts
from hypothesis import given, settings
from hypothesis import strategies as st
from plainmind.formats.drawing import graph as drawing
from plainmind.formats.drawing import lettering, picture

SVG = "{http://www.w3.org/2000/svg}"
DOT = shutil.which("dot")


def graph(people, projects, extra):
    """One person in the middle, as personal graphs have it: people known, projects they work on,
    dates, towns.
    """
    found = {("Mara", "knows", f"Person-{n}") for n in range(people)}
    found |= {("Mara", "owns", f"project-{n}") for n in range(projects)}
    found |= {
        (f"Person-{n * 7 % people}", "works_on", f"project-{n * 5 % projects}")
        for n in range(extra)
    }
    found |= {(f"Person-{n * 11 % people}", "lives_in", f"Town-{n % 9}") for n in range(extra)}
    found |= {
        (f"project-{n % projects}", ("uses", "started_on", "needs")[n % 3], f"thing-{n}")
        for n in range(extra)
    }
    return sorted(found)


TWO_HUNDRED = graph(100, 20, 70)
STAR = [("hub", f"relation_{n % 70}", f"leaf-{n}") for n in range(150)]
TOWNS = [("Ann", "lived_in", town) for town in ("Oslo", "Rome", "Kyoto", "Lyon")]
PAIRS = [(f"a{n}", "precedes", f"b{n}") for n in range(30)]
CHAIN = [(f"link-{n}", "leads_to", f"link-{n + 1}") for n in range(60)]
LOOPS = [("a", "calls", "a"), ("a", "calls", "b"), ("b", "calls", "a"), ("b", "feeds", "a")]


def drawn(triples):
    return _drawn(tuple(triples))


@functools.cache
def _drawn(triples):
    return ElementTree.fromstring(drawing.svg(triples))


def title(node):
    return node.findtext(f"{SVG}title")


def of_class(root, name):
    return [node for node in root.iter() if node.get("class") == name]


def em(text):
    return float(text.removesuffix("em"))


def entities(root):
    """Names, each with the least that it and its dot cover: half an em a letter."""
    for node in (node for node in root.iter() if (node.get("class") or "").startswith("entity")):
        dot, text = node.find(f"{SVG}circle"), node.find(f"{SVG}text")
        x, y, low = float(dot.get("cx")), float(dot.get("cy")), float(text.get("y"))
        radius, half = em(dot.get("r")) * 12, len(text.text) * em(text.get("font-size")) * 3
        yield title(node).split("\n")[0], (x - half, y - radius, x + half, low)


def labels(root):
    """The words of lines, each with the least that they cover."""
    for node in of_class(root, "label"):
        text, x, y = node.find(f"{SVG}title").tail, float(node.get("x")), float(node.get("y"))
        yield text, (x - len(text) * 2.5, y - 3, x + len(text) * 2.5, y + 3)


def overlapping(boxes):
    return [
        (one, other)
        for (one, (l0, t0, r0, b0)), (other, (l1, t1, r1, b1)) in combinations(boxes, 2)
        if l0 < r1 and l1 < r0 and t0 < b1 and t1 < b0
    ]


def all_titles(root):
    return {line for node in root.iter(f"{SVG}title") for line in (node.text or "").split("\n")}


GRAPHS = {
    "200": TWO_HUNDRED, "star": STAR, "towns": TOWNS, "pairs": PAIRS, "loops": LOOPS,
    "chain": CHAIN,
    "all": TWO_HUNDRED + PAIRS + LOOPS,
}  # fmt: skip


@pytest.mark.parametrize("name", GRAPHS)
def test_names_and_words_are_on_the_sheet_and_on_no_others(name):
    triples = GRAPHS[name]
    root = drawn(triples)
    found = list(entities(root))
    assert sorted(name for name, _ in found) == sorted(
        {name for subject, _, object in triples for name in (subject, object)}
    )
    found += labels(root)
    assert overlapping(found) == []
    left, top, width, height = map(float, root.get("viewBox").split())
    for _, (x0, y0, x1, y1) in found:
        assert left < x0 < x1 < left + width and top < y0 < y1 < top + height


@pytest.mark.parametrize("name", GRAPHS)
@pytest.mark.parametrize("unit", picture.UNITS)
def test_letters_however_enlarged_cover_none(name, unit):
    """What is seen when the letters are enlarged so many times."""
    sheet = picture.draw(GRAPHS[name])
    seen = [one for one in sheet.entities if one.unit >= unit]
    assert sheet.entities[0] in seen and (unit > 1 or seen == sheet.entities)
    boxes = []
    for one in seen:
        half, ems = len(one.shown) * one.size * 3 * unit, (one.radius * 12 * unit, one.below * 12)
        boxes.append(
            (one.name, (one.x - half, one.y - ems[0], one.x + half, one.y + ems[1] * unit))
        )
    for line in (line for line in sheet.lines if line.unit >= unit):
        half, high = len(line.words) * 2.5 * unit, 3 * unit
        where = line.x - half, line.y - high, line.x + half, line.y + high
        boxes.append((line.words, where))
    assert overlapping(boxes) == []


@pytest.mark.parametrize("name", GRAPHS)
def test_a_name_gives_way_to_greater_ones_only(name):
    units = [unit for unit in picture.UNITS if unit >= 1]
    found = picture.draw(GRAPHS[name]).entities
    for at, one in enumerate(found):
        if one.unit < units[0]:
            unit = units[units.index(one.unit) - 1]
            box, shown = picture._measure(one, unit), [e for e in found[:at] if e.unit >= unit]
            boxes = [picture._measure(each, unit) for each in shown]
            assert any(
                abs(box.x - other.x) * 2 < box.width + other.width
                and abs(box.y - other.y) * 2 < box.height + other.height
                for other in boxes
            ), one.name


@pytest.mark.parametrize("name", GRAPHS)
def test_every_triple_is_in_a_title(name):
    assert {" ".join(triple) for triple in GRAPHS[name]} <= all_titles(drawn(GRAPHS[name]))


def test_no_graph_one_entity_two():
    assert "nothing is linked yet" in drawing.svg([])
    assert [name for name, _ in entities(drawn([("a", "calls", "a")]))] == ["a"]
    assert len(of_class(drawn([("a", "owns", "b")]), "link")) == 1


def test_parallel_predicates_are_one_line_and_the_way_back_is_another():
    root = drawn([("a", "uses", "b"), ("a", "owns", "b"), ("b", "feeds", "a")])
    assert sorted(text for text, _ in labels(root)) == ["feeds", "owns, uses"]
    assert sorted(title(link) for link in of_class(root, "link")) == [
        "a owns b\na uses b",
        "b feeds a",
    ]


def test_parts_that_do_not_hang_together_are_side_by_side():
    root = drawn(PAIRS)
    width, height = float(root.get("width")), float(root.get("height"))
    assert width < 1900 and height < 1200


def test_a_hub_is_larger_than_a_leaf():
    found = {one.name: one for one in picture.draw(TWO_HUNDRED).entities}
    assert found["Mara"].radius > 2 * found["thing-1"].radius
    assert found["Mara"].size > found["thing-1"].size


def test_a_long_name_is_clipped_and_whole_in_its_title():
    name = "x" * 5000
    root = drawn([(name, "owns", "b")])
    assert name in all_titles(root)
    assert all(len(node.text or "") < 60 for node in root.iter(f"{SVG}text"))
    assert float(root.get("width")) < 1000


@pytest.mark.parametrize(
    ("text", "ems", "clipped"),
    [
        ("short", 10, "short"),
        ("mmmmmmmmmm", 5, "mmmm…"),
        ("日本語日本語", 4, "日本…"),
        ("aaaae\u0301\u0302\u0303 aaaaaaaaaaaa", 4.2, "aaaae\u0301\u0302\u0303…"),
        ("aaa👩\u200d👩\u200d👧 aaaaaaaaaaaa", 4.2, "aaa…"),
    ],
)
def test_clipping_leaves_whole_characters(text, ems, clipped):
    assert lettering.clip(text, ems) == clipped


def test_what_cannot_be_seen_is_not_shown():
    assert lettering.make_printable("a\u202eb\x00c\x1b[2J\nd\u2028e\udc80") == "abc[2J d e\ufffd"
    assert lettering.make_printable("\u200b") == lettering.make_printable("") == "(no name)"


def test_it_stands_alone_and_runs_nothing():
    text = drawing.svg(
        [("<script>alert(1)</script>", "href='http://example.org/'", "<image/>"), *TOWNS]
    )
    assert "<script" not in text and "<image" not in text
    assert re.findall(
        "[a-z]+://[^\"' ]+", re.sub(r"<title>.*?</title>|<text.*?</text>", "", text, flags=re.S)
    ) == ["http://www.w3.org/2000/svg"]
    assert "prefers-color-scheme: dark" in text


@pytest.mark.parametrize("draw", [drawing.svg, drawing.dot])
def test_the_order_of_triples_changes_nothing(draw):
    assert draw(TWO_HUNDRED) == draw([*TWO_HUNDRED[::-1], *TWO_HUNDRED[:50]])


triples = st.lists(st.tuples(texts, texts, texts), max_size=6)


@given(triples)
def test_any_names_make_well_formed_xml(some):
    text = drawing.svg(some)
    root = ElementTree.fromstring(text.encode("utf-8"))
    assert len(list(entities(root))) == len(
        {name for subject, _, object in some for name in (subject, object)}
    )


@pytest.mark.skipif(not DOT, reason="no Graphviz")
@pytest.mark.parametrize(
    "name",
    [
        "plain", 'a "quoted" one', "back\\slash", "ends with \\", "\\N \\G \\l", "two\nlines",
        "<b>", "<b>bold</b>", "&lt;", "R&D", "日本", "a:b", "->",
    ],
)  # fmt: skip
def test_graphviz_shows_the_name_that_was_meant(name):
    run = subprocess.run(
        [DOT, "-Tsvg"],
        input=drawing.dot([(name, name, "x")]).encode(),
        capture_output=True,
        check=True,
    )
    assert run.stderr == b""
    shown = [node.text for node in ElementTree.fromstring(run.stdout).iter(f"{SVG}text")]
    lines = sorted([*name.split("\n"), *name.split("\n"), "x"])
    assert sorted(text.replace("\xa0", " ") for text in shown) == lines


@pytest.mark.skipif(not DOT, reason="no Graphviz")
@given(st.lists(st.tuples(texts, texts, texts), min_size=8, max_size=30))
@settings(max_examples=10)
def test_graphviz_takes_any_names(some):
    run = subprocess.run([DOT, "-Tcanon"], input=drawing.dot(some).encode(), capture_output=True)
    assert (run.returncode, run.stderr) == (0, b"")


@pytest.mark.parametrize(
    ("triples", "seconds"),
    [
        (TWO_HUNDRED, 1),
        (graph(600, 40, 300), 4),
        ([(f"a{n}", "precedes", f"b{n}") for n in range(500)], 3),
    ],
)
def test_it_is_soon_done(triples, seconds):
    start = time.process_time()
    drawing.svg(triples)
    assert time.process_time() - start < seconds
