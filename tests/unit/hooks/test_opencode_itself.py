"""The real opencode (PLAINMIND_OPENCODE, or 'opencode' on the path), offline, with a model server
of this machine, told what to do by its own HTTP interface."""

import json
import os
import shutil
import signal
import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable
from contextlib import contextmanager
from typing import Any

import breaking
import pytest
from model_servers import ModelServer, serving
from plainmind.formats.log import injected_blocks
from plainmind.truth.log import reader

PROGRAM = os.environ.get("PLAINMIND_OPENCODE") or shutil.which("opencode")
pytestmark = pytest.mark.skipif(
    not PROGRAM, reason="opencode is not installed (npm; PLAINMIND_OPENCODE names it)"
)
FACT, QUESTION = "The tax extension is due on April 15th", "When is the tax extension due?"
#: it would install this from the registry, and wait for it
THERE = {"packages": {"": {"dependencies": {"@opencode-ai/plugin": "*"}}}}


def wait_until(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + 90
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.05)


class OpenCode:
    """A running opencode."""

    def __init__(self, process: subprocess.Popen, url: str):
        self.process, self.url = process, url

    def call(self, path: str, **body: Any) -> Any:
        data, kind = json.dumps(body).encode(), {"Content-Type": "application/json"}
        request = urllib.request.Request(f"{self.url}/session{path}", data, kind)
        with urllib.request.urlopen(request, timeout=120) as answer:
            return json.loads(answer.read())

    def say(self, session: str, text: str) -> Any:
        return self.call(f"/{session}/message", parts=[{"type": "text", "text": text}])


class Place:
    """Where it runs, with its plugin installed."""

    def __init__(self, folder, home, model: ModelServer, hook):
        self.home, self.model, self.work = home, model, folder / "app"
        models = folder / "models.json"
        models.write_text("{}")  # those of every provider, which it has with it, take 2 s of CPU
        self.env = {
            "PATH": os.environ["PATH"], "HOME": str(folder), "OPENCODE_DISABLE_AUTOUPDATE": "1",
            "OPENCODE_DISABLE_MODELS_FETCH": "1", "OPENCODE_MODELS_PATH": str(models),
            "MIND_HOOK_TIMEOUT": "60",
        }  # fmt: skip
        self.work.mkdir()
        config = folder / ".config" / "opencode"
        (config / "node_modules").mkdir(parents=True)
        (config / "package-lock.json").write_text(json.dumps(THERE))
        options = {"baseURL": f"{model.url}/v1", "apiKey": "none"}
        provider = {
            "npm": "@ai-sdk/openai-compatible", "name": "here", "options": options,
            "models": {"scripted": {"name": "scripted"}},
        }  # fmt: skip
        about = {"model": "here/scripted", "small_model": "here/scripted"}
        settings = {"provider": {"here": provider}, "share": "disabled", **about}
        (config / "opencode.json").write_text(json.dumps(settings))
        assert hook("--install", client="opencode").code == 0

    @contextmanager
    def running(self):
        process = subprocess.Popen(
            [*breaking.list_obedience(), PROGRAM or "", "serve", "--port", "0"],
            stdin=subprocess.DEVNULL, text=True, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, cwd=self.work, env=self.env, start_new_session=True,
        )  # fmt: skip
        watch = threading.Timer(300, os.killpg, (process.pid, signal.SIGKILL))
        watch.start()
        try:
            assert process.stdout
            said = next(line for line in process.stdout if "http://" in line)
            yield OpenCode(process, f"http://{said.split('http://')[1].split()[0]}")
        finally:
            watch.cancel()
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()

    def logged(self) -> list[tuple[str, str]]:
        paths = reader.list_windows(self.home, "opencode/app")
        windows = [reader.read_window(self.home, path) for path in paths]
        events = [window.event(block) for window in windows for block in window.blocks()]
        return [(one.role, one.content) for one in events]

    def requests(self) -> list[str]:
        """Those that are not for a title."""
        count = range(len(self.model.requests))
        return [said for said in map(self.model.said, count) if "Generate a title" not in said]


@pytest.fixture
def place(tmp_path, home, hook):
    with serving() as model:
        yield Place(tmp_path, home, model, hook)


def test_a_fact_of_one_session_is_before_the_model_in_another_and_all_is_logged_once(
    place, home, imported, tmp_path, fork_hooks
):
    fork_hooks()
    heard = ("agent", "Heard.")
    kept = [("user", FACT), heard, ("user", QUESTION), heard]
    with place.running() as opencode:
        first = opencode.call("")["id"]
        opencode.say(first, FACT)
        wait_until(lambda: place.logged() == kept[:2])
        other = opencode.call("")["id"]
        opencode.say(other, QUESTION)
        wait_until(lambda: place.logged() == kept)
        asked = place.requests()[-1]
        assert FACT in asked.split(injected_blocks.MEMORIES)[1] and "Persistent memory" in asked
        opencode.call(f"/{first}/summarize", providerID="here", modelID="scripted")
        wait_until(lambda: os.path.isdir(home.path("raw", "compaction")))
        assert injected_blocks.HOOKED not in place.requests()[-1]
        wait_until(lambda: len(list(reader.list_windows(home, "opencode/app"))) == 2)
        opencode.say(first, QUESTION)  # what the summary replaced is recalled
        assert FACT in place.requests()[-1].split(injected_blocks.MEMORIES)[1]
        kept += kept[2:]
        wait_until(lambda: place.logged() == kept)
        # killed while the model is asked: what was said is kept, and once, when it is resumed
        place.model.may_answer.clear()
        more = threading.Thread(target=lambda: pytest.raises(OSError, opencode.say, first, "More"))
        more.start()
        wait_until(lambda: "More" in place.model.said())
        wait_until(lambda: place.logged() == [*kept, ("user", "More")])
    more.join()
    place.model.may_answer.set()
    with place.running() as opencode:
        opencode.say(first, "Again")
        wait_until(lambda: place.logged() == [*kept, ("user", "More"), ("user", "Again"), heard])
    titles = [said for said in map(json.dumps, place.model.requests) if "Generate a title" in said]
    assert titles and injected_blocks.HOOKED not in "".join(titles)
    # nothing that was given is in opencode's database
    data = str(tmp_path / ".local" / "share" / "opencode" / "opencode.db")
    said = [json.loads(line) for line in imported("opencode", data).splitlines()]
    pairs = [(one["role"], one["content"]) for one in said if one["role"] != "system"]
    assert sorted(pairs) == sorted(place.logged())


def test_it_answers_though_the_memory_is_broken(place, home, command):
    del place.env["MIND_HOOK_TIMEOUT"]
    with place.running() as opencode:
        session = opencode.call("")["id"]

        def say(text: str) -> str:
            return "".join(part.get("text", "") for part in opencode.say(session, text)["parts"])

        breaking.check(home, place.model, command, say)
        kept = 3 * [("user", breaking.QUESTION), ("agent", "Heard.")]
        wait_until(lambda: len(place.logged()) == len(kept))
    # what was not kept was handed over again, perhaps after the next prompt
    assert sorted(place.logged()) == sorted(kept)
