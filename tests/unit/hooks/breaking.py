"""What may be wrong with a memory when a client asks: one table, for every real client.

Of each kind it is said what a prompt is still given. A client goes on with the next prompt in every
case; what it asks the model is what it would ask without us, but for what was recalled.
"""

import json
import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from http.server import BaseHTTPRequestHandler

import pytest
from loopback import listening
from model_servers import ModelServer
from plainmind.formats.log import injected_blocks
from plainmind.ground import files
from plainmind.ground.paths import Home
from plainmind.truth.log.writer import EventDraft, Log
from scene import NOW

FACT, QUESTION = "The tax extension is due on April 15th", "When is the tax extension due?"
KINDS = ("an embedder that hangs", "a read-only folder", "a damaged index")
#: seconds that a hook may take where it would wait for ever; else it has all the time it needs
DEADLINE = 2


class Embedder(BaseHTTPRequestHandler):
    """Ollama's; while it is not `free`, a question waits for it."""

    free = threading.Event()

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["input"]
        texts = asked if isinstance(asked, list) else [asked]
        if QUESTION in " ".join(texts):
            self.free.wait(600)
        body = json.dumps({"embeddings": [[1.0, 0.0]] * len(texts)}).encode()
        with suppress(BrokenPipeError, ConnectionResetError):
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)


def list_obedience() -> list[str]:
    """What a client is started by, so that modes of files hold for root, too."""
    if os.geteuid():
        return []
    program = shutil.which("setpriv")
    if not program:
        pytest.skip("root may write everywhere, and there is no setpriv")
    return [program, "--bounding-set=-dac_override,-dac_read_search"]


def check(
    home: Home, model: ModelServer, command: Callable, say: Callable[[str], str],
    kinds: tuple[str, ...] = KINDS,
) -> None:  # fmt: skip
    """`say` prompts a client that calls mem-hook, and returns what it answered."""
    Log(home).append("note/tax", [EventDraft(NOW, "user", FACT, {})], NOW)
    with listening(Embedder) as url:
        known = f"OLLAMA_HOST={url}\nMIND_EMBED_MODEL=ollama:nomic-embed-text\n"
        files.replace(home.path(".env"), known.encode())
        command("mem-embed", "--quiet", home=home)
        for kind in kinds:
            first = len(model.requests)
            with _breaking(home, kind):
                assert model.answer in say(QUESTION), kind
            asked = [model.said(n) for n in range(first, len(model.requests))]
            assert any(QUESTION in one for one in asked), kind
            given = "\n".join(asked).partition(injected_blocks.MEMORIES)[2]
            assert (FACT in given) == (kind == "a damaged index"), kind


@contextmanager
def _breaking(home: Home, kind: str) -> Iterator[None]:
    hangs, is_locked = (kind == each for each in KINDS[:2])
    (Embedder.free.clear if hangs else Embedder.free.set)()
    settings = f"[hook]\ntimeout = {DEADLINE if hangs else 60}\n"
    files.replace(home.path("config.toml"), settings.encode())
    if kind == "a damaged index":
        with open(os.path.join(home.index, "mind.db"), "r+b") as file:
            file.truncate(5000)
    try:
        with _locked(home.root) if is_locked else nullcontext():
            yield
        # an answer came though the embedder has not answered yet
        assert not hangs or "took more than" in _read_reasons(home)
    finally:
        Embedder.free.set()


@contextmanager
def _locked(root: str) -> Iterator[None]:
    """Nothing in this folder can be written, by who obeys modes."""
    subprocess.run(["chmod", "-R", "a-w", root], check=False)  # a file may just have gone
    try:
        yield
    finally:
        subprocess.run(["chmod", "-R", "u+w", root], check=True)


def _read_reasons(home: Home) -> str:
    folder = home.path("raw", "maintenance-log")
    names = [name for name in os.listdir(folder) if name.startswith("hook-2")]
    return "".join(open(os.path.join(folder, name)).read() for name in names)
