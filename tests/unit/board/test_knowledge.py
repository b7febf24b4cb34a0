"""The page Knowledge: what mem-graph, mem-lint, mem-audit and mem-recall --knowledge print, and
pages to be read, whatever is written in them."""

import json
import os
import re
import time
from concurrent.futures import ThreadPoolExecutor
from html.parser import HTMLParser
from urllib.parse import quote

import board_home
import pytest
from asking import ask, make_board
from hostile import texts
from hypothesis import example, given
from hypothesis import strategies as st
from plainmind.board import markdown, rendering
from plainmind.board.links import FileLinks, LiveLinks, refer
from plainmind.board.pages import PUBLISHED, knowledge
from plainmind.formats.drawing import picture
from plainmind.ground.errors import NoInput, Usage
from plainmind.index.graph import Fact, list_around, list_greatest
from plainmind.truth.pages import page_files
from scene import TIME

pytestmark = pytest.mark.usefixtures("unsynced")


@pytest.fixture
def memory(home):
    return board_home.fill(home)


def show(memory, part="", query=None, links=None) -> str:
    """The page as HTML."""
    return board_home.show_page(memory, "knowledge", part, links=links, **(query or {}))


def put(home, name: str, text: str) -> None:
    path = home.path("knowledge", f"{name}.md")
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(text.encode("utf-8", "surrogateescape"))


def head(*lines: str) -> str:
    return "\n".join(["---", "date: 2026-01-20", "type: project", "tier: L2", *lines, "---", ""])


def records(command, home, name: str, *arguments: str, code: int = 0) -> list[dict]:
    printed = command(name, *arguments, "--json", "--now", TIME, home=home, code=code)
    return board_home.read_records(printed)


# --- what the commands say


def test_the_graph_and_its_health_are_what_the_commands_print(memory, command):
    home = memory.home
    printed = records(command, home, "mem-graph")
    told = [(one["subject"], one["predicate"], one["object"], one["ref"]) for one in printed]
    assert knowledge.read(memory, "graph", {})["triples"] == told and told
    found = knowledge.read(memory, "health", {})
    assert found["graph"] == records(command, home, "mem-graph", "--health", code=1)
    findings = {(one["path"], one["line"]) for one in records(command, home, "mem-lint", code=1)}
    assert {(one["path"], one["line"]) for kind in found["findings"] for one in kind["shown"]} == (
        findings
    )
    counts = {one["count"]: one["value"] for one in records(command, home, "mem-audit") if one}
    assert found["counts"] == counts
    assert knowledge.read(memory, "", {})["triples"] == len(told)


def test_a_search_finds_what_mem_recall_does(memory, command):
    found = knowledge.read(memory, "", {"q": "who has the keys?"})
    printed = records(command, memory.home, "mem-recall", "--knowledge", "who has the keys?")
    known = lambda hits: [{**hit, "title": "", "excerpt": ""} for hit in hits]
    assert known(found["hits"]) == known(printed) and printed
    assert (found["hits"][0]["title"], found["hits"][0]["excerpt"]) == (
        "The move", "The shop moves on 1 February. The keys: see landlord.",
    )  # fmt: skip
    html = show(memory, "", {"q": "who has the keys?"})
    assert "/knowledge/move.md" in html and "data-live" not in html


def test_pages_can_be_chosen_and_come_in_parts(memory, monkeypatch):
    put(memory.home, "later", head("tags: [money]", "supersedes: invoices") + "# Later\n")
    names = lambda **query: [row["name"] for row in knowledge.read(memory, "", query)["rows"]]
    assert names()[0] == "later", "the newest first"
    assert names(type="user") == ["ann"] and set(names(tag="money")) == {"later", "invoices"}
    assert set(names(tier="L1")) == {"ann", "move"} and not names(type="king")
    rows = {row["name"]: row for row in knowledge.read(memory, "", {})["rows"]}
    assert rows["invoices"]["successors"] == [{"part": "later.md", "title": "Later"}]
    assert (rows["move"]["links"], rows["landlord"]["backlinks"]) == (1, 1)
    monkeypatch.setattr(knowledge, "SHOWN", 2)
    first = knowledge.read(memory, "", {})
    assert len(first["rows"]) == 2 and first["older"] == "2"
    assert len(names(**PUBLISHED)) == first["count"] == 6, "a file has all of them"
    for wrong in ("x", "-1", "¹"):
        with pytest.raises(Usage):
            names(**{"from": wrong})


# --- one page


def test_a_page_is_read_and_leads_on(memory):
    put(
        memory.home,
        "deep/tea",
        head("triples:", "- [Ann, likes, assam]") + "# Tea\n\n[[ann|her]]\n",
    )
    html = show(memory, "move.md")
    assert '<h1 dir="auto">The move</h1>' in html and html.count("The move</h") == 1
    assert 'The keys: see <a href="/knowledge/landlord.md">landlord</a>' in html
    assert "/knowledge/graph?name=Mill+Lane+4" in html and "given to every turn" in html
    found = knowledge.read(memory, "ann.md", {})
    assert found["backlinks"] == [{"part": "deep/tea.md", "title": "Tea"}] and found["recalled"]
    deep = show(memory, "deep/tea.md")
    assert 'href="/knowledge/ann.md">her</a>' in deep
    assert 'id="L6"' in deep and 'id="L10"' in deep, "lines that references lead to"
    assert refer(LiveLinks(), "knowledge/deep/tea.md:10") == "/knowledge/deep/tea.md#L10"


def test_as_a_file_a_page_leads_to_what_was_published(memory):
    links = FileLinks({("knowledge", part) for part in knowledge.list_parts(memory)})
    html = show(memory, "move.md", PUBLISHED, links)
    assert 'href="knowledge.landlord.md.html"' in html
    assert "graph?name" not in html and "<form" not in html
    graph = show(memory, "graph", PUBLISHED, links)
    assert "<a class=" in graph and "?name" not in graph and "<form" not in graph


@pytest.mark.parametrize(
    "part",
    [
        "nothing.md", "move", "../config.toml", "../../etc/passwd", "/etc/passwd", ".env", "a\0b",
        "..%2f.env", "../.env", "link.md", "pipe.md", "folder.md", ".hidden.md", "x" * 5000,
        "../memory/MEMORY.md", "\udc80.md",
    ],
)  # fmt: skip
def test_what_is_no_page_is_not_shown(memory, part):
    folder = memory.home.path("knowledge")
    os.symlink(memory.home.path(".env"), f"{folder}/link.md")
    os.symlink("/etc/hostname", f"{folder}/.hidden.md")
    os.mkfifo(f"{folder}/pipe.md")
    os.mkdir(f"{folder}/folder.md")
    with pytest.raises(NoInput):
        knowledge.read(memory, part, {})


def test_a_page_that_is_removed_or_saved_while_it_is_read(memory, monkeypatch):
    assert "020 7946 0018" in show(memory, "landlord.md")
    put(memory.home, "landlord", head() + "# The landlord\n\nMs Hale.\n")
    assert "Ms Hale" in show(memory, "landlord.md") and "Ms Hale" not in show(memory)

    def vanish(home, path):
        os.unlink(home.path(path))
        raise FileNotFoundError(path)

    knowledge.read(memory, "", {})
    monkeypatch.setattr(page_files, "read_content", vanish)
    with pytest.raises(NoInput):
        knowledge.read(memory, "landlord.md", {})
    assert "landlord" not in {row["name"] for row in knowledge.read(memory, "", {})["rows"]}


def test_heads_that_cannot_be_read_are_complained_of_and_the_text_is_shown(memory):
    bad = {
        "yaml": "---\ndate: [\n: }\n---\n# Text one\n",
        "none": "# Text two\n\nno head",
        "open": "---\ndate: 2026-01-01\n# Text three",
        "twice": head("date: 2026-01-21") + "# Text four",
        "empty": "",
    }
    for name, text in bad.items():
        put(memory.home, name, text)
    put(memory.home, "bytes", head() + "# Text five \udcff\udcfe")
    for name in (*bad, "bytes"):
        html = show(memory, f"{name}.md")
        assert 'class="problems"' in html, name
    assert all(
        f"Text {n}" in show(memory, f"{name}.md")
        for n, name in zip(
            ("one", "two", "three", "four", "five"), ("yaml", "none", "open", "twice", "bytes")
        )
    )
    assert show(memory).count(" problem") >= 5, "in the list, too"


def test_a_page_that_cannot_be_opened_is_told_of(memory, monkeypatch):
    refused = page_files.open_page

    def refuse(home, path):
        if path.endswith("ann.md"):
            raise PermissionError(13, "Permission denied", path)
        return refused(home, path)

    monkeypatch.setattr(page_files, "open_page", refuse)
    monkeypatch.setattr(knowledge, "_known", knowledge.KnownPages())
    found = knowledge.read(memory, "", {})
    assert ["ann.md" in text for text in found["problems"]] == [True] and len(found["rows"]) == 4


# --- whatever is written


@pytest.mark.parametrize("part", ["", "graph", "health", "move.md", "search"])
def test_whatever_people_wrote_stays_text(home, part):
    memory = board_home.fill(home, hostile=True)
    name = f"a&b \"c' <x>\u202e{board_home.SECRET}"
    triple = json.dumps([board_home.HOSTILE, "owns", "<u>"])
    put(home, name, head(f"triples: [{triple}]", "tags: ['<i>']") + "# <u>bold</u>\n")
    query = {"q": f"move {board_home.HOSTILE}"} if part == "search" else {}
    html = show(memory, "" if part == "search" else part, query)
    assert board_home.find_harm(html) == []
    assert "<u>" not in html and "<x>" not in html
    assert not re.search(r'href="[^"]*javascript:', html)
    if part == "":
        row = next(row for row in knowledge.read(memory, "", {})["rows"] if "a&b" in row["name"])
        shown = rendering.show(row["part"], memory.env.mask)
        assert "bold" in show(memory, shown), "its link leads to it"


#: what text of a page may become
TAGS = (
    "a b blockquote br code del div em h2 h3 h4 h5 h6 hr i li ol p pre s span strong table tbody "
    "td th thead tr ul"
).split()
ATTRIBUTES = {"href", "rel", "class", "id", "title", "start", "tabindex", "role", "aria-label",
              "dir"}  # fmt: skip


class Reader(HTMLParser):
    def __init__(self, html):
        super().__init__()
        self.links, self.open, self.wrong = [], [], []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.wrong += [tag] * (tag not in TAGS)
        self.wrong += [name for name, _ in attributes if name not in ATTRIBUTES]
        self.links += [value for name, value in attributes if name == "href"]
        self.open += [tag] if tag not in ("br", "hr") else []

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)

    def handle_endtag(self, tag):
        self.wrong += [] if self.open and self.open.pop() == tag else [f"/{tag}"]

    def handle_comment(self, data):
        self.wrong.append(data)

    handle_decl = handle_pi = unknown_decl = handle_comment


def find_links(text, targets=None) -> list[str]:
    read = Reader(markdown.render(LiveLinks(), str, text, targets or {}))
    assert (read.wrong, read.open) == ([], [])
    return read.links


@pytest.mark.parametrize(
    ("text", "links"),
    [
        ("[x](javascript:alert(1))", []), ("[x](JaVaScRiPt:alert(1))", []),
        ("[x](&#106;avascript:alert(1))", []), ("[x](data:text/html,x)", []),
        ("[x](file:///etc/passwd)", []), ("[x](//evil.example/x)", []), ("[x](/api/agents)", []),
        ("[x](\\\\evil.example)", []), ("<javascript:alert(1)>", []), ("[x](vbscript:x)", []),
        ("[x]( javascript:alert(1))", []), ("[x](blob:https://x.example/1)", []),
        ("[[javascript:alert(1)]]", []), ("[[x|<b>]]", []), ("[a]: javascript:x\n\n[a]", []),
        ("[x](https://a.example/?b=\"><script>)", ["https://a.example/?b=%22%3E%3Cscript%3E"]),
        ("<https://a.example>", ["https://a.example"]), ("<a@b.example>", ["mailto:a@b.example"]),
        ("https://a.example", []), ("![x](https://a.example/track.png)", []),
        ("[![x](https://a.example/t.png)](javascript:x)", []), ("![[tea]]", ["/knowledge/tea.md"]),
        ("[[tea]]", ["/knowledge/tea.md"]), ("[[tea#Part|the tea]]", ["/knowledge/tea.md"]),
        ("[x](tea.md)", ["/knowledge/tea.md"]), ("[x](tea.md#part)", ["/knowledge/tea.md"]),
        ("[x](no.md)", []), ("[[no]]", []), ("`[[tea]]`", []), ("```\n[[tea]]\n```", []),
        ("see logs/cli/a/20260130T142355Z.md:3", ["/log/cli/a/20260130T142355Z.md?at=3#L3"]),
        ("`logs/cli/a/20260130T142355Z.md:3`", ["/log/cli/a/20260130T142355Z.md?at=3#L3"]),
        ("[x](../logs/cli/a/20260130T142355Z.md)", ["/log/cli/a/20260130T142355Z.md"]),
        ("[knowledge/a.md](https://a.example)", ["https://a.example"]),
        ("| a | b |\n|---|--:|\n| [[tea]] | 2 |", ["/knowledge/tea.md"]),
    ],
)  # fmt: skip
def test_links_lead_to_pages_logs_and_shown_addresses(text, links):
    assert find_links(text, {"tea": "tea.md"}) == links


MARKS = ["[[", "]]", "|", "](", ")", "[", "]", "![", "<", ">", "`", "```\n", "\n", "\n\n", "# ",
         "- ", "> ", "1. ", "---\n", "| a |\n|--:|\n", "*", "**", "~~", "&#x6a;", "&lt;", "\\",
         "javascript:", "//x.example", "https://x.example", "data:", 'onclick="x"', "<script>",
         "<!--", "]]>", "<?", "style=", "logs/cli/a/20260130T142355Z.md:3", "tea", "\t", '"',
         "'"]  # fmt: skip


@given(st.lists(st.sampled_from(MARKS) | texts, max_size=14).map("".join))
@example("[x][y]\n\n[y]: <javascript:alert(1)> 'z'")
def test_any_text_becomes_harmless_html(text):
    for link in find_links(text, {"tea": "tea.md"}):
        assert re.match("https?:|mailto:|/knowledge/tea.md$|/knowledge/[^/]|/log/[a-z]", link), link


def test_pictures_are_words():
    html = markdown.render(LiveLinks(), str, "![a <b>](https://x.example/e.png) ![[f.png|g]]", {})
    assert re.findall(r'<span class="picture"[^>]*>([^<]*)</span>', html) == ["a &lt;b&gt;", "g"]


def test_headings_go_down_one_at_a_time_and_the_title_is_told_once():
    html = markdown.render(LiveLinks(), str, "# A\n\n#### B\n\n# C\n\n###### D\n", {}, 5, "A")
    assert re.findall(r"<(h\d) id=\"(L\d+)\">(\w)", html) == [
        ("h2", "L7", "B"), ("h2", "L9", "C"), ("h3", "L11", "D"),
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["[[" * 20_000, "> " * 5_000, "[" * 300_000])
def test_a_text_that_is_made_to_take_long_does_not(text):
    start = time.process_time()
    markdown.render(LiveLinks(), str, text, {})
    assert time.process_time() - start < 5


# --- the graph


def test_every_name_leads_to_its_page_or_to_what_is_around_it(memory):
    put(memory.home, "shop", head("aliases: [firm]") + "# The shop\n")
    html = show(memory, "graph")
    sheet = html[html.index("<svg") : html.index("</svg>")]
    links = dict(re.findall(r'<a class="dot[^>]* href="([^"]+)"[^>]*aria-label="([^"]+)"', sheet))
    assert links == {
        "/knowledge/shop.md": "Shop",
        "/knowledge/graph?name=Mill+Lane+4": "Mill Lane 4",
        "/knowledge/graph?name=Mr+Hale": "Mr Hale",
        "/knowledge/graph?name=Okafor": "Okafor",
    }
    assert "style=" not in sheet and "Shop moves_to Mill Lane 4</title>" in sheet
    around = knowledge.read(memory, "graph", {"name": "mill-lane 4"})
    assert {row[0] for row in around["triples"]} == {"Shop", "Mr Hale"} and around["count"] == 2
    nothing = show(memory, "graph", {"name": "nobody"})
    assert "Nothing is said of this name" in nothing and "<svg" not in nothing


def test_what_is_around_a_name():
    fact = lambda subject, object: Fact(subject, "to", object, "p", 1, "", "", "")
    facts = [fact(*ends) for ends in ("ab", "bc", "cd", "ca", "de")]
    assert list_around(facts, "A") == [fact(*ends) for ends in ("ab", "bc", "ca")]
    assert list_around(facts, "x") == []
    assert list_greatest(facts, 3) == [fact(*ends) for ends in ("ab", "bc", "ca")]
    assert list_greatest(facts, 5) == facts


def test_of_very_many_names_those_are_drawn_of_which_most_is_said(memory, monkeypatch):
    monkeypatch.setattr(knowledge, "NAMES", 2)
    found, html = knowledge.read(memory, "graph", {}), show(memory, "graph")
    assert found["is_cut"] and len(found["entities"]) == 2 and "of 3: what is said" in html


def test_names_that_have_no_room_are_no_stop_of_the_keyboard(memory):
    triples = "\n".join(f"- [hub, leads_to, a-name-of-some-length-{n}]" for n in range(90))
    put(memory.home, "hub", head("triples:", triples) + "# Hub\n")
    found, html = knowledge.read(memory, "graph", {}), show(memory, "graph")
    assert found["unit"] > 1
    hidden = sum(one.unit < found["unit"] for one in _draw_again(found))
    assert html.count('tabindex="-1" aria-label') == hidden > 0
    assert html.index("a-name-of-some-length-1") < html.rindex('aria-label="hub"'), "on top"
    stops = re.findall(
        r'<a class="dot[^>]*aria-label="([^"]+)"', re.sub('.*tabindex="-1".*', "", html)
    )
    assert stops == sorted(stops, key=str.casefold) and len(stops) > 1, (
        "the keyboard goes through names in order"
    )


def _draw_again(found):
    return picture.draw([row[:3] for row in found["triples"]]).entities


# --- an empty memory, and a large one


@pytest.mark.parametrize(
    ("part", "told"), [("", "mem-note"), ("graph", "mem-note"), ("health", "No problems")]
)
def test_an_empty_memory_says_what_would_be_there(home, part, told):
    html = show(board_home.open_memory(home), part)
    assert told in html and "<svg" not in html


def test_a_thousand_pages_are_read_once(home, monkeypatch):
    memory = board_home.open_memory(home)
    for n in range(1000):
        triple = f"triples: [[name-{n}, leads_to, name-{n * 7 % 300}]]"
        put(home, f"page-{n}", head(triple) + f"# Page {n}\n\nSee [[page-{n // 2}]].\n")
    for part in ("", "graph", "page-7.md"):
        show(memory, part)
    read: list[str] = []
    known, draw = page_files.read_page, picture.draw
    monkeypatch.setattr(page_files, "read_page", lambda *of: read.append(of[1]) or known(*of))
    monkeypatch.setattr(picture, "draw", lambda of: read.append("drawn") or draw(of))
    for part in ("", "graph", "page-7.md"):
        start = time.process_time()
        show(memory, part)
        assert time.process_time() - start < 3, part  # 0.1 and less where nothing else runs
    assert read == []
    put(home, "page-3", head() + "# Changed\n")
    assert "Changed" in show(memory, "page-3.md") and read == ["knowledge/page-3.md"]


def test_what_takes_long_is_done_once_for_all_who_wait(memory, monkeypatch):
    done: list[str] = []
    examine = knowledge._examine
    monkeypatch.setattr(knowledge, "_examine", lambda of: done.append("once") or examine(of))
    monkeypatch.setattr(knowledge, "_examined", {})
    with ThreadPoolExecutor(4) as pool:
        found = [*pool.map(lambda _: knowledge.read(memory, "health", {})["counts"], range(4))]
    assert done == ["once"] and found == [found[0]] * 4
    put(memory.home, "new", head() + "# New\n")
    assert knowledge.read(memory, "health", {})["counts"] != found[0], "again when a page changed"


def test_a_page_of_many_cells_is_shown_as_it_stands():
    """A row of one character has all cells of its table; and a few are a table still."""
    wide = ("|a" * 300 + "|\n" + "|-" * 300 + "|\n" + "|\n" * 218 + "\n") * 4
    assert markdown.render(LiveLinks(), str, wide, {}).startswith("<pre")
    few = "> |a|b|\n> |-|-|\n> |1|2|\n"
    assert "<table>" in markdown.render(LiveLinks(), str, few * 3, {})


def test_a_name_may_hold_a_newline(memory):
    home = memory.home
    for name in ("knowledge/a\nb.md", "knowledge/c\n.md"):
        with open(home.path(name), "w") as file:
            file.write("---\ntitle: odd\ntype: project\n---\n# odd\n")
        address = quote(f"/{name}")
        answer = ask(make_board(lambda: board_home.open_memory(home)), address)
        assert answer.status == 200, answer.text
