"""Every word of a history arrives: in an event, a page or a summary, or in what is counted with a
reason. Fields of machines are listed, and nothing else is passed over."""

import copy
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import histories
import pytest
import whole_exports
from histories import claude_line, entry, header, jsonl, node, part, posted, write
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st
from plainmind.bridges.histories import importing, machine_fields, registry
from plainmind.bridges.histories.items import HistoryEvent, HistoryPage, Skipped
from plainmind.formats.page.summary import ConversationSummary
from plainmind.ground.errors import Failure

LONG = "A canvas of many words. " * 200


def chatgpt() -> Any:
    chat = histories.conversation()
    made = json.dumps({"name": "plan", "type": "document", "content": LONG})
    marked = "The sea is \ue200cite\ue202turn0search1\ue201 deep."
    cited = {
        "citations": [{"metadata": {"title": "Depths", "text": "web words"}}],
        "search_result_groups": [{"domain": "sea.org", "entries": [{"snippet": "seen elsewhere"}]}],
        "targeted_reply": "the part that was selected",
        "attachments": [{"id": "f", "name": "sea chart.pdf", "mime_type": "application/pdf"}],
    }  # fmt: skip
    browsed = {"content_type": "tether_quote", "title": "Quoted", "text": "quoted words"}
    odd = {"content_type": "new_kind", "blocks": [{"caption": "a caption of a new kind"}]}
    retried = node("x1", "w1", "assistant", "First try.", 1769763610.0)
    undated = node("x8", "", "user", "No time.", None)["message"]
    more = [
        retried,
        node("x2", "w1", "assistant", marked, 1769763611.0, metadata=cited),
        node("x3", "x2", "assistant", made, 1769763612.0, recipient="canmore.create_textdoc"),
        node("x4", "x3", "tool", "Created.", 1769763613.0, name="canmore.create_textdoc"),
        node("x5", "x4", "assistant", f'print("{LONG}")', 1769763614.0, recipient="python"),
        node("x6", "x5", "tool", browsed, None, name="browser"),
        node("x7", "x6", "assistant", odd, 1769763616.0),
        {"id": "x8", "parent": None, "message": undated},
    ]  # fmt: skip
    chat["mapping"] |= {one["id"]: one for one in more}
    chat["mapping"]["x7"]["children"] = ["x8"]
    for one in chat["mapping"].values():
        one.pop("children", None) if one["id"] != "x7" else None
    return [{**chat, "current_node": "x8", "gizmo_name": "Sailor's helper"}]


def claude_ai() -> Any:
    chat = histories.claude_chat()
    first, second = chat["chat_messages"][:2]
    first["files"].append({"file_name": "b.png", "caption": "the second picture"})
    made = {
        "type": "tool_use", "id": "a1", "name": "artifacts",
        "input": {"command": "create", "title": "Poem", "content": LONG, "id": "poem"},
        "message": "Writing a poem",
    }  # fmt: skip
    used = {"type": "tool_use", "id": "a2", "name": "repl", "input": {"code": f"// {LONG}"}}
    got = {
        "type": "tool_result", "tool_use_id": "a1", "name": "artifacts",
        "content": [part("OK"), {"type": "knowledge", "title": "Found", "text": "a page's words"}],
    }  # fmt: skip
    note = {"type": "voice_note", "title": "Spoken", "text": "and said aloud"}
    second["content"] += [made, got, used, note]
    second["text"] = "A poor copy that says otherwise."
    return [chat]


def discord() -> Any:
    embed = {
        "title": "A title", "url": "https://example.org", "description": "What it describes",
        "author": {"name": "Its author"}, "footer": {"text": "At the foot"},
        "fields": [{"name": "Cell", "value": "Its value", "isInline": True}],
    }  # fmt: skip
    poll = {
        "question": {"text": "Tea or coffee?"},
        "answers": [{"answer_id": 1, "poll_media": {"text": "Neither"}}],
    }
    forwarded = {
        "content": "Forwarded words",
        "attachments": [{"fileName": "far.png"}],
        "embeds": [embed],
    }
    thumbs = [{"emoji": {"name": "thumbs", "code": "thumbsup"}, "count": 2}]
    button = {"type": 1, "components": [{"type": 2, "label": "Press here"}]}
    picture = {"fileName": "ps.png", "description": "what the picture shows"}
    messages = [
        posted(1, "Own words", embeds=[embed], forwardedMessage=forwarded),
        posted(2, "", embeds=[embed]), posted(3, "", poll=poll),
        posted(4, "", stickers=[{"id": "1", "name": "Wumpus waves", "format": "Png"}]),
        posted(5, "", forwardedMessage=forwarded),
        posted(6, "Which?", reactions=thumbs),
        posted(7, "Ann pinned a message.", type="ChannelPinnedMessage"),
        posted(8, "", attachments=[picture]),
        posted(11, "", type="PollResult", embeds=[{"title": "Tea has won"}]),
        posted(9, "Used", interaction={"id": "9", "name": "weather", "user": {"name": "bob"}}),
        posted(10, "", components=[button]),
    ]  # fmt: skip
    whole = histories.exported("1334", "GuildTextChat", *messages)
    whole["channel"]["topic"] = "All about tea"
    return {**whole, "notice": "after the messages"}


def pi() -> Any:
    first = histories.pi_entries()
    for before, after in zip(first, first[1:]):
        after["parentId"] = before["id"]
    left = {**entry(20, "user", "A version that was edited."), "parentId": first[-1]["id"]}
    kept = {**entry(21, "user", "The version that stands."), "parentId": first[-1]["id"]}
    call = {"type": "toolCall", "id": "c7", "name": "write", "arguments": {"content": LONG}}
    answer = {**entry(22, "assistant", [call]), "parentId": kept["id"]}
    undated = {"type": "message", "id": "z", "parentId": answer["id"], "message": {"role": "user"}}
    undated["message"]["content"] = "Without a time."
    named = {"type": "session_info", "id": "n", "parentId": "z", "name": "The pump session"}
    return [header(), *first, left, kept, answer, undated, named]


def claude() -> Any:
    lines = histories.claude_lines()
    up = lines[-1]["uuid"]
    call = {"type": "tool_use", "id": "t9", "name": "Write", "input": {"content": LONG}}
    return [
        *lines,
        claude_line(40, "user", "A version that was edited.", parentUuid=up),
        claude_line(41, "user", "The version that stands.", parentUuid=up),
        claude_line(42, "assistant", [call, {"type": "new", "caption": "of a new kind"}]),
        {**claude_line(43, "user", "Without a time."), "timestamp": None},
    ]


def mom() -> Any:
    said = {"ts": "1769763601.1", "user": "U1", "displayName": "Ann", "userName": "ann from work"}
    return [{**said, "text": "hi", "attachments": [{"original": "a.png"}]}, {"text": "No time."}]


def telegram() -> Any:
    carried = {
        "contact_information": {"first_name": "Bob", "last_name": "Builder", "phone_number": "+1"},
        "place_name": "Harbour", "address": "Quay 1", "sticker_emoji": "wave",
        "todo_list": {"title": "Packing", "answers": [{"text": "Tent", "id": 1}]},
        "inline_bot_buttons": [[{"type": "callback", "text": "Press here", "data": "x1"}]],
        "reactions": [{"type": "emoji", "count": 1, "emoji": "thumbs", "recent": []}],
        "media_type": "voice_message", "file": "(File not included. Change settings.)",
    }  # fmt: skip
    answers = [{"text": "Neither", "voters": 2}]
    chat = histories.telegram_chat(
        77, "personal_chat", histories.sent(1, "Hello", **carried),
        histories.sent(2, "", poll={"question": "Tea or coffee?", "answers": answers}),
        histories.sent(3, "Far", forwarded_from="Carl"),
        {"type": "message", "from": "Ann", "text": "No time."},
        {"type": "message", "text_entities": [{"type": "bold", "text": "In pieces"}]},
        {"id": 5, "type": "service", "actor": "Ann", "action": "edit_title", "title": "Friends"},
    )  # fmt: skip
    about = {"personal_information": {"bio": "Sailor"}, "other_data": {"help": "About it"}}
    return {"chats": {"about": "What is here", "list": [chat]}, **about}


#: by tool: the name of the file, and what is in it
SAMPLES: dict[str, tuple[str, Any]] = {
    "chatgpt": ("conversations.json", chatgpt()),
    "claude-ai": ("conversations.json", claude_ai()),
    "discord": ("general.json", discord()),
    "pi": ("s.jsonl", pi()),
    "openclaw": ("s.jsonl", pi()),
    "claude": ("s.jsonl", claude()),
    "mom": ("log.jsonl", mom()),
    "telegram": ("result.json", telegram()),
    "codex": ("rollout-s.jsonl", histories.codex_lines()),
    "gemini": ("session-s.jsonl", histories.gemini_lines()),
    "opencode": ("opencode.db", histories.opencode_rows()),
}


def run(tool: str, folder: Path, value: Any) -> list[Any]:
    name = SAMPLES[tool][0]
    path = folder / tool / name
    if name.endswith(".jsonl"):
        jsonl(path, *(line if isinstance(line, dict) else json.dumps(line) for line in value))
    elif name.endswith(".db"):
        histories.write_opencode(path, value)
    else:
        write(path, json.dumps(value))
    choice = importing.ImportChoice((str(path),))
    return list(importing.run(registry.load_reader(tool), choice, lambda done, of: None))


def texts(value: Any, machine: set[str], above: str = "") -> list[tuple[str, str]]:
    """(field, text) of all there are, by recursion: not what the importers use."""
    if isinstance(value, str):
        return [(above, value)]
    if isinstance(value, list | tuple):
        return [found for one in value for found in texts(one, machine, above)]
    if not isinstance(value, dict):
        return []
    inner = [(k, one) for k, one in value.items() if not {k, f"{above}.{k}"} & machine]
    return [found for name, one in inner for found in texts(one, machine, name)]


def words(found: list[tuple[str, str]]) -> set[str]:
    return {word for _, text in found for word in re.findall(r"[^\W_]{2,}", text)}


def arrived(found: list[Any]) -> set[str]:
    """The words that went anywhere."""
    told: list[Any] = []
    for one in found:
        if isinstance(one, HistoryEvent):
            told += [one.content, one.author, one.meta.get("args"), one.meta.get("files")]
            told += [one.meta.get("model"), one.meta.get("name")]
        elif isinstance(one, Skipped):
            told.append(one.value)
        elif isinstance(one, ConversationSummary | HistoryPage):
            told.append(list(one))
    return words(texts(told, set()))


def machine(tool: str) -> set[str]:
    return set(machine_fields.names_of(tool))


#: what is no word: citation marks, placeholders, and tags around what was typed
MARKS = {
    *"cite turn search This block is not supported command message name args bash input".split(),
    *"stdout stderr local caveat".split(),
}


@pytest.mark.parametrize("tool", sorted(SAMPLES))
def test_every_word_arrives_or_is_counted(tool, tmp_path):
    sample = SAMPLES[tool][1]
    found = run(tool, tmp_path, sample)
    assert not [one for one in found if isinstance(one, Failure)]
    assert words(texts(sample, machine(tool))) - arrived(found) - MARKS == set()


#: what must be content, and not only counted
CONTENT = {
    "chatgpt": ["A canvas of many words. A canvas", "The sea is  deep.", "No time.", "quoted words",
                "and aloud", "Pump"],
    "claude-ai": ["A canvas of many words. A canvas", "not what was said", "and said aloud", "Poem",
                  "a page's words"],
    "discord": ["A title", "What it describes", "Its author", "At the foot", "Its value",
                "Forwarded words", "Tea or coffee?", "Neither", "Wumpus waves", "Press here",
                "Tea has won", "what the picture shows"],
    "pi": ["The version that stands.", "Without a time."],
    "claude": ["The version that stands.", "Without a time.", "and hurry"],
    "mom": ["No time."],
    "telegram": ["Builder", "Harbour", "Quay", "wave", "Packing", "Tent", "Press here", "Neither",
                 "Tea or coffee?", "Carl", "No time.",
                 "In pieces"],
}  # fmt: skip
#: what must not be
LEFT = {
    "chatgpt": ["First try.", "Hm.", "CNC", "\ue200", "turn0"],
    "claude-ai": ["Hm.", "block is not"],
    "pi": ["A version that was edited.", "Hm.", "SECRET"],
    "claude": ["A version that was edited.", "Hm.", "Todos"],
}


@pytest.mark.parametrize("tool", sorted(CONTENT))
def test_what_is_content_is_content(tool, tmp_path):
    said = [one for one in run(tool, tmp_path, SAMPLES[tool][1]) if isinstance(one, HistoryEvent)]
    contents = "\n".join(one.content for one in said)
    assert [text for text in CONTENT[tool] if text not in contents] == []
    assert [text for text in LEFT.get(tool, ()) if text in contents] == []


def dicts(value: Any, names: set[str], path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths to all objects that are not in a field of a machine."""
    if isinstance(value, dict):
        inner = [(k, v) for k, v in value.items() if not {k, f"{path[-1:]}.{k}"} & names]
        return [path, *(p for k, v in inner for p in dicts(v, names, (*path, k)))]
    found = enumerate(value) if isinstance(value, list) else ()
    return [p for k, v in found for p in dicts(v, names, (*path, k))]


def at(value: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        value = value[key]
    return value


#: fields that no version of these tools has yet
LATER = st.sampled_from(["caption", "remark", "transcription", "spoken_text", "x" * 99, "a\nb", ""])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("conservation")


@pytest.mark.parametrize("tool", sorted(SAMPLES))
def test_a_field_of_a_later_version_is_not_dropped_in_silence(tool, folder):
    sample, names = SAMPLES[tool][1], machine(tool) - {"mapping"}
    places = dicts(sample, names)

    @settings(max_examples=60, suppress_health_check=list(HealthCheck), deadline=None)
    @given(st.data())
    def check(data):
        value = copy.deepcopy(sample)
        inside = at(value, data.draw(st.sampled_from(places)))
        deep = data.draw(st.sampled_from([0, 1, 2]))
        new: Any = "Quokkas swim at dusk"
        for _ in range(deep):
            new = [{"text": new}]
        inside[data.draw(LATER)] = new
        for gone in data.draw(st.lists(st.sampled_from(places), max_size=2)):
            if (place := at(sample, gone)) and gone != ():
                key = data.draw(st.sampled_from(sorted(place)))
                try:
                    at(value, gone).pop(key, None)
                except (KeyError, TypeError, IndexError):
                    continue
        found = run(tool, folder, value)
        note(json.dumps(value))
        if not any(isinstance(one, Failure) for one in found):
            assert words(texts(value, machine(tool))) - arrived(found) - MARKS == set()

    check()


@pytest.mark.parametrize("tool", ["claude-memory", "openclaw-memory", "pi-mind"])
def test_every_word_of_a_page_arrives_or_is_counted(tool, tmp_path):
    make = {"claude-memory": histories.claude_memory, "pi-mind": histories.pi_mind}
    make.get(tool, histories.openclaw_memory)(tmp_path)
    reader, found = registry.load_reader(tool), []
    paths = [path for path in tmp_path.rglob("*.md") if "conflict" not in path.name]
    for path in paths:
        with open(path, "a") as file:
            file.write(f"\nAt the end of {path.stem}.\n")
    heads = "description: of the sea\nnode_type: memory\nunheard-of: kept quiet\n"
    write(paths[0], f"---\n{heads}---\nBelow.\n")
    choice = importing.ImportChoice((str(tmp_path),))
    found = list(importing.run(reader, choice, lambda done, of: None))
    assert not [one for one in found if isinstance(one, Failure)]
    wanted = [path for path in paths if reader.wanted(str(path))]
    said = [path.read_text().replace(histories.INJECTED, "") for path in wanted]
    keys = {"date", "type", "tags", "triples", "name", "metadata", "node", "modified"}
    keys |= {
        "description",
        "unheard",
        "of",
        "memory",
        "feedback",
        "project",
        "md",
        "mood",
        "tier",
        "is",
    }
    left = words([("", text) for text in said]) - arrived(found) - keys - {"Sat", "decision"}
    assert {word for word in left if word.isalpha()} == set()


@pytest.mark.parametrize("form", ["folder", "archive", "files"])
@pytest.mark.parametrize("tool", sorted(whole_exports.EXPORTS))
def test_a_whole_export_arrives_or_is_counted(tool, form, tmp_path):
    """However it is given: files that are not read are named, copies in an archive or among files
    that a shell named are none."""
    make, untold = whole_exports.EXPORTS[tool]
    files = make()
    for name, content in files.items():
        if name.endswith(".jsonl"):
            jsonl(tmp_path / "export" / name, *content)
        else:
            text = content if isinstance(content, str) else json.dumps(content)
            write(tmp_path / "export" / name, text)
    reader = registry.load_reader(tool)
    whole = tmp_path / "export"
    given = [whole if form == "folder" else histories.zipped(tmp_path / "export.zip", whole)]
    if form == "files":
        given = [whole / name for name in files if reader.wanted(str(whole / name))]
    choice = importing.ImportChoice(tuple(map(str, given)))
    found = list(importing.run(reader, choice, lambda done, of: None))
    said = [one for one in found if isinstance(one, HistoryEvent)]
    contents = [f"{one.content} {one.author} {one.meta.get('files')}" for one in said]
    contents += [" ".join(map(str, one)) for one in found if isinstance(one, HistoryPage)]
    counted = json.dumps([list(one) for one in found if isinstance(one, Skipped)])
    written = json.dumps(files)
    for start, where in (("say", "\n".join(contents)), ("left", counted)):
        tokens = set(re.findall(rf"\b{start}[A-Z][A-Za-z]*", written))
        assert sorted(token for token in tokens if token not in where) == []
    assert [token for token in re.findall(r"\bleft[A-Z]\w+", written) if token in contents] == []
    reasons = {one.reason for one in found if isinstance(one, Skipped)}
    assert form == "files" or untold <= reasons
    assert not any(reason.startswith("file ") for reason in reasons - untold)
    assert all(text not in "\n".join(contents) for text in ("not this", "x1", "eDE=", "turn0"))
    ids = [(one.context, json.loads(one.line())["id"]) for one in said]
    assert len(ids) == len(set(ids))
    again = [one.content for one in said if re.search(r"\bsay[A-Z]", one.content)]
    assert tool != "gemini" or len(again) == len(set(again))


def test_history_that_claude_code_writes_again_counts_once(tmp_path):
    """A compaction repeats lines with their uuids and times, a resumed session an old prompt at the
    end of the file: the versions that stood go on standing."""
    line, part = histories.claude_line, histories.part
    said = [
        line(1, "user", "First."), line(2, "assistant", [part("One.")]),
        line(3, "user", "A version that was edited."), line(4, "user", "Second."),
        line(5, "assistant", [part("Two.")]),
    ]  # fmt: skip
    for one, before in zip(said[1:], (0, 1, 1, 3), strict=True):
        one["parentUuid"] = said[before]["uuid"]
    after = line(6, "user", "Third.", parentUuid=said[4]["uuid"])
    jsonl(tmp_path / "s.jsonl", *said, *said, after, said[2])
    choice = importing.ImportChoice((str(tmp_path),))
    found = list(importing.run(registry.load_reader("claude"), choice, lambda done, of: None))
    contents = [one.content for one in found if isinstance(one, HistoryEvent)]
    assert contents == ["First.", "One.", "Second.", "Two.", "Third."]
    reasons = Counter(one.reason for one in found if isinstance(one, Skipped))
    assert reasons == {"said before": 6, "other branch": 1}


def test_what_is_said_again_without_an_id_or_a_time_is_there_again(tmp_path):
    """A second 'Go on.' of an old Codex session had the id of the first one: mem-append left it
    out. A copy of the file adds nothing."""
    said = [
        {"type": "message", "role": role, "content": [histories.part(text)]}
        for role, text in (("user", "Go on."), ("assistant", "Done."), ("user", "Go on.")) * 2
    ]
    jsonl(tmp_path / "a" / f"rollout-2025-05-01-{whole_exports.ID}.jsonl", *said)
    jsonl(tmp_path / "b" / f"rollout-2025-05-01-{whole_exports.ID} 2.jsonl", *said)
    reader = registry.load_reader("codex")
    for place, count in (("a", 6), ("", 6)):
        choice = importing.ImportChoice((str(tmp_path / place),))
        found = list(importing.run(reader, choice, lambda done, of: None))
        assert len({json.loads(one.line())["id"] for one in found}) == count


def test_numbers_and_places_that_people_sent_are_content(tmp_path):
    jsonl(tmp_path / "result.json", *whole_exports.telegram().values())
    reader = registry.load_reader("telegram")
    choice = importing.ImportChoice((str(tmp_path),))
    found = importing.run(reader, choice, lambda done, of: None)
    contents = [one.content for one in found if isinstance(one, HistoryEvent)][1:]
    assert contents == [
        "(location) 51.381, -2.359", "Joe sayJoe +44 7700 900123",
        "(invoice) sayTent: for sayTwo: 4999 EUR, in its smallest unit",
        "sayPress\n(button) sayYes\n(button) saySite (https://e.org/sayThere)",
        "First sayPacking then sayTask", "sayChess\nhttps://t.me/x",
    ]  # fmt: skip


def test_the_list_of_machine_fields_has_no_name_twice():
    for tool, names in machine_fields.BY_TOOL.items():
        own = f"{machine_fields.EVERYWHERE} {names}".split()
        assert sorted(own) == sorted({*own}), tool
