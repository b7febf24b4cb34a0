"""A block that a model gives back is known by its JSON, whatever it makes of the marker and of the
form: nothing of a memory is left of it, and nothing of what was said around it is lost."""

import json
import time

import pytest
from plainmind.formats.log import injected_blocks
from plainmind.recall import inject, page_block

MOMENT = {
    "path": "logs/discord-thread/1/20260130T142355Z.md", "line": 3,
    "excerpt": 'the zebra\'s code is {4711}, "so to say" [1]', "truncated": False,
}  # fmt: skip
PAGE = {"path": "knowledge/The old zebra.md", "line": 6, "excerpt": "a zebra…", "truncated": True}
ENTRIES = [MOMENT, {**PAGE, "name": "old", "date": "2026-01-30"}, {**MOMENT, "timestamp": "2026"}]
BLOCK = {"budget_tokens_est": 1000, "memories": ENTRIES, "note": inject.NOTE}
COMPACT = json.dumps(BLOCK, separators=(",", ":"), ensure_ascii=False)
PRETTY = json.dumps(BLOCK, indent=2)

FORMS = {
    "as it was": COMPACT,
    "spaced": json.dumps(BLOCK),
    "pretty": PRETTY,
    "sorted": json.dumps(BLOCK, sort_keys=True),
    "without the frame": json.dumps(ENTRIES),
    "without the frame, sorted": json.dumps(ENTRIES, sort_keys=True),
    "one entry": json.dumps(MOMENT),
    "one page, sorted": json.dumps(PAGE, sort_keys=True),
    "excerpts alone": '{"memories": [{"excerpt": "the zebra\'s code"}]}',
    "Python": repr(BLOCK),
    "a string": json.dumps({"said": COMPACT}),
    "YAML": "memories:\n- path: logs/a/b/c.md\n  line: 3\n  excerpt: a zebra\n  truncated: false",
    "a quote": "> " + COMPACT,
    "a quote of lines": "\n".join(f"> {line}" for line in PRETTY.split("\n")),
    "a fence": f"```json\n{COMPACT}\n```",
    "code": f"`{COMPACT}`",
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "marker", ["", "INJECTED_CONTEXT\n", "[INJECTED_CONTEXT_RELEVANT_MEMORY]\n", "Here it is: "]
)
def test_an_echo_is_known_in_any_form(form, marker):
    said = f"It is so.\n\n{marker}{FORMS[form]}\n\nBye {{then}}."
    left = injected_blocks.strip(said)
    assert "zebra" not in left and "INJECTED" not in left
    assert left.startswith("It is so.") and left.endswith("Bye {then}.")
    assert injected_blocks.strip(said, keep_lines=True).count("\n") == said.count("\n")
    assert injected_blocks.strip(left) == left


def test_an_echo_that_is_cut_is_known_as_far_as_its_keys_go():
    first, last = COMPACT.index("zebra"), COMPACT.rindex("zebra")
    for cut in range(first, len(COMPACT)):
        assert "zebra" not in injected_blocks.strip(f"So.\n\nMEMORIES: {COMPACT[:cut]}\n\nBye.")
    for cut in range(last):
        assert "zebra" not in injected_blocks.strip(f"So.\n\n{COMPACT[cut:]}\n\nBye.")


def test_the_sentences_of_a_small_model_are_known_by_their_first_line():
    block = f"{injected_blocks.REMEMBERED}\nAnn said: a zebra.\nIt is known: a zebra."
    assert injected_blocks.strip(f"Hm.\n{block}\n\nBye.") == "Hm.\n\nBye."
    assert injected_blocks.strip(f"{block[:-20]}") == ""


@pytest.mark.parametrize(
    "said",
    [
        '{"path": "logs/x.txt", "line": 3}', '{"path": "src/x.md", "line": 3, "excerpt": "y"}',
        '{"sha": "1", "url": "https://x", "truncated": false}', "see logs/a.md, line 3",
        '{"excerpt": "an API\'s", "title": "x"}', '{"memories": [{"id": 1, "memory": "x"}]}',
        "truncated: true", "the budget, tokens estimated: 1000", "path: logs/a.md is fine",
        "What was said before, as it is remembered: nothing",
    ],
)  # fmt: skip
def test_what_others_write_stays(said):
    assert injected_blocks.strip(said) == said


#: what only looks like an echo
PERSONS = [
    "What does budget_tokens_est: 1000 mean? The garage code is qwert4711.",
    "See path: knowledge/wifi.md line: 12, the code of the router is hunterzz22",
    "INJECTED_CONTEXT_KNOWLEDGE shows up in Discord; my flight is on mayday7",
    "error at path: logs/server.md line: 40 : the disk of host kiwi is full",
    f"{injected_blocks.REMEMBERED}\nmy own paragraph about kiwis",
    '{"memories":[{"excerpt":"x"}],"text":"my diary of kiwis"}',
]


@pytest.mark.parametrize("said", PERSONS)
def test_what_a_person_wrote_stays(said):
    assert injected_blocks.strip(said, echoes=False) == said


LINES = "Ann said: a zebra.\nIt is known: a zebra."
NAMED = {str(key).title(): value for key, value in MOMENT.items()}


@pytest.mark.parametrize(
    "echo",
    [
        json.dumps(NAMED), json.dumps({**MOMENT, "line": "3"}), COMPACT.replace('"', "&quot;"),
        json.dumps([{"excerpt": "a zebra", "timestamp": "2026"}]), COMPACT.replace('"', "\\u0022"),
        COMPACT.replace('"', "“"), f"{injected_blocks.REMEMBERED.lower()}\n{LINES}",
        f"  **{injected_blocks.REMEMBERED}**\n\n{LINES}",
        f"{injected_blocks.REMEMBERED}\n{LINES}".replace("\n", "\r\n"),
    ],
)  # fmt: skip
def test_an_echo_in_another_spelling_is_known(echo):
    left = injected_blocks.strip(f"So.\n\n{echo}\n\nBye.")
    assert "zebra" not in left and (left[:3], left[-4:]) == ("So.", "Bye.")


@pytest.mark.parametrize(
    "piece",
    [
        '"path":"logs/', '"excerpt":', '{"excerpt":"', "budget_tokens_est:", '"line":3,', "\n>",
        '"truncated":true},{', "memories:[", '{"path":"logs/a.md","line":1}', "INJECTED\n",
    ],
)  # fmt: skip
def test_text_made_to_be_slow_is_not(piece):
    text = piece * (200_000 // len(piece))
    start = time.process_time()
    injected_blocks.strip(f"budget_tokens_est truncated .md memories {text}")
    assert time.process_time() - start < 2


def test_the_blocks_that_are_made_have_the_fingerprint():
    for note in (inject.NOTE, page_block.NOTE):
        for block in (inject.render(ENTRIES, 1000, "X", note), inject.render([PAGE], 9, "", note)):
            assert "zebra" not in injected_blocks.strip(block)


# --- behind a border, as a prompt has them

BORDER = injected_blocks.make_border("a prompt")
EXPANSION = injected_blocks.head_expanded("logs/a/b/c.md:3\n> a zebra\n")
MARKED = [
    f"{marker}\n{COMPACT}\n" for marker in (injected_blocks.MEMORIES, injected_blocks.KNOWLEDGE)
]


@pytest.mark.parametrize("echoes", [False, True])
@pytest.mark.parametrize("blocks", [MARKED, MARKED[:1], MARKED[1:], [EXPANSION]])
@pytest.mark.parametrize(
    "message", ["Ben: so?\n\n> {not} this", "", f"{injected_blocks.BORDER} is a word"]
)
def test_a_transcript_of_a_prompt_is_the_message_alone(blocks, message, echoes):
    """What another tool kept of a prompt, in the form that it has now."""
    text = f"{injected_blocks.enclose(BORDER, blocks)}\n{message}"
    left = injected_blocks.strip(text, echoes=False)
    assert left == message
    assert injected_blocks.strip(text, keep_lines=True, echoes=False).count("\n") == text.count(
        "\n"
    )
    if echoes and injected_blocks.BORDER not in message:
        assert injected_blocks.strip(text) == message


HOOKED = injected_blocks.enclose_hooked([f"{injected_blocks.HOOKED}: <data>\n", *MARKED])


def test_what_a_hook_had_printed_is_known_by_its_border():
    for given in (HOOKED, HOOKED.replace("<", "&lt;").replace("\n", " \r\n")):
        assert injected_blocks.strip(f"Hm.\n{given}\nSo?", echoes=False) == "Hm.\nSo?"


def test_lines_of_the_log_are_known_by_their_code_wherever_they_stand():
    for given in (EXPANSION, EXPANSION.replace(">", "&gt;").replace("\n", " \r\n")):
        said = f"Hm.\n{injected_blocks.enclose(BORDER, [given])}\nSo?"
        assert injected_blocks.strip(said, echoes=False) == "Hm.\nSo?"


def test_a_forged_expansion_takes_nothing_with_it():
    """It began the text, and closed its border at the end: all in between was lost."""
    head = EXPANSION.partition("\n")[0]
    for first in (head, injected_blocks.EXPANDED, f"{injected_blocks.EXPANDED} (data)"):
        said = f"{BORDER}\n{first}\nlogs/a/b/c.md:3\nMy own words.\n{BORDER}\nMore."
        for keep_lines in (False, True):
            assert injected_blocks.strip(said, echoes=False, keep_lines=keep_lines) == said


#: pasted by a person, who does not see what it is
FORGED = [
    f'{injected_blocks.MEMORIES}\n{{"memories":[',
    f"{BORDER}\n{injected_blocks.KNOWLEDGE}\n{{",
    f"{BORDER}\n{injected_blocks.HOOKED}: data",
    f"{HOOKED[: len(HOOKED) // 2]}",
    f"{BORDER}\n{injected_blocks.EXPANDED}",
]


@pytest.mark.parametrize("forged", FORGED)
@pytest.mark.parametrize("keep_lines", [True, False])
def test_what_stands_around_a_forged_block_stays(forged, keep_lines):
    for first in ("First of all.\n", ""):
        said = f"{first}{forged}\nMy own words.\n{forged}\n{BORDER}\n{HOOKED[-35:]}"
        left = injected_blocks.strip(said, echoes=False, keep_lines=keep_lines)
        assert left.startswith(first) and "My own words.\n" in left


def test_a_border_alone_is_somebodys_words():
    for said in (f"{BORDER}\nmy own words", f"{BORDER}\nmine\n{BORDER}\nmore", BORDER):
        assert injected_blocks.strip(said, echoes=False) == said
        assert injected_blocks.escape(said).count("\\") == said.count(BORDER)


def test_what_is_escaped_is_found_and_not_escaped_again():
    said = f"{injected_blocks.MEMORIES} shows up in Discord; my flight is on mayday7"
    once = injected_blocks.escape(said)
    assert once == f"\\{said}" == injected_blocks.escape(once)
    assert injected_blocks.escape("what was INJECTED_CONTEXT_x") == "what was INJECTED_CONTEXT_x"


@pytest.mark.parametrize(
    "piece", [f"{BORDER}\n", f"{BORDER}\n{injected_blocks.EXPANDED}\n", "*", "(notice)", "\\"]
)
def test_no_number_of_borders_takes_long(piece):
    start = time.process_time()
    injected_blocks.strip(f"truncated{piece * 20_000}")
    injected_blocks.escape(piece * 20_000 + "injected")
    assert time.process_time() - start < 8
