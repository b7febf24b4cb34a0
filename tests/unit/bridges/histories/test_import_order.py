"""One history, whatever order files and messages have: by time, a message after the one it answers,
and of what was edited or tried again the version that stands."""

import itertools
import json
from pathlib import Path
from typing import Any

import histories
import pytest
from histories import node, posted, write
from hypothesis import given, settings
from hypothesis import strategies as st
from plainmind.bridges.histories import branches, importing, registry
from plainmind.bridges.histories.branches import Node
from plainmind.bridges.histories.items import HistoryEvent, Skipped


def run(tool: str, *paths: Path) -> list[Any]:
    choice = importing.ImportChoice(tuple(map(str, paths)))
    return list(importing.run(registry.load_reader(tool), choice, lambda done, of: None))


def contents(found: list[Any]) -> list[str]:
    return [one.content for one in found if isinstance(one, HistoryEvent)]


def test_an_import_by_an_earlier_version_is_not_done_again(tmp_path):
    """`earlier.txt` has the contexts and ids that 0.1.0 gave the events of the same files."""
    ids = set()
    for tool, (make, _) in histories.ALL.items():
        events = [one for one in run(tool, make(tmp_path / tool)) if isinstance(one, HistoryEvent)]
        ids |= {
            f"{line['context']} {line['id']}" for line in (json.loads(e.line()) for e in events)
        }
    earlier = Path(__file__).with_name("earlier.txt").read_text().splitlines()
    assert len(earlier) == 52 and {*earlier} <= ids


def test_parts_of_a_channel_make_one_history(tmp_path):
    """Twelve parts, as DiscordChatExporter names them: each with its own order and an overlap."""
    for part in range(1, 13):
        messages = [posted(part * 4 + n, f"{part * 4 + n:02}") for n in (3, 1, 0, 2, -1)]
        whole = histories.exported("1334", "GuildTextChat", *messages)
        name = f"Guild - general [1334]{f' [part {part}]' if part > 1 else ''}.json"
        write(tmp_path / name, json.dumps(whole))
    assert contents(run("discord", tmp_path)) == [f"{n:02}" for n in range(3, 52)]
    named = sorted(tmp_path.iterdir(), key=lambda path: path.name)  # 10, 11, 12, 2 …
    assert contents(run("discord", *named)) == [f"{n:02}" for n in range(3, 52)]


def test_files_in_parts_come_by_their_numbers(tmp_path):
    for n in range(12):
        chat = {**histories.conversation(f"c{n}"), "title": f"{n}"}
        write(tmp_path / f"conversations-{n}.json", json.dumps([chat]))
    events = [one for one in run("chatgpt", tmp_path) if isinstance(one, HistoryEvent)]
    assert [one.content for one in events if one.role == "system"] == [str(n) for n in range(12)]


def test_an_older_version_of_a_message_is_counted(tmp_path):
    for name, text in (("a.json", "as it was"), ("b.json", "as it was edited")):
        write(
            tmp_path / name, json.dumps(histories.exported("1", "GuildTextChat", posted(1, text)))
        )
    found = run("discord", tmp_path)
    assert contents(found) == ["as it was"]
    assert Skipped("other version of a message", "as it was edited") in found


def said(uuid: str, sender: str, second: int, parent: str = "") -> dict[str, Any]:
    message = {"uuid": uuid, "sender": sender, "text": uuid, "content": []}
    message["created_at"] = f"2026-01-30T09:00:{second:02}Z"
    return {**message, "parent_message_uuid": parent} if parent else message


ROOT = "00000000-0000-4000-8000-000000000000"
CHATS = {
    "an answer of the same instant before its question": (
        [said("a1", "assistant", 1), said("q1", "human", 1), said("q2", "human", 2),
         said("a2", "assistant", 2)],
        ["q1", "a1", "q2", "a2"],
    ),
    "the newest first": (
        [said("a1", "assistant", 2), said("q1", "human", 1)], ["q1", "a1"],
    ),
    "an answer whose clock was behind": (
        [said("a1", "assistant", 1, "q1"), said("q1", "human", 5, ROOT)], ["q1", "a1"],
    ),
    "an answer that was tried again, a question that was edited": (
        [said("q1", "human", 1, ROOT), said("a1", "assistant", 2, "q1"),
         said("a2", "assistant", 3, "q1"), said("q2", "human", 4, "a2"),
         said("q3", "human", 5, "a2"), said("a3", "assistant", 6, "q3")],
        ["q1", "a2", "q3", "a3"],
    ),
    "a first question that was edited": (
        [said("q1", "human", 1, ROOT), said("a1", "assistant", 2, "q1"),
         said("q2", "human", 3, ROOT), said("a2", "assistant", 4, "q2")],
        ["q2", "a2"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CHATS)
def test_claude_ai(case, tmp_path):
    messages, expected = CHATS[case]
    for order in itertools.islice(itertools.permutations(messages), 0, 720, 47):
        if case.startswith("an answer of the same"):
            order = tuple(messages)  # only what is told can be put right
        chat = {"uuid": "c", "name": "", "chat_messages": list(order)}
        found = run("claude-ai", write(tmp_path / "conversations.json", json.dumps([chat])))
        assert contents(found) == expected
        left = [one for one in found if isinstance(one, Skipped) and one.reason == "other branch"]
        assert len(left) == len(messages) - len(expected)


def test_chatgpt_without_children_times_or_a_current_node(tmp_path):
    """What the tree says holds, in whatever form; clocks only decide between versions."""
    nodes = [
        node("q1", None, "user", "q1", 50.0), node("a1", "q1", "assistant", "a1", None),
        node("q2", "a1", "user", "q2", 10.0), node("q2b", "a1", "user", "q2b", 1769763600.0),
        node("sys", "q2b", "system", "note", None), node("a2", "sys", "assistant", "a2", None),
    ]  # fmt: skip
    for drop in ("children", "parent", "both ways"):
        tree = {one["id"]: {**one} for one in nodes}
        for one in nodes:
            if drop != "children" and one["parent"]:
                tree[one["parent"]].setdefault("children", [])
                tree[one["parent"]]["children"] = [*tree[one["parent"]]["children"], one["id"]]
        for one in tree.values():
            one.pop({"children": "children", "parent": "parent"}.get(drop, "none"), None)
        for mapping in (tree, dict(reversed(tree.items()))):
            chat = {"conversation_id": "c", "create_time": 1769763600.0, "mapping": mapping}
            found = run("chatgpt", write(tmp_path / "conversations.json", json.dumps([chat])))
            assert contents(found) == ["q1", "a1", "q2b", "a2"], drop


@settings(max_examples=60, deadline=None)
@given(st.permutations(range(1, 9)), st.lists(st.integers(1, 7), max_size=3))
def test_discord_in_any_order_and_any_parts(tmp_path_factory, order, cuts):
    folder = tmp_path_factory.mktemp("parts")
    edges = [0, *sorted({*cuts}), 8]
    for n, (start, end) in enumerate(itertools.pairwise(edges)):
        messages = [posted(second, str(second)) for second in order[start:end]]
        whole = histories.exported("1334", "GuildTextChat", *messages)
        write(folder / f"part {n}.json", json.dumps(whole))
    assert contents(run("discord", folder)) == [str(n) for n in range(1, 9)]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(-2, 9), min_size=1, max_size=12), st.data())
def test_what_stands_is_one_branch(parents, data):
    """Of any tree: the current node stands with all before it, no two versions do, and what follows
    something abandoned is abandoned. Nothing hangs on a circle."""
    nodes = [Node(str(n), str(parent) if parent >= 0 else "") for n, parent in enumerate(parents)]
    current = data.draw(st.sampled_from(["", *(node.id for node in nodes)]))
    left = branches.find_abandoned(nodes, current)
    above = {node.id: node.parent for node in nodes}
    id, line = current or nodes[-1].id, []
    while id in above and id not in line:
        line.append(id)
        id = above[id]
    assert not {*line} & left
    stands = [node for node in nodes if node.id not in left]
    on_line = {above[id] for id in line}
    assert all(
        [node.parent for node in stands].count(parent) == 1 or parent in on_line
        for parent in {node.parent for node in stands}
    )
    assert all(node.id in left for node in nodes if node.parent in left and node.id not in line)
    order = branches.sort_by_descent(dict.fromkeys(above, None), above, 5)
    assert order == dict.fromkeys(above, 5)
