"""Excerpts and the injected block: within their budgets, cut at words, the same bytes for the same
hits."""

import json
import re
import time

import pytest
from hostile import texts
from hypothesis import example, given
from hypothesis import strategies as st
from plainmind.formats import words as grammar
from plainmind.formats.evidence import Scope
from plainmind.formats.log import injected_blocks
from plainmind.ground import tokens
from plainmind.recall import inject, rank
from plainmind.recall.search import Hit, Query
from plainmind.truth.log.writer import EventDraft, Log
from scene import NOW
from unit.index import stores

words = st.lists(
    st.sampled_from(
        ["pm2", "restart", "hangs", "a", "日本語", "naïve", "🚀", "x" * 60, "\n", "\t", "end."]
    ),
    max_size=120,
).map(" ".join)
contents = st.one_of(words, texts)


@given(
    content=contents,
    terms=st.lists(st.sampled_from(["pm2", "restart", "hang", "naiv", "日", "nowhere"])),
    most=st.integers(1, 80),
)
@example("~~~~\n![[picture.png]]!\\[!\\[\\u202800\U000200000", [], 9)  # an ideograph that is rare
def test_an_excerpt_is_a_stretch_of_whole_words_within_its_budget(content, terms, most):
    part = inject.excerpt(content, terms, most)
    line = " ".join("".join(map(inject.visible, content)).split())
    assert tokens.estimate(part.text) <= most
    assert part == inject.excerpt(content, terms, most)
    assert part.truncated == (part.text != line)
    said = part.text
    if not part.truncated:
        assert len(line) <= 4 * most
        return
    assert said.startswith("…") or said.endswith("…")
    before, after = said.startswith("…"), said.endswith("…")
    said = said.removeprefix("…").removesuffix("…") if not line.startswith("…") else said
    if "…" in line:
        return
    assert said in line
    if not before:
        assert line.startswith(said)
    if not after:
        assert line.endswith(said)
    # whole words, unless one word alone is too long, or there are no spaces between them
    spaced = [match.span() for match in re.finditer(r"\S+", line)]
    if " " in said and grammar.pieces(line, len(line)) == spaced:
        assert f" {said} " in f" {line} "


@given(
    count=st.integers(1, 300),
    place=st.integers(0, 299),
    most=st.integers(8, 60),
    word=st.sampled_from(["word", "it", "thirteenchars"]),
)
def test_an_excerpt_shows_the_part_that_matched(count, place, most, word):
    parts = [word] * count
    parts[min(place, count - 1)] = "restarting"
    assert "restarting" in inject.excerpt(" ".join(parts), ["restart"], most).text


def hit(number: int, content: str, pinned: bool = False) -> Hit:
    path, pick = "logs/test/1/20260130T142355Z.md", rank.Pick(number, 1, 1, 1, 0, pinned, 0, 1)
    return Hit(path, 3 * number, "2026-01-30T14:23:55.120Z", "user", "", "test/1", content, pick)


def printed(value) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


escapes = st.integers(1, 300).map(lambda n: '"\\' * n)
scripts = st.sampled_from(
    [
        "日本語" * 200,
        "Привет мир " * 90,
        "नमस्ते दुनिया " * 70,
        "한국어 " * 150,
        "🚀👩‍👩‍👧" * 80,
        "x" * 3000,
    ]
)


@given(
    said=st.lists(
        st.tuples(st.one_of(contents, escapes, scripts), st.sampled_from([False, False, True])),
        max_size=12,
    ),
    budget=st.integers(1, 1500),
    most=st.integers(1, 300),
    terms=st.lists(st.sampled_from(["pm2", "hang"])),
)
@example([("pm2", True), *[('"\\', True)] * 2, ('"\\' * 3, False)], 178, 2, [])
def test_a_block_never_exceeds_its_budget(said, budget, most, terms):
    hits = [hit(n, *each) for n, each in enumerate(said, 1)]
    fitted = inject.fit(hits, terms, budget, most)
    block = inject.block(fitted.shown, budget)
    assert block == inject.block(inject.fit(list(hits), list(terms), budget, most).shown, budget)
    assert len(fitted.shown) + len(fitted.dropped) == len(hits)
    assert [m.hit.line for m in fitted.shown] == sorted(m.hit.line for m in fitted.shown)
    assert len(block) <= 4 * budget
    empty = [h for h, why in fitted.dropped if why == "empty"]
    assert all(not inject.excerpt(h.content, [], 9).text for h in empty)
    if not block:
        return
    first, body, end = block.split("\n")
    value = json.loads(body)
    assert (first, end) == ("INJECTED_CONTEXT_RELEVANT_MEMORIES", "")
    assert list(value)[:2] == ["budget_tokens_est", "memories"]
    assert value["budget_tokens_est"] == budget
    assert "not instructions" in value["note"]
    for entry in value["memories"]:
        assert list(entry) == ["path", "line", "excerpt", "truncated", "timestamp"]
        assert len(printed(entry["excerpt"])) - 2 <= 4 * most
    # pins have more than half only of what nobody else wants
    others = [h for h, _ in fitted.dropped if not h.pick.pinned and h not in empty]
    others += [m.hit for m in fitted.shown if not m.hit.pick.pinned and m.truncated]
    others = [h for h in others if len(printed(h.content)) - 2 <= 4 * most]  # for want of room
    of_pins = [m.entry() for m in fitted.shown if m.hit.pick.pinned]
    if others:
        assert len(printed(of_pins)) <= 2 * budget


LONG = " ".join(f"word{n}" for n in range(400))


@pytest.mark.parametrize(
    "said, budget, lengths",
    [
        # 1,000 tokens have room for eight memories: the long ones share what the short ones leave
        ([LONG] * 8, 1000, [340] * 8),
        ([LONG, "short", LONG], 1000, [1000, 5, 1000]),
        (["short", LONG, LONG], 500, [5, 760, 760]),
        # not 60 tokens of the third
        ([LONG] * 3, 290, [375, 375]),
        # as many as have room for 60 tokens each
        ([LONG] * 16, 1000, [256] * 10),
    ],
)
def test_excerpts_shrink_before_a_memory_is_left_out(said, budget, lengths):
    hits = [hit(n, content) for n, content in enumerate(said, 1)]
    fitted = inject.fit(hits, [], budget, 250)
    found = [len(memory.excerpt) for memory in fitted.shown]
    assert len(found) == len(lengths)
    for length, about in zip(found, lengths, strict=True):
        assert about * 0.9 <= length <= about * 1.1
    assert [why for _, why in fitted.dropped] == ["budget"] * (len(said) - len(found))


def test_of_what_scores_about_the_same_the_newest_stands_first():
    said = [
        ("old", 0.9, 1),
        ("new", 0.89, 3),
        ("newer", 0.5, 9),
        ("mid", 0.49, 5),
        ("last", 0.4, 7),
    ]
    hits = [
        hit(n, text)._replace(
            timestamp=f"2026-01-0{day}", pick=rank.Pick(n, score, 1, 1, 0, n == 5, 0, 1)
        )
        for n, (text, score, day) in enumerate(said, 1)
    ]
    shown = inject.fit([hits[4], *hits[:4]], [], 1000, 250).shown
    assert [memory.excerpt for memory in shown] == ["last", "new", "old", "newer", "mid"]
    assert inject.most(1000) == 16


def test_pins_share_half_of_the_room_and_have_what_others_leave():
    pins = [hit(n, LONG, True) for n in range(1, 5)]
    room = len(inject.block(inject.fit(pins, [], 1000, 250).shown, 1000))
    assert room > 3800
    both = inject.fit([*pins, *(hit(n, LONG) for n in range(5, 9))], [], 1000, 250).shown
    of_pins = sum(len(m.excerpt) for m in both if m.hit.pick.pinned)
    assert 0.4 < of_pins / sum(len(m.excerpt) for m in both) < 0.55
    few = inject.fit([*pins, hit(5, "short")], [], 1000, 250).shown
    assert sum(len(m.excerpt) for m in few if m.hit.pick.pinned) > 0.75 * room


MARKERS = [injected_blocks.MEMORIES, injected_blocks.KNOWLEDGE]
PARTS = ["\n", "\n\n", "\n{", '{"a": ', '"b', ", ", *'{}"1[] \rx\u2028']
plain = st.lists(
    st.sampled_from(["hello", "\n", "{", "}", '"', "world?", "\n\n", "  ", "日本"]), max_size=8
).map("".join)
bodies = st.lists(contents, min_size=1, max_size=3)


def a_block(marker: str, said: list[str]) -> str:
    memories = [
        inject.MomentExcerpt(hit(n, s), *inject.excerpt(s, [], 50)) for n, s in enumerate(said)
    ]
    block = inject.block(memories, 1000)
    return block.replace(injected_blocks.MEMORIES, marker, 1)


@given(before=plain, said=bodies, after=plain, marker=st.sampled_from(MARKERS), again=st.booleans())
def test_a_block_is_taken_out_and_nothing_else(before, said, after, marker, again):
    before = f"{before}\n" if before else ""
    text = before + a_block(marker, said) + (a_block(MARKERS[0], said) if again else "") + after
    assert injected_blocks.strip(text) == before + after


@given(
    before=plain, said=bodies, after=plain, marker=st.sampled_from(MARKERS), cut=st.integers(1, 400)
)
def test_a_block_that_was_cut_off_goes_up_to_the_next_empty_line(before, said, after, marker, cut):
    before = f"{before}\n" if before else ""
    block = a_block(marker, said)
    head = block.index("\n") + 1
    part = block[: min(head + cut, len(block) - 2)]
    after = after.replace("}", "")  # it could make a whole object of a block that is only '{'
    assert injected_blocks.strip(before + part) == before
    assert injected_blocks.strip(f"{before}{part}\n\n{after}") in (
        f"{before}\n{after}",
        before + after,
    )


@given(text=plain)
def test_what_holds_no_block_stays(text):
    assert injected_blocks.strip(text) == text
    quoted = text + " mentions INJECTED_CONTEXT_RELEVANT_MEMORIES in a sentence"
    assert "mentions" in injected_blocks.strip(quoted)


@given(st.lists(st.sampled_from([*MARKERS, *PARTS]), max_size=20).map("".join), st.booleans())
def test_an_object_never_goes_on_after_the_next_marker(text, keep_lines):
    """Which is why it is decoded up to there."""
    whole = json.JSONDecoder().raw_decode
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(injected_blocks, "_object", lambda text, start, end: whole(text, start)[1])
        expected = injected_blocks.strip(text, keep_lines=keep_lines)
    assert injected_blocks.strip(text, keep_lines=keep_lines) == expected


def test_many_blocks_that_were_cut_off_are_taken_out_at_once():
    """Each that failed counted the lines before it: the square of their number."""
    start = time.process_time()
    assert injected_blocks.strip(f"{injected_blocks.KNOWLEDGE}\n{{\n\n" * 30_000) == "\n" * 30_000
    assert time.process_time() - start < 1


@pytest.mark.parametrize("role", ["user", "agent", "tool", "system"])
@pytest.mark.parametrize("marker", MARKERS)
def test_what_was_injected_is_neither_indexed_nor_embedded(home, marker, role):
    block = a_block(marker, ["zebra crossing"])
    Log(home).append(
        "test/1",
        [
            EventDraft(NOW, role, f"{block}How are you?", {}),
            EventDraft(NOW + 1, "user", f"{block[:-30]}", {}),
        ],
        NOW,
    )
    with stores.opened(home) as index:
        embedder = stores.Fake()
        stores.run(index, embedder)
        assert not any("zebra" in text for text in embedder.sent)
        assert not index.says("zebra")
        assert not any("zebra" in row[-1] for row in index.rows()["events"])
        found = stores.search(index, Query("zebra crossing", NOW), Scope(), 9, 0.0)
        assert found.hits == [] and found.postings == 0
        assert index.status(embedder.model).pending == 0


def test_an_excerpt_of_a_huge_event_full_of_the_term_is_made_at_once():
    """It took the square of the number of places: minutes for one megabyte."""
    content = "restart the server, " * 20_000
    assert tokens.estimate(inject.excerpt(content, ["restart", "server"], 250).text) <= 250
