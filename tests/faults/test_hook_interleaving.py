"""A person saves a client's configuration while `mem-hook --install` or `--uninstall` changes it,
in many orders: what they saved is in the file, or in a conflict file beside it, and the file is one
that the client reads."""

import json
import os
from contextlib import suppress

import interleaving
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from interleaving import Other
from plainmind import cli
from plainmind.ground import files
from plainmind.ground.errors import BadData, Busy
from plainmind.hooks import configuration
from plainmind.hooks.installing import Installation
from scene import THOROUGH, TIME

pytestmark = pytest.mark.usefixtures("unsynced")

BEFORE = b'{\r\n  "model": "x",\r\n  "hooks": {"Stop": []}\r\n}\r\n'
STEPS = 3


def save(path: str, way: str):
    """What an editor does that adds a key: it reads, and writes it all again."""
    yield True
    data = files.read(path) if os.path.exists(path) else b"{}\n"
    if data.strip():
        data = data.rstrip()[:-1].rstrip().removesuffix(b",")
        data += b'%s\n  "mine": 1\n}\n' % (b"" if data.endswith(b"{") else b",")
    else:
        data = b'{\n  "mine": 1\n}\n'
    if way == "in place":
        with open(path, "wb", buffering=0) as opened:
            opened.write(data[: len(data) // 2])
            yield True
            opened.write(data[len(data) // 2 :])
    else:
        with open(path + "~", "wb") as opened:
            opened.write(data)
        yield True
        os.rename(path + "~", path)
    yield False


def play(folder, mode: str, before: bytes | None, way: str, order) -> None:
    client = folder / "client"
    client.mkdir()
    path = str(client / "settings.json")
    if before is not None:
        (client / "settings.json").write_bytes(before)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLAUDE_CONFIG_DIR", str(client))
        patch.setenv("HOME", str(folder))
        session = cli.Session(str(folder / "home"), TIME, False, True, "never")
        make = lambda: Installation(session, "claude-code", False)
        if mode == "uninstall":
            make().install()

        def ours() -> None:
            with suppress(Busy, BadData):  # half of a save is one that the client would not read
                getattr(make(), mode)()

        other = Other(save(path, way), STEPS)
        interleaving.run(ours, other, order, patch)
        names = sorted(os.listdir(client))
        assert all(n == "settings.json" or "(conflict " in n for n in names), names
        texts = [files.read(str(client / name)) for name in names]
        assert any(b'"mine": 1' in text for text in texts), texts
        there = files.read(path)
        json.loads(there.decode("utf-8-sig"))
        make().uninstall()
        assert configuration.find(files.read(path), "claude-code") == {}


@pytest.mark.parametrize("way", ["in place", "by rename"])
@pytest.mark.parametrize(
    ("mode", "before"), [("install", BEFORE), ("install", None), ("uninstall", BEFORE),
                         ("uninstall", None)]
)  # fmt: skip
@settings(max_examples=400 if THOROUGH else 25, deadline=None)
@given(places=st.lists(st.integers(0, 90), min_size=STEPS, max_size=STEPS))
def test_what_a_person_saves_meanwhile_stays(tmp_path_factory, mode, before, way, places):
    folder = tmp_path_factory.mktemp("play")
    play(folder, mode, before, way, interleaving.drawn(places))
