"""`mem-hook CLIENT` at a client's events: what is kept, what is given, and that neither harms."""

import contextlib
import json
import os
import shutil
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler

import pytest
from forks import PYTHON
from loopback import listening
from plainmind.formats.log import injected_blocks
from plainmind.ground import clock, files
from plainmind.hooks.clients import CLIENTS
from plainmind.truth.log import reader
from plainmind.truth.log.writer import EventDraft, Log

FACT = "The tax extension is due on April 15th"
#: the clients whose events have these names
SAME = [name for name in CLIENTS if name != "gemini-cli"]
BROKEN = {
    "not JSON": b"{",
    "a list": b"[]",
    "deep": b"[" * 99_999,
    "bytes": b"\xff",
    "nothing": b"",
    "too large": b'{"hook_event_name": "UserPromptSubmit", "prompt": "%s"}' % (b"x" * (50 << 20)),
}


def event(name: str, session: str = "s1", turn: str = "p1", **more) -> dict:
    return {
        "hook_event_name": name,
        "session_id": session,
        "prompt_id": turn,
        "cwd": "/x/My App",
        **more,
    }


def prompt(text: str, session: str = "s1", turn: str = "p1", **more) -> dict:
    return event("UserPromptSubmit", session, turn, prompt=text, **more)


def stop(text: str, session: str = "s1", turn: str = "p1", **more) -> dict:
    return event("Stop", session, turn, last_assistant_message=text, **more)


def logged(home, context: str = "claude-code/my-app") -> list[tuple[str, str]]:
    windows = [reader.read_window(home, path) for path in reader.list_windows(home, context)]
    events = [window.event(block) for window in windows for block in window.blocks()]
    return [(one.role, one.content) for one in events]


def excerpts(out: bytes, marker: str = injected_blocks.MEMORIES) -> list[str]:
    lines = out.decode().splitlines()
    found = [json.loads(block) for mark, block in zip(lines, lines[1:]) if mark == marker]
    return [one["excerpt"] for block in found for one in block["memories"]]


def test_what_is_said_is_kept_once_and_given_to_another_session(hook, home):
    for each in (prompt(FACT), prompt(FACT), stop("Noted."), stop("Noted."), prompt(FACT)):
        assert hook(each).code == 0
    assert logged(home) == [("user", FACT), ("agent", "Noted.")]
    assert hook(prompt("When is the tax extension due?", turn="p2")).out == b""  # it said so itself
    given = hook(prompt("When is the tax extension due?", "s2")).out
    assert FACT in excerpts(given)
    assert "task is the user's message" in given.decode()
    assert injected_blocks.strip(given.decode(), echoes=False) == ""
    # what was injected, and is given back, is no word of anybody's
    hook(prompt(f"{given.decode()}And then?", "s3"), env={})
    hook(stop(f"So.\n{given.decode()}", "s3"))
    assert logged(home)[-2:] == [("user", "And then?"), ("agent", "So.\n")]


def test_an_answer_has_its_question_though_the_hook_of_the_prompt_was_cut_off(hook, home, tmp_path):
    said = {
        "type": "user",
        "promptId": "p1",
        "message": {"content": [{"type": "text", "text": FACT}]},
    }
    lines = [{"timestamp": "2026-01-30T14:23:55Z"}, {**said, "promptId": "p0"}, said]
    lines += [{**said, "message": {"content": [{"type": "tool_result", "content": "x"}]}}]
    (tmp_path / "t").write_text("".join(json.dumps(line) + "\n" for line in lines) + "half of a")
    for transcript in ("t", "t", "gone"):
        hook(stop("Noted.", transcript_path=str(tmp_path / transcript)))
    assert logged(home) == [("user", FACT), ("agent", "Noted.")]
    hook(stop("And more.", stop_hook_active=True))
    hook(stop("And more.", stop_hook_active=True))
    assert logged(home)[2:] == [("agent", "And more.")]


def test_a_notice_of_codex_keeps_what_no_hook_kept(hook, home, tmp_path):
    notice = {
        "type": "agent-turn-complete", "thread-id": "s1", "turn-id": "t1", "cwd": "/x/app",
        "input-messages": ["before", FACT], "last-assistant-message": "Noted.",
    }  # fmt: skip
    more = {"turn_id": "t1", "cwd": "/x/app"}
    for _ in range(2):
        assert hook("--notify", json.dumps(notice), client="codex")[:3] == (0, b"", b"")
        assert hook(prompt(FACT, **more), client="codex").code == 0
        assert hook(stop("Noted.", **more), client="codex").code == 0
    assert logged(home, "codex/app") == [("user", FACT), ("agent", "Noted.")]
    for other in ('{"type": "x"}', "{", "[]"):
        assert hook("--notify", other, client="codex")[:2] == (0, b"")
    said = {"type": "compacted", "payload": {"message": "They spoke of taxes."}}
    when = clock.to_text(int(time.time() * 1000))
    (tmp_path / "r").write_text(json.dumps({"timestamp": when, **said}) + "\n")
    for _ in range(2):
        hook(event("PostCompact", **more, transcript_path=str(tmp_path / "r")), client="codex")
    (page,) = os.listdir(home.path("raw", "compaction"))
    assert "They spoke of taxes." in open(home.path("raw", "compaction", page)).read()


def test_what_was_compacted_is_kept_and_recalled_again(hook, home):
    hook(prompt(FACT))
    start = event("SessionStart", source="compact")
    assert b"mem-resident remember" in hook(start).out
    summary = event("PostCompact", compact_summary="They spoke of taxes.")
    assert hook(summary).out == hook(summary).out == b""
    (page,) = os.listdir(home.path("raw", "compaction"))
    assert "They spoke of taxes." in open(home.path("raw", "compaction", page)).read()
    assert FACT in excerpts(hook(prompt("When is the tax extension due?", turn="p2")).out)


def test_a_start_gives_resident_memory_and_pages_of_tier_l1(hook, home, command):
    os.makedirs(home.path("memory"))
    with open(home.path("memory", "MEMORY.md"), "w") as file:
        file.write("- Ann lives in Graz.\n")
    command(
        "mem-note",
        "--type",
        "user",
        "--tier",
        "L1",
        "--name",
        "ann",
        stdin=b"Ann speaks German.",
        home=home,
    )
    for source, given in (("startup", True), ("clear", True), ("resume", False), ("", False)):
        out = hook(event("SessionStart", source=source)).out
        assert (b"Ann lives in Graz" in out, b"Ann speaks German" in out) == (given, given), source
    assert b"German" not in hook(prompt("What does Ann speak?")).out


@pytest.mark.parametrize("client", SAME)
def test_secrets_are_masked_in_what_is_given(hook, home, command, client):
    os.mkdir(home.root)
    files.replace(home.path(".env"), b"SHOP_TOKEN=correct-horse-42\n")
    said = "The tax extension of correct-horse-42 is due soon."
    hook(prompt(said), client="codex")
    page = ("--force", "--type", "user", "--tier", "L1", "--name", "tax")
    command("mem-note", *page, stdin=said.encode(), home=home)
    for each in (
        prompt("tax extension due", "s2", cwd="/y"),
        event("SessionStart", source="clear"),
    ):
        out = hook(each, client=client).out
        assert b"***" in out and not any(part in out for part in (b"correct-", b"horse")), out


@pytest.mark.parametrize("name", ["a\0b", "link"])
def test_a_folder_of_any_name_is_a_project(hook, home, tmp_path, name):
    os.mkdir(os.fsencode(tmp_path) + b"/caf\xe9")
    os.symlink(os.fsencode(tmp_path) + b"/caf\xe9", tmp_path / "link")
    ended = hook(prompt(FACT, cwd=str(tmp_path / name)))
    (context,) = home.list_contexts()
    assert logged(home, context) == [("user", FACT)] and not ended.complaints


@pytest.mark.parametrize("where, project", [
    ("{0}/App/.git/worktrees/fix", "app"), ("../App/.git/worktrees/fix\n", "app"),
    ("{0}/app.git/worktrees/fix", "app"), ("../App/.git/modules/fix", "fix"), ("", "fix"),
    ("\0/worktrees/", "fix"), ("/worktrees/x", "all"),
])  # fmt: skip
def test_a_work_tree_is_of_its_repository(hook, home, tmp_path, where, project):
    tree = tmp_path / "fix"
    (tree / "lib").mkdir(parents=True)
    (tree / ".git").write_text(f"gitdir: {where.format(tmp_path)}")
    hook(prompt(FACT, cwd=str(tree / "lib")))
    assert logged(home, f"claude-code/{project}") == [("user", FACT)]


def test_a_transcript_is_kept_when_the_setting_says_so(hook, home, tmp_path):
    (tmp_path / "s1.jsonl").write_text("{}\n")
    end = event("SessionEnd", transcript_path=str(tmp_path / "s1.jsonl"))
    hook(end)
    assert not os.path.exists(home.path("raw", "sessions"))
    hook(end, env={"MIND_HOOK_SESSIONS": "true"})
    assert os.listdir(home.path("raw", "sessions", "-x-My App")) == ["s1.jsonl"]


@pytest.mark.parametrize("text", ["word ", "\u00e9", "\U0001f600 ", '"\\', "a\nb"], ids=repr)
def test_what_is_given_fits_and_is_whole(hook, home, command, text):
    log, now = Log(home), clock.parse("2026-11-01T00:00:00Z")
    bodies = [f"extension {n} {text * (1500 // len(text))}" for n in range(40)]
    log.append("x/y", [EventDraft(now, "user", body, {}) for body in bodies], now)
    for n in range(8):
        body = f"extension {n} {text * 700}".encode()
        command(
            "mem-note", "--force", "--type", "project", "--name", f"p{n}", stdin=body, home=home
        )
    os.makedirs(home.path("memory"))
    with open(home.path("memory", "MEMORY.md"), "w") as file:
        file.write(f"- {text * 30}\n".replace("\n-", "-") * 120)
    with open(home.path("memory", "config.json"), "w") as file:
        file.write('{"maxInjectBytes": 40000}')
    page = ("--force", "--type", "user", "--tier", "L1", "--name")
    for n in range(6):
        command("mem-note", *page, f"a{n}", stdin=f"- {text * 400}".encode(), home=home)
    written = b'{"total": 20, "first": "2020-01-30T14:23:55Z"}'  # an audit is due, and told of
    files.replace(home.path("raw", "maintenance-log", "last-forget.json"), written)
    start = event("SessionStart", source="clear")
    given = [(name, each) for each in (prompt("extension"), start) for name in SAME]
    for name, each in [*given, ("", {}), *((name, start) for name in SAME)]:
        if not name:
            shutil.rmtree(home.path("memory"))  # from here on, pages of tier L1 have all the room
            continue
        out, client = hook(each, client=name).out.decode(), CLIENTS[name]
        out = json.loads(out)["context"] if client.read_entries else out
        assert client.limit * (each != start) / 2 < client.measure(out) <= client.limit
        lines = out.splitlines()
        assert lines[0] == lines[-1] and lines[0].startswith(injected_blocks.BORDER)
        assert each != start or lines[-2].startswith("(notice)")


@pytest.mark.parametrize("data", BROKEN.values(), ids=BROKEN)
def test_what_cannot_be_read_is_said_and_noted_and_nothing_else_happens(hook, home, data):
    os.mkdir(home.root)
    ended = hook(data)
    assert (ended.code, ended.out) == (0, b"") and ended.complaints.startswith(b"mem-hook: ")
    (name,) = [
        name
        for name in os.listdir(home.path("raw", "maintenance-log"))
        if name.startswith("hook-2")
    ]
    (line,) = open(home.path("raw", "maintenance-log", name)).read().splitlines()
    assert json.loads(line)["client"] == "claude-code"


@pytest.mark.parametrize("wrong", ["home", "settings", "time", "lock", "option"])
def test_a_client_goes_on_whatever_is_wrong(hook, home, tmp_path, wrong):
    env = {"MIND_HOOK_TIMEOUT": "0.4"}
    os.mkdir(home.root)
    words = ["--home", ""] if wrong == "option" else []
    if wrong == "home":
        open(home.logs, "w").close()
    elif wrong == "settings":
        (tmp_path / "home" / "config.toml").write_text("nonsense = [")
    elif wrong == "time":
        env["MIND_NOW"] = "when?"
    started = time.monotonic()
    if wrong == "lock":
        with files.lock(home.lock):
            ended = hook(prompt(FACT), *words, env=env)
        assert b"0.4 s" in ended.complaints
    else:
        ended = hook(prompt(FACT), *words, env=env)
    assert (ended.code, ended.out) == (0, b"") and ended.complaints, ended
    assert time.monotonic() - started < 5


STOPPED = """
import os, signal, sqlite3, sys
db = sqlite3.connect(sys.argv[1])
db.execute("BEGIN EXCLUSIVE")
os.kill(os.getpid(), signal.SIGSTOP)
"""


def test_a_writer_of_the_index_that_is_stopped_holds_up_a_client_no_longer_than_it_may(hook, home):
    """SQLite would wait for it, for a minute. What was said is kept."""
    hook(prompt(FACT))
    hook(prompt("tax", "s2"))
    holder = subprocess.Popen([PYTHON, "-c", STOPPED, os.path.join(home.index, "mind.db")])
    try:
        os.waitid(os.P_PID, holder.pid, os.WSTOPPED)
        ended = hook(prompt("When is it due?", "s3"), env={"MIND_HOOK_TIMEOUT": "1"})
    finally:
        holder.kill()
        holder.wait()
    assert (ended.code, ended.out) == (0, b"") and b"1 s" in ended.complaints
    assert logged(home)[-1] == ("user", "When is it due?")
    assert FACT in excerpts(hook(prompt("When is the tax extension due?", "s4")).out)


def test_an_event_of_another_name_is_none_of_ours(hook, home):
    assert hook(event("PreToolUse", tool_name="Bash"))[:3] == (0, b"", b"")
    assert not os.path.exists(home.root)


def test_a_damaged_index_is_made_again_for_an_answer(hook, home):
    hook(prompt(FACT))
    hook(prompt("tax", "s2"))
    with open(os.path.join(home.index, "mind.db"), "r+b") as file:
        file.truncate(5000)
    ended = hook(prompt("When is the tax extension due?", "s3"))
    assert ended.code == 0 and FACT in excerpts(ended.out)
    assert b"set aside" in ended.complaints


class SlowEmbedder(BaseHTTPRequestHandler):
    """Ollama's, which answers to several texts, and lets one wait until it is set free."""

    freed = threading.Event()

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["input"]
        texts = asked if isinstance(asked, list) else [asked]
        if any("When" in text for text in texts):
            self.freed.wait(60)
        body = json.dumps({"embeddings": [[1.0, 0.0]] * len(texts)}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.wfile.write(body)


def test_an_embedder_that_hangs_holds_up_a_client_no_longer_than_it_may(hook, home, command):
    """It would wait for 5 s. What was said is kept."""
    question = "When is the tax extension due?"
    with listening(SlowEmbedder) as url:
        hook(prompt(FACT))
        settings = f"OLLAMA_HOST={url}\nMIND_EMBED_MODEL=ollama:nomic-embed-text\n"
        files.replace(home.path(".env"), settings.encode())
        command("mem-embed", "--quiet", home=home)
        ended = hook(prompt(question, "s2"), env={"MIND_HOOK_TIMEOUT": "1"})
        SlowEmbedder.freed.set()
    assert (ended.code, ended.out) == (0, b"") and b"1 s" in ended.complaints
    assert logged(home) == [("user", FACT), ("user", question)]
