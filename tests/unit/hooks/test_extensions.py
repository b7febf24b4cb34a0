"""Clients that load an extension of ours: the file that `--install` puts there, and what mem-hook
makes of what the extension hands over."""

import json
import os

import pytest
from plainmind.formats.log import injected_blocks
from plainmind.ground import clock
from plainmind.hooks import extension
from plainmind.hooks.configuration import Hook, Undo
from plainmind.truth.log import reader

HOOK = Hook("/x/integrations/pi/index.js", "'/a b/mem-hook' pi --home '/h \"q\"'", 5)
OURS = extension.describe([HOOK], "pi")["extension"].encode()
OLDER = extension.describe([HOOK._replace(event="/old/index.js")], "pi")["extension"].encode()
#: what may be in its place -> what is there after an installation was undone; None: it is refused
SHAPES = {
    "empty": (b"", b""), "blank": (b" \n", b" \n"), "a blank line of another kind": (b"\r\n",) * 2,
    "ours": (OURS, b""), "ours of another place": (OLDER, b""),
    "ours, saved by an editor": (OURS.replace(b"\n", b"\r\n"), b""),
    "ours, with more below": (OURS + b"// mine\n", b""),
    "somebody's": (b"export default () => {};\n", None),
    "a comment above": (b"// mine\n" + OURS, None),
    "another client's": (OURS.replace(b"mem-hook pi", b"mem-hook opencode"), None),
    "no text": (b"\xff\xfe\0", None), "a BOM": (b"\xef\xbb\xbf// mine\n", None),
}  # fmt: skip
FACT = "The tax extension is due on April 15th"


@pytest.mark.parametrize("before, after", SHAPES.values(), ids=SHAPES)
def test_whatever_is_in_its_place_is_undone_or_refused(hook, tmp_path, before, after):
    path = tmp_path / ".pi" / "agent" / "extensions" / "plainmind.js"
    path.parent.mkdir(parents=True)
    path.write_bytes(before)
    ended = hook("--install", client="pi")
    if after is None:
        assert ended.code == 65 and b"move it away" in ended.complaints, ended
        assert hook("--uninstall", client="pi").code == 65 and path.read_bytes() == before
    else:
        assert hook("--status", client="pi").code == 0
        installed = path.read_bytes()
        assert hook("--install", client="pi").out == b"" and path.read_bytes() == installed
        assert hook("--uninstall", client="pi").code == 0
        assert (path.read_bytes() if path.exists() else b"") == after
        assert hook("--uninstall", client="pi").out == b""
    assert len(os.listdir(path.parent)) <= 1


@pytest.mark.parametrize("kind", ["none", "a link", "a link to nothing", "read-only", "a folder"])
@pytest.mark.parametrize("client", ["pi", "opencode"])
def test_where_it_is_put(hook, tmp_path, client, kind):
    folder = {"pi": ".pi/agent/extensions", "opencode": ".config/opencode/plugin"}[client]
    path, other = tmp_path / folder / "plainmind.js", tmp_path / "other.js"
    path.parent.mkdir(parents=True)
    if kind == "a folder":
        path.mkdir()
    elif kind.startswith("a link"):
        path.symlink_to(other)
    if kind in ("a link", "read-only"):
        path.write_bytes(b"\n")
        path.chmod(0o400 if kind == "read-only" else 0o600)
    code = {"none": 0, "a link": 0, "a link to nothing": 65, "read-only": 77, "a folder": 74}[kind]
    assert hook("--install", client=client).code == code
    assert path.is_symlink() == kind.startswith("a link")
    if code == 0:
        assert f"integrations/{client}/index.js" in path.read_text()
        assert hook("--uninstall", client=client).code == 0
        assert not path.exists() if kind == "none" else other.read_bytes() == b"\n"


def test_it_names_the_file_and_the_command_as_they_are():
    lines = dict(line.split(" = ", 1) for line in OURS.decode().splitlines() if " = " in line)
    assert json.loads(lines["const extension"].rstrip(";")) == HOOK.event
    assert json.loads(lines["const command"].rstrip(";")) == [
        "/a b/mem-hook", "pi", "--home", '/h "q"'
    ]  # fmt: skip
    assert extension.remove(OURS, "pi", Undo(" \n")) == b" \n"


def test_opencode_s_own_places_are_known(hook, tmp_path):
    data = tmp_path / "data" / "opencode"
    data.mkdir(parents=True)
    (data / "opencode.db").touch()
    env = {"XDG_CONFIG_HOME": str(tmp_path / "c"), "XDG_DATA_HOME": str(tmp_path / "data")}
    ended = hook("--install", client="opencode", env=env)
    assert (tmp_path / "c" / "opencode" / "plugin" / "plainmind.js").exists()
    assert f"--from opencode --home {tmp_path}" in ended.complaints.decode().replace("'", "")
    assert f"{data}/opencode.db" in ended.complaints.decode()


# --- what is handed over


def text(id: str, said: str, **more) -> dict:
    return {"id": id, "type": "text", "text": said, **more}


def message(id: str, role: str, *parts: dict, **more) -> dict:
    about = {"time": {"created": 1_769_763_600_000}, **more}
    return {"info": {"id": id, "role": role, **about}, "parts": list(parts)}


def event(name: str, *entries: dict, session: str = "ses_1", **more) -> dict:
    known = {"hook_event_name": name, "session_id": session, "cwd": "/x/My App"}
    return {**known, "entries": [*entries], **more}


def logged(home) -> list[tuple[str, str]]:
    paths = reader.list_windows(home, "opencode/my-app")
    windows = [reader.read_window(home, path) for path in paths]
    events = [window.event(block) for window in windows for block in window.blocks()]
    return [(one.role, one.content) for one in events]


def test_what_opencode_hands_over_is_kept_once_and_given_to_another_session(hook, home):
    def send(*given: dict) -> str:
        ended = hook(*given, client="opencode")
        assert ended.code == 0 and ended.complaints == b"", ended
        return json.loads(ended.out)["context"]

    file = text("prt_2", "Called the Read tool", synthetic=True)
    asked = message("msg_1", "user", text("prt_1", FACT), file)
    tool = {"id": "prt_4", "type": "tool", "state": {"status": "completed", "output": "x"}}
    answer = message("msg_2", "assistant", text("prt_3", "I look."), tool, text("prt_5", "Noted."))
    prompt = event("UserPromptSubmit", asked, prompt=FACT, prompt_id="msg_1")
    for each in (
        prompt,
        prompt,
        event("Stop", asked, answer),
        event("Stop", asked, answer),
        prompt,
    ):
        assert send(each) == ""
    kept = [("user", FACT), ("agent", "I look."), ("agent", "Noted.")]
    assert logged(home) == kept
    question = "When is the tax extension due?"
    more = message("msg_3", "user", text("prt_6", question))
    assert send(event("UserPromptSubmit", more, prompt=question)) == ""  # it said so itself
    other = message("msg_1", "user", text("prt_1", question))
    given = send(event("UserPromptSubmit", other, prompt=question, session="ses_2"))
    assert FACT in given and injected_blocks.HOOKED in given
    echo = message("msg_2", "assistant", text("prt_2", f"So.\n{given}"))
    send(event("Stop", other, echo, session="ses_2"))
    assert logged(home)[-2:] == [("user", question), ("agent", "So.\n")]
    # a summary is a page, once; and what it replaced can be recalled
    said = text("prt_7", "They spoke of taxes.")
    time = {"created": clock.system_now()}
    summary = message("msg_4", "assistant", said, summary=True, time=time)
    assert send(event("PostCompact", summary)) == send(event("PostCompact", summary)) == ""
    assert "mem-resident" in send(event("SessionStart", source="compact"))
    (page,) = os.listdir(home.path("raw", "compaction"))
    with open(home.path("raw", "compaction", page)) as opened:
        assert "They spoke of taxes." in opened.read()
    again = message("msg_5", "user", text("prt_8", question))
    assert FACT in send(event("UserPromptSubmit", again, prompt=question))


@pytest.mark.parametrize("entries", [
    [None, 5, "x", [], {}], [{"info": None, "parts": "x"}], [{"info": {"role": 5}, "parts": [{}]}],
    [message("m", "user", {"type": "text", "text": {"a": 1}})],
    [message("m", "tool", text("p", "x"))],
    {"a": 1}, "x",
])  # fmt: skip
@pytest.mark.parametrize("client", ["pi", "opencode"])
def test_whatever_is_handed_over_harms_nothing(hook, home, client, entries):
    ended = hook({**event("Stop"), "entries": entries}, client=client)
    assert ended.code == 0 and b"internal" not in ended.complaints, ended
    assert logged(home) == []
