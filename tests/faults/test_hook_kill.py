"""kill -9 at every system call of `mem-hook --install` and `--uninstall`: a client's configuration
is what it was or what it is to be, never something between, and calls after it leave no trace."""

import json
import os
import shutil
from typing import NamedTuple

import kill
import pytest
import traced
from scene import THOROUGH, TIME
from traced import needs_strace

pytestmark = needs_strace

FOREIGN = b'{\r\n  "hooks": {"Stop": [ ], "Other": [{"hooks": []}]},\r\n  "model": "x"}'
#: client -> its variable, and its file below that
CLIENTS = {
    "claude-code": ("CLAUDE_CONFIG_DIR", "settings.json"),
    "pi": ("PI_CODING_AGENT_DIR", "extensions/plainmind.js"),
}


class Place(NamedTuple):
    """A memory folder and a client's, beside each other."""

    folder: str
    client: str

    def call(self, mode: str, inject: str = "") -> traced.Run:
        home, trace = os.path.join(self.folder, "home"), os.path.join(self.folder, "trace")
        env = {CLIENTS[self.client][0]: os.path.join(self.folder, "client"), "MIND_NOW": TIME}
        env["HOME"] = self.folder
        argv = ["mem-hook", self.client, mode, "--quiet"]
        ended = traced.run(home, argv, b"", trace, inject=inject, **env)
        assert ended.code == (137 if inject else 0) or ended.code == -9, ended.complaints
        return ended

    def read(self) -> bytes | None:
        """The configuration, whose folder, which hooks name, is another one in each case."""
        path = os.path.join(self.folder, "client", CLIENTS[self.client][1])
        if not os.path.exists(path):
            return None
        with open(path, "rb") as file:
            return file.read().replace(self.folder.encode(), b"@")

    def list_client(self) -> list[str]:
        top = os.path.join(self.folder, "client")
        return [os.path.join(at, name) for at, _, names in os.walk(top) for name in names]


def make(folder: str, client: str, before: bytes | None, mode: str) -> Place:
    place = Place(folder, client)
    os.makedirs(os.path.join(folder, "home"), mode=0o700)
    if before:
        os.makedirs(os.path.join(folder, "client"))
        with open(os.path.join(folder, "client", CLIENTS[client][1]), "wb") as file:
            file.write(before)
    if mode == "--uninstall":
        place.call("--install")
    return place


def list_deaths(calls: list[traced.Call], folder: str) -> list[traced.Call]:
    """Those to die at; in `make test`, before the configuration itself is another one."""
    points = [call for call in calls if call.name != "exit_group"]
    if THOROUGH:
        return points
    points = [call for call in points if kill.changes(call) and f"{folder}/client" in call.text]
    return [call for call in points if kill.tells(call, folder)][-3:]


@pytest.mark.parametrize("mode", ["--install", "--uninstall"])
@pytest.mark.parametrize(
    ("client", "before"), [("claude-code", FOREIGN), ("claude-code", None), ("pi", None)]
)
def test_a_killed_installation_is_whole_or_was_not(tmp_path, client, before, mode):
    whole = make(str(tmp_path / "whole"), client, before, mode)
    was, calls, will_be = whole.read(), whole.call(mode).calls, whole.read()
    assert was != will_be
    deaths = list_deaths(calls, whole.folder)
    assert len(deaths) >= (20 if THOROUGH else 1)

    def die(n: int) -> str | None:
        place, at = make(str(tmp_path / str(n)), client, before, mode), deaths[n]
        try:
            place.call(mode, f"{at.name}:{kill.DEATH}:when={at.nth}")
            # of what is all ours an empty file is nothing, too
            assert (place.read() or before) in (was, will_be), place.read()
            place.call("--install")
            assert b"mem-hook" in (place.read() or b"")
            place.call("--uninstall")
            assert place.read() == before and len(place.list_client()) == (before is not None)
            with open(os.path.join(place.folder, "home/raw/maintenance-log/hooks.json")) as file:
                assert json.load(file) == {}
        except AssertionError as error:
            return f"dead at {at}: {error}"
        finally:
            shutil.rmtree(place.folder)
        return None

    assert kill.wrong_in(die, list(range(len(deaths)))) == []
