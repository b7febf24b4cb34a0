"""`mem-hook --install` and `--uninstall`: nothing of somebody else's file is changed, ever."""

import json
import os
import pty
import shutil
import subprocess
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plainmind.ground.errors import BadData
from plainmind.hooks import configuration
from plainmind.hooks.configuration import Hook, Undo
from plainmind.truth import hook_calls
from plainmind.truth.log import reader
from scene import PATIENCE, ROOT

HOOKS = [
    Hook("SessionStart", "/b/mem-hook claude-code", 5, "startup"),
    Hook("Stop", "/b/mem-hook claude-code", 5),
]
FOREIGN = {"hooks": [{"type": "command", "command": "say done; echo mem-hook"}]}
OURS = {
    "type": "command",
    "command": "'/old place/bin/mem-hook' claude-code --home /h",
    "timeout": 1,
}
#: what the client reads: each is given our hooks, and is itself again when they are taken out
READ = {
    "empty": b"",
    "blank": b" \n",
    "an empty object": b"{ }\n",
    "no hooks": b'{"model": "x"}',
    "empty hooks": b'{\n  "hooks": {\n  },\n  "z": 1.0\n}\n',
    "an empty event": b'{"hooks": {"Stop": [ ]}}',
    "foreign hooks": json.dumps({"hooks": {"Stop": [FOREIGN]}, "env": {"K": "\u2028"}}).encode(),
    "foreign layout": b'{\n\t"hooks" : { "Stop":[\n\t\t{"hooks":[]} ]\n\t,"Other":[]} }\n\n',
    "CRLF": b'{\r\n  "model": "x",\r\n  "hooks": {\r\n    "Stop": []\r\n  }\r\n}\r\n',
    "a BOM": b'\xef\xbb\xbf{\n  "model": "x"\n}\n',
}  # fmt: skip
#: what Gemini CLI reads
COMMENTED = {
    "before and after": b'// mine\n{\n  "ui": {"a": "x"}, // dark\n  /* no */ "z": 1 // last\n}\n',
    "among hooks": b'{"hooks": {/* a */ "Stop": [/* b */ {"hooks": []} /* c */]} /* d */}',
    "in a text": b'{"url": "http://x/*y*/", /* " */ "b": "// no"}\n',
    "CRLF": b'{\r\n  // "mine"\r\n  "model": "x"\r\n}\r\n',
    "alone": b"// mine\n{}\n",
}
#: what it does not read, or what could mean two things
REFUSED = {
    "a comment": b'// mine\n{"hooks": {}}',
    "a comma too many": b'{"hooks": {},}',
    "a key twice": b'{"hooks": {}, "hooks": {}}',
    "a list": b"[]",
    "hooks of another type": b'{"hooks": []}',
    "an event of another type": b'{"hooks": {"Stop": "x"}}',
    "a group of another type": b'{"hooks": {"Stop": [{"hooks": "x"}]}}',
    "another encoding": '{"model": "é"}'.encode("latin-1"),
    "NaN": b'{"a": NaN}',
    "half of it": b'{"hooks": {"Stop": [',
}


def commands(data: bytes) -> list[tuple[str, str]]:
    return [
        (event, run["command"])
        for event, groups in json.loads(data.decode("utf-8-sig"))["hooks"].items()
        for group in groups
        for run in group["hooks"]
    ]


def check(before: bytes) -> None:
    """Added once, whole and readable; taken out without a trace."""
    value = json.loads(before.decode("utf-8-sig") or "{}") if before.strip() else {}
    made, undo = configuration.add(before, HOOKS, "claude-code", Undo())
    assert configuration.find(made, "claude-code") == {h.event: [h.group()] for h in HOOKS}
    assert configuration.add(made, HOOKS, "claude-code", undo) == (made, undo)
    moved = [hook._replace(command="/c/mem-hook claude-code") for hook in HOOKS]
    again, undo_again = configuration.add(made, moved, "claude-code", undo)
    assert configuration.add(again, HOOKS, "claude-code", undo_again) == (made, undo)
    after = json.loads(made.decode("utf-8-sig"))
    assert {**after, "hooks": value.get("hooks")} == {**value, "hooks": value.get("hooks")}
    assert configuration.remove(made, "claude-code", undo) == before


@pytest.mark.parametrize("before", READ.values(), ids=READ)
def test_hooks_are_added_once_and_taken_out_without_a_trace(before):
    check(before)


GAPS = st.sampled_from(["", " ", "\n  ", "\n\t"])
GROUPS = st.lists(st.sampled_from([FOREIGN, {"matcher": "x", "hooks": []}]), max_size=2)
TEXTS = st.text(max_size=3).filter(lambda text: "{}" not in text)  # which becomes a gap
SETTINGS = st.fixed_dictionaries(
    {},
    optional={
        "model": TEXTS,
        "hooks": st.dictionaries(st.sampled_from(["Stop", "SessionStart", "Other"]), GROUPS),
        "env": st.dictionaries(TEXTS, st.integers()),
    },
)


@given(SETTINGS, st.sampled_from([None, 0, 2, "\t"]), st.booleans(), GAPS)
def test_whatever_stands_there_stays(value, indent, ascii, gap):
    text = json.dumps(value, indent=indent, ensure_ascii=ascii)
    check((text.replace("{}", f"{{{gap}}}") + gap).encode("utf-8", "surrogatepass"))


@pytest.mark.parametrize("before", COMMENTED.values(), ids=COMMENTED)
def test_comments_stay_where_the_client_reads_them(before):
    hooks = [hook._replace(command="/b/mem-hook gemini-cli") for hook in HOOKS]
    made, undo = configuration.add(before, hooks, "gemini-cli", Undo())
    assert {*configuration.find(made, "gemini-cli")} == {"Stop", "SessionStart"}
    assert configuration.add(made, hooks, "gemini-cli", undo) == (made, undo)
    assert configuration.remove(made, "gemini-cli", undo) == before


def test_a_comment_where_a_hook_would_stand_is_not_written_over():
    hooks = [hook._replace(command="/b/mem-hook gemini-cli") for hook in HOOKS]
    with pytest.raises(BadData, match="comment"):
        configuration.add(b'{"hooks": {/* mine */}}', hooks, "gemini-cli", Undo())
    made, undo = configuration.add(b'{"hooks": {}}', hooks, "gemini-cli", Undo())
    with pytest.raises(BadData, match="comment"):
        configuration.remove(made.replace(b"{", b"{/* mine */", 3), "gemini-cli", undo)


@pytest.mark.parametrize("before", REFUSED.values(), ids=REFUSED)
def test_what_the_client_would_not_read_is_refused(before):
    with pytest.raises(BadData):
        configuration.add(before, HOOKS, "claude-code", Undo())


def test_hooks_of_an_older_place_are_replaced_and_others_beside_them_stay():
    mixed = {
        "hooks": {"Stop": [{"hooks": [OURS, *FOREIGN["hooks"], OURS]}], "Gone": [{"hooks": [OURS]}]}
    }
    made, undo = configuration.add(json.dumps(mixed).encode(), HOOKS, "claude-code", Undo())
    assert commands(made) == [
        ("Stop", FOREIGN["hooks"][0]["command"]),
        ("Stop", HOOKS[1].command),
        ("SessionStart", HOOKS[0].command),
    ]
    left = configuration.remove(made, "claude-code", undo)
    assert json.loads(left) == {"hooks": {"Stop": [FOREIGN]}}


@pytest.mark.parametrize(
    "command, ours",
    [
        ("'/a b/bin/mem-hook' claude-code --home /h", True),
        ("MIND_HOME=/h mem-hook --home /x claude-code || true", True),
        ("mem-hook claude-code-logger", False),
        ("mem-hook codex --home 'x claude-code'", False),
        ("echo 'see mem-hook claude-code'", False),
        ("/opt/other --skip mem-hook claude-code", False),
        ("rm -r notes/mem-hook claude-code", False),
        ("mem-hook claude-code 'half", False),
        (["mem-hook", "claude-code"], False),
    ],
    ids=str,
)
def test_a_command_is_ours_when_it_is_this_one(command, ours):
    assert configuration.is_ours(command, "claude-code") == ours


def settings(tmp_path):
    path = tmp_path / ".claude" / "settings.json"
    path.parent.mkdir()
    return path


def test_an_installation_is_told_of_and_undone(hook, tmp_path):
    path = tmp_path / ".claude" / "settings.json"
    status = hook("--status")
    assert (status.code, b"calls\tno" in status.out, path.parent.exists()) == (1, True, False)
    events = [line.rpartition(" ")[2] for line in hook("--install").out.decode().splitlines()]
    assert events == ["SessionStart", "UserPromptSubmit", "Stop", "PostCompact", "SessionEnd"]
    assert [event for event, _ in commands(path.read_bytes())] == events
    assert hook("--install").out == b""
    status = hook("--status")
    assert (status.code, b"calls\tyes" in status.out, b"last\tnever" in status.out) == (
        0,
        True,
        True,
    )
    (path.parent / "projects").mkdir()
    assert b"mem-import --from claude " in hook("--install").complaints
    assert hook("--uninstall").code == 0 and os.listdir(path.parent) == ["projects"]
    assert hook("--uninstall").out == b""


def test_folders_that_were_made_go_when_they_are_empty(hook, tmp_path):
    place = {"CLAUDE_CONFIG_DIR": str(tmp_path / "new" / "er")}
    assert hook("--install", env=place).code == hook("--install", env=place).code == 0
    assert os.listdir(tmp_path / "new" / "er") == ["settings.json"]
    assert hook("--uninstall", env=place).code == 0 and not (tmp_path / "new").exists()
    (tmp_path / "new").mkdir()
    hook("--install", env=place)
    assert hook("--uninstall", env=place).code == 0 and os.listdir(tmp_path / "new") == []


@pytest.mark.parametrize("client", ["claude-code", "pi"])
@pytest.mark.parametrize("when", ["exchanged", "deleted", "a folder gone"])
def test_a_removal_that_was_killed_is_gone_on_with(hook, tmp_path, home, when, client):
    """After each step of it that leaves no hook of ours; another call leaves no trace."""
    place = dict.fromkeys(
        ("CLAUDE_CONFIG_DIR", "PI_CODING_AGENT_DIR"), str(tmp_path / "new" / "er")
    )
    path = hook("--install", client=client, env=place).out.decode().rpartition(": ")[0]
    path = path.rpartition("\n")[2].partition(": ")[0]
    with open(path, "w"):
        pass
    folder, name = os.path.split(path)
    with open(os.path.join(folder, f".{name}.999999999-0.tmp"), "w"):
        pass
    if when != "exchanged":
        os.unlink(path)
    if when == "a folder gone":
        shutil.rmtree(folder)
    assert hook("--uninstall", client=client, env=place).code == 0
    assert not (tmp_path / "new").exists() and not hook_calls.read(home, "hooks.json")


@pytest.mark.parametrize("typed, events", [(b"yes\n", 1), (b"\n", 0), (b"\x04", 0)])
def test_at_a_terminal_it_asks_whether_to_import(home, tmp_path, typed, events):
    """It is a process of its own: the terminal is asked who it is."""
    said = {"type": "user", "message": {"role": "user", "content": "The key is under the fern."}}
    line = {**said, "uuid": "u", "sessionId": "s", "timestamp": "2026-01-30T14:00:00Z", "cwd": "/x"}
    place = tmp_path / ".claude" / "projects" / "-x"
    place.mkdir(parents=True)
    (place / "s.jsonl").write_text(json.dumps(line) + "\n")
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "MIND_HOME": home.root}
    ours, theirs = pty.openpty()
    command = [os.path.join(ROOT, "bin", "mem-hook"), "claude-code", "--install"]
    streams = dict.fromkeys(("stdin", "stdout", "stderr"), theirs)
    with subprocess.Popen(command, env=env, **streams) as process:
        os.close(theirs)
        screen = b""
        while b"import them now? [y/N]" not in screen:
            screen += os.read(ours, 4096)
        os.write(ours, typed)
        with suppress(OSError):  # a terminal whose other end is closed
            while some := os.read(ours, 4096):
                screen += some
        assert process.wait(PATIENCE) == 0, screen
    os.close(ours)
    assert screen.index(b"SessionStart") < screen.index(b"started again") < screen.index(b"now?")
    logged = [reader.read_window(home, path).blocks() for path in reader.list_windows(home)]
    assert sum(map(len, logged)) == events, screen


#: of its settings, what has a package of ours call us -> how that is taken out
PACKAGES = {
    "claude-code": [
        ({"enabledPlugins": {"plainmind@plainmind": True}}, "uninstall plainmind@plainmind"),
        ({"enabledPlugins": {"plainmind@plainmind": False, "other@plainmind": True}}, ""),
        ({"enabledPlugins": ["plainmind@x"]}, ""),
    ],
    "pi": [
        ({"packages": ["../../a b/integrations/pi"]}, "pi remove '{}/a b/integrations/pi'"),
        ({"packages": [5, {"source": "git:x.org/ann/plainmind.git@v1"}]}, "plainmind.git@v1"),
        ({"packages": ["npm:plainmindful", "git:plainmind/x", {}]}, ""),
        ({"packages": 5}, ""), ([], ""),
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    "client, value, cure", [(name, *case) for name, cases in PACKAGES.items() for case in cases]
)
def test_a_package_that_calls_too_is_told_of(hook, tmp_path, client, value, cure):
    path = tmp_path / {"claude-code": ".claude", "pi": ".pi/agent"}[client] / "settings.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(value))
    status = hook("--status", client=client)
    assert (status.code, b"calls\tpackage" in status.out) == (0 if cure else 1, bool(cure))
    if not isinstance(value, dict):
        return
    for mode in ("--install", "--status"):
        said = hook(mode, client=client).complaints.decode()
        assert (cure.format(tmp_path) in said) and ("given twice" in said) == bool(cure), said


def test_what_stands_there_is_shown_when_it_is_in_another_form(hook):
    hook("--install", "--home", "/a b")
    status = hook("--status")
    assert (status.code, b"calls\totherwise" in status.out) == (1, True)
    assert b"mem-hook claude-code --home '/a b'\n" in status.complaints


def test_programs_on_the_path_are_called_by_their_names(hook, tmp_path):
    (tmp_path / ".claude" / "projects").mkdir(parents=True)
    path = f"{os.path.join(ROOT, 'bin')}:{os.environ['PATH']}"
    said = hook("--install", env={"PATH": path}).complaints.decode()
    assert ": mem-import --from claude --home " in said and "| mem-append --jsonl" in said, said
    said = hook("--install", env={"PATH": os.defpath}).complaints.decode()
    assert f"{ROOT}/bin/mem-import --from" in said.replace("'", ""), said


def test_codex_is_not_said_to_call_before_somebody_allowed_it(hook, tmp_path):
    assert b"/hooks" in hook("--install", client="codex").complaints
    made = (tmp_path / ".codex" / "hooks.json").read_bytes()
    assert len(commands(made)) == 5
    (last,) = json.loads(made)["hooks"]["SessionEnd"]
    assert last["hooks"][0]["timeout"] == 3  # it warns of more, at every session
    status = hook("--status", client="codex")
    assert (status.code, b"calls\tnot yet" in status.out) == (1, True)
    notice = {"type": "agent-turn-complete", "thread-id": "s", "turn-id": "t", "cwd": "/x/app"}
    hook("--notify", json.dumps({**notice, "last-assistant-message": "Hi."}), client="codex")
    assert hook("--status", client="codex").code == 1  # it is no hook
    event = {"hook_event_name": "UserPromptSubmit", "session_id": "s", "turn_id": "t"}
    hook({**event, "prompt": "Hello"}, client="codex")
    assert hook("--status", client="codex").code == 0


def test_gemini_counts_in_ms_and_asks_for_trust_in_a_project(hook, tmp_path, monkeypatch):
    env = {"GEMINI_CLI_HOME": str(tmp_path / "g"), "MIND_HOOK_TIMEOUT": "2"}
    hook("--install", client="gemini-cli", env=env)
    made = json.loads((tmp_path / "g" / ".gemini" / "settings.json").read_bytes())
    assert [*made["hooks"]] == ["BeforeAgent", "AfterAgent", "SessionEnd"]
    assert made["hooks"]["SessionEnd"][0]["hooks"][0]["timeout"] == 5000
    assert hook("--status", client="gemini-cli").code == 1  # of another home
    monkeypatch.chdir(tmp_path)
    assert b"trust" in hook("--install", "--project", client="gemini-cli").complaints
    assert (tmp_path / ".gemini" / "settings.json").exists()
    assert hook("--status", "--project", client="gemini-cli").code == 1
    hook({"hook_event_name": "SessionEnd", "session_id": "s"}, client="gemini-cli")
    assert hook("--status", "--project", client="gemini-cli").code == 0


@pytest.mark.parametrize(
    "kind", ["a link", "a link to nothing", "read-only", "a folder", "refused", "too large"]
)
def test_a_configuration_that_is_no_plain_file(hook, tmp_path, kind):
    path, other = settings(tmp_path), tmp_path / "dotfiles.json"
    before = b"// mine\n{}" if kind == "refused" else b'{"model": "x"}'
    before += b" " * (50 << 20) if kind == "too large" else b""
    if kind == "a folder":
        path.mkdir()
    elif kind.startswith("a link"):
        path.symlink_to(other)
    if kind not in ("a folder", "a link to nothing"):
        path.write_bytes(before)
    if kind == "read-only":
        path.chmod(0o400)
    ended = hook("--install")
    assert ended.code == {"a link": 0, "read-only": 77, "a folder": 74}.get(kind, 65), ended
    assert path.is_symlink() == kind.startswith("a link")
    if kind == "a link":
        assert len(commands(other.read_bytes())) == 5 and hook("--uninstall").code == 0
    if kind not in ("a folder", "a link to nothing"):
        assert path.read_bytes() == before
    assert os.listdir(path.parent) == ["settings.json"]


@pytest.mark.parametrize("client", ["claude-code", "pi"])
def test_a_removal_knows_what_another_memory_folder_wrote_down(hook, tmp_path, client):
    there = {"claude-code": ".claude/settings.json", "pi": ".pi/agent/extensions/plainmind.js"}
    path, other = tmp_path / there[client], {"MIND_HOME": str(tmp_path / "other home")}
    again = {"MIND_HOME": str(tmp_path / "again")}
    for env in (other, again):
        assert hook("--install", client=client, env=env).code == 0
        assert str(env["MIND_HOME"]) in path.read_text()
    assert hook("--uninstall", client=client).code == 0
    assert [*tmp_path.rglob("settings.json"), *tmp_path.rglob("plainmind.js")] == []
    for known in tmp_path.rglob("hooks.json"):
        assert known.read_text() == "{}\n"
    assert not path.parent.exists()


def test_the_status_of_all_clients_at_once(hook, tmp_path):
    assert hook("--status", client="").code == 1
    for folder in (".codex", ".gemini", ".claude"):
        (tmp_path / folder).mkdir()
    assert hook("--install").code == hook("--install", client="pi").code == 0
    (tmp_path / ".gemini" / "settings.json").write_text("{")
    ended = hook("--status", client="")
    told = [line.split("\t")[::2] for line in ended.out.decode().splitlines()]
    assert told == [["claude-code", "yes"], ["codex", "no"], ["pi", "yes"]]
    assert ended.code == 65 and b".gemini/settings.json" in ended.complaints
    (tmp_path / ".gemini" / "settings.json").unlink()
    ended = hook("--status", "--json", client="")
    assert ended.code == 0 and [json.loads(line)["client"] for line in ended.out.splitlines()] == [
        "claude-code", "codex", "gemini-cli", "pi"
    ]  # fmt: skip
    for words in (("--install",), ("--project", "--uninstall")):
        assert hook(*words, client="").code == 2
