"""Speed of whole processes against the interpreter's own floor, measured in the same run.

    .venv/bin/python bench/speed.py [--turns apollo,1000,10000] [--pages N] [--embed N]
        [--homes FOLDER [--sizes 10000,100000,1000000] [--rounds N] [--vaults 2000,10000,50000]
        [--only "NAME;..."] [--account]]

CPU is user + system time of a finished process, start-up included; the floor is the same
interpreter importing click. Medians of 11 runs. `apollo` is the demo's 10,876 utterances; other
turns come from a generator with a fixed seed, so every run has the same. Vectors for the recall
figures are random directions kept in vectors/: what a recall costs does not depend on what they
mean. `--homes FOLDER` measures instead how recalls and turns grow with homes of such sizes
(bench/growth.py). `--embed N` also measures the embedded model's own rate by length of text, each
on as many characters as N turns of 100 have.
"""

import argparse
import gzip
import itertools
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import growth

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
sys.path.insert(0, os.path.join(ROOT, "lib"))
BIN = os.path.join(ROOT, "bin")
PYTHON = os.path.join(ROOT, ".venv", "bin", "python")
RUNS = 11
LENGTHS = (30, 100, 400, 600, 800, 1600, 2000)  # characters that are embedded at once


class Cost:
    """Medians of what a process took: CPU ms, wall ms, peak MiB."""

    def __init__(self, cpu: float, wall: float, peak: float):
        self.cpu, self.wall, self.peak = cpu, wall, peak


@contextmanager
def answering() -> Iterator[str]:
    """A chat model that answers at once, in this process: its time is not in the figures. Asked to,
    it calls bash once."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            messages = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["messages"]
            message = {"role": "assistant", "content": "Yes."}
            if messages[-1]["role"] == "user" and messages[-1]["content"].endswith("use the tool"):
                function = {"name": "bash", "arguments": '{"command": "true"}'}
                message = {
                    "role": "assistant",
                    "content": "",
                    "tool_calls": [{"id": "c", "type": "function", "function": function}],
                }
            data = json.dumps({"choices": [{"message": message}]}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        server.server_close()


def cost(
    command: list[str],
    env: dict,
    stdin: bytes = b"",
    runs: int = RUNS,
    peak: bool = True,
    lenient: bool = False,
    before: Callable[[], None] = lambda: None,
) -> Cost | None:
    """The cost of a command, each run of it after `before`; a `lenient` one that cannot be run here
    has none."""
    import time

    rows = []
    for _ in range(runs):
        before()
        used, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        done = subprocess.run(
            command, env=env, input=stdin, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        wall = time.perf_counter() - start
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        if lenient and done.returncode == 78:
            return None
        if done.returncode not in (0, 1):
            sys.exit(f"{command}: {done.stderr.decode()}")
        rows.append(
            (1000 * (after.ru_utime - used.ru_utime + after.ru_stime - used.ru_stime), 1000 * wall)
        )
    middle = len(rows) // 2
    return Cost(
        sorted(r[0] for r in rows)[middle],
        sorted(r[1] for r in rows)[middle],
        _peak(command, env, stdin) if peak else 0,
    )


def converse(command: list[str], env: dict, messages: list[dict]) -> Cost:
    """The cost of a server of MCP that answers all of these, one after the other, and is left."""
    import time

    data = b"".join(json.dumps({"jsonrpc": "2.0", **one}).encode() + b"\n" for one in messages)
    rows = []
    for _ in range(RUNS):
        start = time.perf_counter()
        server = subprocess.Popen(command, env=env, stdin=-1, stdout=-1)
        server.stdin.write(data)
        server.stdin.flush()
        for one in messages:
            if "id" in one and "result" not in json.loads(server.stdout.readline()):
                sys.exit(f"{command}: {one['method']} failed")
        server.stdin.close()
        _, server.returncode, used = os.wait4(server.pid, 0)
        wall = 1000 * (time.perf_counter() - start)
        rows.append((1000 * (used.ru_utime + used.ru_stime), wall, _to_mib(used.ru_maxrss)))
    return Cost(*(sorted(column)[RUNS // 2] for column in zip(*rows)))


def compile_all() -> None:
    subprocess.run(
        [PYTHON, "-m", "compileall", "-q", os.path.join(ROOT, "lib")],
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": ""},
    )


def _peak(command: list[str], env: dict, stdin: bytes) -> float:
    """MiB of one run, asked of a process of its own, whose children are nobody else's."""
    code = (
        "import resource, subprocess, sys\n"
        "subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)\n"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    out = subprocess.run(
        [PYTHON, "-c", code, *command], env=env, input=stdin, capture_output=True
    ).stdout
    return _to_mib(int(out))


def _to_mib(size: int) -> float:
    """Of a ru_maxrss."""
    return size / (1024 if sys.platform != "darwin" else 1024 * 1024)


def apollo() -> list[dict]:
    with gzip.open(os.path.join(HERE, "demo", "apollo13.jsonl.gz"), "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def turns(count: int) -> list[dict]:
    """Conversation with the word frequencies of English: two words in five say nothing, most others
    are rare (Zipf)."""
    chance = random.Random(7)
    words = [
        f"{a}{b}{c}"
        for a in "bdfgklmnprst"
        for b in ("a", "e", "i", "o", "u", "ai", "ou")
        for c in ("", "n", "rk", "st", "ll", "m", "sh", "t")
    ]
    words += [word + more for word in words for more in ("ing", "ed", "er", "able", "ness", "ly")]
    empty = ["the", "and", "of", "to", "is", "in", "that", "it", "we", "you"]
    weights = [1 / (rank + 3) for rank in range(len(words))]
    start, rows = 1_700_000_000, []
    for number in range(count):
        start += chance.choice((5, 20, 60, 300, 9000))
        picked = chance.choices(words, weights, k=chance.randint(4, 40))
        text = " ".join(chance.choice(empty) if chance.random() < 0.4 else word for word in picked)
        role, author = ("user", "Ann") if number % 2 == 0 else ("agent", "Mind")
        stamp = f"{_stamp(start)}"
        rows.append(
            {
                "timestamp": stamp,
                "role": role,
                "author": author,
                "content": text,
                "id": f"t{number}",
            }
        )
    return rows


def _stamp(seconds: int) -> str:
    from plainmind.ground import clock

    return clock.to_text(seconds * 1000)


IMPORT_SDK = "import click, mcp.server.lowlevel, mcp.server.stdio"


def ask_by_mcp(query: str) -> list[dict]:
    """The messages of a client that recalls once."""
    who = {"name": "bench", "version": ""}
    hello = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": who}
    call = {"name": "recall", "arguments": {"query": query}}
    return [
        {"id": 1, "method": "initialize", "params": hello},
        {"id": 2, "method": "tools/call", "params": call},
    ]


def measure(name: str, floor: Cost) -> None:
    rows = apollo() if name == "apollo" else turns(int(name))
    count = len(rows)
    query = (
        "what was the first sign of trouble"
        if name == "apollo"
        else " ".join(rows[count // 3]["content"].split()[2:8])
    )
    print(f"{name}: {count} turns")
    with tempfile.TemporaryDirectory() as home:
        env = {
            **{k: v for k, v in os.environ.items() if not k.startswith("MIND_")},
            "MIND_HOME": home,
        }
        data = "".join(json.dumps(row) + "\n" for row in rows).encode()
        jsonl = cost(
            [f"{BIN}/mem-append", "--jsonl", "--context", "discord-channel/bench"],
            env,
            data,
            runs=1,
        )
        line(
            f"mem-append --jsonl, {count} events",
            jsonl,
            floor,
            f"{1000 * count / jsonl.wall:,.0f} events/s",
        )
        append = cost(
            [f"{BIN}/mem-append", "--context", "discord-thread/1", "--role", "user"], env, b"hello"
        )
        line("mem-append", append, floor, f"floor + {append.cpu - floor.cpu:.0f} ms")
        show = [f"{BIN}/mem-show", _middle_event(home)]
        line("mem-show, one event of the window", cost(show, env), floor)
        fill_cache(home, env)
        embed = cost([f"{BIN}/mem-embed"], env, runs=1)
        line(
            f"mem-embed, {count} turns, vectors given",
            embed,
            floor,
            f"{1000 * count / embed.cpu:,.0f} turns/s",
        )
        line("mem-embed, nothing new", cost([f"{BIN}/mem-embed"], env), floor)
        words = [f"{BIN}/mem-recall", "--lexical", query]
        quiet = cost(words, env)
        line("mem-recall --lexical", quiet, floor)
        append_one = one_more(env)
        after = cost(words, env, before=append_one)
        line("the same after one append", after, floor, f"{after.cpu - quiet.cpu:+.0f} ms")
        cost([f"{BIN}/mem-embed"], env, runs=1)
        line("mem-embed, one new turn", cost([f"{BIN}/mem-embed"], env, before=append_one), floor)
        recall = cost([f"{BIN}/mem-recall", query], env)
        line("mem-recall, hybrid", recall, floor)
        sdk = cost([PYTHON, "-I", "-c", IMPORT_SDK], env)
        line("the SDK of MCP, imported", sdk, floor)
        served = converse([f"{BIN}/mem-mcp"], env, ask_by_mcp(query))
        ratio = served.cpu / (sdk.cpu + recall.cpu)
        line("mem-mcp, its first recall", served, floor, f"{ratio:.2f} of the SDK and mem-recall")
        with answering() as url:
            env |= {"OPENAI_BASE_URL": url, "OPENAI_MODEL": "instant"}
            turn = [f"{BIN}/agent-turn", "--model", "openai", "--context"]
            line("agent-turn, a new context", cost([*turn, "discord-thread/2", query], env), floor)
            line(
                "agent-turn, all turns in its window",
                cost([*turn, "discord-channel/bench", query], env),
                floor,
            )
            for rung in ("bubblewrap", "landlock", "none"):
                tool = cost(
                    [*turn, "discord-channel/bench", "use the tool"],
                    {**env, "MIND_TURN_SANDBOX": rung},
                    lenient=True,
                )
                if tool:
                    line(f"agent-turn with a command, sandbox {rung}", tool, floor)
        index, vectors = (size_of(home, part) / count for part in ("index", "vectors"))
        print(
            f"{'':44} bytes a turn: index {index:,.0f}, vectors/ {vectors:,.0f}, "
            f"log {size_of(home, 'logs') / count:,.0f}\n"
        )


def knowledge(count: int, floor: Cost) -> None:
    """A vault of pages of some 120 words, with links and triples; vectors are not asked for."""
    print(f"{count} pages of knowledge")
    with tempfile.TemporaryDirectory() as home:
        env = {
            **{k: v for k, v in os.environ.items() if not k.startswith("MIND_")},
            "MIND_HOME": home,
        }
        rows = turns(6 * count)
        os.makedirs(os.path.join(home, "knowledge"))
        for number in range(count):
            said = "\n\n".join(row["content"] for row in rows[6 * number : 6 * number + 6])
            head = (
                f"date: 2026-01-{number % 28 + 1:02d}\ntype: project\ntier: L2\ntriples:\n"
                f"- [e{number}, follows, e{number // 2}]\n"
            )
            with open(
                os.path.join(home, "knowledge", f"page-{number:05d}.md"), "w", encoding="utf-8"
            ) as file:
                file.write(
                    f"---\n{head}---\n\n# Page {number}\n\n{said}\n\n"
                    f"See [[page-{number // 2:05d}]].\n"
                )
        query = " ".join(rows[count]["content"].split()[2:8])
        first = cost([f"{BIN}/mem-graph", "e1"], env, runs=1)
        line(
            "mem-graph, the first time: all pages taken in",
            first,
            floor,
            f"{1000 * count / first.cpu:,.0f} pages/s",
        )
        line("mem-graph, nothing changed", cost([f"{BIN}/mem-graph", "e1"], env), floor)
        line(
            "mem-recall --knowledge --lexical",
            cost([f"{BIN}/mem-recall", "--knowledge", "--lexical", query], env),
            floor,
        )
        # a text that no other page says
        other = f"od -An -N200 -tx2 /dev/urandom | '{BIN}/mem-note' --type project --quiet"
        line("mem-note, one more page", cost(["sh", "-c", other], env, peak=False), floor)
        line("mem-lint", cost([f"{BIN}/mem-lint"], env, runs=3), floor, "\n")


def fill_cache(home: str, env: dict) -> None:
    """Random vectors for every turn, in the cache: mem-embed finds them there and asks no model."""
    from plainmind.ground.clock import system_now
    from plainmind.ground.paths import Home
    from plainmind.index import cache, engine_in_use, vector_bytes

    model = "embedded:multilingual-e5-small-q4"
    chance = random.Random(11)
    centre = [chance.gauss(0, 1) for _ in range(384)]

    opened = Home(home)
    with engine_in_use().made_in(opened, opened.index) as index:
        kept = cache.Cache(opened, model)
        made = {}
        for one in index.pending(model, system_now()):
            raw = [2 * c + chance.gauss(0, 1) for c in centre]
            length = sum(x * x for x in raw) ** 0.5
            vector = vector_bytes.to_blob([x / length for x in raw])
            made[cache.content_hash(one.text)] = vector
        kept.put(made)
        cache.set_serving(opened, model)
    subprocess.run(["rm", "-r", os.path.join(home, "index")], check=True)


def embedded_rate(count: int) -> None:
    """Texts of each length, as many characters of each as `count` turns of 100 have."""
    import time

    from plainmind.ground.environment import Environment
    from plainmind.ground.settings import Settings
    from plainmind.providers import registry

    env = Environment()
    embedder = registry.open_embedder("embedded", env, Settings("", "", env.get), bulk=True)
    said = " ".join(row["content"] for row in apollo())
    for length in LENGTHS:
        starts = range(0, max(length, 100 * count - length + 1), length)
        texts = [said[start : start + length] for start in starts]
        cpu, wall = time.process_time(), time.perf_counter()
        for at in range(0, len(texts), embedder.batch):
            embedder.passages(texts[at : at + embedder.batch])
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        print(
            f"{f'the embedded model itself, {length} characters':44} {len(texts) / cpu:.2f} turns "
            f"a CPU second, {len(texts) / wall:.2f} a second",
            flush=True,
        )


def line(name: str, found: Cost, floor: Cost, more: str = "") -> None:
    print(
        f"{name:44} {found.cpu:8.0f} ms CPU  {found.cpu / floor.cpu:6.2f} x floor  "
        f"{found.wall:8.0f} ms wall  {found.peak:6.0f} MiB  {more}",
        flush=True,
    )


def one_more(env: dict) -> Callable[[], None]:
    """Appends a turn that nobody said before."""
    numbers = itertools.count()

    def append() -> None:
        said = f"Kettle number {next(numbers)} of {os.getpid()} is blue.".encode()
        command = [f"{BIN}/mem-append", "--context", "discord-thread/3", "--role", "user"]
        subprocess.run(command, env=env, input=said, check=True, stdout=subprocess.DEVNULL)

    return append


def size_of(home: str, part: str) -> int:
    """Bytes of all files there."""
    return sum(
        os.path.getsize(os.path.join(folder, name))
        for folder, _, names in os.walk(os.path.join(home, part))
        for name in names
    )


def _middle_event(home: str) -> str:
    """A reference in the middle of the context that all is appended to."""
    from plainmind.ground.paths import Home
    from plainmind.truth.log import reader

    path = next(reader.list_windows(Home(home), "discord-channel/bench"))
    blocks = reader.read_window(Home(home), path).blocks()
    return f"{path}:{blocks[len(blocks) // 2].line}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--turns", default="apollo,1000,10000")
    parser.add_argument("--pages", type=int, default=2000)
    parser.add_argument("--embed", type=int, default=200)
    growth.add_options(parser)
    given = parser.parse_args()
    compile_all()
    if given.homes:
        return growth.grow(given)
    floor = cost([PYTHON, "-I", "-c", "import click"], dict(os.environ))
    line("floor: the interpreter and click", floor, floor)
    for name in filter(None, given.turns.split(",")):
        measure(name, floor)
    if given.pages:
        knowledge(given.pages, floor)
    if given.embed:
        embedded_rate(given.embed)


if __name__ == "__main__":
    main()
