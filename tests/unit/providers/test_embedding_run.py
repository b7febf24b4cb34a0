"""mem-embed against servers that fail: nothing orphaned or doubled, bounded, and it converges."""

import hashlib
import math
import os
import sqlite3
import subprocess
import time

import pytest
from provider_servers import hangs, resets, says
from scene import PATIENCE, ROOT

POISON = "the poison text"
TURNS = 70  # more than one batch of 64


def vector(text: str) -> list[float]:
    """A direction that depends on the text alone."""
    raw = [byte - 127.5 for byte in hashlib.sha256(text.encode()).digest()[:16]]
    length = math.sqrt(sum(x * x for x in raw))
    return [x / length for x in raw]


def embeds(seen) -> dict:
    return {
        "data": [
            {"index": i, "embedding": vector(text)} for i, text in enumerate(seen.body["input"])
        ]
    }


def refuses_poison(status: int):
    """An answer for each request: vectors, or `status` when the poison text is in it."""

    def answer(handler, seen):
        poisoned = any(POISON in text for text in seen.body["input"])
        (says({"error": "no"}, status) if poisoned else says(embeds))(handler, seen)

    return answer


class Mind:
    """A home with some turns, and mem-embed on it."""

    def __init__(self, folder: str):
        self.home = folder
        self.env = {
            "PATH": os.environ["PATH"],
            "MIND_HOME": folder,
            "MIND_EMBED_MODEL": "openai:test",
            "MIND_EMBED_TIMEOUT": str(PATIENCE),
            "MIND_BACKOFF": "0",
        }

    def run(
        self,
        command: str,
        *arguments: str,
        stdin: bytes = b"",
        url: str = "http://127.0.0.1:9",
        now: str = "",
    ):
        env = {**self.env, "OPENAI_BASE_URL": url, **({"MIND_NOW": now} if now else {})}
        return subprocess.run(
            [os.path.join(ROOT, "bin", command), *arguments],
            input=stdin,
            capture_output=True,
            env=env,
        )

    def append(self, *contents: str) -> None:
        import json

        lines = "".join(
            json.dumps({"role": "user", "content": c, "context": f"discord-thread/{i}"}) + "\n"
            for i, c in enumerate(contents)
        )
        assert self.run("mem-append", "--jsonl", stdin=lines.encode()).returncode == 0

    def statuses(self) -> dict[str, int]:
        db = sqlite3.connect(f"file:{self.home}/index/mind.db?mode=ro", uri=True)
        try:
            doubled = "SELECT count(*) - count(DISTINCT owner) FROM vectors"
            assert db.execute(doubled).fetchone() == (0,)
            return dict(db.execute("SELECT status, count(*) FROM embeddings GROUP BY status"))
        finally:
            db.close()


@pytest.fixture
def mind(tmp_path) -> Mind:
    return Mind(str(tmp_path / "home"))


def texts_sent(server) -> list[str]:
    return [text for seen in server.seen for text in seen.body["input"]]


def converges(mind: Mind, serve, later: str = "2100-01-01T00:00:00Z") -> None:
    """With a good server, everything gets its vector, and what had one is not sent again."""
    before = mind.statuses().get("ok", 0)
    good = serve(says(embeds))
    done = mind.run("mem-embed", "--retry-failed", url=good.url, now=later)
    assert done.returncode == 0, done.stderr
    assert mind.statuses() == {"ok": TURNS}
    assert len(texts_sent(good)) == TURNS - before
    again = serve(says(embeds))
    assert mind.run("mem-embed", "--retry-failed", url=again.url).returncode == 0
    assert again.seen == []


@pytest.mark.parametrize(
    "answer",
    [
        says({"error": "overloaded"}, 500),
        resets,
        hangs,
        says(b"<html>garbage"),
        says({"data": []}),
        says(
            lambda seen: {
                "data": [
                    {"index": i, "embedding": [0.0, 0.0]} for i, _ in enumerate(seen.body["input"])
                ]
            }
        ),
    ],
    ids=["500", "reset", "hang", "garbage", "too few", "no direction"],
)
def test_a_server_that_fails_leaves_all_pending(mind, serve, answer):
    mind.append(*(f"turn number {i}" for i in range(TURNS)))
    mind.env["MIND_EMBED_RETRIES"] = "2"
    broken = serve(answer)
    mind.env["MIND_EMBED_TIMEOUT"] = "0.5" if answer is hangs else str(PATIENCE)
    start = time.monotonic()
    done = mind.run("mem-embed", url=broken.url)
    assert done.returncode == 69, done.stderr
    assert b"pending; the next run continues" in done.stderr and done.stderr.count(b"\n") == 1
    assert time.monotonic() - start < 2 * PATIENCE
    assert len(broken.seen) <= 8
    assert mind.statuses() == {"pending": TURNS}
    mind.env["MIND_EMBED_TIMEOUT"] = str(PATIENCE)
    converges(mind, serve)


def test_a_server_that_says_wait_is_left_alone_until_then(mind, serve):
    mind.append(*(f"turn number {i}" for i in range(TURNS)))
    busy = serve(says({"error": "slow down"}, 429, Retry_After="3600"))
    done = mind.run("mem-embed", url=busy.url, now="2026-01-01T00:00:00Z")
    assert done.returncode == 69 and len(busy.seen) == 1
    early = serve(says(embeds))
    mind.run("mem-embed", url=early.url, now="2026-01-01T00:59:00Z")
    postponed = {text for seen in busy.seen for text in seen.body["input"]}
    assert not postponed & set(texts_sent(early))
    later = serve(says(embeds))
    assert mind.run("mem-embed", url=later.url, now="2026-01-01T07:00:00Z").returncode == 0
    assert mind.statuses() == {"ok": TURNS}
    assert len(texts_sent(early)) + len(texts_sent(later)) == TURNS


def test_a_short_wait_is_waited_for(mind, serve):
    mind.append(*(f"turn number {i}" for i in range(TURNS)))
    server = serve(says({}, 429, Retry_After="0.1"), says(embeds))
    assert mind.run("mem-embed", url=server.url).returncode == 0
    assert mind.statuses() == {"ok": TURNS}


@pytest.mark.parametrize(("status", "state"), [(400, "failed"), (500, "pending")])
def test_one_poison_text_never_holds_up_the_others(mind, serve, status, state):
    contents = [f"turn number {i}" for i in range(TURNS)]
    contents[33] = POISON
    mind.append(*contents)
    mind.env["MIND_EMBED_RETRIES"] = "2"
    server = serve(refuses_poison(status))
    done = mind.run("mem-embed", url=server.url)
    assert done.returncode == 0, done.stderr
    assert mind.statuses() == {"ok": TURNS - 1, state: 1}
    assert len(server.seen) <= 30
    converges(mind, serve)


def test_two_runs_at_once_pay_once(mind, serve):
    mind.append(*(f"turn number {i}" for i in range(TURNS)))
    server = serve(says(embeds))
    env = {**mind.env, "OPENAI_BASE_URL": server.url}
    command = [os.path.join(ROOT, "bin", "mem-embed")]
    runs = [
        subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
        for _ in range(4)
    ]
    codes = {run.wait() for run in runs}
    for run in runs:
        run.stderr.close()
    assert codes <= {0, 75}
    assert mind.run("mem-embed", url=server.url).returncode == 0
    assert mind.statuses() == {"ok": TURNS}
    assert len(texts_sent(server)) == len(set(texts_sent(server))) == TURNS


def test_after_the_index_is_deleted_nothing_is_paid_for_again(mind, serve):
    mind.append(*(f"turn number {i}" for i in range(TURNS)))
    server = serve(says(embeds))
    assert mind.run("mem-embed", url=server.url).returncode == 0
    answer = mind.run(
        "mem-recall", "turn", "number", "7", url=server.url, now="2026-12-01T00:00:00Z"
    ).stdout
    asked = len(server.seen)
    subprocess.run(["rm", "-r", os.path.join(mind.home, "index")], check=True)
    assert (
        mind.run(
            "mem-recall", "turn", "number", "7", url=server.url, now="2026-12-01T00:00:00Z"
        ).stdout
        == answer
    )
    assert len(server.seen) == asked + 1  # the query
    assert mind.run("mem-embed", url=server.url).returncode == 0
    assert len(server.seen) == asked + 1
    assert mind.statuses() == {"ok": TURNS}
