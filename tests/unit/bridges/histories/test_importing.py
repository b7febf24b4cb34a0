"""Each tool's history: what becomes events, once; what is broken, left out, elsewhere; through the
real commands."""

import json
import os
import re
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import histories
import pytest
from plainmind.bridges.histories import importing, registry
from plainmind.bridges.histories.items import HistoryEvent, HistoryPage, Skipped
from plainmind.ground.errors import Failure
from plainmind.ground.paths import find_repository
from plainmind.truth.log import reader, writer
from scene import ROOT

TOOLS = sorted(histories.ALL)


def found(tool: str, *paths: Path, root: str = "") -> list[Any]:
    choice = importing.ImportChoice(tuple(map(str, paths)), root)
    return list(importing.run(registry.load_reader(tool), choice, lambda done, of: None))


def said(tool: str, *paths: Path, root: str = "") -> list[HistoryEvent]:
    return [one for one in found(tool, *paths, root=root) if isinstance(one, HistoryEvent)]


def short(events: list[HistoryEvent]) -> list[tuple[str, str]]:
    return [(event.role, event.content) for event in events]


def parsed(lines: str | bytes) -> list[dict[str, Any]]:
    """JSON Lines, split on newlines only."""
    text = lines if isinstance(lines, str) else lines.decode()
    return [json.loads(line) for line in text.split("\n") if line]


def mem_import(*arguments: str | Path, home: Any) -> tuple[int, str, str]:
    ended = subprocess.run(
        [os.path.join(ROOT, "bin", "mem-import"), *map(str, arguments)],
        stdin=subprocess.DEVNULL, capture_output=True,
        env={"PATH": os.environ["PATH"], "MIND_HOME": home.root},
    )  # fmt: skip
    return ended.returncode, ended.stdout.decode(), ended.stderr.decode()


def test_every_tool_is_tested():
    readers = {tool: registry.load_reader(tool) for tool in registry.HISTORIES}
    pages = {tool for tool, reader in readers.items() if reader.pages or reader.journal}
    assert {*TOOLS, *pages} == set(registry.HISTORIES)


@pytest.mark.parametrize("tool", TOOLS)
def test_what_was_said_is_remembered(tool, tmp_path):
    make, remembered = histories.ALL[tool]
    events = said(tool, make(tmp_path))
    assert short(events) == remembered
    assert not [one for one in found(tool, tmp_path) if isinstance(one, Failure)]
    ids = {(event.context, json.loads(event.line())["id"]) for event in events}
    assert len(ids) == len(events)
    assert "INJECTED_CONTEXT" not in "".join(event.line() for event in events)


@pytest.mark.parametrize("tool", TOOLS)
def test_an_archive_gives_the_same_as_the_folder_in_it(tool, tmp_path):
    folder = histories.ALL[tool][0](tmp_path / "history")
    archive = histories.zipped(tmp_path / "history.zip", folder)
    assert sorted(event.line() for event in said(tool, archive)) == sorted(
        event.line() for event in said(tool, folder)
    )


@pytest.mark.parametrize("tool", TOOLS)
def test_a_second_import_adds_nothing(tool, tmp_path, home, command):
    make, remembered = histories.ALL[tool]
    folder = str(make(tmp_path / "history"))
    lines = command("mem-import", "--from", tool, folder, home=home)
    refs = command("mem-append", "--jsonl", stdin=lines, home=home).decode().split()
    assert len(refs) == len(remembered)
    assert command("mem-import", "--from", tool, folder, home=home) == lines
    assert command("mem-append", "--jsonl", stdin=lines, home=home) == b""
    windows = [
        reader.read_window(home, path)
        for path in dict.fromkeys(ref.rpartition(":")[0] for ref in refs)
    ]
    logged = [window.event(block) for window in windows for block in window.blocks()]
    assert sorted((event.role, event.content) for event in logged) == sorted(remembered)


BROKEN: dict[str, list[Any]] = {
    "pi": [
        "{torn", '["no object"]',
        '{"type":"message","id":"x"}',
    ],
    "claude": ["{torn", '{"type":"user","uuid":"x"}'],
    "openclaw": ["{torn", "3"], "mom": ["{torn", "[]"],
    "chatgpt": [{"title": "no mapping"}, "no object"],
    "claude-ai": [
        {"uuid": "x"}, 7,
        {"uuid": "y", "chat_messages": [None, {"sender": "nobody", "text": "?"}]},
    ],
    "discord": [{"content": "neither id nor time"}], "telegram": [],
    "codex": ["{torn"], "gemini": ["{torn"], "opencode": ["{torn"],
}  # fmt: skip


@pytest.mark.parametrize("tool", TOOLS)
def test_what_is_broken_is_reported_and_the_rest_is_done(tool, tmp_path, home):
    make, remembered = histories.ALL[tool]
    code, out, err = mem_import("--from", tool, make(tmp_path, *BROKEN[tool]), home=home)
    assert code == (65 if BROKEN[tool] else 0)
    assert sorted((e["role"], e["content"]) for e in parsed(out)) == sorted(remembered)
    reports = [line for line in err.splitlines() if "passed over" not in line]
    assert len(reports) == (
        2 if tool == "chatgpt" else 4 if tool == "claude-ai" else len(BROKEN[tool])
    )
    assert all(
        re.match(r"mem-import: /.+(:\d+|: [a-z]+ \d+.*): [a-z].*; ", line) or "'" in line
        for line in reports
    ), reports


def test_a_line_that_is_broken_is_named_by_its_number(tmp_path, home):
    path = histories.jsonl(
        tmp_path / "s.jsonl", histories.header(), histories.entry(1, "user", "hello"), "{torn"
    )
    code, out, err = mem_import("--from", "pi", path, home=home)
    assert (code, len(out.splitlines())) == (65, 1)
    assert err == f"mem-import: {path}:3: not valid JSON; fix the line or take it out\n"


def test_an_export_that_is_cut_off_gives_what_is_before_the_cut(tmp_path, home):
    whole = json.dumps([histories.conversation("a"), histories.conversation("b")])
    path = histories.write(tmp_path / "conversations.json", whole[: len(whole) * 3 // 4])
    code, out, err = mem_import("--from", "chatgpt", path, home=home)
    assert code == 65 and len(out.splitlines()) == len(histories.CHATGPT)
    what = "not valid JSON after conversation 1; cut off or damaged: export it again"
    assert err.startswith(f"mem-import: {path}: {what}\n")


def test_a_damaged_archive_does_not_stop_the_others(tmp_path, home):
    bad = histories.write(tmp_path / "bad.zip", b"PK\x03\x04nonsense")
    good = histories.zipped(tmp_path / "good.zip", histories.chatgpt(tmp_path / "x"))
    code, out, err = mem_import("--from", "chatgpt", bad, tmp_path / "none", good, home=home)
    assert code == 66 and len(out.splitlines()) == len(histories.CHATGPT)
    assert (
        f"{bad}: not a zip archive" in err and f"{tmp_path / 'none'}: no such file or folder" in err
    )


def test_a_member_that_is_damaged_is_reported(tmp_path):
    archive = histories.zipped(tmp_path / "x.zip", histories.chatgpt(tmp_path / "x"))
    data = bytearray(archive.read_bytes())
    at = data.index(b"conversations.json") + 60
    data[at : at + 40] = b"\xff" * 40
    archive.write_bytes(data)
    assert [one for one in found("chatgpt", archive) if isinstance(one, Failure)]


@pytest.mark.parametrize("name", ["../../{}", "/{}", "..\\..\\a/{}", "a/../{}", "a\n\x1b[2J/{}"])
@pytest.mark.parametrize("tool", ["chatgpt", "claude-ai", "discord", "pi"])
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_names_in_an_export_are_names_only(tool, name, tmp_path, home):
    at = name.format({"discord": "messages.json", "pi": "s.jsonl"}.get(tool, "conversations.json"))
    path = tmp_path / "in" / "x.zip"
    path.parent.mkdir()
    session = (
        json.dumps(histories.header()) + "\n" + json.dumps(histories.entry(1, "user", "x")) + "\n"
    )
    with zipfile.ZipFile(path, "w") as members:
        for _ in range(2):
            members.writestr(at, session + "{torn" if tool == "pi" else "[{torn")
    choice = importing.ImportChoice((str(path),), *(("/srv", home) if tool == "pi" else ()))
    failures = [
        one
        for one in importing.run(registry.load_reader(tool), choice, lambda done, of: None)
        if isinstance(one, Failure)
    ]
    assert failures and all(one.place.startswith(f"{path}/{at}") for one in failures)
    kept = [home.path("raw", "sessions", "-srv-app", at.rpartition("/")[2])] if tool == "pi" else []
    assert sorted(str(one) for one in tmp_path.rglob("*") if one.is_file()) == sorted(
        [str(path), *kept]
    )


@pytest.mark.parametrize("month", [0, 15])
def test_an_export_whose_files_have_no_date_is_read(month, tmp_path):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as members:
        members.writestr(
            zipfile.ZipInfo("conversations.json", (1980, month, 0, 31, 63, 0)),
            json.dumps([histories.conversation()]),
        )
    assert short(said("chatgpt", tmp_path / "x.zip")) == histories.CHATGPT


def test_counts_instead_of_lines(tmp_path, home):
    histories.chatgpt(tmp_path, {"title": "no mapping"})
    code, out, err = mem_import("--from", "chatgpt", "--dry-run", tmp_path, home=home)
    assert code == 65 and "no 'mapping'" in err
    assert out == (
        "conversations\t1\nuser\t2\nagent\t1\ntool\t1\nsystem\t1\nskipped broken\t1\n"
        "skipped file 'shared_conversations.json'\t1\nskipped file 'user.json'\t1\n"
        "skipped hidden\t2\nskipped injected\t2\n"
        "skipped other branch\t1\nskipped system\t2\nskipped thinking\t2\n"
    )
    _, out, _ = mem_import("--from", "chatgpt", "--dry-run", "--json", tmp_path, home=home)
    assert json.loads(out)["conversations"] == 1 and json.loads(out)["skipped other branch"] == 1
    assert not os.path.exists(home.root)


def test_one_context_for_all(tmp_path, home, command):
    first, second = (
        histories.jsonl(tmp_path / f"{n}.jsonl", histories.header(n), histories.entry(1, "user", n))
        for n in ("a", "b")
    )
    lines = command(
        "mem-import", "--from", "pi", "--context", "pi/a", str(first), str(second), home=home
    )
    assert [(e["context"], e["id"]) for e in parsed(lines)] == [
        ("pi/a", "09000001"),
        ("pi/a", "pi/b:09000001"),
    ]
    assert len(command("mem-append", "--jsonl", stdin=lines, home=home).split()) == 2
    assert mem_import("--from", "pi", "--context", "../x", first, home=home)[0] == 65


@pytest.mark.parametrize(
    "wrong",
    [
        ["--from", "vi"], ["--archive", "--from", "pi"], ["--from", "mom", "--repo", "."],
        ["--from", "openclaw", "--repo", ".", "--archive"],
    ],
)  # fmt: skip
def test_wrong_use(tmp_path, home, wrong):
    code, out, err = mem_import(*wrong, tmp_path, home=home)
    assert (code, out) == (2, "") and err.count("\n") == 1


def test_progress_is_told_in_bytes_of_all(tmp_path):
    histories.claude(tmp_path)
    histories.write(
        tmp_path / "long.jsonl",
        (json.dumps(histories.claude_line(1, "user", "x" * 1000)) + "\n") * 1000,
    )
    total = sum(path.stat().st_size for path in tmp_path.rglob("*.jsonl"))
    told: list[tuple[int, int]] = []
    for _ in importing.run(
        registry.load_reader("claude"),
        importing.ImportChoice((str(tmp_path),)),
        lambda done, of: told.append((done, of)),
    ):
        pass
    assert told == sorted(told) and told[-1] == (total, total) and {of for _, of in told} == {total}
    assert len(told) > 3 + total // 400_000


# --- sessions of a repository


@pytest.mark.parametrize("tool", ["pi", "claude", "openclaw"])
def test_only_sessions_of_the_repository(tool, tmp_path):
    (tmp_path / "repo" / ".git").mkdir(parents=True)
    (tmp_path / "repo" / "deep").mkdir()
    for n, cwd in enumerate(["repo", "repo/deep", "repo2", ".", "repo/../repo2"]):
        told = str(tmp_path) + "/" + cwd
        if tool == "claude":
            lines = [
                {"type": "summary"},
                histories.claude_line(1, "user", cwd, cwd=told, sessionId=f"s{n}"),
            ]
        else:
            lines = [histories.header(f"s{n}", cwd=told), histories.entry(1, "user", cwd)]
        histories.jsonl(tmp_path / "sessions" / f"s{n}.jsonl", *lines)
    root = find_repository(str(tmp_path / "repo" / "deep"))
    assert root == str(tmp_path / "repo")
    assert [event.content for event in said(tool, tmp_path / "sessions", root=root)] == [
        "repo",
        "repo/deep",
    ]


@pytest.mark.parametrize("tool", ["pi", "claude"])
def test_session_files_are_archived_once(tool, tmp_path, home, command):
    folder = histories.ALL[tool][0](tmp_path / "sessions")
    arguments = ["--from", tool, "--repo", "/srv/app/x", "--archive", str(folder)]
    assert command("mem-import", *arguments, "--dry-run", home=home) and not os.path.exists(
        home.root
    )
    assert (
        command(
            "mem-import",
            "--from",
            tool,
            "--repo",
            "/elsewhere",
            "--archive",
            str(folder),
            home=home,
        )
        == b""
    )
    assert not os.path.exists(home.root)
    arguments[3] = "/srv"
    lines = command("mem-import", *arguments, home=home)
    assert lines == command("mem-import", "--from", tool, str(folder), home=home)
    kept = Path(home.path("raw", "sessions", "-srv-app"))
    files = {path.name: path for path in kept.iterdir()}
    originals = {path.name: path for path in folder.rglob("*.jsonl")}
    assert files.keys() == originals.keys()
    assert all(files[name].read_bytes() == originals[name].read_bytes() for name in files)
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in files.values())
    before = {name: path.stat().st_mtime_ns for name, path in files.items()}
    grown = next(iter(originals.values()))
    grown.write_bytes(grown.read_bytes() + b"\n")
    command("mem-import", *arguments, home=home)
    assert [name for name in files if files[name].stat().st_mtime_ns != before[name]] == [
        grown.name
    ]
    assert files[grown.name].read_bytes() == grown.read_bytes()


def archived(tool: str, folder: Path, root: str, home: Any) -> tuple[list[Any], dict[str, bytes]]:
    """What an import with --archive finds, and the files that it keeps."""
    choice = importing.ImportChoice((str(folder),), root, home)
    found = list(importing.run(registry.load_reader(tool), choice, lambda done, of: None))
    kept = Path(home.path("raw", "sessions"))
    return found, {
        str(path.relative_to(kept)): path.read_bytes() for path in kept.rglob("*") if path.is_file()
    }


@pytest.mark.parametrize("tool", ["pi", "claude"])
def test_a_folder_no_file_system_knows_is_in_no_repository(tool, tmp_path, home):
    for n, cwd in enumerate(["/tmp/repo/\ud800", "/tmp/repo/\0", "/tmp/repo"]):
        session = [
            histories.header(cwd=cwd, parentSession=cwd),
            histories.entry(n + 1, "user", "x"),
        ]
        lines = session if tool == "pi" else [histories.claude_line(n + 1, "user", "x", cwd=cwd)]
        histories.jsonl(tmp_path / "from" / f"{n}.jsonl", *lines)
    found, kept = archived(tool, tmp_path / "from", "/tmp/repo", home)
    assert [type(one).__name__ for one in found] == ["Skipped", "Skipped", "HistoryEvent"] and list(
        kept
    ) == ["-tmp-repo/2.jsonl"]
    assert len(said(tool, tmp_path / "from")) == 3


def test_sessions_of_one_name_are_all_kept(tmp_path, home):
    files = [
        histories.jsonl(
            tmp_path / "from" / part / "chat.jsonl",
            histories.header(part),
            histories.entry(1, "user", part),
        )
        for part in ("a", "b", "c")
    ]
    names = ["-srv-app/chat.jsonl", "-srv-app/chat-2.jsonl", "-srv-app/chat-3.jsonl"]
    for _ in range(2):
        assert archived("pi", tmp_path / "from", "/srv", home)[1] == {
            n: f.read_bytes() for n, f in zip(names, files)
        }
    older = histories.write(tmp_path / "older" / "chat.jsonl", files[1].read_bytes())
    histories.write(files[1], files[1].read_bytes() + b"\n")
    os.unlink(home.path("raw", "sessions", names[0]))  # too old
    assert archived("pi", files[1].parent, "/srv", home)[1] == {
        n: f.read_bytes() for n, f in zip(names[1:], files[1:])
    }
    assert archived("pi", older.parent, "/srv", home)[1] == {
        n: f.read_bytes() for n, f in zip(names[1:], files[1:])
    }


def test_names_in_the_archive_can_be_shown(tmp_path, home):
    long = "/srv/" + "/".join(["é" * 60] * 5)
    folders = ["/srv/a\nb\x1b[2J\u202e", "/srv/\udcff", long, long + "x"]
    for n, cwd in enumerate(folders):
        histories.jsonl(
            tmp_path / "from" / f"{n}\n{'n' * 240}.jsonl",
            histories.header(cwd=cwd),
            histories.entry(1, "user", "x"),
        )
    found, kept = archived("pi", tmp_path / "from", "/srv", home)
    assert not [one for one in found if isinstance(one, Failure)]
    assert archived("pi", tmp_path / "from", "/srv", home)[1] == kept
    names = [part for path in kept for part in path.split("/")]
    assert len(kept) == 4 and all(
        name.isprintable() and len(name.encode()) <= 210 for name in names
    )
    assert {"-srv-a_b_[2J_", "-srv-_"} < set(names) and len(
        {path.partition("/")[0] for path in kept}
    ) == 4


# --- what is particular to a tool


def test_a_claude_fork_belongs_to_the_session_it_was_copied_from(tmp_path):
    forked = {
        "forkedFrom": {
            "sessionId": histories.SESSION,
            "messageUuid": "00000000-0000-4000-8000-000000000002",
        },
        "sessionId": "fork",
    }
    copy = histories.claude_line(2, "user", "How do I restart pm2?", **forked, uuid="other")
    histories.jsonl(
        tmp_path / "fork.jsonl", copy, histories.claude_line(50, "user", "new", sessionId="fork")
    )
    first, second = said("claude", tmp_path / "fork.jsonl")
    assert (first.context, first.id) == (
        f"claude/{histories.SESSION}",
        "00000000-0000-4000-8000-000000000002",
    )
    assert second.context == "claude/fork"


def test_calls_have_names_and_arguments(tmp_path):
    for tool, name, call, args in [
        ("pi", "bash", "c1", {"command": "pm2 ls", "n": 1}),
        ("claude", "Bash", "toolu_1", {"command": "pm2 ls"}),
        ("chatgpt", "python", "c1", {"input": "print(6 * 7)"}),
        ("claude-ai", "repl", "toolu_1", {"code": "6*7"}),
        ("codex", "shell", "call_1", {"command": ["pm2", "ls"]}),
        ("gemini", "shell", "call_1", {"command": ["pm2", "ls"]}),
        ("opencode", "bash", "call_1", {"command": "pm2 ls"}),
    ]:
        event = next(
            e for e in said(tool, histories.ALL[tool][0](tmp_path / tool)) if e.role == "tool"
        )
        assert (event.meta["name"], event.meta["call"]) == (name, call)
        assert {key: value for key, value in event.meta["args"].items() if key != "text"} == args


def test_long_arguments_are_cut(tmp_path):
    event = next(e for e in said("claude", histories.claude(tmp_path)) if e.role == "tool")
    assert event.meta["args"]["text"] == "y" * 2000 + "… (2001 characters)"


def test_who_and_when_in_discord(tmp_path):
    events = said("discord", histories.discord(tmp_path))
    threads = [
        (event.context, event.id) for event in events if event.context.startswith("discord-thread/")
    ]
    assert threads[0] == ("discord-thread/1335", "discord-1466730000000000009")
    assert {context for context, _ in threads[1:]} == {"discord-thread/13360"}
    assert events[-1].context == "discord-channel/13370"
    bot = next(event for event in events if event.role == "agent")
    assert bot.author == "Ann" and bot.meta["reply_to"] == "1466730000000000001"
    assert json.loads(events[0].line())["timestamp"] == "2026-01-30T09:00:09.250Z"
    packaged = [
        json.loads(e.line())["timestamp"][:19]
        for e in events
        if e.context == "discord-thread/13360"
    ]
    assert packaged == ["2021-10-13T15:35:46", "2025-09-21T20:37:15"]


@pytest.mark.parametrize(
    "wrap", ["[%s]", '{"conversations": [%s]}', "%s", "\ufeff[%s]", " \n[%s]\n"]
)
def test_the_shapes_of_an_export(tmp_path, wrap):
    path = histories.write(
        tmp_path / "conversations-000.json", wrap % json.dumps(histories.conversation())
    )
    assert short(said("chatgpt", path)) == histories.CHATGPT


def test_a_tree_without_a_current_node_and_one_that_is_a_circle(tmp_path):
    lost, circle = histories.conversation("a"), histories.conversation("b")
    lost["current_node"] = "gone"
    circle["mapping"]["u1"]["parent"] = "w1"
    path = histories.write(tmp_path / "conversations.json", json.dumps([lost, circle]))
    events = short(said("chatgpt", path))
    assert events[: len(histories.CHATGPT)] == histories.CHATGPT
    assert {*events[len(histories.CHATGPT) :]} == {*histories.CHATGPT, ("user", "What was that?")}


def test_a_context_without_a_log_gives_all_it_has(tmp_path):
    (histories.mom(tmp_path) / "C0ABCDEF" / "log.jsonl").unlink()
    assert short(said("mom", tmp_path)) == histories.PI


def test_a_context_of_an_early_mom_and_one_that_is_none(tmp_path):
    context = histories.mom(tmp_path) / "C0ABCDEF" / "context.jsonl"
    entries = [
        {key: value for key, value in entry.items() if key != "id"}
        for entry in histories.pi_entries()
    ]
    histories.jsonl(context, {**histories.header(), "version": None}, *entries)
    events = said("mom", tmp_path)
    assert short(events) == histories.MOM
    assert len({json.loads(event.line())["id"] for event in events}) == len(events)
    histories.jsonl(context, *entries)
    assert [role for role, _ in short(said("mom", tmp_path))] == ["user", "agent", "user", "user"]
    assert [
        str(one).partition(": ")[0] for one in found("mom", tmp_path) if isinstance(one, Failure)
    ] == [f"{context}:1"]


def test_a_message_no_window_takes_is_reported(tmp_path):
    path = histories.jsonl(
        tmp_path / "s.jsonl", histories.header(), histories.entry(1, "user", "é" * (8 * 2**20 + 1)),
        histories.entry(2, "user", "x"),
    )  # fmt: skip
    failure, event = found("pi", path)
    assert isinstance(failure, Failure) and failure.place == f"{path}:2" and event.content == "x"
    from plainmind.bridges.histories import items as limits

    assert limits.LARGEST == writer.LIMIT


# --- pages


def test_memory_becomes_pages(tmp_path, home):
    code, out, err = mem_import(
        "--from", "claude-memory", histories.claude_memory(tmp_path), home=home
    )
    assert (code, err) == (0, "mem-import: 3 passed over: 1 injected, 1 index, 1 empty\n")
    tests, tokens, ann = parsed(out)
    assert tests == {
        "name": "feedback-tests", "body": "Run the tests first.\n", "date": "2026-01-30",
        "type": "agent-feedback", "tier": "L2", "source": "claude-memory",
    }  # fmt: skip
    assert (tokens["name"], tokens["type"]) == ("tokens-decision", "project")
    assert tokens["body"] == (
        "# Sessions or tokens\n\nwe chose tokens: because of phones\n\n"
        "Decided by [[user-ann]], see [docs](https://example.org/a.md) and [[feedback-tests]].\n"
    )
    assert (ann["name"], ann["date"], ann["type"], ann["tier"]) == (
        "user-ann", "2026-03-02", "user", "L1",
    )  # fmt: skip
    assert ann["body"] == "who she is\n\nAnn likes short answers.\n"
    _, out, _ = mem_import("--from", "claude-memory", "--dry-run", tmp_path, home=home)
    assert (
        out
        == "conversations\t0\npage\t3\nskipped empty\t1\nskipped index\t1\nskipped injected\t1\n"
    )


def test_a_pipe_beside_a_page_does_not_hold_an_import_up(tmp_path):
    histories.openclaw_memory(tmp_path)
    os.mkfifo(tmp_path / "memory" / "2026-01-31 2.md")
    assert len([1 for one in found("openclaw-memory", tmp_path) if one]) == 7


def test_pages_of_openclaw(tmp_path):
    made = {one.name: one for one in found("openclaw-memory", histories.openclaw_memory(tmp_path))
            if isinstance(one, HistoryPage)}  # fmt: skip
    assert {name: (one.type, one.tier, one.body) for name, one in made.items()} == {
        "openclaw-memory": ("project", "L2", "# Memory\n\nWe moved the server to the cellar.\n"),
        "user-profile": ("user", "L1", "Ann likes short answers.\n"),
        "2026-01-30-move": ("project", "L2", "Carried boxes. See [[2026-01-31]].\n"),
        "2026-01-31": ("project", "L2", "Rested.\n"),
    }  # fmt: skip
    assert made["2026-01-31"].date == "2026-01-31"


def test_pages_summaries_and_settings_of_pi_mind(tmp_path, home, command):
    folder = histories.pi_mind(tmp_path)
    everything = found("pi-mind", folder)
    pages = {one.name: one for one in everything if isinstance(one, HistoryPage)}
    assert {name: (one.type, one.tier, one.source) for name, one in pages.items()} == {
        "tokens": ("project", "L1", "pi-mind"), "old-design": ("reference", "L2", "pi-mind"),
        "o1": ("reference", "L2", "observations"), "b1": ("reference", "L2", "browser"),
    }  # fmt: skip
    assert pages["tokens"].body == "We chose tokens. See [[old-design]].\n"
    assert pages["tokens"].date == "2026-01-30"
    assert pages["tokens"].more["triples"] == [["alice", "owns", "auth-service"]]
    assert pages["tokens"].more["tags"] == ["legacy/decision", "auth"]
    reasons = [one.reason for one in everything if isinstance(one, Skipped)]
    assert sorted(reasons) == [
        "field 'mood'", "field 'tags'", "field 'triples'", "index", "maintenance log",
        "session, which --from pi reads", 'setting: embed.model = "ollama:nomic-embed-text"',
        "setting: knowledge.budget = 3000", "settings file",
    ]  # fmt: skip
    lines = command("mem-import", "--from", "pi-mind", str(folder), "--now", "2026-02-01",
                    home=home)  # fmt: skip
    written = command("mem-note", "--jsonl", stdin=lines, home=home)
    assert len(written.split()) == 4
    assert command("mem-note", "--jsonl", stdin=lines, home=home) == written


def test_two_projects_may_have_a_page_of_the_same_name(tmp_path):
    for project in ("a", "b"):
        histories.write(
            tmp_path / "projects" / project / "memory" / "user_role.md",
            f"In {project} she writes.\n",
        )
    histories.write(tmp_path / "projects" / "a" / "notes.md", "no memory")
    first, second = [
        one for one in found("claude-memory", tmp_path) if isinstance(one, HistoryPage)
    ]
    assert first.name == "user-role" and re.fullmatch("user-role-[0-9a-f]{8}", second.name)


def test_names_are_those_a_page_may_have():
    from plainmind.bridges.histories.claude_memory import slugify

    name = re.compile(r"[a-z0-9]+(?:[-_][a-z0-9]+)*\Z", re.ASCII)
    for text in ("A b_c", "--", "", "日本語", "x" * 300, "../../etc/passwd", "a\0b"):
        assert name.match(slugify(text)) and len(slugify(text)) <= 96
    assert slugify("日本語") != slugify("日本")


def test_what_was_forgotten_in_an_archived_session_does_not_come_back(tmp_path, home, command):
    folder = histories.ALL["claude"][0](tmp_path / "sessions")
    arguments = ["--from", "claude", "--repo", "/srv", "--archive", str(folder)]
    command("mem-import", *arguments, home=home)
    kept = list(Path(home.path("raw", "sessions", "-srv-app")).iterdir())
    for path in kept:
        first, *rest = path.read_bytes().split(b"\n")
        path.write_bytes(b"\n".join([b'"(forgotten)"', *rest]))
    for path in folder.rglob("*.jsonl"):
        path.write_bytes(path.read_bytes() + b'{"new":1}\n')
    command("mem-import", *arguments, home=home)
    assert sorted(Path(home.path("raw", "sessions", "-srv-app")).iterdir()) == sorted(kept)
    for path in kept:
        first, *rest = path.read_bytes().split(b"\n")
        assert first == b'"(forgotten)"' and rest[-2:] == [b'{"new":1}', b""]
