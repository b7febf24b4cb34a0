"""The vaults that the retrieval of pages is measured on, as homes, each with its questions.

Two sets. LoCoMo (bench/conversations.py): each conversation is a home, each six turns of a session
in a row are a page of it; a question's gold are the pages that hold a gold turn, and a sixth of the
others' questions have none. Apollo 13 (bench/vault/README.md): pages written by hand, stretches of
the transcript that they were written from as distractors, asked the day after splashdown.
"""

import gzip
import json
import os
import random
import tempfile
from collections.abc import Iterator
from datetime import date, datetime, timezone
from typing import Any, NamedTuple

from conversations import CACHE, HERE, instant, names, read_rows
from plainmind.formats.page import page_edit
from plainmind.ground.clock import DAY, SECOND
from plainmind.ground.paths import Home

TURNS = 6  # of LoCoMo, a page
STRANGERS = 1 / 6
LAUNCH = datetime(1970, 4, 11, 19, 13, tzinfo=timezone.utc)
STRETCHES, WORDS, NEAR = 180, 160, 2  # distractors; words of one; minutes from what a page cites
HOUSTON = ("CC", "F")


class Asked(NamedTuple):
    name: str  # of the question, the same in every run
    text: str
    kind: str
    gold: frozenset[str]  # paths of pages; none where nothing answers


class Vault(NamedTuple):
    home: Home
    now: int  # in ms
    asked: list[Asked]


def locomo() -> Iterator[Vault]:
    """Asked so late that recency is 0."""
    if "locomo" not in names():
        return
    corpus, questions = read_rows("locomo", "corpus"), read_rows("locomo", "queries")
    now = max(instant(row["date"]) for row in corpus) + 3650 * DAY
    for conversation in sorted({row["conv"] for row in corpus}):
        chance = random.Random(conversation)
        with tempfile.TemporaryDirectory() as folder:
            home = _start(folder)
            where = _write_turns(home, [row for row in corpus if row["conv"] == conversation])
            asked = []
            for row in questions:
                own = row["conv"] == conversation  # ids are the same in every conversation
                gold = frozenset(where[id] for id in row["gold"] if own and id in where)
                if (own and gold) or (not own and chance.random() < STRANGERS):
                    asked.append(Asked(f"{conversation} {row['id']}", row["query"], "", gold))
            yield Vault(home, now, asked)


def apollo() -> Iterator[Vault]:
    """One vault; every kind of question."""
    with tempfile.TemporaryDirectory() as folder:
        home = _start(folder)
        pages = _read_lines("pages.jsonl")
        for row in pages:
            fields = {key: row.get(key) for key in ("type", "aliases", "triples", "supersedes")}
            day = LAUNCH.timestamp() + _minute(row["at"][0]) * 60
            _write(home, row["name"], _day(day), fields, row["body"])
        cited = {_minute(at) for row in pages for at in row["at"]}
        for name, day, body in _stretches(cited):
            _write(home, name, day, {"type": "reference", "tags": ["transcript"]}, body)
        asked = [
            Asked(row["question"], row["question"], row["kind"], frozenset(map(_path, row["gold"])))
            for row in _read_lines("questions.jsonl")
        ]
        yield Vault(home, int(LAUNCH.timestamp()) * SECOND + 7 * DAY, asked)


def _stretches(cited: set[int]) -> list[tuple[str, date, str]]:
    """Parts of the transcript at least some minutes away from what pages cite: name, day, text."""
    with gzip.open(os.path.join(HERE, "demo", "apollo13.jsonl.gz"), "rt", encoding="utf-8") as file:
        turns = [json.loads(line) for line in file]
    parts: list[list[dict]] = [[]]
    length = 0
    for turn in turns:
        minute = int((_time(turn) - LAUNCH.timestamp()) / 60)
        away = all(minute + near not in cited for near in range(-NEAR, NEAR + 1))
        if not away or length > WORDS:
            parts.append([])
            length = 0
        if away:
            parts[-1].append(turn)
            length += len(turn["content"].split())
    long = [part for part in parts if sum(len(turn["content"].split()) for turn in part) > WORDS]
    made = []
    for part in long[:: max(1, len(long) // STRETCHES)][:STRETCHES]:
        hours = [turn["id"].split("-")[1].split(".")[0] for turn in (part[0], part[-1])]
        said = (
            f"{'Houston' if turn['author'].split()[0] in HOUSTON else turn['author']}: "
            f"{turn['content']}"
            for turn in part
        )
        title = f"# Air to ground, {hours[0]} to {hours[1]}"
        body = "\n\n".join([title, *said])
        made.append((f"air-{hours[0].replace(':', '-')}", _day(_time(part[0])), body))
    return made


def _write_turns(home: Home, turns: list[dict]) -> dict[str, str]:
    """The pages of a conversation; id of a turn -> path of its page."""
    where = {}
    for session in dict.fromkeys(turn["sess"] for turn in turns):
        rows = [turn for turn in turns if turn["sess"] == session]
        for number, start in enumerate(range(0, len(rows), TURNS)):
            part = rows[start : start + TURNS]
            name = f"{session}-{number:02d}"
            body = "\n\n".join(f"{turn['speaker']}: {turn['text']}" for turn in part)
            day = _day(instant(part[0]["date"]) / 1000)
            _write(home, name, day, {"type": "reference"}, body)
            where |= {turn["id"]: _path(name) for turn in part}
    return where


def _start(folder: str) -> Home:
    home = Home(folder)
    os.makedirs(home.path("knowledge"))
    os.makedirs(CACHE, exist_ok=True)
    os.symlink(CACHE, home.vectors)  # embedding takes minutes, and is the same every time
    return home


def _write(home: Home, name: str, day: date, fields: dict[str, Any], body: str) -> None:
    with open(home.path(_path(name)), "wb") as file:
        file.write(page_edit.compose({"date": day, "tier": "L2", **fields}, body))


def _path(name: str) -> str:
    return f"knowledge/{name}.md"


def _minute(at: str) -> int:
    hours, minutes = at.split(":")
    return int(hours) * 60 + int(minutes)


def _time(turn: dict) -> float:
    return datetime.fromisoformat(turn["timestamp"].replace("Z", "+00:00")).timestamp()


def _day(seconds: float) -> date:
    return datetime.fromtimestamp(seconds, timezone.utc).date()


def _read_lines(name: str) -> list[dict]:
    with open(os.path.join(HERE, "vault", name), encoding="utf-8") as file:
        return [json.loads(line) for line in file]
