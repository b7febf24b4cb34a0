"""What may become a page, and what becomes of it: names, refusals, updates, the counter. Through
the library, as mem-note does."""

import json
import os
import subprocess
import sys
from datetime import date

import pytest
from plainmind.formats.log import injected_blocks
from plainmind.formats.page import page
from plainmind.formats.page.page_keys import LEGACY_TYPES
from plainmind.ground import anchored, clock, exchange, files
from plainmind.ground.environment import Environment
from plainmind.ground.errors import BadData, Failure, InputOutput, NoInput, NotPermitted
from plainmind.ground.settings import Settings
from plainmind.index import page_reading
from plainmind.memory import Memory, drafting, forgetting, writing
from plainmind.memory.drafting import PageDraft
from plainmind.truth.log.writer import EventDraft as Event
from plainmind.truth.log.writer import Log
from plainmind.truth.pages import lint, maintenance, page_files
from scene import NOW, ROOT, know
from unit.formats.test_injected_blocks import PERSONS

pytestmark = pytest.mark.usefixtures("unsynced", "known_for_long")

TEA = "Ann drinks green tea in the morning, never coffee, and never after six in the evening."
STAMP = "20260130t142355z"
KEY = "sk-proj-abcdefghijklmnopqrstuvwx123456"


class Notes:
    """One home, and mem-note on it."""

    def __init__(self, home):
        self.home, self.said = home, []
        os.makedirs(home.root, exist_ok=True)
        self.now, self.inside = NOW, False

    @property
    def memory(self) -> Memory:
        settings, env = Settings("", "config.toml", lambda name: ""), Environment(self.home.root)
        now = lambda: self.now
        return Memory(self.home, env, settings, now, self.said.append, inside=self.inside)

    def write(
        self,
        body: str,
        name: str = "",
        *,
        place: str = page_files.KNOWLEDGE,
        cites=(),
        force=False,
        **given,
    ):
        fields = drafting.fields(self.memory, {"type": "project", "source": "explicit", **given})
        return writing.write(self.memory, PageDraft(fields, body, name, place, cites), force=force)

    def update(self, name: str, body: str | None = None, cites=(), force=False, **given):
        return writing.update(
            self.memory, name, drafting.fields(self.memory, given), body, cites, force=force
        )

    def text(self, path: str) -> str:
        return files.read(self.home.path(path)).decode()

    def page(self, path: str) -> page.Page:
        return page_files.read_page(self.home, path)

    def names(self, place: str = page_files.KNOWLEDGE) -> list[str]:
        folder = self.home.path(place)
        return sorted(os.listdir(folder)) if os.path.isdir(folder) else []

    def everything(self) -> dict[str, bytes]:
        """All that is not the index's."""
        found = {}
        for folder, folders, names in os.walk(self.home.root):
            folders[:] = [name for name in folders if name != "index"]
            for path in [os.path.join(folder, name) for name in names]:
                found[path] = files.read(path)
        return found


@pytest.fixture
def note(home) -> Notes:
    return Notes(home)


# ---- a page


def test_a_page_says_what_it_was_given_and_nothing_else(note):
    event = Log(note.home).append("test/notes", [Event(NOW, "user", "tea, please", {})], NOW)[0]
    note.write("The first choice.", "coffee")
    written = note.write(
        f"# Green tea\n\n{TEA}", tags=["#drink", "habit"],
        triples=[["Ann", "drinks mostly", "green-tea"]], tier="L1",
        supersedes=["coffee"], valid_from="2026-01-01", valid_to="2026-12-31", cites=[event.ref],
    )  # fmt: skip
    digest = page.digest_content("tea, please")[:12]
    assert (written.ref, written.fresh) == ("knowledge/green-tea.md:1", True)
    text = note.text(written.path)
    assert text.startswith(
        "---\ndate: 2026-01-30\ntype: project\ntier: L1\ntags: [drink, habit]\n"
    ) and text.endswith(f"{TEA}\n")
    read = note.page(written.path)
    assert read.problems == []
    assert read.sources[0].ref == event.ref and read.sources[0].digest.startswith(digest)
    assert [each.triple for each in read.triples] == [("Ann", "drinks_mostly", "green-tea")]
    assert read.supersedes == ("coffee",)
    assert (read.valid_from, read.valid_to) == (date(2026, 1, 1), date(2026, 12, 31))
    assert os.stat(note.home.path(written.path)).st_mode & 0o777 == 0o600
    assert os.stat(note.home.path("knowledge")).st_mode & 0o777 == 0o700


@pytest.mark.parametrize("body, name", [
    ("# The auth service\n\ntext", "the-auth-service"),
    ("\n\n## Käse & Öl!\n", "kase-ol"),
    ("Ann doesn't like it, and says so whenever somebody asks her.",
        "ann-doesnt-like-it-and-says-so-whenever"),
    ("Чай", "page"),
    ("---\n\ntype user\n---\ntext", "type-user-text"),
    ("../../etc/passwd", "etc-passwd"),
    ("x" * 300, "x" * 60),
])  # fmt: skip
def test_a_name_is_made_of_the_title_or_the_first_words(note, body, name):
    written = note.write(body)
    assert written.path == f"knowledge/{name}.md"
    assert note.page(written.path).body.strip("\n") == body.strip("\n"), (
        "the text is what was given"
    )


def test_titles_that_give_one_name_are_numbered_and_each_can_be_written_again(note):
    bodies = [
        f"# Notes\n\n{word} is what this one is about, and about nothing but {word}."
        for word in ("tea", "rice", "music")
    ]
    paths = [note.write(body).path for body in bodies]
    assert paths == ["knowledge/notes.md", "knowledge/notes-2.md", "knowledge/notes-3.md"]
    before = note.everything()
    assert [note.write(body) for body in bodies] == [(path, False, ()) for path in paths]
    assert [note.write(body, force=True).path for body in bodies] == paths
    assert note.everything() == before, "the same command again changed something"


@pytest.mark.parametrize(
    "name", ["Tea", "a b", "../x", "x.md", "-x", "a--b", "", "ä", "x" * 97, "a/b", "tea\n"]
)
def test_what_is_no_name(name):
    with pytest.raises(BadData, match="is not a valid page name; use a-z, 0-9"):
        page.check_name(name)


def test_a_name_that_is_taken_and_one_that_only_looks_different(note):
    note.write(TEA, "green-tea")
    before = note.everything()
    for name in ("green-tea", "green_tea"):
        with pytest.raises(
            Failure,
            match=r"there is a page 'knowledge/green-tea.md' that says something else.*--update "
            r"green-tea",
        ) as said:
            note.write("Ben runs in the park.", name, force=True)
        assert said.value.code == 1
    assert note.everything() == before
    os.rename(note.home.path("knowledge/green-tea.md"), note.home.path("knowledge/Green Tea.md"))
    with pytest.raises(Failure, match="there is a page 'knowledge/Green Tea.md'"):
        note.write("Ben runs in the park.", "green-tea")
    assert note.write("# Green tea\n\nBen runs in the park.").path == "knowledge/green-tea-2.md", (
        "a link must not mean two"
    )


def test_of_two_pages_of_one_name_none_is_taken_for_the_other(note):
    for folder in ("a", "b"):
        os.makedirs(note.home.path("knowledge", folder), exist_ok=True)
        with open(note.home.path("knowledge", folder, "tea.md"), "w") as file:
            file.write(f"---\ndate: 2026-01-20\ntype: project\ntier: L2\n---\n{folder}\n")
    before = note.everything()
    for ask in (lambda: note.update("tea", "new"), lambda: note.write("New.", supersedes=["tea"])):
        with pytest.raises(BadData, match="'tea' may be knowledge/a/tea.md or knowledge/b/tea.md"):
            ask()
    assert note.everything() == before
    assert note.update("b/tea", "new").path == "knowledge/b/tea.md"
    written = note.write("Later.", "later", supersedes=["b/tea"]).path
    assert note.page(written).supersedes == ("b/tea",)
    assert list(lint.find_problems(note.home, [], NOW, str)) == []
    with open(note.home.path("knowledge", "tea.md"), "w") as file:
        file.write("Top.\n")
    assert page_files.find_page(note.home, "tea") == "knowledge/tea.md"


def test_the_same_command_again_changes_nothing_not_even_the_counter(note):
    first = note.write(TEA, tags=["drink"])
    before = note.everything()
    note.now += clock.DAY
    assert note.write(TEA, tags=["drink"]) == (first.path, False, ())
    assert note.everything() == before
    assert maintenance.read_writes(note.home).total == 1


def test_a_command_that_says_more_is_no_repetition(note):
    """It was: the tag was dropped, and the reference printed as if it were there."""
    note.write(TEA, tags=["drink"])
    with pytest.raises(Failure, match="says the same already; change it with --update") as said:
        note.write(TEA, tags=["drink", "habit"])
    assert said.value.code == 1
    note.write("Kept.", "named", tier="L2")
    with pytest.raises(Failure, match="there is a page 'knowledge/named.md'"):
        note.write("Kept.", "named", tier="L1")


# ---- near-duplicates


def test_a_near_duplicate_is_refused_with_its_name(note):
    note.write(TEA, "tea")
    match = r"'knowledge/tea.md' says \d\d% of it already; change it with --update tea, or insist"
    with pytest.raises(Failure, match=match) as said:
        note.write(TEA + " Always.")
    assert said.value.code == 1 and note.names() == ["tea.md"]
    insisted = note.write(TEA + " Always.", force=True)
    assert insisted.path == "knowledge/ann-drinks-green-tea-in-the-morning-never.md"
    note.write("Ann drinks coffee.")  # half of the words are others


def test_a_person_s_page_counts_though_nobody_indexed_it(note):
    files.replace(note.home.path("knowledge/Mine own.md"), f"no head\n{TEA}\n".encode())
    with pytest.raises(Failure, match=r"'knowledge/Mine own.md' says \d\d% of it already"):
        note.write(TEA)


def test_summaries_are_compared_with_summaries_and_observations_with_nothing(note):
    note.write(TEA, "tea")
    first = note.write(TEA, place=page_files.COMPACTION, type="compaction")
    assert first.path == f"raw/compaction/{STAMP}-ann-drinks-green-tea-in-the-morning-never.md"
    note.now += 60_000
    match = f"'{first.path}' says the same already; change it with --update {first.path}, or"
    with pytest.raises(Failure, match=match):
        note.write(TEA, place=page_files.COMPACTION, type="compaction")
    for _ in range(3):
        note.now += 60_000
        note.write(TEA, place=page_files.OBSERVATIONS)
    assert len(note.names(page_files.OBSERVATIONS)) == 3
    note.update(first.path, tier="L2", source="me")
    assert note.page(first.path).source == "me"


def test_a_named_observation_does_not_take_another_s_place(note):
    """It was: an error of the system's, with nothing but a path."""
    note.write("one thing", "seen", place=page_files.OBSERVATIONS)
    assert note.write("one thing", "seen", place=page_files.OBSERVATIONS).fresh is False
    match = rf"there is a page 'raw/observations/{STAMP}-seen.md' that says something else"
    with pytest.raises(Failure, match=match) as said:
        note.write("quite another", "seen", place=page_files.OBSERVATIONS)
    assert said.value.code == 1


def test_a_name_that_a_person_takes_at_that_moment(note, monkeypatch):
    make = anchored.create

    def late(path: str, data: bytes) -> None:
        monkeypatch.setattr(anchored, "create", make)
        files.replace(path, b"mine\n")
        make(path, data)

    monkeypatch.setattr(anchored, "create", late)
    assert note.write("# Tea\n\ntext").path == "knowledge/tea-2.md"
    assert note.text("knowledge/tea.md") == "mine\n"


# ---- what is no page


@pytest.mark.parametrize("given, said", [
    ({"type": "person"}, "unknown type 'person'; use one of user, project"),
    ({"tier": "L3"}, "unknown tier 'L3'"),
    ({"tags": ["user"]}, "the tag 'user' says a type or a tier"),
    ({"tags": ["#L1"]}, "the tag 'L1' says"),
    ({"tags": ["type:user"]}, "says a type"),
    ({"tags": ["a\nb"]}, "'tags' is not text on one line"),
    ({"tags": "a\nb"}, "'tags' is not text on one line"),
    ({"tags": 5}, "'tags' is not a list"),
    ({"triples": [["a", "is", "b"]]},
        "the predicate 'is' says nothing by itself; name the relation"),
    ({"triples": [["a", "has", "b"]]}, "the predicate 'has' says nothing"),
    ({"triples": [["a", "Related To", "b"]]}, "the predicate 'Related To' says nothing"),
    ({"triples": [["a", "owns"]]}, "a triple has a subject, a predicate and an object"),
    ({"triples": [["a", "owns", " "]]}, "a triple has"),
    ({"triples": [["a", "--", "b"]]}, "a triple has"),
    ({"triples": "abc"}, "'triples' is not a list"),
    ({"date": "someday"}, "'someday' is not a day; write it as 2026-01-30 or yesterday"),
    ({"date": "2026-02-30"}, "is not a day"),
    ({"date": "03/04/2026"}, "may mean 2026-03-04 or 2026-04-03"),
    ({"valid_from": "2026-02-01", "valid_to": "2026-01-01"}, "valid_to is before valid_from"),
    ({"source": "a\x1b[0m"}, "'source' is not text on one line"),
    ({"source": "a\udcff"}, "'source' is not text on one line"),
    ({"source": 5}, "'source' is not text"),
])  # fmt: skip
def test_fields_that_do_not_fit(note, given, said):
    with pytest.raises(BadData) as failure:
        note.write("text", **given)
    assert said in str(failure.value)
    assert note.names() == []


@pytest.mark.parametrize("given, error", [
    ({"supersedes": ["nowhere"]}, NoInput), ({"image": "raw/images/x.png"}, NoInput),
    ({"image": "../x.png"}, NotPermitted),
    ({"image": "/etc/passwd"}, NotPermitted),
    ({"cites": ["logs/test/notes/20260130T142355Z.md:3"]}, NoInput),
    ({"cites": ["rubbish"]}, Failure), ({"cites": ["/etc/passwd:1"]}, NotPermitted),
])  # fmt: skip
def test_what_it_points_at_must_be_there(note, given, error):
    with pytest.raises(error):
        note.write("text", **given)
    assert note.names() == []


@pytest.mark.parametrize(
    "said, expected",
    [("8 May 2026", "2026-05-08"), ("2026/05/08", "2026-05-08"), (" 2026-05-08 ", "2026-05-08")],
)
def test_a_day_may_be_written_as_people_do(note, said, expected):
    assert str(note.page(note.write("text", date=said).path).day) == expected


def test_a_picture_is_shown_in_the_body_once(note):
    for name in ("cat.png", "my cat.png"):
        files.replace(note.home.path("raw/images", name), b"\x89PNG")
    first = note.write("A cat.", image=note.home.path("raw/images/cat.png"))
    assert note.text(first.path).endswith(
        "image: raw/images/cat.png\n---\n\nA cat.\n\n![](../raw/images/cat.png)\n"
    )
    second = note.write(
        "Here ![a cat](raw/images/cat.png) it sits, on the mat.", image="raw/images/cat.png"
    )
    assert note.text(second.path).count("raw/images/cat.png") == 2
    third = note.write("Another, in the garden.", image="raw/images/my cat.png")
    assert note.text(third.path).endswith("\n\n![](<../raw/images/my cat.png>)\n")
    assert all(note.page(each.path).problems == [] for each in (first, second, third))
    assert note.write("A cat.", image="raw/images/cat.png").fresh is False


CAT = "![](../raw/images/cat.png)"


@pytest.mark.parametrize("before, given, after", [
    (f"A cat.\n\n{CAT}\n", {"body": "A black cat."}, f"A black cat.\n\n{CAT}\n"),
    (f"A cat.\n\n{CAT}\n", {"body": f"{CAT} of mine"}, f"{CAT} of mine\n"),
    (f"A cat.\n\n{CAT}\n", {"body": "![[cat.png]]"}, "![[cat.png]]\n"),
    (f"A cat.\n\n{CAT}\n", {"tier": "L1"}, f"A cat.\n\n{CAT}\n"),
    (f"Here {CAT} it is.\n\n\n", {"image": "raw/images/dog.png"},
        "Here ![](../raw/images/dog.png) it is.\n\n\n"),
    (f"A cat.\n\n{CAT}\n", {"image": "raw/images/dog.png", "body": "A dog."},
        "A dog.\n\n![](../raw/images/dog.png)\n"),
    (f"A cat.\n\n{CAT}\n", {"image": ""}, "A cat.\n"),
    (f"A {CAT} cat.\n", {"image": ""}, "A  cat.\n"),
    (f"`{CAT}`\n", {"tier": "L1"}, f"`{CAT}`\n\n{CAT}\n"),
])  # fmt: skip
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_a_picture_stays_in_the_body_through_updates(note, before, given, after, newline):
    for name in ("cat.png", "dog.png"):
        files.replace(note.home.path("raw/images", name), b"\x89PNG")
    head = "---\ndate: 2026-01-20\ntype: project\ntier: L2\nimage: raw/images/cat.png\n---\n\n"
    data = (head + before).replace("\n", newline).encode()
    files.replace(note.home.path("knowledge/pet.md"), data)
    note.update("pet", **given)
    made = note.text("knowledge/pet.md").replace(newline, "\n")
    assert made.partition("---\n\n")[2] == after
    assert not [p for p in note.page("knowledge/pet.md").problems if p.code == "image"]


@pytest.mark.parametrize("given, written, said", [
    ({"triples": [["carol", "uses_model", "DeepSeek V4"]]}, "DeepSeek V4", []),
    ({"triples": [["carol", "uses model", "auth service"]]}, "[carol, uses_model, auth-service]",
        ["predicate 'uses model' is written 'uses_model'",
         "name 'auth service' is written 'auth-service'"]),
    ({"triples": [["Ann  Lee", "owns", " x "]]}, "[Ann Lee, owns, x]",
        ["name 'Ann  Lee' is written 'Ann Lee'"]),
    ({"tags": ["#auth", "API"]}, "[auth, API]", ["tag '#auth' is written 'auth'"]),
    ({"date": "8 May 2026"}, "2026-05-08", ["date '8 May 2026' is written '2026-05-08'"]),
    ({"date": "2026-01-30T10:00:00Z"}, "2026-01-30",
        ["date '2026-01-30T10:00:00Z' is written '2026-01-30'"]),
    ({"valid_to": "2027/1/1"}, "2027-01-01", ["valid_to '2027/1/1' is written '2027-01-01'"]),
    ({"date": "2026-01-30", "tags": ["auth"], "source": "me"}, "auth", []),
])  # fmt: skip
def test_what_is_written_otherwise_than_given_is_said(note, given, written, said):
    path = note.write("Tokens, not sessions.", **given).path
    assert written in note.text(path)
    assert note.said == [f"the {line}" for line in said]


def test_what_an_older_type_became_is_kept_as_before(note):
    """pi-mind never deleted a page of a type it did not know; a fix must not let one expire."""
    for kind in LEGACY_TYPES:
        data = f"---\ndate: 2020-01-01\ntype: {kind}\n---\nAbout {kind}.\n".encode()
        files.replace(note.home.path(f"knowledge/{kind}.md"), data)
    assert list(lint.fix(note.home, [], dry=False))
    assert {note.page(f"knowledge/{kind}.md").type for kind in LEGACY_TYPES} == {
        "user", "project", "agent-feedback", "reference",
    }  # fmt: skip
    assert forgetting.past(note.memory) == []
    note.inside = True
    with pytest.raises(NotPermitted):
        note.update("note", tags=["x"], tier="L2")
    note.inside = False
    note.update("note", tags=["x"], tier="L2")
    assert [each.path for each in forgetting.past(note.memory)] == ["knowledge/note.md"]


BLOCK = 'INJECTED_CONTEXT_KNOWLEDGE\n{"pages":[{"name":"tea","content":"x"}]}\n'


@pytest.mark.parametrize("body, said", [
    ("", "nothing to write; give the text on standard input"),
    ("\n \n", "nothing to write"),
    ("a\0b", "a NUL in the body"),
    ("a\ud800b", "half of a surrogate pair"),
    ("a\udcffb", "half of a surrogate pair"),
    ("x" * (drafting.LARGEST + 1), "a body of more than 256 KB; make several pages of it"),
    ("ä" * (drafting.LARGEST // 2 + 1), "a body of more than 256 KB"),
    (f"He said:\n{BLOCK}",
        "a block that a recall had injected is not knowledge; say it in your own words"),
    (BLOCK.replace("KNOWLEDGE", "RELEVANT_MEMORIES"), "a block that a recall had injected"),
    ("INJECTED_CONTEXT_KNOWLEDGE", "a block that a recall had injected"),
    (f"the key\nis {KEY}",
        "<stdin>:2: something that looks like a secret; leave it out, or give --force if it is not "
        "a secret"),
])  # fmt: skip
def test_bodies_that_are_no_knowledge(note, body, said):
    changed = body or "\0" if "NUL" in said else body
    for attempt in (lambda: note.write(body), lambda: note.update("there", changed)):
        if not body.strip() and attempt.__code__.co_names == ("update",):
            continue
        with pytest.raises(BadData) as failure:
            attempt()
        assert said in str(failure.value) and KEY not in str(failure.value)
    assert note.names() == []


@pytest.mark.parametrize("said", PERSONS)
def test_a_person_s_words_that_look_like_an_echo_are_knowledge(note, said):
    """They were lost in the index, refused, and reported as a recall's block."""
    path = note.write(f"First.\n\n{said}\n\nLast.", name="page").path
    passages = page_reading.record(note.text(path).encode(), path).passages
    assert said in "\n".join(text for _, text in passages)
    assert "recalled" not in {each.code for each in lint.find_problems(note.home, [], NOW, str)}
    note.inside = True
    if injected_blocks.strip(said) != said:
        with pytest.raises(BadData, match="a block that a recall had injected"):
            note.write(said)


def test_triples_alone_are_something_to_write(note):
    written = note.write("", triples=[["ann", "owns", "auth"]])
    assert written.path == "knowledge/page.md" and note.page(written.path).problems == []


def test_a_body_as_large_as_may_be(note):
    words = " ".join(str(n) for n in range(50_000))[: drafting.LARGEST - 2] + "."
    assert note.page(note.write(words).path).body.strip() == words


def test_a_secret_of_the_home_s_own_and_how_to_insist(note):
    files.replace(note.home.path(".env"), b"MY_TOKEN=correct-horse-battery\n")
    secret = "correct-horse-battery"
    for given in ({"body": f"it is {secret}"}, {"body": "text", "tags": [secret]}):
        with pytest.raises(BadData, match="looks like a secret") as failure:
            note.write(**given)
        assert "correct-horse" not in str(failure.value)
    with pytest.raises(BadData, match="looks like a secret"):
        note.update("there", source="correct-horse-battery")
    assert "correct-horse-battery" in note.text(
        note.write("it is correct-horse-battery", "told", force=True).path
    )


def test_what_a_pipe_gives(note):
    assert (
        drafting.body_of("\ufeffone\r\ntwo\u2028\x85three\rfour\n".encode())
        == "one\ntwo\u2028\x85three\rfour\n"
    )
    with pytest.raises(BadData, match=r"<stdin>:2: not valid UTF-8"):
        drafting.body_of(b"one\ntwo\xff")


@pytest.mark.parametrize(
    "body",
    ["one\rtwo", "a\u2028b\x85c", "---\n---\n---", "...", "\t tabs", "\ufeff mark"]
    + ["a\n\n\n\nb", "[[x]] {y} %z"],
)
def test_a_body_comes_back_as_it_was(note, body):
    assert note.page(note.write(body, "it").path).body == f"\n{body}\n"


# ---- updates


PERSON = """---
# my own comment
date: 2025-05-08   # when we moved
mood: "sunny"
type: project
tags: [one]
tier: L2
---

Old text.
"""


@pytest.fixture
def there(note) -> Notes:
    files.replace(note.home.path("knowledge/there.md"), PERSON.encode())
    return note


def test_an_update_changes_what_it_is_given(there):
    assert there.update("there", tier="L1", tags=["two", "three"]).ref == "knowledge/there.md:1"
    assert there.text("knowledge/there.md") == PERSON.replace("tier: L2", "tier: L1").replace(
        "[one]", "[two, three]"
    )
    there.update("there", tags=[""], source="me", valid_to="2027-01-01")
    assert there.text("knowledge/there.md") == PERSON.replace("tier: L2", "tier: L1").replace(
        "tags: [one]\n", ""
    ).replace("L1\n", "L1\nsource: me\nvalid_to: 2027-01-01\n")
    there.update("there", source="", valid_to="")
    assert "source" not in there.text("knowledge/there.md") and "valid_to" not in there.text(
        "knowledge/there.md"
    )
    assert maintenance.read_writes(there.home).total == 3


def test_a_new_body_dates_it_today_unless_a_day_is_given(there):
    there.update("There", "New text.\n")
    assert there.text("knowledge/there.md") == PERSON.replace("2025-05-08 ", "2026-01-30 ").replace(
        "Old", "New"
    )
    there.update("knowledge/there.md", "Newest text.", date="2025-12-24")
    assert there.text("knowledge/there.md") == PERSON.replace("2025-05-08 ", "2025-12-24 ").replace(
        "Old", "Newest"
    )
    there.update("there", tier="L1")
    assert there.page("knowledge/there.md").day == date(2025, 12, 24), "a field is no new text"


def test_an_update_with_a_source_and_with_line_ends_of_windows(there):
    event = Log(there.home).append("test/notes", [Event(NOW, "user", "tea, please", {})], NOW)[0]
    files.replace(there.home.path("knowledge/there.md"), PERSON.replace("\n", "\r\n").encode())
    there.update("there", "one\ntwo", cites=[event.ref])
    text = there.text("knowledge/there.md")
    assert text.count("\n") == text.count("\r\n") and text.endswith("one\r\ntwo\r\n")
    assert there.page("knowledge/there.md").sources[0].ref == event.ref
    assert "# my own comment\r\n" in text


@pytest.mark.parametrize("name, error, said", [
    ("nowhere", NoInput, "no page 'nowhere'; see the names with: ls"),
    ("../../etc/passwd", NoInput, "no page 'passwd'"),
    ("raw/compaction/there.md", NoInput, "no page 'there'"),
])  # fmt: skip
def test_an_update_of_what_is_not_there(there, name, error, said):
    with pytest.raises(error, match=said):
        there.update(name, tier="L1")
    assert maintenance.read_writes(there.home).total == 0


@pytest.mark.parametrize(
    "data",
    [
        b"no head\n",
        b"---\ntype: [user\n---\n",
        b"---\nunended: x\n",
        b"\xff\xfe---\n",
        b"---\n{type: user}\n---\nx\n",
    ],
)
def test_a_page_that_cannot_be_changed_safely_stays(note, data):
    files.replace(note.home.path("knowledge/there.md"), data)
    with pytest.raises(BadData, match=r"knowledge/there.md|braces"):
        note.update("there", tier="L1")
    assert files.read(note.home.path("knowledge/there.md")) == data and note.names() == ["there.md"]


def test_a_person_s_save_at_the_same_moment_is_kept(there, monkeypatch):
    """They save after we looked and before the exchange: theirs goes back, and ours is made on
    it."""
    swap, saves = exchange.swap, [PERSON.replace("Old", "My own")]

    def late(one: str, other: str) -> bool:
        if saves:
            files.replace(other, saves.pop().encode())
        return swap(one, other)

    monkeypatch.setattr(exchange, "swap", late)
    assert there.update("there", tier="L1").conflicts == []
    assert there.text("knowledge/there.md") == PERSON.replace("Old", "My own").replace(
        "tier: L2", "tier: L1"
    )
    assert there.names() == ["there.md"]


def test_a_save_that_collides_is_kept_beside_the_page_and_told(there, monkeypatch):
    """They save while their last save is out of the way, and without it."""
    swap, path = exchange.swap, there.home.path("knowledge/there.md")
    saves = [PERSON.replace("Old", "My first"), PERSON.replace("Old", "My second")]

    def late(one: str, other: str) -> bool:
        if len(saves) == 2:
            files.replace(other, saves.pop(0).encode())
        return swap(one, other)

    def meanwhile(seconds: float) -> None:
        if seconds == exchange.SETTLING and saves:
            files.replace(path, saves.pop(0).encode())

    monkeypatch.setattr(exchange, "swap", late)
    monkeypatch.setattr(clock, "sleep", meanwhile)
    written = there.update("there", tier="L1")
    assert there.text("knowledge/there.md") == PERSON.replace("Old", "My second").replace(
        "tier: L2", "tier: L1"
    )
    kept = [files.read(path).decode() for path in written.conflicts]
    assert kept == [PERSON.replace("Old", "My first")]
    assert os.path.basename(written.conflicts[0]).startswith("there (conflict ")


# ---- one JSON object a line


def draft(note, **value) -> PageDraft:
    return drafting.from_json(note.memory, json.dumps(value).encode())


def test_a_line_of_json_is_a_page(note):
    lists = {"tags": ["a"], "triples": [["a", "owns", "b"]]}
    given = draft(note, body="text", type="user", name="it", **lists, source=None, tier="L1")
    assert (given.name, given.body, given.fields["tier"]) == ("it", "text", "L1")
    assert "source" not in given.fields
    assert writing.write(note.memory, given).ref == "knowledge/it.md:1"


@pytest.mark.parametrize("line, said", [
    (b"{", "not valid JSON"), (b"\xff", "not valid JSON"), (b"[" * 100_000, "not valid JSON"),
    (b"[]", "no 'body'"),
    (b"null", "no 'body'"),
    (b'{"body":5,"type":"user"}', "no 'body'"), (b'{"body":"x"}', "no 'type'; use one of user"),
    (b'{"body":"x","type":"user","mood":"sunny"}', "unknown key 'mood'; use date, type"),
    (b'{"body":"x","type":["user"]}', "unknown type"),
    (b'{"body":"x","type":"user","name":"A b"}', "is not a valid page name"),
    (b'{"body":"x","type":"user","name":5}', "'name' is not text"),
    (b'{"body":"x","type":"user","tags":{"a":1}}', "'tags' is not a list"),
    (b'{"body":"x","type":"user","sources":5}', "'sources' is not a list"),
    (b'{"body":"x","type":"user","date":20260508}', "'date' is not text"),
    (b'{"body":"x","type":"user","triples":[["a","owns",1]]}', "'triples' is not text"),
    (b'{"body":"x","type":"user","tier":1}', "unknown tier '1'"),
    (b'{"body":"a\\ud800","type":"user"}', "half of a surrogate pair"),
    (b'{"body":"a\\u0000","type":"user"}', "a NUL"),
])  # fmt: skip
def test_a_line_that_is_none(note, line, said):
    with pytest.raises(BadData) as failure:
        writing.write(note.memory, drafting.from_json(note.memory, line))
    assert said in str(failure.value)


def test_a_bad_line_stops_no_other(note):
    """Half a surrogate pair did: it was an error of Python's, and the end."""
    lines = [b'{"body":"the first of them","type":"user"}', b'{"body":"a\\ud800","type":"user"}',
        b"rubbish", b"",
             b'{"body":"and something else entirely","type":"user"}']  # fmt: skip
    ended = subprocess.run(
        [os.path.join(ROOT, "bin", "mem-note"), "--jsonl"], input=b"\n".join(lines),
        capture_output=True,
        env={"PATH": os.environ["PATH"], "MIND_HOME": note.home.root},
    )  # fmt: skip
    assert ended.stdout.split() == [
        b"knowledge/the-first-of-them.md:1",
        b"knowledge/and-something-else-entirely.md:1",
    ]
    said = ended.stderr.decode().splitlines()
    assert len(said) == 2 and "<stdin>:2: half of a surrogate" in said[0]
    assert "<stdin>:3: not valid JSON" in said[1]
    assert ended.returncode == 65


# ---- the counter, and retention


def counter(home) -> dict:
    return json.loads(files.read(home.path("raw/maintenance-log/last-forget.json")))


def an_old_page(note, name: str = "old") -> str:
    files.replace(
        note.home.path(f"knowledge/{name}.md"),
        b"---\ndate: 2020-01-01\ntype: reference\ntier: L2\n---\n\nan old thing of no use\n",
    )
    return note.home.path(f"knowledge/{name}.md")


def test_retention_runs_at_exactly_the_50th_write(note):
    old = an_old_page(note)
    note.write("Something new, with words of its own.", "new")
    for n in range(2, 50):
        note.update("new", source=f"write {n}")
    assert os.path.exists(old) and counter(note.home)["writes"] == 49
    note.update("new", source="write 50")
    assert not os.path.exists(old)
    now = clock.to_text(NOW)
    assert counter(note.home) == {"writes": 0, "total": 50, "first": now, "time": now}
    assert note.said == ["retention deleted 1 file; see 'mem-lint --prune' and raw/maintenance-log"]
    old = an_old_page(note)
    for n in range(51, 100):
        note.update("new", source=f"write {n}")
    assert os.path.exists(old)
    note.write("The hundredth thing that was ever written here.", "hundred")
    assert not os.path.exists(old) and counter(note.home)["total"] == 100


def test_the_counter_is_of_the_home_not_of_the_process(note):
    old = an_old_page(note)
    know(note.home, "knowledge/old.md")
    write = (
        "import sys; sys.path[:0] = sys.argv[2:]\n"
        "from test_notes import Notes; from plainmind.ground import files\n"
        "from plainmind.ground.paths import Home\n"
        "files.sync = lambda fd: None; note = Notes(Home(sys.argv[1]))\n"
        "note.write('once', 'it') if not note.names() or 'it.md' not in note.names() else None\n"
        "for n in range(25): note.update('it', source=str(n))"
    )
    where = [os.path.join(ROOT, "tests"), os.path.dirname(__file__)]
    for n in range(2):
        assert os.path.exists(old), f"after {n * 25 + 1} writes"
        subprocess.run([sys.executable, "-c", write, note.home.root, *where], check=True)
    after = counter(note.home)
    assert not os.path.exists(old) and (after["total"], after["writes"]) == (51, 1)


@pytest.mark.parametrize("data", [
    b"", b"{", b"[]", b"null", b"\xff\0", b'{"writes":"49","total":null,"first":7,"time":"never"}',
    b'{"writes":-3,"total":1e9}',
    b'{"writes":true}', b"[" * 100_000, b'{"writes":99999999999999999999999999}',
])  # fmt: skip
def test_a_damaged_counter_begins_again(note, data):
    files.replace(note.home.path("raw/maintenance-log/last-forget.json"), data)
    note.write("text")
    assert counter(note.home) == {"writes": 1, "total": 1, "first": clock.to_text(NOW), "time": ""}


def test_a_retention_that_fails_takes_no_write_back(note, monkeypatch):
    """It was: the page was there, its reference was not printed, and so with every write from then
    on."""
    old = an_old_page(note)
    note.write("Something new, with words of its own.", "new")
    maintenance._put(note.home, maintenance.read_writes(note.home)._replace(since=49))
    with monkeypatch.context() as patch:

        def failing(*_):
            raise InputOutput("no space left", place="index/mind.db")

        patch.setattr(forgetting, "_out_of_index", failing)
        assert note.update("new", source="50").ref == "knowledge/new.md:1"
    assert note.said == ["retention could not end: index/mind.db: no space left"]
    assert counter(note.home)["writes"] == 50, "it is due"
    note.update("new", source="51")
    assert not os.path.exists(old) and counter(note.home)["writes"] == 0


def test_a_write_clears_up_after_one_that_was_killed(note):
    for name in (".tea.md.999999999-0.tmp", f".tea.md.999999999-1.{'0' * 16}-{'1' * 16}.swap"):
        files.replace(note.home.path("knowledge", name), b"half of wha")
    note.write("# Tea\n\ntext")
    assert "tea.md" in note.names() and not [name for name in note.names() if name.startswith(".")]
    kept = [name for name in note.names() if name != "tea.md"]
    assert [note.text(f"knowledge/{name}") for name in kept] == ["half of wha"] * len(kept), (
        "what may be a person's is kept"
    )


# --- what the agent may do, from inside its sandbox


@pytest.mark.parametrize("given", [
    {"type": "reference"}, {"type": "agent-feedback"}, {"date": "2000-01-01"},
    {"type": "reference", "date": "2000-01-01"},
])  # fmt: skip
def test_the_agent_cannot_let_a_page_age(note, given):
    note.write(TEA, "tea", type="user")
    before = note.everything()
    note.inside = True
    with pytest.raises(NotPermitted, match="would be deleted earlier"):
        note.update("tea", **given)
    assert note.everything() == before
    note.inside = False
    assert note.update("tea", **given).fresh, "a person may"


def test_the_agent_may_date_a_page_later_and_keep_it_longer(note):
    note.write(TEA, "tea", type="reference", date="2026-01-01")
    note.inside = True
    note.update("tea", type="user", date="2026-01-20", tags=["drinks"])
    read = note.page("knowledge/tea.md")
    assert (read.type, str(read.day), list(read.tags)) == ("user", "2026-01-20", ["drinks"])
    assert note.names(page_files.OBSERVATIONS) == []


def test_what_the_agent_replaces_is_kept_for_the_audit(note):
    note.write(TEA, "tea", type="user")
    old = files.read(note.home.path("knowledge/tea.md"))
    note.inside = True
    note.update("tea", "Ann drinks coffee.")
    assert note.page("knowledge/tea.md").body.strip() == "Ann drinks coffee."
    assert note.names(page_files.OBSERVATIONS) == [f"{STAMP}-tea-before.md"]
    assert files.read(note.home.path(f"raw/observations/{STAMP}-tea-before.md")) == old
    note.inside = False
    note.update("tea", "Ann drinks milk.")
    assert len(note.names(page_files.OBSERVATIONS)) == 1, "a person's change is theirs"


def test_a_text_with_a_head_of_its_own_is_no_body(note):
    with pytest.raises(BadData, match="frontmatter of its own"):
        note.write("---\ndate: 2026-01-01\ntype: user\n---\nText.", "tea")
    assert note.names() == []
